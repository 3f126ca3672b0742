"""The scripts that whoever works on hotlined runs."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RED = '''"""Red."""


def test_red() -> None:
    """Nothing is so."""
    assert not __name__
'''


@pytest.mark.skipif(not (ROOT / ".venv/bin/ruff").exists(), reason="needs the environment of scripts/test")
def test_a_part_of_the_tests_is_green_where_it_is(tmp_path: Path) -> None:
    """`scripts/test FILE` ends with 0 where the tests of the file pass and with 1 where not: a part covers no whole."""
    folder = tmp_path / "hotlined"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", ".coverage*", ".hypothesis"))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "scripts/environment").write_text("")  # it is there
    (folder / "tests/test_red.py").write_text(RED)

    for name, code in (("test_timing", 0), ("test_red", 1)):
        done = subprocess.run(
            [folder / "scripts/test", "--numprocesses", "0", f"tests/{name}.py"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "1 failed" in done.stdout or "passed" in done.stdout
    assert "--fail-under=90" in (folder / "scripts/test").read_text()
    assert (ROOT / ".ci/run").read_text().endswith("\nscripts/test\n")
