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

from hotlined.cli.dates import Period, when
from hotlined.cli.output import csv_cell, json_line, sheet
from hotlined.cli.pager import no_pager, print_paged
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import Column, Layout, table
from hotlined.cli.typed import CONTACT_ID, COUNT, complete_number, complete_tag, tag_word
from hotlined.config import Config, Mode
from hotlined.errors import AddressError, HotlinedError, UsageError
from hotlined.gsm.address import parse_number
from hotlined.gsm.alphabet import plan
from hotlined.policy import Reason
from hotlined.states import ContactKind, ContactVerdict, State
from hotlined.store import attempts
from hotlined.store import log as contact_log
from hotlined.store.database import Database, open_beside_daemon
from hotlined.store.line import Sending, sending_of
from hotlined.words.amounts import counted
from hotlined.words.harmless import harmless
from hotlined.words.reasons import BRIEF_REASONS, VERDICTS, answer_in_words, briefly, reason_in_words
from hotlined.words.times import TIME_WIDTH, maybe_moment, moment

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Contact = dict[str, Any]

FOLLOW_SECONDS = 1.0


def _originator(text: str | None, country: str) -> dict[str, Any]:
    """Return what a filter asks for: a number in E.164 where there is one, else a name as typed."""
    if text is None:
        return {}
    if "…" in text or "..." in text:
        raise UsageError(f"{text!r} is masked.", "Take the whole number, as `hotlined log` shows it.")
    try:
        return {"originator": parse_number(text, country)}
    except AddressError:
        return {"name": text.strip()}


# how an answer's state shows at a glance
_MARKS = {
    State.QUEUED: "…",
    State.SENDING: "…",
    State.SENT: "✓",
    State.DELIVERED: "✓",
    State.SHADOWED: "✓",
    State.UNDELIVERED: "!",
    State.FAILED: "!",
    State.UNCONFIRMED: "?",
    State.CANCELLED: "-",
}
_STYLES = {"✓": "green", "!": "red", "?": "yellow", "…": "cyan", "-": "dim"}


def _mark(contact: _Contact) -> str:
    if contact.get("verdict", "") is None:
        return "…"
    return _MARKS[State(contact["answer"]["state"])] if contact["answer"] else "-"


def _fate(contact: _Contact) -> str:
    return _STYLES[_mark(contact)]


def _time(contact: _Contact) -> str:
    return moment(contact["received_at"])


def _what(contact: _Contact) -> str:
    """Return the text, behind its tags, whether it is kept, and what it is where it is no plain text."""
    kind, text, segments = contact["kind"], contact["text"], contact["segments"]
    marks = [f"({kind})"] if kind != "text" else [] if text is not None else ["(erased)"]
    if segments["received"] < segments["total"]:
        marks.append(f"({segments['received']} of {segments['total']})")
    if contact["kept"]:
        marks.append("(kept)")
    marks += [harmless(f"#{tag}") for tag in contact["tags"]]
    return " ".join([*marks, *filter(None, [harmless(text or "")])])


def _from(contact: _Contact) -> str:
    nobody = "unknown" if contact["kind"] == ContactKind.UNREADABLE else contact_log.WITHHELD
    return contact["originator"] or nobody


def _outcome(contact: _Contact, sending: Sending) -> str:
    """Return what became of a contact in plain words: what becomes of its answer, or why there is none."""
    if contact["answer"]:
        return answer_in_words(contact["answer"], sending.state)
    return briefly(contact["reason"]) or "not decided yet"


def _words(name: str) -> str:
    return harmless(name.replace("_", " "))


OUTCOME = 21
"""The width of a column of outcomes: none is longer, so none is cut."""

_ID: Column[_Contact] = Column("ID", 5, lambda contact: str(contact["id"]), "dim", right=True)
_TIME = Column("TIME", TIME_WIDTH, _time, right=True)
_FROM: Column[_Contact] = Column("FROM", 13, lambda contact: harmless(_from(contact)), "bold")
_MARK = Column("", 1, _mark, _fate)
_TEXT = Column("TEXT", 0, _what)
_OUTCOME: Column[_Contact] = Column("OUTCOME", OUTCOME, lambda contact: contact["outcome"], _fate)
_LAYOUTS = (
    Layout(70, (_ID, _TIME, _FROM, _MARK, _OUTCOME, _TEXT)),
    Layout(0, (_ID, _TIME, _FROM, _MARK), below=Column("", 2, lambda each: f"{each['outcome']} · {_what(each)}")),
)


