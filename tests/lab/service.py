"""The installed package under a real systemd: run as root inside the container of `scripts/lab service`.

Each check prints PASS or FAIL; the exit code is 0 when all passed. The stick is the simulator on a pseudo-terminal, so
that DeviceAllow= and udev are not tested here: `scripts/lab usb` does that. The container has no network, which apt
does not need for a package whose libraries are installed.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from checks import check, figure, result

PROJECT = Path("/srv/project")
PACKED = Path("/srv/packed")
LAB = Path("/opt/lab")
SHARE = Path("/usr/share/hotlined")
UNITS = Path("/usr/lib/systemd/system")
CONFIGS = Path("/etc/hotlined")
BACKUPS = Path("/var/backups/hotlined")
MAIN, NL = "hotlined@main", "hotlined@nl"
QUICK: dict[str, Any] = {"modem": {"poll_interval": "1s", "send_interval": "0s"}, "answer": {"delay": "0s"}}
PATIENCE_SECONDS = 60.0
_sticks = itertools.count(1)
SECRET = "Pas ce mot dans le journal"

sys.path[:0] = [str(PROJECT), str(PROJECT / "tests/harness")]
import sysfs  # noqa: E402  # the project is where the container has it

from hotlined.simulator.client import Client  # noqa: E402  # the same


def sh(*words: str, user: str | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command, as root or as another user."""
    prefix = ("runuser", "-u", user, "--") if user else ()
    return subprocess.run([*prefix, *words], text=True, capture_output=True, check=False, **more)


def show(unit: str, what: str) -> str:
    """Return a property of a unit."""
    return sh("systemctl", "show", "-P", what, unit).stdout.strip()


def journal(unit: str) -> str:
    """Return the journal of a unit, with systemd's messages about it."""
    sh("journalctl", "--sync")
    return sh("journalctl", "-u", unit, "--no-pager", "-o", "short-monotonic").stdout


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait for a condition; tell whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def package() -> Path:
    """Return the package of the project."""
    (found,) = PACKED.glob("hotlined_*.deb")
    return found


