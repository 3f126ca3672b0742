"""The contacts of a simulation: an invented flood, or the log of real contacts."""

import csv
import random
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from hotlined.clock import parse_rfc3339, rfc3339
from hotlined.config import AnswerConfig, Config
from hotlined.errors import UsageError
from hotlined.gsm.address import Address, Identity, LineType, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.language import _
from hotlined.states import ContactKind

HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1970, 3000)  # of a log; a machine without a clock chip may write 1970
_COLUMNS = ("received_at", "originator", "kind", "text")
_ESCAPED = re.compile(r"\A'(?=[=+\-@])")  # the apostrophe of `log --csv` before a formula


@dataclass(frozen=True, slots=True)
class Arrival:
    """A contact of the simulation; `at` is in seconds since the first."""

    at: float
    kind: str
    identity: Identity
    text: str | None


def flood(messages: int, numbers: int, hours: int, new: int, config: Config, rng: random.Random) -> Iterator[Arrival]:
    """Yield texts spread evenly over the hours; `new` percent of them come from numbers never seen before.

    All texts differ, so that the guard against machines does not react. The numbers begin with +999, which is not a
    country (ITU-T E.164); they count as mobile numbers of the answered country with the longest answers, the dearest
    one.
    """
    countries = config.numbers.answer_countries or (config.numbers.country,)
    country = max(countries, key=lambda each: _segments(config.answer, each))
    for number in range(messages):
        newcomers = number * new // 100
        is_new = (number + 1) * new // 100 > newcomers
        originator = f"+9991{newcomers:010}" if is_new else f"+9990{rng.randrange(numbers):010}"
        at = (number + rng.random()) * hours * HOUR_SECONDS / messages
        yield Arrival(at, ContactKind.TEXT, Identity(originator, originator, country, LineType.MOBILE), f"{number}")


def _segments(answer: AnswerConfig, country: str) -> int:
    """Return the most segments that the first answers to a number of a country can take, each step once."""
    return sum(
        max((plan(wording.text, answer.encoding).segments for wording in answer.choices(step, country)), default=0)
        for step in range(max(1, len(answer.steps)))
    )


def replay(path: Path, config: Config) -> Iterator[Arrival]:
    """Yield the contacts of a log from `log --csv`, in its order; where its calendar goes back, time waits.

    Raises UsageError, with the line, if the file is not such a log.
    """
    who = lru_cache(maxsize=4096)(lambda cell: _identity(cell, config.numbers.country))
    began: datetime | None = None
    latest = 0.0
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        line = 1
        try:
            _require_columns(rows.fieldnames or ())
            line = rows.line_num + 1
            for row in rows:
                moment, originator, kind, text = _cells(row)
                began = began or moment
                latest = max(latest, (moment - began).total_seconds())
                yield Arrival(latest, kind, who(originator), text)
                line = rows.line_num + 1
        except (ValueError, csv.Error) as error:
            reason = _("it is not in UTF-8") if isinstance(error, UnicodeError) else str(error)
            reason = _("it is not CSV") if isinstance(error, csv.Error) else reason
            hint = _("`hotlined log -n 0 --csv` writes such a file.")
            raise UsageError(f"{path}:{line}: {reason}.", hint) from error


def _require_columns(names: Collection[str]) -> None:
    for name in _COLUMNS:
        if name not in names:
            raise ValueError(_("the column {name} is missing", name=name))


def _cells(row: dict[str, str | None]) -> tuple[datetime, str, str, str | None]:
    """Read the cells of one row; raises ValueError with the reason if one is wrong."""
    received_at, originator, kind, text = (_ESCAPED.sub("", row[name] or "") for name in _COLUMNS)
    (originator + text).encode()
    moment = None
    with suppress(ValueError):
        moment = parse_rfc3339(received_at)
    if moment is None or moment.tzinfo is None or moment.year not in _YEARS:
        typed, example = repr(received_at), rfc3339(EPOCH)
        raise ValueError(_("received_at {typed} is not a time like {example}", typed=typed, example=example))
    if kind not in list(ContactKind):
        kinds = ", ".join(ContactKind)
        raise ValueError(_("kind {typed} is none of {kinds}", typed=repr(kind), kinds=kinds))
    return moment, originator, kind, text or None


def _identity(cell: str, country: str) -> Identity:
    """Return the identity of an originator; a pseudonym counts as a mobile number of the line's country."""
    if cell.startswith("~"):
        return Identity(cell, cell, country, LineType.MOBILE)
    digits = cell.removeprefix("+")
    if not digits.isdecimal():
        return identify(Address(cell, Ton.ALPHANUMERIC), country)
    return identify(Address(digits, Ton.UNKNOWN if digits == cell else Ton.INTERNATIONAL), country)
