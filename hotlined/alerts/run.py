"""One run of the alerts: records the alerts that are due, and sends each channel those that it has not taken yet.

A database in trouble cannot record that an alert was sent. Then the file alerts.json (`note`) has the record, until the
database can be written again. Nothing here prints: results go to `say`, failures to `complain`.
Known to be wrong: a pause or a lost modem can delay an alert by text message until its condition is over. Then it is
sent all the same, just before the message that the condition is over. `rehearse` does not show a trouble of the
database.
"""

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from hotlined import clock, conditions
from hotlined.alerts import texting
from hotlined.alerts.channels import Channel, Message
from hotlined.alerts.delivery import Delivery
from hotlined.alerts.due import KINDS, Judged, LineState, Pause, draft, due, first_told
from hotlined.alerts.note import Note, open_note
from hotlined.clock import Now
from hotlined.conditions import DATABASE_TITLES, SEAL_FAILURES, UNKNOWN_DATABASE_STATE, row
from hotlined.config import Config
from hotlined.errors import HotlinedError, RefusedError, StoreError
from hotlined.language import N_, _
from hotlined.reports import sealed, sim_life
from hotlined.reports.line import LineReport, Stored, balance_in_words, is_low
from hotlined.reports.silence import in_words
from hotlined.states import (
    AlertCondition,
    DatabaseState,
    HoldReason,
    ModemState,
    SendingState,
    is_about_database,
)
from hotlined.store.answers import tells, words_met
from hotlined.store.answers.breakers import country_outages
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.trouble import TROUBLES, DatabaseTrouble
from hotlined.store.line import alerting, events
from hotlined.store.line.alerting import Alert, AlertProgress, Draft
from hotlined.store.line.database import Database
from hotlined.store.line.line import Sealed, row_of
from hotlined.words.times import moment

PING_SECONDS = 3600.0  # the shortest time between two pings
_DIGEST_DUE = N_("This digest is due:")
_DIGEST_SENT = N_("No digest is due. The newest one, as it would be now:")


