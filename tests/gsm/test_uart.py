"""Modems on the UART of a Pi: each obstacle is shown with its cure, and only a configured UART is asked."""

import errno
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest
from sysfs import Plugged, build
from test_doctor import FAIL, OK, UNKNOWN, WARN, host, program

from hotlined.doctor import stick as stick_checks
from hotlined.doctor.findings import Health
from hotlined.errors import PortDeniedError
from hotlined.gsm import finding, port, uart
from hotlined.gsm.finding import Holder
from hotlined.gsm.sticks import PortRole


def pi(root: Path, name: str = "ttyS0", kind: str = "brcm,bcm2835-aux-uart", *, bluetooth: bool = False) -> Path:
    """Make a Pi's /dev/serial0 and the kernel's files about it, below a folder."""
    for folder in ("dev", "proc", "boot/firmware"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    tree = root / "sys/class/tty" / name / "device/of_node"
    tree.mkdir(parents=True)
    (tree / "compatible").write_bytes(kind.encode() + b"\0")
    if bluetooth:
        (tree / "bluetooth").mkdir()
    (root / "dev" / name).touch()
    (root / "dev/serial0").symlink_to(name)
    return root


def messages(root: Path, name: str = "/dev/serial0") -> str:
    """Return the obstacles and their cures."""
    return " ".join(f"{each.message} {each.cure}" for each in uart.obstacles(name, root))


def test_a_free_uart_has_no_obstacle(tmp_path: Path) -> None:
    """The better UART without a console is free, also through its link."""
    pi(tmp_path, "ttyAMA0", "arm,pl011")
    (tmp_path / "proc/cmdline").write_text("console=tty1 root=/dev/mmcblk0p2\n")

    assert uart.obstacles("/dev/serial0", tmp_path) == []
    assert uart.obstacles("/dev/ttyAMA0", tmp_path) == []


@pytest.mark.parametrize("console", ["console=ttyAMA0,115200 console=tty1", "8250.nr_uarts=1 console=ttyAMA0"])
def test_the_login_console_is_reported(console: str, tmp_path: Path) -> None:
    """Killing it would not last; raspi-config is the cure."""
    pi(tmp_path, "ttyAMA0", "arm,pl011")
    (tmp_path / "proc/cmdline").write_text(f"{console}\n")

    assert "do_serial_cons 1" in messages(tmp_path)
    assert "kill" not in messages(tmp_path)
    assert "do_serial_cons 1" in Holder(812, "agetty").hint


def test_a_disabled_uart_is_reported(tmp_path: Path) -> None:
    """Without enable_uart=1 the port is missing, and the cure switches it on."""
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "boot/firmware/config.txt").write_text("[all]\n#enable_uart=1\nenable_uart=0\n")

    assert "UART is not switched on in its settings" in messages(tmp_path)
    assert "do_serial_hw 0" in messages(tmp_path)
    (tmp_path / "boot/firmware/config.txt").write_text("enable_uart=1\n")
    assert "settings switch its UART on" in messages(tmp_path)


def test_the_mini_uart_is_a_warning_only(tmp_path: Path) -> None:
    """The mini UART works; a cure exists where it fails.

    A Pi with Bluetooth has it at pins 8 and 10.
    """
    pi(tmp_path)
    (found,) = uart.obstacles("/dev/serial0", tmp_path)

    assert not found.is_fatal
    assert "disable-bt" in found.cure


def test_unsuitable_uarts_are_reported(tmp_path: Path) -> None:
    """Bluetooth's UART and a Pi 5's debug connector suit no modem."""
    pi(tmp_path / "3", "ttyAMA0", "arm,pl011", bluetooth=True)
    pi(tmp_path / "5", "ttyAMA10", "arm,pl011-axi")

    assert "Bluetooth has ttyAMA0" in messages(tmp_path / "3", "/dev/ttyAMA0")
    assert "dtparam=uart0=on" in messages(tmp_path / "5")


def test_auto_leaves_uarts_alone(tmp_path: Path) -> None:
    """A machine that obeys commands may be connected to one."""
    machine = host(tmp_path)
    pi(tmp_path, "ttyAMA0", "arm,pl011")

    assert finding.candidates(tmp_path / "sys", tmp_path / "dev") == []
    assert "modem.port: /dev/serial0" in stick_checks.stick(machine).cure


@pytest.mark.parametrize(
    ("name", "expected"),
    [("/dev/serial0", True), ("/dev/ttyS0", True), ("/dev/ttyAMA10", True), ("/dev/ttyUSB0", False), ("auto", False)],
)
def test_a_uart_is_recognised_by_its_name(name: str, expected: bool) -> None:
    """Ports of the machine differ from those on USB and from `auto`."""
    assert uart.is_uart(name) == expected


