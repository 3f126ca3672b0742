"""`hotlined alerts`: tells what became due since it last ran, through every channel, then ends; a timer runs it.

`due` decides, pure, from what was told before, what is seen now and the events since. A database in trouble cannot keep
what was told of it: that stands in alerts.json in the line's folder of the runtime directory until it can.
Known to be wrong: when the daemon does not run, nobody knows since when, so its ten minutes begin when that is first
seen. An SMS that the modem's own loss or a pause held back goes out after its end, with the end behind it. --dry-run
does not tell of a database in trouble.
"""

import contextlib
import errno
import fcntl
import json
import math
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

import click

from hotlined import clock, files, policy
from hotlined import config as configuration
from hotlined.alerts.channels import Channel, Message
from hotlined.alerts.delivery import Delivery, find
from hotlined.cli.output import print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.clock import Now
from hotlined.config import Config
from hotlined.errors import ConfigError, HotlinedError, RefusedError, StoreError, UsageError
from hotlined.gsm.alphabet import plan
from hotlined.reports.line import CONFIG_BROKEN, SHADOW, LineReport, report_line
from hotlined.status import CONFIG_REFUSED
from hotlined.store import alerting, decisions, requests
from hotlined.store.alerting import Alert, Draft, Event, Place
from hotlined.store.database import Database, open_beside_daemon
from hotlined.store.line import maybe_shadow_since, recorded_holds
from hotlined.store.trouble import TROUBLES, DatabaseTrouble
from hotlined.words.conditions import HOLDS, MODEM, NOT_RUNNING, ODD
from hotlined.words.times import moment

LOST_SECONDS = 600.0  # without a modem that is ready, before that is told
FORGOTTEN_SECONDS = 3600.0  # of a pause or of shadow mode, before that is told
AGAIN_SECONDS = 86_400.0  # before it is told again
BUDGET_LEVELS = (50, 80, 100)  # percent of a window, told when reached
BUDGET_OVER = 40  # percent: below it the window is told to have room again
DISK_SHARE, DISK_OCTETS = 0.05, 50_000_000  # less than either is nearly full; over at twice as much
PING_SECONDS = 3600.0  # least time between two pings
PING_LIMIT_SECONDS = 10.0
RESULT_SECONDS = 60.0  # how long a text's result is waited for; the next run looks again
LOOK_SECONDS = 0.2

_WHO = "hotlined alerts"
_SMS = "sms"
_NOTE_MODE = 0o600


# ---- what is due


@dataclass(frozen=True, slots=True)
class Chosen:
    """Something that a person has chosen and may forget: since when, on the limit clock and as people read it.

    `forgotten` is what nobody has chosen now: a pause that came back with a backup. It is told at once.
    """

    limit: float
    since: str
    by: str = ""
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """How the line is at one moment.

    `modem_state` is None while the daemon does not run; `unwell_seconds` is its word for how long it has not been
    ready; `budgets` holds (used, limit) in segments by window; `disk` is (free, total) in octets. `pause` and `shadow`
    are None while the line is neither paused nor in shadow mode.
    """

    modem_state: str | None
    unwell_seconds: float
    budgets: Mapping[str, tuple[int, int]]
    disk: tuple[int, int]
    pause: Chosen | None = None
    shadow: Chosen | None = None
    broken_seconds: float | None = None
    """For how long the configuration has been one that cannot be used; None while it can."""


class _Sign(NamedTuple):
    """The level that a condition has now, since when, the words that fill its texts, and whether it is told daily."""

    condition: str
    level: int
    at: str | None
    filling: Mapping[str, object]
    daily: bool = False


EVENTS = {
    "flood_begin": ("flood", 1),
    "flood_end": ("flood", 0),
    "credit_out": ("credit", 1),
    "credit_ok": ("credit", 0),
    "outage_begin": ("outage", 1),
    "outage_end": ("outage", 0),
    "balance_low": ("balance", 1),
    "balance": ("balance", 0),
    "key_lost": ("key", 1),
    "key_back": ("key", 0),
    "key_new": ("key", 0),
}
"""Events that begin (1) or end (0) a condition."""

