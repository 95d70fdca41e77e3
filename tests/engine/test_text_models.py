"""Text models over real sockets: the official client asks, and rehearsals or a chat endpoint answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Literal

import httpx2 as httpx
import openai
import pytest
from agents.realtime import RealtimeAgent
from openai import AsyncAzureOpenAI, AsyncOpenAI
from pydantic import BaseModel
from starlette.responses import JSONResponse

from tests.engine.chat_server import Answer, delta, endpoint
from tests.engine.chat_server import call as called
from tests.engine.official_text_answers import check_chunk, check_completion, check_response, check_response_event
from tests.engine.test_real_client import KEY, running
from trunkline import Question, Rehearsal, Scenario
from trunkline.engine.abilities import EngineAbilities
from trunkline.engine.chat_models import ChatModels
from trunkline.engine.default import local_engine, text_model_factory
from trunkline.providers.local_engine import LocalEngineProvider
from trunkline.scenario.moves import call_tool
from trunkline.scenario.rehearsal import RehearsalError
from trunkline.scenario.text_answers import answer
from trunkline.scenario.text_model import TextModelNames, TextPrompt
from trunkline.settings import Settings

rehearsal = Rehearsal()
ACCOUNTS = {"(206) 555-0100": {"balance": 42.17}}


class Verdict(BaseModel):
    category: Literal["OFFENSIVE", "NONE"]
    rationale: str


@rehearsal.answers("moderation")
async def moderation(question: Question) -> dict[str, Any]:
    rude = "idiot" in question.text
    return {"category": "OFFENSIVE" if rude else "NONE", "rationale": "It insults." if rude else "Nothing is wrong."}


@rehearsal.answers("supervisor")
async def supervisor(question: Question) -> str:
    if "bill" not in question.text:
        return "We are open from nine\n to six."
    account = await question.call_tool("getUserAccountInfo", phone_number="(206) 555-0100")
    policy = await question.call_tool("lookupPolicyDocument", topic="billing")
    return f"Your balance is {account['balance']} dollars, see [{policy}](ID-010)."


@rehearsal.answers("broken")
async def broken(question: Question) -> dict[str, Any]:
    if question.text == "raise":
        raise ZeroDivisionError("a mistake in it")
    return {"category": "PURPLE", "rationale": "It is a colour."}


SHOP = Scenario("shop", agents=[RealtimeAgent(name="clerk")], rehearsal=rehearsal)
TOOL = {"type": "object", "properties": {"phone_number": {"type": "string"}, "topic": {"type": "string"}}}
NAMES = ("getUserAccountInfo", "lookupPolicyDocument")
CHAT_TOOLS: Any = [{"type": "function", "function": {"name": name, "parameters": TOOL}} for name in NAMES]
TOOLS: Any = [{"type": "function", "name": name, "parameters": TOOL, "strict": False} for name in NAMES]


def result(name: str, arguments: str) -> str:
    given = json.loads(arguments)
    return json.dumps(ACCOUNTS[given["phone_number"]]) if name == NAMES[0] else f"Paying your {given['topic']}"


@asynccontextmanager
async def asked(chat: ChatModels | None = None, key: str = KEY) -> AsyncIterator[AsyncOpenAI]:
    """Connect the official client to an engine with the shop's rehearsal, or with a chat model."""
    models = text_model_factory({"shop": SHOP}, chat)
    async with (
        running(text_models=models) as server,
        AsyncOpenAI(base_url=server.url, api_key=key, max_retries=0) as client,
    ):
        yield client


@asynccontextmanager
async def chat_model(answers: Answer) -> AsyncIterator[tuple[AsyncOpenAI, list[dict[str, Any]], asyncio.Event]]:
    """Connect the client to an engine with a chat model. Give its requests, and whether the client left early."""
    async with (
        endpoint(answers) as (url, bodies, left),
        aclosing(ChatModels(url, "small", TextModelNames(escalation="large"), "sk-upstream")) as chat,
        asked(chat) as client,
    ):
        yield client, bodies, left


