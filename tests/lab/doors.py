"""Access rights of an installation: run as root inside the container of `scripts/lab doors`.

An admin, a member of the group, a stranger and the user of a second line try permitted and forbidden acts; each attempt
is printed with its result. Traps are in place of every name that root, systemd or another line touches while it is
installed, upgraded, backed up, purged and removed; their targets have to stay unchanged.
"""

import contextlib
import gzip
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from checks import check, figure, result
from service import (
    BACKUPS,
    CONFIGS,
    LAB,
    MAIN,
    NL,
    PROJECT,
    SHARE,
    UNITS,
    another,
    apt,
    configure,
    drop_in,
    install,
    journal,
    log,
    modem,
    package,
    quicken,
    ready,
    setup,
    sh,
    show,
    simulate,
    until,
)

from hotlined.simulator.client import Client

VICTIMS = Path("/srv/victims")
STATE, STATUS, SOCKETS = Path("/var/lib/hotlined-main"), Path("/run/hotlined"), Path("/run/hotlined-control")
NOTES = Path("/opt/lab/notes")


def attempt(who: str, what: str, words: tuple[str, ...], allowed: bool) -> str:
    """Let a user try something; print the result, and compare it with the expected one."""
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
    """Return a command line that runs Python code."""
    return ("python3", "-c", code)


# ---- traps


def victims() -> None:
    """Make the targets of the traps: a file and a folder of root's."""
    shutil.rmtree(VICTIMS, ignore_errors=True)
    (VICTIMS / "folder").mkdir(parents=True)
    (VICTIMS / "folder/inner").write_text("root's")
    (VICTIMS / "folder").chmod(0o711)
    (VICTIMS / "file").write_text("root's")
    (VICTIMS / "file").chmod(0o640)


def seen() -> dict[str, tuple[object, ...]]:
    """Return owners, modes and contents of the targets."""
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
    """Put a trap in place of each name, as a user who may write there; existing files are moved away."""
    for path in paths:
        moved = f"if [ -e {path} ] || [ -L {path} ]; then mv -T {path} {path}.was; fi"
        done = sh("sh", "-c", f"mkdir -p {path.parent}; umask 0; {moved}; {TRAPS[kind](str(path))}", user=user)
        assert done.returncode == 0, done.stderr


def take_away(user: str, paths: list[Path]) -> None:
    """Put the files back."""
    for path in paths:
        sh("sh", "-c", f"rm -rf {path}; if [ -e {path}.was ]; then mv -T {path}.was {path}; fi", user=user)


# ---- the acts


def people() -> None:
    """Make the people of this lab."""
    for number, name in enumerate(("pi", "anna", "stranger"), 2001):
        sh("useradd", "--create-home", "--uid", str(number), "--shell", "/bin/bash", name)
    sh("chmod", "755", "/home/pi")
    # a person whose name resembles a line's user
    sh("useradd", "--create-home", "--uid", "2010", "--shell", "/bin/bash", "hotlined-admin")
    os.environ["SUDO_USER"] = "pi"
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)


def new_installation() -> Iterator[Client]:
    """Install two lines."""
    done = install()
    check("it is installed", done.returncode == 0 or print(done.stdout, done.stderr))
    check("and a second line", setup("add", "nl").returncode == 0)
    sh("usermod", "--append", "--groups", "hotlined-main", "anna")
    quicken("main")
    quicken("nl")
    sim, other = simulate("main"), simulate("nl", "--number", "+32470999999")
    sh("systemctl", "restart", MAIN, NL)
    check("both lines run", until(ready) and until(lambda: ready("nl")))
    sim.do("deliver", from_="+32470123456", text="avant")
    other.do("deliver", from_="+32470123456", text="ervoor")
    check("and keep what comes", until(lambda: log() and log("nl")))
    yield sim
    other.close()


def names() -> None:
    """Try to add a line whose user would be a person."""
    done = setup("add", "admin")
    check("a person's account becomes no line", done.returncode == 1 and "A person" in done.stderr)
    folder = Path("/var/lib/hotlined-nl")
    sh("chown", "4321:4322", str(folder))
    done = install(None, "--reinstall")
    told = done.returncode and "The database of nl could not be copied" in done.stdout + done.stderr
    check("a folder of somebody unknown keeps from an upgrade", told or print(done.stdout, done.stderr))
    check("and is left alone", folder.stat().st_uid == 4321)
    sh("chown", "hotlined-nl:hotlined-nl", str(folder))
    sh("systemctl", "restart", NL)
    check("and after that all is well", until(lambda: ready("nl")))
    configure("nl", database=str(STATE / "hotlined.db"))
    sh("systemctl", "restart", NL)
    told = until(lambda: f"There is no folder {STATE}" in journal(NL))
    check("a configuration that names another line's database is told so", told or print(journal(NL)[-1500:]))
    check("and that line goes on, with its own status", ready())
    configure("nl", database=str(folder / "hotlined.db"))
    sh("systemctl", "restart", NL)
    check("corrected, it runs", until(lambda: ready("nl")))


