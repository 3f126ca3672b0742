"""What a check finds: a verdict, what is so, and what a person can do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hotlined.language import NP_, Phrases, ngettext


class Health(StrEnum):
    """How well something is: the `verdict` of `doctor --json`."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


VERDICTS = Phrases(
    {
        Health.OK: NP_("check", "ok"),
        Health.WARN: NP_("check", "warn"),
        Health.FAIL: NP_("check", "fail"),
        Health.UNKNOWN: NP_("check", "unknown"),
    }
)
"""Every verdict as people read it."""

_COUNTED = {
    Health.OK: lambda count: ngettext("{number} ok", "{number} ok", count),
    Health.WARN: lambda count: ngettext("{number} warn", "{number} warn", count),
    Health.FAIL: lambda count: ngettext("{number} fail", "{number} fail", count),
    Health.UNKNOWN: lambda count: ngettext("{number} unknown", "{number} unknown", count),
}


def tally_in_words(tally: Mapping[Health, int]) -> str:
    """Return how many checks have which verdict: `2 fail, 20 ok`."""
    return ", ".join(_COUNTED[verdict](count) for verdict, count in sorted(tally.items()))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, its verdict, and what a person can do about it."""

    verdict: Health
    seen: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A line of doctor --json."""

    check: str
    verdict: Health
    seen: str
    cure: str


def ok(seen: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(Health.OK, seen)


def unknown(seen: str, cure: str = "") -> Finding:
    """Return a finding that something could not be checked."""
    return Finding(Health.UNKNOWN, seen, cure)


def warn(seen: str, cure: str) -> Finding:
    """Return a finding of what works and should be changed."""
    return Finding(Health.WARN, seen, cure)


def fail(seen: str, cure: str) -> Finding:
    """Return a finding of what keeps the line from working."""
    return Finding(Health.FAIL, seen, cure)
