"""Files and folders that a person has named: whole or not at all, whoever interrupts whom."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import wait_until

WRITES = {
    "written": "owner.written(path) as target:\n    target.write(b'half')",
    "written_folder": "owner.written_folder(path, ('page',)) as target:\n    target.write('page', b'half')",
}
"""How each begins, by its name."""


def begin(name: str, path: Path) -> subprocess.Popen[str]:
    """Start a program that has written half of what it is to write, and waits: it is alone in its terminal's group."""
    script = (
        "import signal, sys; from pathlib import Path; from hotlined import owner\n"
        f"path = Path(sys.argv[1])\nwith {WRITES[name]}\n    print('half', flush=True)\n    signal.pause()"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", script, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout
    assert program.stdout.readline() == "half\n"
    (keeper,) = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    wait_until(lambda: Path(f"/proc/{keeper}/stat").read_text().split()[2] == "S")  # it waits for what comes of it
    return program


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_who_is_interrupted_leaves_nothing_behind(tmp_path: Path, name: str, number: signal.Signals) -> None:
    """A signal of the terminal reaches the process that keeps the name, too: it takes all away, and that is all."""
    program = begin(name, tmp_path / "named")
    os.killpg(program.pid, number)
    _, said = program.communicate()

    assert said.count("Traceback") == (number == signal.SIGINT)  # that of the program itself
    assert [*tmp_path.iterdir()] == []
