"""The documentation site: its API reference is complete, and its links hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mkdocs.exceptions import PluginError
from scripts.docs_hooks import rewrite_links

import trunkline
import trunkline.testing

DOCS = Path(__file__).parents[1] / "docs"
HOST = "https://code.example/trunkline"


@pytest.mark.parametrize(
    ("page", "package", "names"),
    [
        ("trunkline.md", "trunkline", {*trunkline.__all__} - {"__version__"}),
        ("testing.md", "trunkline.testing", {*trunkline.testing.__all__}),
    ],
)
def test_the_api_reference_has_every_public_name(page: str, package: str, names: set[str]) -> None:
    text = (DOCS / "api" / page).read_text("utf-8")
    documented = re.findall(rf"^(?::::|##) {re.escape(package)}\.(\w+)$", text, re.MULTILINE)
    assert sorted(documented) == sorted(names)


@pytest.mark.parametrize(
    ("page", "link", "rewritten"),
    [
        ("index.md", "docs/engine.md#speech", "engine.md#speech"),
        ("index.md", "CONTRIBUTING.md", "contributing.md"),
        ("index.md", "LICENSE", f"{HOST}/blob/main/LICENSE"),
        ("benchmarks.md", "../README.md", "index.md"),
        ("console.md", "../benchmarks/README.md#relay", "benchmarks.md#relay"),
        ("adr/README.md", "0002-scenario-package.md", "0002-scenario-package.md"),
        ("adr/README.md", "../architecture.md", "../architecture.md"),
        ("architecture.md", "../src/trunkline", f"{HOST}/tree/main/src/trunkline"),
        ("index.md", "https://elsewhere.example/docs/engine.md", "https://elsewhere.example/docs/engine.md"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site(page: str, link: str, rewritten: str) -> None:
    assert rewrite_links(f"See [this]({link}).", page, HOST) == f"See [this]({rewritten})."


def test_code_that_looks_like_a_link_stays() -> None:
    for code in ("`[Returns](NT-040)`", "```\n[Returns](NT-040)\n```"):
        assert rewrite_links(code, "engine.md", HOST) == code


def test_a_link_to_a_file_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(PluginError, match=r"engine\.md links to docs/nothing\.md"):
        rewrite_links("[this](nothing.md)", "engine.md", HOST)
