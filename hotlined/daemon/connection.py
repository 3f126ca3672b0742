"""The state of the line's modem, as `status` shows it, and the state of its network.

A failing modem never ends the daemon: the failure becomes a state, which is set here and announced once, in the log and
in the events. `starting` starts a modem; `recovery` has the steps against its failures.
"""

import contextlib
import logging
import sqlite3

from hotlined.causes import CauseCode, CodedCause
from hotlined.conditions import MODEM, modem_in_words
from hotlined.daemon.recovery import Escalation, RecoveryStep
from hotlined.daemon.shared import Line
from hotlined.daemon.starting import (
    MISMATCHES,
    Mismatch,
    NotOursError,
    Part,
    SimError,
    Starter,
    explain,
    maybe_trouble,
    state_of,
)
from hotlined.errors import (
    AddressError,
    CausedError,
    ModemBusyError,
    ModemError,
    NoTextsError,
    PortBusyError,
    PortError,
    PortLostError,
)
from hotlined.gsm import address
from hotlined.gsm.at import Final
from hotlined.gsm.dialogue import refused
from hotlined.gsm.modem import Modem
from hotlined.gsm.responses import REGISTERED, Identification, Network, Registration
from hotlined.machine.clock import Now
from hotlined.machine.timing import Backoff, Interval, RateLimit
from hotlined.rules.policy import Reason
from hotlined.states import Adoption, EventKind, ModemState, ModemTrouble, modem_event
from hotlined.store.answers import breakers, lifecycle
from hotlined.store.line import events
from hotlined.store.line.line_row import bind_sim, commit_own_number, commit_sim_changed, note_ready

log = logging.getLogger(__name__)

NOT_ASKED = Network(Registration.UNKNOWN, None, "")


