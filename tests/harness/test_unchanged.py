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
    "nothing": ("pass", None),
    "a process": (PROCESS, r"open\('end'\).* runs"),
    "a file": ("open('hotline-x', 'x').close()", "/hotline-x is there"),
    "a file in the checkout": ("open('checkout/x', 'x').close()", "checkout/x is there"),
    "a mode": ("__import__('os').chmod('.', 0o711)", "has the mode 40711 "),
}
"""Changes that a test may leave: its code, and the words of the report."""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two"])
@pytest.mark.parametrize(("does", "said"), LEFT.values(), ids=LEFT)
def test_run_that_changes_the_machine_fails(
    does: str, said: str | None, options: tuple[str, ...], tmp_path: Path
) -> None:
    """A process, a file or a mode that is left is named."""
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

    assert done.returncode == (said is not None), done.stdout
    assert len(re.findall(f"^since the tests: .*{said}", done.stdout, re.MULTILINE)) == (said is not None)
