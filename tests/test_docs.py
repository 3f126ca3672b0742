"""Documentation that cannot rot: what people read names what there is, and what it shows runs."""

import ast
import configparser
import re
import shlex
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
import yaml
from filled import Filled

from hotlined import errors
from hotlined.cli import COMMANDS as GROUPS
from hotlined.cli import main
from hotlined.cli.demo import ACTS
from hotlined.config import KEYS, RESERVED_LINES, parse
from hotlined.simulator import pdus

ROOT = Path(__file__).parent.parent
READ = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/sticks.md")
TEXTS = {name: (ROOT / name).read_text("utf-8") for name in READ}
README = TEXTS["README.md"]
SOURCES = sorted((ROOT / "hotlined").rglob("*.py"))
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")

# what an example ends with where there is no daemon and no modem; 0 for all others
EXIT_CODES = {"run": 69, "status": 69, "doctor": 1, "udev-rule": 69} | dict.fromkeys(
    ("send", "try", "balance", "adopt", "selftest"), 75
)
# what takes half a minute is run shorter, or shows its help; its own tests run it whole
SHORTER = {"demo": ["--help"], "simulate": ["--messages", "200"]}


def commands(group: click.Group = main, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that people call, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        elif not command.hidden:
            yield path + name, command


COMMANDS = dict(commands())


def section(title: str) -> str:
    """Return a section of the README, without its heading."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def table(text: str, heading: str) -> list[list[str]]:
    """Return the rows of every table whose first column has this heading."""
    found = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for rows in found for line in rows.splitlines()]


def quoted(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def shown(text: str) -> Iterator[str]:
    """Yield the lines of the fenced blocks that a person types or a program is told to run."""
    for block in re.findall(r"^```(?:console|ini|cron)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


def ours(line: str) -> str | None:
    """Return the arguments of `hotlined` in a command line, whoever runs it and wherever it stands."""
    prefix = r"(?:sudo -u \w+ |ExecStart=|[*/0-9 ]+ )?(?:[\w./]*/)?"
    found = re.fullmatch(rf"{prefix}hotlined((?: .*)?)", line.strip())
    return found[1].strip() if found else None


def spoken() -> Iterator[tuple[str, str]]:
    """Yield every command line of ours in prose, with where: documents, config.yaml, and what the program says."""
    texts = TEXTS | {"config.yaml": (ROOT / "config.yaml").read_text("utf-8")}
    for path in SOURCES:
        strings = (
            node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
        )
        texts[path.relative_to(ROOT).as_posix()] = "\n".join(string for string in strings if isinstance(string, str))
    for name, text in texts.items():
        for words in quoted(text):
            if (arguments := ours(words)) is not None and not words.startswith("/"):
                yield name, arguments


TYPED = [(name, words) for name in READ for line in shown(TEXTS[name]) if (words := ours(line)) is not None]


def resolve(arguments: str) -> tuple[click.Command, list[str]]:
    """Return the command that a command line names, or the group, and the options that it is given."""
    command: click.Command = main
    options = []
    with click.Context(main) as context:
        _, words, _ = main.make_parser(context).parse_args(shlex.split(arguments))
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(click.Context(command), word)
            assert found, f"hotlined {arguments}: there is no {word}"
            command = found
        elif word.startswith("-"):
            options.append(word)
    return command, options


# ---- commands


def test_the_table_of_commands_is_the_command_line() -> None:
    """The README has a row for each command, and none for a command that is not there."""
    rows = [quoted(row[0])[0] for row in table(section("Commands"), "command")]
    named = {next(path for path in COMMANDS if f"{row} ".startswith(f"{path} ")) for row in rows}

    assert named == set(COMMANDS)
    assert [option for row in rows for option in resolve(row)[1]] == ["--once"]


def test_the_commands_are_grouped_as_in_the_help() -> None:
    """The README's tables of commands have the headings of `hotlined --help`, in its order, and what is under each."""
    parts = re.findall(r"^\*\*([^*]+)\*\*\n\n(.*?)(?=^\*\*|\Z)", section("Commands"), re.MULTILINE | re.DOTALL)
    groups = {title: [quoted(row[0])[0].split()[0] for row in table(rows, "command")] for title, rows in parts}

    assert {title: list(dict.fromkeys(names)) for title, names in groups.items()} == {
        title: list(names) for title, names in GROUPS.items()
    }
    assert list(groups) == list(GROUPS)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_example_runs(path: str, tmp_path: Path) -> None:
    """The example in each command's help is that command, and runs as far as that goes without a modem."""
    found = re.search(r"Example:\s+hotlined (.+)", COMMANDS[path].help or "")
    assert found
    assert resolve(found[1])[0] is COMMANDS[path]
    filled = Filled(tmp_path, modem={"port": "/dev/hotlined-none"})
    with filled.db:
        contacts = [filled.text(sender=f"+3247012{count:04}") for count in range(12)]
        filled.judge(contacts[6])
        filled.send([None])  # contact 7: unconfirmed
        filled.judge(contacts[7])  # contact 8: queued
    words = [*shlex.split(found[1]), *SHORTER.get(path, [])]
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", *words],
        cwd=tmp_path,
        env={"HOTLINED_CONFIG": str(filled.config), "PYTHONPATH": str(ROOT), "USER": "somebody"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == EXIT_CODES.get(path, 0), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout or done.stderr


def test_every_command_line_that_is_shown_is_real() -> None:
    """Each line of a block that calls hotlined has a command, options and arguments that it takes."""
    assert TYPED
    for _, arguments in TYPED:
        command, _ = resolve(arguments)
        words = shlex.split(arguments)
        name = next(path for path in COMMANDS if COMMANDS[path] is command)
        at = words.index(name.split()[0]) + len(name.split())
        with click.Context(main) as context:
            command.make_context(name, words[at:], parent=context)


def test_every_command_line_in_prose_is_real() -> None:
    """What documents, config.yaml, hints and errors advise to run has a command that there is, with its options."""
    lines = list(spoken())
    assert {"README.md", "config.yaml", "hotlined/cli/log.py"} <= {name for name, _ in lines}
    for name, arguments in lines:
        command, options = resolve(arguments)
        known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
        assert set(options) <= known, f"{name}: hotlined {arguments}"


def test_the_exit_codes_are_those_of_the_errors() -> None:
    """The table of exit codes holds 0 and what an exception of ours can end with, nothing else."""
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = {each.exit_code for each in classes if issubclass(each, errors.HotlinedError)}

    assert [int(code) for code, _ in table(section("Commands"), "code")] == sorted({0} | codes)


# ---- configuration


def test_the_keys_that_matter_have_their_defaults() -> None:
    """Each key in the README's table is one, and its default there is that of config.yaml."""
    example = yaml.load((ROOT / "config.yaml").read_text("utf-8"), yaml.BaseLoader)
    rows = table(section("Configuration"), "key")
    assert len(rows) == 10
    for (path,), default in ((quoted(row[0]), row[1]) for row in rows):
        stated = example
        for name in path.split("."):
            stated = stated[name]
        assert (default == "none") == (path == "answer.text")
        if path != "answer.text":
            assert yaml.load(default.strip("`"), yaml.BaseLoader) == stated, path


def test_the_configuration_that_is_shown_is_one() -> None:
    """The whole configuration in the README can be copied: it is fine, and its answer fits."""
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", section("Configuration"), re.MULTILINE | re.DOTALL)

    assert parse(shown, ROOT / "config.yaml").answer.texts[0].startswith("Hey !")


def test_the_names_that_are_taken_are_named_everywhere() -> None:
    """The README, config.yaml and the installer's message name all that no line may be called, and say up to 22."""
    taken = ", ".join(RESERVED_LINES)
    installer = (ROOT / "scripts/install").read_text("utf-8")
    example = " ".join((ROOT / "config.yaml").read_text("utf-8").replace("\n#", " ").split())

    said = re.search(r"1 to 22 of .*?; (.*?) are\staken", section("Configuration"), re.DOTALL)
    assert said
    assert quoted(said[1]) == list(RESERVED_LINES)
    assert f"^({'|'.join(RESERVED_LINES)})$" in installer
    assert re.search(rf'^NAME_RULE=".* 1 to 22 .* none of {taken}"$', installer, re.MULTILINE)
    assert f"1 to 22 of a-z, 0-9, - and _, first a letter or digit, and none of {taken}." in example


def test_every_key_in_prose_is_one() -> None:
    """A key that the documents name is a key or a section of config.yaml."""
    known = {*KEYS, *(path[: dot.start()] for path in KEYS for dot in re.finditer(r"\.", path))}
    sections = {path.partition(".")[0] for path in known if "." in path}
    named = {word.partition(":")[0] for text in TEXTS.values() for word in quoted(text)}
    dotted = {word for word in named if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", word) and word.split(".")[0] in sections}

    assert dotted
    assert dotted <= known


def test_the_keys_without_effect_are_named() -> None:
    """The README's Limits name exactly the keys that nothing but the configuration itself reads."""
    found = re.search(r"^- These keys are .*?: (.*?)\.(?: |$)", section("Limits"), re.MULTILINE | re.DOTALL)
    named = set(quoted(found[1])) if found else set()
    others = [path for path in SOURCES if path.name != "config.py" or path.parent.name == "cli"]
    read = {
        node.attr
        for path in others
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }

    assert {path for path in KEYS if path.rpartition(".")[2] not in read} == named


# ---- the house


def test_the_house_has_every_room() -> None:
    """The README names each module and package of hotlined, and none that is not there."""
    rooms = {
        f"hotlined/{path.name}" + "/" * path.is_dir()
        for path in (ROOT / "hotlined").iterdir()
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").exists()
    }

    assert {word for word in quoted(section("The house")) if word.startswith("hotlined/")} == rooms


@pytest.mark.parametrize("name", READ)
def test_what_the_documents_point_at_exists(name: str) -> None:
    """Links within the project, and paths in backticks, lead to files; a link to a heading finds it."""
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]) if "://" not in target]
    paths = [word for word in quoted(TEXTS[name]) if re.fullmatch(r"(scripts|tests|hotlined|systemd)/[\w./]*", word)]
    typed = [line.split()[0] for line in shown(TEXTS[name]) if line.startswith("scripts/")]
    here = (ROOT / name).parent
    for folder, target in (*((here, target) for target in targets), *((ROOT, path) for path in (*paths, *typed))):
        path, _, anchor = target.partition("#")
        assert (folder / path).exists(), target
        headings = re.findall(r"^#+ (.+)$", (folder / path).read_text("utf-8"), re.MULTILINE) if anchor else [""]
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, target


