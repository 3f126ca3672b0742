"""`hotlined udev-rule`: a stable name by serial number or socket, ModemManager off, no sleep."""

import re
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml
from needs import forbidden, needs
from sysfs import Plugged, build

from hotlined.doctor.udev import pick, rule
from hotlined.errors import UnavailableError
from hotlined.gsm import finding
from hotlined.gsm.finding import Candidate
from hotlined.gsm.sticks import HUAWEI_PROTOCOLS, NUMBERS, VENDORS, PortRole

RULES = Path(__file__).parents[2] / "systemd/70-hotlined.rules"
_KEY = re.compile(r'(SUBSYSTEMS|ATTRS|ENV|SYMLINK)(?:\{([^}]+)\})?(==|\+=|=)"([^"]*)"')

SIM7600 = Plugged(
    "1-1.2",
    "1e0e:9001",
    tuple(f"{number:02x} ff/00/00 option ttyUSB{number}" for number in range(5)),
    serial="A1B2C3D4",
    manufacturer="SimTech, Incorporated",
    name="SimTech, Incorporated",
)
TWIN = SIM7600._replace(
    socket="1-1.3", interfaces=tuple(f"{number:02x} ff/00/00 option ttyUSB{number + 5}" for number in range(5))
)


def plugged(root: Path, *sticks: Plugged) -> list[Candidate]:
    """Return the ports of these sticks that may be asked."""
    return finding.candidates(build(root, sticks), root / "dev")


def test_a_stick_is_known_by_its_serial_number(tmp_path: Path) -> None:
    """The rule names vendor, product, interface and serial, no socket."""
    candidates = plugged(tmp_path, SIM7600)
    text = rule(pick(candidates, None), "fr", candidates)

    assert text.startswith("# /etc/udev/rules.d/70-hotlined-fr.rules: SimTech, Incorporated (1e0e:9001), interface 02")
    assert (
        'ENV{ID_VENDOR_ID}=="1e0e", ENV{ID_MODEL_ID}=="9001", ENV{ID_USB_INTERFACE_NUM}=="02", '
        'ENV{ID_SERIAL_SHORT}=="A1B2C3D4", SYMLINK+="hotlined-fr"'
    ) in text
    assert text.count('ENV{ID_MM_DEVICE_IGNORE}="1"') == 2
    assert 'ATTR{power/control}="on"' in text


# ---- the installed rules


@dataclass(frozen=True, slots=True)
class Plug:
    """A stick's port as udev sees it: the stick, and the port's interface."""

    id: str
    number: int
    kind: tuple[int, int, int] = (0xFF, 0, 0)


def links(port: Plug) -> set[str]:
    """Return the links that the installed rules give a port, by their matches, line after line as in udev."""
    vendor, product = port.id.split(":")
    interface = dict(zip(("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"), port.kind, strict=True))
    parents = [{"idVendor": vendor, "idProduct": product}, {key: f"{value:02x}" for key, value in interface.items()}]
    properties = {"ID_USB_INTERFACE_NUM": f"{port.number:02x}"}
    found = set()
    for line in RULES.read_text().splitlines():
        if not line.startswith("SUBSYSTEMS"):
            continue
        keys = [match.groups() for match in _KEY.finditer(line)]
        wanted = {name: value for key, name, operator, value in keys if (key, operator) == ("ATTRS", "==")}
        conditions = {name: value for key, name, operator, value in keys if (key, operator) == ("ENV", "==")}
        one_parent = any(all(_is(parent.get(name), wanted[name]) for name in wanted) for parent in parents)
        if not one_parent or not all(_is(properties.get(name, ""), conditions[name]) for name in conditions):
            continue
        properties |= {name: value for key, name, operator, value in keys if (key, operator) == ("ENV", "=")}
        found |= {value for key, _, operator, value in keys if (key, operator) == ("SYMLINK", "+=")}
    return found


def _is(value: str | None, patterns: str) -> bool:
    return value is not None and any(fnmatchcase(value, pattern) for pattern in patterns.split("|"))


@pytest.mark.parametrize("stick", [row for row in NUMBERS if row[:4] in VENDORS])
def test_the_named_port_is_the_one_asked_first(stick: str) -> None:
    """Each known stick's command port gets a name, no other."""
    named = [number for number in range(16) if links(Plug(stick, number))]

    assert named == [number for number, role in NUMBERS[stick].items() if role is PortRole.AT]