@dataclass(slots=True)
class Run:
    """One run: the report of the line, the channels, and whether one of them failed."""

    config: Config
    delivery: Delivery
    report: LineReport
    say: Callable[[str], None]
    complain: Callable[[str], None]
    channels: Sequence[Channel] = field(init=False)
    usable: Sequence[Channel] = field(init=False)
    """The channels that can be tried: if Apprise is not installed, only text messages."""
    failed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.channels = [*self.delivery.channels, *texting.channel(self.config)]
        self.usable = self.channels if self.delivery.usable else texting.channel(self.config)
        if self.delivery.problem:
            self.fail(self.delivery.problem)

    def fail(self, error: HotlinedError) -> None:
        """Record that a channel failed, and complain about it."""
        self.failed = True
        self.complain(error.message)

    def send_due(self) -> None:
        """Send the alerts that are due, even if the database cannot be used; then the ping if all is well."""
        with open_note(self.config) as note:
            state = self.report.database_state
            if state not in (DatabaseState.OK, None):
                troubles = self.report.trouble
                trouble = next((trouble for trouble in troubles if is_about_database(trouble.code)), None)
                self._send_about_database(note, state, trouble.sentences if trouble else "")
            try:
                self._record_and_deliver(note)
            except (StoreError, sqlite3.Error) as error:
                failed = maybe_database_state(error)
                # another program has locked it for a moment, and the daemon works: the next run records the alerts
                is_held_for_a_moment = failed == DatabaseState.LOCKED and self._is_well()
                if failed is None or is_held_for_a_moment:
                    raise
                known = TROUBLES[failed]
                cure = known.cure(self.config.database)
                words = _("The database cannot be used: {reason}. {cure}", reason=_(known.words), cure=cure)
                self._send_about_database(note, failed, words)
            self._ping(note)

    def test(self) -> None:
        """Send a test alert through every channel, and the ping if all is well."""
        with open_beside_daemon(self.config.database) as db:
            now = db.now()
            test = draft(AlertCondition.TEST, 0, now.rfc3339)
            with db.transaction():
                [alert_id] = alerting.record(db, [test], [channel.key for channel in self.channels], now)
            alert = Alert(alert_id, test.level, test.at, test.title, test.text, test.condition)
            self._deliver(db, lambda _: [alert], self.look(db), is_test=True)
        if self.delivery.pings and self._is_well():
            try:
                self.delivery.ping()
            except HotlinedError as error:
                self.fail(error)
            else:
                self.say(_("alerts.ping: heard"))
        elif self.delivery.pings:
            self.say(_("alerts.ping is left out: it is asked only while all is well."))

    def rehearse(self) -> None:
        """Say which alerts each channel would get now."""
        # the drafts have no alert about the database: if that is in trouble, "Nothing is due." would be wrong
        nothing = self.report.database_state in (DatabaseState.OK, None)
        with open_beside_daemon(self.config.database) as db:
            before, _after, every = _decide(db, self.look(db))
            drafts, _silent = first_told(before, every, db.now())
            for channel in self.channels:
                alerts: list[Alert | Draft] = [*alerting.untaken(db, channel.key, db.now()), *drafts]
                for alert in alerts:
                    self.say(f"{channel.name}: {texting.subject(self.config, alert.title)}. {alert.text}")
                    nothing = False
            digest = self._maybe_digest(db)
            shown = digest or self._maybe_digest(db, early=True)
        if nothing and not digest:
            self.say(_("Nothing is due."))
        if shown:
            when = _DIGEST_DUE if digest else _DIGEST_SENT
            self.say(f"{_(when)} {texting.subject(self.config, shown.title)}.")
            for line in shown.text.split("\n"):
                self.say(line)

    def look(self, db: Database) -> LineState:
        """Return the state of the line."""
        report, modem, now = self.report, self.report.daemon.modem, db.now()
        budgets = report.stored.budgets if report.stored else {}
        # read from the database: a report that was made without it shows no pause, and the alert about it would end
        pause = next((hold for hold in row_of(db).holds() if hold.state is SendingState.PAUSED), None)
        return LineState(
            name=self.config.name,
            modem_state=modem.state if report.alive else None,
            unwell_seconds=unwell_seconds(modem.since, now) if report.alive else 0.0,
            budgets={name: (budget.used, budget.limit) for name, budget in budgets.items()},
            pause=Pause(row_of(db).paused_limit or 0.0, _when(pause.since), pause.by, pause.reason)
            if pause and pause.reason
            else None,
            judged=dict(judged(report, now)),
            countries=country_outages(db),
            words=words_met.maybe_due(db, now),
            tells=[*tells.due(db, self.config.web.others, now)],
        )

    def _record_and_deliver(self, note: Note) -> None:
        """Record the alerts that are due, and send each channel those that it has not taken yet."""
        with open_beside_daemon(self.config.database) as db:
            keys = [channel.key for channel in self.channels]
            state = self._record_due(db, keys)
            self._deliver_untaken(db, state)
            # a text with an alert word may have come during the delivery: the run that the daemon then requested ended
            # at once, because this one has locked the note
            if words_met.maybe_due(db, db.now()):
                state = self._record_due(db, keys)
                self._deliver_untaken(db, state)
            # beginning and end of the trouble are recorded together, now that the database can be written again
            if note.trouble and self.report.database_state == DatabaseState.OK:
                begin = replace(_database_draft(note), taken=frozenset(note.taken))
                with db.transaction():
                    alerting.record(db, [begin, draft(AlertCondition.DATABASE, 0, db.now().rfc3339)], keys, db.now())
                note.trouble = None
                note.save()
                self._deliver_untaken(db, state)
            if digest := self._maybe_digest(db):  # last: it reads a lot, which may fail or take long
                with db.transaction():
                    alerting.record(db, [digest], [channel.key for channel in self.delivery.channels], db.now())
                self._deliver_untaken(db, state)

    def _maybe_digest(self, db: Database, *, early: bool = False) -> Draft | None:
        """Return the digest if it is due, or `early`; None if it is not, or no digest or no URL is configured."""
        rhythm, now = self.config.alerts.digest, db.now()
        if rhythm is None or not self.delivery.channels:
            return None
        from hotlined.alerts import digest  # noqa: PLC0415  imports the statistics, which most runs do not need

        edition = digest.newest(rhythm, now.utc)
        if not early and not digest.is_due(edition, alerting.maybe_last_digest(db), now):
            return None
        return digest.compose(db, self.config, self.report, rhythm, edition, now)

    def _record_due(self, db: Database, keys: Sequence[str]) -> LineState:
        """Record the alerts that are due now; return the state of the line from which they follow."""
        state = self.look(db)
        with db.transaction():
            # read again in the transaction that marks the texts as named: otherwise a text that came after `look` would
            # be marked, though no alert names it
            now = db.now()
            due = [*tells.due(db, self.config.web.others, now)]
            state = replace(state, words=words_met.maybe_due(db, now), tells=due)
            progress, reached, drafts = _decide(db, state)
            told, silent = first_told(progress, drafts, now)
            alerting.record(db, silent, (), now)
            alerting.record(db, told, keys, now)
            if state.words:
                words_met.mark_named(db)
            for named in state.tells:
                tells.mark_named(db, named, now)
            if (reached.event_id, reached.unwell_limit) != (progress.event_id, progress.unwell_limit):
                alerting.move(db, reached)
        return state

    def _deliver_untaken(self, db: Database, state: LineState) -> None:
        self._deliver(db, lambda channel: alerting.untaken(db, channel.key, db.now()), state, is_test=False)

    def _deliver(
        self, db: Database, alerts: Callable[[Channel], Iterable[Alert]], state: LineState, *, is_test: bool
    ) -> None:
        """Send each channel its alerts, oldest first; a channel that fails gets no more in this run."""
        for channel in self.usable:
            try:
                for alert in alerts(channel):
                    self._send(channel, db, alert, state)
            except RefusedError as error:
                self.failed = self.failed or is_test
                self.complain(_("{channel} is left out: {reason}.", channel=channel.name, reason=error.message))
            except HotlinedError as error:
                self.fail(error)

    def _send(self, channel: Channel, db: Database, alert: Alert, state: LineState) -> None:
        """Send one alert by one channel, and record that it was taken."""
        if channel.key == texting.KEY:
            texting.text(self.config, db, alert, state)
        else:
            alerting.begin(db, alert.alert_id, channel.key)
            self.delivery.post(channel, self._message(alert))
        alerting.take(db, alert.alert_id, channel.key, db.now())
        self.say(f"{channel.name}: {texting.subject(self.config, alert.title)}")

    def _message(self, alert: Alert | Draft) -> Message:
        text = f"{alert.text}\n{moment(alert.at, dated=True)}"
        return Message(texting.subject(self.config, alert.title), text, alert.level)

    def _send_about_database(self, note: Note, state: str, words: str) -> None:
        """Send the alert about the database to every URL, once: the note records each URL that took it."""
        if note.trouble is None:
            note.trouble, note.words, note.at, note.taken = state, words, clock.rfc3339(clock.here()), []
        note.save()
        alert = _database_draft(note)
        for channel in self.usable:
            if channel.key not in (texting.KEY, *note.taken):
                try:
                    self.delivery.post(channel, self._message(alert))
                except HotlinedError as error:
                    self.fail(error)
                    continue
                note.taken.append(channel.key)
                note.save()
                self.say(f"{channel.name}: {texting.subject(self.config, alert.title)}")

    def _ping(self, note: Note) -> None:
        """Send the ping if all is well and the last one is an hour old."""
        now = clock.boottime()
        lately = note.pinged is not None and 0 <= now - note.pinged < PING_SECONDS
        if lately or not self._is_well() or note.trouble or not self.delivery.pings:
            return
        try:
            self.delivery.ping()
        except HotlinedError as error:
            self.fail(error)
            return
        note.pinged = now
        note.save()

    def _is_well(self) -> bool:
        """Tell whether the daemon is alive, and nothing keeps it from its work."""
        return self.report.ready and self.report.database_state == DatabaseState.OK


