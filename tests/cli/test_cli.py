"""The command line as a whole: help, exit codes, the error boundary, and `run` as a program."""

import json
import logging
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from filled import KEVIN, Filled
from needs import needs_allowance
from persons import UNPRIVILEGED
from running import CliRunner

from hotlined import __version__
from hotlined.cli import COMMANDS, main
from hotlined.cli.service import Formatter
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.file.trouble import DatabaseTrouble

SCRIPT = [sys.executable, "-m", "hotlined"]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # as at a user's


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with nothing in it, and no modem."""
    filled = Filled(tmp_path, modem={"port": "/dev/hotlined-none"})
    umask = os.umask(0o022)
    with filled.db:
        yield filled
    os.umask(umask)  # `run` sets its own


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that people call with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif not command.hidden:
            yield (*path, name), command


EVERY = dict(commands())


# ---- help


def helped(columns: int) -> list[str]:
    """Return the lines of `hotlined --help` on a terminal of this width."""
    return CliRunner().invoke(main, ["--help"], env={"COLUMNS": str(columns)}).stdout.splitlines()


@pytest.mark.parametrize("columns", [40, 80])
def test_help_names_every_command_under_its_heading(columns: int) -> None:
    """People's commands are explained; those for units and scripts only listed."""
    text = "\n".join(helped(columns))

    for heading, names in COMMANDS.items():
        assert heading in text
        for name, listed in names.items():
            line = rf"  {name} +{re.escape(listed.briefly)}(?:  |$)" if listed.briefly else rf"\b{name}\b"
            assert re.search(line, text, re.MULTILINE), name
    assert [heading for heading, names in COMMANDS.items() if not all(each.briefly for each in names.values())] == [
        "Run by systemd and scripts"
    ]


def test_help_is_one_screen() -> None:
    """The next prompt fits below it, at 80 columns and 24 lines."""
    lines = helped(80)

    assert len(lines) < 24
    assert max(map(len, lines)) < 80


def test_help_imports_no_command() -> None:
    """The help is quick on a Pi, too."""
    asked = "import sys; from hotlined.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1].split()

    assert "click" in modules
    assert {f"hotlined.cli.{name}" for name in ("status", "log", "decide")}.isdisjoint(modules)


def bare(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `hotlined` without a command in a folder."""
    known = {name: value for name, value in BUFFERED.items() if name != "HOTLINED_CONFIG"}
    where = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [*SCRIPT, *options], cwd=folder, env=known | where | environment, capture_output=True, text=True, check=False
    )


def test_hotlined_alone_is_its_status(line: Filled) -> None:
    """Output and exit code are those of `status`."""
    line.config = line.config.rename(line.folder / "config.yaml")  # which is found in a folder
    asked = bare(line.folder, "status")

    assert asked.returncode == 69
    assert "daemon" in asked.stdout
    for done in (bare(line.folder), bare(line.folder.parent, HOTLINED_CONFIG=str(line.config))):
        assert (done.returncode, done.stdout, done.stderr) == (69, asked.stdout, "")
    named = "--config", str(line.config)
    assert bare(line.folder.parent, *named).stdout == bare(line.folder.parent, *named, "status").stdout != ""


@needs_allowance(not Path("/etc/hotlined/main.yaml").exists(), "a line is installed here")
def test_hotlined_alone_prints_help_before_anything_is_configured(tmp_path: Path) -> None:
    """The exit code is 2: no script takes it for success."""
    asked, done = bare(tmp_path, "--help"), bare(tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (2, asked.stdout, "")
    assert bare(tmp_path, "--config", "none.yaml").returncode == 78


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_has_an_example_that_parses(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example uses that command, with arguments and options that exist."""
    monkeypatch.chdir(tmp_path)
    for name in ("fr-000001.age", "fr.invitation"):
        (tmp_path / name).touch()
    found = re.search(r"Example:\s+hotlined (.+)", EVERY[path].help or "")
    assert found
    words = shlex.split(found[1].partition(" > ")[0])  # what follows is for the shell
    at = words.index(path[0])

    assert tuple(words[at : at + len(path)]) == path
    with click.Context(main) as context:
        main.make_parser(context).parse_args(words[:at])
        EVERY[path].make_context("example", words[at + len(path) :], parent=context).close()


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("path", [(), ("config",), ("text",), *EVERY], ids=" ".join)
def test_help_fits_a_terminal(path: tuple[str, ...], columns: int) -> None:
    """No sentence is cut or too wide, even on a phone.

    Examples to copy stay on one line.
    """
    text = CliRunner().invoke(main, [*path, "--help"], env={"COLUMNS": f"{columns}"}).stdout
    lines = [line for line in text.splitlines() if not line.strip().startswith("~/.")]

    assert text.startswith("Usage: ")
    assert max(map(len, lines)) <= columns
    assert "..." not in text.partition("Options:")[2]


def test_advised_commands_exist() -> None:
    """Commands in backticks, in every module and in config.yaml, exist."""
    root = Path(__file__).parents[2]
    told = {
        tuple(words.split())
        for path in (root / "config.yaml", *(root / "hotlined").rglob("*.py"))
        for words in re.findall(r"`hotlined ([a-z]+(?:-[a-z]+)*(?: [a-z]+)?)", path.read_text("utf-8"))
    }

    assert ("config", "check") in told
    assert told - {path[:length] for path in EVERY for length in (1, 2)} == set()


def test_version_names_program_and_version() -> None:
    """`--version` prints the program's name and its version."""
    assert CliRunner().invoke(main, ["--version"]).stdout == f"hotlined {__version__}\n"


def test_an_unknown_command_is_a_usage_error() -> None:
    """An unknown command ends with 2 and names `--help`."""
    result = CliRunner().invoke(main, ["frobnicate"])

    assert result.exit_code == 2
    assert "There is no command frobnicate. `hotlined help` lists all of them." in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("typed", "meant"), [("logs", "log"), ("Stat", "stats or status"), ("selftets", "selftest"), ("Aide", "help")]
)
def test_a_mistyped_command_gets_a_suggestion(typed: str, meant: str) -> None:
    """The suggestion is the command that resembles it."""
    result = CliRunner().invoke(main, [typed])

    assert result.exit_code == 2
    assert f"There is no command {typed}. Is {meant} meant?" in result.stderr


