"""Errors of an admin, or met by one, are a sentence and an exit code, never a traceback."""

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filled import Filled
from persons import UNPRIVILEGED
from running import CliRunner

from hotlined.cli import main

HUGE = "9" * 30


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a line with an answered contact, to be copied."""
    filled = Filled(tmp_path_factory.mktemp("answered"))
    with filled.db:
        filled.judge(filled.text("Salut, ça va ? 😀"))
        filled.send()
    return filled.folder


@pytest.fixture
def line(answered: Path, tmp_path: Path) -> Iterator[Filled]:
    """Give a line with one answered contact, and no modem."""
    shutil.copytree(answered, tmp_path, dirs_exist_ok=True)
    filled = Filled(tmp_path, modem={"port": "/dev/hotlined-none"})
    with filled.db:
        yield filled


def write(text: str | bytes) -> Callable[[Filled], object]:
    """Write this configuration."""
    return lambda line: line.config.write_bytes(text.encode() if isinstance(text, str) else text)


def instead(make: Callable[[Path], object]) -> Callable[[Filled], object]:
    """Replace the database by something else."""

    def replace(line: Filled) -> None:
        line.db.close()
        for path in line.folder.glob("hotlined.db*"):
            path.unlink()
        make(line.database)

    return replace


def foreign(path: Path) -> None:
    """Make another program's database."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (x)")
    connection.close()


def forbid(name: str) -> Callable[[Filled], object]:
    """Remove all rights to a file."""
    return lambda line: (line.folder / name).chmod(0)


def lock(line: Filled) -> None:
    """Keep the database locked until the test ends."""
    line.db.connection.execute("BEGIN IMMEDIATE")


@dataclass(frozen=True)
class Case:
    """A command, its preparation, and its expected end."""

    typed: str
    exit_code: int
    said: str
    before: Callable[[Filled], object] = lambda _: None
    environment: dict[str, str] = field(default_factory=dict)


