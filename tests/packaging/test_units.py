"""The units, and the programs that only they start, tested without a running systemd; `scripts/lab` boots one."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import PATIENCE_SECONDS
from needs import needs, require_root
from test_docs import resolve

from hotlined.cli.web import OF_PROXIES
from hotlined.config import find
from hotlined.control import DESKS_SOCKET, FLEETS_SOCKET
from hotlined.desk import serving
from hotlined.errors import ConfigError, UsageError
from hotlined.fleet_files import RunFiles
from hotlined.gsm.port import WRITE_TIMEOUT_SECONDS
from hotlined.machine import wire
from hotlined.machine.timing import USUAL
from hotlined.sealing import making

ROOT = Path(__file__).parents[2]
SETUP = runpy.run_path(str(ROOT / "debian/hotlined-setup"))
FOLDER = ROOT / "systemd"
ENDINGS = (".service", ".socket", ".timer", ".path", ".mount")
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in ENDINGS)
DROP_INS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("*.d/*.conf"))
COMMAND = "/usr/bin/hotlined"
LINES = "main", "nl"

# a unit may have several of these settings, and an empty one clears those before it (systemd.unit(5)); of other
# settings the last one counts
LISTS = (
    *(
        "BindPaths",
        "BindReadOnlyPaths",
        "ConditionPathExists",
        "DeviceAllow",
        "Environment",
        "ExecStart",
        "ExecStartPost",
        "ExecStopPost",
    ),
    *("InaccessiblePaths", "IPAddressDeny", "LoadCredential", "RestrictAddressFamilies", "SetCredential"),
    "SupplementaryGroups",
    *("SystemCallFilter", "TemporaryFileSystem", "Wants"),
)


def instances(file: str) -> list[str]:
    """Return the names of a file's units, for the first line and for one called nl."""
    return [file.replace("@", f"@{line}") for line in LINES] if "@" in file else [file]


UNITS = [name for file in FILES for name in instances(file)]
OURS = [name for name in UNITS if name.endswith(".service") and "_power" not in name]  # all but the power cycle
SENDERS = [name for name in OURS if "sender" in name]  # those of them with a dynamic user
EXCHANGES = [name for name in OURS if "fleet@" in name]  # those that connect to a hub
DESKS = [name for name in OURS if "web" in name]  # those whose user is in the line's group
OFFCARD = [name for name in OURS if "offcard" in name]  # those that write to the stick for backups
STICK = "/media/hotlined"
DAILY = [name for name in OURS if "daily" in name]
JOBS = [name for name in OURS if name.startswith("hotlined-")]


def line_of(unit: str) -> str:
    """Return the name of a unit's line."""
    return unit.rpartition(".")[0].partition("@")[2]


def drop_ins(unit: str) -> list[Path]:
    """Return a unit's drop-ins in the order of systemd: by name, over all folders."""
    stem, _, ending = unit.rpartition(".")
    prefix, at, line = stem.partition("@")
    parts = prefix.split("-")
    prefixes = [prefix, *("-".join(parts[:count]) + "-" for count in range(len(parts) - 1, 0, -1))]
    folders = [FOLDER / f"{each}{instance}.{ending}.d" for each in prefixes for instance in {at + line, at, ""}]
    return sorted((path for folder in folders for path in folder.glob("*.conf")), key=lambda path: path.name)


def settings(unit: str, section: str) -> dict[str, list[str]]:
    """Return the settings in a section of a unit and its drop-ins, each with its valid values, in order."""
    stem, _, ending = unit.rpartition(".")
    prefix, at, line = stem.partition("@")
    found: dict[str, list[str]] = {}
    for path in (FOLDER / f"{prefix}{at}.{ending}", *drop_ins(unit)):
        here = ""
        for text in path.read_text().replace("%i", line).splitlines():
            if text.startswith("["):
                here = text.strip("[]")
            elif here == section and text and text[0] not in "#;":
                key, _, value = text.partition("=")
                if key == "BindPaths" and not value:
                    found.pop("BindReadOnlyPaths", None)  # systemd has one list for both
                before = found.get(key, []) if key in LISTS and value else []
                found[key] = [*before, *([value] if value or key not in LISTS else [])]
    return {key: values for key, values in found.items() if values}


def words(unit: str, key: str) -> list[str]:
    """Return the words of all values of a setting of a service."""
    return shlex.split(" ".join(settings(unit, "Service").get(key, [])))


def seconds(text: str) -> float:
    """Read a time span such as 3min, as far as the units use it."""
    amount, unit = re.fullmatch(r"(\d+)(s|min|h|d)", text).groups()  # type: ignore[union-attr]
    return int(amount) * {"s": 1, "min": 60, "h": 3600, "d": 86_400}[unit]


def daemon() -> dict[str, list[str]]:
    """Return the settings of the daemon's service."""
    return settings("hotlined@main.service", "Service")


# ---- units


