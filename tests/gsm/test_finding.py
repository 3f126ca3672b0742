"""Finding the modem: the ports that may be asked, sticks without ports, and the holder of a port."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_until
from needs import forbidden, needs_root
from sysfs import Plugged, build

from hotlined.errors import PortBusyError
from hotlined.gsm import finding
from hotlined.gsm.port import Port
from hotlined.gsm.sticks import HUAWEI_PROTOCOLS, NUMBERS, PortRole

E173 = Plugged(
    "1-1.2",
    "12d1:1001",
    (
        "00 ff/ff/ff option ttyUSB0",
        "01 ff/ff/ff option ttyUSB1",
        "02 ff/ff/ff option ttyUSB2",
        "03 08/06/50 usb-storage",
    ),
    manufacturer="HUAWEI Technology",
    name="HUAWEI Mobile",
)
E173_ETHERNET = Plugged(
    "1-1.2",
    "12d1:1436",
    (
        "00 ff/ff/ff option ttyUSB0",
        "01 02/06/ff cdc_ether",
        "02 0a/00/00 cdc_ether",
        "03 ff/ff/ff option ttyUSB1",
        "04 ff/ff/ff option ttyUSB2",
        "05 08/06/50 usb-storage",
    ),
)
E3131 = Plugged(
    "1-1.3",
    "12d1:1506",
    ("00 ff/02/01 option ttyUSB3", "01 ff/02/02 option ttyUSB4", "02 ff/02/03 option ttyUSB5"),
)
E3372 = Plugged(
    "1-1.2",
    "12d1:1506",
    (
        "00 ff/02/12 option ttyUSB0",
        "01 ff/02/01 option ttyUSB1",
        "02 ff/02/16 huawei_cdc_ncm",
        "03 08/06/50 usb-storage",
    ),
    serial="0123456789ABCDEF",
)
BROVI = Plugged(
    "1-1.2",
    "3566:2001",
    (
        "00 ff/ff/ff -",
        "01 ff/ff/ff option ttyUSB0",
        "02 ff/ff/ff option ttyUSB1",
        "03 ff/ff/ff -",
        "04 ff/ff/ff option ttyUSB2",
        "05 02/0d/00 cdc_ncm",
        "06 0a/00/01 cdc_ncm",
    ),
    serial="123456789ABCD",
    manufacturer="Mobile",
    name="Mobile",
)
HUAWEI_UNLISTED = Plugged("1-1.2", "12d1:1404", ("00 ff/ff/ff option ttyUSB0", "01 ff/ff/ff option ttyUSB1"))
MF110 = Plugged(
    "1-1.2",
    "19d2:0031",
    (
        "00 ff/ff/ff option ttyUSB0",
        "01 ff/ff/ff option ttyUSB1",
        "02 08/06/50 usb-storage",
        "03 ff/ff/ff option ttyUSB2",
    ),
)
SIM7600 = Plugged(
    "1-1.4",
    "1e0e:9001",
    (*(f"{number:02x} ff/00/00 option ttyUSB{number}" for number in range(5)), "05 ff/ff/ff qmi_wwan"),
    serial="0123456789ABCDEF",
)
EC25 = Plugged("1-1.2", "2c7c:0125", tuple(f"{number:02x} ff/00/00 option ttyUSB{number}" for number in range(4)))
CH340 = Plugged("1-1.1", "1a86:7523", ("00 ff/01/02 ch341 ttyUSB9",), name="USB Serial")
TELIT = Plugged("1-1.2", "1bc7:0021", ("00 02/02/01 cdc_acm ttyACM0", "01 0a/00/00 cdc_acm"))
FIBOCOM = Plugged("1-1.2", "2cb7:0007", ("02 02/02/01 cdc_acm ttyACM0", "06 02/02/01 cdc_acm ttyACM2"))
ARDUINO = Plugged("1-1.1", "2341:0043", ("00 02/02/01 cdc_acm ttyACM1", "01 0a/00/00 cdc_acm"))
UNLISTED = Plugged("1-1.2", "1199:68a3", ("00 ff/ff/ff sierra ttyUSB0",))
RECEIVER = Plugged("1-1.2", "1546:01a8", ("00 02/02/01 cdc_acm ttyACM0",))
DISPLAY = Plugged("1-1.2", "0b8c:0001", ("00 ff/00/00 moxa ttyUSB0",))

ZERO_CD = Plugged("1-1.2", "12d1:1446", ("00 08/06/50 usb-storage", "01 08/06/50 usb-storage"), name="HUAWEI Mobile")
BROVI_CD = BROVI._replace(interfaces=("00 08/06/50 usb-storage",))
BROVI_HILINK = BROVI._replace(interfaces=("00 e0/01/03 rndis_host", "01 0a/00/00 rndis_host"))
BROVI_DRIVERLESS = BROVI._replace(
    interfaces=tuple(row if row[3] == "0" else f"{row[:2]} ff/ff/ff -" for row in BROVI.interfaces)
)
HILINK = Plugged("1-1.2", "12d1:14dc", ("00 02/06/00 cdc_ether", "01 0a/00/00 cdc_ether", "02 08/06/50 usb-storage"))
RNDIS = Plugged("1-1.2", "19d2:1405", ("00 e0/01/03 rndis_host", "01 0a/00/00 rndis_host"))
QMI = Plugged("1-1.2", "2c7c:0125", ("04 ff/ff/ff qmi_wwan",))
DRIVERLESS = Plugged("1-1.2", "2c7c:0125", ("02 ff/00/00 -", "03 ff/00/00 -"))
DWM222 = Plugged(
    "1-1.2", "2001:7e35", tuple(f"{number:02x} ff/ff/ff option ttyUSB{number}" for number in range(4)), name="DWM-222"
)
MC7455 = Plugged(
    "1-1.2",
    "1199:9071",
    ("00 ff/ff/ff qcserial ttyUSB0", "02 ff/00/00 qcserial ttyUSB1", "03 ff/00/00 qcserial ttyUSB2"),
)
LISA = Plugged("1-1.2", "1546:1010", tuple(f"{number:02x} 02/02/01 cdc_acm ttyACM{number}" for number in (0, 2, 4, 6)))
L850 = Plugged(
    "1-1.2", "2cb7:0007", ("02 02/02/01 cdc_acm ttyACM0", "04 02/02/01 cdc_acm ttyACM1", "06 02/02/01 cdc_acm ttyACM2")
)
DWM157_CD = Plugged("1-1.2", "2001:a407", ("00 08/06/50 usb-storage",), manufacturer="D-Link", name="DWM-157")
IK41 = Plugged("1-1.2", "1bbb:00b6", ("00 e0/01/03 rndis_host", "01 0a/00/00 rndis_host"), name="IK41VE")
QDC507 = Plugged("1-1.2", "2ca3:4006", tuple(f"{number:02x} ff/00/00 -" for number in range(4)), name="DJI")
AIR780E = Plugged("1-1.2", "19d1:0001", ("00 ff/00/00 -",), name="Air780E")
NEW_CD = DWM157_CD._replace(id="abcd:0001")
ZTE_CD = DWM157_CD._replace(id="19d2:ffff")
HP_DRIVE = Plugged("1-1.2", "03f0:5a07", ("00 08/06/50 usb-storage",), name="v220w")
MEMORY = Plugged("1-1.2", "0781:5567", ("00 08/06/50 usb-storage",))
KEYBOARD = Plugged("1-1.2", "12d1:ffff", ("00 03/01/01 usbhid",))


def asked(root: Path, *sticks: Plugged) -> list[tuple[str, PortRole]]:
    """Return the names and roles of these sticks' ports that may be asked, in order."""
    found = finding.candidates(build(root, sticks), root / "dev")
    assert all(Path(candidate.port).parent == root / "dev" for candidate in found)
    return [(Path(candidate.port).name, candidate.role) for candidate in found]


