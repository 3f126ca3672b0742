"""Causes: a code with values that says why something does not work, and the sentence and the cure for each code.

The status file, requests and events store a cause in this form; the program that reads it puts it into words, in the
current language. Errors of the port, the modem, the SIM or a text take their sentence and their hint from here, too.
"""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from hotlined.language import N_, _

Value = str | int | float | Sequence[str]
"""A value for a {place} in a sentence, as JSON stores it."""

_CHECK = N_("Check `modem.port` in the configuration.")
_SOON = N_("It is asked again soon.")
_STORAGE = N_("The stick {stick} shows itself as a CD drive, not as a modem.")
_NETWORK = N_("The stick {stick} is a network card to this machine (HiLink): it has no port for AT commands.")
_DRIVER = N_("The stick {stick} has no serial port: no driver has taken it.")
_BROVI_SWITCH = N_("`sudo usb_modeswitch -v 3566 -p 2001 -X` makes a modem of it until it loses its power.")
_ADOPT = N_("Texts are recorded, nobody is answered. `hotlined sim adopt` goes on with it; else put the old one back.")
_OTHERS = N_("Another stick and another SIM than before.")
_UNNOTED = N_("The PIN is not tried, since that could not be noted beside the database: {cause}.")
_PIN_FILE = N_(
    "Put the SIM's PIN into that file, readable by the daemon's user, or into /etc/hotlined/NAME.pin, then restart the"
    " daemon."
)
_NO_NUMBER = N_("{typed} is not a telephone number.")


