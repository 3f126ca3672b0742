"""Every exception that hotlined raises on purpose, each with a hint.

A refusal by policy is a value, not an exception. An exception means that the environment does not work, that an input
makes no sense, or that a peer breaks its protocol. The CLI turns each of them into one sentence, a hint and an exit
code; any other exception is a bug.
"""

import errno
import os
from typing import ClassVar, Self

from hotlined.causes import CauseCode, CodedCause, Value, system_in_words
from hotlined.language import _


def reason_of(error: OSError) -> str:
    """Return the reason of an OSError in words, in the current language.

    Words of the error's own stay as they are. A number that is not in the table of `causes` gets the C library's words.
    """
    return system_in_words(number_of(error))


def number_of(error: OSError) -> int | str:
    """Return the error number of an OSError, for a `CodedCause`; or the error's words where it has words of its own."""
    if error.errno is None and isinstance(error, TimeoutError):  # Python itself raises it for a silent socket
        return errno.ETIMEDOUT
    own = error.strerror or str(error)
    return error.errno if error.errno and own == os.strerror(error.errno) else own


def refusal_of(error: OSError) -> str:
    """Return the reason of an OSError in words, with its file if it has one."""
    reason = reason_of(error)
    return _("{file}: {reason}", file=error.filename, reason=reason) if error.filename else reason


class HotlinedError(Exception):
    """The base of all: a sentence, and a hint that says what a person can do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class CausedError(HotlinedError):
    """An error whose sentence and hint are in the table of causes, in the current language."""

    cause: CodedCause | None
    """None if the state of the modem already says everything."""

    def __init__(self, code: CauseCode, /, **values: Value) -> None:
        self.cause = cause = CodedCause(code, values)
        super().__init__(cause.words, cause.cure)


class UsageError(HotlinedError):
    """The command, its options or its arguments make no sense."""

    exit_code = 2


class ConfigError(HotlinedError):
    """The configuration cannot be used; `problems` has every reason with its line, or `cause` is the only reason."""

    exit_code = 78

    def __init__(
        self, message: str, problems: tuple[str, ...] = (), hint: str = "", cause: CodedCause | None = None
    ) -> None:
        super().__init__(message, hint)
        self.problems, self.cause = problems, cause


class PduError(HotlinedError):
    """These octets cannot be decoded, but have to be kept; `gsm.tpdu` adds a `PduProblem`."""


class TextError(CausedError):
    """A text cannot be sent as asked: it does not fit its encoding or takes too many segments."""


class AddressError(CausedError):
    """The word that was typed is not a telephone number."""

    exit_code = 2


class ProtocolError(HotlinedError):
    """The state of the AT protocol does not allow this step: a bug of the caller."""


class LifecycleError(HotlinedError):
    """`states.TRANSITIONS` does not allow this change of a state: a bug of the caller."""


class PortError(CausedError):
    """The serial port cannot be opened or used."""


class PortMissingError(PortError):
    """The port does not exist: the stick is not plugged in, or its port has another name."""


class PortDeniedError(PortError):
    """The user may not open the port."""


class PortBusyError(PortError):
    """Another program holds the port."""


class PortLostError(PortError):
    """The port went away while it was open: the stick was pulled or has reset itself."""


class ModemError(CausedError):
    """The modem does not do as it was asked."""


class ModemSilentError(ModemError):
    """The modem gave no answer to the question within the time limit."""


class ModemRefusedError(ModemError):
    """The modem answered a command with an error; `final` is its final result code."""

    def __init__(self, code: CauseCode, final: str, /, **values: Value) -> None:
        super().__init__(code, **values)
        self.final = final


class ModemBusyError(ModemRefusedError):
    """The modem still starts, or still reads the SIM: the same command will work soon."""


class NoTextsError(ModemRefusedError):
    """The modem does not support texts: it refuses every command for them."""


class StoreError(HotlinedError):
    """The database cannot be used; `trouble` is the store's name for the reason, if it has one; `cause` has details."""

    def __init__(
        self, message: str, hint: str = "", trouble: str | None = None, cause: CodedCause | None = None
    ) -> None:
        super().__init__(message, hint)
        self.trouble, self.cause = trouble, cause

    @classmethod
    def caused(cls, trouble: str, code: CauseCode, /, **values: Value) -> Self:
        """Return an error whose sentence and hint are in the table of causes."""
        cause = CodedCause(code, values)
        return cls(cause.words, cause.cure, trouble, cause)


class DatabaseMissingError(StoreError):
    """There is no database yet: the daemon has not run."""

    exit_code = 69


class DatabaseVersionError(StoreError):
    """Another version of hotlined wrote the database, or somebody changed its schema: this one does not use it."""

    exit_code = 78


class DatabaseInUseError(StoreError):
    """Another daemon has the database."""


class SealError(HotlinedError):
    """A backup could not be sealed, stored or opened; `failure` is a `SealFailure`, if there is one for it."""

    def __init__(self, message: str, hint: str = "", failure: str | None = None) -> None:
        super().__init__(message, hint)
        self.failure = failure


class UnavailableError(HotlinedError):
    """A daemon, modem or database that this needs is missing or does not run."""

    exit_code = 69


class NotLetInError(UnavailableError):
    """The hub of the fleet does not take the line's login, or the line has none."""


class RefusedError(HotlinedError):
    """Refused for now: the daemon does not run, somebody may not decide, or a limit is reached."""

    exit_code = 75
