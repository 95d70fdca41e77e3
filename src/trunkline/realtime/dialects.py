"""Translation between GA and preview, the two dialects of the Realtime protocol.

The preview is the older one: its sessions are flat, audio formats are plain names, and some events and content parts
have other names. The functions are pure, and translate events of clients and of servers in both directions. Fields
that the other dialect lacks are left out. Fields unknown in both dialects, and malformed values, stay as they arrived,
so that the receiver can refuse them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from trunkline.realtime.events import Event, Item

Fields = dict[str, Any]

DEFAULT_TEMPERATURE = 0.8
"""The preview's default sampling temperature; GA has no temperature."""

_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_FORMAT_NAMES = {ga: preview for preview, ga in _FORMATS.items()}
_PARTS = {"text": "output_text", "audio": "output_audio"}
_PART_NAMES = {ga: preview for preview, ga in _PARTS.items()}
_EVENTS = {
    f"response.{preview}.{end}": f"response.{ga}.{end}"
    for preview, ga in (
        ("audio", "output_audio"),
        ("audio_transcript", "output_audio_transcript"),
        ("text", "output_text"),
    )
    for end in ("delta", "done")
}
_EVENT_NAMES = {ga: preview for preview, ga in _EVENTS.items()}
_NO_PREVIEW = ("mcp_list_tools.", "response.mcp_call")
_NO_PREVIEW_EVENTS = {
    "conversation.item.done",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.dtmf_event_received",
    "input_audio_buffer.timeout_triggered",
}
_NO_PREVIEW_SESSION = {"type", "truncation", "prompt", "include", "parallel_tool_calls", "reasoning"}
_PREVIEW_ITEMS = {"message", "function_call", "function_call_output", "item_reference"}

# ---------------------------------------------------------------------- sessions

# The flat name, and its path in GA.
_PATHS_IN_GA: dict[str, tuple[str, ...]] = {
    "modalities": ("output_modalities",),
    "max_response_output_tokens": ("max_output_tokens",),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "output_audio_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
}
# Fields of options that only GA has.
_GA_ONLY_FIELDS = {
    "input_audio_transcription": {"languages", "keywords", "delay"},
    "input_audio_noise_reduction": {"strength"},
    "turn_detection": {"idle_timeout_ms"},
}
_NO_TURN_DETECTION = {"type": "none"}
"""Push-to-talk, as Microsoft's clients for the preview write it. GA has only null."""
_RESPONSE_FIELDS = {"create_response", "interrupt_response"}
_TRANSCRIPTION_EVENTS = {
    "session.created": "transcription_session.created",
    "session.updated": "transcription_session.updated",
}


def session_to_ga(session: Fields) -> Fields:
    """Translate a preview session, or the part of it in an update, to GA."""
    given = {name: value for name, value in session.items() if name not in ("temperature", "client_secret")}
    return {"type": "realtime", **_nested(given)}


def session_to_preview(session: Fields, temperature: float | None = None) -> Fields:
    """Translate a GA session, or a part of it, to the preview. Add a temperature if one is given."""
    known = {name: value for name, value in session.items() if name not in _NO_PREVIEW_SESSION}
    flat = _flattened(known)
    for name, unknown in _GA_ONLY_FIELDS.items():
        if isinstance(flat.get(name), dict):
            flat[name] = _without(flat[name], unknown)
    return flat if temperature is None else {**flat, "temperature": temperature}


def transcription_session_to_ga(session: Fields) -> Fields:
    """Translate a preview transcription session, or a part of it, to GA."""
    given = {name: value for name, value in session.items() if name not in ("modalities", "client_secret")}
    return {**_nested(given), "type": "transcription"}


def transcription_session_to_preview(session: Fields) -> Fields:
    """Translate a GA transcription session, or a part of it, to the preview."""
    flat = session_to_preview(session)
    if isinstance(flat.get("turn_detection"), dict):
        flat["turn_detection"] = _without(flat["turn_detection"], _RESPONSE_FIELDS)
    return {**flat, "include": session["include"]} if "include" in session else flat


def _nested(flat: Fields) -> Fields:
    nested: Fields = {name: value for name, value in flat.items() if name not in _PATHS_IN_GA}
    for name, path in _PATHS_IN_GA.items():
        if name in flat:
            _put(nested, path, _value_to_ga(name, flat[name]))
    if "tool_choice" in nested:
        nested["tool_choice"] = _tool_choice_to_ga(nested["tool_choice"])
    return nested


def _flattened(nested: Fields) -> Fields:
    flat = {
        name: value for name, value in nested.items() if name not in ("output_modalities", "max_output_tokens", "audio")
    }
    for name, path in _PATHS_IN_GA.items():
        found, value = _get(nested, path)
        if found:
            flat[name] = _value_to_preview(name, value)
    if "audio" in nested and not isinstance(nested["audio"], dict):
        flat["audio"] = nested["audio"]
    if "tool_choice" in flat:
        flat["tool_choice"] = _tool_choice_to_preview(flat["tool_choice"])
    return flat