class CauseCode(StrEnum):
    """The code of a cause, with its sentence and its cure.

    A code has no cure where the state of the modem or the database already says what a person can do.
    """

    words_message: str
    cure_message: str

    def __new__(cls, code: str, words: str = "", cure: str = "") -> Self:
        """Return a code with its sentence and its cure, which are marked with `N_`."""
        member = str.__new__(cls, code)
        member._value_, member.words_message, member.cure_message = code, words, cure
        return member

    DATABASE_MOVED = (
        "database_moved",
        N_("{file} belongs to {owner}, and this runs as {user}."),
        N_("It comes from another machine: {cure}"),
    )
    DATABASE_FOREIGN = (
        "database_foreign",
        N_("{file} belongs to {owner}, and this runs as {user}."),
        N_("Run it as {owner}; if the files there are from another machine: {cure}"),
    )
    DATABASE_NOWHERE = (
        "database_nowhere",
        N_("There is no folder {folder}, and none can be made there ({reason})."),
        N_("Does `database` name this line's own? A service sees no other; see /usr/share/doc/hotlined/disk.conf."),
    )
    PORT_MISSING = (
        "port_missing",
        N_("There is no modem at {port}."),
        N_("Is the stick plugged in? `ls -l /dev/serial/by-id` shows the ports that there are."),
    )
    PORT_SANDBOXED = (
        "port_sandboxed",
        N_("The service may not open the port {port}."),
        N_("Its sandbox lets in USB ports alone. For a modem on the UART: `sudo hotlined-setup uart {port} NAME`."),
    )
    PORT_DENIED = (
        "port_denied",
        N_("The port {port} may not be opened by this user."),
        N_("Add the user to the group dialout: `sudo adduser USER dialout`, then log in again."),
    )
    PORT_HELD = ("port_held", N_("Another program holds the port {port}: {holders}."))
    """The holder of the port is known; PORT_BUSY is for a holder that only root can see."""
    PORT_BUSY = (
        "port_busy",
        N_("Another program holds the port {port}."),
        N_("`sudo fuser -v {port}` names it. ModemManager is kept off by `sudo systemctl mask --now ModemManager`."),
    )
    NOT_SERIAL = ("not_serial", N_("{port} is not a serial port."), _CHECK)
    PORT_UNOPENED = ("port_unopened", N_("The port {port} cannot be opened ({cause})."), _CHECK)
    PORT_LOST = (
        "port_lost",
        N_("The port {port} went away ({cause})."),
        N_("The stick was pulled or has reset itself; the daemon looks for it by itself."),
    )
    OTHER_PORT = ("other_port", N_("The configuration names another port."))
    NO_STICK = ("no_stick", N_("No modem is plugged in."), N_("Plug the stick in, or name its port in `modem.port`."))
    STORAGE_UNKNOWN = (
        "storage_unknown",
        _STORAGE,
        N_("usb-modeswitch is missing, or does not know this stick: then use another (docs/sticks.md)."),
    )
    STORAGE_KNOWN = (
        "storage_known",
        _STORAGE,
        N_("Pull the stick and plug it in again; docs/sticks.md says what else helps."),
    )
    STORAGE_BROVI = ("storage_brovi", _STORAGE, _BROVI_SWITCH)
    NETWORK_UNKNOWN = (
        "network_unknown",
        _NETWORK,
        N_("No way is known to make a modem of this one: use another stick (docs/sticks.md)."),
    )
    NETWORK_HUAWEI = (
        "network_huawei",
        _NETWORK,
        N_(
            "Many of Huawei's become modems with `HuaweiAltModeGlobal=1` in /etc/usb_modeswitch.conf, once they "
            "are plugged in again; else use another stick."
        ),
    )
    NETWORK_BROVI = ("network_brovi", _NETWORK, _BROVI_SWITCH)
    DRIVER_KNOWN = ("driver_known", _DRIVER, N_("`sudo modprobe option`, then plug the stick in again."))
    DRIVER_UNKNOWN = (
        "driver_unknown",
        _DRIVER,
        N_(
            "`sudo modprobe option`, then `echo {vendor} {product} ff | sudo tee "
            "/sys/bus/usb-serial/drivers/option1/new_id`: the driver does not know this stick by itself."
        ),
    )
    NO_OWN_STICK = (
        "no_own_stick",
        N_("This line has no stick yet, and those here may be another line's ({lines})."),
        N_("Name its port in `modem.port`: {sticks}."),
    )
    STICK_AWAY = (
        "stick_away",
        N_("This line's stick is not here, or does not answer."),
        N_("Plug it in. For another one name its port in `modem.port` ({sticks}), then: `hotlined sim adopt`."),
    )
    OTHER_STICK = ("other_stick", N_("Another stick than before."), _ADOPT)
    OTHER_SIM = ("other_sim", N_("Another SIM than before."), _ADOPT)
    OTHER_STICK_AND_SIM = ("other_stick_and_sim", _OTHERS, _ADOPT)
    NOT_OURS = (
        "not_ours",
        _OTHERS,
        N_(
            "Nothing is done with it: it may be another line's. Name this line's port in `modem.port`, or go on with"
            " this one: `hotlined sim adopt`."
        ),
    )
    MODEM_SILENT = (
        "modem_silent",
        N_("The modem at {port} does not answer."),
        N_("Is this its AT port? Sticks have several; pulling and plugging it helps one that hangs."),
    )
    NO_RESPONSE = (
        "no_response",
        N_("The modem did not answer in {seconds} s."),
        N_("The daemon brings it back into step by itself."),
    )
    OUT_OF_STEP = ("out_of_step", N_("The modem is out of step."), N_("The daemon brings it back by itself."))
    STOPPING = ("stopping", N_("The daemon is being stopped."))
    COMMAND_REFUSED = ("command_refused", N_("The modem answered {command} with {answer}."))
    STARTED_ANEW = (
        "started_anew",
        N_("The modem has restarted since {storage} was listed."),
        N_("It is listed again."),
    )
    STARTED_AGAIN = ("started_again", N_("The modem is being started again."), N_("This takes a minute."))
    SETTINGS_LOST = (
        "settings_lost",
        N_("The modem does not keep its settings ({settings})."),
        N_("It is being set up again; if this comes back, the stick needs a better power supply or is broken."),
    )
    NO_STORAGE = (
        "no_storage",
        N_("The modem lets no storage for texts be selected ({answer})."),
        N_("Is this a data-only stick or SIM? It is tried again soon."),
    )
    NOT_LISTED = (
        "not_listed",
        N_("The modem does not list {storage} ({answer})."),
        N_("It is being set up again; a modem that has reset itself has lost its settings."),
    )
    LISTING_BROKE_OFF = ("listing_broke_off", N_("The listing of {storage} broke off."), N_("It is made again."))
    NO_TEXTS = ("no_texts", N_("{modem} knows no texts (AT+CMGF=0: {answer})."))
    USSD_SILENT = (
        "ussd_silent",
        N_("The network did not answer {code} in {seconds} s."),
        N_("It is asked again later."),
    )
    USSD_REFUSED = ("ussd_refused", N_("The network has no answer to {code}."), N_("Is the code right?"))
    SIM_BUSY = ("sim_busy", N_("The SIM is still busy ({answer})."), _SOON)
    SIM_NOT_READY = ("sim_not_ready", N_("The SIM is not ready ({answer})."))
    SIM_UNNAMED = ("sim_unnamed", N_("The SIM does not say who it is (AT+CIMI)."), _SOON)
    SIM_UNNAMED_NOW = ("sim_unnamed_now", N_("The SIM does not say who it is any more."), _SOON)
    PIN_UNNOTED = ("pin_unnoted", _UNNOTED, N_("Check the disk that the database is on."))
    PIN_NOTE_DENIED = (
        "pin_note_denied",
        _UNNOTED,
        N_("Give the database's folder, and all that is in `keys` there, to the daemon's user."),
    )
    PIN_TRIED_BEFORE = (
        "pin_tried_before",
        N_("This PIN was tried on this SIM before and not seen to be right, so it is not tried again."),
        N_("Correct modem.pin, or its file; or switch the PIN off with a phone: it says how many tries are left."),
    )
    PIN_FILE_MISSING = ("pin_file_missing", N_("The SIM wants its PIN, and {path} is not there."), _PIN_FILE)
    PIN_FILE_UNREAD = ("pin_file_unread", N_("The SIM wants its PIN, and {path} cannot be read: {cause}."), _PIN_FILE)
    PIN_FILE_EMPTY = ("pin_file_empty", N_("The SIM wants its PIN, and {path} is empty."), _PIN_FILE)
    PIN_FILE_NO_PIN = (
        "pin_file_no_pin",
        N_("The SIM wants its PIN, and {path} has something else than the 4 to 8 digits of a PIN."),
        _PIN_FILE,
    )
    NOT_A_NUMBER = ("not_a_number", _NO_NUMBER, N_("Write it with its country, such as +32470123456."))
    NOT_A_NUMBER_HERE = (
        "not_a_number_here",
        _NO_NUMBER,
        N_("Write it with its country, such as +32470123456, or as it is dialled within {country}."),
    )
    """For a typed number that may also be written as people dial it in the configured country."""
    SHORT_CODE = (
        "short_code",
        N_("{typed} is a short code, no telephone number."),
        N_("A short code is never answered or texted."),
    )
    NEVER_CAME = (
        "never_came",
        _NO_NUMBER,
        N_(
            "A name or a short code has to have contacted the line. Write a number with its country, such as"
            " +32470123456."
        ),
    )
    NOT_TEXTED = (
        "not_texted",
        N_("{typed} cannot be texted to."),
        N_("A number has up to 20 digits, * and #, perhaps with a + in front."),
    )
    GSM7_LACKS = (
        "gsm7_lacks",
        N_("GSM-7 lacks {characters}"),
        N_("Use other characters, or the encoding smart or ucs2."),
    )
    HALF_CHARACTER = ("half_character", N_("The text holds half of a surrogate pair."), N_("Type the character again."))
    TEXT_TOO_LONG = (
        "text_too_long",
        N_("The text takes {number} segments; {most} is the most there can be."),
        N_("Shorten it."),
    )
    CONFIG_UNREAD = (
        "config_unread",
        N_("{path} cannot be read: {reason}"),
        N_("See that it exists, and that this user may read it (group hotlined-NAME, after installation)."),
    )
    NO_PIN_FILE = (
        "no_pin_file",
        N_("modem.pin_file: there is no {path}, so a SIM that asks for its PIN gets none."),
        N_("Put the SIM's PIN into that file, or take modem.pin_file out of the configuration."),
    )
    RESTART_NEEDED = (
        "restart_needed",
        N_("line, database and runtime_dir change only with a restart."),
        N_("Restart the daemon: `sudo systemctl restart hotlined@{name}`. Or take that back, and reload."),
    )
    """A reload failed, because it would change a key that only a restart can change."""


