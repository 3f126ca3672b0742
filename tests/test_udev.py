"""`hotlined udev-rule`: a stable name by serial number or socket, ModemManager off, no sleep."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sysfs import Plugged, build

from hotlined.cli.udev import pick, rule
from hotlined.errors import UnavailableError
from hotlined.gsm import finding
from hotlined.gsm.finding import Candidate

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
    """Return the ports that may be asked of these sticks."""
    return finding.candidates(build(root, sticks), root / "dev")


def test_a_stick_with_a_serial_number_is_known_by_it(tmp_path: Path) -> None:
    """The rule names the port by vendor, product, interface and serial number, wherever it is plugged in."""
    candidates = plugged(tmp_path, SIM7600)
    text = rule(pick(candidates, None), "fr", candidates)

    assert text.startswith("# /etc/udev/rules.d/70-hotlined-fr.rules: SimTech, Incorporated (1e0e:9001), interface 02")
    assert (
        'ENV{ID_VENDOR_ID}=="1e0e", ENV{ID_MODEL_ID}=="9001", ENV{ID_USB_INTERFACE_NUM}=="02", '
        'ENV{ID_SERIAL_SHORT}=="A1B2C3D4", SYMLINK+="hotlined-fr"'
    ) in text
    assert text.count('ENV{ID_MM_DEVICE_IGNORE}="1"') == 2
    assert 'ATTR{power/control}="on"' in text


@pytest.mark.parametrize("serial", ["", "0", "0123456789ABCDEF", "00000000", "ab\ufffdcd\x01"])
def test_a_stick_without_a_serial_number_of_its_own_is_known_by_its_socket(serial: str, tmp_path: Path) -> None:
    """No serial number, the one of every such stick, or a garbled one: the rule goes by the socket."""
    candidates = plugged(tmp_path, SIM7600._replace(serial=serial))
    text = rule(pick(candidates, None), "nl", candidates)

    assert 'ENV{ID_PATH}=="*-usb-0:1.2:1.2", SYMLINK+="hotlined-nl"' in text
    assert "ID_SERIAL_SHORT" not in text


def test_two_sticks_with_one_serial_number_are_known_by_their_sockets(tmp_path: Path) -> None:
    """Twins get two rules that cannot match each other's ports."""
    candidates = plugged(tmp_path, SIM7600, TWIN)
    first, second = (
        rule(pick(candidates, str(tmp_path / "dev" / tty)), "fr", candidates) for tty in ("ttyUSB2", "ttyUSB7")
    )

    assert "*-usb-0:1.2:1.2" in first
    assert "*-usb-0:1.3:1.2" in second


def test_a_hostile_name_stays_in_its_comment(tmp_path: Path) -> None:
    """What a stick calls itself cannot add a line to the rule."""
    candidates = plugged(tmp_path, SIM7600._replace(name='x\nRUN+="/bin/sh"\r'))
    text = rule(pick(candidates, None), "fr", candidates)

    assert all(line.startswith(("#", "ACTION", "SUBSYSTEM", "ENV", "LABEL")) for line in text.splitlines() if line)


@pytest.mark.skipif(shutil.which("udevadm") is None, reason="needs udevadm")
def test_udev_takes_the_rule(tmp_path: Path) -> None:
    """The rule passes `udevadm verify`, where there is one."""
    candidates = plugged(tmp_path, SIM7600)
    path = tmp_path / "70-hotlined-fr.rules"
    path.write_text(rule(pick(candidates, None), "fr", candidates))
    done = subprocess.run(["udevadm", "verify", str(path)], capture_output=True, text=True, check=False)
    if "Unknown command" in done.stderr:
        pytest.skip("this udevadm cannot verify")

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_port_that_is_none_is_refused_with_those_that_are(tmp_path: Path) -> None:
    """A port for diagnosis gets no rule; the refusal names the ports that may be used."""
    candidates = plugged(tmp_path, SIM7600)
    with pytest.raises(UnavailableError) as caught:
        pick(candidates, str(tmp_path / "dev/ttyUSB0"))
    assert "ttyUSB2" in caught.value.hint


def test_no_stick_is_told_with_69(tmp_path: Path) -> None:
    """The command ends with 69 and a sentence where the port is none of a stick that is plugged in."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"answer": {"text": "Non."}}))
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", "--config", str(path), "udev-rule", "--port", "/dev/hotlined-none"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (69, "")
    assert re.match("Error: .+(plugged in|speaks AT)", done.stderr)
