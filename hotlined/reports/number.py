"""One number: which one a person means, everything stored about it, and when it may next be answered.

The policy decides whether the number may be answered, as for a text that came now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from sqlite3 import Row
from typing import Annotated

from hotlined.causes import CauseCode
from hotlined.conditions import SHORT_BUDGETS, hold_in_words
from hotlined.config import Config, Wording
from hotlined.documents import LoggedAnswer, PreviewedContact, TextByHand
from hotlined.errors import AddressError, UsageError
from hotlined.forms import ByWindow, Form, Seconds, extended
from hotlined.gsm.address import Address, Identity, LineType, Ton, identify, parse_number
from hotlined.language import _, in_digits, in_row, labelled, ngettext
from hotlined.machine.clock import Now, rfc3339
from hotlined.reports.ahead import longest, look_ahead
from hotlined.reports.contact import entry
from hotlined.reports.stored import holds_of, sending_now
from hotlined.reports.text import wording_in_words
from hotlined.reports.typed import is_withheld
from hotlined.rules import policy
from hotlined.rules.policy import Reason, Rules
from hotlined.states import OPEN, ContactKind, HoldReason, SendingState
from hotlined.store.answers import correspondents, verdicts
from hotlined.store.answers.correspondents import Correspondent, Order
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line import elsewhere, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.elsewhere import Elsewhere
from hotlined.store.line.history import history_of
from hotlined.store.line.line_row import FREE, Sending, row_of
from hotlined.store.reading import log
from hotlined.store.reading.forecast import Ahead
from hotlined.words.amounts import SOON_SECONDS, in_answers, in_segments, room_in_words
from hotlined.words.columns import inner
from hotlined.words.reasons import REASONS, answer_in_words, briefly
from hotlined.words.states import LINE_TYPES
from hotlined.words.times import moment


@dataclass(frozen=True, slots=True)
class NumberOutlook:
    """The decision about a text that came now and its reason, and the earliest time of the next answer.

    `in_seconds` is null if a person has to decide first, or an outage has to end. `windows` gives the seconds until
    each window has room for that answer (0: now, null: never), after the answers that go first (`ahead`).
    """

    answer: bool
    """True if it would be answered."""
    reason: Annotated[Reason, Form(type="string")]
    """More may be added."""
    in_seconds: Seconds | None
    """Null: never, unless something changes."""
    windows: ByWindow[Seconds | None]
    ahead: Ahead


@dataclass(frozen=True, slots=True)
class ShownNumber(Correspondent):
    """The document of show NUMBER --json: everything about a number, a name or a short code."""

    country: str | None
    """The code of ISO 3166; null if not known."""
    line_type: Annotated[LineType, Form(type="string")]
    next: NumberOutlook
    """The decision about a text that came now."""
    paused: bool
    """True if the line is paused."""
    history: tuple[PreviewedContact, ...]
    """Its newest contacts, the oldest first."""
    by_hand: tuple[TextByHand, ...]
    """Texts that people sent to it by hand."""
    elsewhere: tuple[Elsewhere, ...]
    """The other lines of the fleet that refuse it."""
    fleet_pseudonym: str | None
    """The fleet's pseudonym of it; null if the line is not in a fleet."""


@dataclass(frozen=True, slots=True)
class NumberReport:
    """Everything that is known of one number; `queued` is its answer that waits or is being sent, if any.

    `texts` are the texts that its next answer may have.
    """

    originator: str
    identity: Identity
    correspondent: Correspondent
    outlook: NumberOutlook
    holds: tuple[Sending, ...]
    queued: LoggedAnswer | None
    texts: tuple[Wording, ...]
    elsewhere: tuple[Elsewhere, ...]
    fleet_pseudonym: str | None

    @property
    def where(self) -> log.Filter:
        """The filter of its contacts; for a name or short code also those that it announced for another number."""
        if self.identity.line_type in policy.CENTRES:
            return log.Filter(either=self.originator)
        return log.Filter(originator=self.originator)


def report_number(db: Database, config: Config, text: str, now: Now) -> NumberReport:
    """Return the report of a number in any spelling.

    Raises AddressError or UsageError for a text that is not a number, and not a name or short code that contacted the
    line.
    """
    identity = _identify(db, text, config.numbers.country)
    originator = identity.originator
    assert originator
    names = pseudonyms.names(db, originator)
    entries = correspondents.correspondents(db, Order.LAST, 0, only=names)
    holds = holds_of(db, config)
    outlook = _outlook(db, config, identity, now, holds[0] if holds else FREE)
    queued = None
    if outlook.reason is Reason.PENDING:
        where = log.Filter(originator=originator, states=OPEN)
        queued = next((contact.answer for contact in log.entries(db, where, 1)), None)
    history = history_of(db, originator)
    texts = config.answer.choices(history.answers, identity.country)
    who = _together(entries, originator, config)
    others, met = tuple(elsewhere.of(db, originator)), elsewhere.person(db, originator)
    return NumberReport(originator, identity, who, outlook, holds, queued, texts, others, met)


