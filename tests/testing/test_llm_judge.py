"""Verdicts of a text model about a conversation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.providers.azure_fake import FakeAzure, fake_azure
from tests.testing.kit_shop import shop
from trunkline.realtime.events import text_of
from trunkline.scenario.text_model import TextModelError, TextPrompt, TextReply
from trunkline.testing import ChatEndpoint, Verdict, VoiceCalls
from trunkline.testing.llm_judge import JudgeError, NoTextModelError, configured_model, judge


class Says:
    """Text model with one fixed answer."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked = ""

    async def reply(self, prompt: TextPrompt) -> TextReply:
        self.asked = text_of(prompt.items[0])
        return TextReply(self.answer)


@pytest.mark.parametrize(("outcome", "holds"), [("pass", True), ("fail", False), ("uncertain", False)])
async def test_a_verdict_is_true_only_if_it_passes(outcome: str, holds: bool) -> None:
    verdict = await judge(Says(json.dumps({"outcome": outcome, "reason": "so it is"})), "is kind", "…")
    assert verdict == Verdict(outcome, "so it is", "is kind")  # type: ignore[arg-type]  # an outcome, from above
    assert bool(verdict) is holds


@pytest.mark.parametrize("answer", ["", "Yes, quite.", '{"outcome": "maybe"}', "{", '["pass"]'])
async def test_an_unreadable_answer_is_uncertain(answer: str) -> None:
    verdict = await judge(Says(answer), "is kind", "…")
    assert verdict.outcome == "uncertain"


@pytest.mark.parametrize(
    "answer", ['```json\n{"outcome": "pass"}\n```', '<think>{"outcome": "fail"}</think> {"outcome": "pass"}']
)
async def test_a_verdict_is_found_in_the_text_around_it(answer: str) -> None:
    assert await judge(Says(answer), "is kind", "…")


async def test_the_model_gets_the_statement_and_the_conversation(voice_call: VoiceCalls) -> None:
    call = await voice_call(shop)
    await call.say("two pears please")
    model = Says('{"outcome": "pass", "reason": "it names the pears"}')
    assert await call.judge("repeats the order", model=model)
    assert "the conversation repeats the order" in model.asked
    assert "two pears please" in model.asked
    assert "add_to_basket(thing='pears', count=2)" in model.asked


def test_a_missing_model_names_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUNKLINE_CHAT_BASE_URL", raising=False)
    with pytest.raises(NoTextModelError, match="TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL"):
        configured_model()


async def test_a_chat_endpoint_is_asked_over_http(voice_call: VoiceCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = {"outcome": "fail", "reason": "no"}
    async with endpoint(200, {"choices": [{"message": {"role": "assistant", "content": json.dumps(verdict)}}]}) as url:
        monkeypatch.setenv("TRUNKLINE_CHAT_BASE_URL", url)
        monkeypatch.setenv("TRUNKLINE_CHAT_MODEL", "judge")
        call = await voice_call(shop)
        await call.hears("welcome")
        assert (await call.judge("sells shoes")).outcome == "fail"


async def test_the_text_deployment_of_azure_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fake_azure({shop.name: shop}, shop.name) as azure:
        azure.text = lambda body: json.dumps({"reason": body["text"]["format"]["name"], "outcome": "pass"})
        configures_azure(monkeypatch, azure)
        monkeypatch.setenv("TRUNKLINE_CHAT_BASE_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("TRUNKLINE_CHAT_MODEL", "not-this-one")
        assert await judge(configured_model(), "is kind", "…") == Verdict("pass", "judge", "is kind")
        assert azure.refused == []


async def test_a_refusal_of_the_service_is_an_error_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fake_azure({shop.name: shop}, shop.name) as azure:
        configures_azure(monkeypatch, azure)
        monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", "nowhere")
        with pytest.raises(TextModelError, match="404") as caught:
            await judge(configured_model(), "is kind", "…")
    assert azure.key not in str(caught.value)


async def test_an_unreachable_endpoint_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_PROVIDER", "azure")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://resource.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", "text")
    with pytest.raises(JudgeError, match="https://"):
        await judge(configured_model(), "is kind", "…")


def configures_azure(monkeypatch: pytest.MonkeyPatch, azure: FakeAzure) -> None:
    monkeypatch.setenv("TRUNKLINE_PROVIDER", "azure")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", azure.endpoint)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", azure.key)
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", azure.deployed.text)


async def test_an_endpoint_that_refuses_is_an_error() -> None:
    async with endpoint(401, {"error": {"message": "no key"}}) as url:
        with pytest.raises(JudgeError, match="gave no answer"):
            await ChatEndpoint(url, "judge").reply(TextPrompt("", "judge", "", []))


@asynccontextmanager
async def endpoint(status: int, answer: object) -> AsyncIterator[str]:
    """Run an HTTP server on loopback with one fixed answer."""
    body = json.dumps(answer).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n" % status)
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
