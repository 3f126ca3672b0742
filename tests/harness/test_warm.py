"""The interpreter that starts programs for the tests: when it fails, that is said, and costs one test at most."""

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from filled import Filled
from needs import needs_allowance, needs_root
from persons import ADMIN

pytestmark = needs_allowance(warm.CLONE is not None, "this processor has no number of clone(2) in warm.CLONE")
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


@pytest.mark.parametrize(
    ("ours", "theirs", "is_warm"),
    [
        ({}, {}, True),
        ({"LC_CTYPE": "C.UTF-8"}, {}, True),
        ({"LANG": "C.UTF-8"}, {}, True),
        ({"LANG": "C.UTF-8"}, {"LANG": "C.UTF-8"}, True),
        ({"LC_CTYPE": "C.UTF-8"}, {"LANG": "C"}, False),
        ({"LC_CTYPE": "C.UTF-8"}, {"LC_ALL": "POSIX"}, False),
        ({"LANG": "C.UTF-8"}, {"LANG": "POSIX"}, False),
        ({"LC_CTYPE": "C.UTF-8"}, {"PYTHONUTF8": "0"}, False),
    ],
)
def test_what_has_the_locale_of_the_tests_or_none_starts_warm_and_as_a_cold_one(
    ours: dict[str, str], theirs: dict[str, str], is_warm: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where there is none Python takes one, also for the tests themselves: on a new machine there is none."""
    for name in warm.LOCALE:
        monkeypatch.delenv(name, raising=False)
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    script = tmp_path / "script.py"
    script.write_text(
        "import os; print(open('/proc/self/cmdline').read().split('\\0')[1]); print(sorted(os.environ.items()))"
    )
    monkeypatch.setattr(warm, "SCRIPTS", (str(script),))
    environment = {"PATH": os.environ["PATH"], **theirs}

    (usual, variables), (cold, variables_cold) = (
        subprocess.check_output([sys.executable, *options, str(script)], env=environment, text=True).splitlines()
        for options in ([], ["-B"])
    )
    assert (Path(usual).name, cold) == ("warm.py" if is_warm else "script.py", "-B")
    assert variables == variables_cold


@needs_root
def test_a_program_without_capabilities_has_none(tmp_path: Path) -> None:
    """It starts warm with as few as setpriv leaves it: neither it nor what it starts has any, though both are root."""
    line = Filled(tmp_path)
    line.db.close()
    seen, asked = tmp_path / "seen", tmp_path / "systemctl"
    asked.write_text(f"#!/bin/sh\ngrep -h ^Cap /proc/$PPID/status /proc/self/status > {seen}\n")
    asked.chmod(0o755)
    found = []
    for python in ([sys.executable], [sys.executable, "-B"]):
        program = [*warm.UNPRIVILEGED, *python, "-m", "hotlined", "--config", str(line.config), "doctor"]
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(program, capture_output=True, env=os.environ | {"PATH": path}, check=False)
        assert seen.exists(), done.stderr
        found.append(seen.read_text())
        seen.unlink()

    assert found[0] == found[1]
    assert "CapEff:\t0000000000000000" in found[0]


def test_a_process_that_cannot_be_forked_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without room for a process the interpreter goes on, and whoever asked reads why."""
    monkeypatch.setattr(warm, "CLONE", 100_000)  # no system call
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    with asking, asked:
        assert not warm._is_new(asked)
        assert asking.recv(warm.ANSWER).decode() == os.strerror(errno.ENOSYS)
