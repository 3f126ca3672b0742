"""`hotlined-setup`, our only program that runs as root: what it makes, asks, prints, and leaves alone."""

import json
import os
import stat
from pathlib import Path

import installed
import pytest
from installed import RECIPIENT, Installed
from needs import needs

DEBIAN = Path(__file__).parents[2] / "debian"
STICK = "dev/disk/by-label/HOTLINED"


@pytest.fixture
def machine(tmp_path: Path) -> Installed:
    """Give a machine with the package, before a line is made."""
    return installed.make(tmp_path)


@pytest.fixture
def line(machine: Installed) -> Installed:
    """Give a machine with the first line."""
    assert machine.run("hotlined-setup", "add", "main").returncode == 0
    machine.asked()
    return machine


def steps(printed: str) -> list[str]:
    """Return the steps named in the output."""
    return [each.removeprefix("+ ") for each in printed.splitlines() if each.startswith("+ ")]


def test_the_first_line_receives_and_answers_nobody_yet(machine: Installed) -> None:
    """The answer is empty, the language the installer's.

    The line's group reads configuration and answer; the line starts.
    """
    done = machine.run("hotlined-setup", "add", "main", LANG="nl_BE.UTF-8")

    assert done.returncode == 0, done.stderr
    config, answer = machine.path("etc/hotlined/main.yaml"), machine.path("etc/hotlined/main.txt")
    settled = [each for each in config.read_text().splitlines() if not each.startswith("#")]
    assert settled[:2] == ["language: nl", "answer:"]
    assert settled[2].startswith("  text_file: main.txt ")
    assert settled[3:] == ["numbers:", "  country: BE  # your country: only its numbers are answered"]
    assert answer.read_text() == ""
    group = int(machine.run("id", "-g", "hotlined-main").stdout)
    for path in (config, answer):
        found = path.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, group, 0o640)
    units = "hotlined-control@main.socket hotlined@main.service"
    assert machine.asked() == ["daemon-reload", f"enable {units}", f"start --no-block {units}"]
    assert f"sudo nano /etc/hotlined/{answer.name}" in done.stdout
    assert "sudo systemctl reload hotlined@main" in done.stdout


def test_a_line_in_an_image_is_not_started(machine: Installed) -> None:
    """Without a running systemd the line is only enabled."""
    assert machine.run("hotlined-setup", "add", "main", booted=False).returncode == 0
    assert machine.asked() == ["enable hotlined-control@main.socket hotlined@main.service"]


def test_existing_files_stay(line: Installed) -> None:
    """A second run leaves all files of a person unchanged."""
    line.put("etc/hotlined/main.txt", "Non.\n")
    line.put("etc/hotlined/main.yaml", "answer: {text_file: main.txt}\n")
    done = line.run("hotlined-setup", "add", "main")

    assert "stays as it is" in done.stdout
    assert line.path("etc/hotlined/main.txt").read_text() == "Non.\n"
    assert line.path("etc/hotlined/main.yaml").read_text() == "answer: {text_file: main.txt}\n"


def test_a_further_line_waits_for_the_port_of_its_stick(line: Installed) -> None:
    """Users and folders are its own; a line that was there is told nothing of ports."""
    assert "port" not in line.run("hotlined-setup", "add", "main").stdout
    done = line.run("hotlined-setup", "add", "nl")

    assert done.returncode == 0, done.stderr
    assert "Name the port of its stick in /etc/hotlined/nl.yaml" in done.stdout
    assert "modem" not in line.path("etc/hotlined/nl.yaml").read_text()
    for user in ("hotlined-nl", "hotweb-nl", "hotfleet-nl"):
        assert line.run("id", user).returncode == 0
    assert line.run("id", "-nG", "hotfleet-nl").stdout.split() == ["hotfleet-nl"]
    folder = line.path("var/lib/hotlined-nl").stat()
    assert (folder.st_uid, stat.S_IMODE(folder.st_mode)) == (int(line.run("id", "-u", "hotlined-nl").stdout), 0o2750)
    assert "hotlined --line nl status" in done.stdout


