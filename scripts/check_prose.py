"""Check of the prose in docstrings, comments, strings and pages, as CONTRIBUTING.md asks for it.

Without arguments it compares the whole repository with the budget in `check_prose_budget.toml`; with paths it lists
every finding in these files. A function's docstring must begin with a verb from `check_prose_verbs.txt`.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
import tomllib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VERBS = Path(__file__).with_name("check_prose_verbs.txt")
BUDGET = Path(__file__).with_name("check_prose_budget.toml")

MEASURED = (
    "src/trunkline/**/*.py",
    "scripts/**/*.py",
    "benchmarks/**/*.py",
    "benchmarks/**/*.md",
    "console/src/**/*.ts",
    "console/src/**/*.tsx",
    "docs/**/*.md",
    "*.md",
    ".github/**/*.md",
)
# Strings in these places are prompts, or words that agents and callers say.
SPOKEN = ("src/trunkline/scenarios/", "src/trunkline/builtin_scenarios/", "src/trunkline/authoring/")
# String literals are measured here: errors, findings and other texts for users.
SHOWN_TO_USERS = "src/trunkline/"
SHORT_SENTENCES = ("README.md", "docs/")
MAX_SENTENCE_WORDS = 30
MIN_STRING_WORDS = 4

# The budgets to reach; and the lead over a budget at which it must be lowered.
GOALS = {"hits_per_10_000_words": 6.0, "first_words": 0.0, "long_sentences": 0.0}
SLACK = {"hits_per_10_000_words": 1.0, "first_words": 10.0, "long_sentences": 10.0}

BANNED = re.compile(
    r"\b(?:anew|whoever|whatever|whose|told|tell(?:s|ing)|in\s+vain|befalls?|befell|shall|likewise|heeded|goes\s+on"
    r"|(?:is|are|was|were)\s+no\s+(?!longer\b|more\s+than\b|less\s+than\b|later\s+than\b|earlier\s+than\b)\w+"
    r"|there\s+(?:is|are)\s+none|lets?\s+out|makes?\s+known|of\s+(?:ours|theirs)|those\s+that|one['’]s\s+own"
    r"|mend(?:s|ed|ing)?)\b",
    re.IGNORECASE,
)
WH_WORD = re.compile(r"(?<![\w-])(what|who|how|whether|where)\b(?![-:=(])", re.IGNORECASE)
WH_OPENING = re.compile(
    r"\W*(?:(?:what|who|whom|whose|whoever|whatever|whether|where|how)\b|the\s+one\s+(?:who|that)\b|that\s+which\b)",
    re.IGNORECASE,
)

# "Return whether the link is up": after these verbs, with at most three words between, `whether` is good style.
WHETHER_VERBS = re.compile(
    r"\b(?:returns?|returned|checks?|checked|checking|says?|said|saying|knows?|known|knowing|decides?|decided|deciding"
    r"|reports?|reported|determines?|determined|sees?|seen|tests?|tested|testing|verify|verifies|verified|asks?|asked"
    r"|asking|shows?|shown|compares?|records?|chooses?|controls?"
    r"|indicates?|depends?\s+on|regardless\s+of)(?:\s+[\w`'’]+){0,3}\s+$",
    re.IGNORECASE,
)
# Before `who` and `where`, these words mean that no noun is described: the clause itself is the noun.
LEADS = frozenset(
    """
    of by to for from in on at with about into upon over after before between than as against like per without until
    is are was were be been being say says said saying know knows known knowing show shows shown see sees seen find
    finds found decide decides decided name names report reports ask asks asked explain explains remember remembers
    learn learns learned judge judges hold holds keep keeps read reads tell tells told choose chooses chosen set sets
    log logs write writes return returns check checks record records mark marks note notes
    """.split()  # noqa: SIM905 - a list of words reads better as text
)
JOINS = frozenset(("and", "or", "but", "nor"))
ADVERBS_OF_PLACE = frozenset(("also", "only", "even", "except"))

QUOTED = re.compile(r'"[^"]{1,200}"|“[^”]{1,200}”|‘[^’]{1,200}’')
CODE = (
    re.compile(r"(?ms)^[ \t]*```.*?^[ \t]*```"),
    re.compile(r"(?m)^[ \t]*>>>.*$"),
    re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL),
    re.compile(r"https?://\S+"),
    re.compile(r"(?<=\])\([^()\s]*\)"),
)
SENTENCE_END = re.compile(r"[.!?…][\"'”’)*_\]]*(?=\s+[\"'“‘(*_\[]*[A-Z0-9x])|\Z")
ABBREVIATION = re.compile(r"(?:\be\.g|\bi\.e|\bvs|\betc|\bcf|\bapprox)\.$", re.IGNORECASE)
LINTER_NOTE = re.compile(r"#\s*(?:noqa|type:|pragma|ruff:|mypy:|fmt:|!).*")
NOT_PROSE = re.compile(r"[{}|\\<>=\[\]]|\d[a-z]\d|^\s*(?:SELECT|INSERT)\b|^[\W\d]|/\S+/")


class Passage(NamedTuple):
    """Connected prose in one file: a docstring, a comment, a string, a paragraph, a list item or a table cell."""

    path: Path
    line: int
    text: str


class Finding(NamedTuple):
    """One breach of the style rules."""

    path: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        """Return the finding as one line of output."""
        return f"{shown(self.path)}:{self.line}: {self.kind}: {self.text}"


class Figures(NamedTuple):
    """Counts of one file, or the sum of several."""

    words: int = 0
    hits: int = 0
    first_words: int = 0
    long_sentences: int = 0

    @property
    def rate(self) -> float:
        """Hits per 10,000 words."""
        return self.hits * 10_000 / self.words if self.words else 0.0

    def plus(self, other: Figures) -> Figures:
        """Return the sum of both."""
        return Figures(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Checked(NamedTuple):
    """Result for one file."""

    figures: Figures
    findings: list[Finding]


def main(arguments: list[str] | None = None) -> int:
    """Run the check and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders whose findings to list")
    parser.add_argument("--counts", action="store_true", help="print a table per package, or per file of PATH")
    parser.add_argument("--lower", action="store_true", help="write the present figures as the budget, where lower")
    options = parser.parse_args(arguments)
    paths: list[Path] = options.paths
    results = {path: check(path) for path in (named_files(paths) if paths else measured_files())}
    if options.counts:
        print_counts(results, by_file=bool(paths))
        return 0
    if paths:
        return list_findings(results)
    return compare_with_budget(results, lower=options.lower)


