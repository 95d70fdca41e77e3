"""The check of the prose: what it finds, what it lets pass, and how its budget falls."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PROSE = runpy.run_path(str(ROOT / "scripts" / "check_prose.py"))


def findings(tmp_path: Path, text: str, name: str = "module.py") -> list[str]:
    page = tmp_path / name
    page.write_text(text)
    return [f"{finding.line} {finding.kind}" for finding in PROSE["check"](page).findings]


def of_a_sentence(tmp_path: Path, sentence: str) -> list[str]:
    return [found.split(" ", 1)[1] for found in findings(tmp_path, f"{sentence}\n", "page.md")]


@pytest.mark.parametrize(
    "sentence",
    [
        "Send what is said.",
        "The log names who has the caller.",
        "It depends on how long it may take.",
        "Of whether it is up, nothing is known.",
        "It continues from where it stands.",
    ],
)
def test_a_clause_that_stands_for_a_noun_counts(tmp_path: Path, sentence: str) -> None:
    assert of_a_sentence(tmp_path, sentence) == ["wh-clause"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Return whether the link is up.",
        "Ask the server whether it is ready.",
        "Report whether it is up and whether it answers.",
        "What is a leg?",
        "A caller who hangs up ends the call, which closes the link.",
        "Where the page is offline, the call waits.",
        "Learn how to start a call.",
        "It stops when the call ends.",
        "The caller says “what is that”.",
        "The field `what is said` stays.",
        "It is no longer there.",
    ],
)
def test_questions_relative_clauses_and_code_do_not_count(tmp_path: Path, sentence: str) -> None:
    assert of_a_sentence(tmp_path, sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Ask anew.",
        "The model is told so.",
        "That is no error.",
        "The call goes on.",
        "Tools of ours run.",
        "There is none.",
    ],
)
def test_banned_words_count(tmp_path: Path, sentence: str) -> None:
    assert of_a_sentence(tmp_path, sentence) == ["banned word"]


def test_a_function_begins_with_a_verb(tmp_path: Path) -> None:
    text = '''
class Call:
    """A call."""

    @property
    def age(self) -> int:
        """Age in seconds."""

    def end(self) -> None:
        """Ends the call."""

        def close() -> None:
            """Close the link."""
'''
    assert findings(tmp_path, text) == ["10 first word"]


def test_no_docstring_begins_with_a_wh_word(tmp_path: Path) -> None:
    assert findings(tmp_path, '"""Where is it?"""\n\n\nclass Call:\n    """The one who speaks."""\n') == [
        "1 first word",
        "5 first word",
    ]


def test_comments_and_strings_after_assignments_count(tmp_path: Path) -> None:
    text = 'LIMIT = 3\n"""A limit\nfor what is sent."""\n\n# One line,\n# and what follows.\nx = 1  # noqa: E501 what\n'
    assert findings(tmp_path, text) == ["3 wh-clause", "6 wh-clause"]


def test_comments_and_sentences_in_typescript_count(tmp_path: Path) -> None:
    text = (
        "const a = 'https://x'; // what is said\n/**\n * Nothing\n * is told. */\nconst b = 'This goes on for ever';\n"
    )
    assert findings(tmp_path, text, "page.ts") == ["1 wh-clause", "4 banned word", "5 banned word"]


def test_code_in_a_page_does_not_count(tmp_path: Path) -> None:
    assert findings(tmp_path, "Text.\n\n```\nwhat is said\n```\n\n| a | what is `b` |\n", "page.md") == ["7 wh-clause"]


def test_a_page_has_no_long_sentences() -> None:
    passage = PROSE["Passage"](ROOT / "README.md", 7, "Short one.\n" + "Word " * 30 + "word.")
    assert [finding.line for finding in PROSE["find_long_sentences"](passage)] == [8]
    passage = PROSE["Passage"](ROOT / "README.md", 7, "word " * 29 + "`code is one word`.")
    assert list(PROSE["find_long_sentences"](passage)) == []


@pytest.mark.parametrize(("figure", "fits"), [(20.1, False), (20.0, True), (19.0, True), (18.9, False)])
def test_the_budget_only_falls(figure: float, fits: bool) -> None:
    assert (PROSE["judge"]("hits_per_10_000_words", figure, 20.0) is None) is fits


def test_a_budget_is_lowered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = tmp_path / "budget.toml"
    budget.write_text("# Kept.\nhits_per_10_000_words = 500\nfirst_words = 9\nlong_sentences = 2\n")
    monkeypatch.setitem(PROSE["write_budget"].__globals__, "BUDGET", budget)
    results: dict[Path, Any] = {tmp_path: PROSE["Checked"](PROSE["Figures"](1000, 2, 10, 0), [])}
    assert PROSE["compare_with_budget"](results, lower=True) == 1
    assert budget.read_text() == "# Kept.\nhits_per_10_000_words = 20\nfirst_words = 9\nlong_sentences = 0\n"
    assert "first_words exceeds its budget" in capsys.readouterr().out


def test_texts_between_tags_count_and_drawings_do_not(tmp_path: Path) -> None:
    text = 'const a = <p d="M1 1l6 3-6 3z M9 what">It now goes on,\n  again.</p>;\n'
    assert findings(tmp_path, text, "page.tsx") == ["1 banned word"]


def test_errors_in_the_source_count() -> None:
    source = 'x = Error(f"There is no scenario {name}: use another.")\ny = "no sentence"\n'
    passages = list(PROSE["read_python"](ROOT / "src" / "trunkline" / "module.py", source))
    assert [passage.text for passage in passages] == ["There is no scenario `x`: use another."]
    spoken = ROOT / "src" / "trunkline" / "builtin_scenarios" / "module.py"
    assert list(PROSE["read_python"](spoken, source)) == []
