"""Every exception that hotlined raises on purpose, on one page, each with what to do about it.

A refusal by policy is a value, not an exception; what stands here is an environment that does not
work, an input that makes no sense, or a peer that breaks its protocol. The CLI turns any of these
into one sentence, a hint and an exit code; anything else is a bug.
"""

import errno
import os
from typing import ClassVar, Self

from hotlined.causes import CauseCode, CodedCause, Value, system_in_words
from hotlined.language import _


def reason_of(error: OSError) -> str:
    """Say why the system refused, in the language in force.

    Words that an error brings beside its number stay, and so do those of a number that is not in the table.
    """
    return system_in_words(number_of(error))


def number_of(error: OSError) -> int | str:
    """Return the system's number for why it refused, as a `CodedCause` has it; words where the error brings its own."""
    if error.errno is None and isinstance(error, TimeoutError):  # what Python itself raises where a socket is silent
        return errno.ETIMEDOUT
    own = error.strerror or str(error)
    return error.errno if error.errno and own == os.strerror(error.errno) else own


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


class CausedError(HotlinedError):
    """An error that stands in the table of causes: its sentence and its hint are in the language in force."""

    cause: CodedCause | None
    """None where the state that the error is about says it all."""

    def __init__(self, code: CauseCode, /, **values: Value) -> None:
        self.cause = cause = CodedCause(code, values)
        super().__init__(cause.words, cause.cure)


class UsageError(HotlinedError):
    """The typed words make no sense."""

    exit_code = 2


class ConfigError(HotlinedError):
    """The configuration cannot be used; `problems` holds every reason, each with its line, or `cause` the only one."""

    exit_code = 78

    def __init__(
        self, message: str, problems: tuple[str, ...] = (), hint: str = "", cause: CodedCause | None = None
    ) -> None:
        super().__init__(message, hint)
        self.problems, self.cause = problems, cause


class PduError(HotlinedError):
    """There is no message to be had from these octets, which have to be kept; `tpdu` gives it a `PduProblem`."""


class TextError(CausedError):
    """A text cannot be sent as asked: it does not fit its encoding or takes too many segments."""


class AddressError(CausedError):
    """The typed word is not a telephone number."""

    exit_code = 2


class ProtocolError(HotlinedError):
    """A step that the AT protocol's state does not allow: a bug of the caller."""


class LifecycleError(HotlinedError):
    """A change of state that the table of an answer's states does not know: a bug of the caller."""


class PortError(CausedError):
    """The serial port cannot be opened or used."""


class PortMissingError(PortError):
    """There is no such port: the stick is not plugged in, or under another name."""


class PortDeniedError(PortError):
    """The user may not open the port."""


class PortBusyError(PortError):
    """Another program holds the port."""


class PortLostError(PortError):
    """The port went away while it was open: the stick was pulled or has reset itself."""


class ModemError(CausedError):
    """The modem does not do what it was asked to."""


class ModemSilentError(ModemError):
    """No answer, or none that belongs to the question, within the time limit."""


class ModemRefusedError(ModemError):
    """The modem answered a command with an error; `final` is its final result code."""

    def __init__(self, code: CauseCode, final: str, /, **values: Value) -> None:
        super().__init__(code, **values)
        self.final = final


class ModemBusyError(ModemRefusedError):
    """The SIM is still being read, or the modem still starts: it takes the same soon."""


class NoTextsError(ModemRefusedError):
    """The modem knows no texts at all: it refuses what sets them up, and both questions for them."""


class StoreError(HotlinedError):
    """The database cannot be used; `trouble` names why, where the store has a name for it, and `cause` says more."""

    def __init__(
        self, message: str, hint: str = "", trouble: str | None = None, cause: CodedCause | None = None
    ) -> None:
        super().__init__(message, hint)
        self.trouble, self.cause = trouble, cause

    @classmethod
    def caused(cls, trouble: str, code: CauseCode, /, **values: Value) -> Self:
        """Return an error whose sentence and hint stand in the table of causes."""
        cause = CodedCause(code, values)
        return cls(cause.words, cause.cure, trouble, cause)


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