def test_a_person_is_not_made_a_line(machine: Installed) -> None:
    """The user name is that of a person already."""
    assert machine.run("useradd", "hotlined-nl").returncode == 0
    before = machine.files()
    done = machine.run("hotlined-setup", "add", "nl")

    assert (done.returncode, machine.files()) == (1, before)
    assert "A person here is called hotlined-nl" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["add", "de"],
        ["remove", "nl"],
        ["remove", "nl", "--purge"],
        ["web"],
        ["web", "nl"],
        ["alerts", "nl"],
        pytest.param(["backup"], marks=needs("age")),
        ["power"],
        ["uart", "/dev/serial0"],
        ["uart", "/dev/ttyHS0", "nl"],
    ],
)
def test_a_dry_run_names_the_steps_and_does_none(line: Installed, words: list[str]) -> None:
    """The option may stand before or after the verb.

    Users other than root may run it, too.
    """
    line.run("hotlined-setup", "add", "nl")
    line.put("dev/disk/by-label/HOTLINED", "")
    before = line.files()
    first = line.run("hotlined-setup", "--dry-run", *words, typed="x\nreader\nx.y\n\n")
    second = line.run("hotlined-setup", *words, "--dry-run", typed="x\nreader\nx.y\n\n")

    assert first.returncode == 0, first.stderr
    assert steps(first.stdout)
    assert first.stdout == second.stdout
    assert line.files() == before


def test_other_users_than_root_are_refused(line: Installed) -> None:
    """Another user reads how to type the command."""
    before = line.files()
    done = line.run("hotlined-setup", "web", user="daemon")

    assert (done.returncode, line.files()) == (1, before)
    assert "sudo hotlined-setup" in done.stderr


@pytest.mark.parametrize(
    "words", [["remove", "de"], ["web", "de"], ["alerts", "../main"], ["backup", "-x"], ["remove", ""]]
)
def test_an_unknown_line_is_refused(line: Installed, words: list[str]) -> None:
    """Nothing is done for an unknown line or an invalid name."""
    before = line.files()
    done = line.run("hotlined-setup", *words)

    assert done.returncode in (1, 2)
    assert done.stderr
    assert line.files() == before


# ---- sections of a configuration


@needs("age")
def test_a_section_is_added_once(line: Installed) -> None:
    """A second run for backups on a stick only prints it.

    Key, section and timer are made once.
    """
    done = line.run("hotlined-setup", "backup")
    assert (done.returncode, "the name HOTLINED" in done.stderr) == (1, True)
    line.put(STICK, "")
    before = line.path("etc/hotlined/main.yaml").read_text()
    done = line.run("hotlined-setup", "backup")

    assert done.returncode == 0, done.stderr
    body = f"backup:\n  folder: /media/hotlined\n  recipients: [{RECIPIENT}]\n"
    text = line.path("etc/hotlined/main.yaml").read_text()
    assert text == before + body
    assert "reload hotlined@main.service" in line.asked()
    again = line.run("hotlined-setup", "backup")
    assert line.path("etc/hotlined/main.yaml").read_text() == text
    assert body in again.stdout
    assert "Put this into /etc/hotlined/main.yaml" in again.stdout


def test_backups_need_age(line: Installed) -> None:
    """The command that installs it is named before any change."""
    line.put(STICK, "")
    assert line.run("sh", "-c", 'rm -f "$(command -v age)"').returncode == 0
    before = line.files()
    done = line.run("hotlined-setup", "backup")

    assert (done.returncode, line.files()) == (1, before)
    assert "sudo apt install age" in done.stderr