def lines(db: Database, rows: Iterable[Row], nothing: str) -> Iterator[str]:
    """Yield contacts as a table for people; `nothing` where there are none."""

    def for_people(row: Row) -> _Contact:
        contact = contact_log.entry(row)
        waits = contact["answer"] and contact["answer"]["waiting_for"]
        sending = sending_of(db) if waits else Sending("free")  # asked only where it is of use
        return contact | {"kept": row["kept"], "outcome": _outcome(contact, sending)}

    return table(map(for_people, rows), _LAYOUTS, nothing)


def entry(db: Database, config: Config, row: Row) -> _Contact:
    """Return a row as the object of `log --json`."""
    contact = contact_log.entry(row)
    preview(db, config, contact)
    return contact


def preview(db: Database, config: Config, contact: _Contact) -> None:
    """Say of a contact's answer what would leave by the configuration in force, where it is not composed yet."""
    answer = contact["answer"]
    if answer is None:
        return
    answer["composed"] = answer["encoding"] is not None
    if answer["composed"] or answer["state"] != State.QUEUED:
        return
    history = attempts.history_of(db, contact["originator"], shadow=config.mode is Mode.SHADOW, without=answer["id"])
    planned = plan(config.answer.text_after(history.answers), config.answer.encoding)
    answer |= {"text": planned.text, "encoding": planned.encoding.value, "segments": planned.segments}


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
        told = (text | {"outcome": answer_in_words(text["answer"], sending.state)} for text in texts)
        for line in table(told, _BY_HAND_LAYOUTS, "Nobody has sent a text by hand."):
            click.echo(line)


_TO: Column[_Contact] = Column("TO", 13, lambda text: harmless(text["recipient"]), "bold")
_BY: Column[_Contact] = Column("BY", 12, lambda text: harmless(f"{text['asked_by']} ({text['kind']})"))
_QUEUED_AT: Column[_Contact] = Column("TIME", TIME_WIDTH, lambda text: moment(text["answer"]["queued_at"]), right=True)
_HAND_TEXT: Column[_Contact] = Column("TEXT", 0, lambda text: harmless(text["answer"]["text"] or ""))
_BY_HAND_LAYOUTS = (
    Layout(80, (_QUEUED_AT, _TO, _BY, _MARK, _OUTCOME, _HAND_TEXT)),
    Layout(
        0,
        (_QUEUED_AT, _TO, _MARK),
        below=Column("", 2, lambda text: f"{text['outcome']} · {_HAND_TEXT.cell(text)}"),
    ),
)


