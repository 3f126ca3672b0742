"""`hotlined simulate`: a flood through the real policy and the real store, in virtual time.

Contacts are recorded, judged and let out by the daemon's own functions, on a database to throw away; only the clock,
the modem (it takes every segment at once) and the flood are made up.
Known to be wrong: what waits is looked at every ten minutes and not every second, so an answer that turns stale is
cancelled up to ten minutes late.
"""

import csv
import math
import random
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import click
from click.core import ParameterSource

from hotlined import policy
from hotlined.cli.output import json_line, print_sheet
from hotlined.cli.settings import Settings, pass_settings
from hotlined.clock import Now, parse_rfc3339, rfc3339
from hotlined.config import Config
from hotlined.errors import UsageError
from hotlined.gsm.address import Address, Identity, LineType, Ton, identify
from hotlined.gsm.alphabet import Plan, plan
from hotlined.gsm.tpdu import EncodedSegment
from hotlined.policy import Reason, Share
from hotlined.states import ContactKind
from hotlined.store import answers, attempts, contacts, fates, gate, rehearsal
from hotlined.store.database import Database
from hotlined.words.amounts import price, wait_in_words
from hotlined.words.reasons import briefly

LOOK_AGAIN_SECONDS = 600.0
"""How often an answer that waits is looked at again, though no window has room."""

TICK_SECONDS = 1.0  # nothing that waits is looked at more often, as in the daemon
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
HOURLY_UP_TO = 100 * HOUR_SECONDS  # what lasts longer is counted by the day
_PLOT_WIDTH, _PLOT_ROWS, _PLOT_LABEL = 100, 8, 6  # characters: at most, and those left of the plot
_PLOT_MARKS = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1970, 3000)  # of a log: also what a machine without a clock writes
_COLUMNS = ("received_at", "originator", "kind", "text")
_ESCAPED = re.compile(
    r"\A'(?=[=+\-@\t\r])"
)  # the apostrophe that `log --csv` puts before what a spreadsheet calculates


@dataclass(frozen=True, slots=True)
class Arrival:
    """A contact to come, in seconds since the first."""

    at: float
    kind: str
    identity: Identity
    text: str | None


# ---- the flood


def flood(messages: int, numbers: int, hours: int, new: int, chosen: Config, rng: random.Random) -> Iterator[Arrival]:
    """Yield texts spread evenly over the hours; `new` percent of them come from numbers never seen before.

    No text is like another, so that the guard against machines stays out of it. The numbers begin with +999, which is
    no country (ITU-T E.164), and are taken for mobile numbers of one that is answered.
    """
    country = next(iter(chosen.numbers.answer_countries), chosen.numbers.country)
    for number in range(messages):
        seen = number * new // 100
        is_new = (number + 1) * new // 100 > seen
        originator = f"+9991{seen:010}" if is_new else f"+9990{rng.randrange(numbers):010}"
        at = (number + rng.random()) * hours * HOUR_SECONDS / messages
        yield Arrival(at, "text", Identity(originator, originator, country, LineType.MOBILE), f"{number}")


def replay(path: Path, chosen: Config) -> Iterator[Arrival]:
    """Yield the contacts of a log that `log --csv` wrote, in its order; a calendar that was put back stands still.

    Raises UsageError for what is no such log, with the line.
    """
    who = lru_cache(maxsize=4096)(lambda cell: _identity(cell, chosen.numbers.country))
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
            reason = "it is not in UTF-8" if isinstance(error, UnicodeError) else error
            raise UsageError(f"{path}:{line}: {reason}.", "`hotlined log -n 0 --csv` writes such a file.") from error


def _require_columns(names: Collection[str]) -> None:
    for name in _COLUMNS:
        if name not in names:
            raise ValueError(f"the column {name} is missing")


