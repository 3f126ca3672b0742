"""Makes a failure of each test that is skipped, where HOTLINED_NO_SKIPS is set: CI has what every test looks for.

What no package brings is still skipped there: the kernel or the container may forbid it, and an older system lacks it.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest

FORBIDDEN = (
    "here nobody may mount",
    "this system lets nobody mount a small disk",
    "this udevadm cannot verify",  # before systemd 254
)


@pytest.hookimpl(hookwrapper=True)  # the pytest of bookworm has no later kind of wrapper
def pytest_runtest_makereport() -> Generator[None, Any]:
    """Give the report of a test that may not be skipped as one of a failure, with the reason that the test gave."""
    report: pytest.TestReport = (yield).get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("HOTLINED_NO_SKIPS"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason not in FORBIDDEN:
            report.outcome = "failed"
            report.longrepr = f"skipped, and nothing may be here (HOTLINED_NO_SKIPS): {reason}"
