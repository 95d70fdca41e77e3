"""What goes wrong in authoring."""

from __future__ import annotations


class AuthoringError(Exception):
    """Something that the author can put right. The message says how."""
