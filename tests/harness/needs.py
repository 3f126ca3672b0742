"""Needs of tests beyond Python and scripts/environment, checked when tests are collected.

A test that lacks one is skipped; its reason is the command that installs it, or what the system forbids.
"""

import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from typing import NoReturn

import pytest

PACKAGES = {
    "age": "age",
    "bash": "bash",
    "chromium": "chromium",
    "dpkg-deb": "dpkg",
    "fish": "fish",
    "git": "git",
    "lintian": "lintian",
    "openssl": "openssl",
    "pg_lsclusters": "postgresql",
    "promtool": "promtool",
    "shellcheck": "shellcheck",
    "strace": "strace",
    "systemd-analyze": "systemd",
    "systemd-sysusers": "systemd",
    "udevadm": "udev",
    "zsh": "zsh",
}
"""Programs that tests need, and the Debian packages that have them."""
APT = "sudo apt install "
ROOT = "sudo scripts/test"
BROWSER = ". scripts/environment test,browser"
FORBIDDEN = "the system forbids it: "
"""The beginning of reasons that no package and no user can remedy."""

needs_root = pytest.mark.skipif(os.getuid() != 0, reason=ROOT)


def needs(*programs: str) -> pytest.MarkDecorator:
    """Return the mark of tests that start these programs."""
    return pytest.mark.skipif(bool(_missing(programs)), reason=_missing(programs))


def _missing(programs: Iterable[str]) -> str:
    """Return the command that installs the missing ones of some programs; empty if all are there."""
    missing = sorted({PACKAGES[program] for program in programs if not shutil.which(program)})
    return APT + " ".join(missing) if missing else ""


def needs_allowance(is_allowed: bool, what: str) -> pytest.MarkDecorator:
    """Return the mark of tests that need something which a kernel or a container may forbid."""
    return pytest.mark.skipif(not is_allowed, reason=FORBIDDEN + what)


def require_root(*programs: str) -> None:
    """Skip the running test unless it is root's and has these programs; for fixtures that need them."""
    if os.getuid():
        pytest.skip(ROOT)
    if missing := _missing(programs):
        pytest.skip(missing)


def forbidden(what: str) -> NoReturn:
    """Skip the running test: it found out only now that the system forbids something."""
    pytest.skip(FORBIDDEN + what)


needs_browser = pytest.mark.skipif(
    not (find_spec("playwright") and find_spec("axe_playwright_python") and shutil.which("chromium")),
    reason=BROWSER if shutil.which("chromium") else APT + PACKAGES["chromium"],
)
"""The mark of tests with Debian's Chromium, driven by Playwright, which has no wheels for 32-bit ARM."""