class Connection:
    """The line's modem and its state; `modem` is None while no modem can be used.

    `mismatch` names the part, stick or SIM or both, that does not belong to the line; it is empty if both do.
    """

    def __init__(self, line: Line, starter: Starter) -> None:
        self.line = line
        self.starter = starter
        self.modem: Modem | None = None
        self.state, self.since = ModemState.STARTING, line.db.now()
        self.cause: CodedCause | None = None
        """The cause of the state; None if the state says everything."""
        self.mismatch: Mismatch = ()
        self.identification = Identification()
        self.network = NOT_ASKED
        self.escalation = Escalation(line.timing)
        self.retry = Interval(0.0)
        """The pause before the daemon looks for the modem again, while there is none."""
        self._network_check = Interval(line.timing.network_unregistered)
        self._is_set_up = False
        """Whether the open modem was set up completely; until then its storages are only listed."""
        self._sim_check = Interval(line.timing.sim_certain)
        self._sim_asked_for: int | None = None
        """The id of the answer before which the SIM was last asked for its IMSI."""
        self._announced = ModemState.STARTING
        """The last state in the log."""
        self._unrecorded: tuple[ModemState, Now, CodedCause | None] | None = None
        """A state that was announced but is not in the database yet."""
        limit = (line.timing.changes_most, line.timing.changes_within)
        self._states_limit, self._failures_limit = RateLimit(*limit), RateLimit(*limit)
        self._backoff = Backoff(line.timing.reconnect_pauses)

    @property
    def explanation(self) -> str:
        """The cause of the state in words, and advice; empty if there is no cause and no person has to act."""
        if self.cause or (self.state in MODEM and MODEM[self.state].waits_for_a_person):
            return " ".join(modem_in_words(self.state, self.cause))
        return ""

    @property
    def registered(self) -> bool:
        """Whether the modem was registered at the last check."""
        return self.network.registration in REGISTERED

    @property
    def can_send(self) -> bool:
        """Whether a segment can leave: the modem is registered, and the SIM knows its service centre."""
        return self.registered and self.identification.service_centre != ""

    # ---- start

    def connect(self) -> None:
        """Open the port and prepare the modem so far that its storages can be listed; a failure becomes the state."""
        modem = None
        try:
            modem = self.starter.open()
            self.identification = self.identification._replace(
                manufacturer=modem.manufacturer, model=modem.model, generation=None
            )
            self._prepare(modem)
        except (PortError, ModemError) as error:
            self._start_failed(modem, error)
            return
        self.modem = modem

    def finish_start(self) -> bool:
        """Complete the set-up of a modem, after its storages were listed once; return whether this was done now.

        In this order the texts in the storages are recorded even if the set-up fails. A failure becomes the state.
        """
        if (modem := self.modem) is None or self._is_set_up or not modem.in_step:
            return False
        try:
            self._complete(modem)
        except (PortError, ModemError) as error:
            self.modem = None
            self._start_failed(modem, error)
            return False
        self.escalation.postpone(ModemTrouble.UNREGISTERED)
        self.follow_network()
        return True

    def set_up(self, modem: Modem) -> None:
        """Set up a modem that is in step, from its PIN to its state in the network; raises ModemError or PortError."""
        self._prepare(modem)
        self._complete(modem)

    def _prepare(self, modem: Modem) -> None:
        self._is_set_up = False
        self.network = NOT_ASKED  # nothing may be sent before the network is asked
        self.starter.enter_pin(modem)
        self.escalation.clear(ModemTrouble.NO_SIM)
        try:
            self.identification = modem.prepare()
        except NoTextsError as error:
            if self.starter.is_own_stick(modem):  # it has supported texts before, so something is wrong with it
                raise refused("AT+CMGF=0", Final(error.final)) from None
            raise
        try:
            self._set_mismatch(self.starter.recognise(self.identification))
        except NotOursError as error:
            self._set_mismatch(error.mismatch)  # kept for `sim adopt`
            raise

    def _set_mismatch(self, mismatch: Mismatch) -> None:
        self.mismatch = mismatch
        commit_sim_changed(self.line.db, self.line.db.now(), changed=bool(mismatch))

    def _complete(self, modem: Modem) -> None:
        self.identification = modem.complete(self.identification)
        self._is_set_up = True
        if not self.mismatch:
            self._note_own_number()
        self.network = modem.network()
        self._schedule_network_check()
        self.escalation.clear(ModemTrouble.UNREADY)

    def _start_failed(self, modem: Modem | None, error: CausedError) -> None:
        """Close the port of a modem that could not be started, set its state, and report the trouble."""
        if modem:
            error = explain(error, modem.port.name)
            modem.port.close()
        if isinstance(error, ModemBusyError):
            self._backoff.reset()  # it is ready within a minute: look again soon, without longer pauses
        self._schedule_retry()
        self.set_state(state_of(error), error.cause)
        trouble = maybe_trouble(error)
        if trouble is not ModemTrouble.ABSENT:
            self.escalation.clear(ModemTrouble.ABSENT)  # the port is there, whatever else is wrong
        elif self.escalation.has_step(ModemTrouble.SILENT):
            trouble = ModemTrouble.SILENT  # the reset of the silent modem made the port disappear
        if trouble and not self.line.stopping:
            self.escalation.report(trouble)

    def adopt(self, who: str) -> Adoption:
        """Bind the line to the stick and SIM that are plugged in; return which of them is new to it."""
        if not self.mismatch:
            return Adoption.UNCHANGED
        identification, db = self.identification, self.line.db
        is_another_sim = Part.SIM in self.mismatch
        with db.transaction():
            bind_sim(db, identification.imei, identification.imsi)
            events.record(db, db.now(), EventKind.SIM_ADOPTED, who=who)
            if is_another_sim:
                lifecycle.end_all(db, Reason.SIM_CHANGED)
        # the other SIM or stick may have ended the outage: the breaker need not wait for its next round
        breakers.make_trial_due(db, db.now(), self.line.timing.trial_gap)
        self.mismatch = ()
        self._note_own_number()
        if self.modem:
            self.follow_network()
        else:
            self.retry.make_due()
        return Adoption.SIM if is_another_sim else Adoption.STICK

    def _note_own_number(self) -> None:
        """Note the number that the SIM reports as its own, because the line never answers it."""
        with contextlib.suppress(AddressError):
            number = address.parse_number(self.identification.own_number, self.line.config.numbers.country)
            commit_own_number(self.line.db, number)

    # ---- network

    def ask_network(self) -> None:
        """Ask for registration, signal and SIM, if it is time; after a change of the SIM, set up the modem again."""
        if self.modem is None or not self._network_check.is_due():
            return
        self.network = self.modem.network()
        self._schedule_network_check()
        if self.modem.imsi() != self.identification.imsi:
            log.warning("the SIM was taken out or is another")
            self.set_up(self.modem)
        if self.identification.service_centre == "":
            self.identification = self.identification._replace(service_centre=self.modem.service_centre())
        self.follow_network()
        if not self.registered:
            self.escalation.report(ModemTrouble.UNREGISTERED)

    @property
    def seconds_left(self) -> float:
        """The seconds until the next question about the network; without a modem, until the next search for one."""
        return self.retry.seconds_left if self.modem is None else self._network_check.seconds_left

    def _schedule_network_check(self) -> None:
        timing, check = self.line.timing, self._network_check
        check.seconds = timing.network_registered if self.registered else timing.network_unregistered
        check.restart()

    def confirm_sim(self, answer_id: int) -> bool:
        """Return whether the SIM is still the one that was recognised; if not, the next `ask_network` deals with it.

        The SIM is asked once for each answer, not for each segment. It is asked again after `timing.sim_certain`, or if
        the modem has hinted at another SIM meanwhile.
        """
        modem = self.modem
        if modem is not None and modem.in_step:
            # since the last command the modem may have sent a hint, or input that puts it out of step
            modem.exchange.listen(0.0)
        if modem is None or not modem.in_step:
            self.recheck()
            return False
        if modem.is_sim_certain and answer_id == self._sim_asked_for and not self._sim_check.is_due():
            return True
        if modem.imsi() != self.identification.imsi:
            self.recheck()
            return False
        self._sim_asked_for = answer_id
        self._sim_check.restart()
        return True

    def recheck(self) -> None:
        """Make the next `ask_network` ask for registration, signal and SIM."""
        self._network_check.make_due()

    def recheck_service_centre(self) -> None:
        """Forget the service centre, because a segment was refused for lack of one: the next check asks for it."""
        self.identification = self.identification._replace(service_centre="")
        self.recheck()

    def scan_advanced(self) -> None:
        """Note that a step of listing the storages ended without an error: the modem does its work."""
        self._backoff.reset()
        self.escalation.clear(ModemTrouble.ABSENT)
        if self.escalation.has_step(ModemTrouble.SILENT):
            self.escalation.clear(ModemTrouble.SILENT)
            self.follow_network()

    def follow_network(self) -> None:
        """Set the state by the registration; a silent modem in recovery keeps its state until `scan_advanced`."""
        if not self._is_set_up:
            return
        if self.registered:
            self.escalation.clear(ModemTrouble.UNREGISTERED)
        if self.state is ModemState.RECOVERING and self.escalation.has_step(ModemTrouble.SILENT):
            return
        if self.mismatch:
            self.set_state(ModemState.SIM_CHANGED, CodedCause(MISMATCHES[self.mismatch]))
        elif self.identification.service_centre == "":
            self.set_state(ModemState.NO_SERVICE_CENTRE)
        else:
            self.set_state(ModemState.READY if self.registered else ModemState.UNREGISTERED)

    # ---- failure

    def command_failed(self, error: CausedError) -> None:
        """Report that a command failed; close the port if the escalation has no step against that now."""
        if self.modem is None:
            self.set_state(state_of(error), error.cause)
            return
        error = explain(error, self.modem.port.name)
        if isinstance(error, SimError | PortBusyError):
            self.close(state_of(error), error.cause)
            return
        if self._failures_limit.count_if_allowed():
            log.warning("%s", error.message)
        self.escalation.report(ModemTrouble.SILENT)
        if not self.escalation.pending:
            self.close(ModemState.RECOVERING, error.cause)
        elif self.escalation.step is not RecoveryStep.RESYNCHRONISE:  # that takes a moment, and often ends it
            self.set_state(ModemState.RECOVERING, error.cause)

    def port_lost(self, error: PortLostError) -> None:
        """Close a port that went away, and report this to the escalation."""
        self.close(ModemState.ABSENT, error.cause)
        self.escalation.report(ModemTrouble.ABSENT)

    def close(self, state: ModemState, cause: CodedCause | None) -> None:
        """Close the port, and set the state with its cause; after a pause the daemon looks for the modem again."""
        if self.modem:
            self.modem.port.close()
            self.modem = None
        self._schedule_retry()
        self.set_state(state, cause)

    def start_again(self, seconds: float) -> None:
        """Close the port and look for the modem again after some seconds."""
        if self.modem:
            # keep the cause: while the modem starts, `status` shows why it is started again
            self.close(ModemState.RECOVERING, self.cause or CodedCause(CauseCode.STARTED_AGAIN))
        self.retry.seconds = seconds
        self.retry.restart()

    def reopen_elsewhere(self) -> None:
        """Close the port and look for the modem at the port that the configuration names now."""
        self.close(ModemState.STARTING, CodedCause(CauseCode.OTHER_PORT))
        self.escalation.clear(*ModemTrouble)
        self.starter.forget_port()
        self._backoff.reset()
        self.retry.make_due()

    def _schedule_retry(self) -> None:
        self.retry.seconds = self._backoff.next()
        self.retry.restart()

    # ---- state

    def set_state(self, state: ModemState, cause: CodedCause | None = None) -> None:
        """Set the modem's state, with a cause if the state does not say everything."""
        before, self.cause = self.cause, cause
        if state != self.state:
            self.state, self.since = state, self.line.db.now()
            self.announce_state()
        elif (
            cause != before
            and state is self._announced is ModemState.STARTING
            and self._states_limit.count_if_allowed()
        ):
            log.warning("modem %s: %s", state, self.explanation)  # the same state, but for another cause

    def announce_state(self) -> None:
        """Write a new state into the log and the database; if it changes very often, leave out some changes."""
        if self.state is not self._announced and self._states_limit.count_if_allowed():
            if self.explanation:
                log.warning("modem %s: %s", self.state, self.explanation)
            else:
                log.info("modem %s", self.state)
            self._announced = self.state
            self._unrecorded = (self.state, self.since, self.cause)
        if self._unrecorded:
            with contextlib.suppress(sqlite3.Error):  # a full disk: the next pass writes it
                self._record_state(*self._unrecorded)
                self._unrecorded = None

    def _record_state(self, state: ModemState, since: Now, cause: CodedCause | None) -> None:
        with self.line.db.transaction():
            note_ready(self.line.db, since.limit if state is ModemState.READY else None)
            detail = {"cause": cause.code, "values": cause.values} if cause else None
            events.record(self.line.db, since, modem_event(state), detail=detail)
