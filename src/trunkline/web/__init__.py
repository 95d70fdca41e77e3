"""Web server: an ASGI app with the HTTP interface and the console."""

from trunkline.web.app import create_app, lifespan

__all__ = ["create_app", "lifespan"]
