"""`trunkline prompt`: a voice prompt from a short description, with the configured text model."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner, Result

from trunkline.authoring import AuthoringError
from trunkline.authoring.prompt import AS_JSON, Personality, Pronunciation, State, VoicePrompt, draft, metaprompt
from trunkline.cli import app
from trunkline.scenario.text_model import TextModelError, TextPrompt, TextReply

from .text_model_server import text_service

DESCRIPTION = "Takes orders for a pizza place in Naples. Always in a hurry."
STATES: list[dict[str, Any]] = [
    {
        "id": "1_greeting",
        "description": "Greets.",
        "instructions": ["Say the name of the place."],
        "examples": ["Da Ciro, what can I get you?"],
        "transitions": [{"next_step": "2_order", "condition": "They want to order."}],
    },
    {
        "id": "2_order",
        "description": "Takes the order.",
        "instructions": ["Repeat it."],
        "examples": ["One Margherita?"],
        "transitions": [],
    },
]
PARTS = ("identity", "task", "demeanor", "tone", "enthusiasm", "formality", "emotion", "filler_words", "pacing")
ANSWER: dict[str, Any] = {
    "personality": {**{part: f"The {part} of a pizzaiolo." for part in PARTS}, "other": ""},
    "context": ["The place is in Naples."],
    "pronunciations": [{"word": "gnocchi", "sounds": "NYOK-kee"}],
    "instructions": ["Repeat every number digit by digit."],
    "states": STATES,
}


class Model:
    """A text model that gives its answers one after the other."""

    def __init__(self, *answers: object) -> None:
        self._answers = [one if isinstance(one, str) else json.dumps(one) for one in answers]
        self.asked: list[TextPrompt] = []

    async def reply(self, prompt: TextPrompt) -> TextReply:
        self.asked.append(prompt)
        return TextReply(self._answers[len(self.asked) - 1])


def with_states(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {**ANSWER, "states": list(states)}


async def test_all_sections_are_there_in_order() -> None:
    written = str(await draft(DESCRIPTION, Model(ANSWER)))
    assert re.findall(r"^# .*", written, re.MULTILINE) == [
        "# Personality and tone", "# Context", "# Reference pronunciations", "# Overall instructions",
        "# Conversation states",
    ]  # fmt: skip
    assert "## Filler words\nThe filler_words of a pizzaiolo." in written
    assert "## Other" not in written  # there is nothing in it
    assert "- gnocchi: NYOK-kee" in written
    assert json.loads(written.partition("# Conversation states\n")[2]) == STATES


async def test_the_model_receives_metaprompt_description_and_schema() -> None:
    model = Model(ANSWER)
    await draft(f"\n{DESCRIPTION}\n", model)
    (asked,) = model.asked
    assert asked.instructions == metaprompt() + AS_JSON
    assert [item["content"][0]["text"] for item in asked.items] == [DESCRIPTION]
    assert asked.schema is not None
    assert asked.schema["required"] == list(ANSWER)
    assert asked.schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("flawed", "flaw"),
    [
        (with_states([]), "There are no conversation states."),
        (with_states(STATES[:1]), "The state '1_greeting' leads to '2_order', which is no state."),
        (with_states([{**STATES[0], "transitions": []}, STATES[1]]), "The state '2_order' cannot be reached."),
        (with_states([STATES[0], STATES[1], STATES[1]]), "There are two states '2_order'."),
        ({**ANSWER, "instructions": []}, "There are no overall instructions."),
        ("I'd rather talk about football.", "not the form that was asked for"),
        ({"personality": {}}, "not the form that was asked for"),
    ],
)
async def test_a_flaw_is_given_back_once(flawed: object, flaw: str) -> None:
    model = Model(flawed, ANSWER)
    assert "pizzaiolo" in str(await draft(DESCRIPTION, model))
    assert flaw in model.asked[1].items[-1]["content"][0]["text"]
    assert [item["role"] for item in model.asked[1].items] == ["user", "assistant", "user"]


async def test_a_model_that_does_not_learn_is_given_up() -> None:
    with pytest.raises(AuthoringError, match=r"in 2 attempts: There are no conversation states\."):
        await draft(DESCRIPTION, Model(with_states([]), with_states([])))


async def test_a_model_without_an_answer_is_reported() -> None:
    class Silent:
        async def reply(self, prompt: TextPrompt) -> TextReply:
            raise TextModelError("It is asleep.")

    with pytest.raises(AuthoringError, match="It is asleep"):
        await draft(DESCRIPTION, Silent())


async def test_json_may_come_with_words_around_it() -> None:
    assert (await draft(DESCRIPTION, Model(f"Here it is:\n```json\n{json.dumps(ANSWER)}\n```"))).states


# The command ----------------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No provider, no .env, an empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_DEPLOYMENT", "OPENAI_API_KEY", "OPENAI_MODEL",
        "OPENAI_BASE_URL", "TRUNKLINE_PROVIDER", "TRUNKLINE_CHAT_BASE_URL", "TRUNKLINE_CHAT_MODEL",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def prompt(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["prompt", *arguments], input=stdin)


def test_a_missing_text_model_names_its_settings() -> None:
    result = prompt(DESCRIPTION)
    assert result.exit_code == 1
    for name in ("AZURE_OPENAI_DEPLOYMENT", "OPENAI_MODEL", "TRUNKLINE_CHAT_BASE_URL"):
        assert name in result.output


def test_a_provider_without_a_text_model_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    result = prompt(DESCRIPTION)
    assert result.exit_code == 1
    assert "OPENAI_MODEL" in result.output


def test_a_hosted_text_model_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with text_service(json.dumps(ANSWER)) as service:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_MODEL", "clever")
        monkeypatch.setenv("OPENAI_BASE_URL", service.url)
        result = prompt(DESCRIPTION)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# Personality and tone\n")
    (asked,) = service.requests
    assert (asked["path"], asked["model"], asked["instructions"]) == ("/v1/responses", "clever", metaprompt() + AS_JSON)
    assert asked["text"]["format"]["strict"] is True


@pytest.mark.speech
def test_the_local_engines_chat_model_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with text_service(json.dumps(ANSWER)) as service:
        monkeypatch.setenv("TRUNKLINE_CHAT_BASE_URL", service.url)
        monkeypatch.setenv("TRUNKLINE_CHAT_MODEL", "small")
        result = prompt("-", stdin=DESCRIPTION)
    assert result.exit_code == 0, result.output
    assert "# Conversation states" in result.stdout
    (asked,) = service.requests
    assert (asked["path"], asked["model"]) == ("/v1/chat/completions", "small")
    assert asked["messages"][0]["content"] == metaprompt() + AS_JSON
    assert asked["messages"][1]["content"] == DESCRIPTION
    assert asked["response_format"]["type"] == "json_schema"


def test_lines_from_a_file_go_into_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text(DESCRIPTION)
    with text_service(json.dumps(ANSWER)) as service:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_MODEL", "clever")
        monkeypatch.setenv("OPENAI_BASE_URL", service.url)
        assert prompt("--file", "lines.txt", "--output", "prompt.md").exit_code == 0
        again = prompt("--file", "lines.txt", "--output", "prompt.md")
    assert (tmp_path / "prompt.md").read_text().startswith("# Personality and tone\n")
    assert again.exit_code == 1
    assert "already exists" in again.output
    assert len(service.requests) == 1
    assert service.requests[0]["input"][0]["content"] == DESCRIPTION


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--file", "none.txt"), "cannot be read"),
        (("words", "--file", "none.txt"), "Give one"),
    ],
)
def test_an_unreadable_file_is_reported(arguments: tuple[str, ...], why: str) -> None:
    result = prompt(*arguments)
    assert result.exit_code == 1
    assert why in result.output


def test_an_empty_description_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_MODEL", "clever")
    result = prompt(stdin="  \n")
    assert result.exit_code == 1
    assert "Describe the agent in a few lines" in result.output


def test_the_metaprompt_can_be_pasted_into_a_chat_and_has_the_form_of_prompts() -> None:
    form, _, example = metaprompt().partition("# Example of conversation states")
    shown = [line.strip() for line in form.splitlines() if line.startswith("    #")]
    states = TypeAdapter(list[State]).validate_json(example[example.index("[") :])
    full = VoicePrompt(
        personality=Personality(**dict.fromkeys(Personality.model_fields, "x")),
        context=["x"],
        pronunciations=[Pronunciation(word="x", sounds="x")],
        instructions=["x"],
        states=states,
    )
    assert shown == [line for line in str(full).splitlines() if line.startswith("#")]
    assert full.flaws() == []
    assert "at most five short questions" in form