def _cells(row: dict[str, str | None]) -> tuple[datetime, str, str, str | None]:
    """Read the cells of one row; raises ValueError with what is wrong with them."""
    received_at, originator, kind, text = (_ESCAPED.sub("", row[name] or "") for name in _COLUMNS)
    (originator + text).encode()
    moment = None
    with suppress(ValueError):
        moment = parse_rfc3339(received_at)
    if moment is None or moment.tzinfo is None or moment.year not in _YEARS:
        raise ValueError(f"received_at {received_at!r} is no time like {rfc3339(_EPOCH)}")
    if kind not in list(ContactKind):
        raise ValueError(f"kind {kind!r} is none of {', '.join(ContactKind)}")
    return moment, originator, kind, text or None


def _identity(cell: str, country: str) -> Identity:
    """Say who an originator of the log is; a pseudonym is taken for a mobile number of the line's country."""
    if cell.startswith("~"):
        return Identity(cell, cell, country, LineType.MOBILE)
    digits = cell.removeprefix("+")
    if not digits.isdecimal():
        return identify(Address(cell, Ton.ALPHANUMERIC), country)
    return identify(Address(digits, Ton.UNKNOWN if digits == cell else Ton.INTERNATIONAL), country)


# ---- virtual time


class Sender:
    """Lets answers out in virtual time as the daemon's does in real time, to a network that takes every segment."""

    def __init__(self, db: Database, chosen: Config, rules: policy.Rules, plans: Sequence[Plan]) -> None:
        self._db = db
        self._interval = chosen.modem.send_interval.total_seconds()
        self._rules = rules
        self._plans = plans
        self._look_at = math.inf
        self._free_at = 0.0
        self._waits: dict[Share, float] = {}

    def expect(self, due: float, share: Share) -> None:
        """Look when this answer is due, or later if its share waits or a segment has just left."""
        self._look_at = min(self._look_at, max(due, self._waits.get(share, due), self._free_at))

    def run_until(self, at: float) -> None:
        """Do all that is to be done up to a moment."""
        while self._look_at <= at:
            self._look_at = self._look(self._look_at)

    def _look(self, at: float) -> float:
        """Let at most one segment out and return when to look again."""
        now = _now(at)
        answers.sweep(self._db, self._rules.max_age, now, by_calendar=False)
        for turn in answers.due(self._db, now):
            if turn.share and at < self._waits.get(turn.share, at):
                continue
            step, begun = gate.begin(
                self._db, turn.answer_id, self._rules, now, compose=self._compose, encode=_encode, shadow=False
            )
            if isinstance(step, policy.Wait):
                assert turn.share
                answers.note_share_hold(self._db, turn.share, step.waiting_for)
                self._waits[turn.share] = self._room_at(now, turn.share)
                continue
            if turn.share:
                self._waits.pop(turn.share, None)
                answers.note_share_hold(self._db, turn.share, None)
            if begun:
                fates.settle(self._db, begun, policy.Taken(None), now)
                self._free_at = at + self._interval
                if begun.sequence < begun.total:
                    return self._free_at
            break
        self._look_at = math.inf
        for share, due in answers.next_dues(self._db).items():
            self.expect(max(at, due), share)
        return self._look_at

    def _compose(self, step: int, _country: str | None, _draw: int) -> gate.Composition:
        return gate.Composition(self._plans[min(step, len(self._plans) - 1)])

    def _room_at(self, now: Now, share: Share) -> float:
        """Return when a share that waits is looked at again: when every window has room, or before."""
        segments = max(planned.segments for planned in self._plans)
        moments = [
            attempts.room_at(
                self._db, name, segments, self._rules.limits, now, returning=share is Share.KNOWN, shadow=False
            )
            for name in policy.WINDOW_SECONDS
        ]
        room = max(math.inf if moment is None else moment for moment in moments)
        return max(now.limit + TICK_SECONDS, min(room, now.limit + LOOK_AGAIN_SECONDS))


def _encode(_recipient: str, planned: Plan, _reference: int) -> list[EncodedSegment]:
    """Stand in for what is transmitted: the gate counts segments and does not read them."""
    return [EncodedSegment("", 0)] * planned.segments