def test_every_library_is_explained() -> None:
    """Each requirement of setup.cfg, optional ones too, is explained in the README, and no other library."""

    def names(requirements: str) -> set[str]:
        return {re.split(r"[<>=\[]", line)[0] for line in requirements.split("\n") if line}

    text = section("Libraries")
    assert {quoted(row[0])[0] for row in table(text, "library")} == names(SETUP["options"]["install_requires"])
    for extra, requirements in SETUP["options.extras_require"].items():
        sentence = re.search(rf"With `\[{extra}\]`: (.*?)(?=With `|\Z)", text, re.DOTALL)
        assert sentence, extra
        assert names(requirements) <= names("apprise") | set(quoted(sentence[1])), extra


# ---- the database, the demo, the library that was asked for


def test_the_database_is_described(tmp_path: Path) -> None:
    """The README names each table of the schema, and its query runs and counts what is there."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.judge(filled.text())
        filled.send()
        filled.text(sender="8850")
        rows = filled.db.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*sqlite_*'")
    text = section("The database")
    assert {name for row in table(text, "table") for name in quoted(row[0])} == {name for (name,) in rows}
    (query,) = re.findall(r'^sqlite3 [^"]*"(.*?)"', text, re.MULTILINE | re.DOTALL)
    connection = sqlite3.connect(filled.database)
    try:
        assert connection.execute(query).fetchall() == [("2026-11-24", 2, 1, 2)]
    finally:
        connection.close()


def test_a_daily_copy_goes_where_any_other_goes() -> None:
    """The README's two lines for a copy of a weekday take it from where the timer puts it, to where the others go."""
    copied = re.findall(r"^sudo -u hotlined cp (\S+) (\S+)$", section("The database"), re.MULTILINE)
    unit = (ROOT / "systemd/hotlined-backup.service").read_text("utf-8")

    assert [to for _, to in copied[:2]] == [to for _, to in copied[2:]]
    assert [source for source, _ in copied[2:]] == [f"/var/backups/hotlined/main/Mon.db{end}" for end in ("", ".key")]
    assert 'db backup "/var/backups/hotlined/main/$(LC_ALL=C date +%%a).db"' in unit


