"""Checks of the SIM and the network, by the daemon's status, or else by the modem's own answers."""

from hotlined.conditions import LAST_PIN_TRY, MODEM, SIM_STATES, SIM_UNKNOWN, STORAGE_UNREAD, VOLTE_ONLY
from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.host import DATABASE_UNREADABLE, NO_CONFIGURATION, NO_WORD, Host
from hotlined.doctor.probe import INDICATIONS
from hotlined.gsm.modem import TEXTS
from hotlined.gsm.responses import Registration, SimState
from hotlined.language import N_, NO_BREAK, _, in_digits
from hotlined.reports.sim_life import top_up_in_words
from hotlined.states import ModemState, SmsService, TroubleCode
from hotlined.words.states import MODEM_STATES, REGISTRATIONS, SMS_SERVICES
from hotlined.words.times import day

WEAK_PERCENT = 10  # 27.007 8.5: rssi 3, -107 dBm
_ENDING = frozenset({"2G", "3G"})
_SIM_CURES = {
    SimState.ABSENT: MODEM[ModemState.SIM_ABSENT].cure_message,
    SimState.PIN: LAST_PIN_TRY,
    SimState.PUK: MODEM[ModemState.PUK_REQUIRED].cure_message,
}
_NOT_READY = N_("the modem is not ready ({state})")
_TEXTS_KNOWN = N_("the modem knows texts")
_SEE = N_("Put the SIM into a phone and see.")


def sim(host: Host) -> Finding:
    """Check that the SIM can be used; if not, say how many tries of its PIN are left."""
    if host.report and host.report.alive:
        state = str(host.report.daemon.modem.state)
        if state in (ModemState.READY, ModemState.UNREGISTERED):
            return ok(_("ready, as the daemon says"))
        if state in SIM_STATES:
            trouble = host.report.maybe(state)
            return fail(MODEM_STATES[state], trouble.sentences if trouble else "")
        return unknown(_(_NOT_READY, state=MODEM_STATES.get(state, state)))
    probe = host.probe
    if probe.sim is None:
        return unknown(probe.why_not)
    state = probe.words
    if probe.sim is SimState.BUSY:
        return unknown(_("the SIM is still busy ({state})", state=state), _("Ask again in a minute."))
    if probe.tries is not None:
        state = _("{state}, tries of the PIN left: {number}", state=state, number=probe.tries)
    if probe.sim is SimState.READY:
        return ok(state)
    if probe.sim is SimState.PIN and probe.tries != 1:
        cure = _("Set `modem.pin_file`: the daemon tries each value once; or switch the PIN off with a phone.")
        return warn(state, cure)
    if probe.sim is SimState.LOCKED:
        locked = MODEM[ModemState.SIM_LOCKED]
        return fail(f"{locked.title} ({state})", locked.cure)
    return fail(state, _(_SIM_CURES.get(probe.sim, _SEE)))


def life(host: Host) -> Finding:
    """Check that the last top-up of the SIM is recent enough for the operator to keep the SIM alive."""
    report = host.report
    if host.config is None or report is None or report.stored is None:
        return unknown(_(DATABASE_UNREADABLE) if report else _(NO_CONFIGURATION))
    top_up, end = report.stored.top_up, report.stored.credit.valid_until
    if host.config.credit.valid_for is None:
        cure = _(
            "If it is prepaid, set credit.valid_for, such as 365d: the line warns you before the operator ends it."
        )
        return unknown(_("credit.valid_for is not set: nobody sees to it that the SIM is topped up in time"), cure)
    if top_up is None or end is None:
        return unknown(_("nobody knows when the SIM was topped up last"), _(SIM_UNKNOWN))
    seen = _("topped up {said}; it lasts until {day}", said=top_up_in_words(top_up), day=day(end))
    if trouble := report.maybe(TroubleCode.SIM_ENDED):
        return fail(seen, trouble.sentences)
    if trouble := report.maybe(TroubleCode.SIM_ENDS):
        return warn(seen, trouble.sentences)
    if report.stored.life is None:
        return unknown(_("{seen}; the clock is not synchronised, and cannot say whether that is soon", seen=seen))
    return ok(seen)


def registration(host: Host) -> Finding:
    """Check that the SIM is registered with the network."""
    state, operator = host.network.registration, host.network.operator or _("an unnamed operator")
    if state is Registration.UNKNOWN:
        return unknown(host.probe.why_not or _(NO_WORD))
    if host.denies_circuits:
        return warn(VOLTE_ONLY.words.rstrip("."), VOLTE_ONLY.cure)
    if state is Registration.HOME:
        return ok(_("at home with {operator}", operator=operator))
    if state is Registration.ROAMING:
        seen = _("roaming with {operator}: answers may cost more", operator=operator)
        return warn(seen, _("Check the SIM's tariff."))
    cure = _("Check antenna and place, then the SIM in a phone: is it activated, paid, allowed here?")
    return fail(REGISTRATIONS[state], cure)


