"""Foreign links, FIFOs and folders in place of the daemon's files do not stop the daemon."""

import itertools
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ANSWER, Line, wait_until
from test_recovery import start_hasty

from hotlined.database_files import EVERY, KEY, LOCK, beside
from hotlined.machine import files

NUMBER = "+32470123456"
TRAPS: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda path, target: path.symlink_to(target),
    "fifo": lambda path, _: os.mkfifo(path),
    "folder": lambda path, _: path.mkdir(),
    "stranger": lambda path, _: (path.touch(0o600), os.getuid() or os.chown(path, 12345, -1)),
}


def set_trap(line: Line, name: str, trap: str) -> tuple[Path, Path]:
    """Put a trap in the place of one of the daemon's files; return it and the target of its link."""
    target = line.folder / "target"
    target.write_text("kept")
    target.chmod(0o600)
    path = line.folder / "run" / "main" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    TRAPS[trap](path, target)
    return path, target


def is_ours(path: Path) -> bool:
    """Tell whether the daemon has replaced the trap by a file of its own."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and found.st_size > 0


@pytest.mark.parametrize("trap", TRAPS)
def test_trap_in_place_of_the_status_holds_up_no_answer(line: Line, trap: str) -> None:
    """A link's target stays; a folder in the way is logged once."""
    path, target = set_trap(line, "status.json", trap)
    line.start()
    for text in ("un", "deux"):
        line.sim.do("deliver", from_=NUMBER, text=text)
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE verdict IS NOT NULL") == 2)
    wait_until(lambda: [each["text"] for each in line.submitted()] == [ANSWER], "the answer")
    wait_until(lambda: "cannot be written" in line.log_path.read_text() if trap == "folder" else is_ours(path))

    assert (target.read_text(), target.stat().st_mode & 0o777) == ("kept", 0o600)
    assert line.log_path.read_text().count("the status cannot be written") == (1 if trap == "folder" else 0)
    assert not [*path.parent.glob(".*")]
    if trap != "folder":
        line.wait_state("ready")
        assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("trap", ["link", "folder"])
def test_trap_in_place_of_the_power_request_does_not_stop_the_escalation(line: Line, trap: str) -> None:
    """The request replaces it, or the log says that it cannot."""
    start_hasty(line)
    line.wait_state("ready")
    path, target = set_trap(line, "power-cycle", trap)
    line.sim.do("fault", kind="error", command="+CMGL", cms=313, until="power")
    line.sim.do("deliver", from_=NUMBER, text="un")
    if trap == "folder":
        wait_until(lambda: "the power cycle cannot be asked for" in line.log_path.read_text(), "that it is said")
    else:
        wait_until(lambda: is_ours(path), "the wish")
    line.sim.do("power_cycle")
    wait_until(lambda: [each["text"] for each in line.submitted()] == [ANSWER], "the answer")

    assert (target.read_text(), target.stat().st_mode & 0o777) == ("kept", 0o600)


@pytest.mark.parametrize(
    ("ending", "trap"),
    [*((ending, "fifo") for ending in EVERY), *itertools.product(("", LOCK, KEY), ("link", "folder"))],
)
def test_trap_among_the_files_of_the_database_blocks_nothing(line: Line, ending: str, trap: str) -> None:
    """Commands end, and the line answers once the trap is gone.

    A file is opened by SQLite behind a check, as the lock, or as a key; a FIFO is what would block.
    """
    line.start()
    wait_until(lambda: "since" in line.status(), "that it runs")
    line.stop()
    path, target = beside(line.database, ending), line.folder / "target"
    path.parent.mkdir(exist_ok=True)
    kept = path.rename(line.folder / "kept") if path.exists() else None
    target.write_text("kept")
    target.chmod(0o600)
    TRAPS[trap](path, target)
    line.start()
    wait_until(lambda: "since" in line.status(), "that it runs")
    for words in ("log", "status", "db check", "db backup -", "pause", "resume"):
        line.run(*words.split())
    line.stop()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("kept", 0o600)

    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    elif not is_ours(path):  # `resume` goes on with another key in the place of one that is lost
        path.unlink(missing_ok=True)
    if kept and not is_ours(path):
        kept.rename(path)
    line.cli("resume", check=False)  # without its key the line had stayed paused
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.start()
    wait_until(lambda: line.submitted() and line.settled(), "the answer")
    assert [each["text"] for each in line.log()] == ["un"]


def test_replaced_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """A failure leaves no other file; open readers keep the old one."""
    path = tmp_path / "file"
    files.replace(path, b"one", 0o640)
    with path.open("rb") as old:
        files.replace(path, b"another", 0o600)
        assert old.read() == b"one"
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace(tmp_path / "folder", b"no", 0o640)

    assert (files.read(path), path.stat().st_mode & 0o777) == ("another", 0o600)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]
