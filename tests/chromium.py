"""The Chromium that tests drive, and how it is started: on loopback, quiet, with a microphone that needs no leave."""

from __future__ import annotations

import os

import pytest
from scripts.browser import find

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
]


def chromium_path() -> str:
    """Where Chromium is; without one the test is skipped, in CI it fails."""
    path = find()
    if path is None:
        reason = "no Chromium found: install one, or name it in TRUNKLINE_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