@pytest.mark.parametrize("unit", OURS)
def test_each_service_runs_an_existing_command(unit: str) -> None:
    """ExecStart has the installed program with valid options.

    It names the unit's line.

    The senders have no line: they get a configuration.
    """
    lines = settings(unit, "Service")["ExecStart"]
    assert len(lines) == (2 if unit in DAILY else 1)
    for line in lines:
        (arguments,) = re.findall(rf"(?<![\w/]){re.escape(COMMAND)} ([^'>;]*)", line)
        command, options = resolve(re.sub(r"^--line \w+ ", "", arguments))

        assert set(options) <= {option for parameter in command.params for option in parameter.opts} | {"-"}
        assert arguments.startswith(f"--line {line_of(unit)} ") == (unit not in SENDERS)


@pytest.mark.parametrize("file", [name for name in FILES if "@" in name])
def test_no_line_is_special(file: str) -> None:
    """Units and drop-ins name no line: the first is one like others."""
    for path in (FOLDER / file, *(each for unit in instances(file) for each in drop_ins(unit))):
        settled = [line for line in path.read_text().splitlines() if not line.startswith(("#", "DefaultInstance="))]
        assert not re.search(r"\bmain\b", "\n".join(settled)), path


@pytest.mark.parametrize("unit", UNITS)
def test_no_drop_in_hides_another(unit: str) -> None:
    """Of two drop-ins with the same name systemd reads one.

    Each service has the sandbox, which an admin's can override.
    """
    names = [path.name for path in drop_ins(unit)]

    assert len(set(names)) == len(names)
    assert all(re.match(r"\d\d-", name) for name in names)
    if unit in OURS:
        assert "10-sandbox.conf" in names
        assert ("20-job.conf" in names) == unit.startswith("hotlined-")


def test_each_drop_in_belongs_to_a_unit() -> None:
    """The folder is one that systemd reads for it."""
    read = {str(path.relative_to(FOLDER)) for unit in UNITS for path in drop_ins(unit)}

    assert read == set(DROP_INS)


def test_the_daemon_stays_up() -> None:
    """Only a broken configuration ends it; stick and clock are not awaited."""
    unit, service = settings("hotlined@main.service", "Unit"), daemon()

    assert unit["StartLimitIntervalSec"] == ["0"]
    assert service["Restart"] == ["always"]
    assert service["RestartPreventExitStatus"] == [str(ConfigError.exit_code)]
    assert not {"BindsTo", "Requires", "After"} & unit.keys()
    assert set(unit["Wants"][0].split()) == {
        *("hotlined-alerts@main.timer", "hotlined-alerts@main.path", "hotlined-daily@main.timer"),
        *("hotlined-control@main.socket", "hotlined_power@main.path"),
    }


@pytest.mark.parametrize("line", LINES)
def test_a_line_without_extras_has_five_units(line: str) -> None:
    """Sockets come with what connects to them, the power cycle with its command, the sender with a run."""
    started, new = {f"hotlined@{line}.service"}, {f"hotlined@{line}.service"}
    while new:
        wanted = {each for unit in new for each in " ".join(settings(unit, "Unit").get("Wants", [])).split()}
        implied = {each for unit in new for each in words(unit, "Sockets")}
        new = (wanted | implied) - started
        started |= new
    conditional = {unit for unit in started if "ConditionPathExists" in settings(unit, "Unit")}

    assert conditional == {f"hotlined_power@{line}.path"}
    assert len(started - conditional) == 5
    sender = f"hotlined-alerts-sender@{line}"
    assert settings(f"{sender}.socket", "Unit")["StopWhenUnneeded"] == ["yes"]
    assert settings(f"{sender}.socket", "Socket")["RemoveOnStop"] == ["yes"]
    assert words(f"{sender}.service", "Sockets") == [f"{sender}.socket"]  # open while it runs


def test_the_time_limits_fit_the_daemon() -> None:
    """The watchdog's time exceeds the longest step without a sign of life.

    A stop waits for a submission.
    """
    assert seconds(daemon()["WatchdogSec"][0]) > 10 * WRITE_TIMEOUT_SECONDS
    assert max(USUAL.stop_submitting, USUAL.stop_other) < seconds(daemon()["TimeoutStopSec"][0]) <= 10


def test_the_desk_ends_before_it_is_killed() -> None:
    """Open requests get less time than systemd grants."""
    longest = serving.FINISH_SECONDS + serving.JOIN_SECONDS

    assert longest < seconds(settings("hotlined-web@main.service", "Service")["TimeoutStopSec"][0]) < 90


def test_ports_are_allowed_by_number() -> None:
    """Names of ports are resolved by systemd only once, at the start."""
    assert daemon()["DeviceAllow"] == ["char-188 rw", "char-166 rw"]
    assert daemon()["DevicePolicy"] == ["closed"]
    assert "PrivateDevices" not in daemon()