@pytest.mark.parametrize("protocol", range(0x80))
def test_later_huawei_sticks_are_named_by_protocol(protocol: int) -> None:
    """Only command protocols get a name, on Huawei's sticks alone."""
    expected = HUAWEI_PROTOCOLS.get(protocol) is PortRole.AT

    assert bool(links(Plug("12d1:1506", 1, (0xFF, 2, protocol)))) == expected
    assert not links(Plug("1199:68a3", 1, (0xFF, 2, protocol)))
    assert not links(Plug("12d1:1506", 1, (0x08, 2, protocol)))


@pytest.mark.parametrize("vendor", VENDORS)
def test_modemmanager_is_kept_off_named_sticks(vendor: str) -> None:
    """The rules cover device and port, and forbid sleep."""
    kept = [line for line in RULES.read_text().splitlines() if 'ENV{ID_MM_DEVICE_IGNORE}="1"' in line]

    assert len(kept) == 2
    assert all(vendor in line for line in kept)
    assert 'ATTR{power/control}="on"' in kept[0]


@needs("udevadm")
def test_udev_verifies_the_installed_rules() -> None:
    """The rules pass `udevadm verify`, if it exists."""
    done = subprocess.run(["udevadm", "verify", str(RULES)], capture_output=True, text=True, check=False)
    if "Unknown command" in done.stderr:
        forbidden("this udevadm cannot verify")  # before systemd 254

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("serial", ["", "0", "0123456789ABCDEF", "00000000", "ab\ufffdcd\x01"])
def test_a_stick_without_its_own_serial_number_is_known_by_its_socket(serial: str, tmp_path: Path) -> None:
    """Its serial number is missing, shared or garbled."""
    candidates = plugged(tmp_path, SIM7600._replace(serial=serial))
    text = rule(pick(candidates, None), "nl", candidates)

    assert 'ENV{ID_PATH}=="*-usb-0:1.2:1.2", SYMLINK+="hotlined-nl"' in text
    assert "ID_SERIAL_SHORT" not in text


def test_two_sticks_with_one_serial_number_are_known_by_their_sockets(tmp_path: Path) -> None:
    """Neither rule can match a port of the other stick."""
    candidates = plugged(tmp_path, SIM7600, TWIN)
    first, second = (
        rule(pick(candidates, str(tmp_path / "dev" / tty)), "fr", candidates) for tty in ("ttyUSB2", "ttyUSB7")
    )

    assert "*-usb-0:1.2:1.2" in first
    assert "*-usb-0:1.3:1.2" in second


def test_a_hostile_name_stays_in_its_comment(tmp_path: Path) -> None:
    """A stick's name cannot add a line to the rule."""
    candidates = plugged(tmp_path, SIM7600._replace(name='x\nRUN+="/bin/sh"\r'))
    text = rule(pick(candidates, None), "fr", candidates)

    assert all(line.startswith(("#", "ACTION", "SUBSYSTEM", "ENV", "LABEL")) for line in text.splitlines() if line)


@needs("udevadm")
def test_udev_verifies_the_rule(tmp_path: Path) -> None:
    """The rule passes `udevadm verify`, if it exists."""
    candidates = plugged(tmp_path, SIM7600)
    path = tmp_path / "70-hotlined-fr.rules"
    path.write_text(rule(pick(candidates, None), "fr", candidates))
    done = subprocess.run(["udevadm", "verify", str(path)], capture_output=True, text=True, check=False)
    if "Unknown command" in done.stderr:
        forbidden("this udevadm cannot verify")  # before systemd 254

    assert done.returncode == 0, done.stdout + done.stderr


def test_an_unsuitable_port_is_refused_with_the_suitable_ones(tmp_path: Path) -> None:
    """A port for diagnosis gets no rule."""
    candidates = plugged(tmp_path, SIM7600)
    with pytest.raises(UnavailableError) as caught:
        pick(candidates, str(tmp_path / "dev/ttyUSB0"))
    assert "ttyUSB2" in caught.value.hint


def test_a_port_without_a_stick_ends_with_69(tmp_path: Path) -> None:
    """A sentence says that no plugged-in stick has the port."""
    path = tmp_path / "main.yaml"
    path.write_text(yaml.safe_dump({"answer": {"text": "Non."}}))
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", "--config", str(path), "udev-rule", "--port", "/dev/hotlined-none"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (69, "")
    assert re.match("Error: .+(plugged in|speaks AT)", done.stderr)
