"""The error of authoring commands."""

from __future__ import annotations


class AuthoringError(Exception):
    """A problem that the author can fix. The message names the problem and the fix."""
