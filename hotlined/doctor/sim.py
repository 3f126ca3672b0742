"""Checks of the SIM and the network: what the daemon says of them, else what the modem says."""

from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.scene import NO_CONFIGURATION, Scene
from hotlined.gsm.responses import Registration, SimState
from hotlined.language import _
from hotlined.reports.life import top_up_in_words
from hotlined.reports.line import SIM_ENDED, SIM_ENDS
from hotlined.states import ModemState
from hotlined.words.conditions import LAST_PIN_TRY, MODEM, SIM_STATES, SIM_UNKNOWN
from hotlined.words.times import day

WEAK_PERCENT = 10  # 27.007 8.5: rssi 3, -107 dBm
_ENDING = frozenset({"2G", "3G"})
_SIM_CURES = {
    SimState.ABSENT: MODEM[ModemState.SIM_ABSENT].cure,
    SimState.PIN: LAST_PIN_TRY,
    SimState.PUK: MODEM[ModemState.PUK_REQUIRED].cure,
}


def sim(scene: Scene) -> Finding:
    """Check that the SIM can be used, else how many tries of its PIN are left."""
    if scene.report and scene.report.alive:
        state = str(scene.report.daemon.modem.state)
        if state in (ModemState.READY, ModemState.UNREGISTERED):
            return ok("ready, as the daemon says")
        if state in SIM_STATES:
            trouble = scene.report.maybe(state)
            return fail(state.replace("_", " "), trouble.sentences if trouble else "")
        return unknown(f"the modem is {state.replace('_', ' ')}")
    probe = scene.probe
    if probe.sim is None:
        return unknown(probe.why_not)
    state = probe.words if probe.tries is None else f"{probe.words}, tries of the PIN left: {probe.tries}"
    if probe.sim is SimState.READY:
        return ok(state)
    if probe.sim is SimState.PIN and probe.tries != 1:
        return warn(
            state, "Set `modem.pin_file`: the daemon tries each value once; or switch the PIN off with a phone."
        )
    return fail(state, _SIM_CURES.get(probe.sim, "Put the SIM into a phone and see."))


def life(scene: Scene) -> Finding:
    """Check that the SIM was topped up lately enough for the operator to keep it alive."""
    report = scene.report
    if scene.config is None or report is None or report.stored is None:
        return unknown("the database cannot be read" if report else NO_CONFIGURATION)
    top_up, end = report.stored.top_up, report.stored.credit.valid_until
    if scene.config.credit.valid_for is None:
        cure = "If it is prepaid, set credit.valid_for, such as 365d: the line warns you before the operator ends it."
        return unknown("credit.valid_for is not set: nobody sees to it that the SIM is topped up in time", cure)
    if top_up is None or end is None:
        return unknown("nobody knows when the SIM was topped up last", _(SIM_UNKNOWN))
    seen = f"topped up {top_up_in_words(top_up)}; it lasts until {day(end)}"
    if trouble := report.maybe(SIM_ENDED):
        return fail(seen, trouble.sentences)
    if trouble := report.maybe(SIM_ENDS):
        return warn(seen, trouble.sentences)
    if report.stored.life is None:
        return unknown(f"{seen}; the clock is not synchronised, and cannot say whether that is soon")
    return ok(seen)


def registration(scene: Scene) -> Finding:
    """Check that the network has the SIM."""
    state, operator = scene.condition.registration, scene.condition.operator or "an unnamed operator"
    if state is Registration.UNKNOWN:
        return unknown(scene.probe.why_not or "the modem does not say")
    if state is Registration.HOME:
        return ok(f"at home with {operator}")
    if state is Registration.ROAMING:
        return warn(f"roaming with {operator}: answers may cost more", "Check the SIM's tariff.")
    return fail(str(state), "Check antenna and place, then the SIM in a phone: is it activated, paid, allowed here?")


def technology(scene: Scene) -> Finding:
    """Check which network is used and how texts are sent in it; one that is being switched off is a warning."""
    used = scene.condition.technology
    service = (scene.modem.sms_service if scene.modem else scene.probe.sms_service) or ""
    way = f", texts by {service} (AT+CGSMS?)" if service else ""
    if not used:
        return unknown((scene.probe.why_not or "the modem does not say") + way)
    if used in _ENDING:
        return warn(
            f"{used}{way}: this network is being switched off",
            "Ask the operator until when; a stick that knows LTE uses it by itself where it is there.",
        )
    if service == "packet":
        return warn(f"{used}{way} alone", "If texts are refused: `AT+CGSMS=3` lets the other way in, too.")
    return ok(used + way)


def signal(scene: Scene) -> Finding:
    """Check that the signal is strong enough."""
    percent = scene.condition.signal_percent
    if percent is None:
        return unknown(scene.probe.why_not or "the modem does not say")
    if percent < WEAK_PERCENT:
        return warn(f"{percent} %", "Bring the stick to a window, on an extension cable and away from the Pi.")
    return ok(f"{percent} %")


def service_centre(scene: Scene) -> Finding:
    """Check that the SIM knows its service centre, without which no text leaves."""
    if scene.probe.sim is not SimState.READY:
        return unknown(scene.probe.why_not or "the SIM is not ready")
    if scene.probe.service_centre:
        return ok(scene.probe.service_centre)
    if scene.probe.service_centre is None:
        return unknown("the modem does not say")
    return fail("the SIM has none", 'Ask the operator for it and set it with AT+CSCA="+32…",145 or in a phone.')


def storages(scene: Scene) -> Finding:
    """Check that the SIM has room for texts."""
    by_daemon = tuple((use.name, use.used, use.total) for use in scene.modem.storages) if scene.modem else ()
    storages = by_daemon or scene.probe.storages
    if not storages:
        return unknown(scene.probe.why_not or "the modem does not say")
    room = ", ".join(f"{name} {used} of {total}" for name, used, total in storages)
    if scene.modem and scene.modem.undeletable:
        return warn(
            f"{room}; the modem does not delete {scene.modem.undeletable} of them",
            "What is in them is recorded. Delete them with the SIM in a phone, or replace the SIM.",
        )
    if any(total and used >= total for _, used, total in storages):
        return warn(f"{room}: full, so texts wait in the network", "`hotlined run` records and empties it.")
    return ok(room)