def document(db: Database, config: Config, report: NumberReport, rows: Iterable[Row]) -> ShownNumber:
    """Return the document of `show NUMBER --json`; `rows` are the contacts to list."""
    return extended(
        ShownNumber,
        report.correspondent,
        country=report.identity.country,
        line_type=report.identity.line_type,
        next=report.outlook,
        paused=row_of(db).is_paused,
        history=tuple(entry(db, config, row) for row in rows),
        by_hand=tuple(map(log.by_hand_entry, log.texts_by_hand(db, 0, report.originator))),
        elsewhere=report.elsewhere,
        fleet_pseudonym=report.fleet_pseudonym,
    )


def _outlook(db: Database, config: Config, identity: Identity, now: Now, sending: Sending) -> NumberOutlook:
    """Return the outlook of a number; it has no time while all answers are kept back."""
    limits = config.limits
    rules = rules_of(db, config, sim_changed=sending.reason is HoldReason.SIM_CHANGED)
    history = history_of(db, identity.originator)
    verdict = policy.judge(policy.Contact(ContactKind.TEXT, identity, timedelta(0)), history, rules, now.limit)
    segments = longest(config, history.answers, identity.country)
    known = history.known
    room = look_ahead(db, config, now).outlook(segments, known=known)
    windows = {name: None if at is None else at - now.limit for name, at in room.windows.items()}
    waits = [None if room.at is None else room.at - now.limit]
    if verdict.reason is Reason.COOLDOWN:
        waits.append(policy.cooldown_left(history, limits, now.limit) + config.answer.delay[0].total_seconds())
    elif not verdict.answer:
        waits.append(None)
    if sending.state is not SendingState.FREE:
        waits.append(None)
    in_seconds = None if None in waits else max(filter(None, waits), default=0.0)
    return NumberOutlook(verdict.answer, verdict.reason, in_seconds, windows, room.ahead)


def whom(config: Config, text: str) -> str:
    """Read the number that a decision is about: in any spelling, or a name or short code that contacted the line.

    Raises AddressError or UsageError for anything else.
    """
    try:
        return parse_number(text, config.numbers.country)
    except AddressError as error:
        with open_beside_daemon(config.database) as db:
            known = None if is_withheld(text) else correspondents.maybe_identity(db, text.strip())
        if known and known.originator:
            return known.originator
        raise AddressError(CauseCode.NEVER_CAME, typed=text) from error


def _identify(db: Database, text: str, country: str) -> Identity:
    """Return the identity of a number in any spelling, or of a name or short code that contacted the line.

    Raises UsageError for withheld numbers, and AddressError for anything else.
    """
    if is_withheld(text):
        raise UsageError(
            _("Nobody can tell those apart who withhold their number."),
            _("`hotlined log --number withheld` shows what they sent."),
        )
    if known := correspondents.maybe_identity(db, text.strip()):
        return known
    return identify(Address(parse_number(text, country)[1:], Ton.INTERNATIONAL), country)


def _together(entries: Sequence[Correspondent], number: str, config: Config) -> Correspondent:
    """Add up the entries of a number and of its pseudonym."""
    return Correspondent(
        number=number,
        contacts=sum(entry.contacts for entry in entries),
        first_at=min((entry.first_at for entry in entries if entry.first_at), default=None),
        last_at=max((entry.last_at for entry in entries if entry.last_at), default=None),
        last_id=max((entry.last_id for entry in entries if entry.last_id), default=None),
        answers=sum(entry.answers for entry in entries),
        segments=sum(entry.segments for entry in entries),
        blocked=any(entry.blocked for entry in entries) or number in config.numbers.blocked,
        opted_out=any(entry.opted_out for entry in entries),
        blocked_at=next((entry.blocked_at for entry in entries if entry.blocked_at), None),
        blocked_by=next((entry.blocked_by for entry in entries if entry.blocked_by), None),
        opted_out_at=next((entry.opted_out_at for entry in entries if entry.opted_out_at), None),
    )


def correspondents_of(db: Database, config: Config, order: Order, limit: int, among: int = 0) -> list[Correspondent]:
    """Return the numbers that contacted the line; those that the configuration blocks count as blocked, too."""
    found = correspondents.correspondents(db, order, limit, among=among)
    return [_with_configuration(who, config) for who in found]


def refused_by(
    db: Database, config: Config, order: Order, limit: int, *, blocked: bool, opted_out: bool
) -> list[Correspondent]:
    """Return the numbers that the line refuses: blocked (also by the configuration), opted out, or both."""
    only = {*correspondents.refused(db, blocked=blocked, opted_out=opted_out)}
    only |= {*config.numbers.blocked} if blocked else set()
    found = correspondents.correspondents(db, order, 0, only=tuple(only))
    unheard = only - {who.number for who in found}
    found = [*(_together([], number, config) for number in sorted(unheard)), *found]
    return [_with_configuration(who, config) for who in found[-limit:]]


def _with_configuration(who: Correspondent, config: Config) -> Correspondent:
    return replace(who, blocked=who.blocked or who.number in config.numbers.blocked)


