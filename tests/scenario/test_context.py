"""`CallContext`: a tool's view of its call."""

from __future__ import annotations

from trunkline import CallContext, HistoryMessage, stub_tool


def test_outside_a_call_history_is_empty_and_notes_are_dropped() -> None:
    context: CallContext[None] = CallContext(call_id="call_1", scenario="x", state=None)
    context.breadcrumb("seen by nobody")
    assert list(context.history) == []


def test_history_is_asked_for_each_time() -> None:
    said: list[HistoryMessage] = []
    context: CallContext[None] = CallContext("call_1", "x", None, _history=lambda: said)
    said.append(HistoryMessage("user", "hello"))
    assert list(context.history) == [HistoryMessage("user", "hello")]


def test_state_is_the_scenarios_own_and_may_be_changed() -> None:
    context: CallContext[dict[str, int]] = CallContext("call_1", "x", {"orders": 0})
    context.state["orders"] += 1
    assert context.state == {"orders": 1}


def test_notes_go_to_the_call() -> None:
    notes: list[tuple[str, object]] = []
    context: CallContext[None] = CallContext("call_1", "x", None, _note=lambda title, data: notes.append((title, data)))
    context.breadcrumb("order found", {"id": 7})
    context.breadcrumb("nothing more")
    assert notes == [("order found", {"id": 7}), ("nothing more", None)]


def test_a_stub_tool_has_the_schema_it_was_given() -> None:
    schema = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
    tool = stub_tool("book", schema, "Books a day.")
    assert (tool.name, tool.description, tool.params_json_schema) == ("book", "Books a day.", schema)
