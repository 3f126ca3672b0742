"""What the installed service does under a real systemd: run as root inside the container of `scripts/lab service`.

Each check prints PASS or FAIL; the exit code is 0 when all passed. The stick is the simulator on a pseudo-terminal, so
that DeviceAllow= and udev are not met here: `scripts/lab usb` does that. Where /srv/packages is, the Debian package in
it is installed, and not the checkout.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checks import check, figure, result

PROJECT = Path("/srv/project")
WHEELS = Path("/srv/wheels")
LAB = Path("/run/lab")
PACKAGES = Path("/srv/packages")
PACKAGED = PACKAGES.exists()
PREFIX = Path("/usr/lib/hotlined" if PACKAGED else "/opt/hotlined")
UNITS = Path("/usr/lib/systemd/system" if PACKAGED else "/usr/local/lib/systemd/system")
SHARE = Path("/usr/share" if PACKAGED else "/usr/local/share")
COMPLETION = Path("/usr/share/bash-completion/completions" if PACKAGED else "/etc/bash_completion.d") / "hotlined"
BACKUPS = Path("/var/backups/hotlined")
PATIENCE_SECONDS = 60.0
_sticks = itertools.count(1)
SECRET = "Pas ce mot dans le journal"

sys.path.insert(0, str(PROJECT))
from hotlined.simulator.client import Client  # noqa: E402  # the project is where the container has it


def sh(*words: str, user: str | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command, as root or as somebody else."""
    prefix = ("runuser", "-u", user, "--") if user else ()
    return subprocess.run([*prefix, *words], text=True, capture_output=True, check=False, **more)


def show(unit: str, what: str) -> str:
    """Return a property of a unit."""
    return sh("systemctl", "show", "-P", what, unit).stdout.strip()


def journal(unit: str) -> str:
    """Return what a unit and systemd wrote of it."""
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


def installing_by(checkout: Path, *arguments: str) -> list[list[str]]:
    """Return the commands that do by the package, where there is one, what a checkout's installer does."""
    if not PACKAGED:
        return [[str(checkout / "scripts/install"), *arguments]]
    if "--uninstall" in arguments:
        purge = [["hotlined-setup", "--purge-data"], ["dpkg", "--purge", "hotlined"]]
        return purge if "--purge-data" in arguments else [["dpkg", "--remove", "hotlined"]]
    options = list(arguments)
    if "--wheels" in options:
        at = options.index("--wheels")
        options = options[:at] + options[at + 2 :]
    wanted = package(checkout)
    said = Path("/usr/lib/hotlined/setup/unpacked")
    is_there = said.exists() and said.read_text() == name_in(wanted)
    unpack = (
        [] if options and is_there else [["dpkg", "--force-unsafe-io", "--install", *map(str, (*needed(), wanted))]]
    )
    return [*unpack, *([["hotlined-setup", *options]] if options else [])]


def needed() -> list[Path]:
    """Return the packages of Debian that ours needs, as long as they are not installed."""
    others = [path for path in PACKAGES.glob("*.deb") if not path.name.startswith("hotlined_")]
    return others if sh("dpkg", "--status", "usb-modeswitch").returncode else []


def name_in(file: Path) -> str:
    """Return what names the program in a package."""
    return sh("sh", "-c", f"dpkg-deb --fsys-tarfile {file} | tar -xO ./usr/lib/hotlined/setup/unpacked").stdout