def members() -> None:
    """Try everything as a member of the group."""
    for state in ("runs", "is stopped", "was killed"):
        if state == "is stopped":
            sh("systemctl", "stop", MAIN)
        if state == "was killed":
            sh("systemctl", "start", MAIN)
            until(ready)
            drop_in(f"{MAIN}.service", "lab", "Restart=no")
            sh("systemctl", "kill", "--signal=KILL", MAIN)
            until(lambda: show(MAIN, "ActiveState") == "failed")
        attempt("anna", f"read the log while the daemon {state}", ("hotlined", "log", "-n", "0"), True)
        code = (
            f"import sqlite3; sqlite3.connect('file:{STATE}/hotlined.db?mode=ro', uri=1).execute('SELECT 1 FROM log')"
        )
        attempt("anna", f"read with another program while the daemon {state}", runs(code), True)
        attempt("anna", f"block a number while the daemon {state}", ("hotlined", "block", "+32470000001"), True)
        attempt("anna", f"and unblock it while the daemon {state}", ("hotlined", "unblock", "+32470000001"), True)
    shutil.rmtree("/etc/systemd/system/hotlined@main.service.d")
    sh("systemctl", "daemon-reload")
    sh("systemctl", "restart", MAIN)
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
    attempt("anna", "read the configuration", ("cat", "/etc/hotlined/main.yaml"), True)
    update = f"import sqlite3; sqlite3.connect('{STATE}/hotlined.db').execute('DELETE FROM answers')"
    attempt("anna", "rewrite the database", runs(update), False)
    for path in ("/var/lib/hotlined-main/x", "/run/hotlined/main/x", "/run/hotlined/x", "/var/backups/hotlined/main/x"):
        attempt("anna", f"make {path}", ("touch", path), False)
    attempt("anna", "put another door there", ("mv", f"{SOCKETS}/main.sock", f"{SOCKETS}/x"), False)
    attempt("anna", "ask for a power cycle", ("touch", "/run/hotlined/main/power-cycle"), False)
    attempt("anna", "start the power cycle", ("systemctl", "start", "hotlined_power@main"), False)
    attempt("anna", "stop the daemon", ("systemctl", "stop", MAIN), False)
    attempt(
        "anna", "lock the daemon out", runs(f"import fcntl; fcntl.flock(open('{STATE}/hotlined.db.lock'), 2)"), False
    )
    others_line("anna")


def others_line(who: str) -> None:
    """Try everything at another user's line."""
    attempt(who, "read the second line's log", ("hotlined", "--line", "nl", "log"), False)
    attempt(who, "block for the second line", ("hotlined", "--line", "nl", "block", "+32470000001"), False)
    for path in ("/var/lib/hotlined-nl", "/run/hotlined/nl", "/var/backups/hotlined/nl"):
        attempt(who, f"look into {path}", ("ls", path), False)
    attempt(who, "read its configuration", ("cat", "/etc/hotlined/nl.yaml"), False)


def strangers() -> None:
    """Try everything as a user in no group."""
    for words in (("log",), ("status",), ("block", "+32470000001"), ("pause",), ("db", "backup", "/tmp/copy.db")):
        attempt("stranger", " ".join(words), ("hotlined", *words), False)
    for path in (STATE, STATUS / "main", BACKUPS / "main"):
        attempt("stranger", f"look into {path}", ("ls", str(path)), False)
    for path in (STATUS / "x", SOCKETS / "x", BACKUPS / "x"):
        attempt("stranger", f"make {path}", ("touch", str(path)), False)
    attempt("stranger", "read the configuration", ("cat", "/etc/hotlined/main.yaml"), False)
    environment = f"cat /proc/{show(MAIN, 'MainPID')}/environ"
    attempt("stranger", "read the daemon's environment", ("sh", "-c", environment), False)
    others_line("stranger")
    code = f"import socket, time; s = socket.socket(socket.AF_UNIX); s.connect('{SOCKETS}/main.sock'); time.sleep(1)"
    for _ in range(30):
        subprocess.Popen(["runuser", "-u", "stranger", "--", *runs(code)], stdin=subprocess.DEVNULL)
    attempt("anna", "block while a stranger keeps knocking", ("hotlined", "block", "+32470000001"), True)
    sh("hotlined", "unblock", "+32470000001")
    check("the door is still there", show("hotlined-control@main.socket", "ActiveState") == "active")


ASKING = """
import json, socket, sys
times = int(sys.argv[3])
if sys.argv[4:]:
    input()  # a session that goes on
for _ in range(times):
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(30)
        door.connect(sys.argv[1])
        door.sendall(sys.argv[2].encode() + b"\\n")
        answer = json.loads(door.makefile().readline())
print(json.dumps(answer))
"""
"""A program that sends a request to a door, and prints the last result."""
SILENT = """
import socket, time
doors = [socket.socket(socket.AF_UNIX) for _ in range(60)]
for door in doors:
    door.connect("/run/hotlined-control/main.sock")
print("ready", flush=True)
time.sleep(60)
"""
AS_DESK = ("setpriv", "--reuid=hotweb-main", "--regid=hotweb-main", "--groups=hotlined-main")
"""As in its unit: the line's group comes only from the settings."""