@pytest.mark.parametrize("command", ["block", "unblock", "show", "forget", "export"])
def test_a_number_with_blanks_is_refused_with_advice(command: str) -> None:
    """Such a number is several arguments: the error names the cure."""
    result = CliRunner().invoke(main, [command, "04", "85", "55", "66", "77"])

    assert result.exit_code == 2
    rest = "55 66 77" if command == "export" else "85 55 66 77"  # its second word is a FILE
    assert f"({rest}). Write a number without blanks, or in quotes." in result.stderr


def test_words_are_read_as_a_phone_writes_them(line: Filled) -> None:
    """Capitals are accepted everywhere, and reasons as the log shows them."""
    line.judge(line.text(sender="8850"))
    line.text()
    result = line.run("Log", "--Json", "--kind", "Text", "--reason", "not answerable")

    assert [json.loads(each)["id"] for each in result.stdout.splitlines()] == [1], result.output


# ---- errors are sentences


def test_every_problem_of_a_configuration_is_listed(line: Filled) -> None:
    """Each problem has its line, and the command ends with 78."""
    line.config.write_text("log_level: loud\nanswer: {text: x}\nlimits: {per_number: many}\n")
    result = line.run("log")

    assert result.exit_code == 78
    assert "main.yaml:1: log_level" in result.stderr
    assert "main.yaml:3: limits.per_number" in result.stderr
    assert str(line.config) in result.stderr


def test_no_configuration_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """A missing file is named, with 78."""
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "none.yaml"), "status"])

    assert result.exit_code == 78
    assert "none.yaml" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_line_names_its_configuration() -> None:
    """`--line NAME` reads /etc/hotlined/NAME.yaml; a name that is a path is refused."""
    assert "/etc/hotlined/nolinelikethis.yaml" in CliRunner().invoke(main, ["--line", "nolinelikethis", "log"]).stderr
    assert CliRunner().invoke(main, ["--line", "../passwd", "log"]).exit_code == 2


def test_no_database_yet_is_a_sentence_and_69(line: Filled) -> None:
    """No list can be shown before the daemon's first start."""
    line.database.unlink()
    result = line.run("log")

    assert result.exit_code == 69
    assert "There is no database" in result.stderr
    assert f"Configuration: {line.config}" in result.stderr


