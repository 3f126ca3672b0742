"""Other users of the machine: a line's own user, a member of its group, a stranger, and another line's user.

They are numbers without a name for the kernel, except in a program that runs with `Lists`; only root can act as another
user. As a program, `persons.py UID GID[,GID…] CODE [ARGUMENT…]` runs code as another user.
"""

import fcntl
import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = "from hotlined.cli import main; main(prog_name='hotlined')"


@dataclass(frozen=True)
class Person:
    """A user and the groups that it is in; the first is its own."""

    uid: int
    gids: tuple[int, ...]

    def program(self, code: str, *arguments: str) -> list[str]:
        """Return the program that runs code as this user."""
        return [sys.executable, __file__, str(self.uid), ",".join(map(str, self.gids)), code, *arguments]

    def call(self, code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run code as this user and return the result."""
        return subprocess.run(
            self.program(code, *arguments),
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def hotlined(self, config: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours as this user."""
        return self.call(COMMAND, "--config", str(config), *words, **environment)


LINE = Person(61001, (61001,))
MEMBER = Person(61002, (61002, LINE.gids[0]))
STRANGER = Person(61003, (61003,))
OTHER_LINE = Person(61004, (61004,))
DESK = Person(61007, (61007, LINE.gids[0]))
"""The desk's user as in its unit, which has the line's group by SupplementaryGroups= only, not by a list."""
EXCHANGE = Person(61008, (61008,))
"""The exchange's user, outside the line's groups."""
NOBODY = Person(65534, (65534, LINE.gids[0]))
ADMIN = Person(0, (0,))


NAMED = {
    "hotlined-main": LINE,
    "anna": MEMBER,
    "stranger": STRANGER,
    "hotlined-nl": OTHER_LINE,
    "hotweb-main": DESK,
    "hotfleet-main": EXCHANGE,
}
_LAID_OVER = 'mount -n --bind "$0" /etc/passwd && mount -n --bind "$1" /etc/group && shift && exec "$@"'


@dataclass(frozen=True)
class Lists:
    """The system's lists of users and groups (NSS) for a program, with those of NAMED added."""

    folder: Path

    def write(self, *members: str) -> None:
        """Write the members of the line's group, also for a running program."""
        passwd = "".join(f"{name}:x:{each.uid}:{each.gids[0]}::/:/bin/sh\n" for name, each in NAMED.items())
        group = f"hotlined-main:x:{LINE.gids[0]}:{','.join(members)}\n"
        for name, more in (("passwd", passwd), ("group", group)):
            (self.folder / name).write_text(Path("/etc", name).read_text() + more)

    def program(self, *words: str) -> list[str]:
        """Return the program that runs with these lists instead of the system's."""
        lists = (str(self.folder / name) for name in ("passwd", "group"))
        return ["unshare", "--mount", "sh", "-c", _LAID_OVER, *lists, *words]


UNPRIVILEGED = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.getuid() == 0 else ()
"""The beginning of a program that may read and write only what its user may, also where that is root."""


def user_name(sudo_uid: int) -> str:
    """Return the user who decides: for root the one who used sudo, otherwise the one who runs the tests."""
    return pwd.getpwuid(sudo_uid if os.getuid() == 0 else os.getuid()).pw_name


def give(folder: Path, uid: int = LINE.uid, gid: int = LINE.gids[0]) -> None:
    """Give a folder and its contents to a user and a group."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _open(name: str) -> int:
    """Open a folder beyond the descriptors that systemd hands over."""
    low = os.open(name, os.O_PATH)
    try:
        return fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 64)
    finally:
        os.close(low)


def become(uid: int, gids: Sequence[int]) -> None:
    """Become another user for good, who can import what root can.

    This Python may be in a folder that only root can reach: then modules are found by a descriptor of their folder.
    """
    packages = (getattr(module, "__path__", None) for module in sys.modules.values())
    sys.path.append(str(ROOT))
    paths = [sys.path, *(path for path in packages if isinstance(path, list))]
    opened = {name: _open(name) for path in paths for name in path if Path(name).exists()}
    os.setgroups(list(gids[1:]))
    os.setresgid(gids[0], gids[0], gids[0])
    os.setresuid(uid, uid, uid)
    for path in paths:
        path[:] = (
            name if os.access(name, os.R_OK) else f"/proc/self/fd/{opened[name]}" for name in path if name in opened
        )


if __name__ == "__main__":
    code = sys.argv[3]
    become(int(sys.argv[1]), [int(gid) for gid in sys.argv[2].split(",")])
    sys.argv = ["hotlined", *sys.argv[4:]]
    exec(code)