def measured_files() -> list[Path]:
    """Return every file that counts towards the budget."""
    return sorted({path for pattern in MEASURED for path in ROOT.glob(pattern) if path.is_file()})


def named_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files among the paths and below the folders among them."""
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(file for kind in READERS for file in path.resolve().rglob(f"*{kind}"))
        elif not path.exists():
            sys.exit(f"{path} does not exist: name a file or a folder.")
        elif path.suffix in READERS:
            found.add(path.resolve())
    return sorted(path for path in found if "node_modules" not in path.parts)


def check(path: Path) -> Checked:
    """Check one file."""
    source = path.read_text()
    name = shown(path)
    passages = list(READERS[path.suffix](path, source))
    words = sum(count_words(mask_code(passage.text)) for passage in passages)
    hits = [finding for passage in passages for finding in find_hits(passage)]
    openings = list(find_bad_openings(path, source)) if path.suffix == ".py" and not name.startswith("tests/") else []
    long = []
    if path.suffix == ".md" and name.startswith(SHORT_SENTENCES):
        long = [finding for passage in passages for finding in find_long_sentences(passage)]
    findings = sorted([*hits, *openings, *long], key=lambda finding: finding.line)
    return Checked(Figures(words, len(hits), len(openings), len(long)), findings)


def list_findings(results: dict[Path, Checked]) -> int:
    """Print every finding and a summary."""
    total = Figures()
    for checked in results.values():
        total = total.plus(checked.figures)
        for finding in checked.findings:
            print(finding)
    print(
        f"{total.words} words: {total.hits} hits ({total.rate:.1f} per 10,000), {total.first_words} first words, "
        f"{total.long_sentences} long sentences"
    )
    return 1 if total.hits or total.first_words or total.long_sentences else 0


def print_counts(results: dict[Path, Checked], *, by_file: bool) -> None:
    """Print a table with one row per package or file."""
    rows: defaultdict[str, Figures] = defaultdict(Figures)
    for path, checked in results.items():
        name = shown(path) if by_file else package_of(path)
        rows[name] = rows[name].plus(checked.figures)
        rows["total"] = rows["total"].plus(checked.figures)
    rows["total"] = rows.pop("total", Figures())
    width = max(len(name) for name in rows)
    print(f"{'':{width}}  {'words':>7}  {'hits':>5}  {'per 10,000':>10}  {'first words':>11}  {'long sentences':>14}")
    for name, figures in rows.items():
        print(
            f"{name:{width}}  {figures.words:>7}  {figures.hits:>5}  {figures.rate:>10.1f}  "
            f"{figures.first_words:>11}  {figures.long_sentences:>14}"
        )


def compare_with_budget(results: dict[Path, Checked], *, lower: bool) -> int:
    """Print each figure beside its budget and return 1 unless all of them fit."""
    total = Figures()
    for checked in results.values():
        total = total.plus(checked.figures)
    measured = {
        "hits_per_10_000_words": round(total.rate, 1),
        "first_words": float(total.first_words),
        "long_sentences": float(total.long_sentences),
    }
    budget = {name: float(limit) for name, limit in tomllib.loads(BUDGET.read_text()).items()}
    if lower:
        budget = {name: min(limit, max(measured[name], GOALS[name])) for name, limit in budget.items()}
        write_budget(budget)
    complaints = [complaint for name in GOALS if (complaint := judge(name, measured[name], budget[name]))]
    for name, figure in measured.items():
        print(f"{name}: {figure:g} (budget {budget[name]:g}, goal {GOALS[name]:g})")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def judge(name: str, figure: float, limit: float) -> str | None:
    """Return a complaint about a figure that exceeds its budget or is far below it."""
    if figure > limit:
        return (
            f"{name} exceeds its budget: list the findings with `python scripts/check_prose.py PATH…` and rewrite them."
        )
    if figure < limit - SLACK[name] and limit > GOALS[name]:
        return f"{name} is below its budget: lower it with `python scripts/check_prose.py --lower`."
    return None


def write_budget(budget: dict[str, float]) -> None:
    """Replace the numbers in the budget's file and keep its comments."""
    text = BUDGET.read_text()
    for name, limit in budget.items():
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {limit:g}", text)
    BUDGET.write_text(text)


