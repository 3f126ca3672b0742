"""Other users of the machine: a line's own user, a member of its group, a stranger, and another line's user.

They are numbers without a name for the kernel, except in a program that runs with `Lists`; only root can act as another
user. As a program, `persons.py UID GID[,GID…] CODE [ARGUMENT…]` runs code as another user.
"""

import ast
import codecs
import contextlib
import importlib
import os
import pkgutil
import pwd
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SELDOM = {"desk": "web", "simulator": "demo", "daemon": "run"}
"""Rooms that take long to import, and the commands that alone need them."""
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


def import_for(code: str, words: Collection[str]) -> None:
    """Import the modules that code needs: those that it names, and of ours also those that a command imports late.

    `words` are those of the command.
    """
    for node in ast.walk(ast.parse(code)):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
        for name in filter(None, names):
            importlib.import_module(name)
    if "hotlined" not in sys.modules:
        return

    import hotlined  # noqa: PLC0415  only where it is run as a program

    left_out = tuple(f"hotlined.{room}" for room, command in SELDOM.items() if command not in words)
    for found in pkgutil.walk_packages(hotlined.__path__, "hotlined."):
        if not found.name.endswith("__main__") and not found.name.startswith(left_out):
            importlib.import_module(found.name)
    for name in ("phonenumbers.data.region_BE", "rich.live", "rich.progress", "yaml"):
        importlib.import_module(name)
    for name in ("ascii", "idna", "latin-1", "unicode-escape", "utf-8-sig", "utf-16-be"):
        codecs.lookup(name)  # imports it
    importlib.import_module("rich.cells").cell_len("한")  # imports the tables of character widths
    if "fleet" in words or "fleet" in code:
        with contextlib.suppress(ImportError):  # the hub's tests name the missing package
            importlib.import_module("psycopg")


def become(uid: int, gids: Sequence[int], code: str, words: Collection[str]) -> None:
    """Become another user for good, after importing everything that code and the words of its command need.

    This Python may be in a folder that only root can read.
    """
    if uid:
        import_for(code, words)
    os.setgroups(list(gids[1:]))
    os.setresgid(gids[0], gids[0], gids[0])
    os.setresuid(uid, uid, uid)


if __name__ == "__main__":
    code = sys.argv[3]
    become(int(sys.argv[1]), [int(gid) for gid in sys.argv[2].split(",")], code, sys.argv[4:])
    sys.argv = ["hotlined", *sys.argv[4:]]
    exec(code)
