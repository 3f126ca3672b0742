"""Opens, tries and closes the breakers of the line and of countries, by how attempts ended.

The rules of a breaker are pure functions (`rules.breaker`); this module stores its state. The line's breaker is a part
of the line's state (`line_row`). A country that waits by itself has a row in `country_outages`, which no other module
writes. `make_trial_due` and `keep_countries` are transactions of their own; every other function that writes is a part
of the open one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hotlined import pseudonym, states
from hotlined.machine.clock import Now
from hotlined.rules import breaker, policy
from hotlined.rules.breaker import Breaker, Change, Opening, Outcome, TrialOf
from hotlined.states import EventKind
from hotlined.store.line import events, line_row
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of, set_breaker

_ROW_OF_ENDED = 40  # attempts: more than enough for the last ten answers
_NOT_TAKEN = states.listed(breaker.NOT_TAKEN)
# written as a literal, as in the condition of the index attempts_taken: otherwise SQLite does not use that index
_TAKEN = f"outcome = '{Outcome.TAKEN}'"

WAITS_BY_ITSELF = (
    "EXISTS (SELECT 1 FROM contacts k JOIN country_outages o ON o.country = k.country WHERE k.id = a.contact_id)"
)
"""SQL that is true if the country of answer `a` waits by itself; never for texts by hand, which have no contact."""


IS_OUT = "EXISTS (SELECT 1 FROM country_outages o WHERE o.country = {})"
"""SQL that is true if a country waits by itself."""


class BreakerUpdate(NamedTuple):
    """The line's breaker after an outcome was reported, and the `change` that this made, or None."""

    change: Change | None
    breaker: Breaker


def report_outcome(
    db: Database,
    attempt_id: int,
    outcome: Outcome,
    now: Now,
    pauses: tuple[float, ...],
    *,
    certainly_not_sent: bool,
) -> BreakerUpdate:
    """Report to the breakers how an attempt ended, inside the transaction that is open."""
    state = row_of(db).breaker
    attempt = db.the(
        f"SELECT trial, recipient_country AS country, {IS_OUT.format('recipient_country')} AS is_out FROM attempts"
        " WHERE id = ?",
        attempt_id,
    )
    country, change = attempt["country"], None
    outage = _countries(db)[country] if attempt["is_out"] else None
    if outcome is Outcome.TAKEN:
        if outage:
            _end_country(db, country, now)
        if state.is_open:
            change, state = Change.CLOSED, close_breaker(db, now, pauses)
    elif attempt["trial"] == TrialOf.COUNTRY:
        if outage:
            _set_country(db, country, _after_trial(outage, outcome, now, certainly_not_sent=certainly_not_sent))
    elif attempt["trial"] == TrialOf.LINE and state.is_open:
        state = _after_trial(state, outcome, now, certainly_not_sent=certainly_not_sent)
        set_breaker(db, state)
        # a refusal for a country that waits by itself says nothing about the line
        change = Change.TRIAL_FAILED if outcome in breaker.NOT_TAKEN and not outage else None
    elif not state.is_open and outcome in breaker.NOT_TAKEN:
        if opening := breaker.maybe_opening(_ended(db, state, now)):
            change, state = Change.OPENED, open_breaker(db, opening, now, pauses)
        elif breaker.row(_ended(db, state, now, every=True)):
            change = Change.ROW_DECLINED
    return BreakerUpdate(change, state)


def _after_trial(state: Breaker, outcome: Outcome, now: Now, *, certainly_not_sent: bool) -> Breaker:
    if outcome in breaker.NOT_TAKEN:
        return breaker.trial_failed(state, certainly_not_sent=certainly_not_sent)
    if outcome is Outcome.RECIPIENT:
        # half of this trial has left and was paid for; were it withdrawn, trials to such numbers would follow without a
        # pause
        withdrawn = breaker.trial_withdrawn(state, now.limit)
        return withdrawn if certainly_not_sent else breaker.trial_failed(state, certainly_not_sent=False)
    return state


# ---- the meaning of outcomes