def test_a_damaged_database_is_a_sentence(line: Filled) -> None:
    """A file that is no database gives 1 and no traceback."""
    line.db.close()
    for path in line.folder.glob("hotlined.db*"):
        path.unlink()
    line.database.write_bytes(b"not a database, but long enough to look at " * 50)
    result = line.run("log")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_an_error_of_sqlite_is_a_sentence(line: Filled) -> None:
    """An error in the middle of a command gives no traceback."""
    line.db.connection.execute("DROP VIEW log")
    result = line.run("log")

    assert result.exit_code == 1
    assert "The database cannot be used: no such table: log." in result.stderr


def unprivileged(line: Filled, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who has only the rights that the files give."""
    return subprocess.run(
        [*UNPRIVILEGED, *SCRIPT, "--config", str(line.config), *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def guarded(line: Filled) -> Iterator[Filled]:
    """Give a line whose database is in a folder of its own; the folder is made accessible again at the end."""
    line.db.close()
    folder = line.folder / "state"
    folder.mkdir()
    line.database = line.database.rename(folder / "hotlined.db")
    line.config.write_text(json.dumps(line.settings | {"database": "state/hotlined.db"}))
    line.db = open_for_daemon(line.database)
    line.call()
    yield line
    line.db.close()
    folder.chmod(0o700)


def may_only_read(database: Path) -> None:
    """Take the right to write from a database and its folder."""
    for path in database.parent.iterdir():
        path.chmod(0o440)
    database.parent.chmod(0o550)


def test_a_reader_without_write_access_can_list_while_the_daemon_runs(guarded: Filled) -> None:
    """A decision is refused with the missing right."""
    may_only_read(guarded.database)
    listed, blocked = unprivileged(guarded, "log", "--json"), unprivileged(guarded, "block", KEVIN)

    assert (json.loads(listed.stdout)["id"], listed.returncode, listed.stderr) == (1, 0, "")
    assert '"database_state": "ok"' in unprivileged(guarded, "status", "--json").stdout
    assert blocked.returncode == 1
    assert blocked.stderr.startswith("Error: The database cannot be used: it may not be written by this user.\n")


def test_missing_rights_are_not_called_damage(guarded: Filled) -> None:
    """The error names the right that is missing."""
    guarded.db.close()
    for ending in ("-wal", "-shm"):
        guarded.database.with_name(guarded.database.name + ending).unlink()
    may_only_read(guarded.database)
    readonly = unprivileged(guarded, "log")
    guarded.database.parent.chmod(0)
    unreadable, status = unprivileged(guarded, "log"), unprivileged(guarded, "status")

    assert (readonly.returncode, unreadable.returncode, status.returncode) == (1, 1, 69)
    assert f"{guarded.database} was closed by another program, which took -wal and -shm away" in readonly.stderr
    assert f"{guarded.database} cannot be used: this user may not open it" in unreadable.stderr
    assert f"{guarded.database} (state unknown)" in status.stdout
    assert "Be in its group" in status.stdout


def test_a_configuration_that_may_not_be_read_is_78(line: Filled) -> None:
    """The lack of rights is no usage error."""
    line.config.chmod(0)
    done = unprivileged(line, "log")

    assert done.returncode == 78
    assert done.stderr.startswith(f"Error: {line.config} cannot be read: Permission denied\n")


def test_a_full_disk_under_the_database_has_a_cure(line: Filled) -> None:
    """SQLite's error on a full disk is shown with its cure."""
    line.db.connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as caught:
        line.db.connection.execute("CREATE TABLE more (x)")
    error = DatabaseTrouble.of(caught.value).as_error()

    assert error.message == "The database cannot be used: the disk is full or takes nothing any more."
    assert error.hint.startswith("Make room")


@pytest.mark.parametrize(
    "arguments",
    [
        *(f"log {form} {count}" for form in ("--json", "--csv", "") for count in ("-n 50", "-n 0", "--follow")),
        "show 1",
        "status",
        "config show",
        "--help",
    ],
    ids=str,
)
def test_a_closed_pipe_ends_quietly(line: Filled, arguments: str) -> None:
    """Output into a closed pipe (`| head`) ends with 0, without errors."""
    for _ in range(3):
        line.call()
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as gone:
        done = subprocess.run(
            [*SCRIPT, "--config", str(line.config), *arguments.split()],
            stdout=gone,
            stderr=subprocess.PIPE,
            env=BUFFERED,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")


def test_an_escape_sequence_in_an_error_is_escaped(tmp_path: Path) -> None:
    """An escape sequence in a file's name is shown escaped."""
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "\x1b[2J.yaml"), "log"])

    assert "\x1b" not in result.stderr
    assert r"\x1b[2J.yaml" in result.stderr


