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
    errno.ENOENT: N_("there is no such file or folder"),
    errno.EACCES: N_("this user may not"),
    errno.EPERM: N_("this user may not"),
    errno.EISDIR: N_("it is a folder"),
    errno.ENOTDIR: N_("it is no folder"),
    errno.EEXIST: N_("it is there already"),
    errno.ENOTEMPTY: N_("the folder is not empty"),
    errno.ENOSPC: N_("the disk is full"),
    errno.EROFS: N_("the disk can only be read"),
    errno.ELOOP: N_("it is a link"),
    errno.EADDRINUSE: N_("another program uses it"),
    errno.ECONNREFUSED: N_("nobody listens there"),
}
"""What the kernel says most often."""


def reason_of(error: OSError) -> str:
    """Say why the kernel refused, in the language in force; in English, and where no sentence fits, in its own words.

    An error of ours that only has a number of the kernel's keeps its words.

    The C library says it in another language only where its catalogues are installed, and they seldom are.
    """
    own = error.strerror or str(error)
    message = _REASONS.get(error.errno or 0) if own == os.strerror(error.errno or 0) else None
    translated = _(message) if message else own
    return own if translated == message else translated


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


class RefusedError(HotlinedError):
    """Not now: the daemon does not run, or a limit refuses."""

    exit_code = 75