def _decide(db: Database, state: LineState) -> tuple[AlertProgress, AlertProgress, list[Draft]]:
    """Return the progress before this run, the progress after it, and the alerts that are due now."""
    progress = alerting.progress(db)
    return progress, *due(progress, state, events.news(db, KINDS, progress.event_id or 0), db.now())


def judged(report: LineReport, now: Now) -> Iterator[tuple[AlertCondition, Judged]]:
    """Yield the level of each subject about which something is known now."""
    if report.stored:
        yield from _judged_by_database(report, report.stored, now)
    if report.alive and report.daemon.modem.state == ModemState.READY:
        yield from _by_rank(report, AlertCondition.RECEPTION, now)
    if report.disk and (report.disk.is_low or report.disk.has_room):
        yield (
            AlertCondition.DISK,
            Judged(int(report.disk.is_low), {"free": report.disk.megabytes, "cure": conditions.DISK_LOW.cure}),
        )
    yield from _by_rank(report, AlertCondition.CONFIG, now)
    yield from _by_rank(report, AlertCondition.ANSWER, now)


def _judged_by_database(report: LineReport, stored: Stored, now: Now) -> Iterator[tuple[AlertCondition, Judged]]:
    config = report.config
    if stored.life is not None:
        filling = sim_life.filling(stored.life, stored.top_up, stored.credit.valid_until, now)
        yield AlertCondition.SIM_LIFE, Judged(stored.life, filling)
    if config.backup.folder:
        yield AlertCondition.BACKUP, _backup(config, stored.sealed)
    if stored.text_lost:
        known, at = conditions.TEXT_LOST, moment(stored.text_lost.at)
        filling = {"title": known.title, "words": known.words.format(at=at), "cure": known.cure, "last": at}
        yield AlertCondition.TEXT_LOST, Judged(int(stored.text_lost.is_recent(stored.at)), filling)
    if stored.silence and stored.silence.is_long is not None:
        known, last = conditions.SILENCE, moment(stored.silence.last_at)
        filling = {"title": known.title, "words": in_words(stored.silence), "cure": known.cure, "last": last}
        yield AlertCondition.SILENCE, Judged(int(stored.silence.is_long), filling)
    if stored.fleet and (stored.fleet.trouble or (stored.fleet.hub and stored.fleet.hub.reachable)):
        yield from _by_rank(report, AlertCondition.HUB, now)
    yield from _by_rank(report, AlertCondition.KEY, now)
    yield from _by_rank(report, AlertCondition.CREDIT, now)
    if not report.maybe(HoldReason.CREDIT):  # an outage that turned out to be about credit is not over
        yield from _by_rank(report, AlertCondition.OUTAGE, now)
    if config.credit.ussd and stored.credit.balance is not None:
        low, balance = is_low(config, stored.credit), balance_in_words(config, stored.credit)
        yield AlertCondition.BALANCE, Judged(int(low), {"balance": balance})
    if stored.selftest and stored.selftest.back_at:  # none ever came back: its number may be wrong
        yield from _by_rank(report, AlertCondition.SELFTEST, now)


