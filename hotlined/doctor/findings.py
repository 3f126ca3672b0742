"""What a check finds: a verdict, what is so, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How well something is: the `verdict` of `doctor --json`."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, its verdict, and what a person can do about it."""

    verdict: Health
    seen: str
    cure: str = ""


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
