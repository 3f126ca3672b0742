"""A whole emulated computer (QEMU without KVM): Debian's kernel, udev, systemd and ModemManager, and a power switch.

The disk stays over boots; data not yet on it are lost in a power cut. It has no network. A USB serial stick (0403:6001)
can be plugged in, whose other end is a socket here; `stick.py` makes others, inside. Its second UART, ttyS1, ends in a
socket, too. This checkout is at /srv/project.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "systemd systemd-sysv dbus udev procps kmod linux-image-amd64 initramfs-tools usbutils modemmanager "
    "python3-click python3-rich python3-serial python3-yaml sqlite-utils usb-modeswitch age"
)
INSTALL = "apt-get --yes install /srv/project/.packed/hotlined_*.deb"
LEFT_OUT = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
READY, RESULT = b"\x1eREADY\n", b"\x1eRESULT "

AGENT = """
import os, subprocess, time
port = os.open("/dev/virtio-ports/lab", os.O_RDWR)
os.write(port, b"\\x1eREADY\\n")
read = b""
while True:
    if not (more := os.read(port, 65536)):
        time.sleep(0.1)
        continue
    read += more
    while b"\\n" in read:
        line, read = read.split(b"\\n", 1)
        words = ["bash", "-c", "exec 2>&1; " + line.decode()]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        said = done.stdout + b"\\x1eRESULT %d\\n" % done.returncode
        while said:
            said = said[os.write(port, said):]
