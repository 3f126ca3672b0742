"""The processes in which tests run: `--forks`."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CONFTEST = """
import sys
sys.path.insert(0, {tests!r})
import forks, pytest
def pytest_addoption(parser):
    forks.add_option(parser)
@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    forks.run(session, ["test_waiting"], [])
    return True
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder whose tests run in processes of their own."""
    (tmp_path / "conftest.py").write_text(CONFTEST.format(tests=str(TESTS)))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def command(folder: Path, *options: str) -> list[str]:
    """Return what runs the tests of a folder."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--forks", "3", str(folder), *options]


def ran(folder: Path, *options: str) -> tuple[int, str]:
    """Run the tests of a folder; return the exit code and what was printed."""
    done = subprocess.run(command(folder, *options), capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def test_each_test_runs_once_and_its_outcome_counts(folder: Path) -> None:
    """Passed, failed or skipped; a failed test shows its output."""
    (folder / "test_waiting.py").write_text(
        "import os, pytest\n"
        "@pytest.mark.parametrize('n', range(40))\n"
        "def test_it(n):\n"
        "    open('ran', 'a').write(f'{n}\\n')\n"
        "    print('said', n)\n"
        "    if n == 7: pytest.skip('no')\n"
        "    assert n != 9\n"
    )

    code, said = ran(folder)

    assert code == 1, said
    assert "1 failed, 38 passed, 1 skipped" in said
    assert re.findall(r"said \d+", said) == ["said 9"]
    assert sorted(map(int, (folder / "ran").read_text().split())) == [*range(40)]


def test_dead_process_fails_one_test_and_the_others_run(folder: Path) -> None:
    """The tests that it had taken run, too."""
    (folder / "test_it.py").write_text(
        "import os, pytest\n"
        "@pytest.fixture(scope='module')\n"
        "def shared():\n"
        "    return os.getpid()\n"
        "@pytest.mark.parametrize('n', range(12))\n"
        "def test_it(n, shared):\n"
        "    if n == 5: os._exit(3)\n"
    )

    code, said = ran(folder)

    assert code == 1, said
    assert "FAILED test_it.py::test_it[5]" in said
    assert "the process that ran it ended with 3" in said
    assert "1 failed, 11 passed" in said


def test_shared_fixture_is_made_once_and_ends_with_its_file(folder: Path) -> None:
    """A fixture of the session ends with the process; if it cannot, that is a failure."""
    (folder / "conftest.py").write_text(
        (folder / "conftest.py").read_text() + "@pytest.fixture(scope='session')\n"
        "def lasting():\n"
        "    yield\n"
        "    open('ended', 'a').write('x')\n"
        "    raise RuntimeError('it cannot')\n"
    )
    for name in ("test_one.py", "test_two.py"):
        (folder / name).write_text(
            "import os, pytest\n"
            "@pytest.fixture(scope='module')\n"
            "def shared(lasting):\n"
            "    open('made', 'a').write('x')\n"
            "@pytest.mark.parametrize('n', range(20))\n"
            "def test_it(n, shared): pass\n"
        )

    code, said = ran(folder)

    assert (folder / "made").read_text() == "xx"
    assert len((folder / "ended").read_text()) in {1, 2}  # one process may have had both files
    assert code == 1, said
    assert "the process that ran it ended with 1" in said


def test_interrupt_ends_every_process(folder: Path) -> None:
    """They end in order: the fixtures of a running test are torn down."""
    (folder / "test_waiting.py").write_text(
        "import pytest, time\n"
        "@pytest.mark.parametrize('n', range(9))\n"
        "def test_it(n):\n"
        "    open('begun', 'a').write('x')\n"
        "    try:\n"
        "        print('begun', flush=True)\n"
        "        time.sleep(60)\n"
        "    finally: open('ended', 'a').write('x')\n"
    )
    with subprocess.Popen(command(folder, "-s"), cwd=folder, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout
        begun = 0
        for line in tests.stdout:
            begun += line.count("begun")
            if begun == 3:
                break
        tests.send_signal(signal.SIGINT)
        rest = tests.stdout.read()

    assert tests.returncode == 2, rest
    assert (folder / "ended").read_text() == (folder / "begun").read_text() == "xxx"
