"""The loop: connect, receive, judge, send, sleep; signals, requests, and failures of modem and disk.

A pass does a bounded amount of each kind of work; only `_sleep` waits. All state that a restart needs is in the
database, so a pass may break off at any line. An error of the modem or the disk ends the pass and becomes a state
(`_guarded`); the next pass begins at the top again. Receiving comes before sending, because a full SIM takes no texts,
and an answer can wait.

An idle daemon makes a pass every ten seconds, or sooner when a file in the database's folder changes (`watch`).
"""

import logging
import os
import select
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator

from hotlined import __version__
from hotlined import config as configuration
from hotlined.conditions import modem_in_words
from hotlined.config import Config
from hotlined.daemon.calls import CallReceiver
from hotlined.daemon.connection import Connection
from hotlined.daemon.credit import Balance
from hotlined.daemon.database_outage import DatabaseOutage, DatabaseOutages
from hotlined.daemon.judging import Judge
from hotlined.daemon.mark import MarkWriter
from hotlined.daemon.opening import SIGNALS, open_database
from hotlined.daemon.receiving import Receiver
from hotlined.daemon.recovery import Recovery
from hotlined.daemon.reloading import keep, load_again, log_answer
from hotlined.daemon.requesting import Requests
from hotlined.daemon.selftest import SelfTests
from hotlined.daemon.sending import Sender
from hotlined.daemon.shared import Line, file_at
from hotlined.daemon.starting import Starter
from hotlined.daemon.status import StatusWriter, require_no_other
from hotlined.daemon.watch import FolderWatch
from hotlined.errors import ModemError, PortError, PortLostError, StoreError, UnavailableError
from hotlined.gsm import address, profiles
from hotlined.gsm.finding import THIS_MACHINE, Machine
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import drain
from hotlined.gsm.profiles import Meaning
from hotlined.machine import systemd
from hotlined.machine.clock import Now
from hotlined.machine.timing import USUAL, Interval, Timing
from hotlined.states import EventKind, ModemState, NoModemState, modem_event
from hotlined.store.answers import contacts, decisions, fates
from hotlined.store.line import events, pseudonyms, requests
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import calendar_moved, note_ready, row_of, save_limit_clock
from hotlined.store.people import backup

log = logging.getLogger(__name__)