def test_the_excerpt_is_of_the_demo() -> None:
    """The acts in the README's excerpt are acts of the demo, in its words."""
    (excerpt,) = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    acts = re.findall(r"^-- (.+)$", excerpt, re.MULTILINE)

    assert acts
    assert set(acts) <= {act.title for act in ACTS}


def test_what_is_said_of_python_gsmmodem_is_so() -> None:
    """The faults of the pinned library that CONTRIBUTING states are there."""
    with warnings.catch_warnings(action="ignore"):
        from gsmmodem import pdu  # noqa: PLC0415  its source warns when it is first read
        from gsmmodem.serial_comms import SerialComms  # noqa: PLC0415  the same

    def read(text: str, bits: int = 8) -> str:
        first = pdus.write_text("+32470112233", text, scts=datetime(2026, 11, 24, tzinfo=UTC), reference=7, bits=bits)[
            0
        ]
        return str(pdu.decodeSmsPdu(first)["text"])

    assert read("Welkom " * 30, bits=16).startswith("elkom ")
    assert read("§") == "`"
    with pytest.raises(UnicodeEncodeError):
        read("😍").encode()
    with pytest.raises(ValueError, match="range"):
        pdu.encodeSmsSubmitPdu("+32470112233", "😍")
    assert SerialComms.RESPONSE_TERM.match("OK see you at ten")
    assert "python-gsmmodem-new==0.13.0" in SETUP["options"]["install_requires"].split("\n")