CASES = {
    "an unreadable configuration": Case("log", 78, "Permission denied", forbid("main.yaml")),
    "a folder as configuration": Case("--config . log", 78, "directory"),
    "no configuration": Case("--config none.yaml log", 78, "none.yaml"),
    "another line's configuration": Case("--config none.yaml log", 78, "with --line or --config"),
    "an empty configuration": Case("log", 78, "answer.text", write("")),
    "a configuration that is no YAML": Case("log", 78, "main.yaml", write("a: [1")),
    "a configuration that is no text": Case("log", 78, "main.yaml", write(b"\xff\xfe\x00")),
    "a configuration with a list in it": Case("log", 78, "main.yaml", write("[1, 2]")),
    "a key that is none": Case("log", 78, "limits", write("answer: {text: x}\nlimit: {}")),
    "a line that is none": Case("--line ../x log", 2, "../x"),
    "no database": Case("numbers", 69, "There is no database", instead(lambda _: None)),
    "a folder as database": Case("log", 1, "hotlined.db", instead(Path.mkdir)),
    "a text as database": Case("numbers", 1, "no database", instead(lambda path: path.write_text("x" * 5000))),
    "an empty file as database": Case("log", 69, "There is no database", instead(Path.touch)),
    "a database of another program": Case("log", 1, "hotlined.db", instead(foreign)),
    "a database that may not be read": Case("show 0470123456", 1, "group", forbid("hotlined.db")),
    "a database that is locked": Case("tag 1 x", 1, "locked", lock),
    "a folder that is not there": Case("log", 69, "There is no database", write("database: /no/x\nanswer: {text: x}")),
    "a command that is none": Case("lgo", 2, "Is log meant?"),
    "an option that is none": Case("log --frm x", 2, "--frm"),
    "an ID that is a word": Case("show x", 2, "'x' is not a telephone number"),
    "an ID below 1": Case("show 0", 2, "'0' is not a telephone number"),
    "a count that is none": Case("log -n some", 2, "'some' is not a count"),
    "a contact that is none": Case("show 99", 1, "There is no contact 99."),
    "a huge ID to show": Case(f"show {HUGE}", 2, HUGE),
    "a huge ID to tag": Case(f"tag {HUGE} x", 2, HUGE),
    "a huge ID to send again": Case(f"requeue {HUGE}", 2, HUGE),
    "a huge count": Case(f"log -n {HUGE}", 2, HUGE),
    "a huge duration": Case(f"log --since {HUGE}d", 2, "is not a time"),
    "a date that is none": Case("log --since 2026-02-30", 2, "Write 24/11"),
    "the end of time": Case("log --until 9999-12-31", 2, "is not a time"),
    "a reason that is none": Case("log --reason because", 2, "because"),
    "a number that is none": Case("block 0", 2, "not a telephone number"),
    "a masked number": Case("log --number +3247…456", 2, "masked"),
    "a name nobody has": Case("show Nobody", 2, "is not a telephone number"),
    "text that is not UTF-8": Case("log --number \udcff", 2, "UTF-8"),
    "no terminal type": Case("log", 0, "", environment={"TERM": ""}),
    "a locale without accents": Case("log", 0, "", environment={"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}),
    "a terminal of one column": Case("log", 0, "", environment={"COLUMNS": "1"}),
    "a terminal of no columns": Case("numbers", 0, "", environment={"COLUMNS": "0", "LINES": "0"}),
    "a terminal that is not so wide": Case("log", 0, "", environment={"COLUMNS": "wide"}),
    "no name": Case("tag 1 x", 0, "", environment={"USER": ""}),
    "no home": Case("log", 0, "", environment={"HOME": "/no/home"}),
}


APART = ("an unreadable configuration", "a database that may not be read", "text that is not UTF-8")
"""Cases that need a program: one that is not root's, or whose words are octets."""


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_a_sentence(line: Filled, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code comes with an explanation and no traceback."""
    case = CASES[name]
    case.before(line)
    if name not in APART and not case.environment:
        monkeypatch.chdir(line.folder)
        asked = CliRunner().invoke(main, case.typed.split(), env={"HOTLINED_CONFIG": str(line.config)})
        assert (asked.exit_code, bool(asked.stderr)) == (case.exit_code, bool(case.exit_code))
        assert isinstance(asked.exception, SystemExit | None), asked.exception
        assert case.said in asked.stderr
        return
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, "-m", "hotlined", *case.typed.split()],
        cwd=line.folder,
        env={"HOTLINED_CONFIG": str(line.config), "PATH": os.environ["PATH"], "USER": "greta"}
        | {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        | case.environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

    assert done.returncode == case.exit_code, done.stderr
    assert "Traceback" not in done.stderr
    assert case.said in done.stderr
    assert bool(done.stderr) == bool(case.exit_code)


@pytest.mark.parametrize("typed", ["show 99", "log --since tomorrow", "send 0470123456 x", "completion", "db"])
def test_no_word_of_an_error_is_cut(line: Filled, typed: str) -> None:
    """Sentences are wrapped at blanks on a phone's narrow screen."""
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "hotlined", *typed.split()],
        env=os.environ | {"HOTLINED_CONFIG": "main.yaml", "COLUMNS": "40"},
        cwd=line.folder,
        stdout=theirs,
        stderr=theirs,
        check=False,
    )
    shown = os.read(ours, 65536).decode().splitlines()
    os.close(ours)
    os.close(theirs)

    assert len(shown) > 1
    assert all(len(each) <= 40 for each in shown if not each.startswith("Try ")), shown


@pytest.mark.parametrize("typed", ["log", "log --json -n 0", "numbers", "numbers --csv", "show 0470123456", "show 1"])
def test_a_closed_output_causes_no_traceback(line: Filled, typed: str) -> None:
    """Nothing is shown, and the command does not fail."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "hotlined", *typed.split()],
        env=os.environ | {"HOTLINED_CONFIG": str(line.config)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
