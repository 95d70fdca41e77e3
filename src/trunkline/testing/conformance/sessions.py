"""Conformance checks of sessions and of errors."""

from __future__ import annotations

from trunkline.testing.conformance.client import ConformanceClient, require


async def session_created(client: ConformanceClient) -> None:
    """Require session.created as the first event, with a session of type realtime that has an id."""
    await client.expect("session.created")
    first = client.events[0]
    require(first["type"] == "session.created", f"the first event is {first['type']}")
    session = first.get("session") or {}
    require(session.get("type") == "realtime", f"its session is of type {session.get('type')!r}")
    require(isinstance(session.get("id"), str) and session["id"], "its session has no id")


async def session_updated(client: ConformanceClient) -> None:
    """Require session.updated as the answer to session.update, with only the sent fields changed."""
    await client.configure(instructions="Be brief.", output_modalities=["text"])
    session = await client.configure(instructions="Be kind.")
    require(session.get("instructions") == "Be kind.", f"the instructions are {session.get('instructions')!r}")
    modalities = session.get("output_modalities")
    require(modalities == ["text"], f"output_modalities, which were not sent, have become {modalities!r}")


async def errors_echo_event_id(client: ConformanceClient) -> None:
    """Require an error with a message and the event_id of the faulty event; the session must continue."""
    sent = await client.send("no.such.event")
    error = (await client.expect("error")).get("error") or {}
    require(error.get("event_id") == sent, f"its event_id is {error.get('event_id')!r}; it was {sent!r} that caused it")
    require(isinstance(error.get("message"), str) and error["message"], "it has no message")
    require(isinstance(error.get("type"), str), "it has no type")
    await client.configure(instructions="Still here?")


async def bad_settings_change_nothing(client: ConformanceClient) -> None:
    """Require that a session.update with an invalid value is refused as a whole."""
    await client.configure(instructions="Be brief.")
    sent = await client.send(
        "session.update", session={"type": "realtime", "instructions": "Be loud.", "output_modalities": ["smell"]}
    )
    error = (await client.expect("error")).get("error") or {}
    require(error.get("event_id") == sent, "the error does not name the update")
    session = await client.configure(tool_choice="auto")
    require(session.get("instructions") == "Be brief.", "a part of the refused update was applied")


async def malformed_frames(client: ConformanceClient) -> None:
    """Require an error for a frame that is not JSON; the session must continue."""
    await client.expect("session.created")
    await client.send_raw('{"type": "session.update", ')
    await client.expect("error")
    await client.configure(instructions="Still here?")


CHECKS = {
    "session-created": session_created,
    "session-updated": session_updated,
    "errors-echo-event-id": errors_echo_event_id,
    "bad-settings-change-nothing": bad_settings_change_nothing,
    "malformed-frames": malformed_frames,
}
