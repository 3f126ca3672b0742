"""One modem: set-up, PIN, checks, recovery, sending, USSD, calls, network. Knows no hotline and no database.

Each command has a method here; `dialogue` writes it and reads the response, and `responses` interprets the answer. The
modem's storages, with listing and deletion, are in `storages`. USSD codes such as *100# ask the operator's network for
something, for example the credit of the SIM. Known to be wrong: a make of modem without AT+CSMS=1 hands directly
delivered texts over without waiting until we acknowledge them.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from functools import reduce

from hotlined.causes import CauseCode
from hotlined.errors import ModemRefusedError, ModemSilentError, NoTextsError, PortLostError
from hotlined.gsm import profiles, responses, tpdu
from hotlined.gsm.at import Final, Prompt, Response
from hotlined.gsm.dialogue import PROBES, Exchange, refused
from hotlined.gsm.port import Port
from hotlined.gsm.responses import (
    CMS_SMSC_UNKNOWN,
    REGISTERED,
    REGISTRATIONS,
    SINCE_LTE,
    SMS_SERVICES,
    Generation,
    Identification,
    Network,
    Registration,
    Sent,
    SimState,
    SubmitOutcome,
    SubmitRefused,
    SubmitUnknown,
)
from hotlined.gsm.storages import Storages
from hotlined.machine.timing import USUAL_MODEM, ModemWaits
from hotlined.states import SubmitProblem

log = logging.getLogger(__name__)

RADIO_OFF = ("0", "4")  # +CFUN: <fun> (27.007 8.2)
DEREGISTERED = "2"  # +COPS: <mode> (27.007 7.3)

TEXTS = ("AT+CMGF=?", "AT+CSMS?")
"""A modem that refuses both does not support texts (27.005 3.2.1, 3.2.3)."""
CHARSETS = ("IRA", "GSM")  # 27.007 5.5, best first; with the second, a USSD string is septets

CHECKS = (("AT+CMGF?;+CNMI?;+CSCS?",), ("AT+CMGF?;+CNMI?",), ("AT+CMGF?", "AT+CNMI?", "AT+CSCS?"))
"""Command lines that ask for the important settings: all in one line (V.250 5.2.1), or each alone.