def _put(fields: Fields, path: tuple[str, ...], value: object) -> None:
    *parents, name = path
    for parent in parents:
        if not isinstance(fields.get(parent), dict):
            fields[parent] = {}
        fields[parent] = dict(fields[parent])
        fields = fields[parent]
    fields[name] = value


def _get(fields: object, path: tuple[str, ...]) -> tuple[bool, object]:
    for name in path:
        if not isinstance(fields, dict) or name not in fields:
            return False, None
        fields = fields[name]
    return True, fields


def _value_to_ga(name: str, value: object) -> object:
    if name.endswith("_audio_format") and isinstance(value, str):
        known = _FORMATS.get(value, value)
        return {"type": known, "rate": 24000} if known == "audio/pcm" else {"type": known}
    if name == "turn_detection" and value == _NO_TURN_DETECTION:
        return None
    if name == "modalities" and isinstance(value, list):
        return ["audio"] if value in (["audio", "text"], ["text", "audio"]) else value
    return value


def _value_to_preview(name: str, value: object) -> object:
    if name.endswith("_audio_format") and isinstance(value, dict) and isinstance(value.get("type"), str):
        return _FORMAT_NAMES.get(value["type"], value["type"])
    if name == "modalities" and value == ["audio"]:
        return ["audio", "text"]
    if name == "voice" and isinstance(value, dict):
        return value.get("id")
    return value


def _tool_choice_to_ga(choice: object) -> object:
    """Translate a tool choice. The preview's types name a function by its name alone; clients also send GA's object."""
    if isinstance(choice, str) and choice not in ("auto", "none", "required"):
        return {"type": "function", "name": choice}
    return choice


def _tool_choice_to_preview(choice: object) -> object:
    return choice.get("name") or "auto" if isinstance(choice, dict) else choice


# ---------------------------------------------------------------------- items and responses


def item_to_ga(item: Item) -> Item:
    """Translate a preview item to GA."""
    return _with_parts(item, lambda part: _renamed(part, _PARTS))


def item_to_preview(item: Item) -> Item:
    """Translate a GA item to the preview, without images."""
    return _with_parts(item, lambda part: None if part.get("type") == "input_image" else _renamed(part, _PART_NAMES))


def _with_parts(item: Item, translated: Callable[[Fields], Fields | None]) -> Item:
    if not isinstance(item.get("content"), list):
        return item
    parts = [translated(part) if isinstance(part, dict) else part for part in item["content"]]
    return {**item, "content": [part for part in parts if part is not None]}


def _renamed(part: Fields, names: Mapping[str, str]) -> Fields:
    kind = part.get("type")
    return {**part, "type": names[kind]} if isinstance(kind, str) and kind in names else part


def response_to_ga(response: Fields) -> Fields:
    """Translate a preview response, or a client's response options, to GA."""
    given = {name: value for name, value in response.items() if name != "temperature"}
    return _with_items(_nested(given), item_to_ga)


def response_to_preview(response: Fields, temperature: float | None = None) -> Fields:
    """Translate a GA response to the preview. Add a temperature if one is given."""
    flat = _with_items(_flattened(_without(response, _NO_PREVIEW_SESSION)), item_to_preview)
    if "max_response_output_tokens" in flat and flat.get("object") == "realtime.response":
        flat["max_output_tokens"] = flat.pop("max_response_output_tokens")
    if isinstance(flat.get("usage"), dict):
        flat["usage"] = _usage_to_preview(flat["usage"])
    return flat if temperature is None else {**flat, "temperature": temperature}


def _with_items(response: Fields, translated: Callable[[Item], Item]) -> Fields:
    lists = {name: response[name] for name in ("input", "output") if isinstance(response.get(name), list)}
    return {**response, **{name: _each(translated, items) for name, items in lists.items()}}


def _each(translated: Callable[[Item], Item], items: list[object]) -> list[object]:
    return [translated(item) if isinstance(item, dict) else item for item in items]


def _usage_to_preview(usage: Fields) -> Fields:
    details = usage.get("input_token_details")
    if not isinstance(details, dict):
        return usage
    return {**usage, "input_token_details": _without(details, {"image_tokens", "cached_tokens_details"})}


def _without(fields: Fields, names: set[str]) -> Fields:
    return {name: value for name, value in fields.items() if name not in names}


# ---------------------------------------------------------------------- events


def client_event_to_ga(event: Event) -> Event:
    """Translate an event of a preview client to GA."""
    if event.get("type") == "transcription_session.update":
        return {**_within(event, session=transcription_session_to_ga), "type": "session.update"}
    return _within(event, session=session_to_ga, item=item_to_ga, response=response_to_ga)