@pytest.mark.parametrize("there", ["backup:\n  keep: 3\n", "backup: {keep: 3}\n", "backup :\n  keep: 3\n", "backup"])
def test_an_existing_section_is_left_alone(line: Installed, there: str) -> None:
    """The lines to add are printed, and the file stays."""
    line.put(STICK, "")
    line.put("etc/hotlined/main.yaml", f"language: fr\n{there}")
    line.run("hotlined-setup", "backup")

    assert line.path("etc/hotlined/main.yaml").read_text() == f"language: fr\n{there}"


@needs("age")
def test_an_unusable_configuration_is_undone(line: Installed) -> None:
    """The line's user checks it; the old bytes come back."""
    line.put(STICK, "")
    config = line.path("etc/hotlined/main.yaml")
    text = f"{config.read_text()}# broken, in the words of this test\n\n\n"
    config.write_text(text)
    done = line.run("hotlined-setup", "backup")

    assert config.read_text() == text
    assert "was taken back" in done.stdout
    assert f"recipients: [{RECIPIENT}]" in done.stdout
    assert (config.stat().st_uid, stat.S_IMODE(config.stat().st_mode)) == (0, 0o640)
    assert not list(config.parent.glob("*.new"))


@pytest.mark.parametrize(
    ("device", "allowed"),
    [("/dev/serial0", "/dev/serial0"), ("/dev/ttyAMA10", "/dev/ttyAMA10"), ("/dev/ttyHS0", "char-ttyHS")],
)
def test_a_uart_is_allowed_by_its_name(line: Installed, device: str, allowed: str) -> None:
    """A drop-in of the daemon allows it; the port is configured."""
    done = line.run("hotlined-setup", "uart", device)

    assert done.returncode == 0, done.stderr
    drop_in = line.path("etc/systemd/system/hotlined@main.service.d/uart.conf")
    assert drop_in.read_text() == f"[Service]\nDeviceAllow={allowed} rw\n"
    assert line.path("etc/hotlined/main.yaml").read_text().endswith(f"modem:\n  port: {device}\n")
    assert line.path("etc/modules-load.d/hotlined.conf").exists() == (device == "/dev/ttyHS0")


@pytest.mark.parametrize(
    "device", ["/dev/tty1", "/dev/mmcblk0", "/dev/serial0 rw\nDeviceAllow=/dev/mem", "/dev/ttyS1x", "x"]
)
def test_only_a_uart_is_allowed(line: Installed, device: str) -> None:
    """Further lines for the unit within the name are refused, too."""
    before = line.files()
    done = line.run("hotlined-setup", "uart", device)

    assert (done.returncode, "is not a UART" in done.stderr) == (1, True)
    assert line.files() == before


def test_alerts_need_apprise(line: Installed) -> None:
    """The command that installs it is named before any change."""
    assert line.run("sh", "-c", 'rm -f "$(command -v apprise)"').returncode == 0
    before = line.files()
    done = line.run("hotlined-setup", "alerts", typed="ntfy://a/b\n\n")

    assert (done.returncode, line.files()) == (1, before)
    assert "sudo apt install apprise" in done.stderr


def test_addresses_of_alerts_are_readable_by_root_alone(line: Installed) -> None:
    """Addresses are typed one a line; none changes nothing."""
    before = line.files()
    assert line.run("hotlined-setup", "alerts", typed="\n").returncode == 1
    assert line.files() == before
    done = line.run("hotlined-setup", "alerts", typed="ntfy://a/b\nmailto://x:y@z\n\n")

    assert done.returncode == 0, done.stderr
    path = line.path("etc/hotlined/main.urls")
    assert path.read_text() == "ntfy://a/b\nmailto://x:y@z\n"
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o600)
    assert "mailto" not in done.stdout.partition("ends.")[2]
    unit = "hotlined-alerts-sender@main"
    assert line.asked() == [f"stop {unit}.service", f"enable --now {unit}.socket"]


