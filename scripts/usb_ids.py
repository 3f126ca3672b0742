#!/usr/bin/env python3
"""Makes the tables of USB ids again: hotlined/gsm/usb_ids.py and a part of systemd/70-hotlined.rules.

    scripts/usb_ids.py [--rules FOLDER VERSION]

It downloads two of Debian's packages with apt-get, reads facts out of them, and writes them with the packages'
versions: the port types of ModemManager's udev rules, and the ids that the kernel's drivers of modems bind to. --rules
takes ModemManager's rules from a folder, such as a newer checkout of it.
"""

import argparse
import lzma
import re
import subprocess
import sys
import tempfile
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

DRIVERS = ("option", "qcserial", "sierra", "hso")
ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "hotlined/gsm/usb_ids.py"
RULES = ROOT / "systemd/70-hotlined.rules"
MARKS = {
    "ID_MM_PORT_TYPE_AT_PRIMARY": "at",
    "ID_MM_PORT_TYPE_AT_SECONDARY": "modem",
    "ID_MM_PORT_TYPE_AT_PPP": "modem",
    "ID_MM_PORT_TYPE_QCDM": "never",
    "ID_MM_PORT_TYPE_GPS": "never",
    "ID_MM_PORT_TYPE_AUDIO": "never",
    "ID_MM_PORT_IGNORE": "never",
    "ID_MM_DEVICE_IGNORE": "never",
}
EVERY = "*"


def main() -> None:
    """Write the module and the rules; all packages come from the Debian archive that this machine uses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", nargs=2, metavar=("FOLDER", "VERSION"), help="a folder of ModemManager's rules")
    rules = parser.parse_args().rules
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kernel = re.search(r"Depends: (linux-image-\S+)", output("apt-cache", "depends", "linux-image-amd64"))[1]
        packages = [kernel, *([] if rules else ["modemmanager"])]
        subprocess.run(["apt-get", "download", "-qq", *packages], cwd=folder, check=True)
        versions = {}
        for deb in folder.glob("*.deb"):
            package, version = output("dpkg-deb", "--showformat=${Package} ${Version}", "--show", deb).split()
            versions[package] = version
            subprocess.run(["dpkg-deb", "--extract", deb, folder / package], check=True)
        ports = port_types(Path(rules[0]) if rules else folder / "modemmanager/usr/lib/udev/rules.d")
        modules = [path for path in (folder / kernel).rglob("*.ko*") if path.name.split(".")[0] in DRIVERS]
        bound = {stick for module in modules for stick in aliases(module)}
    sources = {
        "manager": f"ModemManager {rules[1] if rules else versions['modemmanager']}",
        "kernel": f"Linux {versions[kernel]}",
    }
    TARGET.write_text(MODULE.format(**sources, ports=rows(ports), bound=listed(bound)))
    write_rules()
    print(f"{len(ports)} ids with port types, {len(bound)} that a driver binds to.")  # noqa: T201


def output(*command: str | Path) -> str:
    """Return the output of a command; raises CalledProcessError if it fails."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def port_types(folder: Path) -> dict[str, dict[str, str]]:
    """Return, for each id, the mark of each interface number (two hexadecimal digits, or EVERY)."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted(folder.rglob("77-mm-*.rules")):
        for line in path.read_text().splitlines():
            given = dict(re.findall(r'([A-Za-z]+(?:\{[^}]*\})?)=="([^"]*)"', line))
            vendor, products = given.get("ATTRS{idVendor}"), given.get("ATTRS{idProduct}")
            marks = [MARKS[name] for name in re.findall(r'ENV\{([A-Z_]+)\}="1"', line) if name in MARKS]
            if line.startswith("#") or not vendor or not products or not marks:
                continue
            if given.get("SUBSYSTEM", "tty") != "tty":
                continue
            for product in products.split("|"):
                found[f"{vendor}:{product}".lower()].setdefault(given.get("ENV{.MM_USBIFNUM}", EVERY).lower(), marks[0])
    return found


def aliases(module: Path) -> Iterator[str]:
    """Yield the ids that a kernel module binds to; ids with a joker are left out."""
    octets = lzma.decompress(module.read_bytes()) if module.suffix == ".xz" else module.read_bytes()
    for vendor, product in re.findall(rb"alias=usb:v([0-9A-F]{4})p([0-9A-F]{4})d", octets):
        yield f"{vendor.decode()}:{product.decode()}".lower()


def rows(ports: dict[str, dict[str, str]]) -> str:
    """Return one line for each id: `vendor:product`, then `mark=NUMBERS`."""
    lines = []
    for stick, marks in sorted(ports.items()):
        numbers = {
            mark: sorted(number for number, given in marks.items() if given == mark)
            for mark in ("at", "modem", "never")
        }
        lines.append(" ".join([stick, *(f"{mark}={','.join(found)}" for mark, found in numbers.items() if found)]))
    return "\n".join(lines)


def listed(ids: Iterable[str]) -> str:
    """Return lines for each vendor: its number, then its products."""
    by_vendor: defaultdict[str, list[str]] = defaultdict(list)
    for stick in sorted(ids):
        by_vendor[stick[:4]].append(stick[5:])
    lines = []
    for vendor, products in by_vendor.items():
        begin = f"{vendor}: "
        lines += textwrap.wrap(" ".join(products), 118, initial_indent=begin, subsequent_indent=begin)
    return "\n".join(lines)


def write_rules() -> None:
    """Write the rules that name the port for commands of each known stick: one for each maker and interface number."""
    sys.path.insert(0, str(ROOT))
    from hotlined.gsm.sticks import NUMBERS, VENDORS, PortRole  # noqa: PLC0415  it reads the module that was just written

    groups: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for stick, roles in sorted(NUMBERS.items()):
        vendor, product = stick.split(":")
        for number, role in roles.items():
            if role is PortRole.AT and vendor in VENDORS:
                groups[vendor, number].append(product)
    named = "".join(
        RULE.format(vendor=vendor, products="|".join(products), number=f"{number:02x}")
        for (vendor, number), products in sorted(groups.items())
    )
    head, begin, rest = RULES.read_text().partition(BEGIN)
    tail = rest[rest.index(END) :]
    head = re.sub(r'(idVendor\}==")[0-9a-f|]+', lambda match: match[1] + "|".join(sorted(VENDORS)), head)
    RULES.write_text(head + begin + named + tail)


BEGIN = "# The port for commands, where unsolicited codes come, too; scripts/usb_ids.py writes these lines.\n"
END = "# Later Huawei sticks"
RULE = (
    'SUBSYSTEMS=="usb", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{products}", '
    'ENV{{ID_USB_INTERFACE_NUM}}=="{number}", SYMLINK+="hotlined/$id"\n'
)


MODULE = '''\
"""USB ids of modems, from Debian's packages; made by scripts/usb_ids.py, not by hand.

Read from {manager} and {kernel}.
"""

PORT_TYPES = """
{ports}
"""
"""For each id, interface numbers: `at` takes commands, `modem` may, `never` is not written to (`*`: all of them)."""

BOUND = """
{bound}
"""
"""For each vendor, the products that one of the kernel's modem drivers binds to."""
'''

if __name__ == "__main__":
    main()
