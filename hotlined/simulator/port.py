"""The pseudo-terminal that a peer opens as if it were the modem's serial port.

This process keeps the slave open, too, so that settings survive the peer and reads do not fail while there is none;
therefore it cannot see who opens or closes the port. Output that nobody reads is dropped beyond a limit.
"""

import fcntl
import os
import pty
import termios
import tty
from pathlib import Path

UNREAD_OCTETS = 65_536


class Port:
    """A pseudo-terminal with a link to it, as udev makes one; it can be pulled out and plugged in again."""

    def __init__(self, link: Path | None) -> None:
        self.link = link
        self._ends: tuple[int, int] | None = None
        self._device = ""
        self._unread = bytearray()

    @property
    def name(self) -> str | None:
        """The name to open; None while it is unplugged."""
        if self._ends is None:
            return None
        return str(self.link or self._device)

    @property
    def master(self) -> int | None:
        """The descriptor to wait for; None while it is unplugged."""
        return self._ends[0] if self._ends else None

    @property
    def has_unread(self) -> bool:
        """Whether output is waiting for room."""
        return bool(self._unread)

    def plug(self) -> None:
        """Make a new pseudo-terminal, in raw mode, and point the link to it."""
        self.unplug()
        master, slave = self._ends = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._device = os.ttyname(slave)
        if self.link:
            fresh = self.link.with_name(f".{self.link.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._device)
            fresh.replace(self.link)

    def unplug(self) -> None:
        """Close it, so that the peer's next read fails as with a pulled stick, and remove the link."""
        if self._ends is None:
            return
        if self.link and self.link.is_symlink() and str(self.link.readlink()) == self._device:
            self.link.unlink()
        for descriptor in self._ends:
            os.close(descriptor)
        self._ends = None
        self._unread.clear()

    def read(self) -> bytes:
        """Return the bytes from the peer; empty if there are none."""
        if self._ends is None:
            return b""
        # a peer's exclusive lock on the port would outlive the peer
        fcntl.ioctl(self._ends[1], termios.TIOCNXCL)
        try:
            return os.read(self._ends[0], 65_536)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Write as much as there is room for and keep the rest."""
        if self._ends is None:
            return
        self._unread += data
        try:
            written = os.write(self._ends[0], self._unread)
        except BlockingIOError:
            written = 0
        del self._unread[:written]
        del self._unread[:-UNREAD_OCTETS]