def test_the_power_cycle_of_each_line_begins_with_its_command(line: Installed) -> None:
    """The daemons need not start anew."""
    assert line.run("hotlined-setup", "add", "nl").returncode == 0
    line.asked()
    done = line.run("hotlined-setup", "power", typed="uhubctl --action cycle\n")

    assert done.returncode == 0, done.stderr
    assert line.path("etc/hotlined/power-cycle").read_text() == "uhubctl --action cycle\n"
    assert line.asked() == ["start hotlined_power@main.path hotlined_power@nl.path"]


URL = "postgresql://hotlined_main:secret@/hub?host=hub.example&sslmode=require&channel_binding=require"
INVITATION = {"line": "main", "hub": URL, "key": "ab" * 32}


def test_an_invitation_is_split_between_root_and_the_line(line: Installed) -> None:
    """The line's user gets the key, root the login.

    The key goes through a pipe; then the exchange starts.
    """
    done = line.run("hotlined-setup", "fleet", typed=json.dumps(INVITATION))

    assert done.returncode == 0, done.stderr
    user = line.run("id", "-u", "hotlined-main").stdout.strip()
    given = json.dumps({"line": "main", "key": "ab" * 32})
    assert f"joined by {user}: {given}" in done.stdout
    path = line.path("etc/hotlined/main.fleet")
    assert path.read_text() == f"{URL}\n"
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o600)
    assert "secret" not in done.stdout + done.stderr
    assert not any(b"ab" * 32 in octets for _mode, octets in line.files().values())
    unit = "hotlined-fleet@main.service"
    assert line.asked() == ["stop hotlined-control@main.service", f"enable --now {unit}", f"restart {unit}"]


@pytest.mark.parametrize(
    "typed", ["", "[]", "{", "[" * 5000, json.dumps(INVITATION | {"hub": "postgresql://a b"}), "{}"]
)
def test_an_invalid_invitation_changes_nothing(line: Installed, typed: str) -> None:
    """The invitation is broken, or the line's user refuses it."""
    assert line.run("hotlined-setup", "add", "nl").returncode == 0
    line.asked()
    before = line.files()
    for words in (["fleet"], ["fleet", "nl"]):
        done = line.run("hotlined-setup", *words, typed=json.dumps(INVITATION) if words[1:] else typed)

        assert done.returncode == 1
        assert ("did not join" in done.stderr) == bool(words[1:])
    assert (line.asked(), line.files()) == ([], before)


def test_a_line_leaves_its_fleet(line: Installed) -> None:
    """The command asks first; exchange and login are removed.

    First the exchange stops, then the line's user forgets the fleet, then the login is removed.
    """
    assert line.run("hotlined-setup", "fleet", typed=json.dumps(INVITATION)).returncode == 0
    line.asked()
    assert line.run("hotlined-setup", "fleet", "--leave", typed="no\n").returncode == 1
    assert line.path("etc/hotlined/main.fleet").exists()
    done = line.run("hotlined-setup", "fleet", "--leave", typed="main\n")

    assert done.returncode == 0, done.stderr
    assert "left" in done.stdout
    assert line.asked() == ["disable --now hotlined-fleet@main.service"]
    assert not line.run("cat", "/etc/hotlined/main.fleet").stdout


def test_the_desk_is_enabled_by_its_socket(line: Installed) -> None:
    """For members the desk needs only its socket; the control program opens another socket at its next start."""
    before = line.path("etc/hotlined/main.yaml").read_text()
    done = line.run("hotlined-setup", "web")

    assert line.asked() == ["stop hotlined-control@main.service", "enable --now hotlined-web@main.socket"]
    assert "/run/hotlined-web/main.sock" in done.stdout
    assert line.path("etc/hotlined/main.yaml").read_text() == before


ROSA = "rosa\nreader\ndesk.example.org\n"


