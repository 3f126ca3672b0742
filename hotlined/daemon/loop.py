"""The loop: connect, receive, judge, send, sleep; signals, requests, and what is done when the disk fails.

Every pass does a bounded amount of each kind of work, receiving before sending, and says how long to sleep. What a
restart needs is in the database.
"""

import logging
import os
import select
import signal
import sqlite3
import time
from collections.abc import Callable

from hotlined import __version__, systemd
from hotlined import config as configuration
from hotlined.clock import Now
from hotlined.config import Config, Mode
from hotlined.daemon.connection import Connection, ModemState
from hotlined.daemon.line import Line, Outage, file_at
from hotlined.daemon.receiving import Receiver
from hotlined.daemon.sending import Sender
from hotlined.daemon.status import Status
from hotlined.daemon.waiting import SIGNALS, outage_of, outage_of_replaced, wait_for_database
from hotlined.errors import (
    ConfigError,
    ModemError,
    PortError,
    PortLostError,
    UnavailableError,
)
from hotlined.gsm import profiles
from hotlined.gsm.finding import THIS_MACHINE, Machine
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import drain
from hotlined.gsm.profiles import Meaning
from hotlined.states import RequestState
from hotlined.status import CONFIG_REFUSED, Trouble
from hotlined.store import answers, backup, contacts, decisions, fates, pseudonyms, requests
from hotlined.store.database import Database
from hotlined.store.line import calendar_moved, save_limit_clock
from hotlined.store.trouble import DatabaseTrouble
from hotlined.timing import USUAL, Every, Timing

log = logging.getLogger("hotlined")