@pytest.mark.parametrize(
    ("stick", "expected"),
    [
        pytest.param(E173, [("ttyUSB2", PortRole.AT), ("ttyUSB0", PortRole.MODEM)], id="E173"),
        pytest.param(E173_ETHERNET, [("ttyUSB2", PortRole.AT), ("ttyUSB0", PortRole.MODEM)], id="E173 with Ethernet"),
        pytest.param(E3131, [("ttyUSB4", PortRole.AT), ("ttyUSB3", PortRole.MODEM)], id="E3131"),
        pytest.param(E3372, [("ttyUSB0", PortRole.AT), ("ttyUSB1", PortRole.MODEM)], id="E3372s"),
        pytest.param(BROVI, [("ttyUSB2", PortRole.AT), ("ttyUSB0", PortRole.MODEM)], id="E3372-325"),
        pytest.param(HUAWEI_UNLISTED, [("ttyUSB0", PortRole.MODEM)], id="a Huawei that no row names"),
        pytest.param(MF110, [("ttyUSB2", PortRole.AT), ("ttyUSB1", PortRole.MODEM)], id="MF110"),
        pytest.param(SIM7600, [("ttyUSB2", PortRole.AT), ("ttyUSB3", PortRole.MODEM)], id="SIM7600"),
        pytest.param(EC25, [("ttyUSB2", PortRole.AT), ("ttyUSB3", PortRole.MODEM)], id="EC25"),
        pytest.param(CH340, [("ttyUSB9", PortRole.ADAPTER)], id="CH340"),
        pytest.param(TELIT, [("ttyACM0", PortRole.UNLISTED)], id="Telit on cdc-acm"),
        pytest.param(FIBOCOM, [("ttyACM0", PortRole.AT), ("ttyACM2", PortRole.MODEM)], id="Fibocom L850 on cdc-acm"),
        pytest.param(UNLISTED, [("ttyUSB0", PortRole.UNLISTED)], id="a modem by its driver"),
        pytest.param(DWM222, [("ttyUSB1", PortRole.AT), ("ttyUSB2", PortRole.MODEM)], id="DWM-222"),
        pytest.param(MC7455, [("ttyUSB2", PortRole.AT)], id="MC7455: 0 is for diagnosis, 2 for positions"),
        pytest.param(LISA, [("ttyACM0", PortRole.UNLISTED), ("ttyACM6", PortRole.UNLISTED)], id="LISA-U2"),
        pytest.param(L850, [("ttyACM0", PortRole.AT), ("ttyACM2", PortRole.MODEM)], id="Fibocom L850"),
        pytest.param(ARDUINO, [("ttyACM1", PortRole.ADAPTER)], id="cdc-acm of an unknown maker"),
        pytest.param(RECEIVER, [], id="u-blox 8"),
        pytest.param(DISPLAY, [], id="a serial device that is no adapter of the table"),
    ],
)
def test_the_port_for_commands_comes_first_and_no_other_is_asked(
    stick: Plugged, expected: list[tuple[str, PortRole]], tmp_path: Path
) -> None:
    """Ports for diagnosis, positions or voice are never asked."""
    assert asked(tmp_path, stick) == expected


