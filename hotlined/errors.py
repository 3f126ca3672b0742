"""Every exception that hotlined raises on purpose, on one page, each with what to do about it.

A refusal by policy is a value, not an exception; what stands here is an environment that does not
work, an input that makes no sense, or a peer that breaks its protocol. The CLI turns any of these
into one sentence, a hint and an exit code; anything else is a bug.
"""

import errno
import os
from typing import ClassVar

from hotlined.language import N_, _

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
"""What the system says most often, as the C library has it in English.

The C library says it in another language only where its catalogues are installed, and they seldom are.
"""


def reason_of(error: OSError) -> str:
    """Say why the system refused, in the language in force, so that it can be said again in another one.

    Words that an error brings beside its number stay, and so do those of a number that is not in the table.
    """
    if error.errno is None and isinstance(error, TimeoutError):  # what Python itself raises where a socket is silent
        return reason_of_number(errno.ETIMEDOUT)
    own = error.strerror or str(error)
    return reason_of_number(error.errno) if error.errno and own == os.strerror(error.errno) else own


def reason_of_number(number: int) -> str:
    """Say the same of an error number alone."""
    return _(_REASONS[number]) if number in _REASONS else os.strerror(number)


def refusal_of(error: OSError) -> str:
    """Say why the system refused, and which file it was about, if any."""
    reason = reason_of(error)
    return _("{file}: {reason}", file=error.filename, reason=reason) if error.filename else reason


class HotlinedError(Exception):
    """The base: a sentence, and a hint that says what a person can do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HotlinedError):
    """What was typed makes no sense."""

    exit_code = 2


class ConfigError(HotlinedError):
    """The configuration cannot be used; `problems` holds every reason, each with its line."""

    exit_code = 78

    def __init__(self, message: str, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = problems


class PduError(HotlinedError):
    """There is no message to be had from these octets; the raw PDU has to be kept."""


class TextError(HotlinedError):
    """A text cannot be sent as asked: it does not fit its encoding or takes too many segments."""


class AddressError(HotlinedError):
    """What was typed is no telephone number."""

    exit_code = 2


class ProtocolError(HotlinedError):
    """A step that the AT protocol's state does not allow: a bug of the caller."""


class LifecycleError(HotlinedError):
    """A change of state that the table of an answer's states does not know: a bug of the caller."""


class PortError(HotlinedError):
    """The serial port cannot be opened or used."""


class PortMissingError(PortError):
    """There is no such port: the stick is not plugged in, or under another name."""


class PortDeniedError(PortError):
    """The user may not open the port."""


class PortBusyError(PortError):
    """Another program holds the port."""


class PortLostError(PortError):
    """The port went away while it was open: the stick was pulled or has reset itself."""


class ModemError(HotlinedError):
    """The modem does not do what it was asked to."""


class ModemSilentError(ModemError):
    """No answer, or none that belongs to the question, within the time limit."""


class ModemRefusedError(ModemError):
    """The modem answered a command with an error; `final` is its final result code."""

    def __init__(self, message: str, final: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.final = final


class ModemBusyError(ModemRefusedError):
    """The SIM is still being read, or the modem still starts: it takes the same soon."""


class NoTextsError(ModemRefusedError):
    """The modem knows no texts at all: it refuses what sets them up, and both questions for them."""


class StoreError(HotlinedError):
    """The database cannot be used; `trouble` names why, where the store has a name for it."""

    def __init__(self, message: str, hint: str = "", trouble: str | None = None) -> None:
        super().__init__(message, hint)
        self.trouble = trouble


class DatabaseMissingError(StoreError):
    """There is no database yet: the daemon has not run."""

    exit_code = 69


class DatabaseVersionError(StoreError):
    """Another version wrote the database, and this one cannot serve a configuration that names it."""

    exit_code = 78


class DatabaseInUseError(StoreError):
    """Another daemon has the database."""


class SealError(HotlinedError):
    """A backup could not be sealed, put where it belongs, or opened; `failure` is a SealFailure where it has a name."""

    def __init__(self, message: str, hint: str = "", failure: str | None = None) -> None:
        super().__init__(message, hint)
        self.failure = failure


class UnsentError(SealError):
    """A backup did not arrive on another machine; later it may."""

    exit_code = 75


class UnavailableError(HotlinedError):
    """There is no running daemon, modem or database for this."""

    exit_code = 69


class NotLetInError(UnavailableError):
    """The hub of the fleet does not take the line's login, or the line has none."""


class RefusedError(HotlinedError):
    """Not now: the daemon does not run, or a limit refuses."""

    exit_code = 75