def _print_csv(rows: Iterable[Row], columns: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(csv_cell(row[column]) for column in columns)
        sys.stdout.flush()


def _follow(db: Database, where: contact_log.Filter, limit: int) -> Iterator[Row]:
    """Yield the newest rows, then every one that comes or changes, for ever."""
    follower = contact_log.place(db)
    version = db.changed_elsewhere()
    for row in contact_log.rows(db, where, limit):
        contact_log.note(follower, row)
        yield row
    while True:
        yield from contact_log.changes(db, where, follower)
        while version == (version := db.changed_elsewhere()):
            time.sleep(FOLLOW_SECONDS)


def _any_of(option: str, name: str, values: type[StrEnum], meaning: str) -> Callable[[_Command], _Command]:
    """Make an option that takes one of these values and may be given again; its help names them."""
    words = [value.value for value in values]
    metavar = option.removeprefix("--").upper()
    kind = _Reasons(words) if values is Reason else click.Choice(words)
    return click.option(option, name, multiple=True, type=kind, metavar=metavar, help=f"{meaning}: {', '.join(words)}.")


class _Reasons(click.Choice[str]):
    """The codes of reasons, or the words that the log has for them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code."""
        typed = str(value).strip().casefold()
        for reason, words in BRIEF_REASONS.items():
            if typed in (reason.value, reason.value.replace("_", " "), words.casefold()):
                return reason.value
        known = ", ".join(f"{reason} ({words})" for reason, words in BRIEF_REASONS.items())
        raise click.BadParameter(f"{value!r} is no reason. There are {known}.", ctx, param)


@click.command
@click.option("-n", "limit", metavar="COUNT", type=COUNT, default="50", help="The newest (50); 0: all.")
@click.option("--follow", is_flag=True, help="Go on with what comes and what changes, until Ctrl-C.")
@click.option(
    "--since",
    metavar="WHEN",
    type=when,
    help="Received then or later: 2026-11-24, 24h (ago), yesterday, monday.",
)
@click.option("--until", metavar="WHEN", type=when, help="Received then or earlier; a day is meant whole.")
@click.option(
    "--number",
    metavar="NUMBER",
    shell_complete=complete_number,
    help="From this number, however it is written; from this name; or withheld.",
)
@_any_of("--kind", "kinds", ContactKind, "Of this kind")
@_any_of("--verdict", "verdicts", ContactVerdict, "So decided")
@_any_of("--reason", "reasons", Reason, "Decided or cancelled for this reason")
@_any_of("--state", "states", State, "With an answer in this state")
@click.option("--tag", metavar="WORD", type=tag_word, shell_complete=complete_tag, help="With this tag.")
@click.option("--kept", is_flag=True, help="Exempt from erasure, by `keep`.")
@click.option("--search", metavar="TEXT", help="With this in its text, case and accents aside.")
@click.option("--by-hand", is_flag=True, help="Instead the texts that people sent themselves: `send` and `try`.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, oldest first, every text exactly.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@no_pager
@pass_settings
def log(
    settings: Settings,
    /,
    limit: int,
    follow: bool,
    since: Period | None,
    until: Period | None,
    number: str | None,
    by_hand: bool,
    as_json: bool,
    as_csv: bool,
    pager: bool,
    **more: Any,
) -> None:
    """Show contacts and what became of them, the newest last; with their tags, and (kept) where they are.

    OUTCOME says when an answer goes, what it waits for, or why there is none. In a pipe or a file every text is whole.
    Filters combine: what is shown fits all of them. --kind, --verdict, --reason and --state may be given more than
    once: one of the values will do. What is longer than the screen opens in a pager (HOTLINED_PAGER, PAGER, or less),
    at its end.

    Example: hotlined log --since yesterday --verdict answer
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    config = settings.config()
    where = contact_log.Filter(
        since=since.start if since else None,
        until=until.end if until else None,
        **_originator(number, config.numbers.country),
        **more,
    )
    with (
        open_beside_daemon(config.database) as db,
        suppress(*([KeyboardInterrupt] if follow else [])),
    ):
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
            print_paged(lines(db, rows, nothing), pager=pager and not follow, at_end=True)


def _sheet(contact: _Contact, sending: Sending) -> Iterator[tuple[str, str | None]]:
    """Yield a contact as labels and values; what is not known is left out by the printer."""
    segments = contact["segments"]
    yield "contact", f"{contact['id']}: {contact['kind']} on line {contact['line']}"
    yield "from", _from(contact)
    yield "received", moment(contact["received_at"])
    yield "network's time", maybe_moment(contact["scts"])
    yield "text", contact["text"]
    yield "segments", f"{segments['received']} of {segments['total']}; {counted(contact['repeats'], 'repeat')}"
    yield "tags", " ".join(contact["tags"])
    yield "outcome", _outcome(contact, sending)
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
        words = answer_in_words(text["answer"], sending.state)
        yield "by hand", f"{text['asked_by']} ({text['kind']}): {words}, {moment(text['answer']['queued_at'])}"
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
        yield f"  part {part['sequence']}", "; ".join([part["state"] + earlier, *known])
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
    """Show one contact whole.

    Its segments with their raw PDUs, the verdict in words, the answer with the fate of each of its segments, and what
    people did about it.

    Example: hotlined show 12
    """
    config = settings.config()
    with open_beside_daemon(config.database) as db:
        contact, sending = contact_log.maybe_contact(db, contact_id), sending_of(db)
        if contact:
            preview(db, config, contact)
    if contact is None:
        raise HotlinedError(f"There is no contact {contact_id}.", "`hotlined log` shows those that there are.")
    if as_json:
        click.echo(json_line(contact))
    else:
        print_paged(sheet(_sheet(contact, sending)), pager=pager)
