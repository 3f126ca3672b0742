"""The process at the other end of a connection, as the kernel identifies it, not as the process says.

At a Unix socket that is SO_PEERCRED, at a port of this machine the kernel's table of connections. Membership of groups
is looked up in the system's lists (NSS), because a process keeps the groups that it started with: those of an old
session, and those that systemd gave only to its unit.
"""

import contextlib
import os
import pwd
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

_MAPPED = "0000000000000000FFFF0000"  # the prefix of an IPv4 address inside IPv6, as in the kernel's table


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a connection, as the kernel identifies it."""

    uid: int

    @property
    def name(self) -> str:
        """The user's name; `uid 1003` if it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"


def user_name(uid: int) -> str:
    """Return a user's name as chown(1) takes it: the number if the machine has no name for it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def peer_of(channel: socket.socket) -> Peer:
    """Return the user who connected, as the kernel knew it at that moment, even if the process has ended since."""
    octets = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3I"))
    _, uid, _ = struct.unpack("3I", octets)
    return Peer(uid)


def maybe_local_peer(channel: socket.socket) -> Peer | None:
    """Return the other end of an IPv4 connection within this machine; None if the kernel does not say.

    Its row is in /proc/net/tcp (proc_pid_net(5)), or in tcp6 for a program that uses IPv4 over an IPv6 socket.
    """
    with contextlib.suppress(OSError):
        ends = [*map(_in_table, (channel.getpeername(), channel.getsockname()))]
        for table, before in (("tcp", ""), ("tcp6", _MAPPED)):
            rows = [row.split() for row in Path("/proc/net", table).read_text().splitlines()]
            for uid in (row[7] for row in rows if row[1:3] == [f"{before}{end}" for end in ends]):
                return Peer(int(uid))
    return None


def _in_table(end: tuple[str, int]) -> str:
    return f"{int.from_bytes(socket.inet_aton(end[0]), sys.byteorder):08X}:{end[1]:04X}"


def is_member(uid: int, gid: int) -> bool:
    """Return whether a user is in a group now, by the system's lists; a user without a name is in none."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return False
    return gid in os.getgrouplist(user.pw_name, user.pw_gid)
