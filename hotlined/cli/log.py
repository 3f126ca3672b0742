"""`hotlined log` and `hotlined show`: what came, what was decided, and what became of the answers.

Three forms of one list: lines for people as wide as the terminal, JSON Lines that keep everything exactly, CSV for
spreadsheets. Every form is printed row by row, so none grows with the database.
"""

import csv
import re
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from sqlite3 import Row
from typing import Any, TypeVar

import click

from hotlined import config as configuration
from hotlined.cli import Settings, pass_settings
from hotlined.cli.output import counted, csv_cell, harmless, json_line, print_sheet
from hotlined.clock import parse_rfc3339
from hotlined.errors import AddressError, HotlinedError, UsageError
from hotlined.gsm.address import parse_number
from hotlined.policy import Reason
from hotlined.store import reading
from hotlined.store.database import Database, open_beside_daemon

_Command = TypeVar("_Command", bound=Callable[..., Any])

FOLLOW_SECONDS = 1.0
_LARGEST_ID = 2**63 - 1  # of SQLite
_DAY = timedelta(days=1)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to and without `end`: a moment takes a millisecond, a day its 24 hours, more or less."""

    start: datetime
    end: datetime


def period(text: str, now: datetime) -> Period:
    """Read a moment or a day as people type it; what has no offset is local time.

    RFC 3339 or a part of it (2026-11-24, 2026-11-24T22:18), a duration ago (7d, 90m), today, yesterday, the last
    weekday of a name. Raises ValueError for anything else.
    """
    word = text.strip().lower()
    with suppress(ValueError):
        moment = now - configuration.parse_duration(word)
        return Period(moment, moment + timedelta(milliseconds=1))
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    days_ago = {"today": 0, "yesterday": 1}
    for number, name in enumerate(_WEEKDAYS):
        days_ago[name] = days_ago[name[:3]] = (midnight.weekday() - number) % 7
    if word in days_ago:
        return _day(midnight - days_ago[word] * _DAY)
    moment = datetime.fromisoformat(text.strip())
    if re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", text.strip()):
        return _day(moment)
    moment = moment.astimezone()
    return Period(moment, moment + timedelta(milliseconds=1))


def _day(midnight: datetime) -> Period:
    return Period(midnight.astimezone(), (midnight + _DAY).astimezone())


def _read_period(ctx: click.Context, option: click.Parameter, value: str | None) -> Period | None:
    try:
        return None if value is None else period(value, datetime.now().astimezone())
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{value!r} is no time. Write 2026-11-24, 2026-11-24T22:18, 7d or 90m (ago), today, yesterday or monday.",
            ctx,
            option,
        ) from error


def _originator(text: str | None, country: str) -> dict[str, Any]:
    """Return what a filter asks for: a number in E.164 where there is one, else a name as typed."""
    if not text:
        return {}
    if "…" in text or "..." in text:
        raise UsageError(f"{text!r} is masked.", "Take the whole number, as `hotlined log` shows it.")
    try:
        return {"originator": parse_number(text, country)}
    except AddressError:
        return {"name": text.strip()}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column for people: its heading, its width (0: what is left), what is in it, its style if not its fate's."""

    heading: str
    width: int
    cell: Callable[[dict[str, Any]], str]
    style: str | None = ""


# how an answer's state shows at a glance
_MARKS = {
    reading.State.QUEUED: "…",
    reading.State.SENDING: "…",
    reading.State.SENT: "✓",
    reading.State.DELIVERED: "✓",
    reading.State.SHADOWED: "✓",
    reading.State.UNDELIVERED: "!",
    reading.State.FAILED: "!",
    reading.State.UNCONFIRMED: "?",
    reading.State.CANCELLED: "-",
}
_STYLES = {"✓": "green", "!": "red", "?": "yellow", "…": "cyan", "-": "dim"}


def _mark(contact: dict[str, Any]) -> str:
    if contact["verdict"] is None:
        return "…"
    return _MARKS[reading.State(contact["answer"]["state"])] if contact["answer"] else "-"


def _time(contact: dict[str, Any]) -> str:
    local = parse_rfc3339(contact["received_at"]).astimezone()
    return f"{local:%m-%d %H:%M}" if local.year == datetime.now().astimezone().year else f"{local:%Y-%m-%d}"


def _what(contact: dict[str, Any]) -> str:
    """Return the text, behind what it is where it is no plain text."""
    kind, text, segments = contact["kind"], contact["text"], contact["segments"]
    marks = [f"({kind})"] if kind != "text" else [] if text is not None else ["(erased)"]
    if segments["received"] < segments["total"]:
        marks.append(f"({segments['received']} of {segments['total']})")
    return " ".join([*marks, harmless(text or "")])


def _from(contact: dict[str, Any]) -> str:
    nobody = "unknown" if contact["kind"] == reading.Kind.UNREADABLE else reading.WITHHELD
    return contact["originator"] or nobody


def _reason(contact: dict[str, Any]) -> str:
    return _words(contact["reason"] or "not judged yet")


