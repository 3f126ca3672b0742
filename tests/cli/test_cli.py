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
    """Return the lines of `hotlined --help` on a terminal so many characters wide."""
    return CliRunner().invoke(main, ["--help"], env={"COLUMNS": str(columns)}).stdout.splitlines()


@pytest.mark.parametrize("columns", [40, 80])
def test_help_names_every_command_under_its_heading(columns: int) -> None:
    """`hotlined --help` says of each command what it does; what units and scripts run is listed by its name alone."""
    text = "\n".join(helped(columns))

    for heading, names in COMMANDS.items():
        assert heading in text
        for name, listed in names.items():
            line = rf"  {name} +{re.escape(listed.briefly)}(?:  |$)" if listed.briefly else rf"\b{name}\b"
            assert re.search(line, text, re.MULTILINE), name
    assert [heading for heading, names in COMMANDS.items() if not all(each.briefly for each in names.values())] == [
        "Run by units and scripts"
    ]


def test_help_is_one_screen() -> None:
    """On a terminal of 80 columns and 24 lines all of it is seen, with the line below for the next command."""
    lines = helped(80)

    assert len(lines) < 24
    assert max(map(len, lines)) < 80


def test_help_imports_no_command() -> None:
    """It is there at once, on a Pi too."""
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
    """By the configuration that is there, or that is named: the sheet and the exit code are those of `status`."""
    line.config = line.config.rename(line.folder / "config.yaml")  # which is found in a folder
    asked = bare(line.folder, "status")

    assert asked.returncode == 69
    assert "daemon" in asked.stdout
    for done in (bare(line.folder), bare(line.folder.parent, HOTLINED_CONFIG=str(line.config))):
        assert (done.returncode, done.stdout, done.stderr) == (69, asked.stdout, "")
    named = "--config", str(line.config)
    assert bare(line.folder.parent, *named).stdout == bare(line.folder.parent, *named, "status").stdout != ""


@needs_allowance(not Path("/etc/hotlined/main.yaml").exists(), "a line is installed here")
def test_hotlined_alone_is_the_help_where_nothing_is_configured(tmp_path: Path) -> None:
    """Whoever has just installed it reads what there is, and a script does not take that for a line that is well."""
    asked, done = bare(tmp_path, "--help"), bare(tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (2, asked.stdout, "")
    assert bare(tmp_path, "--config", "none.yaml").returncode == 78


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_has_an_example_that_parses(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example in a command's help is that command, with options and arguments that it has."""
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
    """No sentence of a help is wider than the terminal, a phone's too, or cut off; what is to be copied stays whole."""
    text = CliRunner().invoke(main, [*path, "--help"], env={"COLUMNS": f"{columns}"}).stdout
    lines = [line for line in text.splitlines() if not line.strip().startswith("~/.")]

    assert text.startswith("Usage: ")
    assert max(map(len, lines)) <= columns
    assert "..." not in text.partition("Options:")[2]


def test_hints_name_commands_that_exist() -> None:
    """Whatever is told to type is there: commands in backticks in every module and in config.yaml."""
    root = Path(__file__).parents[2]
    told = {
        tuple(words.split())
        for path in (root / "config.yaml", *(root / "hotlined").rglob("*.py"))
        for words in re.findall(r"`hotlined ([a-z]+(?:-[a-z]+)*(?: [a-z]+)?)", path.read_text("utf-8"))
    }

    assert ("config", "check") in told
    assert told - {path[:length] for path in EVERY for length in (1, 2)} == set()


def test_the_version_is_told() -> None:
    """--version names program and version."""
    assert CliRunner().invoke(main, ["--version"]).stdout == f"hotlined {__version__}\n"


def test_an_unknown_command_is_a_usage_error() -> None:
    """A command that does not exist ends with 2, and names the way to those that do."""
    result = CliRunner().invoke(main, ["frobnicate"])

    assert result.exit_code == 2
    assert "There is no command frobnicate. `hotlined help` lists all of them." in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("typed", "meant"), [("logs", "log"), ("Stat", "stats or status"), ("selftets", "selftest"), ("Aide", "help")]
)
def test_a_command_that_is_nearly_one_is_named(typed: str, meant: str) -> None:
    """Who mistypes a command is told which it may be."""
    result = CliRunner().invoke(main, [typed])

    assert result.exit_code == 2
    assert f"There is no command {typed}. Is {meant} meant?" in result.stderr


@pytest.mark.parametrize("command", ["block", "unblock", "show", "forget", "export"])
def test_a_number_with_blanks_is_told_how_it_is_written(command: str) -> None:
    """A shell makes several words of it: whoever types it so reads what to do."""
    result = CliRunner().invoke(main, [command, "04", "85", "55", "66", "77"])

    assert result.exit_code == 2
    rest = "55 66 77" if command == "export" else "85 55 66 77"  # its second word is a FILE
    assert f"({rest}). Write a number without blanks, or in quotes." in result.stderr


def test_words_are_read_as_a_phone_writes_them(line: Filled) -> None:
    """Capitals are put aside in commands, options and values, and so are the blanks that the log shows in reasons."""
    line.judge(line.text(sender="8850"))
    line.text()
    result = line.run("Log", "--Json", "--kind", "Text", "--reason", "not answerable")

    assert [json.loads(each)["id"] for each in result.stdout.splitlines()] == [1], result.output


# ---- errors are sentences


def test_every_problem_of_a_configuration_is_listed(line: Filled) -> None:
    """A broken configuration ends with 78 and names each problem with its line."""
    line.config.write_text("mode: loud\nanswer: {text: x}\nlimits: {per_number: many}\n")
    result = line.run("log")

    assert result.exit_code == 78
    assert "main.yaml:1: mode" in result.stderr
    assert "main.yaml:3: limits.per_number" in result.stderr
    assert str(line.config) in result.stderr


def test_no_configuration_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """A missing file is named, with 78."""
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "none.yaml"), "status"])

    assert result.exit_code == 78
    assert "none.yaml" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_line_names_its_configuration() -> None:
    """--line looks for /etc/hotlined/NAME.yaml, and a name that is a path is refused."""
    assert "/etc/hotlined/nolinelikethis.yaml" in CliRunner().invoke(main, ["--line", "nolinelikethis", "log"]).stderr
    assert CliRunner().invoke(main, ["--line", "../passwd", "log"]).exit_code == 2