def find_hits(passage: Passage) -> Iterator[Finding]:
    """Find banned words, and wh-clauses that stand for nouns."""
    text = mask(mask_code(passage.text), QUOTED)
    lines = Lines(passage)
    for match in BANNED.finditer(text):
        yield Finding(passage.path, lines.at(match.start()), "banned word", excerpt(passage.text, *match.span()))
    for start, sentence in sentences_of(text):
        for match in WH_WORD.finditer(sentence):
            if stands_for_a_noun(match, sentence):
                place = start + match.start()
                yield Finding(
                    passage.path, lines.at(place), "wh-clause", excerpt(passage.text, place, start + match.end())
                )


def stands_for_a_noun(match: re.Match[str], sentence: str) -> bool:
    """Return whether the wh-word begins a clause that stands for a noun."""
    word, before, after = match[1].lower(), sentence[: match.start()], sentence[match.end() :]
    if sentence.rstrip("\"'”’)*_] \n").endswith("?"):
        return False
    if word == "what":
        return True
    if word == "how":
        return re.match(r"\s+to\b", after) is None
    if word == "whether":
        return WHETHER_VERBS.search(before) is None and not re.search(
            r"\bwhether\b.*\b(?:and|or)\s+$", before, re.DOTALL
        )
    lead = re.search(r"([\w'’]*)([^\w'’]*)$", before)
    last, gap = (lead[1].lower(), lead[2]) if lead else ("", "")
    begins = not before.strip(" \t\n*_-#>(")
    if word == "where":
        return (begins and "," not in after) or (not gap.strip() and last in LEADS - ADVERBS_OF_PLACE)
    if last in JOINS:
        return not re.search(r"\bwho\b", before, re.IGNORECASE)
    return begins or re.search(r"[:;(]", gap) is not None or (not gap.strip() and last in LEADS)