def test_the_first_person_behind_a_proxy_is_asked_for(line: Installed) -> None:
    """Name and role go into the configuration.

    Caddy's user, if there is one, joins the proxies' group.
    """
    first = line.run("hotlined-setup", "web", typed=ROSA)

    assert first.returncode == 0, first.stderr
    assert (
        line.path("etc/hotlined/main.yaml")
        .read_text()
        .endswith("web:\n  people:\n    rosa: reader\n  hosts: [desk.example.org]\n")
    )
    assert "sudo adduser caddy hotlined-proxy" in first.stdout
    assert line.run("useradd", "--system", "caddy").returncode == 0
    second = line.run("hotlined-setup", "web", typed=ROSA.replace("rosa", "eva"))
    assert "Put this into /etc/hotlined/main.yaml, where web: is:\nweb:\n  people:\n    eva: reader\n" in second.stdout
    assert "sudo systemctl restart caddy" in second.stdout
    assert "hotlined-proxy" in line.run("id", "-nG", "caddy").stdout.split()


@pytest.mark.parametrize("typed", ["ro sa\nreader\na.b\n", "rosa\nboss\na.b\n", "rosa\nreader\n\n", "a:\nreader\na\n"])
def test_an_invalid_person_changes_nothing(line: Installed, typed: str) -> None:
    """Even the desk stays off.

    The name has two words, the role is unknown, or the host is empty.
    """
    before = line.files()
    done = line.run("hotlined-setup", "web", typed=typed)

    assert (done.returncode, "Nothing was changed." in done.stderr) == (1, True)
    assert (line.asked(), line.files()) == ([], before)


# ---- removal


def fill(machine: Installed) -> dict[str, Path]:
    """Add the line nl with contacts, and a trap in its folder; return the paths that belong to it."""
    assert machine.run("hotlined-setup", "add", "nl").returncode == 0
    trap = machine.path("var/lib/hotlined-nl/trap")
    trap.symlink_to("/etc/hotlined")
    return {
        "database": machine.put("var/lib/hotlined-nl/hotlined.db", "contacts"),
        "copy": machine.put("var/backups/hotlined/nl/Mon.db", "contacts"),
        "before": machine.put("var/backups/hotlined/nl-0.1.0.db", "contacts"),
        "config": machine.path("etc/hotlined/nl.yaml"),
        "answer": machine.path("etc/hotlined/nl.txt"),
        "pin": machine.put("etc/hotlined/nl.pin", "1234"),
    }


def gone(path: Path) -> bool:
    """Tell whether a file of the machine is deleted; overlayfs keeps a marker in its place."""
    return not path.exists() or stat.S_ISCHR(path.stat().st_mode)


def test_a_removed_line_keeps_its_data(line: Installed) -> None:
    """Its units and files go; the erasing command is printed."""
    files = fill(line)
    drop_in = line.put("etc/systemd/system/hotlined@nl.service.d/uart.conf", "[Service]\n")
    line.asked()
    done = line.run("hotlined-setup", "remove", "nl")

    assert done.returncode == 0, done.stderr
    assert gone(drop_in)
    assert not [name for name, path in files.items() if gone(path)]
    assert gone(line.path("etc/sysusers.d/hotlined-nl.conf"))
    assert gone(line.path("etc/tmpfiles.d/hotlined-nl.conf"))
    assert "sudo hotlined-setup remove nl --purge" in done.stdout
    assert any(each.startswith("disable --now") and "hotlined@nl.service" in each for each in line.asked())


@pytest.mark.parametrize("typed", ["", "\n", "y\n", "main\n"])
def test_erasing_asks_for_the_name(line: Installed, typed: str) -> None:
    """Any other reply than the line's name changes nothing."""
    fill(line)
    before = line.files()
    done = line.run("hotlined-setup", "remove", "nl", "--purge", typed=typed)

    assert (done.returncode, line.files()) == (1, before)
    assert "Nothing was changed" in done.stderr


