"""Tells systemd how the daemon is (sd_notify): one datagram to $NOTIFY_SOCKET, nothing where there is none."""

import contextlib
import os
import socket


def notify(**fields: str | int) -> None:
    """Send fields such as READY=1, STATUS=…, WATCHDOG=1, STOPPING=1; never fails."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    message = "\n".join(f"{name}={_one_line(str(value))}" for name, value in fields.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(message.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def _one_line(text: str) -> str:
    return " ".join(text.split())
