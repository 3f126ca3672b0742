"""The demo: the first thing that a newcomer runs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from conftest import wait_until

COMMAND = [sys.executable, "-m", "hotlined", "demo"]


def left_behind(folder: Path) -> list[str]:
    """Return what a demo left in its temporary folder."""
    return [path.name for path in folder.iterdir()]


def test_the_demo_shows_the_whole_job_and_ends_by_itself(tmp_path: Path) -> None:
    """Without a terminal it prints plain lines: what comes in, why, what goes out, a summary."""
    done = subprocess.run(
        COMMAND, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "in +32470112233   Salut beauté 😍 c'est Kevin !" in done.stdout
    assert "no answer: one was on its way" in done.stdout
    assert "20 contacts recorded, 6 answered, 14 not" in done.stdout
    assert "12 segments left the SIM, 0.60 EUR at 0.05 each; 0 texts are left on it" in done.stdout
    assert left_behind(tmp_path) == []


def test_a_demo_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C, or the terminal going away, ends daemon and simulator and takes the folder away."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        with subprocess.Popen(
            COMMAND, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
        ) as demo:
            wait_until(lambda: any(tmp_path.glob("*/run/fr.json")))
            demo.send_signal(number)
            demo.communicate(timeout=30)
        assert left_behind(tmp_path) == []


def test_the_demo_overwrites_nothing(tmp_path: Path) -> None:
    """A folder to keep the log in has to be a new one."""
    precious = tmp_path / "config.yaml"
    precious.write_text("answer: {text: mine}")
    done = subprocess.run([*COMMAND, "--keep", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert precious.read_text() == "answer: {text: mine}"
