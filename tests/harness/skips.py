"""What a run of the tests left out: the last line says it, and where HOTLINED_NO_SKIPS is set each skipped test fails.

What no package brings is skipped there, too: the kernel or the container may forbid it, and an older system lacks it.
"""

import os
from collections import Counter
from collections.abc import Generator
from typing import Any

import extent
import pytest
from needs import APT, FORBIDDEN


def _reason(report: pytest.TestReport) -> str:
    words = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    return words.removeprefix("Skipped: ")


@pytest.hookimpl(hookwrapper=True)  # the pytest of bookworm has no later kind of wrapper
def pytest_runtest_makereport() -> Generator[None, Any]:
    """Give the report of a test that may not be skipped as one of a failure, with the reason that the test gave."""
    report: pytest.TestReport = (yield).get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("HOTLINED_NO_SKIPS"):
        reason = _reason(report)
        if not reason.startswith(FORBIDDEN):
            report.outcome = "failed"
            report.longrepr = f"skipped, and nothing may be here (HOTLINED_NO_SKIPS): {reason}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in the last line what was left out, and what brings it."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("passed"):
        reporter.write_line(left_out([_reason(report) for report in reporter.stats.get("skipped", [])]))


def left_out(reasons: list[str]) -> str:
    """Return what a run left out that skipped tests for these reasons."""
    packages = sorted({word for reason in reasons if reason.startswith(APT) for word in reason[len(APT) :].split()})
    counted = Counter(APT + " ".join(packages) if reason.startswith(APT) else reason for reason in reasons)
    parts = [
        f"{reason} ({many})" if reason.startswith(FORBIDDEN) else f"{many} that `{reason}` brings"
        for reason, many in counted.most_common()
    ]
    tests = f"{len(reasons)} tests: {'; '.join(parts)}" if reasons else "no test"
    return f"Left out: {tests}. {extent.left_out()}".rstrip()