def saying(*words: str, finish: str = "stop", tokens: int = 7) -> Answer:
    async def chunks() -> AsyncIterator[dict[str, Any]]:
        for word in words:
            yield delta(content=word)
        ended = delta()
        ended["choices"][0]["finish_reason"] = finish
        yield ended
        usage = {"prompt_tokens": 11, "completion_tokens": tokens, "total_tokens": 11 + tokens}
        yield {**delta(), "choices": [], "usage": usage}

    return lambda body: chunks()


class TestRehearsed:
    async def test_a_response(self) -> None:
        async with asked() as client:
            response = await client.responses.create(model="shop/supervisor", input="when are you open?")
        check_response(response.model_dump(exclude_unset=True))
        assert response.output_text == "We are open from nine\n to six."
        assert response.status == "completed"
        assert response.usage is not None
        assert response.usage.output_tokens > 0

    async def test_a_streamed_response(self) -> None:
        async with asked() as client:
            stream = await client.responses.create(model="shop/supervisor", input="open?", stream=True)
            events = [event async for event in stream]
        for event in events:
            check_response_event(event.model_dump(exclude_unset=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert len(deltas) > 4
        assert "".join(deltas) == "We are open from nine\n to six."
        kinds = [event.type for event in events if event.type != "response.output_text.delta"]
        assert kinds == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]

    async def test_a_structured_response(self) -> None:
        async with asked() as client:
            response = await client.responses.parse(
                model="shop", input="you idiot", text_format=Verdict, metadata={"purpose": "moderation"}
            )
        assert response.output_parsed == Verdict(category="OFFENSIVE", rationale="It insults.")
        shown = response.model_dump(exclude_unset=True, by_alias=True)
        assert shown["text"]["format"]["name"] == "Verdict"
        del shown["output"][0]["content"][0]["parsed"]
        check_response(shown)

    async def test_a_supervisor_calls_its_tools_until_it_has_an_answer(self) -> None:
        async with asked() as client:
            items: list[Any] = [{"role": "user", "content": "Explain my bill."}]
            names = []
            while True:
                response = await client.responses.create(
                    model="shop/supervisor", instructions="You supervise.", input=items, tools=TOOLS
                )
                made = [item for item in response.output if item.type == "function_call"]
                if not made:
                    break
                names += [one.name for one in made]
                items += response.output
                items += [
                    {"type": "function_call_output", "call_id": one.call_id, "output": result(one.name, one.arguments)}
                    for one in made
                ]
        assert names == list(NAMES)
        assert response.output_text == "Your balance is 42.17 dollars, see [Paying your billing](ID-010)."

    async def test_a_chat_completion(self) -> None:
        async with asked() as client:
            messages: Any = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "open?"}]
            completion = await client.chat.completions.create(model="shop/supervisor", messages=messages)
        check_completion(completion.model_dump(exclude_unset=True))
        assert completion.choices[0].message.content == "We are open from nine\n to six."
        assert completion.choices[0].finish_reason == "stop"

    async def test_a_streamed_chat_completion(self) -> None:
        async with asked() as client:
            stream = await client.chat.completions.create(
                model="shop/supervisor",
                messages=[{"role": "user", "content": "open?"}],
                stream=True,
                stream_options={"include_usage": True},
            )
            chunks = [chunk async for chunk in stream]
        for chunk in chunks:
            check_chunk(chunk.model_dump(exclude_unset=True))
        words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(words) == "We are open from nine\n to six."
        assert chunks[-1].usage is not None
        assert chunks[-2].choices[0].finish_reason == "stop"

    async def test_a_structured_chat_completion(self) -> None:
        async with asked() as client:
            completion = await client.chat.completions.parse(
                model="shop/moderation", messages=[{"role": "user", "content": "hello"}], response_format=Verdict
            )
        assert completion.choices[0].message.parsed == Verdict(category="NONE", rationale="Nothing is wrong.")

    async def test_tools_in_a_streamed_chat_completion(self) -> None:
        async with asked() as client:
            messages: list[Any] = [{"role": "user", "content": "Explain my bill."}]
            for _ in range(3):
                async with client.chat.completions.stream(
                    model="shop/supervisor", messages=messages, tools=CHAT_TOOLS
                ) as stream:
                    message = (await stream.get_final_completion()).choices[0].message
                messages.append(message.model_dump(exclude_none=True))
                for one in message.tool_calls or ():
                    output = result(one.function.name, one.function.arguments)
                    messages.append({"role": "tool", "tool_call_id": one.id, "content": output})
        assert message.content == "Your balance is 42.17 dollars, see [Paying your billing](ID-010)."

    @pytest.mark.speech
    async def test_the_engine_that_ships_offers_them(self) -> None:
        settings = Settings.model_construct(chat_base_url=None, chat_model=None)
        async with (
            local_engine({"shop": SHOP}, settings, key=KEY) as server,
            AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client,
        ):
            response = await client.responses.create(model="shop/supervisor", input="open?")
        assert response.output_text.startswith("We are open")

    async def test_a_purpose_alone_selects_the_only_scenario_with_it(self) -> None:
        async with asked() as client:
            response = await client.responses.create(model="supervisor", input="open?")
        assert response.output_text.startswith("We are open")