def find_bad_openings(path: Path, source: str) -> Iterator[Finding]:
    """Find docstrings of functions that do not begin with a verb, and docstrings that begin with a wh-word."""
    for node in nodes_of(source):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if not text:
            continue
        line = docstring_line(node)
        word = text.split()[0]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(node):
            if not is_prompt(path, node) and not is_verb(word):
                yield Finding(path, line, "first word", f"{word!r} in {node.name}: {hint(word)}")
        elif WH_OPENING.match(text):
            yield Finding(path, line, "first word", f"{word!r}: begin with a noun phrase that names the thing")


def docstring_line(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the line on which the docstring begins."""
    return node.body[0].lineno


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a decorator turns the function into an attribute."""
    return any(
        name.endswith("property") or name in ("setter", "getter", "deleter")
        for name in map(decorator_name, function.decorator_list)
    )


def is_prompt(path: Path, node: ast.AST) -> bool:
    """Return whether a model reads the docstring, as the description of a scenario's tool."""
    return (
        shown(path).startswith(SPOKEN)
        and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(decorator_name(decorator).endswith("tool") for decorator in node.decorator_list)
    )


def decorator_name(decorator: ast.expr) -> str:
    """Return the last part of a decorator's name."""
    if isinstance(decorator, ast.Call):
        return decorator_name(decorator.func)
    return decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")


def is_verb(word: str) -> bool:
    """Return whether the word is an accepted base-form verb."""
    plain = word.rstrip(".,:;")
    if not re.fullmatch(r"[A-Z][a-z]*(?:-[a-z]+)?", plain):
        return False
    return plain.lower() in verbs() or ("-" in plain and plain.split("-")[1] in verbs())


@cache
def verbs() -> frozenset[str]:
    """Return the accepted verbs."""
    return frozenset(line for line in VERBS.read_text().split("\n") if line and not line.startswith("#"))


def hint(word: str) -> str:
    """Return advice about a first word that is not an accepted verb."""
    plain = word.strip(".,:;`'\"").lower()
    for ending, instead in (("ies", "y"), ("es", ""), ("es", "e"), ("s", ""), ("ing", ""), ("ed", "")):
        if plain.endswith(ending) and plain[: -len(ending)] + instead in verbs():
            return f"write “{(plain[: -len(ending)] + instead).capitalize()} …”"
    return f"begin with a base-form verb, or add it to scripts/{VERBS.name} if it is one"


def find_long_sentences(passage: Passage) -> Iterator[Finding]:
    """Find sentences with more words than a page may have."""
    lines = Lines(passage)
    for start, sentence in sentences_of(mask_code(passage.text)):
        words = count_words(sentence)
        if words > MAX_SENTENCE_WORDS:
            shown_text = " ".join(passage.text[start : start + len(sentence)].split())
            first = start + len(sentence) - len(sentence.lstrip())
            yield Finding(passage.path, lines.at(first), "long sentence", f"{words} words: {shown_text[:90]}…")


def read_python(path: Path, source: str) -> Iterator[Passage]:
    """Read docstrings, strings that stand alone, comments, and string literals that are sentences."""
    spoken = shown(path).startswith(SPOKEN)
    alone: set[ast.AST] = set()
    parts: set[ast.AST] = set()
    for node in nodes_of(source):
        if spoken and is_prompt(path, node):
            alone.update(string_statements(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value not in alone:
            alone.add(node.value)
            if isinstance(node.value.value, str):
                yield Passage(path, node.value.lineno, node.value.value)
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
    if shown(path).startswith(SHOWN_TO_USERS) and not spoken:
        for node in nodes_of(source):
            if node not in alone and node not in parts and isinstance(node, ast.Constant | ast.JoinedStr):
                text = literal_text(node)
                if is_sentence(text):
                    yield Passage(path, node.lineno, text)
    yield from python_comments(path, source)


@lru_cache(maxsize=1)
def nodes_of(source: str) -> list[ast.AST]:
    """Return all nodes of the syntax tree; a function comes before its body."""
    return list(ast.walk(ast.parse(source)))


def string_statements(function: ast.AST) -> Iterator[ast.AST]:
    """Return the strings that stand alone in a function's body."""
    for statement in getattr(function, "body", []):
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            yield statement.value


def is_sentence(text: str) -> bool:
    """Return whether a string literal has the words of a sentence, and no marks of code."""
    return len(text.split()) >= MIN_STRING_WORDS and not NOT_PROSE.search(text)


def literal_text(node: ast.Constant | ast.JoinedStr) -> str:
    """Return the text of a literal, with a placeholder for each value that is formatted into it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(literal_text(part) if isinstance(part, ast.Constant) else "`x`" for part in node.values)


def python_comments(path: Path, source: str) -> Iterator[Passage]:
    """Read comments; lines of comment below one another are one passage."""
    block: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, column = token.start
        whole_line = not token.line[:column].strip()
        if block and not (whole_line and block[-1][0] == line - 1):
            yield joined(path, block)
            block = []
        block.append((line, LINTER_NOTE.sub("", token.string).lstrip("#")))
        if not whole_line:
            yield joined(path, block)
            block = []
    if block:
        yield joined(path, block)


def read_typescript(path: Path, source: str) -> Iterator[Passage]:
    """Read comments, and sentences in string literals and between tags."""
    block: list[tuple[int, str]] = []
    line, place = 1, 0
    for match in TYPESCRIPT_TOKEN.finditer(source):
        line += source.count("\n", place, match.start())
        place = match.start()
        text = match[0]
        if block and not (text.startswith("//") and block[-1][0] == line - 1):
            yield joined(path, block)
            block = []
        if text.startswith("//"):
            block.append((line, text.lstrip("/")))
        elif text.startswith("/*"):
            yield Passage(path, line, re.sub(r"(?m)^\s*\*+|^/\*+|\*+/$", " ", text))
        elif is_sentence(inner := re.sub(r"\$\{[^}]*\}", "`x`", text.strip("\"'`>"))):
            yield Passage(path, line, inner)
    if block:
        yield joined(path, block)


# Comments, string literals, and the text between tags.
TYPESCRIPT_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|(?<!=)>[^<>{}=;]+(?=[<{])",
    re.DOTALL,
)


def joined(path: Path, block: list[tuple[int, str]]) -> Passage:
    """Return lines of comment as one passage."""
    return Passage(path, block[0][0], "\n".join(text for _, text in block))


def read_markdown(path: Path, source: str) -> Iterator[Passage]:
    """Read headings, paragraphs, list items and table cells; blocks of code are left out."""
    block: list[tuple[int, str]] = []
    fence = ""
    text = re.sub(r"<!--.*?-->", lambda match: re.sub(r"[^\n]", " ", match[0]), source, flags=re.DOTALL)
    for number, line in enumerate(text.split("\n"), 1):
        opening = re.match(r"\s*(```+|~~~+)", line)
        begins = bool(
            opening or fence or not line.strip() or re.match(r"\s*(?:#|\||[-*+]\s|\d+[.)]\s|\[[^\]]+\]:)", line)
        )
        if begins and block:
            yield joined(path, block)
            block = []
        if opening and (not fence or opening[1].startswith(fence)):
            fence = "" if fence else opening[1]
        elif fence or not line.strip() or re.match(r"\s*\[[^\]]+\]:\s", line):
            continue
        elif line.lstrip().startswith("|"):
            yield from table_cells(path, number, line)
        elif line.lstrip().startswith("#"):
            yield Passage(path, number, line.lstrip("# "))
        else:
            block.append((number, re.sub(r"^\s*(?:[-*+]|\d+[.)]|>)\s", " ", line)))
    if block:
        yield joined(path, block)


def table_cells(path: Path, number: int, line: str) -> Iterator[Passage]:
    """Read the cells of one row of a table."""
    masked = mask_code(line)
    bars = [place for place, letter in enumerate(masked) if letter == "|" and masked[place - 1] != "\\"]
    for start, end in pairwise([*bars, len(line)]):
        cell = line[start + 1 : end]
        if cell.strip(" :-|"):
            yield Passage(path, number, cell)


def mask_code(text: str) -> str:
    """Replace code and addresses by one word of equal length each."""
    for pattern in CODE:
        text = mask(text, pattern)
    return text


def mask(text: str, pattern: re.Pattern[str]) -> str:
    """Replace each match by letters of equal length, so that places in the text stay the same."""
    return pattern.sub(lambda match: "x" * len(match[0]), text)


def sentences_of(text: str) -> Iterator[tuple[int, str]]:
    """Return each sentence with the place where it begins; an empty line ends one, too."""
    start = 0
    ends = [match.end() for match in SENTENCE_END.finditer(text) if not ABBREVIATION.search(text[: match.end()])]
    ends += [match.start() for match in re.finditer(r"\n\s*\n", text)]
    ends += [match.start() for match in re.finditer(r"\n\s*(?=[-*+] )|\n {8,}(?=\w+: )", text)]
    for end in sorted({*ends, len(text)}):
        if text[start:end].strip():
            yield start, text[start:end]
        start = end


def count_words(text: str) -> int:
    """Count the words in a text without code."""
    return sum(1 for word in text.split() if any(letter.isalnum() for letter in word))


def excerpt(text: str, start: int, end: int) -> str:
    """Return a few words around a place in the text."""
    before = " ".join(text[max(0, start - 25) : start].split())
    after = " ".join(text[end : end + 35].split())
    return f"… {before} «{' '.join(text[start:end].split())}» {after} …"


def package_of(path: Path) -> str:
    """Return the name of the table's row for the file: its package or folder."""
    parts = shown(path).split("/")
    if parts[:2] == ["src", "trunkline"]:
        return "/".join(parts[:3]) if len(parts) > 3 else "src/trunkline/*.py"
    return "/".join(parts[:2]) if parts[0] in ("docs", "console") else parts[0]


@cache
def shown(path: Path) -> str:
    """Return the path relative to the repository where it is inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


class Lines:
    """Line numbers of a passage."""

    def __init__(self, passage: Passage) -> None:
        """Find the beginning of each line."""
        self._first = passage.line
        self._breaks = [place for place, letter in enumerate(passage.text) if letter == "\n"]

    def at(self, place: int) -> int:
        """Return the file's line at a place in the text."""
        return self._first + bisect_right(self._breaks, place - 1)


READERS: dict[str, Callable[[Path, str], Iterator[Passage]]] = {
    ".py": read_python,
    ".md": read_markdown,
    ".ts": read_typescript,
    ".tsx": read_typescript,
}


if __name__ == "__main__":
    sys.exit(main())
