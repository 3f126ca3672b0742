"""Communicates with systemd: reports the daemon's state (sd_notify), receives sockets (sd_listen_fds) and credentials.

Without systemd it reports and receives nothing.
"""

import contextlib
import os
import socket
from pathlib import Path

_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3)
_NO_FILE = b"-"
"""The content of a credential for which root has no file, set by our units (SetCredential=)."""


def notify(**fields: str | int) -> None:
    """Send fields such as READY=1, STATUS=…, WATCHDOG=1, STOPPING=1; never fails."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    message = "\n".join(f"{name}={_one_line(str(value))}" for name, value in fields.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(message.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def watchdog_seconds(otherwise: float) -> float:
    """Return the seconds between two signals to the watchdog: half of systemd's limit (sd_watchdog_enabled(3))."""
    given = os.environ.get("WATCHDOG_USEC", "")
    return int(given) / 2e6 if given.isdecimal() else otherwise


def listeners() -> list[socket.socket]:
    """Return the listening sockets that systemd hands over to this process."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=_FIRST_DESCRIPTOR + number) for number in range(count)]


def maybe_credential(name: str) -> Path | None:
    """Return the file of a credential (systemd.exec(5), LoadCredential=); None if root has no such file.

    A file that cannot be read is returned, too: opening it shows the error.
    """
    if not (folder := os.environ.get("CREDENTIALS_DIRECTORY")):
        return None
    path = Path(folder) / name
    try:
        return None if path.read_bytes().strip() == _NO_FILE else path
    except FileNotFoundError:
        return None
    except OSError:
        return path


def _one_line(text: str) -> str:
    return " ".join(text.split())