@pytest.mark.parametrize("unit", OURS)
def test_all_sandboxes_are_as_tight_as_the_daemons(unit: str) -> None:
    """Only alerts and exchange have a network.

    Services that ask the kernel for their peer's user need the real users. Services with a network see no
    configuration.
    """
    own = {"DeviceAllow", "PrivateDevices", "PrivateNetwork", "IPAddressDeny", "RestrictAddressFamilies"}
    own |= {"BindPaths", "BindReadOnlyPaths"}
    asks_who = "control" in unit or unit in DESKS
    if asks_who:
        own.add("PrivateUsers")
    network = unit in SENDERS + EXCHANGES
    if network:
        own.add("TemporaryFileSystem")
        assert set(daemon()["TemporaryFileSystem"][0].split()) < set(words(unit, "TemporaryFileSystem"))
        assert "/etc/hotlined:ro" in words(unit, "TemporaryFileSystem")

    text = (FOLDER / "hotlined-@.service.d/10-sandbox.conf").read_text()
    lines = text[text.index("# The sandbox") :].splitlines()
    keys = {line.partition("=")[0] for line in lines if line[:1].isalpha()} - own
    service = settings(unit, "Service")
    assert {key: service[key] for key in keys} == {key: daemon()[key] for key in keys}
    assert len(keys) > 20
    assert set(daemon()["BindReadOnlyPaths"][0].split()) <= set(words(unit, "BindReadOnlyPaths"))
    assert service["PrivateNetwork"] == ["no" if network else "yes"]
    assert service.get("IPAddressDeny") == (None if network else ["any"])
    families = {"AF_UNIX", "AF_INET", "AF_INET6"} if network else {"AF_UNIX"}
    assert set(words(unit, "RestrictAddressFamilies")) == families
    assert service["UMask"] == ["0077" if unit in {*SENDERS, *EXCHANGES, *DESKS} else "0027"]
    assert service["PrivateUsers"] == ["no" if asks_who else "yes"]
    assert service["MemoryMax"] == ["256M"]
    if unit in JOBS:
        assert service["PrivateDevices"] == ["yes"]


SOCKET_FOLDERS = {str(Path(text).parent) for name in UNITS for text in settings(name, "Socket").get("ListenStream", [])}
"""The folders with the sockets of our programs."""
RESOLVERS = {"/run/systemd/resolve", "/run/NetworkManager/resolv.conf", "/run/resolvconf"}
RUN: dict[str, tuple[set[str], set[str]]] = {
    "": ({"/run/hotlined/%", "/run/hotlined-fleet/%"}, set()),
    "-control": ({"/run/hotlined/%"}, {"/run/hotlined-control"}),
    "-daily": ({"/run/hotlined/%"}, {"/run/hotlined-control"}),
    "-alerts": ({"/run/hotlined/%"}, {"/run/hotlined-alerts"}),
    "-offcard": ({"/run/hotlined/%"}, set()),
    "-web": ({"/run/hotlined-desk/%"}, {"/run/hotlined/%", "/run/hotlined-control"}),
    "-alerts-sender": (set(), RESOLVERS),
    "-fleet": (
        {"/run/hotlined-hub/%"},
        {"/run/hotlined-fleet/%", "/run/hotlined-control", "/run/postgresql", *RESOLVERS},
    ),
}
"""The part of /run that each service has: what it writes, and what it reads or asks at; % is the line."""


def test_security_names_every_unit_with_its_user_and_network() -> None:
    """The table in SECURITY.md is complete."""
    rows = re.findall(
        r"^\| .*`(hotlined[a-z_-]*@main)`.*\| (no|\*\*yes\*\*) \|$",
        (ROOT / "SECURITY.md").read_text(),
        re.MULTILINE,
    )
    table = dict(rows)
    of_main = [unit for unit in UNITS if unit.endswith("@main.service")]

    assert {unit.removesuffix(".service") for unit in of_main} == table.keys()
    for unit in of_main:
        service, name = settings(unit, "Service"), unit.removesuffix(".service")
        assert (table[name] == "no") == (service.get("PrivateNetwork") == ["yes"]), unit
        (row,) = [
            line for line in (ROOT / "SECURITY.md").read_text().splitlines() if f"`{name}`" in line and line[0] == "|"
        ]
        user = service.get("User", ["root"])[0]
        assert row.startswith(
            f"| `{user}` in " if user.startswith("hot") else "| root in " if user else "| a user of its own in "
        )


def test_the_program_that_opens_a_backup_sees_no_socket() -> None:
    """A backup may be forged.

    Programs of ours, D-Bus and PostgreSQL are out of its reach.
    """
    setup = (ROOT / "debian/hotlined-setup").read_text()
    (shut_in,) = re.findall(r'^_SHUT_IN = """(.*?)"""', setup, re.MULTILINE | re.DOTALL)

    assert "TemporaryFileSystem=/run:ro" in shut_in.split()
    assert not re.search("Bind|Inaccessible", shut_in)