def test_only_files_of_the_line_are_erased(line: Installed) -> None:
    """Paths outside stay, even named in its configuration or linked."""
    files = fill(line)
    elsewhere = line.put("srv/hotlined.db", "of others")
    files["config"].write_text("database: /srv/hotlined.db\nanswer: {text: x}\n")
    first = line.path("etc/hotlined/main.yaml").read_bytes()
    script = """mkdir -p /run/hotlined-control /run/hotlined-desk/main /run/hotlined-desk/nl
        touch /run/hotlined-control/main.sock /run/hotlined-control/nl.sock /run/hotlined-control/nl-desk.sock
        hotlined-setup remove nl --purge && ls -d /run/hotlined-*/*"""
    done = line.run("sh", "-c", script, typed="nl\n")

    assert done.returncode == 0, done.stderr
    here = [each for each in done.stdout.splitlines() if each.startswith("/run")]
    assert here == ["/run/hotlined-control/main.sock", "/run/hotlined-desk/main"]
    assert [name for name, path in files.items() if not gone(path)] == []
    assert elsewhere.read_text() == "of others"
    assert "does not exist" not in done.stdout + done.stderr
    assert line.path("etc/hotlined/main.yaml").read_bytes() == first
    for user in ("hotlined-nl", "hotweb-nl"):
        assert line.run("id", user).returncode != 0
    assert not [path for path in line.path("var/lib").iterdir() if path.name.startswith(".hotlined-gone")]


# ---- upgrades

RUNNING = """\
hotlined-daily@main.service loaded activating start x
hotlined-daily@main.timer loaded active waiting x
hotlined-web@main.service loaded active running x
hotlined-web@main.socket loaded active running x
hotlined@main.service loaded active running x
hotlined@nl.service loaded failed failed x
"""
BACK = "hotlined-daily@main.timer hotlined-web@main.socket hotlined@main.service hotlined@nl.service"


@pytest.fixture
def upgraded(line: Installed) -> Installed:
    """Give a machine with running units, and without the data that only dpkg has."""
    line.put("srv/units", RUNNING)
    script = '#!/bin/sh\n[ $1 != list-units ] || exec cat /srv/units\necho "$@" >>/var/log/systemctl\n'
    line.put("usr/bin/systemctl", script, 0o755)
    line.put("usr/bin/py3compile", "#!/bin/sh\n", 0o755)
    return line


def test_an_upgrade_restarts_the_running_units(upgraded: Installed) -> None:
    """Daemons, sockets and timers start again; jobs and connections do not."""
    scripts = "sh preinst upgrade 0.1.0 && sh postinst configure 0.1.0 && ! ls /run/hotlined-upgrade"
    done = upgraded.run("sh", "-c", f"cd '{DEBIAN}' && {scripts}")

    assert done.returncode == 0, done.stderr
    assert upgraded.asked() == ["stop hotlined*", "daemon-reload", f"start {BACK}"]


@pytest.mark.parametrize(("failed", "words"), [("", "All came back"), ("hotlined@nl.service", "Not all came back")])
def test_a_downgrade_says_whether_the_line_came_back(upgraded: Installed, failed: str, words: str) -> None:
    """A unit that the older version lacks is no failure."""
    answers = f'*--state=failed*) echo "{failed}" ;; list-units*) cat /srv/units ;; start*) exit 5 ;;'
    script = f"#!/bin/sh\ncase $* in {answers} esac\n"
    upgraded.put("usr/bin/systemctl", script, 0o755)
    done = upgraded.run("sh", "-c", f"cd '{DEBIAN}' && sh preinst upgrade 0.2.0 && sh postinst configure 0.2.0")

    assert (done.returncode, words in done.stderr) == (0, True), done.stderr


def test_an_upgrade_that_died_and_is_typed_again_restarts_the_same_units(upgraded: Installed) -> None:
    """The list is that of the first one: the second finds nothing running."""
    twice = "sh preinst upgrade 0.1.0 && >/srv/units && sh preinst upgrade 0.1.0 && sh postinst configure 0.1.0"
    done = upgraded.run("sh", "-c", f"cd '{DEBIAN}' && {twice}")

    assert done.returncode == 0, done.stderr
    assert upgraded.asked() == ["stop hotlined*", "stop hotlined*", "daemon-reload", f"start {BACK}"]