def decided_about(who: Correspondent) -> str:
    """Return in a few words whether a number is blocked and whether it has opted out; empty if neither."""
    both = ((_("blocked"), who.blocked), (_("opted out"), who.opted_out))
    return ", ".join(word for word, holds in both if holds)


def refused_in_words(who: Correspondent) -> str:
    """Return in words by whom and since when a number is blocked, and since when it has opted out."""
    words = []
    if who.blocked_at:
        words.append(_("blocked by {by}, {moment}", by=who.blocked_by, moment=moment(who.blocked_at)))
    elif who.blocked:
        words.append(_("blocked in the configuration"))
    if who.opted_out_at:
        words.append(_("opted out, {moment}", moment=moment(who.opted_out_at)))
    return in_row(words)


def facts(report: NumberReport, config: Config, now: Now) -> Iterator[tuple[str, str]]:
    """Yield everything that is known of a number, as labels and values; the caller leaves empty values out."""
    who, identity, outlook = report.correspondent, report.identity, report.outlook
    nobody = _("withheld")
    line_type = LINE_TYPES.get(identity.line_type, identity.line_type)
    where = ", ".join(filter(None, (identity.country, line_type)))
    yield _("number"), f"{who.number or nobody} ({where})"
    yield _("contacts"), in_digits(who.contacts)
    if who.first_at and who.last_at:
        yield _("first, last"), f"{moment(who.first_at)}, {moment(who.last_at)}"
    yield _("answers"), _answers_in_words(who)
    yield _("state"), refused_in_words(who)
    for other in report.elsewhere:
        yield _("elsewhere"), labelled(other.line, decided_elsewhere(other))
    yield _("in the fleet"), report.fleet_pseudonym or ""
    yield _("next answer"), next_answer(report, config, now)
    yield inner(_("because")), REASONS[outlook.reason]
    yield inner(_("waiting")), _ahead_in_words(outlook)
    yield inner(_("room")), _room_in_words(outlook.windows)
    if len(config.answer.texts) > 1 and outlook.reason is not Reason.PENDING and outlook.in_seconds is not None:
        for each in report.texts:
            yield _("would get"), labelled(wording_in_words(each, len(config.answer.steps)), each.text)
    for hold in report.holds:
        yield inner(_("held back")), " ".join(hold_in_words(hold.reason, hold.by))


def next_answer(report: NumberReport, config: Config, now: Now) -> str:
    """Return in words when a number is answered next, or that an answer to it is already on its way."""
    if queued := _queued_in_words(report, config):
        return _("one is on its way: {fate}", fate=queued)
    return _next_in_words(report.outlook, now, config)


def decided_elsewhere(other: Elsewhere) -> str:
    """Return another line's decisions about a number in words."""
    parts = (
        _("blocked") if other.blocked else "",
        _("opted out") if other.opted_out else "",
    )
    return in_row(parts)


def _answers_in_words(who: Correspondent) -> str:
    """Return how many answers a number got, and how many segments went to it in all, texts by hand included."""
    if not who.segments:
        return _("none")
    if who.answers:
        return f"{in_answers(who.answers)}, {in_segments(who.segments)}"
    return _("none, but {segments} by hand", segments=in_segments(who.segments))


def _next_in_words(outlook: NumberOutlook, now: Now, config: Config) -> str:
    if outlook.in_seconds is None:
        return _("no answer until this changes")
    if outlook.answer and outlook.in_seconds < config.answer.delay[0].total_seconds() + SOON_SECONDS:
        return _("its next text is answered, after the usual delay")
    at = rfc3339(now.utc + timedelta(seconds=outlook.in_seconds))
    return _("if it writes again: on {moment} at the earliest", moment=moment(at))


def _ahead_in_words(outlook: NumberOutlook) -> str:
    """Return how many answers go first if a text came now; empty if none does."""
    ahead = outlook.ahead
    if outlook.in_seconds is None or not ahead.answers:
        return ""
    return ngettext(
        "{number} answer ({segments}) goes first",
        "{number} answers ({segments}) go first",
        ahead.answers,
        segments=in_segments(ahead.segments),
    )


def _room_in_words(windows: dict[str, float | None]) -> str:
    """Return in words when each window has room; an empty text if all have room now."""
    if all(seconds == 0 for seconds in windows.values()):
        return ""
    return ", ".join(
        _("{budget}: {wait}", budget=SHORT_BUDGETS[name], wait=room_in_words(seconds))
        for name, seconds in windows.items()
    )


def _queued_in_words(report: NumberReport, config: Config) -> str:
    """Return the state of the answer that is queued for the number; empty if there is none."""
    if report.outlook.reason is not Reason.PENDING:
        return ""
    sending = sending_now(config, next(iter(report.holds), FREE))
    return answer_in_words(report.queued, sending.state) if report.queued else briefly(Reason.PENDING)


def rules_of(db: Database, config: Config, *, sim_changed: bool = False) -> Rules:
    """Return the rules from a configuration, the line's own number and the texts of its recent answers."""
    return config.rules(
        row_of(db).own_number, sim_changed=sim_changed, earlier_texts=verdicts.recent_texts(db, db.now())
    )
