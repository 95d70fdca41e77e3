"""Source text of values and comments: exact, on their lines, and as `ruff format` writes it."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trunkline.testing.from_call.python_source import Source, call, comment, literal, string, string_parts

pytestmark = pytest.mark.pure

HOSTILE = ['"""', "'''", '"', "it's", "{x}", "{{", "}}", "%s", "\\", "\\N{DASH}", "a\nb", "a\r\nb", "\x00", "\x0c",
           "\u2028", "\u202e", "\ud800", "é 日本 🙂", "# noqa", "# type: ignore", "# fmt: off", "\t", ""]  # fmt: skip
texts = st.one_of(st.sampled_from(HOSTILE), st.text(), st.lists(st.sampled_from(HOSTILE)).map(" ".join))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


def value_of(source: str) -> object:
    """Return the value of an expression, without names but `float`."""
    return eval(source, {"__builtins__": {}, "float": float})


@given(texts)
@example('"""')
def test_a_string_is_exactly_the_text(text: str) -> None:
    assert ast.literal_eval(string(text)) == text


@given(st.text(min_size=60), st.integers(0, 40))
def test_a_long_string_is_exactly_the_text(text: str, column: int) -> None:
    assert ast.literal_eval(f"(\n{string_parts(text, column)}\n)") == text


@given(values)
def test_a_literal_is_exactly_the_value(value: object) -> None:
    assert value_of(literal(value, 4, 12)) == value


@given(st.lists(st.tuples(st.one_of(st.none(), texts), values), max_size=4, unique_by=lambda one: one[0]))
def test_a_call_passes_exactly_the_arguments(arguments: list[tuple[str | None, object]]) -> None:
    source = call("noted", arguments, column=0)
    got = eval(source, {"__builtins__": {}, "float": float, "noted": lambda *args, **named: (args, named)})
    positional = tuple(value for name, value in arguments if name is None)
    assert got == (positional, {name: value for name, value in arguments if name is not None})


@given(texts, texts)
def test_a_comment_stays_a_comment(text: str, speaker: str) -> None:
    source = comment(text, 0, start=f"{' '.join(speaker.split()).encode('ascii', 'ignore').decode()} said:")
    kinds = {token.type for token in tokenize.generate_tokens(io.StringIO(source + "\n").readline)}
    assert kinds <= {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}


def test_source_is_not_quoted() -> None:
    assert call("f", [(None, Source("ANY")), ("x", Source("HERE / 'a'"))], column=0) == "f(ANY, x=HERE / 'a')"


def test_quotation_marks_are_those_that_need_fewer_escapes() -> None:
    assert string('say "no"') == "'say \"no\"'"
    assert string("it's") == '"it\'s"'


def test_an_argument_that_is_no_name_is_still_passed() -> None:
    assert call("f", [("class", 1), ("my-arg", 2)], column=0) == 'f(**{"class": 1, "my-arg": 2})'


def test_the_source_is_formatted(tmp_path: Path) -> None:
    long = "a sentence that is said again and again, until the line is too long " * 3
    answers = {"price": 12.5, "things": [long, "b"] * 3, "none": None, 'quoted "x"': "it's"}
    lines = [
        call("f", [(None, long)], column=0),
        call("f", [(None, long), ("interrupting_after_ms", 20)], column=0),
        call("f", [(None, "日本語の長い文章です。" * 4), ("answers", answers)], ",", column=0).rstrip(","),
        f"x = {literal(answers, 0, 4)}",
        f"y = {literal(long, 0, 4)}",
        comment(long, 0, start="clerk said:"),
    ]
    file = tmp_path / "generated.py"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