def client_event_to_preview(event: Event) -> Event:
    """Translate an event of a GA client to the preview."""
    if event.get("type") == "session.update" and _transcribes(event):
        return {**_within(event, session=transcription_session_to_preview), "type": "transcription_session.update"}
    return _within(event, session=session_to_preview, item=item_to_preview, response=response_to_preview)


def server_event_to_ga(event: Event) -> tuple[Event, ...]:
    """Translate an event of a preview server to GA.

    A created item that is complete becomes two events, `added` and `done`. An item in progress becomes `added` alone,
    since `response.output_item.done` follows.
    """
    kind = event["type"]
    if kind in _TRANSCRIPTION_EVENTS.values():
        known = {name: ga for ga, name in _TRANSCRIPTION_EVENTS.items()}
        return ({**_within(event, session=transcription_session_to_ga), "type": known[kind]},)
    translated = _within(event, session=session_to_ga, item=item_to_ga, response=response_to_ga, error=error_to_ga)
    if kind != "conversation.item.created":
        return ({**translated, "type": _EVENTS.get(kind, kind)},)
    added = {**translated, "type": "conversation.item.added"}
    if not isinstance(translated.get("item"), dict) or translated["item"].get("status") == "in_progress":
        return (added,)
    return (added, {**translated, "type": "conversation.item.done", "event_id": f"{event.get('event_id')}_done"})


def server_event_to_preview(event: Event, temperature: float = DEFAULT_TEMPERATURE) -> Event | None:
    """Translate an event of a GA server to the preview. Return None for an event that the preview lacks."""
    kind = event["type"]
    if kind in _NO_PREVIEW_EVENTS or kind.startswith(_NO_PREVIEW):
        return None
    if kind in _TRANSCRIPTION_EVENTS and _transcribes(event):
        return {**_within(event, session=transcription_session_to_preview), "type": _TRANSCRIPTION_EVENTS[kind]}
    item = event.get("item")
    if isinstance(item, dict) and item.get("type") not in _PREVIEW_ITEMS:
        return None
    translated = _within(
        event,
        session=lambda session: session_to_preview(session, temperature),
        item=item_to_preview,
        response=lambda response: response_to_preview(response, temperature),
        error=error_to_preview,
    )
    if kind == "conversation.item.added":
        return {**translated, "type": "conversation.item.created"}
    if kind == "conversation.item.input_audio_transcription.completed":
        return _without(translated, {"languages"})
    return {**translated, "type": _EVENT_NAMES.get(kind, kind)}


def _transcribes(event: Event) -> bool:
    """Return whether the event is about a transcription session."""
    session = event.get("session")
    return isinstance(session, dict) and session.get("type") == "transcription"


def _within(event: Event, **translated: Callable[[Fields], Fields]) -> Event:
    changed = {
        name: translate(event[name]) for name, translate in translated.items() if isinstance(event.get(name), dict)
    }
    return {**event, **changed}


# ---------------------------------------------------------------------- errors

_PATHS = {
    f"{parent}.{'.'.join(path)}": f"{parent}.{name}"
    for parent in ("session", "response")
    for name, path in _PATHS_IN_GA.items()
}
_PATH_NAMES = {preview: ga for ga, preview in _PATHS.items()}
_QUOTED = {f"'{ga}'": f"'{preview}'" for names in (_FORMAT_NAMES, _PART_NAMES) for ga, preview in names.items()}
_QUOTED["['audio']"] = "['audio', 'text']"
_QUOTED_NAMES = {preview: ga for ga, preview in _QUOTED.items()}


def error_to_preview(error: Fields) -> Fields:
    """Translate an error, so that it has the preview's names: `session.voice`, not `session.audio.output.voice`."""
    return _reworded(error, _PATHS, _QUOTED, lambda text: text.replace("_format.type", "_format"))


def error_to_ga(error: Fields) -> Fields:
    """Translate an error, so that it has GA's names."""
    return _reworded(error, _PATH_NAMES, _QUOTED_NAMES, lambda text: text)


def _reworded(error: Fields, paths: Mapping[str, str], quoted: Mapping[str, str], last: Callable[[str], str]) -> Fields:
    path = re.compile("|".join(rf"\b{re.escape(one)}\b" for one in sorted(paths, key=len, reverse=True)))
    word = re.compile("|".join(map(re.escape, sorted(quoted, key=len, reverse=True))))
    reworded = dict(error)
    for name in ("param", "message"):
        if isinstance(text := error.get(name), str):
            text = path.sub(lambda match: paths[match.group()], text)
            if name == "message":
                text = word.sub(lambda match: quoted[match.group()], text)
            reworded[name] = last(text)
    return reworded
