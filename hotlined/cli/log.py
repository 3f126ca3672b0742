"""`hotlined log` and `hotlined show`: what came, what was decided, and what became of the answers.

Three forms of one list: lines for people as wide as the terminal, JSON Lines that keep everything exactly, CSV for
spreadsheets. Every form is printed row by row, so none grows with the database. People read plain words and local
time, machines codes and UTC.
"""

import csv
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from sqlite3 import Row
from typing import Any, TypeVar

import click

from hotlined.cli.contacts import CONTACTS, TEXTS_BY_HAND
from hotlined.cli.dates import TimeRange, when
from hotlined.cli.output import csv_cell, json_line, sheet
from hotlined.cli.pager import no_pager, print_paged
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.cli.typed import (
    CONTACT_ID,
    COUNT,
    complete_number,
    complete_tag,
    no_contact,
    options,
    read_number,
    tag_word,
)
from hotlined.config import Config
from hotlined.errors import AddressError, UsageError
from hotlined.gsm.address import parse_number
from hotlined.policy import Reason
from hotlined.reports.contact import Contact, entry, outcome, preview, rows_for_people, sender
from hotlined.states import AnswerState, ContactKind, ContactVerdict, SegmentState
from hotlined.store import log as contact_log
from hotlined.store.database import Database
from hotlined.store.line import Sending, sending_of
from hotlined.store.opening import open_beside_daemon
from hotlined.words.amounts import counted
from hotlined.words.harmless import harmless
from hotlined.words.reasons import BRIEF_REASONS, SEGMENT_STATES, VERDICTS, answer_in_words, reason_in_words
from hotlined.words.times import maybe_moment, moment

_Command = TypeVar("_Command", bound=Callable[..., Any])

FOLLOW_SECONDS = 1.0


def _originator(text: str | None, country: str) -> dict[str, Any]:
    """Return the part of a filter that a number or a name is."""
    if text is None:
        return {}
    if "…" in text or "..." in text:
        raise UsageError(f"{text!r} is masked.", "Take the whole number, as `hotlined log` shows it.")
    try:
        return {"originator": parse_number(text, country)}
    except AddressError:
        return {"name": text.strip()}


def _words(name: str) -> str:
    return harmless(name.replace("_", " "))


def _print_by_hand(db: Database, rows: list[Row], *, as_json: bool, as_csv: bool) -> None:
    """Print the texts that people sent themselves."""
    if as_csv:
        _print_csv(rows, tuple(rows[0].keys()) if rows else ())
        return
    sending = sending_of(db)
    texts = [contact_log.by_hand_entry(row) for row in rows]
    if as_json:
        for text in texts:
            click.echo(json_line(text))
    else:
        rows_by_hand = (text | {"outcome": answer_in_words(text["answer"], sending.state)} for text in texts)
        for line in table(rows_by_hand, TEXTS_BY_HAND, "Nobody has sent a text by hand."):
            click.echo(line)


