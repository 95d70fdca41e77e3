"""The built-in scenarios, in the order in which they are offered. They use only what a user may use."""

from trunkline.scenarios.simple_handoff import simple_handoff

__all__ = ["simple_handoff"]
