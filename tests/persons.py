"""Other users of the machine: a line's own user, a member of its group, a stranger, and another line's user.

They are numbers without a name, as the kernel knows them; only root can act as somebody else.
"""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
AS = Path(__file__).parent / "as_person.py"
COMMAND = "from hotlined.cli import main; main(prog_name='hotlined')"

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as other users")


@dataclass(frozen=True)
class Person:
    """A user and the groups that it is in; the first is its own."""

    uid: int
    gids: tuple[int, ...]

    def program(self, code: str, *arguments: str) -> list[str]:
        """Return the program that runs code as this user."""
        return [sys.executable, str(AS), str(self.uid), ",".join(map(str, self.gids)), code, *arguments]

    def call(self, code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run code as this user and return what came of it."""
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


def user_name(sudo_uid: int) -> str:
    """Return who decides: as root the one who became it with sudo, else whoever runs the tests, whatever is claimed."""
    return pwd.getpwuid(sudo_uid if os.getuid() == 0 else os.getuid()).pw_name


LINE = Person(61001, (61001,))
MEMBER = Person(61002, (61002, LINE.gids[0]))
STRANGER = Person(61003, (61003,))
OTHER_LINE = Person(61004, (61004,))
NOBODY = Person(65534, (65534, LINE.gids[0]))
ADMIN = Person(0, (0,))
