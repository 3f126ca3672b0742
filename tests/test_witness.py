"""What `sudo hotlined doctor` sees of other users' programs, though it is no longer root when it looks at a line."""

import json
import os
import pty
import socket
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import needs_root
from persons import ADMIN, LINE, STRANGER
from test_control import Doors, doors

from hotlined.doctor import witness

__all__ = ["doors"]

HOLD = "import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def held() -> Iterator[tuple[str, int]]:
    """Give a port and the process of a stranger that has it open."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    Path(port).chmod(0o666)
    os.close(slave)
    try:
        with subprocess.Popen(
            STRANGER.program(HOLD, port), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
        ) as stranger:
            assert stranger.stdout
            assert stranger.stdout.readline() == b"open\n"
            yield port, stranger.pid
            stranger.communicate()
    finally:
        os.close(master)


@needs_root
def test_root_hears_of_a_strangers_program_and_the_lines_user_does_not(doors: Doors, held: tuple[str, int]) -> None:
    """The same command names who has the port where an admin runs it; the line's user is told that it sees its own."""
    port, pid = held
    doors.config.write_text(json.dumps(json.loads(doors.config.read_text()) | {"modem": {"port": port}}))
    found = {}
    for person in (ADMIN, LINE):
        done = person.hotlined(doors.config, "doctor", "--json")
        checks = {row["check"]: row for row in map(json.loads, done.stdout.splitlines())}
        found[person] = checks["port"]
        assert f"{LINE.uid}" in checks["user"]["seen"], done.stderr  # it is root no more
    assert found[ADMIN]["verdict"] == "fail"
    assert f"(process {pid})" in found[ADMIN]["seen"]
    assert found[LINE]["verdict"] == "ok"
    assert "of this user" in found[LINE]["seen"]


@needs_root
def test_a_recording_is_refused_where_a_stranger_has_the_port(doors: Doors, held: tuple[str, int]) -> None:
    """An admin is told who takes a part of the answers away."""
    port, pid = held
    doors.config.write_text(json.dumps(json.loads(doors.config.read_text()) | {"modem": {"port": port}}))
    file = doors.database.parent / "recording"
    done = ADMIN.hotlined(doors.config, "doctor", "--record", str(file))

    assert done.returncode != 0
    assert f"(process {pid})" in done.stderr


@needs_root
def test_the_witness_has_nothing_open_but_its_socket(tmp_path: Path) -> None:
    """What the program had open before is closed in it: nothing of a line can be reached through it."""
    before = set(children())
    with (tmp_path / "file").open("w") as file, witness.kept() as seeing:
        assert seeing
        seeing.holders("/dev/null")  # it has begun
        (child,) = set(children()) - before
        names = [str(each.readlink()) for each in Path(f"/proc/{child}/fd").iterdir()]
        assert [name.partition(":")[0] for name in names] == ["socket"]
        assert file.fileno()
    assert set(children()) <= before


@needs_root
@pytest.mark.parametrize(
    "question",
    [
        {"device": "/etc/shadow"},
        {"device": [1, 3], "path": "/etc/shadow"},
        {"device": [1]},
        {"device": ["1", "3"]},
        {"path": "/etc/shadow"},
        {},
        [],
        None,
    ],
)
def test_what_is_no_question_ends_the_witness(question: object) -> None:
    """It knows one question; whatever else is said is answered by its end."""
    with witness.kept() as seeing:
        assert seeing
        seeing.channel.sendall(json.dumps(question).encode() + b"\n")
        assert seeing.channel.recv(1024) == b""
        with pytest.raises((OSError, ValueError)):
            seeing.holders("/dev/null")


@needs_root
def test_one_that_is_gone_leaves_a_check_unknown(doors: Doors) -> None:
    """Without it nobody is told that no program has the port."""
    ours, its = socket.socketpair()
    its.close()
    with ours, pytest.raises((OSError, ValueError)):
        witness.Witness(ours).holders("/dev/null")
    code = (
        "import os, signal; from hotlined.doctor import witness; serve = witness._serve\n"
        "witness._serve = lambda channel: os._exit(0)\n"
        "from hotlined.cli import main; main(prog_name='hotlined')"
    )
    doors.config.write_text(json.dumps(json.loads(doors.config.read_text()) | {"modem": {"port": "/dev/null"}}))
    done = ADMIN.call(code, "--config", str(doors.config), "doctor", "--json")
    checks = {row["check"]: row for row in map(json.loads, done.stdout.splitlines())}

    assert checks["port"]["verdict"] == "unknown"


def test_who_is_not_root_keeps_nothing() -> None:
    """Without root there is no such process."""
    if os.getuid():
        with witness.kept() as seeing:
            assert seeing is None
        return
    done = LINE.call("from hotlined.doctor import witness\nwith witness.kept() as seeing: print(seeing)")
    assert done.stdout == "None\n", done.stderr


def children() -> list[int]:
    """Return the processes that this one has made and that are still there."""
    return [int(each) for each in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