@pytest.mark.parametrize("unit", OURS)
def test_a_service_has_its_own_part_of_run(unit: str) -> None:
    """It sees neither other lines and programs nor /boot, and writes in its own folders alone.

    Folders below which an admin may have put a database are empty, so that it can be bound there.
    """
    service, line = settings(unit, "Service"), line_of(unit)
    empty = {path.removesuffix(":ro") for path in words(unit, "TemporaryFileSystem")}
    written, read = RUN[unit.partition("@")[0].removeprefix("hotlined")]
    found = {
        key: {path.removeprefix("-") for path in words(unit, key) if path.removeprefix("-").startswith("/run/")}
        for key in ("BindPaths", "BindReadOnlyPaths")
    }

    assert {path.removeprefix("-") for path in words(unit, "InaccessiblePaths")} == {"/dev/shm", "/boot"}
    assert empty - {"/etc/hotlined"} == {"/run", "/var/lib", "/var/backups", "/srv"}
    assert all(path.endswith(":ro") for path in words(unit, "TemporaryFileSystem"))
    assert found == {
        "BindPaths": {path.replace("%", line) for path in written},
        "BindReadOnlyPaths": {
            *("/run/systemd/notify", "/run/systemd/journal"),
            *(path.replace("%", line) for path in read),
        },
    }
    assert not {"ReadWritePaths", "ReadOnlyPaths"} & service.keys()
    for key in ("ProtectHome", "PrivateTmp"):
        assert service[key] == ["yes"]