@pytest.mark.parametrize("adapter", ["10c4:ea70", "0403:6014", "0403:6011", "1a86:7522", "067b:23c3", "067b:23f3"])
def test_common_serial_adapters_are_asked(adapter: str, tmp_path: Path) -> None:
    """SIM800 boards come with such adapters; each port is asked."""
    stick = Plugged("1-1.1", adapter, ("00 ff/00/00 cp210x ttyUSB3", "01 ff/00/00 cp210x ttyUSB4"))

    assert asked(tmp_path, stick) == [("ttyUSB3", PortRole.ADAPTER), ("ttyUSB4", PortRole.ADAPTER)]


def test_ports_of_all_sticks_are_asked_in_order_of_likelihood(tmp_path: Path) -> None:
    """Command ports come before data ports, those before adapters."""
    order = asked(tmp_path, CH340, ARDUINO._replace(socket="1-1.5"), UNLISTED._replace(socket="1-1.4"), E3131)

    assert [name for name, _ in order] == ["ttyUSB4", "ttyUSB3", "ttyUSB0", "ttyUSB9", "ttyACM1"]


def test_a_candidate_names_its_stick(tmp_path: Path) -> None:
    """A candidate has its stick's maker, name, serial number and socket."""
    sys_root = build(tmp_path, [E173._replace(serial="A1B2C3")])
    first, _ = finding.candidates(sys_root, tmp_path / "dev")

    assert (first.stick.id, first.stick.serial, first.stick.manufacturer) == (
        "12d1:1001",
        "A1B2C3",
        "HUAWEI Technology",
    )
    assert first.stick.title == "HUAWEI Technology HUAWEI Mobile (12d1:1001)"
    assert (first.interface.number, first.interface.socket, first.interface.driver) == (2, "1.2:1.2", "option")


def knows_cds(root: Path) -> None:
    """Install the rules of usb-modeswitch that know a few sticks."""
    rules = root / "usr/lib/udev/rules.d/40-usb_modeswitch.rules"
    rules.parent.mkdir(parents=True)
    known = (
        f'ATTR{{idVendor}}=="{each.id[:4]}", ATTR{{idProduct}}=="{each.id[5:]}", RUN+=""\n'
        for each in (DWM157_CD, NEW_CD)
    )
    rules.write_text("".join(known))


