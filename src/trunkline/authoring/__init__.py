"""Help for writing scenarios: a first one to change (`new`), and voice prompts drafted by a text model (`prompt`)."""

from trunkline.authoring.errors import AuthoringError

__all__ = ["AuthoringError"]
