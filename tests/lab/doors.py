"""Who can do what to an installation: run as root inside the container of `scripts/lab doors`.

An admin, a member of the group, a stranger and the user of a second line try what they should and should not be able to
do; each attempt is printed with what came of it. Traps lie in place of every name that root, systemd or another line
touches while it is installed, upgraded, backed up, purged and removed; what they lead to has to stay as it was.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from checks import check, result
from service import (
    BACKUPS,
    LAB,
    PACKAGED,
    PREFIX,
    PROJECT,
    UNITS,
    WHEELS,
    configure,
    drop_in,
    go_back,
    install,
    journal,
    log,
    ready,
    sh,
    show,
    simulate,
    until,
)

from hotlined.simulator.client import Client

VICTIMS = Path("/srv/victims")
STATE, STATUS, SOCKETS = Path("/var/lib/hotlined"), Path("/run/hotlined"), Path("/run/hotlined-control")
CURRENT = PREFIX / "current"
PATIENCE_SECONDS = 300


def attempt(who: str, what: str, words: tuple[str, ...], allowed: bool) -> str:
    """Let somebody try something; print what came of it, and hold it to what should."""
    user = {"admin": None}.get(who, who)
    environment = os.environ | ({"SUDO_UID": "2001", "SUDO_USER": "pi"} if who == "admin" else {"HOME": "/"})
    prefix = ("runuser", "-u", user, "--") if user else ()
    done = subprocess.run(
        ["timeout", "60", *prefix, *words],
        text=True,
        errors="backslashreplace",
        capture_output=True,
        check=False,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
    )
    said = " ".join((done.stderr or done.stdout).split())
    came = f"{'done' if done.returncode == 0 else 'refused'} ({done.returncode})"
    print(f"     {who}: {what}: {came}{f': {said[:110]}' if done.returncode else ''}", flush=True)
    check(f"{who} {'can' if allowed else 'cannot'}: {what}", (done.returncode == 0) == allowed)
    return done.stdout


def runs(code: str) -> tuple[str, ...]:
    """Return a command line that runs some Python."""
    return ("python3", "-c", code)


# ---- traps


def victims() -> None:
    """Make what the traps lead to: a file and a folder of root's."""
    shutil.rmtree(VICTIMS, ignore_errors=True)
    (VICTIMS / "folder").mkdir(parents=True)
    (VICTIMS / "folder/inner").write_text("root's")
    (VICTIMS / "folder").chmod(0o711)
    (VICTIMS / "file").write_text("root's")
    (VICTIMS / "file").chmod(0o640)


def seen() -> dict[str, tuple[object, ...]]:
    """Return owners, modes and contents of what the traps lead to."""
    found = {}
    for path in sorted(VICTIMS.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_uid, status.st_gid, oct(status.st_mode), content)
    return found


TRAPS: dict[str, Callable[[str], str]] = {
    "link to a file": lambda path: f"ln -s {VICTIMS}/file {path}",
    "link to a folder": lambda path: f"ln -s {VICTIMS}/folder {path}",
    "FIFO": lambda path: f"mkfifo {path}",
    "folder": lambda path: f"mkdir {path} && touch {path}/full && chmod 777 {path}",
    "setuid program": lambda path: f"cp /bin/true {path} && chmod 6777 {path}",
}


def trap(user: str, kind: str, paths: list[Path]) -> None:
    """Put a trap in place of each name, as somebody who may write there; what was there is put away."""
    for path in paths:
        moved = f"if [ -e {path} ] || [ -L {path} ]; then mv -T {path} {path}.was; fi"
        done = sh("sh", "-c", f"umask 0; {moved}; {TRAPS[kind](str(path))}", user=user)
        assert done.returncode == 0, done.stderr


def take_away(user: str, paths: list[Path]) -> None:
    """Put back what was there."""
    for path in paths:
        sh("sh", "-c", f"rm -rf {path}; if [ -e {path}.was ]; then mv -T {path}.was {path}; fi", user=user)


