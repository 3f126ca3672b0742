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


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two"])
@pytest.mark.parametrize(("does", "code"), [("pass", 0), (PROCESS, 1)], ids=["nothing", "a process"])
def test_run_that_leaves_a_process_fails(does: str, code: int, options: tuple[str, ...], tmp_path: Path) -> None:
    """The process is named."""
    (tmp_path / "conftest.py").write_text("from unchanged import pytest_sessionfinish, pytest_sessionstart\n")
    (tmp_path / "test_it.py").write_text(LEAVES.format(does))
    os.mkfifo(tmp_path / "end")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options, tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(os.open(tmp_path / "end", os.O_RDWR))

    assert done.returncode == code, done.stdout
    assert len(re.findall(r"^since the tests: .*open\('end'\).* runs$", done.stdout, re.MULTILINE)) == code
