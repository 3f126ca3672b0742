"""Skipped tests: the last line of a run names them, and with HOTLINED_NO_SKIPS each of them fails.

Those that no package can enable are skipped there, too: the kernel or the container may forbid them, or an older system
lacks something.
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


@pytest.hookimpl(hookwrapper=True)  # bookworm's pytest has no newer kind of wrapper
def pytest_runtest_makereport() -> Generator[None, Any]:
    """Report a test that may not be skipped as failed, with the reason of the skip."""
    report: pytest.TestReport = (yield).get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("HOTLINED_NO_SKIPS"):
        reason = _reason(report)
        if not reason.startswith(FORBIDDEN):
            report.outcome = "failed"
            report.longrepr = f"skipped, and nothing may be here (HOTLINED_NO_SKIPS): {reason}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print a last line with the skipped tests and their remedies."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and (reporter.stats.get("passed") or reporter.stats.get("skipped")):
        reasons = [_reason(report) for report in reporter.stats.get("skipped", [])]
        reporter.write_line(left_out(reasons, named=config.args != config.getini("testpaths")))


def left_out(reasons: list[str], *, named: bool = False) -> str:
    """Return the words for a run with skips of these reasons, of all tests or of those that were named."""
    packages = sorted({word for reason in reasons if reason.startswith(APT) for word in reason[len(APT) :].split()})
    counted = Counter(APT + " ".join(packages) if reason.startswith(APT) else reason for reason in reasons)
    parts = [
        f"{reason} ({many})" if reason.startswith(FORBIDDEN) else f"{many} that `{reason}` brings"
        for reason, many in counted.most_common()
    ]
    tests = f"{len(reasons)} {'test' if len(reasons) == 1 else 'tests'}: {'; '.join(parts)}" if reasons else "no test"
    if named:
        tests = f"all that were not named, and of those {tests}"
    return f"Left out: {tests}. {extent.left_out()}".rstrip()
