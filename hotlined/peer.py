"""Who is at the other end of a Unix socket, by the kernel (SO_PEERCRED): what it says of itself counts for nothing.

Who is in a group is asked of the system's lists (NSS), because a process keeps groups that it had: those of an old
session, and those that systemd gave to its unit alone.
"""

import contextlib
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_SO_PEERGROUPS = 59  # socket.h of Linux 4.13: the supplementary groups of the peer
_MOST_OCTETS = 1024  # that Python asks for: 256 groups


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a socket, by the kernel."""

    uid: int
    gids: frozenset[int]

    @property
    def name(self) -> str:
        """The user's name; `uid 1003` where it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"


def peer_of(channel: socket.socket) -> Peer:
    """Ask the kernel who connected: as it was at that moment, whatever becomes of the process."""
    octets = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3I"))
    _, uid, gid = struct.unpack("3I", octets)
    groups = b""
    with contextlib.suppress(OSError):  # in more groups than fit: it counts as in its first one
        groups = channel.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_OCTETS)
    return Peer(uid, frozenset((gid, *(number for (number,) in struct.iter_unpack("I", groups)))))


def is_member(uid: int, gid: int) -> bool:
    """Tell whether a user is in a group now, by the system's lists; a user without a name is in none."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return False
    return gid in os.getgrouplist(user.pw_name, user.pw_gid)


def overflow_uid() -> int:
    """Return the user that the kernel shows for one that a user namespace does not know: anybody."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/kernel/overflowuid").read_text())
    return 65_534
