"""A real browser for the desk: Debian's Chromium, driven by Playwright; `needs` has the mark for its tests."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start a browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only CI has it

    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def linked_desk(config: Path) -> Iterator[str]:
    """Serve a desk at a port of this machine; give the link that works once."""
    program = subprocess.Popen(
        [sys.executable, "-m", "hotlined", "--config", str(config), "web", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout
        yield next(line.strip() for line in program.stdout if line.startswith("http"))
    finally:
        program.terminate()
        program.communicate()