class TestAzuresVersionedInterface:
    """The official client for Azure, which sends a version, and the deployment of chat completions in the path."""

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[AsyncAzureOpenAI]:
        async with (
            running(text_models=text_model_factory({"shop": SHOP}, None)) as server,
            AsyncAzureOpenAI(
                azure_endpoint=f"http://127.0.0.1:{server.port}",
                api_key=KEY,
                api_version="2025-04-01-preview",
                max_retries=0,
                **options,
            ) as client,
        ):
            yield client

    async def test_a_chat_completion(self) -> None:
        async with self.client() as client:
            completion = await client.chat.completions.parse(
                model="shop/moderation", messages=[{"role": "user", "content": "you idiot"}], response_format=Verdict
            )
        assert completion.choices[0].message.parsed == Verdict(category="OFFENSIVE", rationale="It insults.")
        assert completion.model == "shop/moderation"

    async def test_the_deployment_of_the_path_answers_and_not_the_model_of_the_body(self) -> None:
        async with self.client(azure_deployment="shop/supervisor") as client:
            stream = await client.chat.completions.create(
                model="o4-mini", messages=[{"role": "user", "content": "open?"}], stream=True
            )
            words = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(words) == "We are open from nine\n to six."

    async def test_a_response(self) -> None:
        async with self.client() as client:
            response = await client.responses.create(model="shop/supervisor", input="open?")
        assert response.output_text == "We are open from nine\n to six."

    @pytest.mark.parametrize("path", ["deployments/shop/supervisor/chat/completions", "responses"])
    async def test_a_version_is_required(self, path: str) -> None:
        async with self.client() as client, httpx.AsyncClient(headers={"api-key": KEY}) as http:
            answer = await http.post(f"{client.base_url}{path}", json={"model": "shop/supervisor"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "missing_query_parameter")


class TestErrors:
    @pytest.mark.parametrize("model", ["gpt-x", "shop", "shop/nothing"])
    async def test_without_a_model_the_error_says_what_to_set(self, model: str) -> None:
        async with asked() as client:
            with pytest.raises(openai.NotFoundError) as caught:
                await client.responses.create(model=model, input="hi")
        for wanted in ("TRUNKLINE_CHAT_BASE_URL", "@rehearsal.answers", "shop/moderation"):
            assert wanted in str(caught.value)
        assert caught.value.code == "DeploymentNotFound"

    async def test_an_engine_without_text_models_says_so(self) -> None:
        async with running() as server, AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
            with pytest.raises(openai.NotFoundError, match="TRUNKLINE_CHAT_MODEL"):
                await client.chat.completions.create(model="x", messages=[{"role": "user", "content": "hi"}])

    async def test_a_rehearsal_that_fails(self) -> None:
        async with asked() as client:
            with pytest.raises(openai.InternalServerError, match="a mistake in it"):
                await client.responses.create(model="shop/broken", input="raise", stream=True)

    @pytest.mark.parametrize("offered", [{}, {"tools": TOOLS, "tool_choice": "none"}])
    async def test_a_rehearsal_that_calls_a_tool_that_is_not_offered(self, offered: dict[str, Any]) -> None:
        async with asked() as client:
            with pytest.raises(openai.InternalServerError, match=r"Account.*which the request does not offer"):
                await client.responses.create(model="shop/supervisor", input="my bill", **offered)

    async def test_a_rehearsed_answer_that_does_not_fit_its_schema(self) -> None:
        async with asked() as client:
            with pytest.raises(openai.InternalServerError, match=r"does not match the requested schema.*PURPLE"):
                await client.responses.parse(model="shop/broken", input="x", text_format=Verdict)

    @pytest.mark.parametrize("stream", [False, True])
    async def test_without_the_key_there_is_no_answer(self, stream: bool) -> None:
        async with asked(key="wrong") as client:
            with pytest.raises(openai.AuthenticationError):
                await client.responses.create(model="shop/supervisor", input="hi", stream=stream)

    @pytest.mark.parametrize(
        ("path", "body", "param"),
        [
            ("responses", {"input": "x"}, "model"),
            ("responses", {"model": "m"}, "input"),
            ("responses", {"model": "m", "input": "x", "surprise": 1}, "surprise"),
            ("responses", {"model": "m", "input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
            ("responses", {"model": "m", "input": [{"type": "item_reference", "id": "i"}]}, "input[0].type"),
            ("responses", {"model": "m", "input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type"),
            (
                "responses",
                {"model": "m", "input": "x", "text": {"format": {"type": "json_schema"}}},
                "text.format.name",
            ),
            ("chat/completions", {"model": "m"}, "messages"),
            ("chat/completions", {"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
            ("chat/completions", {"model": "m", "messages": [], "n": 2}, "n"),
            ("chat/completions", {"model": "m", "messages": [], "temperature": "hot"}, "temperature"),
            ("chat/completions", {"model": "m", "messages": [], "tool_choice": "perhaps"}, "tool_choice"),
            (
                "chat/completions",
                {"model": "m", "messages": [{"role": "tool", "content": "x"}]},
                "messages[0].tool_call_id",
            ),
        ],
    )
    async def test_an_error_names_the_faulty_parameter(self, path: str, body: Any, param: str) -> None:
        async with asked() as client, httpx.AsyncClient() as plain:
            answered = await plain.post(f"{client.base_url}{path}", json=body, headers={"api-key": KEY})
        assert answered.status_code == 400
        assert answered.json()["error"]["param"] == param

    @pytest.mark.parametrize(
        ("body", "status"), [(b"{", 400), (b"[]", 400), (b"[" * 100_000, 400), (b" " * (17 << 20), 413)]
    )
    async def test_a_body_that_is_not_a_request(self, body: bytes, status: int) -> None:
        async with asked() as client, httpx.AsyncClient() as plain:
            answered = await plain.post(f"{client.base_url}responses", content=body, headers={"api-key": KEY})
        assert answered.status_code == status


class TestChatModel:
    @pytest.mark.parametrize(
        ("model", "answers"),
        [("text", "small"), ("escalation", "large"), ("moderation", "small"), ("large", "large"), ("gpt-x", "small")],
    )
    async def test_the_local_provider_asks_the_chat_model_of_a_role(self, model: str, answers: str) -> None:
        names = TextModelNames("small", escalation="large")
        abilities = EngineAbilities(text_models=names.own())
        async with (
            endpoint(saying("Good.")) as (url, bodies, _),
            aclosing(ChatModels(url, "small", names)) as chat,
            running(text_models=text_model_factory({"shop": SHOP}, chat)) as server,
            aclosing(LocalEngineProvider(server, KEY, AsyncExitStack(), abilities)) as provider,
        ):
            reply = await provider.text_model().reply(TextPrompt("shop", "eligibility", "Decide.", [], model=model))
        assert [asked_for["model"] for asked_for in bodies] == [answers]
        assert reply.model == answers  # prices go by it

    async def test_a_configured_model_answers_by_its_name_and_the_default_for_any_other(self) -> None:
        async with chat_model(saying("Good.")) as (client, bodies, _):
            for model in ("large", "o4-mini", "shop/eligibility"):
                await client.responses.create(model=model, input="hello")
        assert [asked_for["model"] for asked_for in bodies] == ["large", "small", "small"]

    async def test_a_response_omits_the_reasoning(self) -> None:
        async with chat_model(saying("<think>hm", "m</think>", "Good ", "day.")) as (client, bodies, _):
            response = await client.responses.create(
                model="anything", instructions="Be brief.", input="hello", temperature=0.3, max_output_tokens=50
            )
        check_response(response.model_dump(exclude_unset=True))
        assert response.output_text == "Good day."
        assert (response.usage and response.usage.total_tokens) == 18
        (asked_for,) = bodies
        assert asked_for["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ]
        assert (asked_for["model"], asked_for["temperature"], asked_for["max_tokens"]) == ("small", 0.3, 50)

    async def test_structured_output_is_requested_of_the_chat_model(self) -> None:
        words = '{"category": "NONE", "rationale": "ok"}'
        async with chat_model(saying(words)) as (client, bodies, _):
            response = await client.responses.parse(model="m", input="hello", text_format=Verdict)
            completion = await client.chat.completions.parse(
                model="m", messages=[{"role": "user", "content": "hello"}], response_format=Verdict
            )
        assert (
            response.output_parsed == completion.choices[0].message.parsed == Verdict(category="NONE", rationale="ok")
        )
        for body in bodies:
            assert body["response_format"]["type"] == "json_schema"
            assert body["response_format"]["json_schema"]["schema"]["required"] == ["category", "rationale"]
            assert body["response_format"]["json_schema"]["strict"] is True

    async def test_tools_with_streamed_arguments(self) -> None:
        async def chunks() -> AsyncIterator[dict[str, Any]]:
            yield called(0, '{"topic"', "lookupPolicyDocument", "call_a")
            yield called(0, ': "bills"}')
            yield called(1, '{"topic": "more"}', "lookupPolicyDocument", "call_b")

        async with chat_model(lambda body: chunks()) as (client, bodies, _):
            response = await client.responses.create(
                model="m",
                input=[
                    {"role": "user", "content": "hi"},
                    {"type": "function_call", "call_id": "old", "name": "lookupPolicyDocument", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "old", "output": "nothing"},
                ],
                tools=TOOLS,
                tool_choice="required",
            )
        made = {one.call_id: one.arguments for one in response.output if one.type == "function_call"}
        assert list(made.values()) == ['{"topic": "bills"}', '{"topic": "more"}']
        assert bodies[0]["tools"][0]["function"]["name"] == "getUserAccountInfo"
        assert bodies[0]["tool_choice"] == "required"
        assert [message["role"] for message in bodies[0]["messages"]] == ["user", "assistant", "tool"]

    async def test_images_and_history_are_passed_on(self) -> None:
        async with chat_model(saying("A cat.")) as (client, bodies, _):
            messages: Any = [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "Hello!"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "what is it?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
                    ],
                },
            ]
            completion = await client.chat.completions.create(model="m", messages=messages)
        assert completion.choices[0].message.content == "A cat."
        assert bodies[0]["messages"][1] == {"role": "assistant", "content": "Hello!"}
        assert bodies[0]["messages"][2]["content"][1]["image_url"]["url"] == "data:image/png;base64,AA"

    @pytest.mark.parametrize(
        ("finish", "reason", "details"),
        [("length", "length", "max_output_tokens"), ("content_filter", "content_filter", "content_filter")],
    )
    async def test_an_answer_at_the_token_limit_is_incomplete(self, finish: str, reason: str, details: str) -> None:
        async with chat_model(saying("Half an ans", finish=finish)) as (client, _bodies, _):
            response = await client.responses.create(model="m", input="hello")
            stream = await client.responses.create(model="m", input="hello", stream=True)
            last = [event async for event in stream][-1]
            completion = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert (response.status, last.type) == ("incomplete", "response.incomplete")
        assert (response.incomplete_details and response.incomplete_details.reason) == details
        assert completion.choices[0].finish_reason == reason

    async def test_the_key_of_the_chat_model_never_leaks(self) -> None:
        refused = JSONResponse({"error": {"message": "Incorrect API key: sk-upstream"}}, 401)
        async with chat_model(lambda body: refused) as (client, _bodies, _):
            with pytest.raises(openai.InternalServerError, match="TRUNKLINE_CHAT_API_KEY") as caught:
                await client.responses.create(model="m", input="hello")
        assert "sk-upstream" not in str(caught.value)
        assert caught.value.status_code == 502

    async def test_a_model_that_stops_early_fails_a_streamed_answer(self) -> None:
        async def chunks() -> AsyncIterator[dict[str, Any]]:
            yield delta(content="Well")
            yield {"error": {"message": "out of memory"}}

        async with chat_model(lambda body: chunks()) as (client, _bodies, _):
            events = [event async for event in await client.responses.create(model="m", input="x", stream=True)]
            for event in events:
                check_response_event(event.model_dump(exclude_unset=True))
            assert events[-1].type == "response.failed"
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "x"}], stream=True
            )
            with pytest.raises(openai.APIError, match="out of memory"):
                _ = [chunk async for chunk in stream]

    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_client_that_goes_stops_the_model(self, stream: bool) -> None:
        started = asyncio.Event()

        async def chunks() -> AsyncIterator[dict[str, Any]]:
            while True:
                yield delta(content="on and ")
                started.set()
                await asyncio.sleep(0.02)

        async with chat_model(lambda body: chunks()) as (client, _bodies, left):

            async def ask() -> None:
                answered: Any = await client.responses.create(model="m", input="x", stream=stream)
                _ = [event async for event in answered]

            asking = asyncio.create_task(ask())
            async with asyncio.timeout(5):
                await started.wait()
                asking.cancel()
                await left.wait()
            await asyncio.gather(asking, return_exceptions=True)


class TestAnswer:
    """The rehearsed answers themselves."""

    @staticmethod
    def of(function: Callable[[Question], Any], *items: dict[str, Any], **question: Any) -> Any:
        one = Rehearsal()
        one.answers("p")(function)
        return answer(one, Question("p", items=items, **question))

    def test_a_call_is_answered_by_the_result_that_follows_the_last_user_message(self) -> None:
        async def twice(question: Question) -> str:
            first = await question.call_tool("look", where="up")
            return f"{first} and {await question.call_tool('look', where='down')}"

        def looked(call_id: str, output: str) -> list[dict[str, Any]]:
            return [
                {"type": "function_call", "call_id": call_id, "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": call_id, "output": output},
            ]

        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "what is there?"}]}
        earlier = looked("0", "not this")
        assert self.of(twice, *earlier, said) == call_tool("look", where="up")
        assert self.of(twice, *earlier, said, *looked("1", "a sky")) == call_tool("look", where="down")
        assert self.of(twice, *earlier, said, *looked("1", "a sky"), *looked("2", '"earth"')) == "a sky and earth"

    def test_a_tool_that_is_not_offered_cannot_be_called(self) -> None:
        async def greedy(question: Question) -> str:
            return str(await question.call_tool("launch"))

        with pytest.raises(RehearsalError, match="'launch', which is not offered"):
            self.of(greedy, tools=("look",))

    def test_it_may_await_nothing_else(self) -> None:
        async def sleepy(question: Question) -> str:
            await asyncio.sleep(0)
            return ""

        with pytest.raises(RehearsalError, match="it may await only"):
            self.of(sleepy)

    def test_it_must_return_a_text_or_an_object(self) -> None:
        async def empty(question: Question) -> Any:
            return None

        with pytest.raises(RehearsalError, match="returns None"):
            self.of(empty)

    def test_a_purpose_has_one_answer_and_it_is_async(self) -> None:
        one = Rehearsal()
        one.answers("p")(supervisor)
        with pytest.raises(ValueError, match="two answers for 'p'"):
            one.answers("p")(supervisor)
        with pytest.raises(TypeError, match="must be an 'async def'"):
            one.answers("q")(lambda question: "x")  # type: ignore[arg-type, return-value]  # that is the point
        with pytest.raises(RehearsalError, match="no answer for 'q'; it has: p"):
            answer(one, Question("q"))
