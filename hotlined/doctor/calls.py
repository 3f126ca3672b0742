"""The check of call forwarding: the numbers to which the network forwards calls, and what this means for the line.

Known limit: the network does not say whether the number of a forwarding is a voicemail's or a person's.
"""

from collections.abc import Iterator

from hotlined.config import Calls, Config, format_duration
from hotlined.doctor.findings import Finding, ok, unknown, warn
from hotlined.doctor.host import Host
from hotlined.gsm.responses import Forwarding, ForwardingReason
from hotlined.language import N_, Phrases, _, in_digits, in_row

# 3GPP TS 22.030 6.5.2: ## erases the registration of a service code; 21 is unconditional forwarding
_END_ALWAYS = N_("Dial ##21# with the SIM in a phone: it ends this forwarding, and no other.")
_WORDS = Phrases(
    {
        ForwardingReason.ALWAYS: N_(
            "every call goes to {number} at once: none rings here, so none is a contact or answered"
        ),
        ForwardingReason.BUSY: N_(
            "a call goes to {number} while the line is busy, and where the network takes a call that is hung up here "
            "for a busy line"
        ),
        ForwardingReason.NO_REPLY: N_("a call that rings for {seconds} s goes to {number}"),
        ForwardingReason.NOT_REACHABLE: N_(
            "while the stick is off or without a network a call goes to {number}, and is not a contact"
        ),
    }
)
_TAKEN = N_("it is a contact by then, and the other end takes it before `modem.ring_for` ({ring_for}) is over")
_NEVER_TAKEN = {
    Calls.RING: N_("`modem.ring_for` ({ring_for}) is over first: it is hung up here, and never gets there"),
    Calls.HANG_UP: N_("`modem.calls: hang_up` ends it within 2 s: it never gets there"),
}
_RACE = N_("whether `modem.ring_for` ({ring_for}) is over before that, a call shows")


def forwarding(host: Host) -> Finding:
    """Check that calls ring here, at the port that is read; for each forwarding, say what becomes of a call."""
    if host.probe.announces_at:
        seen = _(
            "the modem announces calls at its port {port}, where nobody hears them",
            port=host.probe.announces_at,
        )
        return warn(seen, _("""Set it, in a terminal on the port: `AT+QURCCFG="urcport","usbat"`."""))
    active = host.probe.forwarding
    if active is None:
        return unknown(host.probe.why_not or _("the network does not say"))
    if not active and host.denies_circuits:
        seen = _("calls are not forwarded, but the network takes this SIM for LTE alone: without VoLTE none rings here")
        return warn(seen, _("Call the line, and see whether `hotlined log` shows the call."))
    if not active:
        return ok(_("calls are not forwarded: each rings here"))
    always = [each for each in active if each.reason is ForwardingReason.ALWAYS]
    # a network that forwards every call never uses the other reasons
    seen = in_row(sentence for each in always or active for sentence in _sentences(each, host.config))
    return warn(seen, _(_END_ALWAYS)) if always else ok(seen)


def _sentences(active: Forwarding, config: Config | None) -> Iterator[str]:
    message = _WORDS[active.reason]
    if active.reason is ForwardingReason.NO_REPLY and not active.seconds:
        message = _("a call that rings for as long as the operator says goes to {number}")
    yield message.format(number=active.number or _("a number"), seconds=in_digits(active.seconds or 0))
    if config and active.reason is ForwardingReason.NO_REPLY and (consequence := _consequence(active.seconds, config)):
        yield _(consequence, ring_for=format_duration(config.modem.ring_for))


def _consequence(seconds: int | None, config: Config) -> str | None:
    """Return the sentence (not translated) for a call that rings here until the network forwards it after `seconds`."""
    calls, ring_for = config.modem.calls, config.modem.ring_for.total_seconds()
    if calls is Calls.IGNORE:
        return N_("`modem.calls: ignore` writes it down, and answers none")
    if calls is Calls.HANG_UP:
        return _NEVER_TAKEN[calls]
    if seconds is None:
        return _RACE
    return _TAKEN if seconds < ring_for else _NEVER_TAKEN[calls]