def test_the_power_cycle_is_root_apart_from_the_lines() -> None:
    """No drop-in of the lines is read for it, and without a command it does not run."""
    for line in LINES:
        assert drop_ins(f"hotlined_power@{line}.service") == []
        watch = settings(f"hotlined_power@{line}.path", "Unit")
        assert watch["ConditionPathExists"] == [f"{SETUP['CONFIGS']}/power-cycle"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of all units and drop-ins for systemd-analyze, with substitutes for missing programs."""
    folder = tmp_path_factory.mktemp("units")
    for file in DROP_INS:
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(FOLDER / file, folder / file)
    for file in FILES:
        text = (FOLDER / file).read_text()
        text = text.replace(COMMAND, "/bin/true").replace("/usr/share/hotlined/power-cycle", "/bin/true")
        for unit in {file, *instances(file)}:
            (folder / unit).write_text(text)
    return folder


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", OURS)
def test_the_sandbox_is_tight(installed: Path, unit: str) -> None:
    """systemd-analyze rates it at most 1.6 (0 closed, 10 open); after systemd 252 it rates 0.2 less."""
    path = str(installed / unit)
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=16", "--no-pager", path]
    done = subprocess.run(command, text=True, capture_output=True, check=False)

    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@needs("systemd-analyze")
def test_systemd_knows_every_setting(installed: Path) -> None:
    """systemd-analyze verify finds no fault, for the first line and another."""
    command = ["systemd-analyze", "verify", "--man=no", *(str(installed / unit) for unit in UNITS)]
    environment = os.environ | {"HOME": str(installed)}
    done = subprocess.run(command, text=True, capture_output=True, check=False, env=environment)

    newer = "'RestartSteps'", "'RestartMaxDelaySec'"  # systemd 252 ignores them
    said = [line for line in done.stderr.splitlines() if str(installed) in line]
    assert [line for line in said if not any(key in line for key in newer)] == []
    assert done.returncode == 0, done.stderr


def test_users_and_folders_are_the_same_everywhere() -> None:
    """Units, tmpfiles, sysusers and hotlined-setup agree."""
    made = {
        "main": [(FOLDER / f"{name}.conf").read_text() for name in ("sysusers", "tmpfiles")],
        "nl": [SETUP[name].format(name="nl") for name in ("_USERS", "_FOLDERS")],
    }
    shared = made["main"][1]
    sockets = "/run/hotlined-control", "/run/hotlined-alerts", "/run/hotlined-web"

    for unit in SENDERS:
        service = settings(unit, "Service")
        assert not {"User", "Group", "BindPaths"} & service.keys() or service["User"] == service["Group"] == [""]
        assert service["DynamicUser"] == ["yes"]
        assert service["LoadCredential"] == [f"urls:/etc/hotlined/{line_of(unit)}.urls"]
    for unit in EXCHANGES:
        service, line = settings(unit, "Service"), line_of(unit)
        users, folders = made[line]
        assert service["User"] == service["Group"] == [f"hotfleet-{line}"]
        assert re.search(rf"^u hotfleet-{line} - ", users, re.MULTILINE)
        assert "SupplementaryGroups" not in service
        assert service["LoadCredential"] == [f"fleet:/etc/hotlined/{line}.fleet"]
        assert f"d /run/hotlined-fleet/{line} :2750 :hotlined-{line} :hotfleet-{line}\n" in folders
        place = RunFiles(Path("/run/hotlined"), line)
        assert (str(place.mark.parent), str(place.hub.parent)) == (
            words(f"hotlined@{line}.service", "BindPaths")[0].removeprefix("-"),
            f"/run/{service['RuntimeDirectory'][0]}",
        )
    for unit in (each for each in OURS if each not in SENDERS + EXCHANGES):
        service, line = settings(unit, "Service"), line_of(unit)
        users, folders = made[line]
        user = f"hotlined-{line}"
        assert service["User"] == service["Group"] == [f"hotweb-{line}" if unit in DESKS else user]
        assert re.search(rf"^u {service['User'][0]} - ", users, re.MULTILINE)
        assert f"g {user} -\n" in users
        groups = [user] if unit in DESKS else ["hotlined-backup"] * (unit in OFFCARD) if unit in JOBS else ["dialout"]
        assert service.get("SupplementaryGroups", []) == groups
        binding = "BindReadOnlyPaths" if unit in DESKS else "BindPaths"
        bound = {word.removeprefix("-") for word in words(unit, binding)}
        bound -= {*SOCKET_FOLDERS, *words("hotlined@main.service", "BindReadOnlyPaths")}
        shelves = {STICK, f"/srv/hotlined-backups/{line}"}
        assert bound & shelves == (shelves if unit in OFFCARD else set())
        bound -= {*shelves, *([f"/run/hotlined-fleet/{line}"] if unit not in JOBS else [])}
        assert bound >= {f"/var/lib/{user}", f"/run/hotlined/{line}"}
        assert not bound - {f"/var/lib/{user}", f"/run/hotlined/{line}", f"/var/backups/hotlined/{line}"}
        assert (f"/var/backups/hotlined/{line}" in bound) == (unit in DAILY)
        for folder in bound:
            assert f"d {folder} :2750 :{user} :{user}\n" in folders
            hidden = next(each for each in (folder, *map(str, Path(folder).parents)) if f"{each}:ro" in str(service))
            assert hidden in ("/var/lib", "/run", "/var/backups")
        assert "ReadWritePaths" not in service
        assert "StateDirectory" not in service  # root would own what others put below it
    for folder in ("/run/hotlined", "/run/hotlined-desk", "/run/hotlined-fleet", *sockets, "/var/backups/hotlined"):
        assert re.search(f"^d {folder} 0755 root root( m:60d)?$", shared, re.MULTILINE)
    for unit in (each for each in UNITS if each.endswith(".socket")):
        socket, line = settings(unit, "Socket"), line_of(unit)
        kind = next((each for each in ("-desk", "-proxy", "-fleet") if f"{each}@" in unit), "")
        assert socket["ListenStream"][0] in {f"{folder}/{line}{kind}.sock" for folder in sockets}
        owner = {"-desk": f"hotweb-{line}", "-fleet": f"hotfleet-{line}"}.get(kind)
        owner = f"hotlined-{line}" if "sender" in unit else owner
        assert socket.get("SocketUser") == ([owner] if owner else None)
    lines = [[row for row in text.splitlines() if "main" in row and row[0] != "#"] for text in made["main"]]
    assert lines == [[row.replace("nl", "main") for row in text.splitlines()] for text in made["nl"]]


def test_a_stick_is_mounted_only_while_it_is_written() -> None:
    """Nothing on it is executed or trusted.

    Only a group without a line or a person writes there.
    """
    unit, mount = settings("media-hotlined.mount", "Unit"), settings("media-hotlined.mount", "Mount")
    options = set(mount["Options"][0].split(","))

    assert options >= {"nosuid", "nodev", "noexec", "uid=0", "gid=hotlined-backup", "umask=0007"}
    assert mount["Where"] == [STICK]
    assert unit["StopWhenUnneeded"] == ["yes"]
    assert seconds(unit["JobTimeoutSec"][0]) <= 10
    assert "g hotlined-backup -\n" in (FOLDER / "sysusers.conf").read_text()
    with pytest.raises(UsageError):  # no line's name has a hyphen: none has the user hotlined-backup
        find(None, "a-backup", {})
    for name in OFFCARD:
        wanted = settings(name, "Unit")
        assert wanted["Wants"] == wanted["After"] == ["media-hotlined.mount"]
        assert "Requires" not in wanted  # without the stick the unit runs, and reports it
        assert settings(name, "Service")["SetCredential"] == [f"{each}:-" for each in making.CREDENTIALS]


def test_the_runtime_folder_outlives_the_programs() -> None:
    """Only the daemon's unit makes it; others would remove it.

    Desk and exchange have folders of their own.
    """
    makers = {unit for unit in OURS if "RuntimeDirectory" in settings(unit, "Service")}

    assert makers == {"hotlined@main.service", "hotlined@nl.service", *DESKS, *EXCHANGES}
    assert daemon()["RuntimeDirectoryPreserve"] == ["yes"]
    assert daemon()["RuntimeDirectoryMode"] == ["2750"]


@pytest.mark.parametrize("trap", ["", "mkfifo new", "ln -s /nowhere/else new"])
def test_each_day_has_a_copy_with_key_and_answer(tmp_path: Path, trap: str) -> None:
    """A key or answer that is gone is removed beside it.

    A trap in the way does no harm.

    If copying fails, the former copy stays, and the reason is printed.
    """
    script = words("hotlined-daily@main.service", "ExecStart")[-1].replace("%%", "%")
    program, folder = tmp_path / "hotlined", tmp_path / "copies"
    program.write_text(
        '#!/bin/sh\n[ "$4" = new ] && set -C && for end in "" $ENDS; do echo "$1" >"$4$end"; done && eval "$THEN"\n'
    )
    program.chmod(0o755)
    folder.mkdir()

    def copy(ends: str, then: str) -> subprocess.CompletedProcess[str]:
        subprocess.run(["/bin/sh", "-ec", trap], cwd=folder, check=True)
        line = script.replace(f"{COMMAND} --line", str(program))
        known = {"ENDS": ends, "THEN": then, "PATH": os.environ["PATH"]}
        return subprocess.run(
            ["/bin/sh", "-ec", line],
            cwd=folder,
            env=known,
            text=True,
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    for ends in (".key .fleet .answer", ".answer"):
        done = copy(ends, "true")
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
        day = next(path.name for path in folder.iterdir() if path.suffix == ".db")
        assert {path.name for path in folder.iterdir()} == {day, *(f"{day}{end}" for end in ends.split())}
    done = copy("", "echo why; false")
    assert (done.returncode, done.stderr) == (1, "why\n")
    assert (folder / day).exists()


@pytest.mark.parametrize(
    ("job", "name"), [("control", "control"), ("control", "control-desk"), ("web", "web"), ("web", "web-proxy")]
)
@pytest.mark.parametrize("line", ["main", "nl"])
def test_no_limit_closes_a_socket_for_people(job: str, name: str, line: str) -> None:
    """Repeated connections cannot make systemd close the socket."""
    socket = settings(f"hotlined-{name}@{line}.socket", "Socket")

    assert (socket["TriggerLimitIntervalSec"], socket["Accept"]) == (["0"], ["no"])
    assert settings(f"hotlined-{job}@{line}.service", "Unit")["StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize("unit", OURS)
def test_the_journal_keeps_the_daemons_words_and_all_failures(unit: str) -> None:
    """Other jobs write only failures there, and the desk who looked at what."""
    service = settings(unit, "Service")

    assert service.get("LogLevelMax") == (["info"] if unit in DESKS else ["notice"] if unit in JOBS else None)
    # failures are on stderr, which goes where stdout does unless it is set
    assert service.get("StandardError") == ["journal"] or "StandardOutput" not in service


@pytest.mark.parametrize("line", LINES)
def test_the_control_program_has_three_sockets(line: str) -> None:
    """Members come by group, desk and exchange by their users."""
    kinds = ("", f"-{DESKS_SOCKET}", f"-{FLEETS_SOCKET}")
    names = [f"hotlined-control{each}@{line}" for each in kinds]
    members, *own = (settings(f"{name}.socket", "Socket") for name in names)

    assert (members["SocketMode"], members["SocketGroup"]) == (["0660"], [f"hotlined-{line}"])
    assert "SocketUser" not in members
    assert "Sockets" not in settings(f"{names[0]}.service", "Service")  # it would open all of them
    assert "Wants" not in settings(f"{names[0]}.socket", "Unit")
    for unit, name in (f"hotlined-web@{line}.socket", names[1]), (f"hotlined-fleet@{line}.service", names[2]):
        assert f"{name}.socket" in settings(unit, "Unit")["Wants"][0].split()
    for each, name, kind, job in zip(own, names[1:], (DESKS_SOCKET, FLEETS_SOCKET), ("web", "fleet"), strict=True):
        assert each["SocketMode"] == ["0600"]
        assert (
            each["SocketUser"] == [f"hot{job}-{line}"] == settings(f"hotlined-{job}@{line}.service", "Service")["User"]
        )
        assert "SocketGroup" not in each
        assert each["Service"] == [f"{names[0]}.service"]
        assert settings(f"{name}.socket", "Unit")["PartOf"] == [f"{names[0]}.socket"]
        assert each["ListenStream"] == [str(wire.socket_path(Path("/run/hotlined"), "control", line, kind))]


@pytest.mark.parametrize("line", LINES)
def test_the_desk_has_a_socket_for_members_and_one_for_proxies(line: str) -> None:
    """Each opens to its group; one program serves both.

    The two start and stop as one, and have names.
    """
    members, proxies = (settings(f"hotlined-web{each}@{line}.socket", "Socket") for each in ("", "-proxy"))
    names = [f"hotlined-web{each}@{line}" for each in ("", "-proxy")]

    assert (members["SocketMode"], members["SocketGroup"]) == (["0660"], [f"hotlined-{line}"])
    assert (proxies["SocketMode"], proxies["SocketGroup"]) == (["0660"], ["hotlined-proxy"])
    assert "SocketUser" not in members.keys() | proxies.keys()
    assert "g hotlined-proxy -\n" in (FOLDER / "sysusers.conf").read_text()
    assert settings(f"{names[0]}.service", "Service")["Sockets"] == [" ".join(f"{name}.socket" for name in names)]
    assert proxies["Service"] == [f"{names[0]}.service"]
    assert settings(f"{names[0]}.socket", "Unit")["Wants"][0].split()[0] == f"{names[1]}.socket"
    assert settings(f"{names[1]}.socket", "Unit")["PartOf"] == [f"{names[0]}.socket"]
    (mine,), (theirs,) = members["ListenStream"], proxies["ListenStream"]
    assert (theirs, mine.endswith(OF_PROXIES)) == (mine.replace(".sock", OF_PROXIES), False)


@pytest.mark.parametrize("unit", DESKS)
def test_the_key_of_the_desks_forms_outlives_the_desk(unit: str) -> None:
    """A folder of the desk alone keeps it in memory."""
    service, (name,) = settings(unit, "Service"), settings(unit, "Service")["RuntimeDirectory"]

    assert name == f"hotlined-desk/{line_of(unit)}"
    assert (service["RuntimeDirectoryMode"], service["RuntimeDirectoryPreserve"]) == (["0700"], ["yes"])
    assert int(service["OOMScoreAdjust"][0]) > 0 > int(daemon()["OOMScoreAdjust"][0])


@needs("shellcheck")
def test_the_shell_scripts_are_clean() -> None:
    """Shellcheck finds no fault in any script."""
    files = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix not in (".py", ".txt")]
    scripts = [
        ROOT / ".ci/run",
        *sorted(files),
        *sorted(
            path for path in (ROOT / "debian").iterdir() if path.is_file() and path.read_text().startswith("#!/bin/")
        ),
        ROOT / "card/first-boot",
        ROOT / "systemd/power-cycle",
        ROOT / "docs/examples/power-key",
        *sorted((ROOT / "tests/lab").glob("*.sh")),
    ]
    done = subprocess.run(["shellcheck", "-x", *scripts], text=True, capture_output=True, check=False, cwd=ROOT)

    assert done.returncode == 0, done.stdout


# ---- power

GPIOSET = """#!/bin/sh
# takes what {version} takes by its manual, writes it down, and refuses all else
case $* in
  --version) echo 'gpioset (libgpiod) {version}' ;;
  {taken}) echo "$*" >>'{log}' ;;
  *) echo "unrecognized: $*" >&2; exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    ("version", "taken", "calls"),
    [
        (
            "v1.6.3",
            "'--mode=time --sec='[0-9]' gpiochip'[0-9]' '*=[01] | '--mode=exit gpiochip'[0-9]' '*=[01]",
            ["--mode=time --sec=2 gpiochip4 6=1", "--mode=exit gpiochip4 6=0"],
        ),
        ("v2.2.1", "'--toggle '[0-9]'s,0 GPIO'*=[01]", ["--toggle 2s,0 GPIO6=1"]),
    ],
)
def test_the_power_key_is_pressed_by_both_libraries(version: str, taken: str, calls: list[str], tmp_path: Path) -> None:
    """PWRKEY is pressed and released with the arguments of this Debian's gpioset."""
    log = tmp_path / "log"
    (tmp_path / "gpioset").write_text(GPIOSET.format(version=version, taken=taken, log=log))
    (tmp_path / "gpiofind").write_text('#!/bin/sh\n[ "$*" = GPIO6 ] && echo gpiochip4 6\n')
    for name in ("gpioset", "gpiofind"):
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [ROOT / "docs/examples/power-key", "GPIO6", "2"],
        text=True,
        capture_output=True,
        check=False,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )

    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines() == calls


