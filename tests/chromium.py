"""Finds the Chromium that browser tests drive, and starts it as they need it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.async_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = "no Chromium was found: run 'apt-get install chromium', or set CHROMIUM to its program"


def find_chromium() -> str | None:
    """The program named by CHROMIUM, on PATH, or downloaded by playwright; None where there is none."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    on_path = (shutil.which(name) for name in NAMES)
    return next((program for program in on_path if program), None) or _of_playwright()


def _of_playwright() -> str | None:
    folder = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or str(
        Path.home() / ".cache" / "ms-playwright"
    )
    programs = sorted(Path(folder).glob("chromium-*/chrome-linux*/chrome"), reverse=True)
    return str(programs[0]) if programs else None


async def launch(playwright: Playwright, program: str) -> Browser:
    """Start it headless, without a sandbox (containers) and without traffic of its own."""
    return await playwright.chromium.launch(executable_path=program, args=ARGUMENTS, headless=True)