def test_debug_shows_where_an_error_arose(line: Filled) -> None:
    """HOTLINED_DEBUG=1 lets the exception itself through."""
    line.db.connection.execute("DROP VIEW log")

    assert isinstance(line.run("log", env={"HOTLINED_DEBUG": "1"}).exception, sqlite3.OperationalError)


@pytest.mark.parametrize("arguments", [["log"], ["log", "--json"], ["log", "--csv"], ["status"], ["--help"]])
def test_a_full_disk_is_a_sentence(line: Filled, arguments: list[str]) -> None:
    """Output to a full disk ends with 1 and one sentence."""
    line.call()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SCRIPT, "--config", str(line.config), *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=BUFFERED,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Error: No space left on device"
    assert "Exception" not in done.stderr


def test_a_terminal_that_knows_ascii_only_gets_escapes(line: Filled) -> None:
    """Other letters become escapes; the command does not fail."""
    line.text("déjà vu")
    done = subprocess.run(
        [*SCRIPT, "--config", str(line.config), "log"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "100"},
        check=False,
    )

    assert done.returncode == 0
    assert rb"d\xe9j\xe0 vu" in done.stdout


# ---- run


def test_run_once_without_a_modem_is_69(line: Filled) -> None:
    """The database is created, with rights for its group only."""
    line.db.close()
    line.database.unlink()
    done = subprocess.run(
        [*SCRIPT, "--config", str(line.config), "run", "--once"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 69
    assert "/dev/hotlined-none" in done.stderr
    assert line.database.stat().st_mode & 0o777 == 0o640


def test_run_ends_with_0_on_sigterm(line: Filled) -> None:
    """Each line in the journal carries its priority."""
    line.db.close()
    with subprocess.Popen(
        [*SCRIPT, "--config", str(line.config), "run"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"JOURNAL_STREAM": "8:1"},
    ) as daemon:
        assert daemon.stderr
        first = daemon.stderr.readline()
        kernel = Path(f"/proc/{daemon.pid}/status").read_text()
        daemon.send_signal(signal.SIGTERM)
        rest = daemon.stderr.read()

    assert daemon.returncode == 0
    assert "Umask:\t0027" in kernel
    assert first.startswith("<6>")
    assert all(re.match("<[3-7]>", text) for text in rest.splitlines())


def test_a_second_daemon_is_refused(line: Filled) -> None:
    """The second one on a database ends with 1 and a hint."""
    result = line.run("run")

    assert result.exit_code == 1
    assert "Another daemon" in result.stderr


def test_run_refuses_a_broken_configuration(line: Filled) -> None:
    """`run` ends with 78 when the configuration cannot be used."""
    line.config.write_text("answer: {}")

    assert line.run("run").exit_code == 78


@pytest.mark.parametrize(
    ("level", "prefix"),
    [(logging.DEBUG, "<7>"), (logging.INFO, "<6>"), (logging.WARNING, "<4>"), (logging.ERROR, "<3>")],
)
def test_a_record_is_one_line_and_harmless(level: int, prefix: str) -> None:
    """Hostile text leaves no escape sequence; the journal gets the priority."""
    record = logging.LogRecord("hotlined", level, "", 0, "operator %s\nmore", ("\x1b[31m\n<3>forged\r\u2028x",), None)
    written = "operator \\x1b[31m⏎<3>forged\\x0d\\u2028x⏎more"

    assert Formatter(journal=True).format(record) == prefix + written
    assert re.fullmatch(
        rf"[0-9: ,-]+ {logging.getLevelName(level)} +{re.escape(written)}", Formatter(journal=False).format(record)
    )


def test_a_traceback_is_one_line() -> None:
    """The error of a traceback may contain a stranger's text."""
    with pytest.raises(ValueError, match="forged") as caught:
        raise ValueError("x\n<6>forged")
    bug = caught.type, caught.value, caught.tb
    written = Formatter(journal=True).format(logging.LogRecord("hotlined", logging.ERROR, "", 0, "a bug", (), bug))

    assert written.splitlines() == [written]
    assert written.startswith("<3>a bug⏎Traceback (most recent call last):⏎")
    assert written.endswith("ValueError: x⏎<6>forged")


def test_a_command_leaves_the_database_unlocked(line: Filled) -> None:
    """A command leaves no lock behind, so the daemon can start."""
    line.run("log")
    line.db.close()

    open_for_daemon(line.database).close()