@pytest.mark.parametrize(
    ("kind", "console", "verdict", "words"),
    [
        ("brcm,bcm2835-aux-uart", "", WARN, "mini UART"),
        ("arm,pl011", "console=ttyS0", FAIL, "login console"),
        ("arm,pl011", "", WARN, "nothing answers"),
    ],
)
def test_doctor_checks_the_uart(kind: str, console: str, verdict: Health, words: str, tmp_path: Path) -> None:
    """Obstacles have their own check; silence without one names PWRKEY."""
    machine = host(pi(tmp_path, kind=kind), modem={"port": "/dev/serial0"})
    (tmp_path / "proc/cmdline").write_text(console)
    found = stick_checks.uarts(machine)

    assert found.verdict is verdict
    assert words in found.seen
    assert "PWRKEY" in found.cure or words != "nothing answers"


def test_a_line_without_a_uart_has_no_warning(tmp_path: Path) -> None:
    """A line that uses a stick gets no warning about UARTs."""
    assert stick_checks.uarts(host(tmp_path)).verdict is OK


# ---- the service


SHIPPED = [["LoadState", "loaded"], ["DevicePolicy", "closed"], ["Group", "hotlined"]]


def allow(*rules: str, groups: str = "dialout") -> list[list[str]]:
    """Return systemd's properties of a service that allows these devices."""
    return [*SHIPPED, *(["DeviceAllow", f"{rule} rw"] for rule in rules), ["SupplementaryGroups", groups]]


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        (("char-188", "char-166"), FAIL),
        ((), FAIL),
        (("char-188", "char-1"), OK),
        (("char-mem",), OK),
        (("/dev/null",), OK),
        (("{link}",), OK),
        (("/dev/zero", "/dev/nothing-there"), FAIL),
    ],
)
def test_a_port_is_judged_as_the_service_would(rules: tuple[str, ...], verdict: Health, tmp_path: Path) -> None:
    """The sandbox may refuse by number or name what root may open."""
    link = tmp_path / "serial0"
    link.symlink_to("/dev/null")
    told = allow(*(rule.format(link=link) for rule in rules))
    found = stick_checks.judge_sandbox("hotlined@main.service", told, [Path("/dev/null")])

    assert found.verdict is verdict
    assert ("hotlined-setup uart /dev/null" in found.cure) == (verdict is FAIL)


@pytest.fixture(name="terminal")
def _terminal() -> Iterator[Path]:
    """Give a port whose group can be changed: systemd allows all such."""
    master, slave = pty.openpty()
    yield Path(os.ttyname(slave))
    os.close(slave)
    os.close(master)


def test_the_groups_are_those_of_the_service(terminal: Path) -> None:
    """A port with the login console's group fails, whatever groups callers have."""
    terminal.chmod(0o620)
    found = stick_checks.judge_sandbox("hotlined@main.service", allow(), [terminal])
    assert (found.verdict, "may not open" in found.seen) == (FAIL, True)
    terminal.chmod(0o660)
    assert stick_checks.judge_sandbox("hotlined@main.service", allow(groups="nobodys"), [terminal]).verdict is FAIL

    assert stick_checks.judge_sandbox("hotlined@main.service", allow(groups=terminal.group()), [terminal]).verdict is OK


def test_the_installed_unit_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Properties of the line's own service count; without it nothing is claimed."""
    machine = host(tmp_path, modem={"port": "/dev/null"})
    told = "\\n".join("=".join(row) for row in allow("char-188"))
    program(tmp_path / "systemctl", f"#!/bin/sh\nprintf '{told}\\n'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert stick_checks.sandbox(machine).verdict is FAIL
    program(tmp_path / "systemctl", "#!/bin/sh\necho LoadState=not-found")

    assert stick_checks.sandbox(machine).verdict is UNKNOWN


@pytest.mark.parametrize(("number", "cure"), [(errno.EPERM, "hotlined-setup uart"), (errno.EACCES, "adduser")])
def test_a_refusing_sandbox_differs_from_a_missing_group(
    number: int, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says EPERM for the sandbox, EACCES for the group."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(port.serial, "serial_for_url", refuse)
    with pytest.raises(PortDeniedError) as caught:
        port.Port("/dev/serial0")

    assert cure in caught.value.hint


# ---- hso


def test_the_command_port_of_hso_is_found(tmp_path: Path) -> None:
    """The driver says what each of its several ports is for."""
    stick = Plugged("1-1.2", "0af0:7401", ("00 ff/ff/ff hso ttyHS0 ttyHS1 ttyHS2", "01 ff/ff/ff hso ttyHS3"))
    root = build(tmp_path, [stick])
    kinds = {"ttyHS0": "Application", "ttyHS1": "Control", "ttyHS2": "GPS", "ttyHS3": "Diagnostic"}
    for name, kind in kinds.items():
        ((tmp_path / "sys/class/tty" / name).resolve() / "hsotype").write_text(f"{kind}\n")
    found = finding.candidates(root, tmp_path / "dev")

    assert [(Path(each.port).name, each.role) for each in found] == [("ttyHS1", PortRole.UNLISTED)]
