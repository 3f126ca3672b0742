"""The developers' scripts."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from needs import PACKAGES, needs

ROOT = Path(__file__).parent.parent
RED = '''"""Red."""


def test_red() -> None:
    """Nothing is so."""
    assert not __name__
'''
STARTING = '''"""A program of ours is started."""

import subprocess
import sys


def test_started() -> None:
    """It says its version."""
    assert not subprocess.call([sys.executable, "-m", "hotlined", "--version"])
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a copy of this checkout with this environment."""
    if not (ROOT / ".venv/bin/ruff").exists():
        pytest.skip("scripts/test")
    folder = tmp_path / "hotlined"
    shutil.copytree(
        ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", ".coverage*", ".hypothesis", "build", "dist")
    )
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "scripts/environment").write_text("")  # a ready environment
    return folder


@pytest.mark.timeout(900)
def test_scripts_test_runs_the_named_files(checkout: Path) -> None:
    """Passing tests end `scripts/test FILE` with 0, others with 1."""
    (checkout / "tests/test_red.py").write_text(RED)

    for name, code in (("test_timing", 0), ("test_red", 1)):
        done = subprocess.run(
            [checkout / "scripts/test", "-n", "0", f"tests/{name}.py"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "1 failed" in done.stdout or "passed" in done.stdout


WHERE = """#!/bin/sh
echo "${HOTLINED_WHOLE:-0}" "$@"
"""


def test_one_command_has_both_depths(tmp_path: Path) -> None:
    """`scripts/test` samples the sweeps; --whole takes all of each.

    CI runs the first, a release the second.
    """
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/test", tmp_path / "scripts")
    (tmp_path / "scripts/environment").write_text("")
    for name in ("ruff", "mypy", "python"):
        (tmp_path / ".venv/bin" / name).write_text(WHERE)
        (tmp_path / ".venv/bin" / name).chmod(0o755)

    environment = {name: value for name, value in os.environ.items() if name != "HOTLINED_WHOLE"}

    def last(*words: str) -> str:
        said = subprocess.check_output([tmp_path / "scripts/test", *words], text=True, env=environment)
        return said.splitlines()[-1]

    assert last().startswith("0 -m pytest ")
    assert last("--whole").startswith("1 -m pytest ")
    assert last("--whole", "tests/test_x.py").startswith("1 -m pytest ")
    assert last("--whole", "tests/test_x.py").endswith(" tests/test_x.py")
    ci = (ROOT / ".ci/run").read_text()
    assert "\nscripts/test\n" in ci
    assert "\nscripts/test --whole tests/" in ci
    swept = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("tests/**/test_*.py")
        if re.search(r"extent\.\w", path.read_text()) and path.name != "test_scripts.py"
    }
    named = re.findall(r"tests/\S+\.py", ci)
    assert sorted(named) == sorted(swept)
    assert "\nscripts/test --whole\nscripts/mutants\n" in (ROOT / "scripts/release").read_text()


def test_an_environment_that_cannot_be_made_has_the_words_of_its_tool(tmp_path: Path) -> None:
    """The words of venv or pip come first, and no cure for something else follows."""
    for name in ("setup.cfg", "pyproject.toml", "scripts/environment"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" != -c ] || exec "{sys.executable}" "$@"\necho No network.\nexit 1\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", ". scripts/environment test"],
        cwd=tmp_path,
        env=os.environ | {"HOTLINED_PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["No network.", "The environment could not be made."]


@pytest.mark.timeout(900)
def test_coverage_lists_the_worst_files_last(checkout: Path) -> None:
    """Code in started programs counts; below 90 % it ends with 2.

    It does so whatever test fails.
    """
    (checkout / "tests/test_red.py").write_text(RED)
    (checkout / "tests/test_starting.py").write_text(STARTING)

    done = subprocess.run(
        [checkout / "scripts/coverage", "tests/test_red.py", "tests/test_starting.py"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(checkout)},
    )

    assert done.returncode == 2, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    missed = {
        name: int(lines) for name, lines in re.findall(r"^(hotlined/\S+) +\d+ +(\d+) ", done.stdout, re.MULTILINE)
    }
    assert list(missed.values()) == sorted(missed.values())
    assert "hotlined/simulator/commands.py" in missed
    assert missed["hotlined/__main__.py"] == 0  # all of it ran
    assert "\nTOTAL " in done.stdout


def test_each_named_program_exists(tmp_path: Path) -> None:
    """`scripts/run NAME` passes arguments; unknown names end with 2.

    It prints the list of names then.
    """
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/run", tmp_path / "scripts")
    (tmp_path / "scripts/environment").write_text("")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(str(shutil.which("echo")))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tmp_path / "scripts/run", *words], capture_output=True, text=True, check=False, cwd="/")

    names = re.findall(r"^  (\S+) ", run("--help").stdout, re.MULTILINE)
    assert "bench" in names
    for name in names:
        program, *options = run(name, "--seed", "1 2").stdout.split(" ", 1)
        assert (ROOT / program).is_file()
        assert options == ["--seed 1 2\n"]
    for words in ((), ("benches",), ("tests/bench/bench.py",)):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "crash-matrix" in done.stderr


