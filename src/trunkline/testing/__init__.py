"""A kit for testing voice agents: a test is written like a conversation. See docs/testing.md.

async def test_hands_over(voice_call):
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.testing.call_factory import CallFactory, typed_call
    from trunkline.testing.channel_impairment import ChannelImpairment
    from trunkline.testing.conformance import ConformanceReport, check_realtime_server
    from trunkline.testing.failures import VoiceFailure
    from trunkline.testing.llm_judge import ChatEndpoint, TextModel, Verdict
    from trunkline.testing.matchers import ANY, containing, matching
    from trunkline.testing.plugin import VoiceCalls
    from trunkline.testing.tool_mocks import NotRecordedError, ToolAnswer
    from trunkline.testing.turn import Turn
    from trunkline.testing.virtual_time import VirtualTimeLoop, run_in_virtual_time
    from trunkline.testing.voice_call import VoiceCall

_MODULES = {
    "ANY": "matchers", "CallFactory": "call_factory", "ChannelImpairment": "channel_impairment",
    "ChatEndpoint": "llm_judge", "ConformanceReport": "conformance", "NotRecordedError": "tool_mocks",
    "TextModel": "llm_judge", "ToolAnswer": "tool_mocks", "Turn": "turn", "Verdict": "llm_judge",
    "VirtualTimeLoop": "virtual_time", "VoiceCall": "voice_call", "VoiceCalls": "plugin", "VoiceFailure": "failures",
    "check_realtime_server": "conformance", "containing": "matchers", "matching": "matchers",
    "run_in_virtual_time": "virtual_time", "typed_call": "call_factory",
}  # fmt: skip


def __getattr__(name: str) -> object:
    # Loaded on first use: pytest imports this package in every run, also without tests of conversations.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"trunkline.testing.{_MODULES[name]}"), name)


__all__ = [
    "ANY", "CallFactory", "ChannelImpairment", "ChatEndpoint", "ConformanceReport", "NotRecordedError", "TextModel",
    "ToolAnswer", "Turn", "Verdict", "VirtualTimeLoop", "VoiceCall", "VoiceCalls", "VoiceFailure",
    "check_realtime_server", "containing", "matching", "run_in_virtual_time", "typed_call",
]  # fmt: skip
