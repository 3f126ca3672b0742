"""What the daemon says of itself, said again in the language in force: its status file and its journal are in English.

The daemon and the driver of the modem know no language, and what they say may hold a port, a code or a reason. A
sentence of theirs is told by its wording; one that is in no table stays as it is.
"""

import re
from functools import lru_cache

from hotlined.language import N_, Language, _, spoken

SAID = (
    N_("The modem at {port} does not answer."),
    N_("Is this its AT port? Sticks have several; pulling and plugging it helps one that hangs."),
    N_("The modem answered {command} with {answer}."),
    N_("The SIM does not say who it is (AT+CIMI)."),
    N_("It is asked again soon."),
    N_("The modem lets no storage for texts be selected ({answer})."),
    N_("Is this a data-only stick or SIM? It is tried again soon."),
    N_("The modem does not list {storage} ({answer})."),
    N_("It is being set up again; a modem that has reset itself has lost its settings."),
    N_("The modem is out of step."),
    N_("The daemon brings it back by itself."),
    N_("The modem did not answer in {seconds} s."),
    N_("The daemon brings it back into step by itself."),
    N_("The modem does not keep its settings ({settings})."),
    N_("It is being set up again; if this comes back, the stick needs a better power supply or is broken."),
    N_("The port {port} went away ({cause})."),
    N_("The stick was pulled or has reset itself; the daemon looks for it by itself."),
    N_("Another program holds the port {port}: {names}."),
    N_("Another program holds the port {port}."),
    N_("There is no modem at {port}."),
    N_("Is the stick plugged in? `ls -l /dev/serial/by-id` shows the ports that there are."),
    N_("The port {port} may not be opened by this user."),
    N_("Add the user to the group dialout: `sudo adduser USER dialout`, then log in again."),
    N_("The modem is being started again."),
    N_("The configuration names another port."),
    N_("The listing of {storage} broke off."),
    N_("It is made again."),
    N_("The SIM is not ready ({answer})."),
    N_("This PIN was tried on this SIM before and not seen to be right, so it is not tried again."),
    N_("Correct modem.pin, or its file; or switch the PIN off with a phone: it says how many tries are left."),
    N_("The SIM does not say who it is any more."),
    N_("The SIM wants its PIN, and {path} {problem}."),
    N_("No modem is plugged in."),
    N_("Plug the stick in, or name its port in `modem.port`."),
    N_("The modem keeps texts in {storage} and does not let it be read ({answer}): what lies there is not seen."),
    N_("It is asked again at every poll. If it stays so, move the SIM to a phone and delete what is in it."),
    N_("The modem passes no status reports on, so no answer will be known as delivered."),
    N_("Set modem.delivery_reports to false, or use another stick."),
    N_("The configuration was not read again, and the old one holds: {reason}"),
    N_("`hotlined config check` names the lines. Correct them, then reload."),
    N_("line, database and runtime_dir change only with a restart."),
    N_("Restart the daemon: `systemctl restart hotlined`. Or take that back, and reload."),
    N_("{database} was moved, removed or replaced while the daemon had it open."),
    N_("{subject} cannot be used: {reason}."),
    N_("Another stick than before."),
    N_("Another SIM than before."),
    N_("Another stick and another SIM than before."),
    N_("Texts are recorded, nobody is answered. `hotlined adopt` goes on with it; else put the old one back."),
)
"""Every sentence of theirs that `status` may show and no other table has."""


def said_again(text: str) -> str:
    """Return a sentence of the daemon in the language in force."""
    if spoken() is Language.ENGLISH or not text:
        return text
    known = _(text)
    if known != text:
        return known
    for message, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return _(message, **{name: said_again(value) for name, value in found.groupdict().items()})
    return text


@lru_cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the sentences with places, each with what fits it."""
    places = re.compile(r"\\\{(\w+)\\\}")
    return tuple(
        (message, re.compile(places.sub(r"(?P<\1>.+?)", re.escape(message)), re.DOTALL))
        for message in SAID
        if "{" in message
    )
