"""Which events of the GA protocol the engine has, one by one: what it does with them, or why it has them not.

`docs/engine.md` is made from these lists. A test holds them against the official types, against what the session's
machine takes, and against what it really sends.
"""

from __future__ import annotations

from collections.abc import Mapping

CLIENT_EVENTS: Mapping[str, str] = {
    "session.update": "Only the fields present change; `null` clears. The voice is fixed once it has been heard.",
    "input_audio_buffer.append": "`audio/pcm` at 24 kHz, `audio/pcmu` or `audio/pcma`. Turns are "
    "clocked by the sound received, never by the wall clock.",
    "input_audio_buffer.commit": "At least 100 ms of sound; asks for no response by itself.",
    "input_audio_buffer.clear": "Forgets the sound and the turn under way.",
    "output_audio_buffer.clear": "Over WebRTC; a WebSocket client holds the sound itself and gets an error.",
    "conversation.item.create": "Messages (text, sound, pictures), function calls and their outputs, anywhere in the "
    "conversation by `previous_item_id`, also `root`.",
    "conversation.item.retrieve": "With the item's sound.",
    "conversation.item.truncate": "Cuts sound and transcript at the word that was being said.",
    "conversation.item.delete": "Whatever it is.",
    "response.create": 'With all overrides, `conversation: "none"`, `input` of its own and `metadata`.',
    "response.cancel": "The one in the conversation, or any by `response_id`.",
}
"""What the engine does with each event of a client."""

SERVER_EVENTS: Mapping[str, str] = {
    "session.created": "First of all, and first on a sideband.",
    "session.updated": "The whole session after an update.",
    "conversation.created": "Second of all.",
    "conversation.item.added": "An item has got its place; of an answer, when it begins.",
    "conversation.item.done": "It is complete.",
    "conversation.item.retrieved": "",
    "conversation.item.truncated": "Also by itself, over WebRTC, when the caller cuts in.",
    "conversation.item.deleted": "",
    "conversation.item.input_audio_transcription.delta": "The words of a turn, where a transcription is asked for.",
    "conversation.item.input_audio_transcription.completed": "With its duration as usage.",
    "conversation.item.input_audio_transcription.failed": "The recogniser gave up; the turn stays without words.",
    "input_audio_buffer.speech_started": "With the place in all the sound received.",
    "input_audio_buffer.speech_stopped": "",
    "input_audio_buffer.committed": "",
    "input_audio_buffer.cleared": "",
    "input_audio_buffer.timeout_triggered": "`server_vad` with `idle_timeout_ms`.",
    "output_audio_buffer.started": "Over WebRTC.",
    "output_audio_buffer.stopped": "Over WebRTC.",
    "output_audio_buffer.cleared": "Over WebRTC.",
    "response.created": "",
    "response.done": "Exactly one for each `created`: `completed`, `cancelled`, `incomplete` or `failed`, with usage.",
    "response.output_item.added": "",
    "response.output_item.done": "",
    "response.content_part.added": "",
    "response.content_part.done": "",
    "response.output_text.delta": "",
    "response.output_text.done": "",
    "response.output_audio_transcript.delta": "In step with the sound, word by word.",
    "response.output_audio_transcript.done": "",
    "response.output_audio.delta": "Over a WebSocket, as fast as it is made; over WebRTC sound is sound.",
    "response.output_audio.done": "",
    "response.function_call_arguments.delta": "",
    "response.function_call_arguments.done": "",
    "rate_limits.updated": "After each `response.created`. There are no limits; the figures are round and large.",
    "error": "With the `event_id` of the event that caused it. The session lives on.",
}
"""When the engine sends each event that it has. Empty where the name says it."""

_MCP = "MCP servers are called by the services' own machines. The engine refuses tools of the type `mcp`."

NOT_SENT: Mapping[str, str] = {
    "conversation.item.created": "The preview's name of `conversation.item.added`; clients of the preview get it.",
    "conversation.item.input_audio_transcription.segment": "Only of models that tell speakers apart.",
    "input_audio_buffer.dtmf_event_received": "Keys of a telephone: only of calls by SIP.",
    "mcp_list_tools.in_progress": _MCP,
    "mcp_list_tools.completed": _MCP,
    "mcp_list_tools.failed": _MCP,
    "response.mcp_call_arguments.delta": _MCP,
    "response.mcp_call_arguments.done": _MCP,
    "response.mcp_call.in_progress": _MCP,
    "response.mcp_call.completed": _MCP,
    "response.mcp_call.failed": _MCP,
}
"""Why the engine never sends the others."""
