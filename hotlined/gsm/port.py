"""The serial port: opens it exclusively, reads, writes, closes. Only this module imports pyserial.

If a port disappears while it is open (a pulled stick, a modem that resets itself), PortLostError is raised, whatever
the kernel's error is. Any pyserial URL works; one without a file descriptor is polled four times a second.
"""

import contextlib
import errno
import os
import select
import termios
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import serial

from hotlined.causes import CauseCode, SystemCause
from hotlined.errors import PortBusyError, PortDeniedError, PortError, PortLostError, PortMissingError
from hotlined.gsm import finding
from hotlined.gsm.finding import Holder

WRITE_TIMEOUT_SECONDS = 10.0
_CHUNK = 4096
_POLL_SECONDS = 0.25
_LOST = (OSError, termios.error, serial.SerialException)


class Tap(Protocol):
    """A function that is called with all octets that are read and written, to record them."""

    def __call__(self, octets: bytes, *, ours: bool) -> None:
        """Take octets that were read, or, if `ours`, that will be written now."""


class Port:
    """One open serial port; `wake` is a file descriptor whose readiness ends a wait."""

    def __init__(self, name: str, baudrate: int = 115200, wake: int | None = None, tap: Tap | None = None) -> None:
        self.name = name
        self._tap = tap
        self._wake = [] if wake is None else [wake]
        self._serial = _open(name, baudrate)
        try:
            self._fileno: int | None = self._serial.fileno()
        except (AttributeError, OSError):
            self._fileno = None

    def read(self, timeout_seconds: float) -> bytes:
        """Return the octets that have come by the time limit; empty if none have, or if `wake` ended the wait."""
        octets = self._read(timeout_seconds)
        if octets and self._tap:
            self._tap(octets, ours=False)
        return octets

    def _read(self, timeout_seconds: float) -> bytes:
        try:
            if self._fileno is None:
                self._serial.timeout = min(timeout_seconds, _POLL_SECONDS)
                first: bytes = self._serial.read(1)
                return first + self._serial.read(self._serial.in_waiting) if first else b""
            ready, _writable, _failed = select.select([self._fileno, *self._wake], [], [], max(0.0, timeout_seconds))
            if any(descriptor in ready for descriptor in self._wake):
                drain(self._wake)
            if self._fileno not in ready:
                return b""
            octets = os.read(self._fileno, _CHUNK)
            if not octets and _has_hung_up(self._fileno):
                raise self._lost(SystemCause.HUNG_UP)
        except BlockingIOError:
            return b""
        except PortLostError:
            raise
        except (*_LOST, ValueError) as error:
            raise self._lost(_cause(error)) from error
        return octets

    def wait(self, timeout_seconds: float, *others: int) -> bool:
        """Wait until something has come, the time is over, or `wake` is readable; return whether something has come.

        `others` are descriptors that end the wait, too, when they become readable; the caller reads them.
        """
        try:
            if self._fileno is None:
                deadline = time.monotonic() + timeout_seconds
                while not self._serial.in_waiting and (left := deadline - time.monotonic()) > 0:
                    ready, _writable, _failed = select.select([*self._wake, *others], [], [], min(left, _POLL_SECONDS))
                    if ready:
                        break
                else:
                    return bool(self._serial.in_waiting)
            else:
                descriptors = [self._fileno, *self._wake, *others]
                ready, _writable, _failed = select.select(descriptors, [], [], max(0.0, timeout_seconds))
        except (*_LOST, ValueError) as error:
            raise self._lost(_cause(error)) from error
        if any(descriptor in ready for descriptor in self._wake):
            drain(self._wake)
        return self._fileno in ready

    def write(self, octets: bytes) -> None:
        """Write all octets; a modem that accepts none for ten seconds counts as lost."""
        if self._tap:
            self._tap(octets, ours=True)
        try:
            self._serial.write(octets)
        except (*_LOST, ValueError) as error:
            raise self._lost(_cause(error)) from error

    def close(self) -> None:
        """Close the port, whatever state it is in."""
        with contextlib.suppress(*_LOST, ValueError, TypeError):
            self._serial.close()

    def _lost(self, cause: int | str) -> PortLostError:
        return PortLostError(CauseCode.PORT_LOST, port=self.name, cause=cause)


def drain(descriptors: Sequence[int]) -> None:
    """Empty the pipes that wake a wait."""
    for descriptor in descriptors:
        with contextlib.suppress(BlockingIOError):
            while len(os.read(descriptor, _CHUNK)) == _CHUNK:
                pass


def _has_hung_up(descriptor: int) -> bool:
    """Return whether the other end of the port is gone, so that nothing can come any more.

    An empty read does not prove it: if two programs read a port, the other one may have taken the data between our wait
    and our read.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    return bool(poll.poll(0))


def maybe_shared(name: str, find_holders: Callable[[str], list[Holder]] = finding.holders) -> PortBusyError | None:
    """Return an error that names the other programs with this port open, and the cure; None if none is seen.

    A program that ignores our lock takes part of the modem's answers.
    """
    if not (holders := find_holders(name)):
        return None
    return PortBusyError(CauseCode.PORT_HELD, port=name, holders=[f"{holder.pid} {holder.name}" for holder in holders])


def _open(name: str, baudrate: int) -> serial.Serial:
    try:
        return serial.serial_for_url(
            name,
            baudrate=baudrate,
            timeout=0,
            write_timeout=None if name.startswith("rfc2217:") else WRITE_TIMEOUT_SECONDS,  # pyserial refuses it there
            exclusive=True if name.startswith("/") else None,
        )
    except Exception as error:  # pyserial's URLs raise many
        raise _opening_error(name, error) from error


def _opening_error(name: str, error: Exception) -> PortError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
        return PortMissingError(CauseCode.PORT_MISSING, port=name)
    if number == errno.EPERM:  # from the service's sandbox; for files of other users the kernel says EACCES
        return PortDeniedError(CauseCode.PORT_SANDBOXED, port=name)
    if number == errno.EACCES:
        return PortDeniedError(CauseCode.PORT_DENIED, port=name)
    if number in (errno.EBUSY, errno.EWOULDBLOCK) or "exclusively lock" in str(error):
        # the program is another user's, so only root sees it
        return maybe_shared(name) or PortBusyError(CauseCode.PORT_BUSY, port=name)
    if number == errno.ENOTTY or isinstance(error, termios.error):
        return PortError(CauseCode.NOT_SERIAL, port=name)
    return PortError(CauseCode.PORT_UNOPENED, port=name, cause=_cause(error))


def _cause(error: BaseException) -> int | str:
    """Return the system's error number for a fault of a port, even from inside an exception of pyserial."""
    if isinstance(error, serial.SerialTimeoutException):
        return SystemCause.TAKES_NOTHING
    under: BaseException | None = error
    while under is not None:
        number = under.args[0] if isinstance(under, OSError | termios.error) and under.args else None
        if isinstance(number, int):
            return number
        under = under.__context__
    return str(error)