SKIPPED = """
import pytest
from needs import forbidden, needs, needs_allowance, needs_root

@pytest.mark.skipif(True, reason="sudo apt install fish zsh")
def test_mark():
    pass

@pytest.fixture
def place():
    pytest.skip("sudo apt install zsh")

def test_fixture(place):
    pass

def test_root():
    pytest.skip("sudo scripts/test")

@needs_allowance(False, "nobody may mount")
def test_mount():
    pass

@pytest.mark.xfail(reason="an expected failure is no skipped test")
def test_known():
    assert False

@needs()
def test_green():
    pass
"""
LAST = (
    "Left out: 4 tests: 2 that `sudo apt install fish zsh` brings; 1 that `sudo scripts/test` brings; "
    "the system forbids it: nobody may mount (1). Of each sweep a sample was taken: `scripts/test --whole` takes all."
)


def skipping(
    folder: Path, tests: str = SKIPPED, named: Sequence[str] = (), **more: str
) -> subprocess.CompletedProcess[str]:
    """Run tests that are skipped: all, or those in the named files."""
    (folder / "test_skipped.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = .\n")
    (folder / "conftest.py").write_text("from skips import pytest_runtest_makereport, pytest_unconfigure\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "tests/harness"), **more}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--quiet", *named]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_the_last_line_counts_the_skipped_tests(tmp_path: Path) -> None:
    """The line has the command that runs them, too."""
    done = skipping(tmp_path)

    assert done.returncode == 0
    assert "1 passed, 4 skipped, 1 xfailed" in done.stdout
    assert done.stdout.splitlines()[-1] == LAST
    assert skipping(tmp_path, HOTLINED_WHOLE="1").stdout.splitlines()[-1] == LAST.partition(" Of each")[0]
    named = skipping(tmp_path, named=["test_skipped.py"]).stdout.splitlines()[-1]
    assert named == LAST.replace("Left out: ", "Left out: all that were not named, and of those ")


def test_the_last_line_is_there_when_every_test_is_skipped(tmp_path: Path) -> None:
    """A run in which nothing passes says what brings its tests."""
    done = skipping(tmp_path, 'import pytest\n\ndef test_root():\n    pytest.skip("sudo scripts/test")\n')

    assert done.stdout.splitlines()[-1].startswith("Left out: 1 test: 1 that `sudo scripts/test` brings. ")


def test_a_skipped_test_fails_in_ci_with_its_reason(tmp_path: Path) -> None:
    """HOTLINED_NO_SKIPS allows only skips that the system forces."""
    strict = skipping(tmp_path, HOTLINED_NO_SKIPS="yes")

    assert strict.returncode == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors" in strict.stdout
    brought = {"sudo apt install fish zsh", "sudo apt install zsh", "sudo scripts/test"}
    assert brought == set(re.findall(r"NO_SKIPS\): (.*)", strict.stdout))


@needs("git")
def test_ci_is_where_a_newcomer_may_be(tmp_path: Path) -> None:
    """The tests run in a folder with a space, in French, with an empty home, and leave nothing."""
    checkout, programs, temporary = (tmp_path / name for name in ("checkout", "bin", "tmp"))
    for folder in (checkout / ".ci", checkout / "scripts", programs, temporary):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".ci/run", checkout / ".ci")
    (checkout / "scripts/environment").write_text("")
    for path, says in ((checkout / "scripts/test", '"$LANG" "$(ls -A "$HOME")" "$PWD"'), (programs / "apt-get", "")):
        path.write_text(f"#!/bin/sh\nprintf '%s|' {says}\necho\n")
        path.chmod(0o755)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-C", checkout)
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "all")):
        subprocess.run([*git, *words], check=True)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)}
    said = subprocess.check_output([checkout / ".ci/run"], text=True, env=environment).splitlines()

    ran = [line for line in said if line.startswith("fr_BE.UTF-8||")]
    assert len(ran) == 2
    assert all(re.fullmatch(rf"{temporary}/\S+/le hotlined\|", line.removeprefix("fr_BE.UTF-8||")) for line in ran)
    assert not list(temporary.iterdir())


def test_ci_installs_the_programs_of_the_tests() -> None:
    """.ci/run installs each that a test needs, and allows no skip."""
    ci = (ROOT / ".ci/run").read_text()

    listed = ci.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    assert dict(line.split() for line in listed.splitlines()) == PACKAGES
    assert "export HOTLINED_NO_SKIPS=" in ci