def _ended(db: Database, state: Breaker, now: Now, *, every: bool = False) -> list[breaker.Ended]:
    """Return the attempts since the line's breaker last closed that are evidence about the line, the latest first.

    With `every` this includes the refusals that are not evidence because something was taken lately. All forgotten
    recipients are stored as `NOBODY`: each answer to one counts as an answer to a recipient of its own.
    """
    outcomes = breaker.evidence(taken_lately=not every and is_taken_lately(db, now))
    # the condition of the index attempts_undeclined, word for word: otherwise SQLite does not use the index, and reads
    # all refusals that were ever stored
    undeclined = "" if Outcome.DECLINED in outcomes else f" AND t.outcome <> '{Outcome.DECLINED}'"
    rows = db.all(
        "SELECT t.answer_id, a.recipient, t.outcome, t.cause, t.ended_limit FROM attempts t"
        " JOIN answers a ON a.id = t.answer_id"
        # the id decides between two that ended at one reading of the clock: otherwise the last failure before the
        # breaker closed would count again
        " WHERE t.outcome IS NOT NULL AND (t.ended_limit > ? OR (t.ended_limit = ? AND t.id > ?))"
        f" AND t.outcome IN {states.listed(outcomes)}{undeclined} AND {_ABOUT_LINE}"
        " ORDER BY t.ended_limit DESC, t.id DESC LIMIT ?",
        state.closed_limit,
        state.closed_limit,
        state.closed_at_attempt,
        _ROW_OF_ENDED,
    )
    return [
        breaker.Ended(
            row["answer_id"],
            f"{row['recipient']}{row['answer_id']}" if row["recipient"] == pseudonym.NOBODY else row["recipient"],
            Outcome(row["outcome"]),
            row["ended_limit"],
            policy.maybe_cms(row["cause"]) in policy.BARRED,
        )
        for row in rows
    ]


# a failed text by hand says nothing about the line (people mistype), nor does a country that waits by itself; but
# anything that is taken does
_ABOUT_LINE = f"(a.by_hand IS NULL AND t.trial IS NOT '{TrialOf.COUNTRY}' OR t.{_TAKEN})"


def maybe_taken_at(db: Database) -> float | None:
    """Return when something was last taken whole, on the limit clock; None for never."""
    taken: float | None = db.value(f"SELECT max(ended_limit) FROM attempts WHERE {_TAKEN}")
    return taken


def is_taken_lately(db: Database, now: Now) -> bool:
    """Tell whether anything was taken in the last three hours: then refusals by the network are not evidence."""
    taken = maybe_taken_at(db)
    return taken is not None and taken > now.limit - breaker.LATELY_SECONDS


class Declined(NamedTuple):
    """Refusals by the network in a row although others leave: `since` when, and when the last left; RFC 3339."""

    since: str
    left_at: str


def maybe_declined(db: Database, now: Now) -> Declined | None:
    """Return when the network began to refuse answers in a row while some wait for another try; None if it does not."""
    state = row_of(db).breaker
    if state.is_open or not is_taken_lately(db, now):
        return None
    waits = f"SELECT 1 FROM answers a WHERE state = '{states.AnswerState.QUEUED}' AND refusals > 0"
    if not db.one(f"{waits} AND NOT {WAITS_BY_ITSELF} LIMIT 1"):
        return None
    taken = maybe_taken_at(db)
    if taken is None or not breaker.row(_ended(db, state, now, every=True)):
        return None
    first = db.value(
        f"SELECT min(t.ended_limit) FROM attempts t JOIN answers a ON a.id = t.answer_id WHERE t.ended_limit > ?"
        f" AND t.outcome IN {_NOT_TAKEN} AND {_ABOUT_LINE}",
        taken,
    )
    return Declined(line_row.calendar_time(db, first), line_row.calendar_time(db, taken))


def maybe_failing_since(db: Database) -> str | None:
    """Return when the first of the last ten answers failed, in RFC 3339, if none was taken, whatever the cause."""
    rows = db.all(
        "SELECT t.answer_id, t.outcome, t.ended_limit FROM attempts t JOIN answers a ON a.id = t.answer_id"
        f" WHERE t.outcome IS NOT NULL AND t.outcome <> '{Outcome.NO_EVIDENCE}' AND (a.by_hand IS NULL OR t.{_TAKEN})"
        " ORDER BY t.ended_limit DESC, t.id DESC LIMIT ?",
        _ROW_OF_ENDED,
    )
    first = breaker.maybe_first_failed(
        breaker.Ended(row["answer_id"], "", Outcome(row["outcome"]), row["ended_limit"]) for row in rows
    )
    return line_row.calendar_time(db, first.at) if first else None


# ---- the line's breaker


def open_breaker(
    db: Database, opening: Opening, now: Now, pauses: Sequence[float], detail: Mapping[str, object] | None = None
) -> Breaker:
    """Open the line's breaker, inside the transaction that is open; `detail` is stored with the event.

    If it is open already, its trials go on as they were; only an outage may turn out to be about credit.
    """
    before = row_of(db).breaker
    if before.cause in (opening.cause, breaker.Cause.CREDIT):
        return before
    if before.is_open:
        state = replace(before, cause=opening.cause)
    else:
        state = breaker.opened(before, opening, now.limit, now.rfc3339, pauses)
    set_breaker(db, state)
    events.record(db, now, _EVENTS[opening.cause][0], detail=detail)
    return state