@pytest.mark.parametrize(
    ("stick", "fault", "cure"),
    [
        pytest.param(ZERO_CD, "storage", "plug it in again", id="a CD drive"),
        pytest.param(DWM157_CD, "storage", "plug it in again", id="a CD drive of a maker of other things"),
        pytest.param(NEW_CD, "storage", "plug it in again", id="a CD drive that only usb-modeswitch knows"),
        pytest.param(ZTE_CD, "storage", "then use another", id="a CD drive that usb-modeswitch does not know"),
        pytest.param(HILINK, "network", "HuaweiAltModeGlobal=1", id="HiLink"),
        pytest.param(IK41, "network", "No way is known", id="a network card that is not Huawei's"),
        pytest.param(QDC507, "driver", "echo 2ca3 4006 ff", id="a modem that the driver does not know"),
        pytest.param(RNDIS, "network", "another stick", id="RNDIS"),
        pytest.param(QMI, "network", "another stick", id="QMI alone"),
        pytest.param(DRIVERLESS, "driver", "modprobe option", id="no driver"),
        pytest.param(BROVI_CD, "storage", "usb_modeswitch -v 3566 -p 2001 -X", id="E3372-325 as a CD drive"),
        pytest.param(BROVI_HILINK, "network", "usb_modeswitch -v 3566 -p 2001 -X", id="E3372-325 as a router"),
        pytest.param(BROVI_DRIVERLESS, "driver", "echo 3566 2001 ff", id="E3372-325 without a driver"),
    ],
)
def test_a_stick_without_a_port_is_named_with_its_cure(stick: Plugged, fault: str, cure: str, tmp_path: Path) -> None:
    """The USB ID stands with the reason and a remedy."""
    knows_cds(tmp_path)
    (trouble,) = finding.portless_sticks(build(tmp_path, [stick]))

    assert trouble.code.startswith(fault)
    assert stick.id in trouble.words
    assert cure in trouble.cure


@pytest.mark.parametrize("stick", [E173, CH340, MEMORY, HP_DRIVE, KEYBOARD], ids=lambda stick: str(stick.id))
def test_other_devices_are_not_reported(stick: Plugged, tmp_path: Path) -> None:
    """Sticks with ports, memory sticks, keyboards and hubs are no trouble."""
    assert finding.portless_sticks(build(tmp_path, [stick])) == []


def test_an_unknown_device_is_named(tmp_path: Path) -> None:
    """Devices in no table may be modems; a keyboard is none."""
    found = finding.strangers(build(tmp_path, [AIR780E, KEYBOARD._replace(socket="1-1.3", id="046d:c31c")]))

    assert [stick.title for stick in found] == ["Air780E (19d1:0001)"]
    knows_cds(tmp_path / "known")
    assert finding.strangers(build(tmp_path / "known", [E173, DWM157_CD._replace(socket="1-1.3")])) == []


@pytest.mark.parametrize(("stick", "tty"), [(E3131, "ttyUSB4"), (TELIT, "ttyACM0")])
def test_a_port_names_its_socket(stick: Plugged, tty: str, tmp_path: Path) -> None:
    """The socket is found through a link too; other ports have none."""
    sys_root = build(tmp_path, [stick])
    (tmp_path / "dev/hotlined-fr").symlink_to(tmp_path / "dev" / tty)

    assert finding.usb_device(str(tmp_path / "dev" / tty), sys_root) == stick.socket
    assert finding.usb_device(str(tmp_path / "dev/hotlined-fr"), sys_root) == stick.socket
    assert finding.usb_device("/dev/tty0", sys_root) == ""
    assert finding.usb_device("/dev/pts/0", sys_root) == ""


def test_a_machine_without_sysfs_has_no_candidates(tmp_path: Path) -> None:
    """Without sysfs the search finds nothing and raises nothing."""
    assert finding.candidates(tmp_path / "none", tmp_path) == []
    assert finding.portless_sticks(tmp_path / "none") == []


def test_a_stick_pulled_while_it_is_read_is_left_out(tmp_path: Path) -> None:
    """An interface whose files disappear is neither a candidate nor an error."""
    sys_root = build(tmp_path, [E173])
    (sys_root / "bus/usb/devices/1-1.2:1.2/bInterfaceClass").unlink()

    assert [Path(found.port).name for found in finding.candidates(sys_root, tmp_path / "dev")] == ["ttyUSB0"]


PULLED = """
import os, sys
from pathlib import Path
from hotlined.gsm import finding
sys_root, pulled, elsewhere = sys.argv[1:]
def pull(event, values):
    if event == "os.scandir" and str(values[0]).rstrip("/") == pulled and os.path.exists(pulled):
        os.rename(pulled, elsewhere)
sys.addaudithook(pull)
print(*[Path(found.port).name for found in finding.candidates(Path(sys_root))])
"""
"""A program that prints the candidates; a stick is pulled between the look for its folder and the list of it.

It is a program because an audit hook stays until its process ends.
"""


