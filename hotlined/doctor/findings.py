"""The finding of a check: a verdict, the facts, and a cure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hotlined.language import NP_, Phrases, ngettext


class Health(StrEnum):
    """The verdict of a check, as `doctor --json` has it."""

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
"""The verdicts in words."""

_COUNTED = {
    Health.OK: lambda count: ngettext("{number} ok", "{number} ok", count),
    Health.WARN: lambda count: ngettext("{number} warn", "{number} warn", count),
    Health.FAIL: lambda count: ngettext("{number} fail", "{number} fail", count),
    Health.UNKNOWN: lambda count: ngettext("{number} unknown", "{number} unknown", count),
}


def tally_in_words(tally: Mapping[Health, int]) -> str:
    """Return the number of checks for each verdict: `2 fail, 20 ok`."""
    return ", ".join(_COUNTED[verdict](count) for verdict, count in sorted(tally.items()))


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of a check: its verdict, the facts in words, and advice for a person."""

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
    """Return the finding that all is well."""
    return Finding(Health.OK, seen)


def unknown(seen: str, cure: str = "") -> Finding:
    """Return the finding that something could not be checked."""
    return Finding(Health.UNKNOWN, seen, cure)


def warn(seen: str, cure: str) -> Finding:
    """Return the finding that something works, but should be changed."""
    return Finding(Health.WARN, seen, cure)


def fail(seen: str, cure: str) -> Finding:
    """Return the finding that something keeps the line from working."""
    return Finding(Health.FAIL, seen, cure)
