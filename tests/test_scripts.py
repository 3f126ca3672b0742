"""The scripts that whoever works on hotlined runs."""

import re
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


def test_each_program_that_is_run_by_its_name_is_there(tmp_path: Path) -> None:
    """`scripts/run NAME` starts the program of the table with what follows; another name ends with 2 and the list."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/run", tmp_path / "scripts")
    (tmp_path / "scripts/environment").write_text("")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(str(shutil.which("echo")))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tmp_path / "scripts/run", *words], capture_output=True, text=True, check=False, cwd="/")

    names = re.findall(r"^  (\S+) ", run("--help").stdout, re.MULTILINE)
    assert len(names) == 6
    for name in names:
        program, *options = run(name, "--seed", "1 2").stdout.split(" ", 1)
        assert (ROOT / program).is_file()
        assert options == ["--seed 1 2\n"]
        assert f"\nscripts/run {name} " in (ROOT / "CONTRIBUTING.md").read_text()
    for words in ((), ("benches",), ("tests/bench.py",)):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "crash-matrix" in done.stderr
