"""Trunkline: multi-agent realtime voice calls.

    from agents.realtime import RealtimeAgent
    from trunkline import Scenario

    scenario = Scenario("hello", agents=[RealtimeAgent(name="host", instructions="Say hello.")])

Importing this is quick: neither the Agents SDK nor a server is imported before it is needed.
"""

from trunkline.scenario import *  # noqa: F403 - the authoring names are the public API
from trunkline.scenario import __all__ as _authoring

__version__ = "0.1.0"

__all__ = [*_authoring, "__version__"]
