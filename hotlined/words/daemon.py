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
    N_("The service may not open the port {port}."),
    N_(
        "Its sandbox lets in USB ports alone. For a modem on the UART: `sudo scripts/install --uart {port}` (with the"
        " Debian package: `sudo hotlined-setup --uart {port}`)."
    ),
    N_("{port} is no serial port."),
    N_("The port {port} cannot be opened ({cause})."),
    N_("Check `modem.port` in the configuration."),
    N_("`sudo fuser -v {port}` names it. ModemManager is kept off by `sudo systemctl mask --now ModemManager`."),
    N_("Stop it: `sudo kill {pid}`."),
    N_("Keep it off for good: `sudo systemctl mask --now ModemManager`."),
    N_("That is the login console: `sudo raspi-config nonint do_serial_cons 1`, then `sudo reboot`."),
    N_("Unless a braille display is used here: `sudo apt remove brltty`."),
    N_("Two daemons cannot share a modem: name each one's port in `modem.port`."),
    N_("The stick {stick} shows itself as a CD drive, not as a modem."),
    N_("`sudo apt install usb-modeswitch`, then plug the stick in again."),
    N_("The stick {stick} is a network card to this machine (HiLink): it has no port for AT commands."),
    N_(
        "Some of Huawei's obey `echo HuaweiAltMode=1 | sudo tee /etc/usb_modeswitch.d/12d1:1f01` (the id that it"
        " begins with, see `sudo dmesg`) once they are plugged in again; else use another stick."
    ),
    N_("The stick {stick} has no serial port: no driver has taken it."),
    N_("`sudo modprobe option`, then plug the stick in again."),
    N_(
        "`sudo usb_modeswitch -v 3566 -p 2001 -X` makes a modem of it until it loses its power;"
        " `sudo apt install usb-modeswitch` brings that program."
    ),
    N_(
        "`sudo modprobe option`, then `echo 3566 2001 ff | sudo tee /sys/bus/usb-serial/drivers/option1/new_id`: the"
        " driver does not know this stick by itself."
    ),
    N_("there is no {port}: the Pi is not told to switch its UART on"),
    N_("there is no {port}: the Pi is told to switch its UART on"),
    N_("`sudo raspi-config nonint do_serial_hw 0` (it sets enable_uart=1), then `sudo reboot`."),
    N_("the login console is on {port}, and types into the modem"),
    N_("`sudo raspi-config nonint do_serial_cons 1`, then `sudo reboot`."),
    N_("{port} is the debug connector of a Pi 5, not pins 8 and 10"),
    N_("Put dtparam=uart0=on into /boot/firmware/config.txt, reboot, and set `modem.port: /dev/ttyAMA0`."),
    N_("Bluetooth has {port}"),
    N_("Set `modem.port: /dev/serial0`: pins 8 and 10."),
    N_(
        "{port} is the mini UART, for Bluetooth has the better one: small buffers, and a speed that changes with the"
        " processor's unless enable_uart=1 fixes that"
    ),
    N_("If answers come garbled: dtoverlay=disable-bt in /boot/firmware/config.txt, then reboot."),
    N_(
        "Is it on? A HAT wants its PWRKEY held for a second (docs/sticks.md has the command), and 2 A. Is"
        " `modem.baudrate` its speed? One that finds the speed by itself stays silent until it hears AT: fix it with"
        " AT+IPR=115200."
    ),
    N_("2G"),
    N_("2G and 3G"),
    N_("The network did not answer {code} in {seconds} s."),
    N_("The network has no answer to {code}."),
    N_("The text takes {number} segments; {most} is the most there can be."),
    N_("GSM-7 lacks {characters}"),
    N_("The text holds half of a surrogate pair."),
    N_("{typed} cannot be texted to."),
    N_("{typed} is no telephone number."),
    N_("The modem is being started again."),
    N_("The configuration names another port."),
    N_("The listing of {storage} broke off."),
    N_("It is made again."),
    N_("The SIM is not ready ({answer})."),
    N_("This PIN was tried on this SIM before and not seen to be right, so it is not tried again."),
    N_("Correct modem.pin, or its file; or switch the PIN off with a phone: it says how many tries are left."),
    N_("The SIM does not say who it is any more."),
    N_("The SIM wants its PIN, and {path} {problem}."),
    N_("is not there"),
    N_("is empty"),
    N_("cannot be read: {cause}"),
    N_("has something else than the 4 to 8 digits of a PIN"),
    N_("The PIN is not tried, since that could not be noted beside the database: {cause}."),
    N_("Give the database's folder, and the file there that ends with .pins, to the daemon's user."),
    N_("Look after the disk that the database is on."),
    N_(
        "Nothing is done with it: it may be another line's. Name this line's port in `modem.port`, or go on with this"
        " one: `hotlined adopt`."
    ),
    N_("The modem has started anew since {storage} was listed."),
    N_("It is listed again."),
    N_("it does not say which it has"),
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
    N_("{path} cannot be used: one problem."),
    N_("{path} cannot be used: {number} problems."),
    N_("{subject} cannot be used: {reason}."),
    N_("{database} is damaged: {found}."),
    N_("{database} could not be brought up to date: {reason}."),
    N_("{file} is no file of a database."),
    N_("Move {file} away; where it stood for the database itself, put that or a backup there."),
    N_("{file} belongs to {owner}, and this runs as {user}."),
    N_("It comes from another machine: {cure}"),
    N_("Run it as {owner}; if what lies there is of another machine: {cure}"),
    N_("There is no folder {folder}, and none can be made there ({reason})."),
    N_("Another stick than before."),
    N_("Another SIM than before."),
    N_("Another stick and another SIM than before."),
    N_("Texts are recorded, nobody is answered. `hotlined adopt` goes on with it; else put the old one back."),
)
"""Every sentence of theirs that `status`, `doctor` or a refusal may show and no other table has."""


def said_again(text: str, messages: tuple[str, ...] = SAID) -> str:
    """Return a sentence of the daemon, or another one of these, in the language in force."""
    if spoken() is Language.ENGLISH or not text:
        return text
    known = _(text)
    if known != text:
        return known
    for message, pattern in _patterns(messages):
        if found := pattern.fullmatch(text):
            return _(message, **{name: said_again(value, messages) for name, value in found.groupdict().items()})
    return text


@lru_cache
def _patterns(messages: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the sentences with places, each with what fits it."""
    return tuple((message, _pattern(message)) for message in messages if "{" in message)


def _pattern(message: str) -> re.Pattern[str]:
    """Return what fits a sentence; a place that it has twice is filled twice with the same."""
    known: set[str] = set()

    def place(found: re.Match[str]) -> str:
        name = found[1]
        again = name in known
        known.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>.+?)"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", place, re.escape(message)), re.DOTALL)
