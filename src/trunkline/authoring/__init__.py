"""Tools for authors: a first scenario (`new`), and voice prompts drafted by a text model (`prompt`)."""

from trunkline.authoring.errors import AuthoringError

__all__ = ["AuthoringError"]