def simulate_into(db: Database, arrivals: Iterable[Arrival], chosen: Config, rng: random.Random) -> float:
    """Record, judge and answer what comes, and return when it ends: the longest delay after the last arrival."""
    rules = chosen.rules()
    sender = Sender(db, chosen, rules, [plan(text, chosen.answer.encoding) for text in chosen.answer.texts])
    shortest, longest = (delay.total_seconds() for delay in chosen.answer.delay)
    end = 0.0
    for arrival in arrivals:
        sender.run_until(arrival.at)
        now = _now(arrival.at)
        contact_id = contacts.record_whole(db, chosen.line, arrival.kind, arrival.identity, arrival.text, now)
        delay = rng.uniform(shortest, longest)
        verdict = answers.judge(db, contact_id, rules, now, delay_seconds=delay, shadow=False)
        if verdict.answer:
            sender.expect(arrival.at + delay, Share.KNOWN if verdict.reason is Reason.COOLDOWN_OVER else Share.NEW)
        end = arrival.at + longest
    sender.run_until(end)
    return end


def _now(at: float) -> Now:
    """Return a moment of virtual time, `at` in seconds; its calendar begins in 1970."""
    return Now(_EPOCH + timedelta(seconds=at), at, synchronised=False)


# ---- the result


@dataclass(frozen=True, slots=True)
class Peak:
    """The most segments that any window held, and its limit."""

    segments: int
    limit: int


@dataclass(frozen=True, slots=True)
class Bin:
    """An hour or a day: when it begins, in seconds since the first contact, and what happened in it."""

    start_seconds: int
    received: int
    answered: int


@dataclass(frozen=True, slots=True)
class Report:
    """What `simulate --json` prints; contacts are counted by their fate, each with its reasons."""

    seed: int
    seconds: float
    received: int
    fates: dict[str, dict[str, int]]
    segments: int
    price: float
    currency: str
    worst: dict[str, Peak]
    first_contacts: rehearsal.Waits
    bin_seconds: int
    timeline: tuple[Bin, ...]


def report(db: Database, chosen: Config, seed: int, seconds: float) -> Report:
    """Sum up a simulation that ended after so many seconds."""
    counted = rehearsal.fates(db)
    segments, worst = peaks(rehearsal.segment_times(db))
    bin_seconds = HOUR_SECONDS if seconds <= HOURLY_UP_TO else DAY_SECONDS
    return Report(
        seed=seed,
        seconds=seconds,
        received=sum(sum(reasons.values()) for reasons in counted.values()),
        fates=counted,
        segments=segments,
        price=price(segments, chosen.limits),
        currency=chosen.limits.currency,
        worst={name: Peak(most, getattr(chosen.limits.segments, name)) for name, most in worst.items()},
        first_contacts=rehearsal.waits(db),
        bin_seconds=bin_seconds,
        timeline=tuple(Bin(each * bin_seconds, *both) for each, both in rehearsal.timeline(db, bin_seconds).items()),
    )


def peaks(times: Iterable[float]) -> tuple[int, dict[str, int]]:
    """Count moments that come in order, and the most of them that each sliding window ever held."""
    held: dict[str, deque[float]] = {name: deque() for name in policy.WINDOW_SECONDS}
    most = dict.fromkeys(held, 0)
    count = 0
    for count, time in enumerate(times, 1):  # noqa: B007  the last count is what is wanted
        for name, window in held.items():
            window.append(time)
            while window[0] <= time - policy.WINDOW_SECONDS[name]:
                window.popleft()
            most[name] = max(most[name], len(window))
    return count, most


def _sheet(told: Report) -> Iterator[tuple[str, str | None]]:
    yield "received", f"{told.received} in {wait_in_words(told.seconds)} (seed {told.seed})"
    for fate, reasons in told.fates.items():
        why = ", ".join(f"{count} {briefly(reason)}" for reason, count in reasons.items())
        yield "not answered" if fate == "suppressed" else fate, f"{sum(reasons.values())}{why and f': {why}'}"
    yield "spent", f"{told.segments} segments, {told.price:.2f} {told.currency}"
    for name, peak in told.worst.items():
        yield f"worst {name}", f"{peak.segments} of {peak.limit} segments"
    first = told.first_contacts
    yield "first contacts", f"{first.answered} of {first.asked} answered"
    if first.answered:
        yield (
            "  waited",
            f"{wait_in_words(first.median_seconds)} (median), {wait_in_words(first.worst_seconds)} (worst)",
        )