_READY = "modem_ready"
_KINDS = (*EVENTS, _READY)


def _said_of(state: str, reason: str) -> tuple[str, str]:
    return HOLDS[state, reason].title, f"{HOLDS[state, reason].words} {HOLDS[state, reason].cure}"


# title and text of each condition at each level, in GSM-7 so that a text message takes them
_WORDS = {
    ("modem", 1): ("{title}", "{cure}"),
    ("modem", 2): ("{title}", "{cure}"),
    ("modem", 0): ("the modem is ready", "Texts are received and answered again."),
    ("flood", 1): (
        "a flood of texts",
        "{detail}. The limits bound what it can cost; 'hotlined pause' holds all answers back.",
    ),
    ("flood", 0): ("the flood is over", "It brought {detail}."),
    ("credit", 1): _said_of("trial", "credit"),
    ("credit", 0): ("the SIM can pay again", "Answers go out: {detail}."),
    ("outage", 1): _said_of("trial", "outage"),
    ("outage", 0): ("answers go out again", "What waited goes out by itself: {detail}."),
    ("balance", 1): ("the balance is low", "{detail} is left. Top the SIM up."),
    ("balance", 0): ("the balance is fine again", "{detail} is left."),
    ("key", 1): _said_of("held", "key_lost"),
    ("key", 0): ("a person has decided about the key", "Answers go out again."),
    ("paused", 1): ("{title}", "Since {since}: {words} {cure}"),
    ("paused", 0): ("the pause is over", "Answers go out again."),
    ("shadow", 1): (
        "the line is in shadow mode",
        "Nobody is answered since {since}. Set 'mode: live' in the configuration and reload the daemon.",
    ),
    ("shadow", 0): ("shadow mode is over", "Answers go out again."),
    ("disk", 1): (
        "the disk is nearly full",
        "{free} MB are left where the database is. Make room: once it is full, nothing is answered.",
    ),
    ("disk", 0): ("the disk has room again", "{free} MB are free where the database is."),
    ("config", 1): (
        "the configuration cannot be used",
        "'hotlined config check' names the lines: correct them, then reload the daemon, or start it.",
    ),
    ("config", 0): ("the configuration can be used again", "Nothing is wrong with it any more."),
    ("database", 1): ("{title}", "{told}"),
    ("database", 0): ("the database is fine again", "Texts are received and answered again."),
    (alerting.TEST, 0): ("a test", "Alerts of this line arrive here."),
} | {
    (f"budget_{window}", level): (f"{level} % of the {window}'s budget", words)
    for window in policy.WINDOW_SECONDS
    for level, words in (
        (50, "{used} of {limit} segments are spent. 'hotlined log' shows on whom."),
        (80, "{used} of {limit} segments are spent. 'hotlined pause' holds all answers back."),
        (
            100,
            "{used} of {limit} segments are spent. Answers wait until the window has room, or are cancelled as stale.",
        ),
    )
}
_WORDS |= {
    (f"budget_{window}", 0): (f"the {window}'s budget has room again", "{used} of {limit} segments are spent.")
    for window in policy.WINDOW_SECONDS
}

_WAITS_FOR_A_PERSON = frozenset(
    {"sim_absent", "pin_required", "pin_refused", "puk_required", "sim_changed", "no_service_centre"}
)
"""States in which the modem answers and nothing but a person can help: told also of one that was lost before."""
_DATABASE_TITLES = {
    "full": "the database cannot be written",  # whoever forbids it
    "locked": "the database is locked",
    "damaged": "the database is damaged",
    "replaced": "the database was replaced",
}