_EVENTS = {
    breaker.Cause.OUTAGE: (EventKind.OUTAGE_BEGIN, EventKind.OUTAGE_END),
    breaker.Cause.CREDIT: (EventKind.CREDIT_OUT, EventKind.CREDIT_OK),
}


def make_trial_due(db: Database, now: Now, gap: float) -> None:
    """Commit that something may have ended the outage: an answer may be tried now, or soon."""
    if row_of(db).breaker.is_open:
        with db.transaction():
            set_breaker(db, breaker.trial_made_due(row_of(db).breaker, now.limit, gap))


def close_breaker(db: Database, now: Now, pauses: Sequence[float]) -> Breaker:
    """Close the line's breaker, because an answer was taken.

    Answers that were refused since the first failure are due now, and these refusals are forgotten. A country whose
    answers have all failed since then still waits, by itself.
    """
    latest = db.value("SELECT max(id) FROM attempts")
    before = row_of(db).breaker
    state = Breaker(closed_at_attempt=latest or 0, closed_limit=now.limit)
    set_breaker(db, state)
    for began, ended in _EVENTS.values():  # both, where an outage turned out to be about credit
        if events.is_begun(db, began, ended):
            events.record(db, now, ended)
    _void_refusals(db, before.failed_from, now)
    for failed in db.all(_ALL_FAILED, since=before.failed_from):
        _begin_country(db, failed["country"], failed["failed_from"], now, pauses)
    return state


# texts by hand are left out: they do not wait
_FAILED = (
    "FROM attempts t JOIN answers a ON a.id = t.answer_id AND a.by_hand IS NULL"
    f" WHERE t.ended_limit >= :since AND t.outcome IN {_NOT_TAKEN}"
)
_ALL_FAILED = f"""
SELECT t.recipient_country AS country, min(t.ended_limit) AS failed_from {_FAILED}
  AND t.recipient_country IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM attempts o WHERE o.recipient_country = t.recipient_country AND o.{_TAKEN}
    AND o.ended_limit >= :since)
  AND t.recipient_country NOT IN (SELECT country FROM country_outages)
GROUP BY t.recipient_country
"""


def _void_refusals(db: Database, since: float, now: Now, country: str | None = None) -> None:
    """Forget the refusals of an outage: the refused answers, to one country or to all, are due now."""
    db.execute(
        "UPDATE answers SET due_limit = min(due_limit, :now), refusals = 0, refusals_counted = 0, refused_limit = NULL"
        f" WHERE state = '{states.AnswerState.QUEUED}' AND refused_limit >= :since"
        " AND (:country IS NULL OR (SELECT c.country FROM contacts c WHERE c.id = contact_id) = :country)",
        now=now.limit,
        since=since,
        country=country,
    )


def records(db: Database, state: Breaker, countries: Sequence[str | None]) -> list[breaker.Record]:
    """Return the outcomes of answers to some countries since the first failure that opened the line's breaker."""
    waiting = _countries(db)
    found = []
    for country in countries:
        failures = db.value(
            f"SELECT count(*) {_FAILED} AND t.recipient_country IS :country",
            since=state.failed_from,
            country=country,
        )
        taken = db.value(
            f"SELECT max(ended_limit) FROM attempts WHERE {_TAKEN} AND recipient_country IS ?",
            country,
        )
        found.append(breaker.Record(country, failures, taken, country in waiting))
    return found


def has_failed(db: Database, state: Breaker) -> bool:
    """Tell whether an answer has failed since the first failure that opened the line's breaker.

    None has failed if a low balance opened it, and nothing was tried since.
    """
    return bool(db.one(f"SELECT 1 {_FAILED} LIMIT 1", since=state.failed_from))


# ---- the breakers of countries


@dataclass(frozen=True, slots=True)
class CountryOutage:
    """A country whose answers wait while others leave: since when, and whether an answer to it was ever taken."""

    country: str
    since: str
    since_limit: float
    ever_taken: bool

    def is_barred(self, now: Now) -> bool:
        """Tell whether the SIM seems unable to text this country: it waits for a day, and no answer was ever taken."""
        return not self.ever_taken and now.limit - self.since_limit >= policy.WINDOW_SECONDS["day"]


def country_outages(db: Database) -> list[CountryOutage]:
    """Return the countries that wait by themselves, in alphabetical order."""
    rows = db.all(
        "SELECT country, since, since_limit, EXISTS (SELECT 1 FROM attempts"
        f" WHERE {_TAKEN} AND recipient_country = country_outages.country) AS ever_taken"
        " FROM country_outages ORDER BY country"
    )
    return [CountryOutage(row["country"], row["since"], row["since_limit"], bool(row["ever_taken"])) for row in rows]