class Hub:
    """The folder of requests, the command, and the mounted disks that systemd/power-cycle uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = folder / "power-cycle"
        self.ran = folder / "ran"
        self.disks = folder / "disks"
        self.request = folder / "run/fr/power-cycle"
        self.uptime = folder / "uptime"
        self.uptime.write_text("1000.25 2000.00\n")
        for name in ("run/fr", "own", "disks"):
            (folder / name).mkdir(parents=True)
        self.command.write_text(f"echo cycled >>'{self.ran}'\n")
        self.command.chmod(0o600)
        self.mount("179:2", "devices/platform/soc/fe340000.mmc/block/mmcblk0/mmcblk0p2")

    def mount(self, number: str, device: str) -> None:
        """Mount the disk of a device."""
        (self.folder / device).mkdir(parents=True)
        (self.disks / number).symlink_to(self.folder / device)
        with (self.folder / "mountinfo").open("a") as mounts:
            mounts.write(f"22 1 {number} / /mnt rw,noatime - ext4 /dev/somewhere rw\n")

    def ask(self, user: str = "root") -> str:
        """Make a request as the daemon does, run the script, and return its output."""
        new = self.request.with_name("new")
        new.write_text(f"port=/dev/ttyUSB0\nasked by {user}\n")
        new.replace(self.request)
        return self.run()

    def run(self) -> str:
        """Run the script as the path unit does; return its output."""
        variables = {
            "HOTLINED_ASKED": str(self.folder / "run"),
            "HOTLINED_COMMAND": str(self.command),
            "HOTLINED_MOUNTS": str(self.folder / "mountinfo"),
            "HOTLINED_DISKS": str(self.disks),
            "HOTLINED_UPTIME": str(self.uptime),
            "RUNTIME_DIRECTORY": str(self.folder / "own"),
        }
        words = [ROOT / "systemd/power-cycle", "fr"]
        done = subprocess.run(words, text=True, capture_output=True, check=False, env=os.environ | variables)
        assert done.returncode == 0, done.stderr
        return done.stderr


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Give a hub with a command that may be run."""
    require_root()
    return Hub(tmp_path)