def due(place: Place, seen: Seen, news: Sequence[Event], now: Now) -> tuple[Place, list[Draft]]:
    """Return what is to be told, each change of a condition once, and how far that is.

    Before any event was taken in, of each condition only the newest counts: what was long over is not told.
    """
    unwell_limit = _unwell_since(place, seen, news, now)
    levels = dict(place.levels)
    drafts = []
    for sign in (*_happened(news, only_newest=place.event_id is None), *_signs(levels, seen, unwell_limit, now)):
        told = levels.get(sign.condition, 0)
        since_told = now.limit - place.told_limits.get(sign.condition, now.limit)
        if sign.level != told or (sign.level and sign.daily and since_told >= AGAIN_SECONDS):
            levels[sign.condition] = sign.level
            drafts.append(_draft(sign.condition, sign.level, sign.at or now.rfc3339, **sign.filling))
    newest = max((event.event_id for event in news), default=place.event_id or 0)
    told_limits = {**place.told_limits, **dict.fromkeys((draft.condition for draft in drafts), now.limit)}
    return Place(levels, newest, unwell_limit, told_limits), drafts


def _unwell_since(place: Place, seen: Seen, news: Sequence[Event], now: Now) -> float | None:
    """Return since when the modem has not been ready, on the limit clock: as first seen, or since it last was."""
    if seen.modem_state == "ready":
        return None
    was_ready = any(event.kind == _READY for event in news)
    if place.unwell_limit is None or was_ready:
        return now.limit - seen.unwell_seconds
    return place.unwell_limit


def _happened(news: Sequence[Event], *, only_newest: bool) -> Iterator[_Sign]:
    changes = [event for event in news if event.kind in EVENTS]
    if only_newest:
        changes = list({EVENTS[event.kind][0]: event for event in changes}.values())
    for event in changes:
        yield _Sign(*EVENTS[event.kind], event.at, {"detail": event.detail})


