"""Chat servers that refuse what others accept, and chat models that call tools in their own way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.engine.chat_server import STRICT, Answer, Judge, alternating, ask, call, delta, ordered_tools, system_first
from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, TextDelta, ToolCallDelta

TOOLS = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    for name in ("weather", "time")
]


# Strict templates ---------------------------------------------------------------------------------------------------
def strict(judge: Judge) -> Answer:
    """Return a server that answers 400 to messages that its template refuses."""

    async def said() -> AsyncIterator[dict[str, Any]]:
        yield delta(content="Yes.")

    def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]] | Response:
        problem = judge(body["messages"])
        return said() if problem is None else JSONResponse({"error": {"message": problem}}, 400)

    return answer


def message(role: str, text: str) -> dict[str, Any]:
    part = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": part, "text": text}]}


def called(call_id: str, name: str = "weather", arguments: str = '{"city": "Wanaka"}') -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, "status": "completed"}


def result(call_id: str, output: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "nothing said yet": [],
    "the agent has greeted": [message("assistant", "Hello.")],
    "a note after a stopped answer": [
        message("user", "Is it safe?"),
        message("assistant", "I promise"),
        message("system", "Your last answer was cut off. Answer again."),
    ],
    "a note in mid-conversation": [
        message("user", "Hi"),
        message("system", "Be brief."),
        message("assistant", "Hello."),
        message("user", "Bye"),
    ],
    "the caller speaks twice": [message("user", "Hi"), message("user", "Are you there?")],
    "the agent speaks twice": [message("user", "Hi"), message("assistant", "Well,"), message("assistant", "yes.")],
    "words before a call": [
        message("user", "Rain?"), message("assistant", "Let me see."), called("a"), result("a", "no"),
    ],
    "the caller speaks after a result": [
        message("user", "Rain?"), called("a"), result("a", "no"), message("user", "Hm"),
    ],
    "the caller speaks before the result": [message("user", "Rain?"), called("a"), message("user", "Quick")],
    "one id for every call": [
        message("user", "Rain?"), called("0"), result("0", "no"), message("assistant", "No."),
        message("user", "And the time?"), called("0", "time"), result("0", "noon"),
    ],
    "two calls at once with one id": [
        message("user", "Both"), called("0"), called("0", "time"), result("0", "no"), result("0", "noon"),
    ],
    "arguments that are no JSON": [message("user", "Rain?"), called("a", arguments="{city"), result("a", "no")],
    "a result without its call": [message("user", "Rain?"), result("lost", "no"), message("user", "Hello?")],
}  # fmt: skip


@pytest.mark.parametrize("judge", STRICT)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
async def test_a_strict_template_takes_every_conversation(judge: Judge, conversation: str) -> None:
    request = BrainRequest("m", instructions="Be kind.", items=CONVERSATIONS[conversation], tools=TOOLS)
    outputs, bodies = await ask(strict(judge), request)
    assert outputs == [TextDelta("Yes.")]
    sent = json.dumps(bodies[-1]["messages"], ensure_ascii=False)
    for item in request.items:
        for part in item.get("content", ()):
            assert part["text"] in sent  # nothing is lost


async def test_results_of_calls_with_one_id_stay_with_their_calls() -> None:
    for conversation in ("one id for every call", "two calls at once with one id"):
        _, bodies = await ask(strict(ordered_tools), BrainRequest("m", items=CONVERSATIONS[conversation]))
        messages = bodies[-1]["messages"]
        names = {one["id"]: one["function"]["name"] for message in messages for one in message.get("tool_calls") or ()}
        results = {names[one["tool_call_id"]]: one["content"] for one in messages if one["role"] == "tool"}
        assert results == {"weather": "no", "time": "noon"}


async def test_a_note_says_where_in_the_conversation_it_was_added() -> None:
    _, bodies = await ask(strict(system_first), BrainRequest("m", items=CONVERSATIONS["a note in mid-conversation"]))
    system = bodies[-1]["messages"][0]["content"]
    assert "- after the words of the caller “Hi”: Be brief." in system


async def test_the_latest_note_comes_last_if_the_model_shall_speak_again() -> None:
    items = CONVERSATIONS["a note after a stopped answer"]
    _, bodies = await ask(strict(alternating), BrainRequest("m", items=items))
    assert bodies[-1]["messages"][-1] == {
        "role": "user",
        "content": "(Not from the caller: Your last answer was cut off. Answer again.)",
    }


# Ids and arguments --------------------------------------------------------------------------------------------------
def whole(name: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **fields}


A, B = '{"city": "Wanaka"}', '{"city": "Bern"}'
PARALLEL: dict[str, list[dict[str, Any]]] = {
    "one id for all": [call(0, A, "weather", "0"), call(1, B, "weather", "0")],
    "no ids": [call(0, A, "weather"), call(1, B, "weather")],
    "one id and one index": [call(0, A, "weather", "0"), call(0, B, "weather", "0")],
    "one index, an id each": [call(0, A, "weather", "a"), call(0, B, "weather", "b")],
    "neither ids nor indexes": [delta(tool_calls=[whole("weather", A), whole("weather", B)])],
    "an id each, no indexes": [delta(tool_calls=[whole("weather", A, id="a"), whole("weather", B, id="b")])],
    "arguments as objects": [
        delta(tool_calls=[whole("weather", json.loads(A), index=0), whole("weather", json.loads(B), index=1)])
    ],
    "in pieces, one id for all": [
        call(0, "", "weather", "0"), call(0, A[:9]), call(1, "", "weather", "0"), call(0, A[9:]), call(1, B),
    ],
    "name and id in every piece": [
        call(0, A[:9], "weather", "0"), call(0, A[9:], "weather", "0"), call(1, B[:9], "weather", "1"),
        call(1, B[9:], "weather", "1"),
    ],
    "in the text": [
        delta(content=f'<tool_call>\n{{"name": "weather", "arguments": {one}}}\n</tool_call>') for one in (A, B)
    ],
    "in the text, as a list": [
        delta(content=f'<tool_call>[{{"name": "weather", "arguments": {A}}}, {{"name": "weather", "arguments": {B}}}]')
    ],
}  # fmt: skip


def streaming(chunks: list[dict[str, Any]]) -> Answer:
    async def answer(_body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        for chunk in chunks:
            yield chunk

    return answer


def calls_in(outputs: list[BrainOutput]) -> dict[str, tuple[str, Any]]:
    """Return the name and the arguments of each call, joined by its id."""
    found: dict[str, tuple[str, str]] = {}
    for one in outputs:
        if isinstance(one, ToolCallDelta):
            found[one.tool_call_id] = (one.name, found.get(one.tool_call_id, ("", ""))[1] + one.arguments)
    return {call_id: (name, json.loads(arguments)) for call_id, (name, arguments) in found.items()}


@pytest.mark.parametrize("kind", PARALLEL)
async def test_two_calls_at_once_never_merge(kind: str) -> None:
    outputs, _ = await ask(streaming(PARALLEL[kind]), BrainRequest("m", tools=TOOLS))
    assert list(calls_in(outputs).values()) == [("weather", {"city": "Wanaka"}), ("weather", {"city": "Bern"})]
    assert not [one for one in outputs if isinstance(one, TextDelta)]


async def test_later_calls_have_other_ids_whatever_the_server_says() -> None:
    answers = [(await ask(streaming([call(0, A, "weather", "call_0")])))[0] for _ in range(2)]
    first, second = (set(calls_in(outputs)) for outputs in answers)
    assert len(first) == len(second) == 1
    assert first != second


# Calls in the text --------------------------------------------------------------------------------------------------
WRITTEN = 'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>\n'


@pytest.mark.parametrize("size", [1, 2, 7, 200])
async def test_a_call_in_the_text_is_a_call_after_the_words_before_it(size: int) -> None:
    pieces = [delta(content=WRITTEN[start : start + size]) for start in range(0, len(WRITTEN), size)]
    outputs, _ = await ask(streaming(pieces), BrainRequest("m", tools=TOOLS))
    assert "".join(one.text for one in outputs if isinstance(one, TextDelta)) == "Let me see."
    assert list(calls_in(outputs).values()) == [("weather", {"city": "Bern"})]
    assert isinstance(outputs[-1], ToolCallDelta)


async def test_the_closing_tag_may_be_missing() -> None:
    outputs, _ = await ask(streaming([delta(content=WRITTEN.partition("</")[0])]), BrainRequest("m", tools=TOOLS))
    assert list(calls_in(outputs).values()) == [("weather", {"city": "Bern"})]


@pytest.mark.parametrize("request_", [BrainRequest("m"), BrainRequest("m", tools=TOOLS, tool_choice="none")])
async def test_without_tools_the_tag_is_text(request_: BrainRequest) -> None:
    outputs, _ = await ask(streaming([delta(content=WRITTEN)]), request_)
    assert outputs == [TextDelta(WRITTEN)]


@pytest.mark.parametrize("broken", ["<tool_call>{name", "<tool_call>weather</tool_call>", "<tool_call>{}</tool_call>"])
async def test_a_broken_call_is_never_said(broken: str) -> None:
    with pytest.raises(BrainError, match="not valid JSON"):
        await ask(streaming([delta(content=broken)]), BrainRequest("m", tools=TOOLS))


async def test_less_than_signs_are_text() -> None:
    outputs, _ = await ask(
        streaming([delta(content="1 < 2 <tool"), delta(content="s> ")]), BrainRequest("m", tools=TOOLS)
    )
    assert "".join(one.text for one in outputs if isinstance(one, TextDelta)) == "1 < 2 <tools>"


# Loopback and proxies -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_chat_model_on_this_machine_is_not_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    outputs, _ = await ask(streaming([delta(content="Yes.")]))
    assert outputs == [TextDelta("Yes.")]