def another(version: str, *changes: tuple[str, str, str]) -> Path:
    """Return a package of another version, with changes in the program's files."""
    made = LAB / f"hotlined_{version}_all.deb"
    tree = LAB / f"hotlined-{version}"
    sh("dpkg-deb", "--raw-extract", str(package()), str(tree))
    version_is = ("usr/share/hotlined/hotlined/__init__.py", r'__version__ = "[^"]+"', f'__version__ = "{version}"')
    for file, pattern, wanted in (("DEBIAN/control", r"^Version: .*$", f"Version: {version}"), version_is, *changes):
        path = tree / file
        text, count = re.subn(pattern, wanted, path.read_text(), count=1, flags=re.MULTILINE)
        assert count == 1, (file, pattern)
        path.write_text(text)
    done = sh("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made))
    assert done.returncode == 0, done.stderr
    shutil.rmtree(tree)
    return made


def apt(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run apt without questions."""
    return sh("apt-get", "--yes", "--quiet", *words, stdin=subprocess.DEVNULL, **more)


def install(file: Path | None = None, *options: str) -> subprocess.CompletedProcess[str]:
    """Install a package as people do; by default the project's."""
    return apt("install", "--allow-downgrades", *options, str(file or package()))


def setup(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run hotlined-setup."""
    return sh("hotlined-setup", *words, input=typed)


def drop_in(unit: str, name: str, *lines: str) -> None:
    """Give a unit a drop-in."""
    folder = Path(f"/etc/systemd/system/{unit}.d")
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.conf").write_text("\n".join(("[Service]", *lines, "")))
    sh("systemctl", "daemon-reload")


def configure(line: str, /, **sections: Any) -> None:
    """Change keys of a line's configuration, as an admin does in an editor."""
    path = CONFIGS / f"{line}.yaml"
    settled = yaml.safe_load(path.read_text())
    for section, values in sections.items():
        if isinstance(values, dict):
            settled.setdefault(section, {}).update(values)
        else:
            settled[section] = values
    path.write_text(yaml.safe_dump(settled))


def quicken(line: str, *, answer: str = "Non.") -> None:
    """Shorten a line's waits, for its simulated stick, and write its answer."""
    configure(line, **QUICK)
    configure(line, modem={"port": str(LAB / line)})
    (CONFIGS / f"{line}.txt").write_text(f"{answer}\n" if answer else "")


def simulate(line: str, *options: str) -> Client:
    """Start a simulated stick for the user of a line."""
    sh("systemctl", "stop", f"lab-{line}-*")
    unit = f"lab-{line}-{next(_sticks)}"  # systemd 252 keeps the name of an ended one
    link, control, user = LAB / line, LAB / f"{line}.control", f"hotlined-{line}"
    words = ["python3", "-m", "hotlined.simulator", "--link", str(link), "--control", str(control), *options]
    path = f"--setenv=PYTHONPATH={SHARE}:{PACKED / 'reader'}"
    done = sh("systemd-run", "-q", "--collect", f"--unit={unit}", f"--uid={user}", f"--gid={user}", path, *words)
    assert done.returncode == 0, done.stderr
    assert until(lambda: listens(control), 10), journal(unit)
    return Client(control)


def listens(path: Path) -> bool:
    """Tell whether a program listens at a socket: the path is there earlier, and connections are refused until then."""
    with socket.socket(socket.AF_UNIX) as channel:
        return channel.connect_ex(str(path)) == 0


def log(line: str | None = None, *, user: str | None = None) -> list[dict[str, Any]]:
    """Return a line's log."""
    words = ("hotlined", *(("--line", line) if line else ()), "log", "-n", "0", "--json")
    done = sh(*words, user=user)
    return [json.loads(each) for each in done.stdout.splitlines()]


def ready(line: str | None = None) -> bool:
    """Tell whether a line reports no trouble."""
    return sh("hotlined", *(("--line", line) if line else ()), "status").returncode == 0


def status(line: str = "main") -> dict[str, Any]:
    """Return a line's status, empty until it has one."""
    said = sh("hotlined", "--line", line, "status", "--json").stdout
    found: dict[str, Any] = json.loads(said) if said.startswith("{") else {}
    return found


def modem(line: str = "main") -> str:
    """Return the state of a line's modem."""
    return str((status(line).get("modem") or {}).get("state"))


def instances(ending: str) -> list[str]:
    """Return the installed units of a kind for both lines."""
    found = []
    for path in sorted(UNITS.glob(f"hotlined*{ending}")):
        found += [path.name.replace("@", f"@{line}") for line in ("main", "nl")] if "@" in path.name else [path.name]
    return found


def tables(line: str = "main") -> set[str]:
    """Return the names of the tables in a line's database."""
    with contextlib.closing(sqlite3.connect(f"/var/lib/hotlined-{line}/hotlined.db")) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def reboot() -> None:
    """Stop all of our units, and start those that a boot starts."""
    sh("systemctl", "stop", "hotlined*")
    sh("systemctl", "start", "multi-user.target", "sockets.target", "timers.target")


# ---- the acts, in their order


def installing() -> None:
    """Install the package and make a line."""
    sh("useradd", "admin")
    os.environ["SUDO_USER"] = "admin"
    figure("the package", f"{package().stat().st_size / 1e6:.1f} MB, hardly compressed")
    begun = time.monotonic()
    done = install()
    figure("installation", time.monotonic() - begun)
    check("apt installs it", done.returncode == 0 or print(done.stdout, done.stderr))
    size = sum(int(sh("du", "-sk", str(path)).stdout.split()[0]) for path in (SHARE, Path("/usr/share/doc/hotlined")))
    figure("size of the installation", f"{size / 1024:.0f} MiB")
    figure("what apt printed", f"{len((done.stdout + done.stderr).splitlines())} lines")
    check("the first line is enabled", sh("systemctl", "is-enabled", MAIN).stdout == "enabled\n")
    check("and runs", until(lambda: show(MAIN, "ActiveState") == "active") or print(journal(MAIN)))
    modes = sh("stat", "-c", "%U:%G %a %s", str(CONFIGS / "main.yaml"), str(CONFIGS / "main.txt")).stdout.splitlines()
    check(
        "configuration and answer are root's, for the group to read, and the answer is empty",
        [each.split()[:2] for each in modes] == [["root:hotlined-main", "640"]] * 2 and modes[1].endswith(" 0"),
    )
    check("the command is there for everybody", sh("hotlined", "--version", user="nobody").returncode == 0)
    shown = sh("hotlined", "demo")
    check("the demo is none of a Pi's, and says so", (shown.returncode and "gsmmodem" in shown.stderr) or print(shown))
    pages = {path.name for path in Path("/usr/share/man").glob("man?/hotlined*")}
    check("man has its pages", {"hotlined.1.gz", "hotlined-setup.8.gz"} <= pages or print(pages))
    completion = Path("/usr/share/bash-completion/completions/hotlined")
    check("the shell completes", sh("bash", "-c", f". {completion}; complete -p hotlined").returncode == 0)
    units = [*instances(".service"), *instances(".socket"), *instances(".timer"), *instances(".path")]
    verified = sh("systemd-analyze", "verify", "--man=no", *units).stderr
    against = [each for each in verified.splitlines() if "hotlined" in each]
    # one package for both releases: the older systemd reports the settings that it ignores
    against = [each for each in against if not re.search("RestartSteps|RestartMaxDelaySec", each)]
    check("systemd has nothing to say against the units", not against or print(*against, sep="\n"))
    (CONFIGS / "main.yaml").write_text((CONFIGS / "main.yaml").read_text() + "# mine\n")
    before = show(MAIN, "MainPID")
    again = install()
    check("the second time it changes nothing", again.returncode == 0 and show(MAIN, "MainPID") == before)
    again = install(None, "--reinstall")
    check("installed over itself, it leaves the configuration alone", again.returncode == 0 or print(again.stderr))
    check("which is a person's", (CONFIGS / "main.yaml").read_text().endswith("# mine\n"))
    check("and the line is back", until(lambda: show(MAIN, "ActiveState") == "active"))
    sh("usermod", "--append", "--groups", "hotlined-main", "admin")


def unanswered(sim: Client) -> None:
    """Deliver texts before an answer is written: even after a boot none is answered."""
    quicken("main", answer="")
    sh("systemctl", "restart", MAIN)
    check("the modem of a line without an answer is ready", until(lambda: modem() == "ready") or print(status()))
    sim.do("deliver", from_="+32470123400", text="trop tôt")
    check("what comes is kept", until(lambda: [each["text"] for each in log()] == ["trop tôt"]))
    reboot()
    check("it runs after a boot", until(lambda: modem() == "ready") or print(journal(MAIN)))
    sim.do("deliver", from_="+32470123401", text="toujours trop tôt")
    check("and keeps what comes", until(lambda: len(log()) == 2))
    time.sleep(5)
    check("nobody was answered", not sim.do("submitted")["submitted"] or print(log()))
    said = sh("hotlined", "status")
    check("and status says so", "main.txt" in said.stdout or print(said.returncode, said.stdout))
    check("the journal, too", "nobody is answered" in journal(MAIN))
    quicken("main")
    sh("systemctl", "reload", MAIN)
    check("with an answer the line is well", until(ready) or print(sh("hotlined", "status").stdout))
    time.sleep(5)
    check("and answers nobody for what came before", not sim.do("submitted")["submitted"] or print(log()))


def answering(sim: Client) -> None:
    """Deliver a text and see its answer sent, through the service."""
    begun = time.monotonic()
    sh("systemctl", "stop", MAIN)
    begun = time.monotonic()
    started = sh("systemctl", "start", MAIN).returncode == 0
    check("systemctl start returns when the daemon is ready", started or print(journal(MAIN)))
    figure("start to READY=1", f"{time.monotonic() - begun:.2f} s")
    check("the modem is ready", until(ready))
    figure("start to modem ready", f"{time.monotonic() - begun:.2f} s")
    begun = time.monotonic()
    sim.do("deliver", from_="+32470123456", text=SECRET)
    sim.do("wait", for_="submitted", count=1, timeout=30)
    figure("text in to answer out, with no delay", f"{time.monotonic() - begun:.2f} s")
    check("it is in the log", until(lambda: log()[-1]["text"] == SECRET))
    text = journal(MAIN)
    check(
        "the journal tells of it without its text and its number",
        "answer" in text and SECRET not in text and "470123456" not in text,
    )
    warnings = sh("journalctl", "-u", MAIN, "-p", "warning", "--no-pager", "-o", "cat").stdout
    check("priorities reach the journal", "modem ready" not in warnings)
    for unit in (each for each in instances(".service") if "_power" not in each):
        rated = sh("systemd-analyze", "security", "--threshold=15", "--no-pager", unit)
        figure(f"exposure of {unit}", " ".join(re.findall(r"level.*: (.*)", rated.stdout)))
        check(f"the sandbox of {unit} is at 1.5 or better", rated.returncode == 0)
    ours = Path(f"/proc/{show(MAIN, 'MainPID')}/status").read_text()
    check("it holds no capability", re.search(r"CapBnd:\s+0+\n", ours))
    memory()
    listed = sh("systemctl", "list-units", "--plain", "--no-legend", "hotlined*@main.*").stdout.splitlines()
    check("a line has five units at most", len(listed) <= 5 or print(*listed, sep="\n"))


def memory() -> None:
    """Print the daemon's memory, now and at most."""
    status = Path(f"/proc/{show(MAIN, 'MainPID')}/status").read_text()
    now, most = (int(re.findall(rf"{key}:\s+(\d+) kB", status)[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    figure("memory of the daemon", f"{now:.0f} MiB, at most {most:.0f}")


def clock_in_the_sandbox() -> None:
    """Read the kernel's clock from inside the sandbox."""
    drop_in(
        "hotlined-daily@main.service",
        "lab",
        "ExecStart=",
        'ExecStart=/usr/bin/python3 -c "import ctypes; from pathlib import Path; '
        "said = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)); "
        "Path('/run/hotlined/main/clock').write_text(str(said))\"",
    )
    sh("systemctl", "start", "hotlined-daily@main")
    said = Path("/run/hotlined/main/clock")
    check("the sandbox lets adjtimex ask", said.exists() and int(said.read_text()) >= 0)
    said.unlink(missing_ok=True)
    shutil.rmtree("/etc/systemd/system/hotlined-daily@main.service.d")
    sh("systemctl", "daemon-reload")


def reading() -> None:
    """Read as an admin of the group, with a running and a stopped daemon, and as another user."""
    check("the group reads the log while it runs", [each["text"] for each in log(user="admin")][-1:] == [SECRET])
    check("the group reads the status", sh("hotlined", "status", user="admin").returncode == 0)
    begun = time.monotonic()
    sh("systemctl", "stop", MAIN)
    figure("stop", f"{time.monotonic() - begun:.2f} s")
    check("it stops in order", show(MAIN, "Result") == "success" and "stopped" in journal(MAIN))
    check(
        "the group reads the log while it is stopped",
        [each["text"] for each in log(user="admin")][-1:] == [SECRET]
        or print(sh("hotlined", "log", user="admin").stderr, sh("ls", "-la", "/var/lib/hotlined-main").stdout),
    )
    stopped = sh("hotlined", "status", user="admin")
    check("the status then says so", stopped.returncode == 69 and "not alive" in stopped.stdout)
    check("nobody else reads", sh("hotlined", "log", user="nobody").returncode != 0)
    sh("systemctl", "start", MAIN)
    check("what the admin's reading left is no trouble for the daemon", until(ready))
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in Path("/var/lib/hotlined-main").glob("*.db*")}
    secret = {name: mode for name, mode in modes.items() if name.endswith(".lock")}
    check(
        f"its group reads its files, and nobody else {modes}",
        set(modes.items() - secret.items())
        and {mode for name, mode in modes.items() if name not in secret} == {"0o640"}
        and set(secret.values()) == {"0o600"},
    )


def failing(sim: Client) -> None:
    """Recover from a hang and a kill, but not from a broken configuration."""
    drop_in(f"{MAIN}.service", "lab", "WatchdogSec=3s", "RestartSec=1s")
    sh("systemctl", "restart", MAIN)
    well = until(ready)
    time.sleep(7)  # more than twice the watchdog's time
    check("it feeds a watchdog of three seconds", well and show(MAIN, "NRestarts") == "0")
    first = show(MAIN, "MainPID")
    os.kill(int(first), signal.SIGSTOP)
    sim.do("deliver", from_="+32470555001", text="pendant le silence")
    check("a hang ends with the watchdog", until(lambda: show(MAIN, "MainPID") not in (first, "0")))
    check("and it is back", until(ready) and "Watchdog timeout" in journal(MAIN))
    sim.do("wait", for_="submitted", count=2, timeout=30)
    os.kill(int(show(MAIN, "MainPID")), signal.SIGKILL)
    sim.do("deliver", from_="+32470555002", text="pendant la chute")
    begun = time.monotonic()
    check("it comes back from kill -9", until(lambda: len(log()) == 5 and ready()))
    figure("kill -9 to ready, with RestartSec=1s", f"{time.monotonic() - begun:.1f} s")
    sim.do("wait", for_="submitted", count=3, timeout=30)
    check("everybody was answered once", len(sim.do("submitted")["submitted"]) == 3)
    shutil.rmtree("/etc/systemd/system/hotlined@main.service.d")
    sh("systemctl", "daemon-reload")
    configure("main", modem={"poll_interval": "often"})
    check(
        "a broken configuration is refused at reload",
        sh("systemctl", "reload", MAIN).returncode == 0
        and until(lambda: "the configuration is refused" in journal(MAIN))
        and show(MAIN, "ActiveState") == "active",
    )
    restarts = show(MAIN, "NRestarts")
    sh("systemctl", "restart", MAIN)
    check("at the start it ends with 78", until(lambda: show(MAIN, "ExecMainStatus") == "78"))
    time.sleep(3)
    check(
        "and is not tried again",
        show(MAIN, "ActiveState") == "failed" and show(MAIN, "NRestarts") in ("0", restarts),
    )
    configure("main", modem={"poll_interval": "1s"})
    check("corrected, it starts", sh("systemctl", "start", MAIN).returncode == 0 and until(ready))


def another_stick(sim: Client) -> None:
    """Add a line without a stick: it does not take a stick that may be another line's."""
    done = setup("add", "nl")
    check("a line is added", done.returncode == 0 or print(done.stdout, done.stderr))
    check("and is told to name its port", "modem: port:" in done.stdout or print(done.stdout))
    check("it is enabled", sh("systemctl", "is-enabled", NL).stdout == "enabled\n")
    machine = sysfs.build(LAB / "usb", [sysfs.Plugged("1-1.2", "12d1:1001", ("02 ff/ff/ff option ttyUSB2",))])
    Path("/dev/ttyUSB2").symlink_to(LAB / "main")
    for unit in (MAIN, NL):
        drop_in(f"{unit}.service", "usb", f"BindReadOnlyPaths={machine}/bus:/sys/bus")
    configure("main", modem={"port": "auto"})
    sh("systemctl", "stop", MAIN, NL)
    sh("systemctl", "restart", NL)
    waits = until(lambda: "no stick yet" in sh("hotlined", "--line", "nl", "status").stdout, 30)
    check("a line without a stick of its own takes none", waits or print(status("nl"), journal(NL)))
    said = sh("hotlined", "--line", "nl", "status").stdout
    check("and says which there are, and how to name one", ("ttyUSB2" in said and "modem.port" in said) or print(said))
    sh("systemctl", "start", MAIN)
    check("whose it is finds it", until(ready) or print(sh("hotlined", "status").stdout, journal(MAIN)))
    before = len(sim.do("submitted")["submitted"])
    sim.do("deliver", from_="+32470123457", text="à moi")
    check("and answers", until(lambda: len(sim.do("submitted")["submitted"]) == before + 1))
    check(
        "the other has nothing of it",
        not log("nl") and "no stick yet" in sh("hotlined", "--line", "nl", "status").stdout,
    )
    sh("systemctl", "stop", MAIN, NL)
    Path("/dev/ttyUSB2").unlink()
    for unit in (MAIN, NL):
        shutil.rmtree(f"/etc/systemd/system/{unit}.service.d")
    sh("systemctl", "daemon-reload")
    configure("main", modem={"port": str(LAB / "main")})
    sh("systemctl", "start", MAIN)
    check("the line is back at its port", until(ready))


def two_lines() -> None:
    """Serve a second line with its own user, configuration and database, without an effect on the first."""
    sim = simulate("nl", "--number", "+32470999999")
    quicken("nl")
    sh("systemctl", "start", NL)
    check("both run", until(lambda: ready("nl")) and ready())
    sim.do("deliver", from_="+32470123456", text="dag")
    sim.do("wait", for_="submitted", count=1, timeout=30)
    check("each has its own log", until(lambda: [each["text"] for each in log("nl")] == ["dag"]) and len(log()) == 6)
    users = (show(MAIN, "User"), show(NL, "User"))
    check("each has its own user", users == ("hotlined-main", "hotlined-nl"))
    closed = sh(
        "systemd-run",
        "-q",
        "--wait",
        "--uid=hotlined-nl",
        "-p",
        "ProtectSystem=strict",
        "touch",
        "/var/lib/hotlined-main/x",
    )
    check("the second cannot write where the first does", closed.returncode != 0)
    sh("systemctl", "stop", NL)
    check("one stops, the status of the other stays", ready() and Path("/run/hotlined/main/status.json").exists())
    sh("systemctl", "start", NL)
    check("and back", until(lambda: ready("nl")))
    sim.close()


def beside_it() -> None:
    """Run the units of alerts, backup, retention and power."""
    timers = {f"hotlined-{name}@{line}.timer" for name in ("alerts", "daily") for line in ("main", "nl")}
    check("the timers came with the daemons", all(show(timer, "ActiveState") == "active" for timer in timers))
    for name, line in itertools.product(("alerts", "daily"), ("main", "nl")):
        unit = f"hotlined-{name}@{line}"
        sh("systemctl", "start", unit)
        check(f"{unit} runs in its sandbox", show(unit, "Result") == "success" or print(journal(unit)))
        check(f"{unit} leaves nothing in the journal", "Finished" not in journal(unit))
    sh("systemctl", "start", "hotlined-daily@main")
    check("a backup replaces that of the same weekday", show("hotlined-daily@main", "Result") == "success")
    for name in ("main", "nl"):
        backups = list((BACKUPS / name).glob("???.db"))
        check(f"{name} has a backup", len(backups) == 1 and backups[0].stat().st_mode & 0o007 == 0)
    timer = "hotlined-daily@main.timer"
    masked = sh("systemctl", "mask", "--now", timer).returncode == 0
    install(None, "--reinstall")
    sh("systemctl", "restart", MAIN)
    until(ready)
    check(
        "what is masked stays off, through an installation and a start",
        masked and show(timer, "ActiveState") != "active",
    )
    sh("systemctl", "unmask", timer)
    sh("systemctl", "restart", MAIN)
    check("and comes back when it is wanted", until(ready) and show(timer, "ActiveState") == "active")

    request, command, ran = Path("/run/hotlined/main/power-cycle"), Path("/etc/hotlined/power-cycle"), LAB / "cycled"
    seen = Path("/run/hotlined-power/asked-main")

    def ask() -> str:
        before = seen.read_text() if seen.exists() else ""
        sh("rm", "-f", str(request), user="hotlined-main")
        sh("touch", str(request), user="hotlined-main")
        until(lambda: seen.exists() and seen.read_text() != before)
        until(lambda: show("hotlined_power@main.service", "ActiveState") in ("inactive", "failed"))
        return journal("hotlined_power@main")

    watched = show("hotlined_power@main.path", "ActiveState")
    check("without a command nobody watches for requests", watched == "inactive" or print(watched))
    done = setup("power", typed=f"echo >>{ran}\n")
    check("the command is set up", done.returncode == 0 or print(done.stdout, done.stderr))
    command.chmod(0o666)
    check("a command that others can write is not run", "others than root" in ask() and not ran.exists())
    command.chmod(0o600)
    drop_in("hotlined_power@main.service", "lab", "Environment=HOTLINED_MOUNTS=/dev/null")
    ask()
    check("a daemon's request cycles the power", until(ran.exists))
    check("not twice within ten minutes", "less than ten minutes" in ask() and ran.read_text() == "\n")
    check("the path unit still watches", show("hotlined_power@main.path", "ActiveState") == "active")


def stopping(sim: Client) -> None:
    """Stop while the network delays an answer."""
    memory()
    sim.do("fault", kind="no_result", command="+CMGS", count=1)
    sim.do("deliver", from_="+32470555003", text="pendant l'arrêt")
    check("an answer is in hand", until(lambda: (log()[-1]["answer"] or {}).get("state") == "sending"))
    begun = time.monotonic()
    sh("systemctl", "stop", MAIN)
    figure("stop, in the middle of an answer", f"{time.monotonic() - begun:.2f} s")
    check("it stops in order in the middle of an answer", show(MAIN, "Result") == "success")
    check("and says that its fate is not known", log()[-1]["answer"]["state"] == "unconfirmed")
    sh("systemctl", "start", MAIN)
    check("it goes on after that", until(ready))


def pin() -> None:
    """Pass the PIN by LoadCredential, from a file that only root can read."""
    sim = simulate("main", "--pin", "2580")
    path = CONFIGS / "main.pin"
    path.touch(0o600)
    path.write_text("2580\n")
    sh("systemctl", "restart", MAIN)
    check("the PIN is entered from the credential", until(ready))
    check("whose file nobody else reads", sh("cat", str(path), user="hotlined-main").returncode)
    path.unlink()
    sim.close()


MIGRATION = (
    "usr/share/hotlined/hotlined/migrations.py",
    r'^    \(f"first .*, FIRST\),$',
    r'\g<0>\n    ("lab", ("CREATE TABLE lab (x)",)),',
)


def upgrading(sim: Client, other: Client) -> None:
    """Upgrade running lines, and go back with the old package and its copies."""
    older, newer = package(), another("9.9.9", MIGRATION)
    version = sh("dpkg-query", "--show", "--showformat=${Version}", "hotlined").stdout
    before = {line: len(log(line)) for line in ("main", "nl")}
    ran = running()
    begun = time.monotonic()
    with subprocess.Popen(
        ["apt-get", "--yes", "install", str(newer)],
        stdin=subprocess.DEVNULL,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as upgrade:
        until(lambda: all(show(unit, "ActiveState") != "active" for unit in (MAIN, NL)))
        sim.do("deliver", from_="+32470666001", text="pendant la mise à jour")
        other.do("deliver", from_="+32470666002", text="tijdens de upgrade")
        said = upgrade.communicate()[0]
    figure("upgrade", time.monotonic() - begun)
    check("an upgrade ends well", upgrade.returncode == 0 or print(said))
    check(
        "the new version serves both lines",
        until(ready) and until(lambda: ready("nl")) and "9.9.9" in sh("hotlined", "--version").stdout,
    )
    figure("upgrade, until both lines are ready again", time.monotonic() - begun)
    check("what ran, runs", until(lambda: ran <= running()) or print(ran - running()))
    kept = until(lambda: all(len(log(line)) == before[line] + 1 for line in before))
    check("nothing of the log is gone, and what came meanwhile is there", kept or print(before, log(), log("nl")))
    answered = until(lambda: all((log(line)[-1]["answer"] or {}).get("state") == "sent" for line in before))
    check("and was answered", answered or print(log()[-1], log("nl")[-1]))
    check("the schema is the new one", all("lab" in tables(line) for line in before))
    copies = [BACKUPS / f"{line}-{version}.db" for line in before]
    check(
        "both databases were copied first, for root alone", all(path.stat().st_mode & 0o777 == 0o600 for path in copies)
    )

    sim.do("deliver", from_="+32470666003", text="Stop")
    check("somebody opts out", until(lambda: log()[-1]["text"] == "Stop"))
    sh("hotlined", "block", "+32470666004")
    begun = time.monotonic()
    done = install(older)
    figure("way back, the package", time.monotonic() - begun)
    check("the older package can be installed", done.returncode == 0 or print(done.stdout, done.stderr))
    check("it is in use", "9.9.9" not in sh("hotlined", "--version").stdout)
    refused = until(lambda: "restore main --before" in journal(MAIN))
    check("it refuses the newer database, and names the second command", refused or print(journal(MAIN)[-2000:]))
    for line in before:
        done = setup("restore", line, "--before")
        check(f"the copy of {line} can be put back", done.returncode == 0 or print(done.stdout, done.stderr))
        said = done.stdout if line == "main" else said
        told = re.findall(r"^Start it: sudo (systemctl start .*)$", done.stdout, re.MULTILINE)
        check("and how to start it is said", told or print(done.stdout))
        sh("sh", "-c", told[0] if told else "true")
    check("how many contacts it leaves behind is said", re.search(r"had received since .*: 2\.", said) or print(said))
    again = re.findall(r"^(hotlined --line main block (\+\d+))", said, re.MULTILINE)
    check(
        "and who was blocked, and opted out, since",
        [number for _, number in again] == ["+32470666003", "+32470666004"] or print(said),
    )
    back = until(ready) and until(lambda: ready("nl"))
    check("both lines run", back or print(sh("hotlined", "status").stdout, sh("systemctl", "--failed").stdout))
    check(
        "with the database of before",
        all(len(log(line)) == before[line] and "lab" not in tables(line) for line in before),
    )


def running() -> set[str]:
    """Return our running units, without jobs that end by themselves."""
    listed = sh("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "hotlined*").stdout
    return {
        each
        for each in re.findall(r"^\S+", listed, re.MULTILINE)
        if re.search(r"^hotlined@|\.(socket|timer|path)$", each)
    }


def nothing_is_left() -> bool:
    """Tell whether none of our units, files and pages is left; print those that are."""
    listed = sh("systemctl", "list-units", "--all", "--no-legend", "hotlined*").stdout.splitlines()
    left = [each for each in listed if "not-found" not in each]  # systemd 252 keeps the names of removed units
    files = [path for folder in ("lib", "share", "bin", "sbin") for path in Path("/usr", folder).rglob("*hotlined*")]
    if left or files:
        print(left, files, flush=True)
    return not (left or files)


def removing() -> None:
    """Remove the program, and install it again: enabled units are enabled and run."""
    sh("systemctl", "disable", "--now", NL)
    done = apt("remove", "hotlined")
    check("it is removed", (done.returncode == 0 and not shutil.which("hotlined")) or print(done.stdout, done.stderr))
    check("no unit is left", nothing_is_left())
    check("the data are", Path("/var/lib/hotlined-main/hotlined.db").exists() and (CONFIGS / "main.yaml").exists())
    done = install()
    check("installed again it finds them", (done.returncode == 0 and len(log()) > 0) or print(done.stdout, done.stderr))
    check("and runs", until(ready) or print(sh("hotlined", "status").stdout))
    enabled = [sh("systemctl", "is-enabled", unit).stdout.strip() for unit in (MAIN, NL)]
    check("what was enabled is, and what was not is not", enabled == ["enabled", "disabled"] or print(enabled))
    check("so it runs", show(MAIN, "ActiveState") == "active" and show(NL, "ActiveState") == "inactive")


def purging() -> None:
    """Erase one line, then all: until then the data stay."""
    done = setup("remove", "nl", "--purge", typed="no\n")
    check("a line is not erased without its name", done.returncode == 1 and (CONFIGS / "nl.yaml").exists())
    sh("systemctl", "stop", "lab-nl-*")
    begun = time.monotonic()
    done = setup("remove", "nl", "--purge", typed="nl\n")
    figure("a line is erased", time.monotonic() - begun)
    left = [
        *CONFIGS.glob("nl*"),
        *BACKUPS.glob("nl*"),
        *Path("/var/lib").glob("hotlined-nl*"),
        *Path("/run").glob("hotlined*/nl*"),
    ]
    check(
        "with it a line goes, and its users",
        (done.returncode == 0 and not left) or print(left, done.stdout, done.stderr),
    )
    check("who are gone, too", all(sh("getent", "passwd", f"{kind}-nl").returncode for kind in ("hotlined", "hotweb")))
    check("the first line runs on", ready())
    sh("systemctl", "stop", "lab-*")
    done = apt("purge", "hotlined")
    check("the package is purged", done.returncode == 0 or print(done.stdout, done.stderr))
    check("nothing is left", nothing_is_left() and not [*Path("/etc/systemd/system").rglob("*.wants/hotlined*")])
    told = re.findall(r"^(\S+) is still there.* sudo (rm -r \S+)$", done.stdout, re.MULTILINE)
    data = {"/etc/hotlined", "/var/lib/hotlined-main", "/var/backups/hotlined"}
    check("but the data, and how to erase them is said", {path for path, _ in told} == data or print(told, done.stdout))
    for _, command in told:
        sh(*command.split())
    check("which does", not any(Path(path).exists() for path in data))


def decided() -> bool:
    """Tell whether a member of the group can decide."""
    return all(sh("hotlined", verb, user="admin").returncode == 0 for verb in ("pause", "resume"))


def threatened(sim: Client) -> None:
    """Deliver a text with a word of `alerts.words`: the alerts start at once; their request is a file in memory."""
    alerts, path, alarm = "hotlined-alerts@main.service", "hotlined-alerts@main.path", Path("/run/hotlined/main/alarm")
    configure("main", alerts={"words": ["te tuer"]})
    sh("systemctl", "reload", MAIN)
    sh("systemctl", "stop", "hotlined-alerts@main.timer")

    check("the path unit of the alerts came with the daemon", show(path, "ActiveState") == "active")
    # a request is not noticed during the timer's run, which may begin with the timer
    until(lambda: show(alerts, "ActiveState") in ("inactive", "failed"))
    before, begun = show(alerts, "InvocationID"), time.monotonic()
    sim.do("deliver", from_="+32470123458", text="Je vais te TUER")
    check("a word of alerts.words starts the alerts at once", until(lambda: show(alerts, "InvocationID") != before, 60))
    figure("text in to the start of the alerts", f"{time.monotonic() - begun:.2f} s")
    check("they ran in their sandbox", until(lambda: show(alerts, "Result") == "success") or print(journal(alerts)))
    for number in range(5):  # few: each is answered, and other acts need the rest of the windows
        sim.do("deliver", from_=f"+3247013000{number}", text="te tuer")
    kept = until(lambda: len([each for each in log() if each["text"] == "te tuer"]) == 5)
    check("more such texts leave the path unit watching", kept and show(path, "ActiveState") == "active")
    check("nothing of a text is in the file that tells of it", alarm.exists() and "tuer" not in alarm.read_text())
    configure("main", alerts={"words": []})
    sh("systemctl", "reload", MAIN)
    sh("systemctl", "start", "hotlined-alerts@main.timer")


def main() -> int:
    """Run all acts; the exit code is the number of failures."""
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)
    installing()
    sim = simulate("main")
    unanswered(sim)
    answering(sim)
    clock_in_the_sandbox()
    reading()
    failing(sim)
    another_stick(sim)
    two_lines()
    beside_it()
    threatened(sim)
    stopping(sim)
    sim.close()
    pin()
    sim, other = simulate("main"), simulate("nl", "--number", "+32470999999")
    sh("systemctl", "restart", MAIN, NL)
    check("both lines are ready", until(ready) and until(lambda: ready("nl")))
    upgrading(sim, other)
    removing()
    sim.close()
    other.close()
    purging()
    return result()


if __name__ == "__main__":
    sys.exit(main())
