"""One run of the alerts: records the alerts that are due, and sends each channel those that it has not taken yet.

A database in trouble cannot record that an alert was sent. Then the file alerts.json (`note`) has the record, until the
database can be written again. Nothing here prints: results go to `say`, failures to `complain`.
Known to be wrong: a pause or a lost modem can delay an alert by text message until its condition is over. Then it is
sent all the same, just before the message that the condition is over. `rehearse` does not show a trouble of the
database.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from hotlined.alerts import texting
from hotlined.alerts.channels import Channel, Message
from hotlined.alerts.delivery import Delivery
from hotlined.alerts.due import KINDS, Due, News, draft, due
from hotlined.alerts.note import Note, open_note
from hotlined.conditions import DATABASE_TITLES, UNKNOWN_DATABASE_STATE
from hotlined.config import Config
from hotlined.errors import HotlinedError, RefusedError, StoreError
from hotlined.language import N_, _
from hotlined.machine import clock
from hotlined.machine.clock import Now
from hotlined.reports.overview import LineReport
from hotlined.states import (
    AlertCondition,
    DatabaseState,
    is_about_database,
)
from hotlined.store.answers import tells, words_met
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.trouble import TROUBLES, DatabaseTrouble
from hotlined.store.line import alerting, events
from hotlined.store.line.alerting import Alert, Draft
from hotlined.store.line.database import Database
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
            self._deliver(db, lambda _: [alert], is_test=True)
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
            drafts = self._due(db, db.now()).told
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

    def _record_and_deliver(self, note: Note) -> None:
        """Record the alerts that are due, and send each channel those that it has not taken yet."""
        with open_beside_daemon(self.config.database) as db:
            keys = [channel.key for channel in self.channels]
            self._record_due(db, keys)
            self._deliver_untaken(db)
            # a text with an alert word may have come during the delivery: the run that the daemon then requested ended
            # at once, because this one has locked the note
            if words_met.maybe_due(db, db.now()):
                self._record_due(db, keys)
                self._deliver_untaken(db)
            # beginning and end of the trouble are recorded together, now that the database can be written again
            if note.trouble and self.report.database_state == DatabaseState.OK:
                begin = replace(_database_draft(note), taken=frozenset(note.taken))
                with db.transaction():
                    alerting.record(db, [begin, draft(AlertCondition.DATABASE, 0, db.now().rfc3339)], keys, db.now())
                note.trouble = None
                note.save()
                self._deliver_untaken(db)
            if digest := self._maybe_digest(db):  # last: it reads a lot, which may fail or take long
                with db.transaction():
                    alerting.record(db, [digest], [channel.key for channel in self.delivery.channels], db.now())
                self._deliver_untaken(db)

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

    def _record_due(self, db: Database, keys: Sequence[str]) -> None:
        """Record the alerts that are due now."""
        with db.transaction():
            now = db.now()
            # in the transaction that marks the texts as named: a text that came later would be marked, but not named
            due_now = self._due(db, now)
            alerting.record(db, due_now.silent, (), now)
            alerting.record(db, due_now.told, keys, now)
            if any(each.condition == AlertCondition.WORDS for each in due_now.told):
                words_met.mark_named(db)
            for named in tells.due(db, self.config.web.others, now):
                tells.mark_named(db, named, now)
            alerting.move(db, due_now.progress)

    def _due(self, db: Database, now: Now) -> Due:
        """Return the alerts that are due."""
        progress = alerting.progress(db)
        happened = events.news(db, KINDS, progress.event_id or 0)
        news = News(happened, words_met.maybe_due(db, now), [*tells.due(db, self.config.web.others, now)])
        return due(progress, self.report.seen, news, now)

    def _deliver_untaken(self, db: Database) -> None:
        self._deliver(db, lambda channel: alerting.untaken(db, channel.key, db.now()), is_test=False)

    def _deliver(self, db: Database, alerts: Callable[[Channel], Iterable[Alert]], *, is_test: bool) -> None:
        """Send each channel its alerts, oldest first; a channel that fails gets no more in this run."""
        for channel in self.usable:
            try:
                for alert in alerts(channel):
                    self._send(channel, db, alert)
            except RefusedError as error:
                self.failed = self.failed or is_test
                self.complain(_("{channel} is left out: {reason}.", channel=channel.name, reason=error.message))
            except HotlinedError as error:
                self.fail(error)

    def _send(self, channel: Channel, db: Database, alert: Alert) -> None:
        """Send one alert by one channel, and record that it was taken."""
        if channel.key == texting.KEY:
            texting.text(self.config, db, alert, self.report)
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


def _database_draft(note: Note) -> Draft:
    title = DATABASE_TITLES.get(note.trouble or "", UNKNOWN_DATABASE_STATE)
    return draft(AlertCondition.DATABASE, 1, note.at, title=title, words=note.words)


def maybe_database_state(error: Exception) -> DatabaseState | None:
    """Return the state of the database from an error; None if another version or another user could use the database.

    An error of SQLite that has no `DatabaseState` of its own counts as damage, as in the daemon.
    """
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    if not isinstance(cause, sqlite3.Error):
        return None
    state = DatabaseTrouble.of(cause).state
    return None if state is DatabaseState.DENIED else state