def test_power_is_cycled_when_a_daemon_asks(hub: Hub) -> None:
    """A request runs the admin's command once, however often the unit starts."""
    assert "running" in hub.ask()
    assert hub.run() == ""
    hub.request.unlink()
    assert hub.run() == ""
    assert hub.ran.read_text() == "cycled\n"


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_trap_in_place_of_a_request_is_left_alone(hub: Hub, kind: str) -> None:
    """A link, FIFO or folder is refused once, never followed."""
    target = hub.folder / "target"
    target.write_text("root's")
    {
        "link": lambda: hub.request.symlink_to(target),
        "fifo": lambda: os.mkfifo(hub.request),
        "folder": lambda: (hub.request / "full").mkdir(parents=True),
    }[kind]()
    before = hub.request.lstat()

    assert "is no file" in hub.run()
    assert hub.run() == ""
    assert hub.request.lstat() == before
    assert target.read_text() == "root's"
    assert not hub.ran.exists()


def test_power_is_not_cycled_twice_within_ten_minutes(hub: Hub) -> None:
    """The command runs again after that."""
    hub.ask()
    for minutes in (0, 8, 11):
        hub.uptime.write_text(f"{1000 + minutes * 60}.25 2000.00\n")
        assert ("less than ten minutes" in hub.ask()) == (minutes < 10)

    assert hub.ran.read_text() == "cycled\n" * 2


