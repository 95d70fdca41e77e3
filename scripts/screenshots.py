"""Takes the screenshots that the README and the documents show, from a real call on the local engine.

.venv/bin/python scripts/screenshots.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, expect, sync_playwright  # noqa: E402
from tests.browser.conftest import FLAGS, MICROPHONE, Caller, Server, chromium_path  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WIDE = {"width": 1360, "height": 850}
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PHONE = {"width": 390, "height": 844}


def main() -> None:
    """All the pictures."""
    server = Server()
    server.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            for scheme in _SCHEMES:
                take(browser, server.url, scheme, WIDE, f"console-{scheme}.png")
            take(browser, server.url, "light", PHONE, "console-phone.png")
            browser.close()
    finally:
        server.stop()


def take(browser: Browser, url: str, scheme: Literal["light", "dark"], size: dict[str, int], name: str) -> None:
    """The haiku conversation, up to the haiku."""
    context = browser.new_context(
        permissions=["microphone"],
        color_scheme=scheme,
        viewport={"width": size["width"], "height": size["height"]},
        locale="en-GB",
    )
    context.add_init_script(path=MICROPHONE)
    caller = Caller(context.new_page())
    caller.page.goto(url)
    caller.hears("Hello, and welcome")
    caller.waits_for_quiet()
    caller.says("yes please")
    expect(caller.page.get_by_role("combobox", name="Agent")).to_have_value("haikuWriter", timeout=10_000)
    caller.hears("What shall yours be about")
    caller.waits_for_quiet(ms=1500)
    caller.says("a haiku about the volcano")
    caller.hears("Shall I write another")
    caller.page.wait_for_timeout(1500)
    caller.page.screenshot(path=IMAGES / name)
    context.close()


if __name__ == "__main__":
    main()