def _plot(told: Report, what: str, width: int) -> str:
    """Draw what was received, or answered, over time."""
    import plotext  # noqa: PLC0415  JSON does without

    unit = "hour" if told.bin_seconds == HOUR_SECONDS else "day"
    heights = {each.start_seconds // told.bin_seconds: getattr(each, what) for each in told.timeline}
    places = range(max(heights) + 1)
    marks = places[:: max(1, math.ceil(len(places) / _PLOT_MARKS))]
    highest = max(1, *heights.values())
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.frame(False)
    plotext.plot_size(width, _PLOT_ROWS)
    plotext.title(f"{what} per {unit}")
    plotext.bar(places, [heights.get(place, 0) for place in places], width=1)
    plotext.xlim(-0.5, places[-1] + 0.5)
    plotext.xticks(marks, [f"{mark}{unit[0]}" for mark in marks])
    plotext.ylim(0, highest)
    plotext.yticks([0, highest], [f"{mark:>{_PLOT_LABEL}}" for mark in (0, highest)])
    drawn: str = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in drawn.splitlines())


def _print(told: Report) -> None:
    print_sheet(_sheet(told))
    width = min(shutil.get_terminal_size().columns, _PLOT_WIDTH)
    for what in ("received", "answered") if told.timeline else ():
        click.echo()
        click.echo(_plot(told, what, width))


# ---- the command


def _read_share(ctx: click.Context, option: click.Parameter, value: str) -> int:
    if not re.fullmatch("([0-9]{1,2}|100)%?", value):
        raise click.BadParameter(f"{value!r} is no percentage from 0% to 100%.", ctx, option)
    return int(value.removesuffix("%"))


@click.command
@click.option(
    "--messages",
    metavar="COUNT",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="How many texts come.",
)
@click.option(
    "--numbers",
    metavar="COUNT",
    type=click.IntRange(1, 10**10),
    default=500,
    show_default=True,
    help="How many numbers text again and again.",
)
@click.option(
    "--hours",
    metavar="HOURS",
    type=click.IntRange(1, 87_600),
    default=72,
    show_default=True,
    help="The time that they are spread over.",
)
@click.option(
    "--new",
    metavar="SHARE",
    callback=_read_share,
    default="10%",
    show_default=True,
    help="The share that comes from numbers never seen before.",
)
@click.option(
    "--csv",
    "log",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What `log -n 0 --csv` wrote, instead of a flood.",
)
@click.option(
    "--seed", metavar="NUMBER", type=int, default=1, show_default=True, help="The same seed gives the same result."
)
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def simulate(
    ctx: click.Context, settings: Settings, /, log: Path | None, seed: int, as_json: bool, **shape: int
) -> None:
    """Send a flood through the rules in force, in virtual time, and sum up what would be answered and spent.

    Nothing is transmitted and the line's database is not touched. The flood is made up, or a log of what really came.

    Example: hotlined simulate --messages 20000 --numbers 300 --new 5%
    """
    chosen = settings.config()
    if log and any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in shape):
        raise click.UsageError("--csv says what comes: --messages, --numbers, --hours and --new do not go with it.")
    rng = random.Random(seed)  # noqa: S311  no secret: the same seed has to give the same flood
    arrivals = replay(log, chosen) if log else flood(**shape, chosen=chosen, rng=rng)
    with tempfile.TemporaryDirectory() as folder, rehearsal.open_to_throw_away(Path(folder) / "flood.db") as db:
        seconds = simulate_into(db, _shown(arrivals, None if log else shape["messages"]), chosen, rng)
        told = report(db, chosen, seed, seconds)
    if as_json:
        click.echo(json_line(asdict(told)))
    else:
        _print(told)


def _shown(arrivals: Iterable[Arrival], total: int | None) -> Iterable[Arrival]:
    """Show on a terminal how far the contacts are through."""
    from rich.console import Console  # noqa: PLC0415  it takes a tenth of a second
    from rich.progress import track  # noqa: PLC0415  the same

    console = Console(stderr=True)
    return track(arrivals, "", total, console=console, transient=True, disable=not console.is_terminal)