def _by_rank(report: LineReport, subject: AlertCondition, now: Now) -> Iterator[tuple[AlertCondition, Judged]]:
    """Yield the highest rank of the troubles about a subject; nothing while all are younger than their alerts."""
    about = [(row(each.code), each) for each in report.trouble]
    about = [(known, each) for known, each in about if known.subject == subject and known.rank]
    lasting = [known for known, each in about if _seconds_since(each.since, now) >= known.after_seconds]
    if lasting:
        worst = max(lasting, key=attrgetter("rank"))
        known = worst.known
        filling = {"title": known.title, "words": known.words, "cure": known.cure} if known else {}
        yield subject, Judged(worst.rank, filling)
    elif not about:
        yield subject, Judged(0, {})


def _backup(config: Config, known: Sealed) -> Judged:
    condition = sealed.condition(known)
    cure = SEAL_FAILURES[known.failure].cure if known.failure else condition.cure
    made = moment(known.at) if known.at else ""
    filling = {"title": condition.title, "cure": cure.format(name=config.name), "made": made}
    return Judged(int(sealed.is_old(config, known)), filling)


def _database_draft(note: Note) -> Draft:
    title = DATABASE_TITLES.get(note.trouble or "", UNKNOWN_DATABASE_STATE)
    return draft(AlertCondition.DATABASE, 1, note.at, title=title, words=note.words)


def _when(at: str | None) -> str:
    return moment(at) if at else _("some time ago")


def unwell_seconds(since: str | None, now: Now) -> float:
    """Return the seconds that a state has lasted: at most those since boot, and 0 if the clock is not synchronised."""
    if since is None or not now.synchronised:
        return 0.0
    return min(max(0.0, (now.utc - clock.parse_rfc3339(since)).total_seconds()), clock.boottime())


def _seconds_since(since: str | None, now: Now) -> float:
    """Return the seconds that a trouble has lasted; if that is not known, infinity, so that its alert is due."""
    if since is None or not now.synchronised:
        return math.inf
    seconds = (now.utc - clock.parse_rfc3339(since)).total_seconds()
    return seconds if seconds >= 0 else math.inf


def maybe_database_state(error: Exception) -> DatabaseState | None:
    """Return the state of the database from an error; None if another version or another user could use the database.

    An error of SQLite that has no `DatabaseState` of its own counts as damage, as in the daemon.
    """
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    if not isinstance(cause, sqlite3.Error):
        return None
    state = DatabaseTrouble.of(cause).state
    return None if state is DatabaseState.DENIED else state