def _state(contact: dict[str, Any]) -> str:
    answer = contact["answer"]
    if not answer:
        return ""
    return _words(": ".join(filter(None, (answer["state"], answer["waiting_for"]))))


def _outcome(contact: dict[str, Any]) -> str:
    return _state(contact) or _reason(contact)


def _words(name: str) -> str:
    return harmless(name.replace("_", " "))


_ID = _Column("ID", 6, lambda contact: f"{contact['id']:>6}", "dim")
_TIME = _Column("TIME", 11, _time)
_FROM = _Column("FROM", 14, lambda contact: harmless(_from(contact)), "bold")
_MARK = _Column("", 1, _mark, None)
_TEXT = _Column("TEXT", 0, _what)
_LAYOUTS = (
    (110, (_ID, _TIME, _FROM, _MARK, _TEXT, _Column("REASON", 14, _reason), _Column("ANSWER", 20, _state, None))),
    (70, (_ID, _TIME, _FROM, _MARK, _TEXT, _Column("OUTCOME", 14, _outcome, None))),
    (0, (_ID, _FROM, _MARK, _TEXT)),
)
"""The columns that a terminal of at least so many characters shows."""


def _print_for_people(rows: Iterable[Row]) -> None:
    """Print as many columns as the terminal has room for; wide characters count double."""
    from rich.console import Console  # noqa: PLC0415  JSON and CSV do without
    from rich.text import Text  # noqa: PLC0415  the same

    console = Console(highlight=False, markup=False, emoji=False)
    columns = next(columns for least, columns in _LAYOUTS if console.width >= least)
    rest = max(8, console.width - sum(column.width + 1 for column in columns))

    def put(line: Text | str) -> None:
        with console.capture() as shown:  # rich would end the program itself where nobody reads on
            console.print(line, soft_wrap=True)
        print(shown.get(), end="", flush=True)

    def print_cells(cells: Iterable[tuple[str, str]]) -> None:
        line = Text()
        for (text, style), column in zip(cells, columns, strict=True):
            cell = Text(text, style)
            cell.truncate(column.width or rest, overflow="ellipsis", pad=True)
            line.append_text(cell).append(" ")
        line.rstrip()
        put(line)

    first = True
    for row in rows:
        if first:
            print_cells((column.heading, "dim") for column in columns)
            first = False
        contact = reading.entry(row)
        fate = _STYLES[_mark(contact)]
        print_cells((column.cell(contact), fate if column.style is None else column.style) for column in columns)
    if first:
        put("No contacts.")


def _print_json(rows: Iterable[Row]) -> None:
    for row in rows:
        click.echo(json_line(reading.entry(row)))