class SystemCause(StrEnum):
    """Why a port or a file failed, where the system has no error number for the reason."""

    HUNG_UP = "hung_up"
    TAKES_NOTHING = "takes_nothing"
    NO_TEXT = "no_text"


@dataclass(frozen=True, slots=True)
class CodedCause:
    """A `CauseCode` and its values. A code that only another version knows has no words."""

    code: str
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The sentence, in the current language."""
        known = self._known
        return _(known.words_message).format_map(self._said()) if known else ""

    @property
    def cure(self) -> str:
        """The advice for a person, in the current language; empty if the code has none."""
        if self.code == CauseCode.PORT_HELD:
            return " ".join(dict.fromkeys(map(_release, _texts(self.values.get("holders", ())))))
        known = self._known
        return _(known.cure_message).format_map(self._said()) if known and known.cure_message else ""

    @property
    def _known(self) -> CauseCode | None:
        return CauseCode(self.code) if self.code in list(CauseCode) else None

    def _said(self) -> Mapping[str, str]:
        return _Places({name: _SAID.get(name, _plain)(value) for name, value in self.values.items()})


class _Places(dict[str, str]):
    """The values for the places of a sentence; a missing one becomes an ellipsis."""

    def __missing__(self, _name: str) -> str:
        return "…"


# ---- values in words


def system_in_words(cause: int | str) -> str:
    """Return the system's reason in words, from its error number or a `SystemCause`; other text is returned unchanged.

    A number that is not in the table gets the C library's words.
    """
    if isinstance(cause, int) and 0 < cause <= _LARGEST_NUMBER:
        return _(_REASONS[cause]) if cause in _REASONS else os.strerror(cause)
    return _(_SYSTEM_CAUSES[SystemCause(cause)]) if cause in list(SystemCause) else str(cause)


def program_in_words(pid: int | str, name: str) -> str:
    """Return the name of a program with its process ID."""
    return _("{program} (process {pid})", program=name, pid=pid)


def release_in_words(pid: int | str, name: str) -> str:
    """Return what a person can do so that a program closes the port."""
    known = _RELEASE_HINTS.get(name)
    return _(known) if known else _("Stop it: `sudo kill {pid}`.", pid=pid)


def _plain(value: Value) -> str:
    if isinstance(value, float):
        return format(value, "g")
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


def _release(holder: str) -> str:
    pid, _blank, name = holder.partition(" ")
    return release_in_words(pid, name)


def _programs(value: object) -> str:
    holders = (holder.partition(" ") for holder in _texts(value))
    return ", ".join(program_in_words(pid, name) for pid, _blank, name in holders)


_SAID: Mapping[str, Callable[[Any], str]] = {
    "cause": system_in_words,
    "reason": system_in_words,
    "holders": _programs,
    "settings": lambda settings: _plain(settings) or _("it does not say which it has"),
    "modem": lambda name: name or _("The modem"),
    "typed": repr,
    "characters": lambda characters: " ".join(map(repr, _texts(characters))),
}
"""The function that puts a value into words, by the name of the value; for other names it is `_plain`."""

_LARGEST_NUMBER = 4095  # the largest error number of Linux (MAX_ERRNO)
_SYSTEM_CAUSES = {
    SystemCause.HUNG_UP: N_("it has hung up"),
    SystemCause.TAKES_NOTHING: N_("it takes nothing"),
    SystemCause.NO_TEXT: N_("it is not text"),
}

_RELEASE_HINTS: Mapping[str, str] = {
    "ModemManager": N_("Keep it off for good: `sudo systemctl mask --now ModemManager`."),
    "agetty": N_(  # killing it does not help: systemd starts it again
        "That is the login console: `sudo raspi-config nonint do_serial_cons 1`, then `sudo reboot`."
    ),
    "brltty": N_("Unless a braille display is used here: `sudo apt remove brltty`."),
    "gammu-smsd": "`sudo systemctl disable --now gammu-smsd`",
    "smsd": "`sudo systemctl disable --now smstools`",
    "hotlined": N_("Two daemons cannot share a modem: name each one's port in `modem.port`."),
}

_REASONS = {
    errno.ENOENT: N_("No such file or directory"),
    errno.EACCES: N_("Permission denied"),
    errno.EPERM: N_("Operation not permitted"),
    errno.EISDIR: N_("Is a directory"),
    errno.ENOTDIR: N_("Not a directory"),
    errno.EEXIST: N_("File exists"),
    errno.ENOTEMPTY: N_("Directory not empty"),
    errno.ENAMETOOLONG: N_("File name too long"),
    errno.ELOOP: N_("Too many levels of symbolic links"),
    errno.ENOSPC: N_("No space left on device"),
    errno.EDQUOT: N_("Disk quota exceeded"),
    errno.EFBIG: N_("File too large"),
    errno.EROFS: N_("Read-only file system"),
    errno.EIO: N_("Input/output error"),
    errno.EBUSY: N_("Device or resource busy"),
    errno.ENODEV: N_("No such device"),
    errno.ENXIO: N_("No such device or address"),
    errno.EINVAL: N_("Invalid argument"),
    errno.EAGAIN: N_("Resource temporarily unavailable"),
    errno.ENOMEM: N_("Cannot allocate memory"),
    errno.EMFILE: N_("Too many open files"),
    errno.ENOEXEC: N_("Exec format error"),
    errno.EADDRINUSE: N_("Address already in use"),
    errno.ECONNREFUSED: N_("Connection refused"),
    errno.ECONNRESET: N_("Connection reset by peer"),
    errno.EPIPE: N_("Broken pipe"),
    errno.ETIMEDOUT: N_("Connection timed out"),
    errno.EHOSTUNREACH: N_("No route to host"),
    errno.ENETUNREACH: N_("Network is unreachable"),
}
"""The most frequent reasons of the system, in the C library's English.

The C library itself translates them only where its catalogues are installed, which is rare.
"""