def countries_due(db: Database, now: Now, pauses: Sequence[float]) -> Iterator[tuple[str, Breaker]]:
    """Yield the countries that wait by themselves and may be tried now, in the order in which they became due."""
    countries = _countries(db)
    for country, state in sorted(countries.items(), key=lambda each: (each[1].due, each[0])):
        if breaker.country_lets_try(state, now.limit, countries.values(), pauses):
            yield country, state


def is_out(db: Database, country: str | None) -> bool:
    """Tell whether a country waits by itself."""
    return bool(db.value(f"SELECT {IS_OUT.format('?')}", country))


def keep_countries(db: Database, countries: Sequence[str]) -> None:
    """Commit that only these countries are answered: the outages of all other countries are forgotten."""
    others = [country for country in _countries(db) if country not in countries]
    if others:
        with db.transaction():
            for country in others:
                db.execute("DELETE FROM country_outages WHERE country = ?", country)


def _countries(db: Database) -> dict[str, Breaker]:
    rows = db.all("SELECT country, since, rounds, refused, due, last_trial FROM country_outages")
    return {
        row["country"]: Breaker(
            cause=breaker.Cause.OUTAGE,
            since=row["since"],
            rounds=row["rounds"],
            refused=row["refused"],
            due=row["due"],
            last_trial=row["last_trial"],
        )
        for row in rows
    }


def _begin_country(db: Database, country: str, failed_from: float, now: Now, pauses: Sequence[float]) -> None:
    opening = Opening(breaker.Cause.OUTAGE, failed_from)
    state = breaker.opened(Breaker(), opening, now.limit, now.rfc3339, pauses)
    db.execute(
        "INSERT INTO country_outages (country, since, since_limit, due) VALUES (?, ?, ?, ?)",
        country,
        line_row.calendar_time(db, failed_from),
        failed_from,
        state.due,
    )
    events.record(db, now, EventKind.COUNTRY_OUTAGE_BEGIN, word=country)


def _set_country(db: Database, country: str, state: Breaker) -> None:
    db.execute(
        "UPDATE country_outages SET rounds = ?, refused = ?, due = ?, last_trial = ? WHERE country = ?",
        state.rounds,
        state.refused,
        state.due,
        state.last_trial,
        country,
    )


def _end_country(db: Database, country: str, now: Now) -> None:
    """Let answers to a country go again, because one was taken; its refusals since its first failure are forgotten."""
    since = db.value("SELECT since_limit FROM country_outages WHERE country = ?", country)
    db.execute("DELETE FROM country_outages WHERE country = ?", country)
    _void_refusals(db, since, now, country)
    events.record(db, now, EventKind.COUNTRY_OUTAGE_END, word=country)


# ---- trials


def begin_trial(db: Database, attempt_id: int, now: Now, pauses: Sequence[float]) -> None:
    """Record that an attempt is a trial: the line's while the line's breaker is open, else its country's."""
    state = row_of(db).breaker
    country = db.value("SELECT recipient_country FROM attempts WHERE id = ?", attempt_id)
    if state.is_open:
        trial = TrialOf.LINE
        set_breaker(db, breaker.trial_begun(state, now.limit, pauses))
    elif outage := _countries(db).get(country):
        trial = TrialOf.COUNTRY
        _set_country(db, country, breaker.trial_begun(outage, now.limit, pauses))
    else:  # it ended after the answer's turn came
        return
    db.execute("UPDATE attempts SET trial = ? WHERE id = ?", trial, attempt_id)


def withdraw_trial(db: Database, attempt_id: int, now: Now) -> None:
    """Record that an attempt never reached the modem: if it was a trial, another one may begin at once."""
    attempt = db.the("SELECT trial, recipient_country AS country FROM attempts WHERE id = ?", attempt_id)
    if attempt["trial"] == TrialOf.LINE:
        set_breaker(db, breaker.trial_withdrawn(row_of(db).breaker, now.limit))
    elif attempt["trial"] == TrialOf.COUNTRY and (outage := _countries(db).get(attempt["country"])):
        _set_country(db, attempt["country"], breaker.trial_withdrawn(outage, now.limit))


def in_round(db: Database, state: Breaker, now: Now, country: str | None = None) -> list[str]:
    """Return the recipients of the line's or a country's present round of trials: none is tried twice in a round."""
    if not state.lets_follow(now.limit):
        return []
    rows = db.all(
        "SELECT a.recipient FROM attempts t JOIN answers a ON a.id = t.answer_id WHERE t.trial = :trial"
        " AND (:country IS NULL OR t.recipient_country = :country) AND t.outcome IS NOT NULL"
        " ORDER BY t.ended_limit DESC, t.id DESC LIMIT :refused",
        trial=TrialOf.COUNTRY if country else TrialOf.LINE,
        country=country,
        refused=state.refused,
    )
    return [row["recipient"] for row in rows]
