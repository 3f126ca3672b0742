"""The interpreter that starts programs for the tests: when it fails, that is said, and costs one test at most."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from filled import Filled
from persons import ADMIN, needs_root

HELP = [sys.executable, "-m", "hotlined", "--help"]


def test_another_takes_the_place_of_one_that_ended(capfd: pytest.CaptureFixture[str]) -> None:
    """The program after its end starts as the one before did, and the end is not passed over in silence."""
    usual = subprocess.run(HELP, capture_output=True, check=True)
    first = warm._interpreter()
    first._process.kill()
    first._process.wait()

    assert subprocess.run(HELP, capture_output=True, check=True).stdout == usual.stdout
    assert f"ended with {-signal.SIGKILL}: another takes its place" in capfd.readouterr().err
    assert warm._interpreter() is not first


def test_one_that_ends_while_it_is_asked_says_how() -> None:
    """Nobody knows then whether the program started: it is not started again, and the error has the exit code."""
    asked = warm.Interpreter()
    asked._process.kill()
    asked._process.wait()

    with pytest.raises(ChildProcessError, match=f"ended with {-signal.SIGKILL} before it started"):
        asked.fork(HELP[1:], "/", {}, {})


def test_one_whose_user_was_interrupted_is_not_asked_again() -> None:
    """The answer that was not read would be taken for that to the next order: another interpreter has that."""
    interrupted = warm._interpreter()
    with pytest.raises(TypeError):
        interrupted.fork([object()], "/", {}, {})  # type: ignore[list-item]

    assert warm._interpreter() is not interrupted
    assert subprocess.run(HELP, capture_output=True, check=False).returncode == 0


@needs_root
@pytest.mark.parametrize("command", ["log", "status", "limits", "stats", "numbers", "config check", "db check"])
def test_nothing_is_left_to_import(command: str, tmp_path: Path) -> None:
    """Hundreds of programs start so: what each of them imported again would take minutes in all."""
    code = """
import sys
before = {*sys.modules}
from hotlined.cli import main
try:
    main()
finally:
    sys.exit(f"imported: {sorted({*sys.modules} - before)}")
"""
    line = Filled(tmp_path)
    line.text()
    line.db.close()

    assert ADMIN.call(code, "--config", str(line.config), *command.split()).stderr == "imported: []\n"


def test_a_process_that_cannot_be_forked_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no process left ends nothing: who asked reads why."""

    def refuse() -> int:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", refuse)
    read, write = os.pipe()

    assert not warm._is_new(write)
    os.close(write)
    with os.fdopen(read) as said:
        assert said.read() == os.strerror(errno.EAGAIN)
