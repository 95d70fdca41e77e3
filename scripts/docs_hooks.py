"""MkDocs hooks: pages from the repository's root, and links that hold in the repository and on the site.

A link in a Markdown file is relative to that file in the repository, so it works on a code host. The site has
another layout. Each link is resolved in the repository and rewritten to its page on the site, or to the code host where
the site has no such page.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "THIRD_PARTY_NOTICES.md": "notices.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Files outside `docs/`, by their page on the site."""
_SOURCES = {page: source for source, page in PAGES.items()}
_CODE_OR_LINK = re.compile(r"```.*?```|`[^`]*`|(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(?=\))", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that come from the repository's root."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page for the site."""
    return rewrite_links(markdown, page.file.src_uri, config.repo_url or "")


def rewrite_links(markdown: str, page: str, repository: str) -> str:
    """Return the text of `page` with each relative link rewritten for the site.

    Args:
        markdown: the page's text.
        page: its path below the site's root, such as `adr/README.md`.
        repository: the address of the code host, for files that are not on the site.

    Raises:
        PluginError: a link names a file that does not exist.
    """
    source = _SOURCES.get(page, f"docs/{page}")

    def rewritten(link: re.Match[str]) -> str:
        if link[1] is None:  # code, which only looks as if it had a link
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        return _on_site(path, page, repository) + (link[2] or "")

    return _CODE_OR_LINK.sub(rewritten, markdown)


def _on_site(path: str, page: str, repository: str) -> str:
    target = PAGES.get(path)
    if target is None and path.startswith("docs/"):
        target = path.removeprefix("docs/")
    if not (ROOT / path).exists():
        raise PluginError(f"{page} links to {path}, which does not exist. Correct the link.")
    if target is None:
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{repository}/{kind}/main/{path}"
    return posixpath.relpath(target, posixpath.dirname(page) or ".")


def on_startup(**_options: Any) -> None:
    """Keep the hooks alive between builds, so that `mkdocs serve` reads the root's files again."""