def _print_csv(rows: Iterable[Row], columns: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(csv_cell(row[column]) for column in columns)
        sys.stdout.flush()


def _follow(db: Database, where: contact_log.Filter, limit: int) -> Iterator[Row]:
    """Yield the newest rows, then every row that is new or changes, without end."""
    follower = contact_log.newest_position(db)
    version = db.changed_elsewhere()
    for row in contact_log.rows(db, where, limit):
        contact_log.note(follower, row)
        yield row
    while True:
        yield from contact_log.changes(db, where, follower)
        while version == (version := db.changed_elsewhere()):
            time.sleep(FOLLOW_SECONDS)


def _any_of(option: str, name: str, values: type[StrEnum], meaning: str) -> Callable[[_Command], _Command]:
    """Return an option that takes one of these values and may be repeated; its help names them."""
    codes = [value.value for value in values]
    metavar = option.removeprefix("--").upper()
    kind = _Reasons(codes) if values is Reason else click.Choice(codes)
    return click.option(option, name, multiple=True, type=kind, metavar=metavar, help=f"{meaning}: {', '.join(codes)}.")


class _Reasons(click.Choice[str]):
    """The codes of reasons, or the words that the log has for them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code."""
        typed = str(value).strip().casefold()
        for reason, brief in BRIEF_REASONS.items():
            if typed in (reason.value, reason.value.replace("_", " "), brief.casefold()):
                return reason.value
        known = ", ".join(f"{reason} ({brief})" for reason, brief in BRIEF_REASONS.items())
        raise click.BadParameter(f"{value!r} is no reason. There are {known}.", ctx, param)


_FILTERS = options(
    click.option(
        "--since",
        metavar="WHEN",
        type=when,
        help="Received then or later: 2026-11-24, 24h (ago), yesterday, monday.",
    ),
    click.option("--until", metavar="WHEN", type=when, help="Received then or earlier; a day counts whole."),
    click.option(
        "--number",
        metavar="NUMBER",
        shell_complete=complete_number,
        callback=read_number,
        help="From this number in any spelling, from this name, or withheld; - reads it.",
    ),
    _any_of("--kind", "kinds", ContactKind, "Of this kind"),
    _any_of("--verdict", "verdicts", ContactVerdict, "With this verdict"),
    _any_of("--reason", "reasons", Reason, "Decided or cancelled for this reason"),
    _any_of("--state", "states", AnswerState, "With an answer in this state"),
    click.option("--tag", metavar="WORD", type=tag_word, shell_complete=complete_tag, help="With this tag."),
    click.option("--kept", is_flag=True, help="Exempt from erasure, by `keep`."),
    click.option("--search", metavar="TEXT", help="With this in its text; case and accents do not count."),
)
"""The options of `log` that say which contacts are shown."""


@click.command
@click.option("-n", "limit", metavar="COUNT", type=COUNT, default="50", help="How many, the newest (50); 0: all.")
@click.option("--follow", is_flag=True, help="Then show what comes and what changes, until Ctrl-C.")
@_FILTERS
@click.option("--by-hand", is_flag=True, help="Instead, show the texts that people sent with `send` and `try`.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, oldest first, every text exactly.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@no_pager
@pass_settings
def log(
    settings: Settings,
    /,
    limit: int,
    follow: bool,
    by_hand: bool,
    as_json: bool,
    as_csv: bool,
    pager: bool,
    **filters: Any,
) -> None:
    """Show contacts and what became of them, the newest last.

    OUTCOME says when an answer goes, what it waits for, or why there is none. TEXT shows the contact's tags as well,
    and (kept) if it is exempt from erasure. In a pipe or a file every text is whole. With several filters a contact has
    to fit all of them. --kind, --verdict, --reason and --state may be given more than once: then one value has to fit.
    A list longer than the screen opens in a pager (HOTLINED_PAGER, PAGER, or less), at its end.

    Example: hotlined log --since yesterday --verdict answer
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    config = settings.config()
    where = _where(config, **filters)
    with open_beside_daemon(config.database) as db, suppress(*([KeyboardInterrupt] if follow else [])):
        if by_hand:
            _print_by_hand(db, contact_log.texts_by_hand(db, limit, where.originator), as_json=as_json, as_csv=as_csv)
            return
        rows = _follow(db, where, limit) if follow else contact_log.rows(db, where, limit)
        if as_json:
            for row in rows:
                click.echo(json_line(entry(db, config, row)))
        elif as_csv:
            _print_csv(rows, contact_log.columns(db))
        else:
            everybody = where == contact_log.Filter()
            nothing = "Nobody has contacted the line yet." if everybody else "No contact is like that."
            lines = table(rows_for_people(db, rows), CONTACTS, nothing)
            print_paged(lines, pager=pager and not follow, at_end=True)


def _where(
    config: Config, *, since: TimeRange | None, until: TimeRange | None, number: str | None, **more: Any
) -> contact_log.Filter:
    """Return the filter that the options of `_FILTERS` make."""
    return contact_log.Filter(
        since=since.start if since else None,
        until=until.end if until else None,
        **_originator(number, config.numbers.country),
        **more,
    )


def _sheet(contact: Contact, sending: Sending) -> Iterator[tuple[str, str | None]]:
    """Yield a contact as labels and values; None stands for what is not known."""
    segments = contact["segments"]
    yield "contact", f"{contact['id']}: {contact['kind']} on line {contact['line']}"
    yield "from", sender(contact)
    yield "received", moment(contact["received_at"])
    yield "network's time", maybe_moment(contact["scts"])
    yield "text", contact["text"]
    yield "segments", f"{segments['received']} of {segments['total']}; {counted(contact['repeats'], 'repeat')}"
    yield "tags", " ".join(contact["tags"])
    yield "outcome", outcome(contact, sending)
    yield "verdict", VERDICTS[contact["verdict"]]
    yield "  because", reason_in_words(contact["reason"])
    if kept := contact["kept"]:
        yield "kept", f"by {kept['by']}, {moment(kept['at'])}"
    for number, part in enumerate(contact["parts"], 1):
        place = f"{part['storage']} {part['storage_index']}" if part["storage"] else "handed over directly"
        deleted = f"deleted {moment(part['deleted_at'])}" if part["deleted_at"] else "not deleted yet"
        repeat = ", a repeat" if part["repeat"] else ""
        yield f"part {number}", f"{part['kind']}, sequence {part['sequence'] or '-'}{repeat}; {place}, {deleted}"
        yield "  problem", part["problem"]
        yield "  pdu", part["pdu"]
    if answer := contact["answer"]:
        yield from _answer_sheet(answer, sending)
    for text in contact["by_hand"]:
        fate = answer_in_words(text["answer"], sending.state)
        yield "by hand", f"{text['asked_by']} ({text['kind']}): {fate}, {moment(text['answer']['queued_at'])}"
        yield "  text", text["answer"]["text"]
    for event in contact["events"]:
        yield "event", " ".join(filter(None, (moment(event["at"]), _words(event["kind"]), event["detail"])))


def _answer_sheet(answer: dict[str, Any], sending: Sending) -> Iterator[tuple[str, str | None]]:
    yield "answer", f"{answer['id']}: {answer_in_words(answer, sending.state)}"
    yield "  because", reason_in_words(answer["reason"])
    yield "  text", answer["text"]
    if answer["segments"]:
        tense = "sent" if answer["composed"] else "sent; by the configuration in force"
        yield "  segments", f"{answer['segments_sent']} of {answer['segments']} {tense}, in {answer['encoding']}"
    yield "  queued", f"{moment(answer['queued_at'])}, to go {moment(answer['due_at'])}"
    yield "  sent", maybe_moment(answer["sent_at"])
    yield "  reported", maybe_moment(answer["reported_at"])
    for part in answer["parts"]:
        earlier = "" if part["current"] else " (an earlier attempt)"
        known = [f"{name} {part[key]}" for name, key in _FATE if part[key] is not None]
        known += [f"{name} {moment(part[key])}" for name, key in _FATE_AT if part[key] is not None]
        yield f"  part {part['sequence']}", "; ".join([SEGMENT_STATES[SegmentState(part["state"])] + earlier, *known])
        yield "    pdu", part["pdu"]


_FATE = (
    ("reference", "mr"),
    ("cause", "cause"),
    ("detail", "detail"),
    ("status", "report_status"),
)
_FATE_AT = (
    ("submitted", "submitted_at"),
    ("sent", "sent_at"),
    ("reported", "reported_at"),
    ("discharged", "discharged_at"),
)


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@click.option("--json", "as_json", is_flag=True, help="The object of `log --json` with its parts and events.")
@no_pager
@pass_settings
def show(settings: Settings, /, contact_id: int, as_json: bool, pager: bool) -> None:
    """Show everything about one contact.

    It shows the segments with their raw PDUs, the verdict in words, the answer with what became of each of its
    segments, and what people did.

    Example: hotlined show 12
    """
    config = settings.config()
    with open_beside_daemon(config.database) as db:
        contact, sending = contact_log.maybe_contact(db, contact_id), sending_of(db)
        if contact:
            preview(db, config, contact)
    if contact is None:
        raise no_contact(contact_id)
    if as_json:
        click.echo(json_line(contact))
    else:
        print_paged(sheet(_sheet(contact, sending)), pager=pager)