def test_no_database_yet_is_a_sentence_and_69(line: Filled) -> None:
    """Before the daemon has run there is nothing to list."""
    line.database.unlink()
    result = line.run("log")

    assert result.exit_code == 69
    assert "There is no database" in result.stderr
    assert f"Configuration: {line.config}" in result.stderr


def test_a_damaged_database_is_a_sentence(line: Filled) -> None:
    """A file that is no database ends with 1 and no traceback."""
    line.db.close()
    for path in line.folder.glob("hotlined.db*"):
        path.unlink()
    line.database.write_bytes(b"not a database, but long enough to look at " * 50)
    result = line.run("log")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_a_table_that_was_dropped_is_a_sentence(line: Filled) -> None:
    """What SQLite refuses half-way is told like any other error."""
    line.db.connection.execute("DROP VIEW log")
    result = line.run("log")

    assert result.exit_code == 1
    assert "The database cannot be used: no such table: log." in result.stderr


# root without its capabilities is held to the rights of files like anyone else
UNPRIVILEGED = ["setpriv", "--bounding-set=-all"] if os.getuid() == 0 else []


def unprivileged(line: Filled, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who has only the rights that the files give."""
    return subprocess.run(
        [*UNPRIVILEGED, *SCRIPT, "--config", str(line.config), *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def guarded(line: Filled) -> Iterator[Filled]:
    """Give a line whose database is in a folder of its own, which is opened again at the end."""
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


def test_who_may_only_read_can_read_while_the_daemon_runs(guarded: Filled) -> None:
    """The right to read is enough for every list, and a decision says what is missing."""
    may_only_read(guarded.database)
    listed, blocked = unprivileged(guarded, "log", "--json"), unprivileged(guarded, "block", KEVIN)

    assert (json.loads(listed.stdout)["id"], listed.returncode, listed.stderr) == (1, 0, "")
    assert '"database_state": "ok"' in unprivileged(guarded, "status", "--json").stdout
    assert blocked.returncode == 1
    assert blocked.stderr.startswith("Error: The database cannot be used: it may not be written by this user.\n")


def test_a_database_that_may_not_be_used_is_not_called_damaged(guarded: Filled) -> None:
    """Without the right to write or to open it, the sentence is about rights, and the exit code 1."""
    guarded.db.close()
    for ending in ("-wal", "-shm"):
        guarded.database.with_name(guarded.database.name + ending).unlink()
    may_only_read(guarded.database)
    readonly = unprivileged(guarded, "log")
    guarded.database.parent.chmod(0)
    unreadable, status = unprivileged(guarded, "log"), unprivileged(guarded, "status")

    assert (readonly.returncode, unreadable.returncode, status.returncode) == (1, 1, 69)
    assert f"{guarded.database} was closed by another program, which took -wal and -shm away" in readonly.stderr
    assert f"{guarded.database} cannot be used: it may not be opened by this user" in unreadable.stderr
    assert f"{guarded.database} (state unknown)" in status.stdout
    assert "Be in its group" in status.stdout


def test_a_configuration_that_may_not_be_read_is_78(line: Filled) -> None:
    """It is a sentence about the configuration, not about how to call the command."""
    line.config.chmod(0)
    done = unprivileged(line, "log")

    assert done.returncode == 78
    assert done.stderr.startswith(f"Error: {line.config} cannot be read: Permission denied\n")


def test_a_full_disk_under_the_database_has_its_cure(line: Filled) -> None:
    """What SQLite says of a full disk comes with what to do."""
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
def test_a_reader_that_goes_away_is_no_error(line: Filled, arguments: str) -> None:
    """Who pipes into `head` gets nothing on stderr, and 0."""
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


def test_an_error_obeys_no_escape(tmp_path: Path) -> None:
    """A file name with an escape sequence in it is shown escaped."""
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "\x1b[2J.yaml"), "log"])

    assert "\x1b" not in result.stderr
    assert r"\x1b[2J.yaml" in result.stderr


def test_debug_shows_where_an_error_arose(line: Filled) -> None:
    """HOTLINED_DEBUG=1 lets the exception through."""
    line.db.connection.execute("DROP VIEW log")

    assert isinstance(line.run("log", env={"HOTLINED_DEBUG": "1"}).exception, sqlite3.OperationalError)


@pytest.mark.parametrize("arguments", [["log"], ["log", "--json"], ["log", "--csv"], ["status"], ["--help"]])
def test_a_full_disk_is_a_sentence(line: Filled, arguments: list[str]) -> None:
    """Output that cannot be written ends with 1 and one sentence."""
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
    """A locale without the letters of a text is no reason to fail."""
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
    """One scan that cannot be made says so; the database is there, for its group only."""
    line.db.close()
    line.database.unlink()
    done = subprocess.run(
        [*SCRIPT, "--config", str(line.config), "run", "--once"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 69
    assert "/dev/hotlined-none" in done.stderr
    assert line.database.stat().st_mode & 0o777 == 0o640


def test_run_ends_with_0_when_it_is_told_to(line: Filled) -> None:
    """SIGTERM is the regular end, and in the journal each line carries its priority."""
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
    """One database has one daemon: the second ends with 1 and a hint."""
    result = line.run("run")

    assert result.exit_code == 1
    assert "Another daemon" in result.stderr


def test_run_refuses_a_broken_configuration(line: Filled) -> None:
    """A configuration that cannot be used ends with 78."""
    line.config.write_text("answer: {}")

    assert line.run("run").exit_code == 78


@pytest.mark.parametrize(
    ("level", "prefix"),
    [(logging.DEBUG, "<7>"), (logging.INFO, "<6>"), (logging.WARNING, "<4>"), (logging.ERROR, "<3>")],
)
def test_a_record_is_one_line_and_harmless(level: int, prefix: str) -> None:
    """No text that a record holds writes a second one, and none an escape; the journal gets its priority."""
    record = logging.LogRecord("hotlined", level, "", 0, "operator %s\nmore", ("\x1b[31m\n<3>forged\r\u2028x",), None)
    written = "operator \\x1b[31m⏎<3>forged\\x0d\\u2028x⏎more"

    assert Formatter(journal=True).format(record) == prefix + written
    assert re.fullmatch(
        rf"[0-9: ,-]+ {logging.getLevelName(level)} +{re.escape(written)}", Formatter(journal=False).format(record)
    )


def test_a_traceback_is_one_line() -> None:
    """What went wrong is a record, too, and its text may be a stranger's."""
    with pytest.raises(ValueError, match="forged") as caught:
        raise ValueError("x\n<6>forged")
    bug = caught.type, caught.value, caught.tb
    written = Formatter(journal=True).format(logging.LogRecord("hotlined", logging.ERROR, "", 0, "a bug", (), bug))

    assert written.splitlines() == [written]
    assert written.startswith("<3>a bug⏎Traceback (most recent call last):⏎")
    assert written.endswith("ValueError: x⏎<6>forged")


def test_the_database_is_open_again_for_its_daemon(line: Filled) -> None:
    """A command leaves no lock behind."""
    line.run("log")
    line.db.close()

    open_for_daemon(line.database).close()