def test_a_clock_that_is_set_back_refuses_no_power_cycle(hub: Hub) -> None:
    """The ten minutes are counted since the boot."""
    assert "date" not in (ROOT / "systemd/power-cycle").read_text()
    hub.ask()
    hub.uptime.write_text("1601.00 2000.00\n")
    ahead = time.time() + 86_400
    for path in (hub.folder / "own").iterdir():
        os.utime(path, (ahead, ahead))

    assert "running" in hub.ask()


@pytest.mark.parametrize("by_slave", [False, True])
def test_the_power_of_a_mounted_disk_is_not_cut(hub: Hub, by_slave: bool) -> None:
    """The disk, or a part of it, is on USB."""
    stick = "devices/pci0000:00/usb2/2-1/2-1:1.0/host0/block/sda"
    if by_slave:
        hub.mount("254:0", "devices/virtual/block/dm-0")
        (hub.folder / stick).mkdir(parents=True)
        (hub.folder / "devices/virtual/block/dm-0/slaves").mkdir()
        (hub.folder / "devices/virtual/block/dm-0/slaves/sda").symlink_to(hub.folder / stick)
    else:
        hub.mount("8:0", stick)

    assert "would lose its power" in hub.ask()
    assert not hub.ran.exists()


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_command_that_others_can_write_is_not_run(hub: Hub, mode: int) -> None:
    """A command that users other than root can write is not run."""
    hub.command.chmod(mode)

    assert "others than root" in hub.ask()
    assert not hub.ran.exists()


def test_a_command_of_another_owner_is_not_run(hub: Hub) -> None:
    """A command that does not belong to root is not run."""
    os.chown(hub.command, 65_534, 65_534)

    assert "others than root" in hub.ask()
    assert not hub.ran.exists()


def test_without_a_command_nothing_is_cycled(hub: Hub) -> None:
    """A missing command is named."""
    hub.command.unlink()

    assert f"{hub.command} is missing" in hub.ask()


@pytest.mark.parametrize("job", ["control", "web"])
@pytest.mark.parametrize(("result", "waits"), [("success", False), ("exit-code", True)])
def test_a_failed_program_of_a_socket_restarts_slowly(tmp_path: Path, job: str, result: str, waits: bool) -> None:
    """Control program and desk wait only after a failure."""
    (stop,) = settings(f"hotlined-{job}@main.service", "Service")["ExecStopPost"]
    (tmp_path / "sleep").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "sleep").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SERVICE_RESULT": result}
    done = subprocess.run(shlex.split(stop), env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == ("10\n" if waits else "")
