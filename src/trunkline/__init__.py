"""Trunkline: multi-agent realtime voice calls.

    from agents.realtime import RealtimeAgent
    from trunkline import Scenario

    scenario = Scenario("hello", agents=[RealtimeAgent(name="host", instructions="Say hello.")])

Importing this is quick: the names of the authoring API are imported when they are first used, and neither the Agents
SDK nor a server is imported before it is needed.
"""

import importlib
import sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from trunkline.scenario import *  # noqa: F403 - the authoring names are the public API
    from trunkline.scenario import __all__ as _authoring

    __all__ = [*_authoring, "__version__"]
else:

    def __getattr__(name: str) -> object:
        scenario = importlib.import_module("trunkline.scenario")  # `from trunkline import` would call this again

        if name == "__all__":
            return [*scenario.__all__, "__version__"]
        if name not in scenario.__all__:
            raise AttributeError(f"module 'trunkline' has no attribute {name!r}", name=name, obj=sys.modules[__name__])
        value = globals()[name] = getattr(scenario, name)
        return value

    def __dir__() -> list[str]:
        scenario = importlib.import_module("trunkline.scenario")

        return sorted({*globals(), *scenario.__all__})