def serve(config: Config, timing: Timing = USUAL, machine: Machine = THIS_MACHINE) -> None:
    """Serve a line until SIGTERM or SIGINT; a database that cannot be used is waited for.

    Raises DatabaseInUseError and DatabaseVersionError.
    """
    wanted, folder = configuration.wanted_runtime_dir(config), configuration.runtime_dir(config)
    if folder != wanted:
        log.warning("%s cannot be made, or is not this user's: the status is in %s", wanted, folder)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        outage: Outage | None = None
        while opened := wait_for_database(config, outage, timing):
            db, outage = opened
            with db:
                daemon = Daemon(config, db, outage, timing, machine)
                daemon.run()
                signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            if daemon.line.stopping:
                return
            config, outage = daemon.line.config, daemon.outage
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Daemon:
    """One line: its configuration, its database, its modem."""

    def __init__(
        self,
        config: Config,
        db: Database,
        outage: Outage | None = None,
        timing: Timing = USUAL,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self.db = db
        self.line = Line(config, db, timing, machine, file_at(db.path))
        self.timing = timing
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.connection = Connection(self.line, self._progress, self._wake)
        self.receiver = Receiver(self.line, self.connection)
        self.sender = Sender(self.line, self.connection)
        self.status = Status(self.line, self.connection, self.receiver, self.sender)
        self.outage = outage
        self._damaged = False
        self._database_due = 0.0
        self._flood = Every(timing.flood_look)
        self._anchor = Every(timing.anchor)
        self._anchor.again()
        self._data_version = -1
        self._requests_wait = True
        self._stopping: float | None = None
        self._reload = False
        self._begun = False
        self._mode_noted: Mode | None = None

    # ---- life

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, or until the database is found damaged."""
        self._catch_signals()
        systemd.notify(READY=1, STATUS="starting")
        config = self.line.config
        log.info("hotlined %s serves line %s (%s)", __version__, config.line, config.mode.value)
        try:
            while self._stopping is None and not self._damaged:
                self._pass()
        finally:
            if not self._damaged:
                systemd.notify(STOPPING=1)
            self._stop()

    def run_once(self) -> None:
        """Scan once and send every answer that is due now; raises UnavailableError if the modem cannot be used."""
        self._catch_signals()
        self._begin()
        try:
            self._connect()
            if (modem := self.connection.modem) is None:
                raise UnavailableError(self.connection.trouble or "The modem cannot be used.")
            self._work(modem)
            while self._stopping is None and (self.receiver.is_scanning or self.sender.has_due_answer()):
                self.connection.ladder.next_rung()  # nothing is climbed in a single run
                self._sleep()
                if not modem.in_step:
                    modem.resynchronise()
                self._work(modem)
        except (ModemError, PortError) as error:
            raise UnavailableError(error.message, error.hint) from error
        finally:
            self._stop()

    def _begin(self) -> None:
        """Take up what the last run left, once: state is where it is stored."""
        if self._begun:
            return
        now = self.db.now()
        with self.db.transaction():
            save_limit_clock(self.db, now)
            self.db.event(now, "modem_starting", f"hotlined {__version__}")
        if copied := backup.quarantine_restored(self.db, now):
            log.warning("this is the backup of %s, put back: answers that waited in it are unconfirmed", copied)
        requests.recover(self.db, now)
        self._note_lost_key(now)
        if found := fates.recover(self.db, now, self.timing.trial_after):
            log.warning("%d segments were in hand when the daemon stopped last: unconfirmed", found)
        self.sender.reload()
        self._begun = True

    def _note_lost_key(self, now: Now) -> None:
        """Send nothing while the key of the pseudonyms is lost; said at each start and whenever that is news."""
        if pseudonyms.note_lost(self.db, now) or (not self._begun and pseudonyms.is_lost(self.db)):
            log.error("%s is missing or another key: nothing is sent until `hotlined resume`", self.db.key_path)

    def _stop(self) -> None:
        if self.connection.modem:
            self.connection.modem.port.close()
        try:
            if not self._damaged:
                self.sender.flush_pending_write()
                with self.db.transaction():
                    save_limit_clock(self.db, self.db.now())
                    self.db.event(self.db.now(), "modem_stopped")
        except sqlite3.Error as error:
            log.warning("the last state could not be saved: %s", error)
        self.status.remove()
        log.info("stopped")

    def _catch_signals(self) -> None:
        def stop(_number: int, _frame: object) -> None:
            self._stopping = self._stopping or time.monotonic()
            self.line.stopping = True

        def reload(_number: int, _frame: object) -> None:
            self._reload = True

        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _progress(self, deadline: float) -> float | None:
        """Be alive while a step is within its time limit, to systemd and `status`; return when a stop ends the step."""
        if time.monotonic() <= deadline + self.timing.tick:
            systemd.notify(WATCHDOG=1)
            self.status.give_sign_of_life(self.outage)
        if self._stopping is None:
            return None
        modem = self.connection.modem
        submitting = modem is not None and modem.is_submitting
        return self._stopping + (self.timing.stop_submitting if submitting else self.timing.stop_other)

    # ---- a pass

    def _pass(self) -> None:
        """Do a bounded amount of everything, then sleep until something is to be done."""
        systemd.notify(WATCHDOG=1)
        if self._reload:
            self._reload = False
            self._load_again()
        self._guarded(self._advance)
        self.status.write(self.outage)
        self._guarded(self._sleep)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something; what the modem or the disk refuses is a state to recover from."""
        try:
            action()
        except PortLostError as error:
            self.connection.port_lost(error)
        except (ModemError, PortError) as error:
            if self._stopping is None:
                self.connection.command_failed(error)
        except sqlite3.Error as error:
            self._database_trouble(error)

    def _advance(self) -> None:
        if time.monotonic() < self._database_due:
            return
        if not self._has_its_database():
            return
        self._step()
        if self.outage and time.monotonic() >= self._database_due:  # it may have been taken away just now
            with self.db.transaction():  # only a write proves it
                save_limit_clock(self.db, self.db.now())
                self.db.event(self.db.now(), f"database_{self.outage.state}", f"since {self.outage.since}, until now")
            log.warning("the database can be used again")
            self.outage = None

    def _step(self) -> None:
        """Receive, judge, send, serve; what the modem refuses to do keeps nothing else from being done."""
        self._begin()
        self.sender.flush_pending_write()
        self.connection.announce_state()
        modem = self.connection.modem
        if modem and (mr := modem.take_late_reference()) is not None:  # before a rung that begins with another
            self.sender.settle_late_result(mr)
        if self.connection.climb_ladder():
            self.receiver.poll.at_once()  # what shows that it helped
        if self.connection.modem is None and time.monotonic() >= self.connection.due:
            self._connect()
        try:
            if self.connection.modem and not self.connection.ladder.pending:
                self._work(self.connection.modem)
        finally:
            self.sender.judge()
            self.sender.hold_without_modem()
            self._serve_requests()
            self._housekeep()

    def _housekeep(self) -> None:
        if self._mode_noted is not self.line.config.mode:
            decisions.note_mode(self.db, self.db.now(), shadow=self.line.shadow)
            self._mode_noted = self.line.config.mode
        if self._flood.is_due():
            self._flood.again()
            if kind := contacts.watch_flood(self.db, self.db.now()):
                log.warning("a flood of texts %s", "has begun" if kind == "flood_begin" else "is over")
        if self._anchor.is_due() or calendar_moved(self.db, self.db.now()):
            save_limit_clock(self.db, self.db.now())
            self._anchor.again()

    def _connect(self) -> None:
        self.receiver.start_anew()
        self.connection.connect()

    def _work(self, modem: Modem) -> None:
        """Receive, judge and send what there is: a bounded amount."""
        modem.require_step()
        if self._act_on_unsolicited(modem):
            self.connection.ask_condition()
        if not self._has_its_database():
            return
        self.receiver.scan(modem)
        self.connection.ask_condition()
        self.receiver.update_call(modem)
        self.sender.judge()
        if self._stopping is None and self.receiver.allows_sending():
            if self.connection.registered and not self.connection.mismatch:
                self.sender.credit.ask_if_due(modem)
            self.sender.send(modem)

    def _act_on_unsolicited(self, modem: Modem) -> bool:
        """Act on what came unasked, and tell whether the SIM may be another: that is asked before it is read."""
        sim_moved = False
        for event in modem.take_unsolicited():
            meaning = profiles.meaning(event.text)
            if meaning in (Meaning.SIM, Meaning.NETWORK):
                self.connection.condition_due = 0.0
            sim_moved = sim_moved or meaning is Meaning.SIM
            self.receiver.act_on(event, modem)
        return sim_moved

    def _sleep(self) -> None:
        """Wait for the modem, a signal or the next step, at most a tick."""
        now, modem = time.monotonic(), self.connection.modem
        if self.connection.ladder.pending and now >= self._database_due:
            return
        if now < self._database_due or modem is None:
            wait = max(self._database_due - now, self.connection.due - now, 0.0)
            ready, _, _ = select.select([self._wake], [], [], min(self.timing.tick, wait))
            if ready:
                drain([self._wake])
            return
        limit_now = self.db.now().limit
        waits = [self.timing.call_tick if self.receiver.call else self.timing.tick, self.receiver.left]
        if not self.sender.is_idle():
            if (judgement := contacts.next_judgement(self.db)) is not None:
                waits.append(judgement - limit_now)
            if (due := answers.next_due(self.db)) is not None and due > limit_now:
                waits.append(due - limit_now)
        if self.sender.due > now:
            waits.append(self.sender.due - now)
        elif self.sender.has_due_answer():
            waits.append(0.0)
        modem.listen(max(0.0, min(waits)))

    # ---- requests, configuration, database

    def _serve_requests(self) -> None:
        """Do what the command line asks; looked at only after another process has written."""
        if self._requests_wait:
            self._requests_wait = requests.settle(self.db, self.db.now()) > 0
        version = self.db.changed_elsewhere()
        if version == self._data_version:
            return
        self._note_lost_key(self.db.now())  # a person may go on who can read a key that the daemon cannot
        self.sender.forget_marks()
        while (request := requests.next_request(self.db, self.db.now())) is not None:
            log.info("request %d: %s, asked by %s", request.request_id, request.verb, request.who)
            if request.verb in ("send", "try"):
                self._requests_wait = True
                self.sender.accept(request)
            elif request.verb == "balance":
                self.sender.answer_balance_request(request, self.connection.modem)
            elif request.verb == "adopt":
                self._adopt(request)
            else:
                requests.end(
                    self.db, request.request_id, RequestState.REFUSED, "this daemon cannot do that", self.db.now()
                )
        self._data_version = version  # only now: what failed on the way is looked at again

    def _adopt(self, request: requests.Request) -> None:
        """Serve the line with the stick and SIM that are in, because a person says so."""
        ready = self.connection.modem is not None or self.connection.state is ModemState.SIM_CHANGED
        words = self.connection.adopt(request.who) if ready else "the modem cannot be used now"
        requests.end(
            self.db, request.request_id, RequestState.DONE if ready else RequestState.REFUSED, words, self.db.now()
        )

    def _has_its_database(self) -> bool:
        """Tell whether the database is still where it was; where not, nothing is read off the SIM and nothing sent."""
        if file_at(self.db.path) == self.line.database_file:
            return True
        self.outage = outage_of_replaced(self.db.path, self.outage, self.db.now())
        self._database_due = time.monotonic() + self.timing.database_pause
        self.receiver.forget_listing()  # it gets old meanwhile
        return False

    def _database_trouble(self, error: sqlite3.Error) -> None:
        """Keep texts on the SIM and stop answering until the database can be written again."""
        self.outage = outage_of(error, self.outage, self.db.now())
        self._damaged = DatabaseTrouble.of(error).name == "damaged"
        self._database_due = time.monotonic() + self.timing.database_pause
        self.receiver.forget_listing()  # it gets old meanwhile

    def _refuse_reload(self, reason: str, cure: str) -> None:
        words = f"The configuration was not read again, and the old one holds: {reason}"
        self.line.refused = Trouble(CONFIG_REFUSED, words, cure, self.db.now().rfc3339)

    def _load_again(self) -> None:
        old = self.line.config
        try:
            new = configuration.load(old.path)
        except ConfigError as error:
            problems = "; ".join(error.problems) or error.message
            log.error("the configuration is refused, the old one stays: %s", problems)  # noqa: TRY400  # no bug
            self._refuse_reload(
                f"{error.message}.", "`hotlined config check` names the lines. Correct them, then reload."
            )
            return
        if (new.database, new.line, new.runtime_dir) != (old.database, old.line, old.runtime_dir):
            log.error("the configuration is refused: line, database and runtime_dir change only with a restart")
            self._refuse_reload(
                "line, database and runtime_dir change only with a restart.",
                "Restart the daemon: `systemctl restart hotlined`. Or take that back, and reload.",
            )
            return
        self.line.config = new
        self.line.refused = None
        self.receiver.apply(new)
        logging.getLogger().setLevel(new.log_level.upper())
        self.sender.reload()
        log.info("the configuration was read again")
        if (new.modem.port, new.modem.baudrate) != (old.modem.port, old.modem.baudrate):
            self.connection.reopen_elsewhere()