def _signs(levels: Mapping[str, int], seen: Seen, unwell_limit: float | None, now: Now) -> Iterator[_Sign]:
    """Yield the level of what is seen, not told by events; a condition between its two bounds stays as it is."""
    if unwell_limit is None:
        yield _Sign("modem", 0, None, {})
    elif now.limit - unwell_limit >= LOST_SECONDS:
        known = NOT_RUNNING if seen.modem_state is None else MODEM.get(seen.modem_state, ODD)
        level = 2 if seen.modem_state in _WAITS_FOR_A_PERSON else 1
        yield _Sign("modem", max(level, levels.get("modem", 0)), None, {"title": known.title, "cure": known.cure})
    yield from _choices(seen, now)
    if seen.broken_seconds is None or seen.broken_seconds >= LOST_SECONDS:  # nobody is told in the middle of an edit
        yield _Sign("config", int(seen.broken_seconds is not None), None, {})
    for window, (used, limit) in seen.budgets.items():
        condition = f"budget_{window}"
        percent = 100 * used // limit if limit else 0  # where nothing may be spent, nothing was crossed
        reached = max((level for level in BUDGET_LEVELS if percent >= level), default=0)
        level = 0 if percent < BUDGET_OVER else max(reached, levels.get(condition, 0))
        yield _Sign(condition, level, None, {"used": used, "limit": limit})
    free, total = seen.disk
    need = max(DISK_SHARE * total, DISK_OCTETS)
    if free < need or free >= 2 * need:
        yield _Sign("disk", int(free < need), None, {"free": free // 1_000_000})


def _choices(seen: Seen, now: Now) -> Iterator[_Sign]:
    """Yield the level of what a person has chosen; while no daemon runs, nobody knows of shadow mode."""
    chosen = {"paused": seen.pause} | ({"shadow": seen.shadow} if seen.modem_state else {})
    for condition, choice in chosen.items():
        if choice is None:
            yield _Sign(condition, 0, None, {})
        elif choice.forgotten or now.limit - choice.limit >= FORGOTTEN_SECONDS:
            known = HOLDS["paused", "restored" if choice.forgotten else "person"]
            words = {"title": known.title, "words": known.words.format(by=choice.by), "cure": known.cure}
            yield _Sign(condition, 1, None, {"since": choice.since, **words}, daily=True)


def _draft(condition: str, level: int, at: str, **filling: object) -> Draft:
    # GSM-7 has no backticks
    title, text = (words.format_map(filling).replace("`", "'") for words in _WORDS[condition, level])
    return Draft(condition, level, at, title, text)


def _database_draft(note: "Note") -> Draft:
    title = _DATABASE_TITLES.get(note.trouble or "", "the database cannot be used")
    return _draft("database", 1, note.at, title=title, told=note.told)


# ---- what is kept where the database cannot keep it


@dataclass(slots=True)
class Note:
    """The file alerts.json, locked while it is open: the last ping, and a database in trouble.

    `pinged` is in seconds since boot; `trouble` is the database's state, `told` in words at `at` to the channels in
    `taken`.
    """

    file: IO[str]
    pinged: float | None = None
    trouble: str | None = None
    told: str = ""
    at: str = ""
    taken: list[str] = field(default_factory=list)

    def save(self) -> None:
        """Write it; raises OSError where the runtime directory is full."""
        kept = {
            "pinged": self.pinged,
            "trouble": self.trouble,
            "told": self.told,
            "at": self.at,
            "taken": self.taken,
        }
        self.file.seek(0)
        self.file.truncate()
        json.dump(kept, self.file)
        self.file.flush()


def _open_note(path: Path) -> IO[str]:
    """Open the note for this user alone; what lies in its place and is no file of ours goes.

    Raises HotlinedError where it cannot be opened.
    """
    for attempt in range(2):
        try:
            file = os.fdopen(files.open_plain(path, os.O_RDWR, _NOTE_MODE), "r+")
            if os.fstat(file.fileno()).st_uid == os.geteuid():
                return file
            file.close()
        except OSError as error:
            if attempt:
                raise _no_note(path, error) from error
        try:
            path.unlink()  # the name alone: what a link leads to stays
        except OSError as error:
            raise _no_note(path, error) from error
    raise _no_note(path, PermissionError(errno.EACCES, "another user makes it anew each time"))


def _no_note(path: Path, error: OSError) -> HotlinedError:
    return HotlinedError(f"{path} cannot be used: {error.strerror}.", f"Take it away: `sudo rm -r {path}`.")


@contextlib.contextmanager
def _note(config: Config) -> Iterator[Note]:
    """Open and lock the note; raises RefusedError while another run has it."""
    with _open_note(configuration.runtime_dir(config) / "alerts.json") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RefusedError("Alerts are being sent already.", "Wait for that to end.") from error
        file.seek(0)
        note = Note(file)
        with contextlib.suppress(ValueError, TypeError):  # what a crash cut off says nothing
            note = Note(file, **json.load(file))
        yield note


# ---- channels


def _channels(config: Config, delivery: Delivery) -> list[Channel]:
    channels = list(delivery.channels)
    if config.alerts.sms_to and config.alerts.sms_per_day:
        channels.append(Channel(_SMS, "alerts.sms_to"))
    return channels


def _subject(config: Config, title: str) -> str:
    return f"hotlined {config.line}: {title}"


def _message(config: Config, alert: Alert | Draft) -> Message:
    return Message(_subject(config, alert.title), f"{alert.text}\n{alert.at}", alert.level)


def _fitting(config: Config, alert: Alert) -> str:
    """Return as much of an alert as one segment holds, in the encoding that the daemon will choose."""
    subject = _subject(config, alert.title)
    shorter = (subject[:length] for length in range(len(subject), 0, -1))
    texts = (f"{subject}. {alert.text}", *shorter)
    return next(text for text in texts if plan(text, config.answer.encoding).segments == 1)


def _text(config: Config, db: Database, alert: Alert, seen: Seen) -> None:
    """Have the daemon text an alert; raises RefusedError where that is not possible now, or not known yet."""
    runs = seen.modem_state is not None
    fate = alerting.maybe_fate(db, alert.alert_id)
    if fate is None or (fate.state in ("refused", "expired") and not fate.left):
        obstacles = (
            (not runs, "the daemon does not run"),
            (seen.modem_state != "ready", "its modem is not ready"),
            (seen.pause is not None, "the line is paused"),
            (seen.shadow is not None, "shadow mode transmits nothing"),
            (any(used >= limit for used, limit in seen.budgets.values()), "the budget is spent"),
            (alerting.texted(db, db.now()) >= config.alerts.sms_per_day, "alerts.sms_per_day is used up"),
        )
        for met, words in obstacles:
            if met:
                raise RefusedError(words)
        assert config.alerts.sms_to
        alerting.ask(db, alert.alert_id, config.alerts.sms_to, _fitting(config, alert), _WHO, db.now())
    deadline = time.monotonic() + (RESULT_SECONDS if runs else 0.0)
    while (fate := alerting.maybe_fate(db, alert.alert_id)) and fate.state in ("open", "begun"):
        if time.monotonic() >= deadline:
            withdrawn = fate.state == "open" and requests.expire(db, fate.request_id, db.now())
            raise RefusedError("the daemon did not begin it" if withdrawn else "its text waits to be sent")
        time.sleep(LOOK_SECONDS)
    assert fate is not None
    if not fate.left:
        raise RefusedError(f"the daemon refused it ({fate.result or fate.state})")


# ---- the command


@dataclass(slots=True)
class _Run:
    """One run: what it knows of the line, and whether a channel failed."""

    config: Config
    delivery: Delivery
    report: LineReport
    channels: Sequence[Channel]
    usable: Sequence[Channel]
    failed: bool = False

    def say(self, sentence: str) -> None:
        print_wrapped(sentence)

    def fail(self, error: HotlinedError) -> None:
        self.failed = True
        print_wrapped(error.message, err=True)

    def seen(self, db: Database) -> Seen:
        """Return how the line is."""
        found, modem, now = self.report, self.report.daemon.modem, db.now()
        use = shutil.disk_usage(self.config.database.parent)
        stored = found.stored
        # asked here, for a report that could not read the database says of neither that it is over
        pause = next((held for held in recorded_holds(db) if held.state == "paused"), None)
        shadow_since = maybe_shadow_since(db) if found.mode == SHADOW else None
        return Seen(
            modem_state=modem.state if found.alive else None,
            unwell_seconds=_unwell_seconds(modem.since, now) if found.alive else 0.0,
            budgets={name: (each["used"], each["limit"]) for name, each in stored.budgets.items()} if stored else {},
            disk=(use.free, use.total),
            pause=Chosen(
                alerting.began(db, "pause", "resume"),
                _when(pause.since),
                pause.by or "somebody",
                forgotten=pause.reason == "restored",
            )
            if pause
            else None,
            shadow=Chosen(alerting.began(db, decisions.SHADOW, decisions.LIVE), _when(shadow_since))
            if shadow_since
            else None,
            broken_seconds=_broken_seconds(found, now),
        )

    def send(self, channel: Channel, db: Database, alert: Alert, seen: Seen) -> None:
        """Send one alert through one channel and commit that it was taken."""
        if channel.key != _SMS:
            alerting.begin(db, alert.alert_id, channel.key)
            self.delivery.post(channel, _message(self.config, alert))
        else:
            _text(self.config, db, alert, seen)
        alerting.take(db, alert.alert_id, channel.key, db.now())
        self.say(f"{channel.name}: {_subject(self.config, alert.title)}")

    def deliver(self, db: Database, alerts: Callable[[Channel], Iterable[Alert]], seen: Seen, *, test: bool) -> None:
        """Send to every channel what it is owed, oldest first; one that does not take an alert is left for this run."""
        for channel in self.usable:
            try:
                for alert in alerts(channel):
                    self.send(channel, db, alert, seen)
            except RefusedError as error:
                self.failed = self.failed or test
                print_wrapped(f"{channel.name} is left out: {error.message}.", err=True)
            except HotlinedError as error:
                self.fail(error)

    def tell_of_database(self, note: Note, state: str, words: str) -> None:
        """Tell every URL once that the database is in trouble; the note keeps who knows."""
        if note.trouble is None:
            note.trouble, note.told, note.at, note.taken = state, words, clock.rfc3339(datetime.now(UTC)), []
        note.save()
        draft = _database_draft(note)
        for channel in self.usable:
            if channel.key not in (_SMS, *note.taken):
                try:
                    self.delivery.post(channel, _message(self.config, draft))
                except HotlinedError as error:
                    self.fail(error)
                    continue
                note.taken.append(channel.key)
                note.save()
                self.say(f"{channel.name}: {_subject(self.config, draft.title)}")

    def ping(self, note: Note) -> None:
        """Say that all is well, if it is, and the last time is an hour ago."""
        now = clock.boottime()
        lately = note.pinged is not None and 0 <= now - note.pinged < PING_SECONDS
        if lately or not self.well() or note.trouble or not self.delivery.pings:
            return
        try:
            self.delivery.ping()
        except HotlinedError as error:
            self.fail(error)
            return
        note.pinged = now
        note.save()

    def well(self) -> bool:
        """Tell whether the daemon lives, nothing keeps it from its work, and what it answers is transmitted."""
        return self.report.ready and self.report.database_state == "ok" and self.report.maybe(SHADOW) is None


def _when(at: str | None) -> str:
    return moment(at) if at else "some time ago"


def _unwell_seconds(since: str | None, now: Now) -> float:
    """Return for how long a state has held: by the calendar if it is to be trusted, and no longer than this boot."""
    if since is None or not now.synchronised:
        return 0.0
    return min(max(0.0, (now.utc - clock.parse_rfc3339(since)).total_seconds()), clock.boottime())


def _broken_seconds(found: LineReport, now: Now) -> float | None:
    """Return for how long a configuration is broken; where no clock can say so, it is long enough to be told."""
    trouble = found.maybe(CONFIG_BROKEN) or found.maybe(CONFIG_REFUSED)
    if trouble is None:
        return None
    if trouble.since is None or not now.synchronised:
        return math.inf
    seconds = (now.utc - clock.parse_rfc3339(trouble.since)).total_seconds()
    return seconds if seconds >= 0 else math.inf


def _decide(db: Database, seen: Seen) -> tuple[Place, Place, list[Draft]]:
    """Return how far alerts were, how far they are now, and what became due in between."""
    place = alerting.place(db)
    return place, *due(place, seen, alerting.news(db, _KINDS, place.event_id or 0), db.now())


def _record_and_deliver(run: _Run, note: Note) -> None:
    """Record what is due, and send what is owed."""
    with open_beside_daemon(run.config.database) as db:
        seen = run.seen(db)
        keys = [channel.key for channel in run.channels]
        with db.transaction():
            place, reached, drafts = _decide(db, seen)
            alerting.record(db, drafts, keys, db.now())
            if (reached.event_id, reached.unwell_limit) != (place.event_id, place.unwell_limit):
                alerting.move(db, reached)
        run.deliver(db, lambda channel: alerting.owed(db, channel.key, db.now()), seen, test=False)
        if note.trouble and run.report.database_state == "ok":  # and all that was written stands
            begin = replace(_database_draft(note), taken=frozenset(note.taken))
            with db.transaction():
                alerting.record(db, [begin, _draft("database", 0, db.now().rfc3339)], keys, db.now())
            note.trouble = None
            note.save()
            run.deliver(db, lambda channel: alerting.owed(db, channel.key, db.now()), seen, test=False)


def _tell(run: _Run) -> None:
    """Tell what is due, with the database or without, and that all is well if it is."""
    with _note(run.config) as note:
        state = run.report.database_state
        if state not in ("ok", None):
            told = next((each for each in run.report.trouble if each.code.startswith("database_")), None)
            run.tell_of_database(note, state, told.sentences if told else "")
        try:
            _record_and_deliver(run, note)
        except (StoreError, sqlite3.Error) as error:
            trouble = _maybe_trouble(error)
            if trouble is None or (trouble == "locked" and run.well()):  # held for a moment by somebody else
                raise
            said = TROUBLES[trouble]
            run.tell_of_database(note, trouble, f"{said.words[0].upper()}{said.words[1:]}. {said.hint}")
        run.ping(note)


def _maybe_trouble(error: Exception) -> str | None:
    """Return the state of a database that nobody can use; None where this version or this user cannot.

    What SQLite has no other name for is damage, as the daemon has it.
    """
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    if not isinstance(cause, sqlite3.Error):
        return None
    state = DatabaseTrouble.of(cause).name or "damaged"
    return state if state in _DATABASE_TITLES else None


def _test(run: _Run) -> None:
    """Send a test alert through every channel, and the ping if all is well."""
    with open_beside_daemon(run.config.database) as db:
        now = db.now()
        draft = _draft(alerting.TEST, 0, now.rfc3339)
        with db.transaction():
            [alert_id] = alerting.record(db, [draft], [channel.key for channel in run.channels], now)
        alert = Alert(alert_id, draft.level, draft.at, draft.title, draft.text)
        run.deliver(db, lambda _: [alert], run.seen(db), test=True)
    if run.delivery.pings and run.well():
        try:
            run.delivery.ping()
        except HotlinedError as error:
            run.fail(error)
        else:
            run.say("alerts.ping: heard")
    elif run.delivery.pings:
        run.say("alerts.ping is left out: it is asked only while all is well.")


def _print(run: _Run) -> None:
    """Print what would be sent, and to whom."""
    nothing = run.report.database_state in ("ok", None)  # trouble with the database is told elsewhere
    with open_beside_daemon(run.config.database) as db:
        _, _, drafts = _decide(db, run.seen(db))
        for channel in run.channels:
            alerts: list[Alert | Draft] = [*alerting.owed(db, channel.key, db.now()), *drafts]
            for alert in alerts:
                run.say(f"{channel.name}: {_subject(run.config, alert.title)}. {alert.text}")
                nothing = False
    if nothing:
        run.say("Nothing is due.")


@click.command
@click.option("--dry-run", is_flag=True, help="Print what would be sent; send and record nothing.")
@click.option("--test", is_flag=True, help="Send a test alert through every channel.")
@pass_settings
@click.pass_context
def alerts(ctx: click.Context, settings: Settings, dry_run: bool, test: bool) -> None:
    """Send the alerts that are due: each problem once, and once more when it is over.

    Problems are a modem lost for ten minutes, another SIM, budgets, floods, credit, the disk, the database, the
    pseudonyms' key, and a configuration that cannot be used; a pause or shadow mode is one after an hour, and is told
    daily. What a channel does not take is tried again by the next run, for 24 hours; the exit code is then 1.

    Example: hotlined alerts --test
    """
    if dry_run and test:
        raise UsageError("--dry-run and --test exclude each other.")
    config = settings.config()
    delivery = find(config)
    channels = _channels(config, delivery)
    run = _Run(config, delivery, report_line(config, settings.broken), channels, channels)
    if delivery.problem:
        run.fail(delivery.problem)
    if not delivery.usable:
        run.usable = [channel for channel in channels if channel.key == _SMS]
    if settings.broken and not channels and any(key.startswith("alerts.") for key in settings.unknown):
        raise ConfigError(f"{settings.broken.message}, and where alerts go cannot be read from it.")
    if not channels and not delivery.pings and not delivery.problem:
        print_wrapped("There is nowhere to send alerts: set alerts.urls, alerts.sms_to or alerts.ping.")
        return
    (_print if dry_run else _test if test else _tell)(run)
    ctx.exit(int(run.failed))