def test_an_upgrade_without_a_copy_is_aborted(upgraded: Installed) -> None:
    """The units of the old version run again, and dpkg replaces nothing."""
    upgraded.put("usr/share/hotlined/start.py", "raise SystemExit(1)\n")
    done = upgraded.run("sh", f"{DEBIAN}/preinst", "upgrade", "0.1.0")

    assert done.returncode == 1
    assert "The former version goes on" in done.stderr
    assert upgraded.asked() == ["stop hotlined*", f"start {BACK}"]


def test_a_downgrade_needs_no_copy(upgraded: Installed) -> None:
    """An older version changes no database.

    It can be installed even over a version that does not run.
    """
    upgraded.put("usr/share/hotlined/start.py", "raise SystemExit(1)\n")
    done = upgraded.run("sh", f"{DEBIAN}/preinst", "upgrade", "0.2.0", "0.1.0")

    assert done.returncode == 0, done.stderr
    assert "is older" in done.stderr
    assert upgraded.asked() == ["stop hotlined*"]
    assert upgraded.run("sh", f"{DEBIAN}/preinst", "upgrade", "0.2.0", "0.2.1").returncode == 1


def test_only_the_first_installation_makes_a_line(machine: Installed) -> None:
    """A configuration or an earlier version prevents one.

    Enabled units start.
    """
    machine.put("usr/bin/py3compile", "#!/bin/sh\n", 0o755)
    assert machine.run("sh", f"{DEBIAN}/postinst", "configure").returncode == 0
    assert "start --no-block hotlined-control@main.socket hotlined@main.service" in machine.asked()
    assert machine.path("etc/hotlined/main.yaml").exists()
    for name in ("main.yaml", "main.txt"):
        machine.path(f"etc/hotlined/{name}").unlink()
    machine.put("etc/hotlined/nl.yaml", "answer: {text: x}\n")
    link = machine.path("etc/systemd/system/multi-user.target.wants/hotlined@nl.service")
    link.parent.mkdir(parents=True)
    link.symlink_to("/usr/lib/systemd/system/hotlined@.service")
    assert machine.run("sh", f"{DEBIAN}/postinst", "configure").returncode == 0
    assert machine.asked() == ["daemon-reload", "start hotlined@nl.service"]
    assert not machine.path("etc/hotlined/main.yaml").exists()


@pytest.mark.parametrize(
    "left", [(), ("etc/hotlined/main.yaml",), ("var/backups/hotlined/main-0.db", "etc/hotlined/x")]
)
def test_remaining_data_are_named_after_removal(machine: Installed, left: tuple[str, ...]) -> None:
    """The erasing command is printed; an empty folder is removed."""
    for name in left:
        machine.put(name, "of people")
    script = f"sh '{DEBIAN}/postrm' purge; ls -d /etc/hotlined /var/backups/hotlined 2>/dev/null"
    said = machine.run("sh", "-c", script).stdout.splitlines()

    folders = sorted({"/" + name.rpartition("/")[0] for name in left})
    told = [f"{each} is still there, with data of people. To erase it: sudo rm -r {each}" for each in folders]
    assert said == [*told, *folders]


# ---- copies before an upgrade


def test_each_database_is_copied_before_an_upgrade(line: Installed) -> None:
    """Root's folder keeps two copies for each line that ran."""
    fill(line)
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        line.path("var/lib/hotlined-nl/hotlined.db").write_text(version)
        assert line.run("hotlined-setup", "copy", version).returncode == 0

    folder = line.path("var/backups/hotlined")
    copies = sorted(path for path in folder.iterdir() if path.is_file() and not gone(path))
    assert [path.name for path in copies] == ["nl-0.2.0.db", "nl-0.3.0.db"]
    assert [path.read_text() for path in copies] == ["0.2.0", "0.3.0"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in copies} == {0o600}


