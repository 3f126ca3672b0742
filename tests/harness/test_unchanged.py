"""The check that a run of the tests leaves the machine as it was."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LEAVES = """
import subprocess, sys
def test_it():
    {}
"""
PROCESS = "subprocess.Popen([sys.executable, '-c', 'open(\\'end\\').read()'])"
"""A process that outlives the test: it ends once somebody has written to a pipe."""
OURS = """
from pathlib import Path
import unchanged
from unchanged import pytest_sessionfinish, pytest_sessionstart
unchanged.OURS = unchanged.FOLDERS = (Path(__file__).parent,)
unchanged.CHECKOUT = Path(__file__).with_name("checkout")
"""
LEFT = {
    PROCESS: r"open\('end'\).* runs",
    "open('hotline-x', 'x').close()": "/hotline-x is there",
    "open('checkout/x', 'x').close()": "checkout/x is there",
    "__import__('os').chmod('.', 0o711)": "has the mode 40711 ",
}
"""The code of changes that a test may leave, and the words of the report."""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two"])
def test_run_that_changes_the_machine_fails(options: tuple[str, ...], tmp_path: Path) -> None:
    """Each process, file and mode that is left is named; a run that leaves nothing passes."""
    for does, said in (("; ".join(LEFT), LEFT.values()), ("pass", ())):
        folder = tmp_path / does[:4]
        folder.mkdir()
        done = run(folder, does, *options)

        assert done.returncode == bool(said), done.stdout
        assert len(re.findall("^since the tests: ", done.stdout, re.MULTILINE)) == len(said), done.stdout
        assert all(re.search(f"^since the tests: .*{each}", done.stdout, re.MULTILINE) for each in said), done.stdout


def run(tmp_path: Path, does: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a test that leaves something in a folder, and end what it has started."""
    (tmp_path / "conftest.py").write_text(OURS)
    (tmp_path / "test_it.py").write_text(LEAVES.format(does))
    os.mkfifo(tmp_path / "end")
    (tmp_path / "checkout").mkdir()

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options, tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(os.open(tmp_path / "end", os.O_RDWR))
    return done
