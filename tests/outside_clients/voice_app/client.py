"""Voice app in Chromium with `@openai/agents` 0.0.5, on Azure's preview: `page.html`, behind `server.mjs`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.chromium import FLAGS, chromium_path


def main() -> None:
    """Serve the page, and hold the call in Chromium."""
    server = subprocess.Popen(["node", "server.mjs"], cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            page = browser.new_page(ignore_https_errors=True)
            page.on("console", lambda message: print(message.text, file=sys.stderr))
            page.goto(f"{url}/page.html")
            page.wait_for_function("() => window.call")
            told = page.evaluate("origin => window.call(origin)", os.environ["ORIGIN"])
            browser.close()
    finally:
        server.terminate()
        server.wait(10)
    print(json.dumps(told))


main()
