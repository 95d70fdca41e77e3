"""Support of the GA protocol's events: the engine's behaviour for each event, or the reason for its absence.

`docs/engine.md` contains these tables. Tests compare them with the official types, with the events that the session
accepts, and with the events that it sends.
"""

from __future__ import annotations

from collections.abc import Mapping

CLIENT_EVENTS: Mapping[str, str] = {
    "session.update": "Changes the given fields only; `null` clears. Refuses unknown voices, options, tool names and "
    "lengths as the services do. The voice cannot change after the first audio; `model` has no effect.",
    "input_audio_buffer.append": "`audio/pcm` at 24 kHz, `audio/pcmu` or `audio/pcma`. The received "
    "audio is the clock for turns, not the time of day.",
    "input_audio_buffer.commit": "Needs at least 100 ms of audio. Does not start a response.",
    "input_audio_buffer.clear": "Drops the audio and the current turn.",
    "output_audio_buffer.clear": "For WebRTC only. A WebSocket client gets an error, because the audio is on its side.",
    "conversation.item.create": "Accepts messages (text, audio, images), function calls and their outputs, "
    "at any position: `previous_item_id`, also `root`.",
    "conversation.item.retrieve": "Returns the item with its audio.",
    "conversation.item.truncate": "Cuts the audio, and the transcript at the current word.",
    "conversation.item.delete": "Deletes any item.",
    "response.create": 'Accepts all overrides, `conversation: "none"`, `input` and `metadata`.',
    "response.cancel": "Cancels the response in the conversation, or the one of `response_id`.",
}
"""Behaviour for each client event."""

SERVER_EVENTS: Mapping[str, str] = {
    "session.created": "The first event, also on a sideband.",
    "session.updated": "The whole session after an update.",
    "conversation.created": "The second event.",
    "conversation.item.added": "The item has its position. The item of an answer is added when it starts.",
    "conversation.item.done": "The item is complete.",
    "conversation.item.retrieved": "",
    "conversation.item.truncated": "Over WebRTC also after an interruption by the caller.",
    "conversation.item.deleted": "",
    "conversation.item.input_audio_transcription.delta": "The transcript of a turn, if transcription is on.",
    "conversation.item.input_audio_transcription.completed": "Has the turn's duration as usage.",
    "conversation.item.input_audio_transcription.failed": "The recognition failed, and the turn has no transcript.",
    "input_audio_buffer.speech_started": "Has the position in all received audio.",
    "input_audio_buffer.speech_stopped": "",
    "input_audio_buffer.committed": "",
    "input_audio_buffer.cleared": "",
    "input_audio_buffer.timeout_triggered": "For `server_vad` with `idle_timeout_ms`.",
    "output_audio_buffer.started": "Over WebRTC.",
    "output_audio_buffer.stopped": "Over WebRTC.",
    "output_audio_buffer.cleared": "Over WebRTC.",
    "response.created": "",
    "response.done": "One for each `created`, with usage: `completed`, `cancelled`, `incomplete` or `failed`.",
    "response.output_item.added": "",
    "response.output_item.done": "",
    "response.content_part.added": "",
    "response.content_part.done": "",
    "response.output_text.delta": "",
    "response.output_text.done": "",
    "response.output_audio_transcript.delta": "Word by word, in step with the audio.",
    "response.output_audio_transcript.done": "",
    "response.output_audio.delta": "Over a WebSocket, as soon as it exists; in pieces of up to 1 s from 2 s "
    "ahead of the playout. WebRTC has a media track instead.",
    "response.output_audio.done": "",
    "response.function_call_arguments.delta": "",
    "response.function_call_arguments.done": "",
    "rate_limits.updated": "After each `response.created`, with round figures. The engine has no rate limits.",
    "error": "Has the `event_id` of the client event that caused it. The session continues.",
}
"""Occasion of each server event, or an empty text if the name explains it."""

_MCP = "The services call MCP servers themselves. The engine rejects tools of the type `mcp`."

NOT_SENT: Mapping[str, str] = {
    "conversation.item.created": "The preview's name for `conversation.item.added`. Preview clients get it.",
    "conversation.item.input_audio_transcription.segment": "Exists only for models that distinguish speakers.",
    "input_audio_buffer.dtmf_event_received": "Exists only for SIP calls: telephone keys.",
    "mcp_list_tools.in_progress": _MCP,
    "mcp_list_tools.completed": _MCP,
    "mcp_list_tools.failed": _MCP,
    "response.mcp_call_arguments.delta": _MCP,
    "response.mcp_call_arguments.done": _MCP,
    "response.mcp_call.in_progress": _MCP,
    "response.mcp_call.completed": _MCP,
    "response.mcp_call.failed": _MCP,
}
"""Reason for the absence of each other server event."""