def run_installer(*arguments: str, checkout: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run the installer of a checkout; a FIFO that it waits for is a failure."""
    patience = ("timeout", str(PATIENCE_SECONDS))
    return install("--wheels", str(WHEELS), *arguments, checkout=checkout, prefix=patience, stdin=subprocess.DEVNULL)


def another(name: str, version: str, *changes: tuple[str, str, str]) -> Path:
    """Return a checkout of another version, owned by a person, with changes in its files."""
    folder = Path("/home/pi") / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT, folder)
    changes = (("hotlined/__init__.py", r'__version__ = "[^"]+"', f'__version__ = "{version}"'), *changes)
    for file, pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, (folder / file).read_text(), count=1, flags=re.MULTILINE)
        assert count == 1, (file, pattern)
        (folder / file).write_text(text)
    sh("chown", "-R", "pi:pi", str(folder))
    return folder


# ---- the acts


def people() -> None:
    """Make the people of this lab."""
    for number, name in enumerate(("pi", "anna", "stranger"), 2001):
        sh("useradd", "--create-home", "--uid", str(number), "--shell", "/bin/bash", name)
    sh("chmod", "755", "/home/pi")
    # a person, whose name looks like a line's
    sh("useradd", "--create-home", "--uid", "2010", "--shell", "/bin/bash", "hotlined-admin")
    os.environ["SUDO_USER"] = "pi"
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)


def begin(line: str, config: str) -> None:
    """Make a line quick, for its simulated stick."""
    del line
    quick = {"poll_interval": "1s", "send_interval": "0s", "delay": "0s"}
    configure(config, port=str(LAB / ("fr" if config == "config" else config)), **quick)


def new_installation() -> Iterator[Client]:
    """Install two lines."""
    check("it is installed", run_installer().returncode == 0 and run_installer("--line", "nl").returncode == 0)
    sh("usermod", "--append", "--groups", "hotlined", "anna")
    for line, config in (("fr", "config"), ("nl", "nl")):
        begin(line, config)
    sim, other = simulate("fr", "hotlined"), simulate("nl", "hotlined-nl", "--number", "+32470999999")
    sh("systemctl", "start", "hotlined", "hotlined@nl")
    sim.do("deliver", from_="+32470123456", text="avant")
    other.do("deliver", from_="+32470123456", text="ervoor")
    check("both lines run", until(ready) and until(lambda: ready("nl")) and until(lambda: log() and log("nl")))
    yield sim
    other.close()


def names() -> None:
    """Refuse a line whose user would be a person."""
    done = run_installer("--line", "admin")
    check("a person's account becomes no line", done.returncode == 1 and "a person" in done.stderr)
    folder = Path("/var/lib/hotlined-nl")
    sh("chown", "-R", "4321:4322", str(folder))
    done = run_installer()
    check(
        "data of somebody unknown are left alone, and the cure is said",
        done.returncode == 1
        and folder.stat().st_uid == 4321
        and f"chown -hR hotlined-nl:hotlined-nl {folder}" in done.stderr,
    )
    sh("chown", "-hR", "hotlined-nl:hotlined-nl", str(folder))
    check("and after that all is well", run_installer().returncode == 0 and until(lambda: ready("nl")))
    configure("nl", line="fr", database=str(STATE / "hotlined.db"))
    sh("systemctl", "restart", "hotlined@nl")
    check(
        "a configuration that names another line's database is told so",
        until(lambda: f"There is no folder {STATE}" in journal("hotlined@nl")),
    )
    check("and that line goes on, with its own status", ready())
    configure("nl", line="nl", database=str(folder / "hotlined.db"))
    sh("systemctl", "restart", "hotlined@nl")
    check("corrected, it runs", until(lambda: ready("nl")))


def members() -> None:
    """Let a member of the group try."""
    for state in ("runs", "is stopped", "was killed"):
        if state == "is stopped":
            sh("systemctl", "stop", "hotlined")
        if state == "was killed":
            sh("systemctl", "start", "hotlined")
            until(ready)
            drop_in("hotlined.service", "lab", "Restart=no")
            sh("systemctl", "kill", "--signal=KILL", "hotlined")
            until(lambda: show("hotlined", "ActiveState") == "failed")
        attempt("anna", f"read the log while the daemon {state}", ("hotlined", "log", "-n", "0"), True)
        code = (
            f"import sqlite3; sqlite3.connect('file:{STATE}/hotlined.db?mode=ro', uri=1).execute('SELECT 1 FROM log')"
        )
        attempt("anna", f"read with another program while the daemon {state}", runs(code), True)
        attempt("anna", f"block a number while the daemon {state}", ("hotlined", "block", "+32470000001"), True)
        attempt("anna", f"and unblock it while the daemon {state}", ("hotlined", "unblock", "+32470000001"), True)
    shutil.rmtree("/etc/systemd/system/hotlined.service.d")
    sh("systemctl", "daemon-reload")
    sh("systemctl", "restart", "hotlined")
    until(ready)
    attempt("anna", "read the status", ("hotlined", "status"), True)
    attempt(
        "anna",
        "pause under another name",
        ("env", "USER=bob", "SUDO_USER=root", "SUDO_UID=0", "hotlined", "pause"),
        True,
    )
    said = attempt("anna", "and see who did", ("hotlined", "status"), False) or sh("hotlined", "status").stdout
    check("which is the kernel's word", "anna" in sh("hotlined", "status").stdout or print(said))
    attempt("anna", "resume", ("hotlined", "resume"), True)
    attempt("anna", "read the configuration", ("cat", "/etc/hotlined/config.yaml"), True)
    update = f"import sqlite3; sqlite3.connect('{STATE}/hotlined.db').execute('DELETE FROM answers')"
    attempt("anna", "rewrite the database", runs(update), False)
    for path in ("/var/lib/hotlined/x", "/run/hotlined/main/x", "/run/hotlined/x", "/var/backups/hotlined/main/x"):
        attempt("anna", f"make {path}", ("touch", path), False)
    attempt("anna", "put another door there", ("mv", f"{SOCKETS}/main.sock", f"{SOCKETS}/x"), False)
    attempt("anna", "ask for a power cycle", ("touch", "/run/hotlined/main/power-cycle"), False)
    attempt("anna", "start the power cycle", ("systemctl", "start", "hotlined-power@main"), False)
    attempt("anna", "stop the daemon", ("systemctl", "stop", "hotlined"), False)
    attempt(
        "anna", "lock the daemon out", runs(f"import fcntl; fcntl.flock(open('{STATE}/hotlined.db.lock'), 2)"), False
    )
    others_line("anna")


def others_line(who: str) -> None:
    """Let somebody try at a line that is not theirs."""
    attempt(who, "read the second line's log", ("hotlined", "--line", "nl", "log"), False)
    attempt(who, "block for the second line", ("hotlined", "--line", "nl", "block", "+32470000001"), False)
    for path in ("/var/lib/hotlined-nl", "/run/hotlined/nl", "/var/backups/hotlined/nl"):
        attempt(who, f"look into {path}", ("ls", path), False)
    attempt(who, "read its configuration", ("cat", "/etc/hotlined/nl.yaml"), False)


def strangers() -> None:
    """Let somebody try who is in no group."""
    for words in (("log",), ("status",), ("block", "+32470000001"), ("pause",), ("db", "backup", "/tmp/copy.db")):
        attempt("stranger", " ".join(words), ("hotlined", *words), False)
    for path in (STATE, STATUS / "main", BACKUPS / "main"):
        attempt("stranger", f"look into {path}", ("ls", str(path)), False)
    for path in (STATUS / "x", SOCKETS / "x", BACKUPS / "x"):
        attempt("stranger", f"make {path}", ("touch", str(path)), False)
    attempt("stranger", "read the configuration", ("cat", "/etc/hotlined/config.yaml"), False)
    environment = f"cat /proc/{show('hotlined', 'MainPID')}/environ"
    attempt("stranger", "read the daemon's environment", ("sh", "-c", environment), False)
    others_line("stranger")
    code = f"import socket, time; s = socket.socket(socket.AF_UNIX); s.connect('{SOCKETS}/main.sock'); time.sleep(1)"
    for _ in range(30):
        subprocess.Popen(["runuser", "-u", "stranger", "--", *runs(code)], stdin=subprocess.DEVNULL)
    attempt("anna", "block while a stranger keeps knocking", ("hotlined", "block", "+32470000001"), True)
    sh("hotlined", "unblock", "+32470000001")
    check("the door is still there", show("hotlined-control@main.socket", "ActiveState") == "active")


PROBE = """
import ctypes, json, os, pathlib, socket
libc = ctypes.CDLL(None, use_errno=True)
def tried(what):
    try:
        found = what()
        return "done" if found is None else found
    except Exception as error:
        return type(error).__name__
def uring():
    parameters = ctypes.create_string_buffer(120)
    if libc.syscall(425, 4, parameters) < 0:
        raise OSError(ctypes.get_errno(), "")
def decide():
    asked = {"verb": "pause", "arguments": {}, "database": "/var/lib/hotlined/hotlined.db", "who": "root"}
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(30)
        door.connect("/run/hotlined-control/main.sock")
        door.sendall(json.dumps(asked).encode() + b"\\n")
        answer = json.loads(door.recv(65536))
    if "error" in answer:
        raise PermissionError(answer["error"])
def connect(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as found:
        found.connect(path)
def inet():
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
P = pathlib.Path
print(json.dumps({
    "read the first line's database": tried(lambda: P("/var/lib/hotlined/hotlined.db").read_bytes() and None),
    "see other folders of lines": tried(lambda: sorted(os.listdir("/var/lib"))),
    "see other lines' status": tried(lambda: sorted(os.listdir("/run/hotlined"))),
    "see other lines' copies": tried(lambda: sorted(os.listdir("/var/backups"))),
    "read the first line's configuration": tried(lambda: P("/etc/hotlined/config.yaml").read_bytes() and None),
    "make a name in /run/hotlined": tried(lambda: os.symlink("/etc/passwd", "/run/hotlined/main.new")),
    "decide for the first line": tried(decide),
    "open a socket of the Internet": tried(inet),
    "see /srv": tried(lambda: sorted(os.listdir("/srv"))),
    "look into /boot": tried(lambda: os.listdir("/boot")),
    "ask the first line's sender": tried(lambda: connect("/run/hotlined-alerts/main.sock")),
    "use io_uring": tried(uring),
    "use D-Bus": tried(lambda: connect("/run/dbus/system_bus_socket")),
    "write to /dev/shm": tried(lambda: P("/dev/shm/x").write_text("x") and None),
    "make a setuid program": tried(lambda: (P("/tmp/x").touch(), os.chmod("/tmp/x", 0o4755)) and None),
    "own folder": tried(lambda: P("/var/lib/hotlined-nl/probe").write_text("x") and None),
    "own status": tried(lambda: P("/run/hotlined/nl/probe").write_text("x") and None),
    "own configuration": tried(lambda: P("/etc/hotlined/nl.yaml").read_bytes() and None),
    "sd_notify": tried(lambda: P("/run/systemd/notify").stat() and None),
}))
"""


def second_line() -> None:
    """Let the second line's programs try, each from inside its own sandbox."""
    probe = LAB / "probe.py"
    probe.write_text(PROBE)
    said = LAB / "said"
    check("it has a desk", run_installer("--line", "nl", "--web").returncode == 0)
    jobs = "", "-alerts", "-alerts-sender", "-backup", "-purge", "-control", "-web"
    for unit in (f"hotlined{name}@nl" for name in jobs):
        sh("systemctl", "stop", unit)
        said.write_text("")
        drop_in(
            f"{unit}.service",
            "lab",
            *("Type=oneshot", "Restart=no", "WatchdogSec=0", "ExecStart=", "ExecStartPost=", "ExecStopPost="),
            f"ExecStart={CURRENT}/bin/python -P -B {probe}",
            f"StandardOutput=truncate:{said}",
        )
        sh("systemctl", "start", unit)
        found = json.loads(said.read_text() or "{}")
        for what, came in found.items():
            print(f"     {unit}: {what}: {came}", flush=True)
        wanted = dict.fromkeys(("own folder", "own status", "own configuration", "sd_notify"), "done")
        wanted |= {"see other folders of lines": ["hotlined-nl"], "see other lines' status": ["nl"]}
        backups = ["hotlined"] if "backup" in unit else []
        wanted |= {"see other lines' copies": backups, "see /srv": []}
        if "web" in unit:  # which reads, and writes nothing
            wanted = {what: came for what, came in wanted.items() if what not in ("own folder", "own status")}
        if "sender" in unit:
            nothing: list[str] = []
            wanted = {what: nothing for what in found if what.startswith("see ")}
            wanted |= {"open a socket of the Internet": "done", "sd_notify": "done"}
        wrong = {what: came for what, came in found.items() if what in wanted and came != wanted[what]}
        wrong |= {what: came for what, came in found.items() if what not in wanted and came in ("done", [])}
        check(f"{unit} is in its own rooms alone", (found and not wrong) or print(wrong, journal(unit)))
        shutil.rmtree(f"/etc/systemd/system/{unit}.service.d", ignore_errors=True)
    sh("systemctl", "daemon-reload")
    Path("/var/lib/hotlined-nl/probe").unlink(missing_ok=True)
    sh("systemctl", "start", "hotlined@nl")
    check("it runs as before", until(lambda: ready("nl")))
    others = ("cat", "/var/lib/hotlined/hotlined.db"), ("ls", "/run/hotlined/main"), ("hotlined", "pause")
    for words in others:
        attempt("hotlined-nl", " ".join(words), words, False)


def admin() -> None:
    """Let an admin use sudo where somebody with the line's rights has laid something out."""
    precious = Path("/etc/precious")
    precious.write_text("root's")
    precious.chmod(0o600)
    sh("systemctl", "stop", "hotlined")
    name = os.fsencode(precious)
    magic = bytes.fromhex("d9d505f920a163d7")
    pages = (STATE / "hotlined.db").stat().st_size // 4096
    header = magic + struct.pack(">IIIII", 0, 0, pages, 512, 4096)
    record = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    (LAB / "journal").write_bytes(header.ljust(512, b"\0") + record)
    for words in (("status",), ("doctor",), ("db", "check"), ("log",), ("alerts",)):
        sh("cp", str(LAB / "journal"), str(STATE / "hotlined.db-journal"), user="hotlined")
        attempt(
            "admin",
            f"sudo hotlined {' '.join(words)}, beside a journal that names /etc/precious",
            ("sh", "-c", f"hotlined {' '.join(words)}; true"),
            True,
        )
    check("what it names is still there", precious.exists() and precious.read_text() == "root's")
    (STATE / "hotlined.db-journal").unlink(missing_ok=True)
    sh("systemctl", "start", "hotlined")
    until(ready)
    attempt("admin", "pause", ("hotlined", "pause"), True)
    check("and it is known who did", "pi" in sh("hotlined", "status").stdout)
    attempt("admin", "resume", ("hotlined", "resume"), True)
    left = sh("find", str(STATE), "-uid", "0").stdout.split()
    check(f"nothing of root's lies there {left}", not left)


def traps() -> None:
    """Lay traps as a line's daemon could that somebody has taken over, and do all that root and systemd do."""
    newer = another("newer", "9.9.9")
    check("an upgrade, to have both", run_installer(checkout=newer).returncode == 0)
    new = re.findall(r"before-\S+?\.db", run_installer("--dry-run", checkout=newer).stdout)
    copies = (*(f"{day}.db" for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")), "Mon.db.key", *new)
    beside = [STATE / name for name in ("backup", "hotlined.db.key", "hotlined.db.pins")]
    beside += [STATUS / "main" / name for name in ("status.json", "status.new", "alerts.json", "power-cycle")]
    beside += [BACKUPS / "main" / name for name in copies]
    database = [STATE / f"hotlined.db{ending}" for ending in ("", "-wal", "-shm", "-journal", ".lock")]
    (Path("/etc/hotlined/power-cycle")).write_text(f"echo >>{LAB}/cycled\n")
    for kind in TRAPS:
        trapped(kind, beside, newer)
        trapped(f"{kind}, the database", database, newer)
    loop()


def trapped(what: str, places: list[Path], newer: Path) -> None:
    """Lay traps of a kind, and do all that root and systemd do; without them the line is well again."""
    sh("systemctl", "stop", "hotlined")
    victims()
    before, outside = seen(), outer()
    trap("hotlined", what.partition(",")[0], places)
    sh("systemctl", "start", "hotlined-power@main.service", timeout=120)
    for checkout in (PROJECT, newer):
        done = run_installer("--without-backup", checkout=checkout)
        check(f"{what}: an upgrade comes to its end", done.returncode != 124)
        done = sh("timeout", "60", "systemctl", "restart", "hotlined")
        check(f"{what}: a start comes to its end", done.returncode != 124)
        done = run_installer(checkout=checkout)
        check(f"{what}: an installation comes to its end", done.returncode != 124)
    for unit in ("backup", "purge", "alerts", "power"):
        done = sh("timeout", "60", "systemctl", "start", f"hotlined-{unit}@main")
        check(f"{what}: {unit} comes to its end", done.returncode != 124)
    for words in ("status", "doctor", "alerts", "db check", "db backup - >/srv/copy.db", "pause", "resume", "log"):
        done = sh("timeout", "60", "sh", "-c", f"hotlined {words} </dev/null")
        check(f"{what}: sudo hotlined {words} comes to its end", done.returncode != 124)
    check(f"{what}: what they led to is as it was", seen() == before or print(before, seen()))
    check(f"{what}: the folders around are as they were", outer() == outside or print(outside, outer()))
    setuid = sh("find", str(STATE), str(STATUS), str(BACKUPS), "-perm", "/4000", "!", "-user", "hotlined").stdout
    check(f"{what}: no program runs as somebody who did not put it there", not setuid or print(setuid))
    check(f"{what}: the second line runs", until(lambda: ready("nl")))
    sh("systemctl", "stop", "hotlined")
    take_away("hotlined", places)
    sh("systemctl", "reset-failed", "hotlined*")
    sh("systemctl", "start", "hotlined")
    check(
        f"{what}: without them it is well",
        until(ready) or print(sh("hotlined", "status").stdout, journal("hotlined")[-2000:]),
    )


def outer() -> dict[str, tuple[int, int, str]]:
    """Return owners and modes of the folders that lines have."""
    paths = (STATE, STATUS, SOCKETS, STATUS / "main", BACKUPS, BACKUPS / "main", Path("/var/lib/hotlined-nl"))
    return {str(path): (path.stat().st_uid, path.stat().st_gid, oct(path.stat().st_mode)) for path in paths}


def loop() -> None:
    """Leave requests for a power cycle that nobody can remove."""
    request = STATUS / "main/power-cycle"
    sh("rm", "-rf", str(request), user="hotlined")
    sh("sh", "-c", f"mkdir {request}; touch {request}/full", user="hotlined")
    until(lambda: "is no file" in journal("hotlined-power@main"), 10)
    starts = journal("hotlined-power@main").count("Starting")
    sh("sleep", "5")
    more = journal("hotlined-power@main").count("Starting") - starts
    check("a request that cannot be removed is no loop", starts > 0 and more < 3)
    check("and the path unit still watches", show("hotlined-power@main.path", "ActiveState") == "active")
    sh("rm", "-rf", str(request), user="hotlined")


PACKAGES = LAB / "wheels"
UNPACKERS = LAB / "unpackers"
NOTES = f"open('{UNPACKERS}/%d-%d' % (os.getuid(), os.getpid()), 'w').close()"
NOTES_PIP = f"import os; '\\0pip\\0' in open('/proc/self/cmdline').read() and {NOTES}\n"
"""A line of a .pth file, which every Python of its environment runs: who runs pip leaves a note."""


def wheel(name: str) -> str:
    """Make a package of its own, as a new version may want one; return its line for the requirements."""
    file, info = PACKAGES / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{name}.pth", NOTES_PIP)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return pinned(name, file.read_bytes())


def source(name: str) -> str:
    """Make a package that has no wheel; whoever builds it leaves a note. Return its line for the requirements."""
    file = PACKAGES / f"{name}-1.0.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for path, text in (
            ("setup.py", f"import os; {NOTES}\nfrom setuptools import setup\nsetup(name='{name}', version='1.0')\n"),
            ("PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"),
        ):
            entry = tarfile.TarInfo(f"{name}-1.0/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return pinned(name, file.read_bytes())


def pinned(name: str, content: bytes) -> str:
    """Return the line of the requirements for the first version of a package."""
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"


def wants(name: str, version: str, line: str) -> Path:
    """Return a checkout that imports a package and has a line for it in its requirements."""
    checkout = another(name, version, ("hotlined/config/runtime.py", r"^import os$", f"import os\nimport {name}"))
    requirements = checkout / "scripts/requirements.txt"
    requirements.write_text(requirements.read_text() + line)
    return checkout


def to(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Install a checkout with the packages of this lab."""
    return install("--wheels", str(PACKAGES), checkout=checkout, prefix=("timeout", str(PATIENCE_SECONDS)))


def packages() -> None:
    """Offer packages that no installation takes, and look who unpacks those that it takes."""
    shutil.copytree(WHEELS, PACKAGES, dirs_exist_ok=True)
    UNPACKERS.mkdir()
    UNPACKERS.chmod(0o777)
    used = (CURRENT.readlink(), show("hotlined", "MainPID"))
    for name, what, line in (
        ("newsource", "a source is not built", source("newsource")),
        ("newwheel", "a wheel of another hash is not unpacked", pinned("newwheel", wheel("newwheel").encode())),
    ):
        done = to(wants(name, "9.0", line))
        check(what, done.returncode not in (0, 124) or print(done.stdout, done.stderr))
        check("and nothing was run of it", not [*UNPACKERS.iterdir()] or print([*UNPACKERS.iterdir()]))
    check("the version of before is in use", (CURRENT.readlink(), show("hotlined", "MainPID")) == used)


def upgrades() -> None:
    """Upgrade to versions that are not what they should be; each has a way back, or does not begin."""
    roots = lambda checkout: sh("find", str(checkout), "-user", "root").stdout.split()  # noqa: E731
    wanting = another("wanting", "10.0") if PACKAGED else wants("newlib", "10.0", wheel("newlib"))
    done = to(wanting)
    check(
        "12a: a version that wants a new package is installed", done.returncode == 0 or print(done.stdout, done.stderr)
    )
    check(
        "12a: with a copy, and a way back",
        list((BACKUPS / "main").glob("before-10.0-*.db")) and "To go back" in done.stdout,
    )
    # a package brings all that it wants, and nobody runs pip
    users = {60900} if PACKAGED else {int(note.name.partition("-")[0]) for note in UNPACKERS.iterdir()}
    check(
        "12a: nobody ran pip in it but a user that nobody is",
        (users and users <= {*range(60900, 61184)}) or print(users),
    )
    check("12a: root leaves nothing in the checkout", not roots(wanting) or print(roots(wanting)))
    check("12a: and it serves", "10.0" in sh("hotlined", "--version").stdout and until(ready))
    first = list((BACKUPS / "main").glob("before-10.0-*.db"))

    refuses = another("refuses", "11.0", ("hotlined/config/keys.py", r"^        Key\(\"log_level\".*\n", ""))
    sh("runuser", "-u", "hotlined", "--", "chmod", "500", str(BACKUPS / "main"))
    done = to(refuses)
    check("without a copy an upgrade does not begin", done.returncode == 1 and "could not be backed up" in done.stderr)
    check("the version of before is in use", "10.0" in sh("hotlined", "--version").stdout and ready())
    check("and its copy is still there", all(path.exists() for path in first))
    sh("runuser", "-u", "hotlined", "--", "chmod", "2750", str(BACKUPS / "main"))

    done = to(refuses)
    check(
        "12b: a version that refuses the configuration is told by the exit code",
        done.returncode == 1 or print(done.stdout),
    )
    check("12b: and by a sentence", "did not come back" in done.stderr)
    check("12b: the line is dead", show("hotlined", "ActiveState") == "failed")
    check(
        "12b: the copy is there, and those of before went after it",
        [path.name[:11] for path in (BACKUPS / "main").glob("before-*.db")] == ["before-11.0"],
    )
    count = len(sh("hotlined", "--version").stdout)
    check("12b: the way back is printed, and is one", go_back(done.stdout) and until(ready) and count > 0)
    check("12b: to the version of before", "10.0" in sh("hotlined", "--version").stdout)

    # one that does nothing at all, so that it cannot copy a database either
    broken = another("broken", "12.0", ("hotlined/config/runtime.py", r"^import os$", "import os\nimport nowhere"))
    done = to(broken)
    check("12c: a version that does not run is told by the exit code", done.returncode == 1)
    done = to(PROJECT)
    check(
        "12c: the checkout of before mends what it left, with a copy by its own code",
        (done.returncode == 0 and until(ready) and "is a whole copy" in done.stdout + done.stderr)
        or print(done.stdout, done.stderr),
    )
    check("no file of root's is in any checkout", not (roots(wanting) + roots(refuses) + roots(broken)))


def uninstalling() -> None:
    """Take all of it away."""
    elsewhere = Path("/srv/ssd/hotlined")
    sh("install", "-d", "-o", "hotlined-nl", "-g", "hotlined-nl", "-m", "2750", str(elsewhere))
    sh("systemctl", "stop", "hotlined@nl")
    sh("cp", "/var/lib/hotlined-nl/hotlined.db", str(elsewhere / "nl.db"), user="hotlined-nl")
    configure("nl", database=str(elsewhere / "nl.db"))
    for unit in ("hotlined@nl", "hotlined-@nl"):
        folder = Path(f"/etc/systemd/system/{unit}.service.d")
        folder.mkdir()
        shutil.copy(PROJECT / "systemd/disk.conf", folder)
    sh("systemctl", "daemon-reload")
    sh("systemctl", "restart", "hotlined-control@nl")
    sh("systemctl", "start", "hotlined@nl", "hotlined-backup@nl")
    check("a database on another disk is served", until(lambda: ready("nl")) and len(log("nl")) > 0)
    check("and copied", show("hotlined-backup@nl", "Result") == "success" or print(journal("hotlined-backup@nl")))
    attempt("admin", "pause that line", ("hotlined", "--line", "nl", "pause"), True)
    sh("systemctl", "stop", "hotlined@nl")
    victims()
    before = seen()
    sh("systemctl", "stop", "hotlined")
    trap("hotlined", "link to a folder", [STATE / "link", STATUS / "main/link", BACKUPS / "main/link"])
    stays = subprocess.Popen(["runuser", "-u", "hotlined-nl", "--", "sleep", "300"])
    done = run_installer_away("--uninstall", "--purge-data")
    check("it is removed, though a user of a line is busy", done.returncode == 0 or print(done.stdout, done.stderr))
    check("the data went first", not STATE.exists() and not BACKUPS.exists() and not Path("/etc/hotlined").exists())
    check("what the links led to stays", seen() == before)
    check(
        "a database elsewhere is named",
        f"{elsewhere}/nl.db is still there" in done.stdout and (elsewhere / "nl.db").exists(),
    )
    check("the person is still there", sh("id", "hotlined-admin").returncode == 0)
    check("so is the user that is busy, and that is said", "user hotlined-nl is still there" in done.stdout)
    stays.kill()
    left = [
        *Path("/run").glob("hotlined*"),
        *Path("/etc/systemd/system").glob("hotlined*.d"),
        *UNITS.glob("hotlined*"),
    ]
    check("nothing else is left", not left or print(left))


def run_installer_away(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the installer with no packages."""
    return install(*options, prefix=("timeout", str(PATIENCE_SECONDS)))


def main() -> int:
    """Play all acts; the number of what did not hold is the exit code."""
    people()
    lines = new_installation()
    sim = next(lines)
    names()
    members()
    strangers()
    second_line()
    admin()
    if not PACKAGED:
        packages()
    upgrades()
    traps()
    uninstalling()
    sim.close()
    with contextlib.suppress(StopIteration):
        next(lines)
    return result()


if __name__ == "__main__":
    sys.exit(main())