def test_a_stick_pulled_while_its_folder_is_listed_is_left_out(tmp_path: Path) -> None:
    """The daemon meets this when a stick comes back under another name; only Python 3.11 raises there."""
    sys_root = build(tmp_path, [E173])
    pulled = sys_root / "bus/usb/devices/1-1.2:1.2"
    command = [sys.executable, "-c", PULLED, str(sys_root), str(pulled), str(tmp_path / "pulled")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "ttyUSB0\n"), done.stderr
    assert not pulled.exists()


def test_the_tables_name_one_port_of_a_stick_as_the_best() -> None:
    """Each row names one at most; diagnostic ports are absent."""
    for row, numbers in NUMBERS.items():
        assert list(numbers.values()).count(PortRole.AT) <= 1, row
    assert HUAWEI_PROTOCOLS.keys().isdisjoint({0x03, 0x05, 0x13, 0x14, 0x33})


# ---- who holds a port


@pytest.fixture
def terminal() -> Iterator[str]:
    """Give a pseudo-terminal that nobody holds: this process has closed its own end."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    yield name
    os.close(ours)


def hold(port: str, *, locked: bool) -> "subprocess.Popen[bytes]":
    """Start a program that opens the port, and wait until it has it."""
    lock = "import fcntl; fcntl.flock(port, fcntl.LOCK_EX)\n" if locked else ""
    program = f"port = open({port!r}, 'rb+', 0)\n{lock}print('open', flush=True)\ninput()\n"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"open\n"
    return process


@pytest.mark.parametrize("locked", [True, False])
def test_the_holder_of_a_port_is_named(terminal: str, locked: bool) -> None:
    """The name comes with the process ID, even without a lock."""
    assert finding.holders(terminal) == []
    with hold(terminal, locked=locked) as process:
        (holder,) = finding.holders(terminal)
        assert holder.pid == process.pid
        assert holder.name.startswith("python")
        assert f"kill {process.pid}" in holder.hint
        process.communicate(b"\n")
    wait_until(lambda: finding.holders(terminal) == [], "the port's release")


OTHER_CONTAINER = """
import fcntl, os, struct, subprocess, sys
folder, most = sys.argv[1], int(sys.argv[2])
subprocess.run(["mount", "-n", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", folder], check=True)
masters = [os.open(f"{folder}/ptmx", os.O_RDWR | os.O_NOCTTY) for _ in range(most + 1)]
for master in masters:
    fcntl.ioctl(master, 0x40045431, struct.pack("i", 0))  # TIOCSPTLCK: unlocked
if os.fork():
    os.wait()
else:
    slaves = [os.open(f"{folder}/{number}", os.O_RDWR | os.O_NOCTTY) for number in range(most + 1)]
    for master in masters:
        os.close(master)
    print(len(slaves), flush=True)
    sys.stdin.read()
"""


@needs_root
def test_a_terminal_of_another_container_is_another(terminal: str, tmp_path: Path) -> None:
    """The other container's pseudo-terminal may have the same number."""
    words = ["unshare", "--mount", sys.executable, "-c", OTHER_CONTAINER, str(tmp_path), Path(terminal).name]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as container:
        assert container.stdout
        if not container.stdout.readline():
            forbidden("nobody may mount")
        assert finding.holders(terminal) == []


def test_a_busy_port_is_reported_with_its_holder(terminal: str) -> None:
    """The report names the program and says how to end it."""
    with hold(terminal, locked=True) as process:
        with pytest.raises(PortBusyError) as caught:
            Port(terminal)
        assert f"(process {process.pid})" in caught.value.message
        assert f"kill {process.pid}" in caught.value.hint
        process.communicate(b"\n")


def test_this_program_does_not_hold_its_own_port(terminal: str) -> None:
    """The search for holders leaves out this program's own open port."""
    with Path(terminal).open("rb+", buffering=0):
        assert finding.holders(terminal) == []


def test_programs_are_known_by_name_with_their_cure(tmp_path: Path) -> None:
    """ModemManager comes with the command that keeps it off for good."""
    process = tmp_path / "4711"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("ModemManager\n")
    (process / "fd" / "7").symlink_to("/dev/null")
    (process / "fd" / "8").symlink_to(tmp_path / "gone")
    (tmp_path / "4712").mkdir()  # another user's process: its descriptors are not readable
    (holder,) = finding.holders("/dev/null", tmp_path)

    assert str(holder) == "ModemManager (process 4711)"
    assert "mask --now ModemManager" in holder.hint


@pytest.mark.parametrize("name", ["/dev/hotlined-none", "loop://", __file__])
def test_only_a_device_has_holders(name: str) -> None:
    """A missing port, a URL and a plain file have none."""
    assert finding.holders(name) == []
