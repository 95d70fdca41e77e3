"""Stored calls in Chromium with a real server: the list, and the opening of a call of an hour.

    python benchmarks/calls_page.py [--calls 5000] [--opens 5]

The times begin with the navigation, on SQLite and on Postgres. A call is open once its player and the first part of its
transcript can be used. It is complete once the whole log has arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.async_api import Browser, Page, async_playwright
from scripts.browser import find
from shared.process import serving
from shared.trunkline_server import serve_trunkline

from store import HOUR_TURNS, databases, filled
from trunkline.store.audio import opus

FLAGS = ["--no-sandbox", "--disable-gpu"]
WATCH = """moments => {
  window.shown = {};
  const look = () => {
    for (const [name, [selector, count]] of Object.entries(moments)) {
      if (name in shown || document.querySelectorAll(selector).length < count) continue;
      shown[name] = null;
      requestAnimationFrame(() => setTimeout(() => (shown[name] = performance.now())));
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}"""
LIST = {"the list": ("tbody tr", 20)}
CALL = {
    "a call of an hour, open": ("section[aria-label=Player], .stored-list .moment", 2),
    "… complete": (".stored-list .moment", 2 * HOUR_TURNS),
}
Moments = dict[str, tuple[str, int]]


async def shown(page: Page, url: str, moments: Moments) -> dict[str, float]:
    """Return the times from the navigation until each moment's elements are painted, in ms."""
    await page.add_init_script(f"({WATCH})({json.dumps(moments)})")
    await page.goto(url, wait_until="commit")
    last = list(moments)[-1]
    await page.wait_for_function("last => window.shown?.[last]", arg=last, polling=100)
    times: dict[str, float] = await page.evaluate("shown")
    return times


async def measured(browser: Browser, url: str, calls: int, opens: int) -> None:
    """Open the pages several times, each with an empty cache."""
    found: dict[str, list[float]] = {}
    for _ in range(opens):
        for path, moments in (("calls", LIST), (f"calls/call_{calls}", CALL)):
            context = await browser.new_context(viewport={"width": 1440, "height": 900})
            page = await context.new_page()
            for name, ms in (await shown(page, f"{url}/{path}", moments)).items():
                found.setdefault(name, []).append(ms)
            await context.close()
    for name, times in found.items():
        print(f"  {name:<26} {statistics.median(times):6.0f} ({max(times):.0f}) ms")


async def measure(calls: int, opens: int) -> None:
    path = find()
    if path is None:
        sys.exit("No Chromium found: install one, or name it in TRUNKLINE_CHROMIUM.")
    async with databases() as urls, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, url in urls.items():
            await filled(url, calls)
            folder = Path(urls["SQLite"].removeprefix("sqlite:///")).parent
            os.environ |= {
                "TRUNKLINE_STORE": "full",
                "TRUNKLINE_STORE_DAYS": "0",  # the calls are months old
                "TRUNKLINE_DATABASE_URL": url,
                "TRUNKLINE_DATA_DIR": str(folder),
            }
            print(f"{name}: {calls} calls and one of an hour, median (worst) of {opens}")
            async with serving(__file__, "trunkline") as server:
                await measured(browser, server.url, calls, opens)
        await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", choices=("trunkline",), help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--opens", type=int, default=5)
    given = parser.parse_args()
    if given.serve:
        opus.is_installed = lambda: False
    asyncio.run(serve_trunkline("http://127.0.0.1:1") if given.serve else measure(given.calls, given.opens))


if __name__ == "__main__":
    main()