def asking(door: str, verb: str, *more: str, times: int = 1, **arguments: object) -> tuple[str, ...]:
    """Return the program that sends a request to a door of the first line."""
    asked = {"verb": verb, "arguments": arguments, "database": f"{STATE}/hotlined.db", "who": "ada (proxy)"}
    return (*runs(ASKING), f"{SOCKETS}/{door}.sock", json.dumps(asked), str(times), *more)


def came(*words: str) -> str:
    """Send a request to a door; return `decided`, the kind of a refusal, or `closed`."""
    said = sh(*words).stdout
    return str(json.loads(said).get("error", {}).get("kind", "decided")) if said else "closed"


def doors_of_the_control_program() -> None:
    """Send requests as each kind of caller to each door: the door decides the verbs, and each caller is checked."""
    check("the desk's door is open", setup("web").returncode == 0)
    text = {"request": "send", "arguments": {"number": "+32470000001", "text": "x"}}
    person = {"name": "+32470000001"}
    for verb, arguments in (("ask", text), ("forget", person), ("pause", {})):
        at = [came(*AS_DESK, *asking(door, verb, **arguments)) for door in ("main", "main-desk")]
        wanted = ["RefusedError", "decided" if verb == "pause" else "RefusedError"]
        check(f"the desk's user asks for {verb} at the members' door and at its own: {at}", at == wanted)
    check("what it decides is in the person's name", "ada (proxy)" in sh("hotlined", "status").stdout)
    sh("hotlined", "resume")
    for who, door in (("stranger", "main"), ("stranger", "main-desk"), ("anna", "main-desk"), ("hotlined-nl", "main")):
        at = came("runuser", "-u", who, "--", *asking(door, "pause"))
        check(f"the door {door} is closed to {who}", at == "closed" or print(at))
    for door in ("main", "main-desk"):
        at = came(*asking(door, "pause"))
        check(f"what runs as root decides nothing at {door}", at == "RefusedError" or print(at))
    with subprocess.Popen(
        ["runuser", "-u", "anna", "--", *asking("main", "pause", "stays", times=300)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        time.sleep(1)
        sh("gpasswd", "--delete", "anna", "hotlined-main")
        before = journal("hotlined-control@main").count("a decision of anna was refused")
        said, _ = session.communicate("\n")
    check("who was removed decides no more, in an old session either", "RefusedError" in said or print(said))
    lines = journal("hotlined-control@main").count("a decision of anna was refused") - before
    check(f"and 300 tries are not 300 lines of the journal, but {lines}", 1 <= lines <= 2)
    sh("gpasswd", "--add", "anna", "hotlined-main")
    check(
        "who is back decides at once",
        came("runuser", "-u", "anna", "--", *asking("main", "resume", drops=False)) == "decided",
    )
    with subprocess.Popen(["runuser", "-u", "anna", "--", *runs(SILENT)], stdout=subprocess.PIPE) as silent:
        assert silent.stdout
        silent.stdout.readline()
        begun = time.monotonic()
        at = came("runuser", "-u", "anna", "--", *asking("main", "resume", drops=False))
        figure("a decision behind 60 members in silence", f"{time.monotonic() - begun:.2f} s")
        check("they keep nobody waiting", at == "decided" or print(at))
        silent.kill()


def keys() -> None:
    """Replace a key under a unit that must not see it: hiding only the file would leave the new one visible."""
    folder, said = STATE / "keys", LAB / "key"
    code = (
        "import pathlib, time\n"
        f"while not pathlib.Path('{LAB}/go').exists(): time.sleep(0.1)\n"
        f"try: pathlib.Path('{folder}/lab').read_bytes(); found = 'read'\n"
        "except OSError as error: found = type(error).__name__\n"
        f"pathlib.Path('{said}').write_text(found)\n"
    )
    sh("sh", "-c", f"mkdir -p {folder} && echo one >{folder}/lab", user="hotlined-main")
    words = ("--uid=hotlined-main", "--gid=hotlined-main", f"--property=InaccessiblePaths={folder}")
    sh("systemd-run", "-q", "--collect", "--unit=lab-keys", *words, *runs(code))
    until(lambda: show("lab-keys", "ActiveState") == "active", 10)
    sh("sh", "-c", f"echo another >{folder}/new && mv {folder}/new {folder}/lab", user="hotlined-main")
    (LAB / "go").touch()
    until(said.exists, 10)
    check("a key that is replaced stays hidden", said.exists() and said.read_text() == "PermissionError")
    sh("rm", f"{folder}/lab", user="hotlined-main")


RECEIVER = """
import http.server, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[1], "a") as heard:
            heard.write(self.path + "\\n")
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8123), Receiver).serve_forever()
"""


def alerts_by_the_sender() -> None:
    """Try to reach, from inside the alerts' unit, which has no network, known addresses and forbidden files."""
    heard, unit, own = LAB / "heard", "hotlined-alerts@main", CONFIGS / "main.urls"
    sh("systemd-run", "-q", "--collect", "--unit=lab-receiver", *runs(RECEIVER), str(heard))
    sh("systemctl", "stop", f"{unit}.timer")
    before = (CONFIGS / "main.yaml").read_text()
    configure("main", alerts={"urls": ["json://127.0.0.1:8123/of-the-configuration"]})
    own.write_text("json://127.0.0.1:8123/of-the-sender\n")
    own.chmod(0o600)
    drop_in(f"{unit}.service", "lab", "ExecStart=", "ExecStart=/usr/bin/hotlined --line main alerts --test")
    sh("systemctl", "start", unit)
    said = sorted(heard.read_text().split()) if heard.exists() else []
    sent = said == ["/of-the-configuration", "/of-the-sender"]
    check("an alert reaches both addresses", sent or print(said, journal(unit), journal("hotlined-alerts-sender@main")))
    attempt("hotlined-main", "read the sender's addresses", ("cat", str(own)), False)
    shutil.rmtree(f"/etc/systemd/system/{unit}.service.d")
    own.unlink()
    (CONFIGS / "main.yaml").write_text(before)
    sh("systemctl", "daemon-reload")
    sh("systemctl", "stop", "lab-receiver")
    sh("systemctl", "start", f"{unit}.timer")


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
    asked = {"verb": "pause", "arguments": {}, "database": "/var/lib/hotlined-main/hotlined.db", "who": "root"}
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
DOORS = "alerts", "control", "postgresql", "web"
def seen(name):
    try:
        return os.listdir(f"/run/{name}" if name == "postgresql" else f"/run/hotlined-{name}") is not None
    except OSError:
        return False
print(json.dumps({
    "read the first line's database": tried(lambda: P("/var/lib/hotlined-main/hotlined.db").read_bytes() and None),
    "see other folders of lines": tried(lambda: sorted(os.listdir("/var/lib"))),
    "see other lines' status": tried(lambda: sorted(each.name for each in P("/run").glob("hotlined/*"))),
    "see other lines' copies": tried(lambda: sorted(os.listdir("/var/backups"))),
    "read the first line's configuration": tried(lambda: P("/etc/hotlined/main.yaml").read_bytes() and None),
    "make a name in /run/hotlined": tried(lambda: os.symlink("/etc/passwd", "/run/hotlined/main.new")),
    "decide for the first line": tried(decide),
    "open a socket of the Internet": tried(inet),
    "see doors": tried(lambda: [each for each in DOORS if seen(each)]),
    "hold credentials": tried(lambda: sorted(os.listdir(os.environ["CREDENTIALS_DIRECTORY"]))),
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
    """Try everything as each program of the second line, inside its own sandbox."""
    probe = LAB / "probe.py"
    probe.write_text(PROBE)
    said = LAB / "said"
    check("it has a desk", setup("web", "nl").returncode == 0)
    Path("/run/postgresql").mkdir(exist_ok=True)
    jobs = {"": [], "-alerts": ["alerts"], "-alerts-sender": []}
    jobs |= {name: ["control"] for name in ("-daily", "-control", "-web")}
    for unit, doors in ((f"hotlined{name}@nl", doors) for name, doors in jobs.items()):
        sh("systemctl", "stop", unit)
        said.write_text("")
        drop_in(
            f"{unit}.service",
            "lab",
            *("Type=oneshot", "Restart=no", "WatchdogSec=0", "ExecStart=", "ExecStartPost=", "ExecStopPost="),
            f"ExecStart=/usr/bin/python3 -P -B {probe}",
            f"StandardOutput=truncate:{said}",
        )
        sh("systemctl", "start", unit)
        found = json.loads(said.read_text() or "{}")
        for what, came in found.items():
            print(f"     {unit}: {what}: {came}", flush=True)
        wanted = dict.fromkeys(("own folder", "own status", "own configuration", "sd_notify"), "done")
        wanted |= {"see other folders of lines": ["hotlined-nl"], "see other lines' status": ["nl"]}
        backups = ["hotlined"] if "daily" in unit else []
        wanted |= {"see other lines' copies": backups, "see /srv": [], "see doors": doors}
        if "web" in unit:  # it only reads
            wanted = {what: came for what, came in wanted.items() if what not in ("own folder", "own status")}
        if "sender" in unit:
            nothing: list[str] = []
            wanted = {what: nothing for what in found if what.startswith("see ")}
            wanted |= {"open a socket of the Internet": "done", "sd_notify": "done", "hold credentials": ["urls"]}
        wrong = {what: came for what, came in found.items() if what in wanted and came != wanted[what]}
        wrong |= {what: came for what, came in found.items() if what not in wanted and came in ("done", [])}
        check(f"{unit} is in its own rooms alone", (found and not wrong) or print(wrong, journal(unit)))
        shutil.rmtree(f"/etc/systemd/system/{unit}.service.d", ignore_errors=True)
    sh("systemctl", "daemon-reload")
    Path("/var/lib/hotlined-nl/probe").unlink(missing_ok=True)
    sh("systemctl", "start", NL)
    check("it runs as before", until(lambda: ready("nl")))
    others = ("cat", "/var/lib/hotlined-main/hotlined.db"), ("ls", "/run/hotlined/main"), ("hotlined", "pause")
    for words in others:
        attempt("hotlined-nl", " ".join(words), words, False)


def admin() -> None:
    """Use sudo as an admin where a user with the line's rights has prepared files."""
    precious = Path("/etc/precious")
    precious.write_text("root's")
    precious.chmod(0o600)
    sh("systemctl", "stop", MAIN)
    name = os.fsencode(precious)
    magic = bytes.fromhex("d9d505f920a163d7")
    with (STATE / "hotlined.db").open("rb") as file:
        page = int.from_bytes(file.read(18)[16:], "big")
    record = struct.pack(">I", 0x40000000 // page + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    for words in (("status",), ("doctor",), ("db", "check"), ("log",), ("alerts",)):
        # each command may move pages of the -wal into the file: a journal from before would cut them off
        pages = (STATE / "hotlined.db").stat().st_size // page
        header = magic + struct.pack(">IIIII", 0, 0, pages, 512, page)
        (LAB / "journal").write_bytes(header.ljust(512, b"\0") + record)
        sh("cp", str(LAB / "journal"), str(STATE / "hotlined.db-journal"), user="hotlined-main")
        attempt(
            "admin",
            f"sudo hotlined {' '.join(words)}, beside a journal that names /etc/precious",
            ("sh", "-c", f"hotlined {' '.join(words)}; true"),
            True,
        )
    check("what it names is still there", precious.exists() and precious.read_text() == "root's")
    (STATE / "hotlined.db-journal").unlink(missing_ok=True)
    sh("systemctl", "start", MAIN)
    until(ready)
    attempt("admin", "pause", ("hotlined", "pause"), True)
    check("and it is known who did", "pi" in sh("hotlined", "status").stdout)
    attempt("admin", "resume", ("hotlined", "resume"), True)
    left = sh("find", str(STATE), "-uid", "0").stdout.split()
    check(f"nothing of root's lies there {left}", not left)


def traps() -> None:
    """Lay traps as a compromised daemon of the line could, and do all that root and systemd do."""
    newer = another("9.9.9")
    copies = (*(f"{day}.db" for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")), "Mon.db.new")
    beside = [STATE / name for name in ("backup", "keys/hotlined.db.key", "keys/hotlined.db.pins")]
    beside += [STATUS / "main" / name for name in ("status.json", "status.new", "alerts.json", "power-cycle")]
    beside += [BACKUPS / "main" / name for name in copies]
    database = [STATE / f"hotlined.db{ending}" for ending in ("", "-wal", "-shm", "-journal", ".lock")]
    setup("power", typed=f"echo >>{LAB}/cycled\n")
    for kind in TRAPS:
        trapped(kind, beside, newer)
        trapped(f"{kind}, the database", database, newer)
    loop()


def trapped(what: str, places: list[Path], newer: Path) -> None:
    """Lay traps of a kind, and do all that root and systemd do; afterwards, without them, the line works."""
    sh("systemctl", "stop", MAIN)
    victims()
    before, outside = seen(), outer()
    trap("hotlined-main", what.partition(",")[0], places)
    sh("systemctl", "start", "hotlined_power@main.service", timeout=120)
    for file in (newer, package()):
        done = sh("timeout", "300", "apt-get", "--yes", "install", "--allow-downgrades", str(file))
        check(f"{what}: an upgrade comes to its end", done.returncode != 124)
        done = sh("timeout", "60", "systemctl", "restart", MAIN)
        check(f"{what}: a start comes to its end", done.returncode != 124)
    for unit in ("hotlined-daily", "hotlined-alerts", "hotlined_power"):
        done = sh("timeout", "60", "systemctl", "start", f"{unit}@main")
        check(f"{what}: {unit} comes to its end", done.returncode != 124)
    for words in ("status", "doctor", "alerts", "db check", "db backup - >/srv/copy.db", "pause", "resume", "log"):
        done = sh("timeout", "60", "sh", "-c", f"hotlined {words} </dev/null")
        check(f"{what}: sudo hotlined {words} comes to its end", done.returncode != 124)
    check(f"{what}: what they led to is as it was", seen() == before or print(before, seen()))
    check(f"{what}: the folders around are as they were", outer() == outside or print(outside, outer()))
    setuid = sh("find", str(STATE), str(STATUS), str(BACKUPS), "-perm", "/4000", "!", "-user", "hotlined-main").stdout
    check(f"{what}: no program runs as somebody who did not put it there", not setuid or print(setuid))
    check(f"{what}: the second line runs", until(lambda: ready("nl")))
    sh("systemctl", "stop", MAIN)
    take_away("hotlined-main", places)
    sh("systemctl", "reset-failed", "hotlined*")
    install()  # in case a trap prevented the copy
    sh("systemctl", "start", MAIN, NL)
    check(
        f"{what}: without them it is well",
        until(ready) or print(sh("hotlined", "status").stdout, journal(MAIN)[-2000:]),
    )


def outer() -> dict[str, tuple[int, int, str]]:
    """Return owners and modes of the folders of lines."""
    paths = (STATE, STATUS, SOCKETS, STATUS / "main", BACKUPS, BACKUPS / "main", Path("/var/lib/hotlined-nl"))
    return {str(path): (path.stat().st_uid, path.stat().st_gid, oct(path.stat().st_mode)) for path in paths}


def loop() -> None:
    """Make requests for a power cycle that cannot be removed."""
    request = STATUS / "main/power-cycle"
    sh("rm", "-rf", str(request), user="hotlined-main")
    sh("sh", "-c", f"mkdir {request}; touch {request}/full", user="hotlined-main")
    until(lambda: "is no file" in journal("hotlined_power@main"), 10)
    starts = journal("hotlined_power@main").count("Starting")
    sh("sleep", "5")
    more = journal("hotlined_power@main").count("Starting") - starts
    check("a request that cannot be removed is no loop", starts > 0 and more < 3)
    check("and the path unit still watches", show("hotlined_power@main.path", "ActiveState") == "active")
    sh("rm", "-rf", str(request), user="hotlined-main")


FILES = ("db backup", "metrics", "stats --html", "export +32470123456", "evidence +32470123456", "doctor --record")
"""Commands with a FILE."""


def named_files() -> None:
    """Name files as root in a member's folder that has links at these names: root never writes through one."""
    victims()
    before = seen()
    folder = Path("/home/anna/copies")
    sh("mkdir", str(folder), user="anna")
    for number, words in enumerate(FILES):
        path = folder / str(number)
        sh("ln", "-s", f"{VICTIMS}/file" if number % 2 else "/etc/cron.d/anna", str(path), user="anna")
        done = sh("hotlined", *words.split(), str(path), stdin=subprocess.DEVNULL)
        refused = done.returncode and "Traceback" not in done.stderr
        check(f"sudo hotlined {words} FILE is refused", refused or print(done.stdout, done.stderr))
        done = sh("sh", "-c", f"hotlined {words} {path}", user="anna")
        check(f"{words} through her own link writes nothing for her, either", done.returncode or print(done.stdout))
    check("what the links led to is as it was", seen() == before and not Path("/etc/cron.d/anna").exists())
    done = sh("sh", "-c", f"hotlined db backup {folder}/mine", user="anna")
    mine = folder / "mine"
    check("a file of hers is hers", (done.returncode == 0 and mine.owner() == "anna") or print(done.stderr))
    shutil.rmtree(folder)


# ---- forged backups


def key_of_main() -> str:
    """Make a key of the line on paper; return the recipient of its backups, which members can read."""
    page = sh("hotlined", "db", "key").stdout
    rows = [line.strip() for line in page.splitlines() if re.fullmatch(r"    [0-9A-Z -]+", line)]
    (LAB / "paper").write_text("\n".join(rows) + "\n")
    return str(re.findall(r"\bage1[a-z0-9]{58}\b", page)[0])


def sealed(recipient: str, octets: bytes) -> Path:
    """Seal a forged backup."""
    path = Path("/home/anna/main-000043-20261130T000000Z.age")
    subprocess.run(["age", "--recipient", recipient, "--output", path], input=octets, check=True)
    return path


def tar(members: Mapping[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a gzipped archive; for a kind of link its first member leads to /etc/passwd."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, octets in members.items():
            member = tarfile.TarInfo(name)
            if kind != tarfile.REGTYPE and not archive.getmembers():
                member.type, member.linkname = kind, "/etc/passwd"
            member.size = len(octets) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(octets))
    return out.getvalue()


def bomb() -> bytes:
    """Return an archive of a megabyte whose first header claims a gigabyte."""
    out = io.BytesIO()
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 1 << 30
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
        packed.write(member.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(1 << 10):
            packed.write(bytes(1 << 20))
    return out.getvalue()


MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("most", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def restored(recipient: str, octets: bytes) -> tuple[subprocess.CompletedProcess[str], int, float]:
    """Restore it as root with --take-all, as the card does; return the result, memory and seconds."""
    path = sealed(recipient, octets)
    words = ("hotlined-setup", "restore", "--key", str(LAB / "paper"), "--take-all")
    begun = time.monotonic()
    with path.open("rb") as file:
        done = sh("python3", "-c", MEASURED, *words, stdin=file)
    most = int(re.findall(r"^most (\d+)$", done.stdout, re.MULTILINE)[0])
    return done, most, time.monotonic() - begun


def forged_backups() -> None:
    """Restore forged backups of a member: they give no rights of root, and the old data stay or are kept beside."""
    recipient = key_of_main()
    kept = {path: path.read_bytes() for path in CONFIGS.iterdir() if path.is_file()}
    database = LAB / "sound.db"
    sh("sh", "-c", f"hotlined db backup - >{database}")
    about = {"line": "main", "made_at": "2026-11-30T00:00:00.000Z", "version": "0", "format": 2}
    sound = {
        "about.json": json.dumps(about).encode(),
        "config.yaml": kept[CONFIGS / "main.yaml"],
        "hotlined.db": database.read_bytes(),
    }
    count = len(log())
    targets = (
        "/etc/sudoers.d/hotlined",
        "/etc/systemd/system/hotlined@main.service",
        "/var/lib/hotlined-nl/hotlined.db",
    )
    before = {path: Path(path).read_bytes() if Path(path).exists() else b"" for path in ("/etc/passwd", *targets)}
    before.pop(targets[2])
    others = log("nl")
    for target in (*targets, "/etc/passwd"):
        config = f"database: {target}\n".encode() + sound["config.yaml"]
        done, _, _ = restored(recipient, tar(sound | {"config.yaml": config}))
        same = all(
            (Path(path).read_bytes() if Path(path).exists() else b"") == octets for path, octets in before.items()
        )
        check(f"a backup with database: {target} changes nothing of it", same or print(done.stdout, done.stderr))
        for path, octets in kept.items():
            path.write_bytes(octets)
    check("nor of the second line", log("nl") == others)
    sh("systemctl", "restart", MAIN)
    check("with the line's own configuration it runs, and knows what it knew", until(ready) and len(log()) == count)

    unchanged = {"main.yaml": (CONFIGS / "main.yaml").read_bytes(), "contacts": log()}
    wrong = {
        "without a configuration": tar({name: octets for name, octets in sound.items() if name != "config.yaml"}),
        "without a database": tar({name: octets for name, octets in sound.items() if name != "hotlined.db"}),
        "with a link": tar({"config.yaml": b"", **sound}, kind=tarfile.SYMTYPE),
        "with a hard link": tar({"config.yaml": b"", **sound}, kind=tarfile.LNKTYPE),
        "with a device": tar({"config.yaml": b"", **sound}, kind=tarfile.CHRTYPE),
        "with a FIFO": tar({"config.yaml": b"", **sound}, kind=tarfile.FIFOTYPE),
        "with a name that leads out": tar({"about.json": sound["about.json"], "../../etc/cron.d/x": b"x", **sound}),
        "with an absolute name": tar({"about.json": sound["about.json"], "/etc/cron.d/x": b"x", **sound}),
        "with five megabytes of configuration": tar(sound | {"config.yaml": b"#" * (5 << 20)}),
        "with text for a database": tar(sound | {"hotlined.db": b"no database"}),
        "of random octets": os.urandom(4096),
    }
    for what, octets in wrong.items():
        done, _, _ = restored(recipient, octets)
        told = done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
        check(f"a backup {what} is refused with words", told or print(done.returncode, done.stdout, done.stderr))
        until(lambda: modem() == "ready")
        same = {"main.yaml": (CONFIGS / "main.yaml").read_bytes(), "contacts": log()} == unchanged
        check(f"a backup {what} replaces nothing, and the line is back", same and until(ready))
    done, most, seconds = restored(recipient, bomb())
    figure("a backup whose first header wants a gigabyte", f"{seconds:.1f} s, {most / 1024:.0f} MiB of root's")
    told = done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    check("it is refused", told or print(done.stdout, done.stderr))
    check("with little memory", most < 64 << 10)
    check("and the line is back", until(ready))


# ---- code of others


def foreign_code() -> None:
    """Replace the carried library by one that records its users: no program started by root runs it."""
    NOTES.mkdir()
    NOTES.chmod(0o1777)
    kinds = ("hotlined@.service", "hotlined-@.service")
    for kind in kinds:
        drop_in(kind, "lab", f"ReadWritePaths={NOTES}")
    note = (
        "import os\n"
        "try:\n"
        f"    open('{NOTES}/%d-%d' % (os.getuid(), os.getpid()), 'w').write(' '.join(__import__('sys').orig_argv))\n"
        "except OSError:\n"
        "    pass\n"
    )
    library = "usr/share/hotlined/phonenumbers/__init__.py"
    bad = another("9.9.8", (library, r"\A", note.replace("\\", r"\\")))
    done = install(bad)
    check("a package with another library is installed", done.returncode == 0 or print(done.stdout, done.stderr))
    for words in ("status", "log", "doctor", "db check", "config check", "block +32470000009", "unblock +32470000009"):
        sh("hotlined", *words.split())
    sh("sh", "-c", "hotlined db backup - >/dev/null")
    sh("hotlined", "status", cwd="/home/pi", env=os.environ | {"PYTHONPATH": str(NOTES)})
    for words in ("web", "restore --before", "copy lab", "remove nl --dry-run"):
        setup(*words.split())
    for name in ("backup", "purge", "alerts", "power"):
        sh("systemctl", "start", f"hotlined-{name}@main")
    install(bad, "--reinstall")
    until(ready)
    apt("remove", "hotlined")
    install(bad)
    until(ready)
    notes = {path.name: path.read_text() for path in NOTES.iterdir()}
    users = {int(name.partition("-")[0]) for name in notes}
    roots = {text for name, text in notes.items() if name.startswith("0-")}
    check("it ran, as the users of lines", len(users) > 1 or print(notes))
    check("and never as root", 0 not in users or print(roots))
    for kind in kinds:
        shutil.rmtree(f"/etc/systemd/system/{kind}.d")
    sh("systemctl", "daemon-reload")
    done = install()
    check("the package of before is back", done.returncode == 0 and until(ready) and until(lambda: ready("nl")))


def upgrades() -> None:
    """Upgrade to faulty versions; each can be undone, or does not begin."""
    config = "usr/share/hotlined/hotlined/config"
    refuses = another("11.0", (f"{config}/keys.py", r"^        Key\(\"log_level\".*\n", ""))
    configure("main", log_level="info")
    installed = sh("dpkg-query", "--show", "--showformat=${Version}", "hotlined").stdout
    # no room for a copy
    sh("mount", "-t", "tmpfs", "-o", "size=16k,mode=755", "none", str(BACKUPS))
    done = install(refuses)
    check(
        "without a copy an upgrade does not begin",
        (done.returncode and "no way back" in done.stdout + done.stderr) or print(done.stdout, done.stderr),
    )
    sh("umount", str(BACKUPS))
    said = sh("dpkg-query", "--show", "--showformat=${Version}", "hotlined").stdout
    check(
        "the version of before is in use",
        (said == installed and until(ready) and until(lambda: ready("nl"))) or print(said),
    )

    done = install(refuses)
    check(
        "a version that refuses the configuration is installed", done.returncode == 0 or print(done.stdout, done.stderr)
    )
    dead = until(lambda: show(MAIN, "ActiveState") == "failed")
    check(
        "the line is dead, and the journal says why",
        (dead and "log_level" in journal(MAIN)) or print(journal(MAIN)[-1500:]),
    )
    check("the copy is there", (BACKUPS / f"main-{installed}.db").exists())
    done = install()
    check("the older package is the way back", done.returncode == 0 or print(done.stdout, done.stderr))
    back = until(ready) and until(lambda: ready("nl"))
    check("and both lines run", back or print(sh("hotlined", "status").stdout, sh("systemctl", "--failed").stdout))

    # one that does nothing, and so cannot copy a database
    broken = another("12.0", (f"{config}/runtime.py", r"^import os$", "import os\nimport nowhere"))
    done = install(broken)
    figure("exit code for a version that does not run", done.returncode)
    check("a version that does not run leaves no line", until(lambda: not ready()))
    done = install()
    check("the package of before mends it", done.returncode == 0 or print(done.stdout, done.stderr))
    check("and both lines run again", until(ready) and until(lambda: ready("nl")))


def uninstalling() -> None:
    """Remove all of it."""
    elsewhere = Path("/srv/ssd/hotlined-nl")
    sh("install", "-d", "-o", "hotlined-nl", "-g", "hotlined-nl", "-m", "2750", str(elsewhere))
    sh("systemctl", "stop", NL)
    sh("cp", "/var/lib/hotlined-nl/hotlined.db", str(elsewhere / "nl.db"), user="hotlined-nl")
    configure("nl", database=str(elsewhere / "nl.db"))
    text = (PROJECT / "systemd/disk.conf").read_text().replace("/srv/ssd/hotlined-main", str(elsewhere))
    for unit in (NL, "hotlined-@nl"):
        folder = Path(f"/etc/systemd/system/{unit}.service.d")
        folder.mkdir()
        (folder / "disk.conf").write_text(text)
    sh("systemctl", "daemon-reload")
    sh("systemctl", "restart", "hotlined-control@nl")
    sh("systemctl", "start", NL, "hotlined-daily@nl")
    check("a database on another disk is served", until(lambda: ready("nl")) and len(log("nl")) > 0)
    check("and copied", show("hotlined-daily@nl", "Result") == "success" or print(journal("hotlined-daily@nl")))
    attempt("admin", "pause that line", ("hotlined", "--line", "nl", "pause"), True)
    sh("systemctl", "stop", NL)
    victims()
    before = seen()
    sh("systemctl", "stop", MAIN)
    trap("hotlined-main", "link to a folder", [STATE / "link", STATUS / "main/link", BACKUPS / "main/link"])
    stays = subprocess.Popen(["runuser", "-u", "hotlined-nl", "--", "sleep", "300"])
    for line in ("nl", "main"):
        done = setup("remove", line, "--purge", typed=f"{line}\n")
        check(f"{line} is erased", done.returncode == 0 or print(done.stdout, done.stderr))
    check("the data are gone", not STATE.exists() and not [*BACKUPS.iterdir()] and not [*CONFIGS.glob("*.yaml")])
    check("what the links led to stays", seen() == before)
    check("so does a database elsewhere", (elsewhere / "nl.db").exists())
    check("the person is still there", sh("id", "hotlined-admin").returncode == 0)
    stays.kill()
    check("the package goes", apt("purge", "hotlined").returncode == 0)
    left = [*Path("/etc/systemd/system").rglob("*.wants/hotlined*"), *UNITS.glob("hotlined*"), *SHARE.rglob("*")]
    check("nothing else is left", not left or print(left))


def main() -> int:
    """Run all acts; the exit code is the number of failures."""
    people()
    lines = new_installation()
    sim = next(lines)
    names()
    members()
    strangers()
    doors_of_the_control_program()
    keys()
    alerts_by_the_sender()
    second_line()
    admin()
    named_files()
    forged_backups()
    foreign_code()
    upgrades()
    traps()
    uninstalling()
    sim.close()
    with contextlib.suppress(StopIteration):
        next(lines)
    return result()


if __name__ == "__main__":
    sys.exit(main())