The first row whose questions the modem answers all is used, else the last row.
"""


class Modem:
    """The modem behind one open port.

    `progress` is called in every turn of every wait, with the monotonic time by which the current step has to end. It
    may return an earlier time, at which the wait ends, or None.
    """

    def __init__(self, port: Port, progress: Callable[[float], float | None], waits: ModemWaits = USUAL_MODEM) -> None:
        self.port = port
        self.exchange = Exchange(port, progress, waits)
        self._waits = waits
        self._session = self.exchange.session
        self.storages = Storages(self.exchange, self._require_no_echo, self._confirm_same_sim)
        self.profile = profiles.GENERIC
        self.manufacturer = self.model = ""
        """The modem's own words, known after `begin`."""
        self.acknowledges = False
        self.reports = True
        """Whether the modem's settings let status reports through."""
        self._charset = ""
        self._imsi = ""  # the SIM's last answer
        self._checks: tuple[str, ...] = CHECKS[0]
        self._settings: tuple[str, ...] = ()
        self._echoes = False
        self._is_complete = False

    @property
    def in_step(self) -> bool:
        """False after a response that did not come: then no command may be sent."""
        return self.exchange.in_step

    @property
    def is_sim_certain(self) -> bool:
        """Whether the SIM has identified itself, and nothing since has hinted at another SIM."""
        return self._session.is_sim_certain

    # ---- initialisation

    def begin(self, tries: int = len(PROBES)) -> None:
        """Bring the modem into step from any state, without echo and with numeric errors: then its SIM can be asked."""
        try:
            self.exchange.resynchronise(tries)
        except ModemSilentError:
            # another program may have left it without result codes, or with numbers for them (V.250 6.2.5, 6.2.6)
            self.exchange.write(b"\rATQ0V1\r")
            self.exchange.resynchronise(1)
        for _time in range(2):
            self.exchange.run("ATE0")  # the first echo may be garbled; a modem that goes on echoing is usable, too
        self.exchange.run("AT+CMEE=1")
        self.manufacturer, self.model = self.exchange.ask("AT+CGMI"), self.exchange.ask("AT+CGMM")
        self.profile = profiles.choose(self.manufacturer, self.model)
        self._ensure_radio()

    def _ensure_radio(self) -> None:
        """Switch the radio on if it is off: a restart of it was cut short, or another program switched it off."""
        if self.exchange.ask("AT+CFUN?", "+CFUN:")[:1] in RADIO_OFF or self._ask_deregistered():
            log.warning("the modem's radio was off: it is switched on")
            with contextlib.suppress(ModemRefusedError):
                self._run_first(self.profile.radio_on)

    def _ask_deregistered(self) -> bool:
        """Ask whether the modem has been ordered to leave the network (AT+COPS=2); resynchronise if it does not answer.

        A modem that is searching for a network was not ordered to leave it, and is not asked. Some makes answer
        AT+COPS? only when the search ends, and anything written before that aborts it (V.250 5.6.1).
        """
        if self._registration()[0] is not Registration.NONE:
            return False
        try:
            return self.exchange.ask("AT+COPS?", "+COPS:", seconds=self._waits.slow_command)[:1] == DEREGISTERED
        except ModemSilentError:
            self.exchange.resynchronise()
            return False

    def sim_state(self) -> tuple[SimState, str]:
        """Return the state of the SIM and the modem's own words for it."""
        try:
            response = self.exchange.run(
                "AT+CPIN?", "+CPIN:", seconds=self._waits.slow_command, line_seconds=self._waits.sim_state
            )
            final, lines = response.final, response.lines
        except ModemSilentError:
            if not self.exchange.information:
                raise
            final, lines = Final("OK"), tuple(self.exchange.information)  # old Wavecom modems send no final result code
            self.exchange.resynchronise()
        return responses.sim_state(final, lines)

    def sim_identity(self) -> str:
        """Return the ICCID of the SIM (the card's number, readable without the PIN), else the modem's IMEI."""
        for query in self.profile.iccid:
            if iccid := self.exchange.ask_digits(query.command, query.prefix):
                return iccid
        return self.imei()

    def enter_pin(self, pin: str) -> bool:
        """Enter the PIN, once (three wrong ones lock the SIM); return whether the SIM accepted it."""
        return self.exchange.run(f'AT+CPIN="{pin}"', seconds=self._waits.slow_command).final.ok

    def initialise(self) -> Identification:
        """Set up a modem whose SIM is ready, verify its settings, and return what both say about themselves.

        Raises ModemRefusedError if the modem cannot receive texts, or does not keep its settings.
        """
        return self.complete(self.prepare())

    def prepare(self) -> Identification:
        """Set what a listing needs, and return which modem and SIM these are; `complete` sets the rest.

        Raises NoTextsError if the modem does not support texts.
        """
        self._is_complete = False
        final = self.exchange.run("AT+CMGF=0").final
        if responses.is_unsupported(final) and not self.knows_texts():
            name = " ".join(filter(None, (self.manufacturer, self.model)))
            raise NoTextsError(CauseCode.NO_TEXTS, final.text, modem=name, answer=final.text)
        if not final.ok:
            raise refused("AT+CMGF=0", final)
        self.storages.choose()
        response = self.exchange.run("AT+CIMI", bare=True, seconds=self._waits.slow_command)
        self._note_imsi(response)
        if not self._imsi and response.final.cme is not None:
            raise ModemRefusedError(CauseCode.SIM_UNNAMED, response.final.text)
        return Identification(self.manufacturer, self.model, imei=self.imei(), imsi=self._imsi)

    def knows_texts(self) -> bool:
        """Ask whether the modem supports texts at all."""
        return any(self.exchange.run(question, "+CMGF:", "+CSMS:").final.ok for question in TEXTS)

    def generation(self) -> Generation | None:
        """Return the newest networks that the modem supports; None if it does not say.

        AT+CEREG is about LTE (27.007 10.1.22); AT+WS46=? lists the networks that can be selected (27.007 5.9).
        """
        answers: list[Response] = []
        for question in ("AT+CEREG=?", "AT+CEREG?"):  # some refuse every command of the form `=?`
            answers.append(self.exchange.run(question, "+CEREG:"))
            if answers[-1].lines:
                break
        return responses.generation(answers, self.exchange.ask("AT+WS46=?", "+WS46:"))

    def complete(self, identification: Identification) -> Identification:
        """Set and verify the remaining settings; return the identification, completed with more of modem and SIM."""
        self.choose_charset()
        self._ask_for_codes()
        if self.exchange.ask("AT+CMEE?", "+CMEE:") != "1":
            log.warning("the modem does not number its errors: a refusal after Ctrl-Z will be unconfirmed")
        return identification._replace(
            sms_service=SMS_SERVICES.get(self.exchange.ask("AT+CGSMS?", "+CGSMS:"), ""),
            generation=self.generation(),
            own_number=self.own_number(),
            service_centre=self.service_centre(),
        )

    def imsi(self) -> str:
        """Return the IMSI (the subscriber's number in the SIM, 27.007 5.6), or an empty string if it is not shown."""
        self._note_imsi(self.exchange.run("AT+CIMI", bare=True, seconds=self._waits.slow_command))
        return self._imsi

    def _confirm_same_sim(self) -> bool:
        """Return whether the SIM is still the same; it is asked only after a hint at another one."""
        if not self._session.take_sim_moved():
            return True
        before = self._imsi  # compared with the new one, because some makes hint at another SIM all the time
        return self.imsi() == before

    def _note_imsi(self, response: Response) -> None:
        self._imsi = responses.digits(response)
        self._session.note_sim(certain=self._imsi != "")

    def imei(self) -> str:
        """Return the IMEI (the modem's own number, 27.007 5.4), or an empty string if it does not say it."""
        return self.exchange.ask_digits("AT+CGSN")

    def own_number(self) -> str:
        """Return the SIM's own number, the first that it has (27.007 7.1), or an empty string if it has none."""
        return responses.field(self.exchange.ask("AT+CNUM", "+CNUM:", seconds=self._waits.slow_command), 1) or ""

    def service_centre(self) -> str | None:
        """Return the number of the SIM's service centre, to which every text is sent first (27.005 3.3.1).

        Empty if the SIM has none, None if the modem does not say.
        """
        response = self.exchange.run("AT+CSCA?", "+CSCA:", seconds=self._waits.slow_command)
        if response.final.cms == CMS_SMSC_UNKNOWN:
            return ""
        return responses.field(response.lines[0].text.removeprefix("+CSCA:"), 0) if response.lines else None

    def verify(self) -> None:
        """Check that the modem still has its settings, with few commands; raises ModemRefusedError if it has not.

        Nothing is checked until the modem has been set up completely.
        """
        if not self._is_complete:
            return
        self.exchange.take_echoed()
        settings = self._read_settings()
        if settings != self._settings:
            raise _not_kept(*settings)
        self._require_no_echo()

    def _require_no_echo(self) -> None:
        """Raise ModemRefusedError if the modem echoes and did not before: it has silently reset itself.

        This needs no command, so it is checked at each listing.
        """
        if self._is_complete and self.exchange.take_echoed() and not self._echoes:
            raise _not_kept("ATE0")

    def _note_settings(self) -> None:
        """Read the settings and note them for `verify`; raises ModemRefusedError if texts come in text mode."""
        self.exchange.take_echoed()
        self._note_checks()
        if any(map(responses.hands_over, self._settings)):
            self._choose_indications()  # the modem may have restarted meanwhile
            self._note_checks()
            if any(map(responses.hands_over, self._settings)):
                log.warning("the modem hands texts over instead of storing them, and takes no other setting")
        if any(map(responses.is_text_mode, self._settings)):
            raise _not_kept(*self._settings)
        if cnmi := next((line for line in self._settings if line.startswith("+CNMI:")), ""):
            self.reports = responses.reports_come(cnmi)
        self._echoes = self.exchange.take_echoed()
        self._is_complete = True

    def _note_checks(self) -> None:
        """Find a row of CHECKS that the modem answers, and note its answers."""
        for checks in CHECKS:
            self._checks = checks
            self._settings = self._read_settings()
            if len(self._settings) == sum(check.count("?") for check in checks):
                break
        if not self._settings:
            self._checks = ()  # it answers no row

    def _read_settings(self) -> tuple[str, ...]:
        answers = [self.exchange.run(check, "+CMGF:", "+CNMI:", "+CSCS:") for check in self._checks]
        return tuple(line.text for answer in answers for line in answer.lines)

    # ---- recovery

    def retry_refused(self) -> None:
        """Repeat settings that a busy SIM or modem refused; select the storages that were refused, or named since."""
        if self._session.was_busy:
            self._ask_for_codes()
        self.storages.retry_refused()

    def reselect(self, storage: str, tries: int = len(PROBES)) -> None:
        """Bring the modem back into step after a listing broke off, and select the same storage again.

        Raises ModemError if the modem has lost its settings or the storage cannot be selected.
        """
        self.exchange.resynchronise(tries)
        self.verify()
        self.storages.require_selection(storage)

    def restart_radio(self) -> None:
        """Switch the radio off and on again (27.007 8.2), so that the modem registers again."""
        self._run_first(self.profile.radio_off)
        self._run_first(self.profile.radio_on)

    def reset(self) -> None:
        """Reset the modem; if it is out of step, only write the command. The port may disappear."""
        with contextlib.suppress(ModemSilentError):
            if self.in_step:
                self._run_first(self.profile.reset)
            else:
                self.exchange.write(f"\x1b{self.profile.reset[0]}\r".encode("ascii"))

    def _run_first(self, commands: Iterable[str], seconds: float | None = None) -> None:
        """Run these commands until the modem accepts one; raises ModemRefusedError if it accepts none."""
        for command in commands:
            final = self.exchange.run(command, seconds=self._waits.radio if seconds is None else seconds).final
            if final.ok:
                return
        raise refused(command, final)

    def choose_charset(self) -> None:
        """Set the alphabet of strings: another program may have set UCS-2, which stays until the modem restarts."""
        run = self.exchange.run
        self._charset = next((charset for charset in CHARSETS if run(f'AT+CSCS="{charset}"').final.ok), "")

    def _ask_for_codes(self) -> None:
        """Switch on the unsolicited codes of texts, reports, callers, registration; note the settings for `verify`."""
        self._session.forget_busy()
        ask = self.exchange.ask
        self.acknowledges = ask("AT+CSMS=1", "+CSMS:") != "" and ask("AT+CSMS?", "+CSMS:").startswith("1")
        self.exchange.run("AT+CLIP=1", seconds=self._waits.slow_command)
        for registration in REGISTRATIONS:
            self.exchange.run(f"AT{registration}=1")
        self._choose_indications()
        self._note_settings()

    def _choose_indications(self) -> None:
        taken = next((cnmi for cnmi in self.profile.cnmi if self.exchange.run(f"AT+CNMI={cnmi}").final.ok), None)
        if taken is None:
            log.warning("the modem announces no texts: they are found when the storages are listed")
        self.reports = taken is not None and responses.reports_come(taken)

    # ---- network

    def network(self) -> Network:
        """Ask for registration, signal and operator."""
        registration, question, denies_circuits = self._registration()
        signal = responses.signal_percent(self.exchange.ask("AT+CSQ", "+CSQ:"))
        operator = technology = ""
        if registration in REGISTERED:  # before that, some makes answer only when they have found an operator
            answer = self.exchange.ask("AT+COPS?", "+COPS:", seconds=self._waits.slow_command)
            operator, technology = responses.operator(answer, question)
        return Network(registration, signal, operator, technology, denies_circuits)

    def _registration(self) -> tuple[Registration, str, bool]:
        """Return the registration, the name of the query that answered it last, and whether circuits are denied.

        Circuits are the telephone network of 2G and 3G. An LTE stick may always answer that it has none: that is not a
        denial.
        """
        answers: list[Registration] = []
        for name in REGISTRATIONS:
            answers.append(responses.registration_of(self.exchange.ask(f"AT{name}?", f"{name}:")))
            if answers[-1] in REGISTERED:
                break
        denies_circuits = answers[0] is Registration.DENIED and answers[-1] in REGISTERED and name in SINCE_LTE
        return reduce(responses.better, answers), name, denies_circuits

    # ---- receiving

    def acknowledge(self) -> None:
        """Confirm to the network that a text which the modem handed over is stored (27.005 4.7)."""
        if self.acknowledges:
            self.exchange.run("AT+CNMA", seconds=self._waits.slow_command)

    # ---- sending

    def submit(self, pdu: str, tpdu_length: int, seconds: float) -> SubmitOutcome:
        """Submit one segment and return the outcome known within `seconds` after Ctrl-Z.

        Raises PortLostError only if nothing can have left.
        """
        if not self.in_step:
            return SubmitRefused(SubmitProblem.OUT_OF_STEP, None, before_payload=True)
        answer = self.exchange.open_prompt(f"AT+CMGS={tpdu_length}", "+CMGS:")
        if isinstance(answer, Response):
            return SubmitRefused(answer.final.text, answer.final.cms, before_payload=True)
        if not isinstance(answer, Prompt):
            return SubmitRefused(SubmitProblem.NO_PROMPT, None, before_payload=True)
        try:
            response = self.exchange.send_payload(pdu, seconds)
        except (ModemSilentError, PortLostError) as error:
            self._session.note_sim(certain=False)
            is_silent = isinstance(error, ModemSilentError)
            return SubmitUnknown(SubmitProblem.NO_RESPONSE if is_silent else SubmitProblem.PORT_LOST)
        if not response.final.ok:
            return SubmitRefused(response.final.text, response.final.cms, before_payload=False)
        references = (responses.maybe_reference(line.text) for line in response.lines)
        return Sent(next((reference for reference in references if reference is not None), None))

    # ---- USSD

    def ussd(self, code: str, seconds: float | None = None) -> str:
        """Send the network a code such as *121# and return its answer; a menu that waits for a choice is cancelled.

        Raises ModemRefusedError if the network refuses, ModemSilentError if nothing comes in time.
        """
        seconds = self._waits.ussd if seconds is None else seconds
        self.exchange.take_code("+CUSD")
        forms = (tpdu.encode_ussd(code), code) if self.profile.packs_ussd else (code,)
        self._run_first([f'AT+CUSD=1,"{form}",15' for form in forms], seconds)
        deadline = time.monotonic() + seconds
        while (event := self.exchange.take_code("+CUSD")) is None:
            if time.monotonic() >= deadline and self.in_step:
                # end the session: otherwise a late answer would be taken for the answer to the next code
                self.exchange.run("AT+CUSD=2", seconds=self._waits.slow_command)
            if self.exchange.report_progress(deadline) or not self.in_step:
                raise ModemSilentError(CauseCode.USSD_SILENT, code=code, seconds=seconds)
            self.exchange.receive(deadline)
        answer, is_menu = responses.ussd(event.text, as_septets=self._charset == "GSM")
        if is_menu:
            self.exchange.run("AT+CUSD=2", seconds=self._waits.slow_command)
        if answer is None:
            raise ModemRefusedError(CauseCode.USSD_REFUSED, event.text, code=code)
        return answer

    # ---- calls

    def hang_up(self) -> None:
        """End a call that rings: with AT+CHUP, or with ATH if the make refuses that."""
        if not self.exchange.run("AT+CHUP").final.ok:
            self.exchange.run("ATH")


def _not_kept(*settings: str) -> ModemRefusedError:
    return ModemRefusedError(CauseCode.SETTINGS_LOST, "ERROR", settings=settings)