def _print_csv(rows: Iterable[Row], columns: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(csv_cell(value) for value in row)
        sys.stdout.flush()


def _follow(db: Database, where: reading.Filter, limit: int) -> Generator[Row, None, None]:
    """Yield the newest rows, then every one that comes or changes, for ever."""
    seen: dict[int, int] = {}
    for row in reading.rows(db, where, limit):
        seen[row["id"]] = reading.fingerprint(row)
        yield row
    version = None
    while True:
        if version != (version := db.changed_elsewhere()):
            yield from reading.changes(db, where, seen)
        time.sleep(FOLLOW_SECONDS)


def _any_of(option: str, name: str, values: type[StrEnum], meaning: str) -> Callable[[_Command], _Command]:
    """Make an option that takes one of these values and may be given again; its help names them."""
    words = [value.value for value in values]
    metavar = option.removeprefix("--").upper()
    return click.option(
        option, name, multiple=True, type=click.Choice(words), metavar=metavar, help=f"{meaning}: {', '.join(words)}."
    )


@click.command
@click.option(
    "-n", "limit", metavar="COUNT", type=click.IntRange(0, 2**31 - 1), default=50, help="The newest (50); 0: all."
)
@click.option("--follow", is_flag=True, help="Go on with what comes and what changes, until Ctrl-C.")
@click.option(
    "--since",
    metavar="WHEN",
    callback=_read_period,
    help="Received then or later: 2026-11-24, 24h (ago), yesterday, monday.",
)
@click.option("--until", metavar="WHEN", callback=_read_period, help="Received then or earlier; a day is meant whole.")
@click.option(
    "--number", metavar="NUMBER", help="From this number, however it is written; from this name; or withheld."
)
@_any_of("--kind", "kinds", reading.Kind, "Of this kind")
@_any_of("--verdict", "verdicts", reading.Verdict, "So decided")
@_any_of("--reason", "reasons", Reason, "Decided or cancelled for this reason")
@_any_of("--state", "states", reading.State, "With an answer in this state")
@click.option("--tag", metavar="WORD", help="With this tag.")
@click.option("--search", metavar="TEXT", help="With this in its text, case and accents aside.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, oldest first, every text exactly.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@pass_settings
def log(
    settings: Settings,
    /,
    limit: int,
    follow: bool,
    since: Period | None,
    until: Period | None,
    number: str | None,
    as_json: bool,
    as_csv: bool,
    **more: Any,
) -> None:
    """Show contacts and what became of them, the newest last.

    Filters combine: what is shown fits all of them. --kind, --verdict, --reason and --state may be given more than
    once: one of the values will do.

    Example: hotlined log --since yesterday --verdict answer
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    config = settings.config()
    where = reading.Filter(
        since=since.start if since else None,
        until=until.end if until else None,
        **_originator(number, config.numbers.country),
        **more,
    )
    with (
        open_beside_daemon(config.database) as db,
        closing(_follow(db, where, limit) if follow else reading.rows(db, where, limit)) as rows,
        suppress(*([KeyboardInterrupt] if follow else [])),
    ):
        if as_json:
            _print_json(rows)
        elif as_csv:
            _print_csv(rows, reading.columns(db))
        else:
            _print_for_people(rows)


REASONS = {
    Reason.FIRST_CONTACT: "this number was never answered before",
    Reason.COOLDOWN_OVER: "the cooldown since its last answer is over",
    Reason.PENDING: "an answer to this number was already queued",
    Reason.COOLDOWN: "its last answer was too short a time ago",
    Reason.PER_NUMBER: "it has had all the answers that a number ever gets",
    Reason.BLOCKED: "the number is blocked",
    Reason.OPTED_OUT: "the number asked not to be answered",
    Reason.COUNTRY: "its country is not answered",
    Reason.NOT_ANSWERABLE: "no text can reach it: a short code, a name, a withheld number or no mobile line",
    Reason.OWN_NUMBER: "it is the line's own number",
    Reason.LOOP: "another machine answers us",
    Reason.STALE: "it was too old to be answered",
    Reason.NOT_TEXT: "it is nothing that a person wrote",
    Reason.SIM_CHANGED: "the modem had another SIM",
    Reason.PERSON: "a person said so",
}
"""Every reason in words."""


def _in_words(reason: str | None) -> str:
    """Return a reason with its meaning; a cause that is no reason of ours stands as it is."""
    return f"{reason} ({REASONS[Reason(reason)]})" if reason in list(Reason) else reason or ""


def _sheet(contact: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield a contact as labels and values; what is not known is left out by the printer."""
    segments = contact["segments"]
    yield "contact", f"{contact['id']}: {contact['kind']} on line {contact['line']}"
    yield "originator", _from(contact)
    yield "received", contact["received_at"]
    yield "scts", contact["scts"]
    yield "text", contact["text"]
    yield "segments", f"{segments['received']} of {segments['total']}; {counted(contact['repeats'], 'repeat')}"
    yield "tags", " ".join(contact["tags"])
    yield "verdict", contact["verdict"] or "not judged yet"
    yield "reason", _in_words(contact["reason"])
    for number, part in enumerate(contact["parts"], 1):
        place = f"{part['storage']} {part['storage_index']}" if part["storage"] else "handed over directly"
        deleted = f"deleted {part['deleted_at']}" if part["deleted_at"] else "not deleted yet"
        repeat = ", a repeat" if part["repeat"] else ""
        yield f"part {number}", f"{part['kind']}, sequence {part['sequence'] or '-'}{repeat}; {place}, {deleted}"
        yield "  problem", part["problem"]
        yield "  pdu", part["pdu"]
    if answer := contact["answer"]:
        yield from _answer_sheet(answer)


def _answer_sheet(answer: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield "answer", f"{answer['id']}: {_state({'answer': answer})}"
    yield "  reason", _in_words(answer["reason"])
    yield "  text", answer["text"]
    yield "  segments", f"{answer['segments_sent']} of {answer['segments']} sent, in {answer['encoding']}"
    yield "  queued", f"{answer['queued_at']}, due {answer['due_at']}"
    yield "  sent", answer["sent_at"]
    yield "  reported", answer["reported_at"]
    for part in answer["parts"]:
        earlier = "" if part["current"] else " (an earlier attempt)"
        known = [f"{name} {part[key]}" for name, key in _FATE if part[key] is not None]
        yield f"  part {part['sequence']}", "; ".join([part["state"] + earlier, *known])
        yield "    pdu", part["pdu"]


_FATE = (
    ("reference", "mr"),
    ("cause", "cause"),
    ("submitted", "submitted_at"),
    ("sent", "sent_at"),
    ("status", "report_status"),
    ("reported", "reported_at"),
    ("discharged", "discharged_at"),
)


@click.command
@click.argument("contact_id", metavar="ID", type=click.IntRange(1, _LARGEST_ID))
@click.option("--json", "as_json", is_flag=True, help="The object of `log --json` with its parts.")
@pass_settings
def show(settings: Settings, /, contact_id: int, as_json: bool) -> None:
    """Show one contact whole.

    Its segments with their raw PDUs, the verdict in words, the answer, and the fate of each of its segments.

    Example: hotlined show 12
    """
    with open_beside_daemon(settings.config().database) as db:
        contact = reading.maybe_contact(db, contact_id)
    if contact is None:
        raise HotlinedError(f"There is no contact {contact_id}.", "`hotlined log` shows those that there are.")
    if as_json:
        click.echo(json_line(contact))
    else:
        print_sheet(_sheet(contact))