def package(checkout: Path) -> Path:
    """Return the package of a checkout: ours, or ours with the checkout's program in it."""
    (ours,) = PACKAGES.glob("hotlined_*.deb")
    if checkout == PROJECT:
        return ours
    made = LAB / f"{checkout.name}.deb"
    if made.exists():
        return made
    tree = LAB / f"{checkout.name}.package"
    sh("dpkg-deb", "--raw-extract", str(ours), str(tree))
    program = tree / "usr/lib/hotlined/unpacked/lib/hotlined"
    shutil.rmtree(program)
    shutil.copytree(checkout / "hotlined", program, ignore=shutil.ignore_patterns("__pycache__"))
    (version,) = re.findall(r'__version__ = "([^"]+)"', (program / "__init__.py").read_text())
    (tree / "usr/lib/hotlined/setup/unpacked").write_text(f"{version}-{checkout.name}\n")
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    sh("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made))
    shutil.rmtree(tree)
    return made


def install(
    *arguments: str, checkout: Path = PROJECT, prefix: tuple[str, ...] = (), **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run the installer of a checkout, or what does the same by the package, without a network."""
    said = ["", ""]
    for words in installing_by(checkout, *arguments):
        done = sh(*prefix, *words, **more)
        said = [said[0] + done.stdout, said[1] + done.stderr]
        # a copy that cannot be made ends dpkg, and is what --without-backup is for
        if done.returncode and "--without-backup" not in arguments:
            break
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def python() -> Path:
    """Return the Python of the program in use, of whichever installation."""
    return next(path for path in (PREFIX, Path("/opt/hotlined")) if (path / "current").exists()) / "current/bin/python"


def drop_in(unit: str, name: str, *lines: str) -> None:
    """Give a unit a drop-in."""
    folder = Path(f"/etc/systemd/system/{unit}.d")
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.conf").write_text("\n".join(("[Service]", *lines, "")))
    sh("systemctl", "daemon-reload")


def configure(line: str, /, **values: str) -> None:
    """Change values in a line's configuration, and write its answer, as an admin does in an editor."""
    path = Path(f"/etc/hotlined/{line}.yaml")
    text = path.read_text()
    for key, value in values.items():
        text, count = re.subn(rf"^( *){key}: .*$", rf"\g<1>{key}: {value}", text, count=1, flags=re.MULTILINE)
        assert count, key
    path.write_text(text)
    answer = path.with_name(f"{'main' if line == 'config' else line}.txt")
    if not answer.read_text():
        answer.write_text("Non.\n")


def reader() -> list[str]:
    """Return how systemd-run gives a program what the simulator reads texts with, and no Pi has."""
    (wheel,) = WHEELS.glob("python_gsmmodem*.whl")
    return [f"--setenv=PYTHONPATH={wheel}"]


def simulate(line: str, user: str, *options: str) -> Client:
    """Start a simulated stick for the user of a line."""
    sh("systemctl", "stop", f"lab-{line}-*")
    unit = f"lab-{line}-{next(_sticks)}"  # systemd 252 keeps the name of one that has ended
    link, control = LAB / line, LAB / f"{line}.control"
    words = [
        python(),
        "-m",
        "hotlined.simulator",
        "--link",
        link,
        "--control",
        control,
        *options,
    ]
    how = ("-q", "--collect", f"--unit={unit}", f"--uid={user}", f"--gid={user}", *reader())
    done = sh("systemd-run", *how, *map(str, words))
    assert done.returncode == 0, done.stderr
    assert until(control.exists, 10), journal(unit)
    return Client(control)


def log(line: str | None = None, *, user: str | None = None) -> list[dict[str, Any]]:
    """Return the log of a line."""
    words = ("hotlined", *(("--line", line) if line else ()), "log", "-n", "0", "--json")
    done = sh(*words, user=user)
    return [json.loads(each) for each in done.stdout.splitlines()]


def ready(line: str | None = None) -> bool:
    """Tell whether a line says that all is well."""
    return sh("hotlined", *(("--line", line) if line else ()), "status").returncode == 0


def instances(ending: str) -> list[str]:
    """Return the installed units of a kind for the first line and for a further one."""
    found = []
    for path in sorted(UNITS.glob(f"hotlined*{ending}")):
        lines = ("main", "nl") if path.name.startswith("hotlined-") else ("nl",)
        found += [path.name.replace("@", f"@{line}") for line in lines if "@" in path.name] or [path.name]
    return found


def tables() -> set[str]:
    """Return the names of the tables of the first line."""
    with contextlib.closing(sqlite3.connect("/var/lib/hotlined/hotlined.db")) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


# ---- the acts, in their order


def installing() -> None:
    """Get from a checkout to a service that can be started."""
    sh("useradd", "admin")
    os.environ["SUDO_USER"] = "admin"
    LAB.joinpath("systemd-tmpfiles").write_text(
        '#!/bin/sh\ncase "$*" in *--prefix=*) exec /usr/bin/systemd-tmpfiles "$@" ;; esac\nexit 1\n'
    )
    LAB.joinpath("systemd-tmpfiles").chmod(0o755)
    begun = time.monotonic()
    cut = install("--wheels", str(WHEELS), prefix=("env", f"PATH={LAB}:{os.environ['PATH']}"))
    LAB.joinpath("systemd-tmpfiles").unlink()
    done = install("--wheels", str(WHEELS))
    figure("installation", f"{time.monotonic() - begun:.0f} s")
    check(
        "cut off, it goes on the next time",
        cut.returncode and "+ write" not in done.stdout and "daemon-reload" in done.stdout,
    )
    figure("size of the installation", f"{sh('du', '-sm', str(PREFIX)).stdout.split()[0]} MiB")
    check("the installer ends well", done.returncode == 0 or print(done.stdout, done.stderr))
    check("the service is enabled, and not started before its configuration was looked at", enabled_and_inactive())
    check(
        "the configuration is for root and the group", Path("/etc/hotlined/config.yaml").stat().st_mode & 0o777 == 0o640
    )
    check("the command is there for everybody", sh("hotlined", "--version", user="nobody").returncode == 0)
    shown = sh("hotlined", "demo")
    check("the demo is none of a Pi's, and says so", shown.returncode == 1 and "pip install" in shown.stderr)
    pages = {path.name.removesuffix(".gz") for path in SHARE.glob("man/man?/hotlined*")}
    check("man has its pages", {"hotlined.1", "hotlined-log.1", "hotlined.yaml.5"} <= pages)
    check("the shell completes", sh("bash", "-n", str(COMPLETION)).returncode == 0)
    units = [*instances(".service"), *instances(".socket"), *instances(".timer"), *instances(".path")]
    verified = sh("systemd-analyze", "verify", "--man=no", *units).stderr
    against = [each for each in verified.splitlines() if "hotlined" in each]
    if PACKAGED:  # which is one for both releases: the older systemd says that it leaves these out
        against = [each for each in against if not re.search("RestartSteps|RestartMaxDelaySec", each)]
    check("systemd has nothing to say against the units", not against or print(*against, sep="\n"))
    Path("/etc/hotlined/config.yaml").write_text(Path("/etc/hotlined/config.yaml").read_text() + "# mine\n")
    again = install("--wheels", str(WHEELS))
    check(
        "the second time it changes nothing",
        again.returncode == 0 and "+ write" not in again.stdout and "pip" not in again.stdout,
    )
    check("and leaves the configuration alone", Path("/etc/hotlined/config.yaml").read_text().endswith("# mine\n"))


def enabled_and_inactive() -> bool:
    """Tell whether the service will start at boot and does not run."""
    return (
        sh("systemctl", "is-enabled", "hotlined").stdout == "enabled\n"
        and show("hotlined", "ActiveState") == "inactive"
    )


def answering(sim: Client) -> None:
    """Let a text in and its answer out, through the service."""
    begun = time.monotonic()
    started = sh("systemctl", "start", "hotlined").returncode == 0
    check("systemctl start returns when the daemon is ready", started or print(journal("hotlined")))
    figure("start to READY=1", f"{time.monotonic() - begun:.2f} s")
    check("the modem is ready", until(ready))
    figure("start to modem ready", f"{time.monotonic() - begun:.2f} s")
    begun = time.monotonic()
    sim.do("deliver", from_="+32470123456", text=SECRET)
    sim.do("wait", for_="submitted", count=1, timeout=30)
    figure("text in to answer out, with no delay", f"{time.monotonic() - begun:.2f} s")
    check("it is in the log", until(lambda: [each["text"] for each in log()] == [SECRET]))
    text = journal("hotlined")
    check(
        "the journal tells of it without its text and its number",
        "answer" in text and SECRET not in text and "470123456" not in text,
    )
    warnings = sh("journalctl", "-u", "hotlined", "-p", "warning", "--no-pager", "-o", "cat").stdout
    check("priorities reach the journal", "modem ready" not in warnings)
    for unit in instances(".service"):
        rated = sh("systemd-analyze", "security", "--threshold=15", "--no-pager", unit)
        figure(f"exposure of {unit}", " ".join(re.findall(r"level.*: (.*)", rated.stdout)))
        check(f"the sandbox of {unit} is at 1.5 or better", rated.returncode == 0)
    ours = Path(f"/proc/{show('hotlined', 'MainPID')}/status").read_text()
    check("it holds no capability", re.search(r"CapBnd:\s+0+\n", ours))
    memory()


def memory() -> None:
    """Tell the memory of the daemon, now and at most."""
    status = Path(f"/proc/{show('hotlined', 'MainPID')}/status").read_text()
    now, most = (int(re.findall(rf"{key}:\s+(\d+) kB", status)[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    figure("memory of the daemon", f"{now:.0f} MiB, at most {most:.0f}")


def clock_in_the_sandbox() -> None:
    """Ask the kernel for its clock from inside."""
    drop_in(
        "hotlined-purge@main.service",
        "lab",
        "ExecStart=",
        f'ExecStart={PREFIX}/current/bin/python -c "import ctypes; from pathlib import Path; '
        "said = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)); "
        "Path('/run/hotlined/main/clock').write_text(str(said))\"",
    )
    sh("systemctl", "start", "hotlined-purge@main")
    said = Path("/run/hotlined/main/clock")
    check("the sandbox lets adjtimex ask", said.exists() and int(said.read_text()) >= 0)
    said.unlink(missing_ok=True)
    shutil.rmtree("/etc/systemd/system/hotlined-purge@main.service.d")
    sh("systemctl", "daemon-reload")


def reading() -> None:
    """Read as an admin of the group, over the running and the stopped daemon, and as somebody else."""
    check("the group reads the log while it runs", [each["text"] for each in log(user="admin")] == [SECRET])
    check("the group reads the status", sh("hotlined", "status", user="admin").returncode == 0)
    begun = time.monotonic()
    sh("systemctl", "stop", "hotlined")
    figure("stop", f"{time.monotonic() - begun:.2f} s")
    check("it stops in order", show("hotlined", "Result") == "success" and "stopped" in journal("hotlined"))
    check(
        "the group reads the log while it is stopped",
        [each["text"] for each in log(user="admin")] == [SECRET]
        or print(sh("hotlined", "log", user="admin").stderr, sh("ls", "-la", "/var/lib/hotlined").stdout),
    )
    stopped = sh("hotlined", "status", user="admin")
    check("the status then says so", stopped.returncode == 69 and "not alive" in stopped.stdout)
    check("nobody else reads", sh("hotlined", "log", user="nobody").returncode != 0)
    sh("systemctl", "start", "hotlined")
    check("what the admin's reading left is no trouble for the daemon", until(ready))
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in Path("/var/lib/hotlined").glob("*.db*")}
    secret = {name: mode for name, mode in modes.items() if name.endswith(".lock")}
    check(
        f"its group reads its files, and nobody else {modes}",
        set(modes.items() - secret.items())
        and {mode for name, mode in modes.items() if name not in secret} == {"0o640"}
        and set(secret.values()) == {"0o600"},
    )


def failing(sim: Client) -> None:
    """Come back from a hang and a kill, and not from a configuration that cannot be used."""
    drop_in("hotlined.service", "lab", "WatchdogSec=3s", "RestartSec=1s")
    sh("systemctl", "restart", "hotlined")
    well = until(ready)
    time.sleep(7)  # more than twice the watchdog
    check("it feeds a watchdog of three seconds", well and show("hotlined", "NRestarts") == "0")
    first = show("hotlined", "MainPID")
    os.kill(int(first), signal.SIGSTOP)
    sim.do("deliver", from_="+32470555001", text="pendant le silence")
    check("a hang ends with the watchdog", until(lambda: show("hotlined", "MainPID") not in (first, "0")))
    check("and it is back", until(ready) and "Watchdog timeout" in journal("hotlined"))
    sim.do("wait", for_="submitted", count=2, timeout=30)
    os.kill(int(show("hotlined", "MainPID")), signal.SIGKILL)
    sim.do("deliver", from_="+32470555002", text="pendant la chute")
    begun = time.monotonic()
    check("it comes back from kill -9", until(lambda: len(log()) == 3 and ready()))
    figure("kill -9 to ready, with RestartSec=1s", f"{time.monotonic() - begun:.1f} s")
    sim.do("wait", for_="submitted", count=3, timeout=30)
    check("everybody was answered once", len(sim.do("submitted")["submitted"]) == 3)
    shutil.rmtree("/etc/systemd/system/hotlined.service.d")
    sh("systemctl", "daemon-reload")
    configure("config", poll_interval="often")
    check(
        "a broken configuration is refused at reload",
        sh("systemctl", "reload", "hotlined").returncode == 0
        and until(lambda: "the configuration is refused" in journal("hotlined"))
        and show("hotlined", "ActiveState") == "active",
    )
    restarts = show("hotlined", "NRestarts")
    sh("systemctl", "restart", "hotlined")
    check("at the start it ends with 78", until(lambda: show("hotlined", "ExecMainStatus") == "78"))
    time.sleep(3)
    check(
        "and is not tried again",
        show("hotlined", "ActiveState") == "failed" and show("hotlined", "NRestarts") in ("0", restarts),
    )
    configure("config", poll_interval="1s")
    check("corrected, it starts", sh("systemctl", "start", "hotlined").returncode == 0 and until(ready))


def two_lines() -> None:
    """Add a second line with its own user, configuration and database; the first does not notice."""
    done = install("--wheels", str(WHEELS), "--line", "nl")
    check("a line is added", done.returncode == 0)
    configure("nl", port=str(LAB / "nl"), poll_interval="1s", send_interval="0s", delay="0s")
    sim = simulate("nl", "hotlined-nl", "--number", "+32470999999")
    sh("systemctl", "start", "hotlined@nl")
    check("both run", until(lambda: ready("nl")) and ready())
    sim.do("deliver", from_="+32470123456", text="dag")
    sim.do("wait", for_="submitted", count=1, timeout=30)
    check("each has its own log", until(lambda: [each["text"] for each in log("nl")] == ["dag"]) and len(log()) == 3)
    check(
        "each has its own user", (show("hotlined", "User"), show("hotlined@nl", "User")) == ("hotlined", "hotlined-nl")
    )
    closed = sh(
        "systemd-run", "-q", "--wait", "--uid=hotlined-nl", "-p", "ProtectSystem=strict", "touch", "/var/lib/hotlined/x"
    )
    check("the second cannot write where the first does", closed.returncode != 0)
    sh("systemctl", "stop", "hotlined@nl")
    check("one stops, the status of the other stays", ready() and Path("/run/hotlined/main/status.json").exists())
    sh("systemctl", "start", "hotlined@nl")
    check("and back", until(lambda: ready("nl")))
    sim.close()


def beside_it() -> None:
    """Run the units of alerts, backup, retention and power."""
    timers = {f"hotlined-{name}@{line}.timer" for name in ("alerts", "backup", "purge") for line in ("main", "nl")}
    check("the timers came with the daemons", all(show(timer, "ActiveState") == "active" for timer in timers))
    for name, line in itertools.product(("alerts", "backup", "purge"), ("main", "nl")):
        unit = f"hotlined-{name}@{line}"
        sh("systemctl", "start", unit)
        check(f"{unit} runs in its sandbox", show(unit, "Result") == "success" or print(journal(unit)))
        check(f"{unit} leaves nothing in the journal", "Finished" not in journal(unit))
    sh("systemctl", "start", "hotlined-backup@main")
    check("a backup replaces that of the same weekday", show("hotlined-backup@main", "Result") == "success")
    for name in ("main", "nl"):
        backups = list((BACKUPS / name).glob("???.db"))
        check(f"{name} has a backup", len(backups) == 1 and backups[0].stat().st_mode & 0o007 == 0)
    timer = "hotlined-backup@main.timer"
    masked = sh("systemctl", "mask", "--now", timer).returncode == 0
    install("--wheels", str(WHEELS))
    sh("systemctl", "restart", "hotlined")
    until(ready)
    check(
        "what is masked stays off, through an installation and a start",
        masked and show(timer, "ActiveState") != "active",
    )
    sh("systemctl", "unmask", timer)
    sh("systemctl", "restart", "hotlined")
    check("and comes back when it is wanted", until(ready) and show(timer, "ActiveState") == "active")

    request, command, ran = Path("/run/hotlined/main/power-cycle"), Path("/etc/hotlined/power-cycle"), LAB / "cycled"
    seen = Path("/run/hotlined-power/asked-main")

    def ask() -> str:
        before = seen.read_text() if seen.exists() else ""
        sh("rm", "-f", str(request), user="hotlined")
        sh("touch", str(request), user="hotlined")
        until(lambda: seen.exists() and seen.read_text() != before)
        until(lambda: show("hotlined-power@main.service", "ActiveState") in ("inactive", "failed"))
        return journal("hotlined-power@main")

    check("without a command there is no power cycle", "is missing" in ask())
    command.write_text(f"echo >>{ran}\n")
    command.chmod(0o666)
    check("a command that others can write is not run", "others than root" in ask() and not ran.exists())
    command.chmod(0o600)
    drop_in("hotlined-power@main.service", "lab", f"ReadWritePaths={LAB}", "Environment=HOTLINED_MOUNTS=/dev/null")
    ask()
    check("a daemon's request cycles the power", until(ran.exists))
    check("not twice within ten minutes", "less than ten minutes" in ask() and ran.read_text() == "\n")
    check("the path unit still watches", show("hotlined-power@main.path", "ActiveState") == "active")


def scraped() -> dict[str, float]:
    """Return what the node exporter says of the lines, by name and labels."""
    with contextlib.suppress(OSError), urllib.request.urlopen("http://127.0.0.1:9100/metrics", timeout=30) as page:
        said = page.read().decode()
        found = re.findall(r"^(hotlined_\S+|node_textfile_scrape_error) (\S+)$", said, re.MULTILINE)
        return {series: float(value) for series, value in found}
    return {}


def written_since(mark: Path) -> list[str]:
    """Return the files on the disk that have changed since a file was written, the journal aside."""
    words = ("find", "/etc", "/opt", "/root", "/srv", "/usr", "/var", "-xdev", "-newer", str(mark), "-type", "f")
    return [path for path in sh(*words).stdout.splitlines() if not path.startswith("/var/log/journal/")]


def collect(unit: str) -> bool:
    """Write the figures anew, as the timer does each minute; tell whether it went well."""
    sh("systemctl", "reset-failed", unit)  # forgets how often it was started lately, too
    return sh("systemctl", "start", unit).returncode == 0


def said_by(unit: str) -> list[str]:
    """Return the lines of the journal of a unit."""
    return [line for line in journal(unit).splitlines() if not line.startswith("-- ")]


def exported(sim: Client) -> None:
    """Let Debian's node exporter read the figures of the line, set up as docs/metrics.md says."""
    page = (PROJECT / "docs/metrics.md").read_text()
    (arguments,) = re.findall(r"^ARGS=.*$", page, re.MULTILINE)
    names = set(re.findall(r"^\| `(hotlined_\w+)` \|", page, re.MULTILINE))
    said = sh("prometheus-node-exporter", "--version")
    figure("the node exporter", (said.stdout + said.stderr).partition("\n")[0].split("(")[0])
    Path("/etc/default/prometheus-node-exporter").write_text(f"{arguments}\n")
    sh("systemctl", "unmask", "prometheus-node-exporter")
    sh("systemctl", "restart", "prometheus-node-exporter")
    timer, unit = "hotlined-metrics@main.timer", "hotlined-metrics@main"
    check("where an exporter is, the timer comes with the daemon", show(timer, "ActiveState") == "active")
    check("figures are written in their sandbox", collect(unit) or print(journal(unit)))
    until(scraped)
    found = scraped()
    here = {name.partition("{")[0] for name, _ in found.items() if 'line="fr"' in name}
    # what this stick and this line have not: a balance, a copy that was put back
    missing = (
        names
        - here
        - {
            "hotlined_balance",
            "hotlined_restored_timestamp_seconds",
            "hotlined_answers_queued",
        }
    )
    check("the exporter has our figures", (here and not missing) or print(missing, sorted(found)))
    check("and finds no fault with them", found.get("node_textfile_scrape_error") == 0)
    check("it says that the line lives", found.get('hotlined_up{line="fr"}') == 1)
    segments = 'hotlined_segments_sent_total{line="fr"}'
    before = found.get(segments, 0)
    sim.do("deliver", from_="+32470124001", text="compte-moi")
    until(lambda: log()[-1]["text"] == "compte-moi" and (log()[-1]["answer"] or {}).get("state") == "sent")
    sent = log()[-1]["answer"]["segments_sent"]
    collect(unit)
    check("and what left since", sent and until(lambda: scraped().get(segments) == before + sent))

    mark = LAB / "mark"
    time.sleep(2)  # what the line still had to write
    mark.write_text("")
    time.sleep(0.1)
    for _ in range(5):
        collect(unit)
        scraped()
    written = written_since(mark)
    check("while nothing happens no figure is written to the card", not written or print(written))
    check("and the journal hears nothing of it", not said_by(unit) or print(journal(unit)))
    sh("systemctl", "stop", "hotlined")
    collect(unit)
    check("a line that is stopped is said to be down", until(lambda: scraped().get('hotlined_up{line="fr"}') == 0))
    sh("systemctl", "disable", "--now", "prometheus-node-exporter")
    sh("systemctl", "start", "hotlined")
    check("the line is back", until(ready))


def stopping(sim: Client) -> None:
    """Stop while the network keeps an answer waiting."""
    memory()
    sim.do("fault", kind="no_result", command="+CMGS", count=1)
    sim.do("deliver", from_="+32470555003", text="pendant l'arrêt")
    check("an answer is in hand", until(lambda: (log()[-1]["answer"] or {}).get("state") == "sending"))
    begun = time.monotonic()
    sh("systemctl", "stop", "hotlined")
    figure("stop, in the middle of an answer", f"{time.monotonic() - begun:.2f} s")
    check("it stops in order in the middle of an answer", show("hotlined", "Result") == "success")
    check("and says that its fate is not known", log()[-1]["answer"]["state"] == "unconfirmed")
    sh("systemctl", "start", "hotlined")
    check("it goes on after that", until(ready))


def pin() -> None:
    """Hand the PIN over by LoadCredential, from a file that only root can read."""
    sim = simulate("fr", "hotlined", "--pin", "2580")
    Path("/etc/hotlined/pin").write_text("2580\n")
    Path("/etc/hotlined/pin").chmod(0o600)
    folder = Path("/etc/systemd/system/hotlined.service.d")
    folder.mkdir()
    shutil.copy(PROJECT / "systemd/pin.conf", folder)
    sh("systemctl", "daemon-reload")
    sh("systemctl", "restart", "hotlined")
    check("the PIN is entered from the credential", until(ready))
    shutil.rmtree(folder)
    sim.close()


def go_back(said: str) -> bool:
    """Do what the installer says; tell whether all of it could be done."""
    lines = [each.strip().removeprefix("sudo ") for each in said.splitlines() if each.startswith("  sudo ")]
    well = bool(lines)
    for each in lines:
        words = each.split()
        if words[0] == "-u":
            words = ["runuser", "-u", words[1], "--", *words[2:]]
        done = sh(*words)
        well = well and done.returncode == 0
        print(f"     {each}: {done.returncode} {done.stderr.strip()}", flush=True)
    return well


def upgrading() -> None:
    """Install another version, and go back by what the installer says."""
    newer = Path("/srv/newer")
    shutil.copytree(PROJECT, newer)
    version = newer / "hotlined/__init__.py"
    version.write_text(re.sub(r'__version__ = "[^"]+"', '__version__ = "9.9.9"', version.read_text()))
    schema = newer / "hotlined/migrations.py"
    migration = '("lab", ("CREATE TABLE lab (x)",)),'
    changed, count = re.subn(r"(?m)^SCHEMA = \((\n    .*)+", rf"\g<0>\n    {migration}", schema.read_text())
    assert count == 1
    schema.write_text(changed)
    before = len(log())
    begun = time.monotonic()
    done = install("--wheels", str(WHEELS), checkout=newer)
    figure("upgrade", f"{time.monotonic() - begun:.0f} s")
    check("an upgrade ends well", done.returncode == 0 or print(done.stdout, done.stderr))
    check(
        "the new version serves both lines",
        "9.9.9" in sh("hotlined", "--version").stdout and until(ready) and until(lambda: ready("nl")),
    )
    check("nothing of the log is gone, and the schema is the new one", len(log()) == before and "lab" in tables())
    check(
        "both databases were backed up first",
        all(list((BACKUPS / x).glob("before-*.db")) for x in ("main", "nl")),
    )
    check("the way back can be gone", go_back(done.stdout))
    check(
        "and back, with the database of before",
        "9.9.9" not in sh("hotlined", "--version").stdout
        and until(ready)
        and until(lambda: ready("nl"))
        and len(log()) == before
        and "lab" not in tables(),
    )


def nothing_is_left() -> bool:
    """Tell whether no unit and no page of ours is installed, and no unit loaded; print what is."""
    listed = sh("systemctl", "list-units", "--all", "--no-legend", "hotlined*").stdout.splitlines()
    left = [each for each in listed if "not-found" not in each]  # systemd 252 keeps their names
    files = [*UNITS.glob("hotlined*"), *Path("/opt").glob("hotlined*"), *Path("/etc/systemd/system").rglob("hotlined*")]
    files += Path("/usr/local/share").rglob("hotlined*")
    if left or files:
        print(left, files, flush=True)
    return not (left or files)


def uninstalling() -> None:
    """Take the program away; the data stay until they are told to go."""
    sh("systemctl", "stop", "lab-*")
    shutil.rmtree("/etc/systemd/system/hotlined-power@main.service.d")
    done = install("--uninstall")
    check(
        "it is uninstalled",
        done.returncode == 0 and not shutil.which("hotlined") and not PREFIX.exists(),
    )
    check("no unit is left", nothing_is_left())
    check("the data are", Path("/var/lib/hotlined/hotlined.db").exists() and Path("/etc/hotlined/config.yaml").exists())
    done = install("--wheels", str(WHEELS))
    check("installed again it finds them", done.returncode == 0 and len(log()) > 0)
    done = install("--uninstall", "--purge-data")
    check(
        "with --purge-data they go, and the users",
        (done.returncode == 0 or print(done.stdout, done.stderr))
        and not Path("/var/lib/hotlined").exists()
        and not Path("/etc/hotlined").exists()
        and not BACKUPS.exists()
        and sh("getent", "group", "hotlined").returncode
        and sh("getent", "passwd", "hotlined-nl").returncode,
    )


def decided() -> bool:
    """Tell whether a member of the group can decide."""
    return all(sh("hotlined", verb, user="admin").returncode == 0 for verb in ("pause", "resume"))


def threatened(sim: Client) -> None:
    """Let a text with a word of `alerts.words` in: the alerts start at once, and its file lies in memory."""
    alerts, path, alarm = "hotlined-alerts@main.service", "hotlined-alerts@main.path", Path("/run/hotlined/main/alarm")
    configure("config", words='["te tuer"]')
    sh("systemctl", "reload", "hotlined")
    sh("systemctl", "stop", "hotlined-alerts@main.timer")

    check("the path unit of the alerts came with the daemon", show(path, "ActiveState") == "active")
    before, begun = show(alerts, "InvocationID"), time.monotonic()
    sim.do("deliver", from_="+32470123457", text="Je vais te TUER")
    check("a word of alerts.words starts the alerts at once", until(lambda: show(alerts, "InvocationID") != before, 60))
    figure("text in to the start of the alerts", f"{time.monotonic() - begun:.2f} s")
    check("they ran in their sandbox", until(lambda: show(alerts, "Result") == "success") or print(journal(alerts)))
    for number in range(5):  # few: each is answered, and others need what the windows have
        sim.do("deliver", from_=f"+3247013000{number}", text="te tuer")
    kept = until(lambda: len([each for each in log() if each["text"] == "te tuer"]) == 5)
    check("more such texts leave the path unit watching", kept and show(path, "ActiveState") == "active")
    check("nothing of a text is in the file that tells of it", alarm.exists() and "tuer" not in alarm.read_text())
    configure("config", words="[]")
    sh("systemctl", "reload", "hotlined")
    sh("systemctl", "start", "hotlined-alerts@main.timer")


def main() -> int:
    """Play all acts; the number of what did not hold is the exit code."""
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)
    installing()
    configure("config", port=str(LAB / "fr"), poll_interval="1s", send_interval="0s", delay="0s")
    sim = simulate("fr", "hotlined")
    answering(sim)
    clock_in_the_sandbox()
    reading()
    failing(sim)
    two_lines()
    beside_it()
    threatened(sim)
    exported(sim)
    stopping(sim)
    sim.close()
    pin()
    upgrading()
    uninstalling()
    return result()


if __name__ == "__main__":
    sys.exit(main())
