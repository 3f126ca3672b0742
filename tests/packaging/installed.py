"""A machine with the package's two commands, for tests as root: this one, with all changes in a folder of the test.

Its users are made by systemd. The program behind the commands only prints how it was started, and systemctl only
records its calls; `scripts/lab service` has the real ones.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from needs import forbidden, require_root

ROOT = Path(__file__).parents[2]
CHANGED = ("etc", "usr", "var", "srv", "dev")
"""The folders with an overlay; /dev is last, for the test's folder may be in it."""
RECIPIENT = f"age1{'q' * 58}"
BEGIN = r"""set -e
for name in {changed}; do
  mount -n -t overlay overlay -o lowerdir=/$name,upperdir={folder}/$name/upper,workdir={folder}/$name/work /$name
done
mount -n -t tmpfs none /run
mkdir -p {run}
cd /
exec "$@"
"""
PROGRAM = """\
import json, os, sys

def is_reached():  # whether another program of the same user and group can read what is in the memory of this one
    own = os.getpid()
    if not (child := os.fork()):
        os.setresgid(*[os.getegid()] * 3)
        try:
            open(f"/proc/{own}/mem", "rb")
        except OSError:
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] != 0

words = sys.argv[1:]
line = words[1] if words[:1] == ["--line"] else ""
match words[2:]:
    case ["config", "check"]:
        sys.exit(78 if "broken" in open(f"/etc/hotlined/{line}.yaml").read() else 0)
    case ["db", "key"]:
        print("RECIPIENT")
    case ["fleet", "join", "-"]:
        print(f"joined by {os.getuid()}: {sys.stdin.read()}")
        sys.exit(0 if line == "main" else 75)
    case ["fleet", "leave", "--yes"]:
        print("left")
    case ["log", "-n", "1"]:
        sys.exit(78 if "later" in open(f"/var/lib/hotlined-{line}/hotlined.db").read() else 0)
    case ["db", "backup", "-"]:
        try:
            sys.stdout.write(open(f"/var/lib/hotlined-{line}/hotlined.db").read())
        except FileNotFoundError:
            sys.exit(69)
    case _:
        rights = dict(each.split(":", 1) for each in open("/proc/self/status").read().splitlines())
        print(json.dumps({
            "words": words, "ids": [*os.getresuid(), *os.getresgid()], "groups": os.getgroups(), "cwd": os.getcwd(),
            "environment": dict(os.environ), "flags": [sys.flags.isolated], "inheritable": rights["CapInh"].strip(),
            "is_reached": is_reached(),
        }))
""".replace("RECIPIENT", RECIPIENT)
SYSTEMCTL = '#!/bin/sh\necho "$@" >>/var/log/systemctl\n'


class Installed:
    """A machine; `path` gives the changed copy of a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in CHANGED:
            for kind in ("upper", "work"):
                (folder / name / kind).mkdir(parents=True)
        self.put("usr/bin/hotlined", (ROOT / "debian/hotlined").read_text(), 0o755)
        self.put("usr/sbin/hotlined-setup", (ROOT / "debian/hotlined-setup").read_text(), 0o755)
        for kind in ("sysusers", "tmpfiles"):
            self.put(f"usr/lib/{kind}.d/hotlined.conf", (ROOT / f"systemd/{kind}.conf").read_text())
        self.put("usr/share/hotlined/start.py", PROGRAM)
        self.put("usr/bin/systemctl", SYSTEMCTL, 0o755)
        self.put("usr/bin/apprise", "", 0o755)

    def path(self, name: str) -> Path:
        """Return the place of a file of the machine that the test or a command has changed."""
        top, _, rest = name.partition("/")
        return self.folder / top / "upper" / rest

    def put(self, name: str, text: str, mode: int = 0o644) -> Path:
        """Write a file there."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Return the changed files and folders, each with its mode and content."""
        found = {}
        for name in CHANGED:
            for path in sorted(self.path(name).rglob("*")):
                inside = path.read_bytes() if path.is_file() else b""
                found[f"{name}/{path.relative_to(self.path(name))}"] = (path.lstat().st_mode, inside)
        return found

    def run(
        self, *words: str, typed: str = "", booted: bool = True, user: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there, as root or as another user."""
        run = "/run/systemd/system" if booted else "/run"
        begin = BEGIN.format(changed=" ".join(CHANGED), folder=self.folder, run=run)
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", begin, "sh", *become, *words],
            text=True,
            input=typed,
            capture_output=True,
            check=False,
            env={"PATH": os.environ["PATH"], **variables},
        )

    def said(self, *words: str, **options: Any) -> dict[str, Any]:
        """Run a command whose program prints how it was started; return that."""
        done = self.run(*words, **options)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def asked(self) -> list[str]:
        """Return systemctl's calls since the last time."""
        log = self.path("var/log/systemctl")
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


def make(folder: Path) -> Installed:
    """Return a machine; skip the test without root or the right to mount."""
    require_root("systemd-sysusers")
    machine = Installed(folder)
    if machine.run("true").returncode:
        forbidden("nobody may mount")
    as_postinst = "systemd-sysusers hotlined.conf; systemd-tmpfiles --create hotlined.conf"
    done = machine.run("sh", "-ec", as_postinst)
    assert done.returncode == 0, done.stderr
    return machine