def technology(host: Host) -> Finding:
    """Check which kind of network is used and how it carries texts; warn of one that is being switched off."""
    used = host.network.technology
    service = (host.modem.sms_service if host.modem else host.probe.sms_service) or ""

    way = SMS_SERVICES.get(service, service)

    def with_way(network: str) -> str:
        return _("{network}, texts by {service} (`AT+CGSMS?`)", network=network, service=way) if way else network

    if not used:
        why = host.probe.why_not or _(NO_WORD)
        return unknown(_("{why}; texts by {service}", why=why, service=way) if way else why)
    if used in _ENDING:
        return warn(
            _("{network}: this network is being switched off", network=with_way(used)),
            _("Ask the operator until when; a stick that knows LTE uses it by itself where it is there."),
        )
    if service == (SmsService.CIRCUIT if host.denies_circuits else SmsService.PACKET):
        seen = _("{network} alone", network=with_way(used))
        return warn(seen, _("If texts are refused: `AT+CGSMS=3` lets the other way in, too."))
    return ok(with_way(used))


def signal(host: Host) -> Finding:
    """Check that the signal is strong enough."""
    percent = host.network.signal_percent
    if percent is None:
        return unknown(host.probe.why_not or _(NO_WORD))
    seen = f"{percent}{NO_BREAK}%"
    if percent < WEAK_PERCENT:
        return warn(seen, _("Bring the stick to a window, on an extension cable and away from the Pi."))
    return ok(seen)


def service_centre(host: Host) -> Finding:
    """Check that the SIM knows its service centre; without it no text leaves."""
    if host.probe.sim is not SimState.READY:
        return unknown(host.probe.why_not or _("the SIM is not ready"))
    if host.probe.service_centre:
        return ok(host.probe.service_centre)
    if host.probe.service_centre is None:
        return unknown(_(NO_WORD))
    cure = _("""Ask the operator for it and set it with `AT+CSCA="+32…",145` or in a phone.""")
    return fail(_("the SIM has none"), cure)


def texts(host: Host) -> Finding:
    """Check that the modem supports texts; some variants of a model support only data."""
    if host.modem:
        state = str(host.modem.state)
        if state == ModemState.NO_TEXTS and host.report and (trouble := host.report.maybe(state)):
            return fail(trouble.words.rstrip("."), trouble.cure)
        known = state in (ModemState.READY, ModemState.UNREGISTERED)
        return ok(_(_TEXTS_KNOWN)) if known else unknown(_(_NOT_READY, state=MODEM_STATES.get(state, state)))
    probe = host.probe
    if probe.refused is None:
        return unknown(probe.why_not or _("the SIM is not ready"))
    if probe.refused >= {*TEXTS}:
        name, questions = probe.model or _("the modem"), ", ".join(f"`{question}`" for question in TEXTS)
        seen = _(
            "{model} knows no texts: it refuses {questions}; or it has only just been switched on: ask again in two"
            " minutes",
            model=name,
            questions=questions,
        )
        return fail(seen, MODEM[ModemState.NO_TEXTS].cure)
    if INDICATIONS in probe.refused:
        return ok(_("the modem knows texts; it may not announce them, so they are found at every poll"))
    return ok(_(_TEXTS_KNOWN))


def storages(host: Host) -> Finding:
    """Check that the SIM has room for texts, and that the daemon can read every storage into which texts come."""
    by_daemon = tuple((use.name, use.used, use.total) for use in host.modem.storages) if host.modem else ()
    storages = by_daemon or host.probe.storages
    for code in (TroubleCode.STORAGE_FULL, TroubleCode.STORAGE_UNREAD):
        if host.report and (trouble := host.report.maybe(code)):
            return fail(trouble.words.rstrip("."), trouble.cure)
    if host.probe.why_no_storage:
        return unknown(host.probe.why_no_storage)
    if host.probe.unread:
        seen = _("texts may lie in {storages}, which cannot be read", storages=", ".join(host.probe.unread))
        return fail(seen, STORAGE_UNREAD.cure)
    if not storages:
        return unknown(host.probe.why_not or _(NO_WORD))
    room = ", ".join(_("{name} {used} of {total}", name=name, used=used, total=total) for name, used, total in storages)
    if host.probe.unknown:
        offered = ", ".join(host.probe.unknown)
        room = _("{room}; {storages} is offered, and is not there", room=room, storages=offered)
    if host.modem and host.modem.undeletable:
        return warn(
            _(
                "{room}; the modem does not delete {number} of them",
                room=room,
                number=in_digits(host.modem.undeletable),
            ),
            _("Their content is recorded. Delete them with the SIM in a phone, or replace the SIM."),
        )
    if not host.modem and any(used >= total for _, used, total in storages):
        seen = _("{room}: full, so texts wait in the network", room=room)
        return warn(seen, _("`hotlined run` records and empties it."))
    return ok(room)