def test_without_a_copy_no_upgrade_happens(line: Installed) -> None:
    """No partial copy is left, and older ones stay."""
    fill(line)
    line.run("hotlined-setup", "copy", "0.1.0")
    line.put("usr/share/hotlined/start.py", "import sys\nprint('half')\nsys.exit(1)\n")
    done = line.run("hotlined-setup", "copy", "0.2.0")

    folder = line.path("var/backups/hotlined")
    assert (done.returncode, "could not be copied" in done.stderr) == (1, True)
    assert [path.name for path in folder.iterdir() if path.is_file() and not gone(path)] == ["nl-0.1.0.db"]


def copies_of(line: Installed) -> dict[str, str]:
    """Return the names of the copies made before upgrades."""
    folder = line.path("var/backups/hotlined")
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file() and not gone(path)}


def test_an_older_versions_copy_is_not_replaced(line: Installed) -> None:
    """A later database replaces none; a late clock removes none."""
    fill(line)
    database = line.path("var/lib/hotlined-nl/hotlined.db")
    line.run("hotlined-setup", "copy", "0.1.0")
    before = copies_of(line)
    database.write_text("later")
    assert line.run("hotlined-setup", "copy", "0.1.0").returncode == 0
    assert copies_of(line) == before
    for version in ("0.2.0", "0.3.0"):
        line.run("hotlined-setup", "copy", version)
    for path in line.path("var/backups/hotlined").glob("nl-*.db"):
        os.utime(path, (2**31, 2**31))
    line.run("hotlined-setup", "copy", "0.4.0")
    assert "nl-0.4.0.db" in copies_of(line)
    assert len(copies_of(line)) == 2


def test_a_missing_database_with_daily_copies_stops_an_upgrade(line: Installed) -> None:
    """Daily copies prove a database whose disk is missing.

    A line without copies may be upgraded.
    """
    fill(line)
    line.put("etc/hotlined/before.yaml", "language: fr\n")
    line.path("var/lib/hotlined-nl/hotlined.db").unlink()
    line.put("var/backups/hotlined/nl/Mon.db", "monday")
    done = line.run("hotlined-setup", "copy", "0.1.0")

    assert (done.returncode, "The database of nl could not be copied" in done.stderr) == (1, True)
    assert "before.yaml is of no line that is here" in done.stdout


@pytest.mark.parametrize("name", ["backup", "proxy"])
def test_no_line_has_the_name_of_a_shared_group(machine: Installed, name: str) -> None:
    """Such a line's members would have the rights of all lines."""
    done = machine.run("hotlined-setup", "add", name)

    assert (done.returncode, "give the line another name" in done.stderr) == (1, True)
    assert not machine.path(f"etc/hotlined/{name}.yaml").exists()


def test_an_erased_line_can_be_made_again(machine: Installed) -> None:
    """Former members have no rights in the new one.

    Even the first line can be made again, whose user the package made.
    """
    assert machine.run("hotlined-setup", "add", "main").returncode == 0
    machine.run("usermod", "--append", "--groups", "hotlined-main", "games")
    done = machine.run("hotlined-setup", "remove", "main", "--purge", typed="main\n")
    assert done.returncode == 0, done.stderr
    assert "hotlined-main" not in machine.run("getent", "group").stdout
    done = machine.run("hotlined-setup", "add", "main")

    assert done.returncode == 0, done.stderr
    assert machine.run("id", "-gn", "hotlined-main").stdout == "hotlined-main\n"
    assert "hotlined-main" not in machine.run("id", "-Gn", "games").stdout


def test_a_database_elsewhere_is_named_when_its_line_is_erased(line: Installed) -> None:
    """The output does not call files erased that stay."""
    fill(line)
    config = line.path("etc/hotlined/nl.yaml")
    config.write_text(f"{config.read_text()}database: /srv/ssd/nl/hotlined.db\n")
    done = line.run("hotlined-setup", "remove", "nl", "--purge", typed="nl\n")

    assert done.returncode == 0, done.stderr
    assert "it stays: /srv/ssd/nl/hotlined.db" in done.stdout