"""
AGENT_UNIT = """
[Unit]
BindsTo=dev-virtio\\x2dports-lab.device
After=dev-virtio\\x2dports-lab.device
[Service]
ExecStart=/usr/bin/python3 /usr/local/sbin/lab-agent
"""
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "serial-getty@ttyS0.service")


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL)


def image(cache: Path) -> Path:
    """Return the folder with the disk, the kernel and its initrd; made once, in a minute."""
    made = cache / "machine"
    if (made / "packages").exists() and (made / "packages").read_text() == PACKAGES:
        return made
    shutil.rmtree(made, ignore_errors=True)
    new = cache / "machine.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    root = new / "root"
    _run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES.replace(' ', ',')}", "trixie", root)
    (root / "etc/fstab").write_text("LABEL=lab / ext4 defaults,noatime 0 1\nLABEL=project /srv/project ext4 ro 0 0\n")
    (root / "etc/machine-id").write_text("")
    (root / "srv/project").mkdir(parents=True)
    (root / "var/log/journal").mkdir(exist_ok=True)
    (root / "usr/local/sbin/lab-agent").write_text(AGENT)
    units = root / "etc/systemd/system"
    (units / "lab-agent.service").write_text(AGENT_UNIT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/lab-agent.service").symlink_to("../lab-agent.service")
    for unit in MASKED:
        (units / unit).symlink_to("/dev/null")
    shutil.copy(root / "vmlinuz", new / "vmlinuz")
    shutil.copy(root / "initrd.img", new / "initrd")
    _run("mke2fs", "-q", "-t", "ext4", "-L", "lab", "-d", root, new / "disk.ext4", "2G")
    shutil.rmtree(root)
    (new / "packages").write_text(PACKAGES)
    return new.rename(made)


class Machine:
    """A computer with its own copy of the disk; `packed` is at /srv/project/.packed inside."""

    def __init__(self, base: Path, work: Path, packed: Path) -> None:
        self._base, self._work = base, work
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: set[str] = set()
        self._disks: set[str] = set()
        tree = work / "tree"
        shutil.copytree(PROJECT, tree, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
        shutil.copytree(packed, tree / ".packed")
        _run(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-L",
            "project",
            "-E",
            "root_owner=0:0",
            "-d",
            tree,
            work / "project.ext4",
            "192M",
        )
        _run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base / "disk.ext4", "-F", "raw", work / "disk.qcow2")

    def boot(self, clock: str = "utc") -> float:
        """Power it on, with the clock at a moment such as 2020-01-01T00:00:00; return the seconds it took."""
        begun, work = time.monotonic(), self._work
        for name in ("qmp", "agent", "usb-uart"):
            (work / name).unlink(missing_ok=True)
        words = (
            "qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 1024 -smp 1 -display none -nodefaults -no-reboot "
            f"-nic none -rtc base={clock} -serial file:{work}/console "
            f"-chardev socket,id=uart,path={self.socket_of('uart')},server=on,wait=off -serial chardev:uart "
            f"-kernel {self._base}/vmlinuz "
            f"-initrd {self._base}/initrd -drive if=virtio,format=qcow2,file={work}/disk.qcow2 "
            f"-drive if=virtio,format=raw,readonly=on,file={work}/project.ext4 -device qemu-xhci,id=xhci "
            "-device virtio-serial-pci -device virtio-rng-pci "
            f"-chardev socket,id=agent,path={work}/agent,server=on,wait=off "
            f"-device virtserialport,chardev=agent,name=lab -qmp unix:{work}/qmp,server=on,wait=off"
        ).split()
        kernel = "console=ttyS0 root=LABEL=lab rw rootfstype=ext4 quiet mitigations=off systemd.show_status=0"
        kernel += " systemd.default_device_timeout_sec=1800"  # this computer may be busy
        with (work / "qemu").open("ab") as output:
            self._process = subprocess.Popen(
                [*words, "-append", kernel], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._qmp = self._connect("qmp").makefile("rwb")
        self._qmp.readline()
        self._ask("qmp_capabilities")
        self._agent = self._connect("agent")
        self._agent.settimeout(1800)
        self._said = b""
        self._read_to(READY)
        return time.monotonic() - begun

    def sh(self, line: str) -> tuple[int, str]:
        """Run a line of bash inside, as root; return its exit code and output."""
        self._agent.sendall(line.encode() + b"\n")
        said = self._read_to(RESULT).decode(errors="replace")
        return int(self._read_to(b"\n")), said.strip()

    def until(self, line: str, seconds: float = 120) -> bool:
        """Wait until a line of bash succeeds; tell whether it did."""
        deadline = time.monotonic() + seconds
        while self.sh(line)[0]:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def socket_of(self, name: str) -> Path:
        """Return the socket at the other end of a stick or of the UART."""
        return self._work / f"usb-{name}"

    def plug(self, name: str) -> None:
        """Plug a USB serial stick in."""
        if name not in self._sockets:
            address = {"type": "unix", "data": {"path": str(self.socket_of(name))}}
            backend = {"type": "socket", "data": {"addr": address, "server": True, "wait": False}}
            self._ask("chardev-add", id=f"wire-{name}", backend=backend)
            self._sockets.add(name)
        self._ask(
            "device_add", driver="usb-serial", id=name, chardev=f"wire-{name}", bus="xhci.0", **{"always-plugged": True}
        )

    def unplug(self, name: str) -> None:
        """Pull it."""
        self._ask("device_del", id=name)

    def plug_disk(self, name: str, image: Path) -> None:
        """Plug a USB memory stick in."""
        if name not in self._disks:
            file = {"driver": "file", "filename": str(image)}
            self._ask("blockdev-add", **{"node-name": f"disk-{name}", "driver": "raw", "file": file})
            self._disks.add(name)
        self._ask("device_add", driver="usb-storage", id=name, drive=f"disk-{name}", bus="xhci.0")

    def cut_power(self) -> None:
        """Cut the power."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._sockets.clear()
            self._disks.clear()
            self._qmp.close()
            self._agent.close()

    def _connect(self, name: str) -> socket.socket:
        found = connect(self._work / name, lambda: self._process is not None and self._process.poll() is None)
        assert found, (self._work / "qemu").read_text()
        return found

    def _ask(self, command: str, **arguments: Any) -> None:
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self._qmp.flush()
        while "event" in (answer := json.loads(self._qmp.readline())):
            pass
        assert "error" not in answer, answer

    def _read_to(self, mark: bytes) -> bytes:
        while mark not in self._said:
            more = self._agent.recv(65_536)
            assert more, "the machine went away"
            self._said += more
        head, _, self._said = self._said.partition(mark)
        return head


def connect(path: Path, while_true: Callable[[], bool]) -> socket.socket | None:
    """Connect to a socket as soon as it exists; None if waiting has become useless."""
    while while_true():
        found = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            found.connect(os.fspath(path))
            return found
        found.close()
        time.sleep(0.1)
    return None