def serve(config: Config, timing: Timing = USUAL, machine: Machine = THIS_MACHINE) -> None:
    """Serve a line until SIGTERM or SIGINT; while the database cannot be used, wait for it.

    Raises DatabaseInUseError and DatabaseVersionError, and ConfigError if another line has the same name.
    """
    wanted, folder = configuration.wanted_runtime_dir(config), configuration.runtime_dir(config)
    require_no_other(config, folder)
    if folder != wanted:
        log.warning("%s cannot be made, or is not this user's: the status is in %s", wanted, folder)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        outage: DatabaseOutage | None = None
        while opened := open_database(config, outage, timing):
            db, outage = opened
            with db:
                daemon = Daemon(config, db, outage, timing, machine)
                daemon.run()
                signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            if daemon.line.stopping:
                return
            config, outage = daemon.line.config, daemon.outages.current
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Daemon:
    """The daemon of one line: owns its database and its modem, and runs the passes."""

    def __init__(
        self,
        config: Config,
        db: Database,
        outage: DatabaseOutage | None = None,
        timing: Timing = USUAL,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self.db = db
        self.line = Line(config, db, timing, machine, file_at(db.path))
        self.outages = DatabaseOutages(self.line, outage)
        self.timing = timing
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.starter = Starter(self.line, self._progress, self._wake)
        self.connection = Connection(self.line, self.starter)
        self.recovery = Recovery(self.line, self.connection, self.starter)
        self.calls = CallReceiver(self.line)
        self.receiver = Receiver(self.line, self.connection, self.calls)
        self.balance = Balance(self.line)
        self.sender = Sender(self.line, self.connection, self.balance)
        self.judge = Judge(self.line, self.sender, self.balance)
        self.requests = Requests(self.line, self.connection, self.sender, self.balance)
        self.selftests = SelfTests(self.line, self.connection, self.requests)
        self.status = StatusWriter(self.line, self.connection, self.receiver, self.balance, self.outages)
        self.mark = MarkWriter(self.line)
        self._watch = FolderWatch(db.path.parent)
        self._watchdog = Interval(systemd.watchdog_seconds(timing.idle))
        self._flood = Interval(timing.flood_look)
        self._anchor, self._anchor_waiting = Interval(timing.anchor), Interval(timing.anchor_waiting)
        self._anchor.restart()
        self._anchor_waiting.restart()
        self._data_version = -1
        self._stopping: float | None = None
        self._reload = False
        self._begun = False
        self._is_applied = False
        """Whether the configuration in force was applied to the database, too."""
        self._shown = ModemState.STARTING

    # ---- life

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, or until the database is found damaged."""
        self._catch_signals()
        address.load()  # a running daemon must load no library, because an upgrade may have replaced it
        systemd.notify(READY=1, STATUS="starting")
        config = self.line.config
        log.info("hotlined %s serves line %s", __version__, config.line)
        log_answer(config)
        keep(config)
        try:
            while self._stopping is None and not self.outages.is_damaged:
                self._pass()
        finally:
            if not self.outages.is_damaged:
                systemd.notify(STOPPING=1)
            self._stop()

    def run_once(self) -> None:
        """Scan once and send every answer that is due now; raises UnavailableError if the modem cannot be used."""
        self._catch_signals()
        self._begin()
        try:
            self._connect()
            if (modem := self.connection.modem) is None:
                raise self._unavailable()
            self._work(modem)
            while self._has_more_to_do():
                self.connection.escalation.next_step()  # taken and not used: a single run does not recover the modem
                self._sleep()
                if not modem.in_step:
                    modem.exchange.resynchronise()
                self._work(modem)
            if self.connection.modem is None:
                raise self._unavailable()
        except (ModemError, PortError) as error:
            raise UnavailableError(error.message, error.hint) from error
        finally:
            self._stop()

    def _unavailable(self) -> UnavailableError:
        """Return the error that the modem cannot be used, with its cause, or else with the words of its state."""
        return UnavailableError(" ".join(modem_in_words(self.connection.state, self.connection.cause)))

    def _has_more_to_do(self) -> bool:
        """Tell whether `run --once` needs another pass."""
        if self._stopping is not None or self.connection.modem is None:
            return False
        return self.receiver.is_scanning or self.sender.has_due_answer()

    def _begin(self) -> None:
        """Recover the state that the last run left in the database, once; apply a new configuration to the database."""
        if not self._begun:
            self._recover()
        if not self._is_applied:
            self.sender.reload()
            self._is_applied = True

    def _recover(self) -> None:
        now = self.db.now()
        with self.db.transaction():
            pseudonyms.pause_beside_old_key(self.db, now)  # before the event of the first start
            save_limit_clock(self.db, now)
            note_ready(self.db, None)
            events.record(self.db, now, modem_event(ModemState.STARTING), detail={"version": __version__})
        if copied := backup.quarantine_restored(self.db, now):
            log.warning("this is the backup of %s, put back: answers that waited in it are unconfirmed", copied)
        requests.recover(self.db, now)
        self._note_lost_key(now)
        self._make_key()
        if interrupted := fates.recover(self.db, now, self.timing.trial_after):
            log.warning("%d segments were being submitted when the daemon stopped last: unconfirmed", interrupted)
        self._begun = True

    def _make_key(self) -> None:
        """Make the key of the pseudonyms, so that it shows later that there was a database; erasures try again."""
        if not pseudonyms.is_lost(self.db):
            try:
                pseudonyms.make_key(self.db)
            except StoreError as error:
                log.warning("the key of the pseudonyms: %s", error)

    def _note_lost_key(self, now: Now) -> None:
        """Record that the key of the pseudonyms is lost, or is there again; log a loss, also at each start.

        While it is lost nothing is sent.
        """
        if decisions.commit_key_lack(self.db, now) or (not self._begun and pseudonyms.is_lost(self.db)):
            log.error("%s: nothing is sent until `hotlined resume`", pseudonyms.lost_in_words(self.db))

    def _stop(self) -> None:
        if self.connection.modem:
            self.connection.modem.port.close()
        try:
            if not self.outages.is_damaged:
                self.sender.flush_pending_write()
                with self.db.transaction():
                    save_limit_clock(self.db, self.db.now())
                    note_ready(self.db, None)
                    events.record(self.db, self.db.now(), modem_event(NoModemState.STOPPED))
        except sqlite3.Error as error:
            log.warning("the last state could not be saved: %s", error)
        self._watch.close()
        self.mark.remove()
        if self.line.stopping or not self.outages.is_damaged:  # else the status stays until the wait has its own
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
        """Keep systemd's watchdog and the status file fresh during a wait; return when a stop has to end the wait.

        Both are in monotonic seconds: `deadline`, by which the wait should end, and the result, which is None without a
        stop. A wait that goes on after its deadline is a defect: it does not feed the watchdog, so systemd restarts the
        daemon.
        """
        if time.monotonic() <= deadline + self.timing.tick:
            if self._watchdog.is_due():
                self._feed_watchdog()
            self.status.give_sign_of_life()
        if self._stopping is None:
            return None
        modem = self.connection.modem
        submitting = modem is not None and modem.exchange.is_submitting
        return self._stopping + (self.timing.stop_submitting if submitting else self.timing.stop_other)

    def _feed_watchdog(self) -> None:
        systemd.notify(WATCHDOG=1)
        self._watchdog.restart()

    # ---- a pass

    def _pass(self) -> None:
        """Make one pass: reload the configuration if that was asked for, work, write the status, sleep."""
        self._feed_watchdog()
        if self._reload:
            self._reload = False
            self._load_again()
        self._guarded(self._advance)
        self.status.write()
        self._guarded(self._sleep)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Call an action; turn an error of the modem or the database into a state, from which later passes recover."""
        try:
            action()
        except PortLostError as error:
            self.connection.port_lost(error)
        except (ModemError, PortError) as error:
            if self._stopping is None:
                self.connection.command_failed(error)
        except sqlite3.Error as error:
            self.outages.begin(error)
            self.receiver.forget_listing()  # until it is over, an index on the SIM may pass to another text

    def _advance(self) -> None:
        """Do the work of a pass. While the database cannot be used, texts stay on the SIM, and nothing is answered."""
        if self.outages.seconds_left or self._begin_outage_if_replaced():
            return
        with self.line.keep_version():
            self._step()
        self.outages.end_if_over()

    def _begin_outage_if_replaced(self) -> bool:
        """Begin an outage and drop the listing if the database is no longer at its path; return whether this is so."""
        if is_replaced := self.outages.begin_if_replaced():
            self.receiver.forget_listing()  # until it is over, an index on the SIM may pass to another text
        return is_replaced

    def _step(self) -> None:
        """Do all the work of a pass; even if the modem fails, judge contacts and serve requests."""
        self._begin()  # first: segments that were being submitted become unconfirmed, else they would go out again
        self.sender.flush_pending_write()  # before sending: a segment whose fate is not on the disk may go out twice
        self.connection.announce_state()
        modem = self.connection.modem
        # before the escalation: a step of the recovery may close the port, and a late result would be lost with it
        if modem:
            self._settle_late_result(modem)
        if self.recovery.take_step():
            self.receiver.scan_soon()  # only a scan shows whether the step helped
        # after the escalation: its step may have closed the port, and set the time at which it is opened again
        if self.connection.modem is None and self.connection.retry.is_due():
            self.status.write()  # before a port that may hang
            self._connect()
        try:
            if self.connection.modem and not self.connection.escalation.pending:
                self._work(self.connection.modem)
        finally:  # even without a modem: texts that were read are judged, and people's requests are served
            with self.db.shared_commit():
                self._judge()
                self.sender.hold_without_modem()  # after judging: answers that were queued just now are held, too
            self._serve_requests()
            self.selftests.look()
            self._housekeep()

    def _housekeep(self) -> None:
        self.mark.write()
        if self._flood.is_due():
            self._flood.restart()
            if kind := contacts.watch_flood(self.db, self.db.now()):
                log.warning("a flood of texts %s", "has begun" if kind is EventKind.FLOOD_BEGIN else "is over")
        now = self.db.now()
        # also when the calendar was set: people see times of waiting answers that are computed from the saved clock
        if calendar_moved(self.db, now) or (self._anchor_waiting.is_due() and self._wants_anchor(now)):
            with self.db.transaction():
                save_limit_clock(self.db, now)
            self._anchor.restart()
        if self._anchor_waiting.is_due():
            self._anchor_waiting.restart()

    def _wants_anchor(self, now: Now) -> bool:
        """Tell whether to save the limit clock: hourly, and more often with an open breaker or an answer due soon."""
        due = self.sender.waiting().due
        is_soon = due is not None and due - now.limit <= self.timing.anchor
        return self._anchor.is_due() or is_soon or row_of(self.db).breaker.is_open

    def _connect(self) -> None:
        self.receiver.start_anew()
        self.connection.connect()

    def _work(self, modem: Modem) -> None:
        """Receive, judge and send: a bounded amount of each.

        A text with an answer costs three commits, or four if the answer has a delay. No step begins before the commit
        that it needs is on the disk. The first has the received text: only then the text is deleted on the SIM. The
        second has the verdict, and says that its answer is being submitted: only then the modem gets the answer. The
        third has the fate of the answer. The next listing confirms that the text has left the SIM: with the commit of a
        text that follows, or in one more.
        """
        modem.exchange.require_step()  # else a late response could be taken for that of a later command
        if self._act_on_unsolicited(modem):
            self.connection.ask_network()  # before the scan, which would record another SIM's texts as this one's
        if self._begin_outage_if_replaced():
            return  # before the scan: texts committed to a file that was moved away would leave the SIM and be lost
        self._scan(modem)
        if self.connection.modem is None:
            return
        self.connection.ask_network()  # before sending: nothing may leave from another SIM or without a network
        self._show_state()
        self.calls.update(modem)
        sends = self._stopping is None and self.receiver.begin_sending_turn()
        if sends and self.connection.registered and not self.connection.mismatch:
            self.balance.ask_if_due(modem)
        self._settle_late_result(modem)  # of the last segment: what comes later may be the result of the next one
        begun = None
        with self.db.shared_commit():  # one commit is enough: nothing in between depends on it
            self._judge()  # before sending: a text that came just now may opt out
            if sends:
                begun = self.sender.begin_next(modem)
        # after the commit: otherwise, after a power cut, the next start would not know of the segment and send it again
        if begun:
            self.sender.submit(modem, begun)

    def _settle_late_result(self, modem: Modem) -> None:
        if (mr := modem.exchange.take_late_reference()) is not None:
            self.sender.settle_late_result(mr)

    def _judge(self) -> None:
        """Judge new contacts."""
        self.judge.judge_contacts()

    def _scan(self, modem: Modem) -> None:
        """Scan, then finish the start of a modem that was just opened, even if its storages cannot be listed."""
        is_there = True
        try:
            self.receiver.scan(modem)
        except PortLostError:
            is_there = False
            raise
        finally:
            if is_there and self.connection.finish_start():
                self.recovery.withdraw_power_cycle()
                self._show_state()

    def _show_state(self) -> None:
        """Write a new state into the status file at once, because the rest of this pass may take long."""
        if self._shown is not self.connection.state:
            self._shown = self.connection.state
            self.status.write()

    def _act_on_unsolicited(self, modem: Modem) -> bool:
        """Act on the unsolicited codes that were received; return whether one of them hints at another SIM."""
        sim_moved = False
        for event in modem.exchange.take_unsolicited():
            meaning = profiles.meaning(event.text)
            if meaning in (Meaning.SIM, Meaning.NETWORK):
                self.connection.recheck()
            sim_moved = sim_moved or meaning is Meaning.SIM
            self.receiver.act_on(event, modem)
        return sim_moved

    def _sleep(self) -> None:
        """Wait for the modem, a signal, a change of the database, or the time of the next work."""
        until = time.monotonic() + self._seconds_left()
        while not self._wait_for_hint(until - time.monotonic()):
            if time.monotonic() >= until:
                return
            self._watch.clear()  # before asking the database, so that any later write ends the next wait
            if self._has_news():
                return

    def _wait_for_hint(self, seconds: float) -> bool:
        """Wait until the modem sends something, the database's folder changes, or a signal comes; `seconds` at most.

        Return whether the modem has sent something.
        """
        watch, modem = self._watch.descriptor, self.connection.modem
        hints = () if watch is None else (watch,)
        wait = max(0.0, min(self.timing.tick if watch is None else self.timing.idle, seconds))
        # not in an outage: then nobody reads the modem's input, and it would end each wait at once
        if modem is not None and not self.outages.seconds_left:
            return modem.exchange.wait(wait, *hints)
        ready, _writable, _failed = select.select([self._wake, *hints], [], [], wait)
        if self._wake in ready:
            drain([self._wake])
        return False

    def _has_news(self) -> bool:
        """Tell whether a signal came, another process has written, or the database is no longer at its path."""
        if self._stopping is not None or self._reload or self.outages.seconds_left:
            return True
        return self.db.changed_elsewhere() != self._data_version or not self.outages.is_in_place()

    def _seconds_left(self) -> float:
        """Return the seconds until the next work that is known now."""
        connection = self.connection
        if left := self.outages.seconds_left:
            return min(self.timing.tick, left)
        if connection.escalation.pending:
            return 0.0
        waits = [self.timing.idle, self._watchdog.seconds, connection.seconds_left]
        if connection.modem is not None:
            waits.append(self.receiver.seconds_left)
        if self.requests.awaits_answers or self.outages.current:
            waits.append(self.timing.tick)
        if self.calls.call:
            waits.append(self.timing.call_tick)
        if not self.sender.is_idle():
            waits += self._seconds_to_answers()
        return max(0.0, min(waits))

    def _seconds_to_answers(self) -> Iterator[float]:
        """Yield the seconds until a contact may be judged, and until an answer may be sent.

        An answer that is due but held back is checked again every second, because its obstacle may end at any moment.
        """
        limit_now, waiting = self.db.now().limit, self.sender.waiting()
        if waiting.judgement is not None:
            yield waiting.judgement - limit_now
        if waiting.due is not None and waiting.due > limit_now:
            yield waiting.due - limit_now
        if waiting.early or waiting.due is None or waiting.due <= limit_now:
            yield self.timing.tick
        if self.connection.modem is None:
            return
        left = self.sender.next_segment_at - time.monotonic()
        if left > 0:
            yield left
        elif self.sender.has_due_answer():
            yield 0.0

    # ---- requests, configuration

    def _serve_requests(self) -> None:
        """Serve people's requests from the database; look for them only after another process has written."""
        self.requests.settle()
        version = self.line.version
        if version == self._data_version:
            return
        # the person who resumes the line may be able to read a key that the daemon cannot read
        self._note_lost_key(self.db.now())
        self.sender.forget_marks()
        self.requests.serve()
        self._data_version = version  # only now: a request that failed is served again in the next pass

    def _load_again(self) -> None:
        """Read the configuration again, and apply it to every part of the daemon."""
        old = self.line.config
        if not load_again(self.line):
            return
        new = self.line.config
        self.receiver.apply(new)
        self._is_applied = False  # the next pass applies it to the database, when that can be written
        log.info("the configuration was read again")
        log_answer(new)
        keep(new)
        if (new.modem.port, new.modem.baudrate) != (old.modem.port, old.modem.baudrate):
            self.connection.reopen_elsewhere()
