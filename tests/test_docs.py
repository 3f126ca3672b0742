"""The documentation: all names in it exist, and its examples run."""

import ast
import configparser
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import click
import pytest
import yaml
from _pytest.mark import ParameterSet
from catalogues import TRANSLATED, said, stored
from conftest import speaking
from filled import Filled
from needs import needs, needs_allowance
from reference import PAGES as MADE
from reference import TROUBLE, in_general, made
from running import CliRunner

from hotlined import conditions, errors
from hotlined.cli import main
from hotlined.cli.demo import STEPS
from hotlined.conditions import Condition
from hotlined.config import KEYS, parse
from hotlined.config.keys import LINE_NAME
from hotlined.desk.app import PAGES as DESK
from hotlined.language import NO_BREAK, Language, unfilled
from hotlined.rules.policy import Reason, WaitingFor
from hotlined.simulator import pdus
from hotlined.states import AlertCondition, ContactKind, TroubleCode
from hotlined.words import alerts, reasons
from hotlined.words.states import KINDS
from hotlined.words.tags import tag_in_words

ROOT = Path(__file__).parent.parent
PROGRAM = Path(sys.executable).with_name("hotlined")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
FRENCH = ("README.fr.md", *(name for name in PAGES if name.startswith("docs/fr/")))
READ = ("README.md", "README.fr.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", *PAGES)
TEXTS = {name: (ROOT / name).read_text("utf-8") for name in READ}
README_LINES = 150
BLOCKS = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SOURCES = sorted((ROOT / "hotlined").rglob("*.py"))
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")

# exit codes of examples without a daemon and a modem; 0 for all others
EXIT_CODES = (
    {"doctor": 1}
    | dict.fromkeys(("run", "status", "udev-rule", "send", "sim balance", "sim adopt", "selftest"), 69)
    | {"review": 2, "fleet join": 2}  # one needs a terminal, one an invitation
    | dict.fromkeys(("fleet status", "fleet leave", "fleet sync"), 75)
    | dict.fromkeys(("fleet hub init", "fleet hub invite", "fleet hub remove", "fleet hub lift"), 69)
)
# commands that would take half a minute, or not end, run shorter, or show their help; their own tests run them whole
SHORTER = {"demo": ["--help"], "web": ["--help"]}


def commands(group: click.Group = main, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that people call, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
            if command.invoke_without_command:
                yield path + name, command
        elif not command.hidden:
            yield path + name, command


COMMANDS = dict(commands())


def sections(name: str) -> dict[str, str]:
    """Return a document's sections by their headings."""
    parts = re.split(r"^## (.+)\n", TEXTS[name], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [block for each, block in BLOCKS.findall(text) if each == language]


def prose(text: str) -> str:
    """Return a text without its blocks."""
    return BLOCKS.sub("", text)


def links(text: str) -> list[str]:
    """Return the targets of links within the project."""
    return [target for target in re.findall(r"\]\(([^)]+)\)", prose(text)) if "://" not in target]


def anchors(text: str) -> set[str]:
    """Return the anchors of a text's headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(text: str, heading: str) -> list[list[str]]:
    """Return the rows of every table whose first column has this heading."""
    found = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for rows in found for line in rows.splitlines()]


def quoted(text: str) -> list[str]:
    """Return the contents of backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def shown(text: str) -> Iterator[str]:
    """Yield the lines of the fenced blocks for people or programs to run."""
    for language in ("console", "ini", "cron"):
        for block in blocks(text, language):
            yield from (line.strip() for line in block.splitlines())


def ours(line: str) -> str | None:
    """Return the arguments of `hotlined` in a command line, however it is run."""
    prefix = r"(?:sudo -u [\w-]+ |ExecStart=|[*/0-9 ]+ |\(umask 077; )?(?:[\w./]*/)?"
    found = re.fullmatch(rf"{prefix}hotlined((?: .*?)?)(?: > [\w.]+\))?", line.strip())
    return found[1].strip() if found else None


@cache
def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


_MARKED = re.compile(r"`([^`\n]+)`|'(hotlined [^'\n]+)'|: (hotlined [^`'.\n]+)$", re.MULTILINE)
"""A command line in prose: between backticks, quoted in a mail, or after a colon at the end."""
_PLACED = re.compile(r"(?!hotlined )[a-z][a-z-]*(?: [a-z-]+)* (?:NUMBER|ID|WORD|FILE|TEXT|DATE|FOLDER)\b.*")
"""A command line without the program's name, with a placeholder."""
_OTHER_PROGRAMS = ("certutil", "sudo")


def prose_of_everything() -> dict[str, str]:
    """Return all texts for people by file: documents, config.yaml, and the program's sentences in each language."""
    texts = TEXTS | {"config.yaml": (ROOT / "config.yaml").read_text("utf-8")}
    for path in SOURCES:
        strings = (node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant))
        texts[path.relative_to(ROOT).as_posix()] = "\n".join(string for string in strings if isinstance(string, str))
    for path in (ROOT / "hotlined").rglob("*.html"):
        texts[path.relative_to(ROOT).as_posix()] = path.read_text("utf-8")
    for language in TRANSLATED:
        forms = (message.string for message in stored(language) if message.id)
        flat = (one for each in forms for one in (each if isinstance(each, tuple) else (each,)))
        texts[f"{language}.po"] = "\n".join(flat)
    return texts


def spoken() -> Iterator[tuple[str, str]]:
    """Yield every command line of ours in prose, with its file."""
    for name, text in prose_of_everything().items():
        for found in _MARKED.finditer(text):
            words = next(filter(None, found.groups()))
            arguments = ours(words)
            if _PLACED.fullmatch(words) and words.split()[0] not in _OTHER_PROGRAMS:
                arguments = words
            if arguments is not None and not words.startswith("/") and not re.match("COMMAND[EO]? ", arguments):
                yield name, arguments


_CALLED = re.compile(r"""(?:\bhotlined|\$COMMAND"?)(?: --(?:config|line)[ =]\S+)* ([a-z][a-z-]*)""")
_FOLLOWS = {
    *("and", "before", "beside", "debian", "doc", "from", "gone", "import", "installed", "is", "maintainers", "needs"),
    *("scripts", "setup", "zsh"),
}
"""Words after the program's name in a unit or script that are not commands."""


def called() -> Iterator[tuple[str, str]]:
    """Yield every command that units, scripts, the card, the package, rules and labs run, with its file."""
    for folder in ("systemd", "scripts", "debian", "card", "docs/prometheus", "docs/examples", "tests/lab"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT).as_posix()
                yield from ((name, word) for word in _CALLED.findall(path.read_text("utf-8")) if word not in _FOLLOWS)


TYPED = [(name, words) for name in READ for line in shown(TEXTS[name]) if (words := ours(line)) is not None]


def takes_value(command: click.Command, word: str) -> bool:
    """Tell whether a word is an option of a command that takes a value."""
    return any(word in each.opts and isinstance(each, click.Option) and not each.is_flag for each in command.params)


def resolve(arguments: str) -> tuple[click.Command, list[str]]:
    """Return the command or group of a command line, and its options."""
    command: click.Command = main
    options = []
    with click.Context(main) as context:
        _, words, _ = main.make_parser(context).parse_args(shlex.split(arguments))
    for word, before in zip(words, ["", *words], strict=False):
        if isinstance(command, click.Group) and not word.startswith("-") and not takes_value(command, before):
            found = command.get_command(click.Context(command), word)
            assert found, f"hotlined {arguments}: there is no {word}"
            command = found
        elif word.startswith("-") and word != "-":  # stdin or stdout
            options.append(word)
    return command, options


# ---- commands


@pytest.mark.parametrize("name", [*MADE, TROUBLE])
def test_the_reference_is_up_to_date(name: str) -> None:
    """`scripts/run reference` makes commands, keys and figures from the code."""
    # the click of bookworm does not say that the command may be missing
    assert TEXTS[name] == made(name).replace("hotlined [OPTIONS] COMMAND", "hotlined [OPTIONS] [COMMAND]")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a line with the contacts of the examples, to be copied."""
    filled = Filled(tmp_path_factory.mktemp("asked"), modem={"port": "/dev/hotlined-none"})
    with filled.db:
        contacts = [filled.text(sender=f"+3247012{count:04}") for count in range(12)]
        filled.judge(contacts[6])
        filled.send([None])  # contact 7: unconfirmed
        filled.judge(contacts[7])  # contact 8: queued
    shutil.copy(filled.config, filled.folder / "config.yaml")  # the name that a checkout has for it
    return filled.folder


NEEDED = {"db key": ("age",)}
"""Commands whose example needs other programs, and these."""


def runnable(path: str) -> ParameterSet:
    """Return a command as a parameter, skipped without the program that its example needs."""
    return pytest.param(path, marks=needs(*NEEDED.get(path, ())))


@pytest.mark.parametrize(
    "path", [runnable(path) for path, each in COMMANDS.items() if not isinstance(each, click.Group)]
)
def test_every_example_runs(path: str, asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The help's example runs as far as it can without a modem."""
    found = re.search(r"Example:\s+hotlined (.+)", COMMANDS[path].help or "")
    assert found
    assert resolve(found[1])[0] is COMMANDS[path]
    shutil.copytree(asked, tmp_path, dirs_exist_ok=True)
    words, file = without_file(shlex.split(found[1]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTLINED_CONFIG", str(tmp_path / "main.yaml"))
    done = CliRunner().invoke(main, [*words, *SHORTER.get(path, [])])

    assert done.exit_code == EXIT_CODES.get(path, 0), done.stderr
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert done.stdout_bytes or (done.stderr and not file)


def without_file(words: list[str]) -> tuple[list[str], str]:
    """Split a command from the file that a shell opens at its end."""
    return (words[:-2], words[-1]) if ">" in words[-2:-1] else (words, "")


def test_every_shown_command_line_is_valid() -> None:
    """Options and arguments of each line in a block are valid."""
    assert {"README.md", "README.fr.md", "docs/configuration.md", "docs/fr/volontaires.md"} <= {
        name for name, _ in TYPED
    }
    for _, arguments in TYPED:
        command, _ = resolve(arguments)
        words, _ = without_file(shlex.split(arguments))
        name = next(path for path in COMMANDS if COMMANDS[path] is command)
        at = words.index(name.split()[0]) + len(name.split())
        with click.Context(main) as context:
            command.make_context(name, words[at:], parent=context)


def test_each_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    """A cell too few would shift the others; a bar in a cell is escaped."""
    for page in PAGES:
        for table in re.findall(r"(?:^\|.*\n)+", (ROOT / page).read_text("utf-8"), re.MULTILINE):
            cells = [len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()]
            assert len({*cells}) == 1, (page, table)


def test_every_command_line_in_prose_is_valid() -> None:
    """Documents, config.yaml, hints, errors and mails name only existing commands and options."""
    lines = list(spoken())
    assert {"README.md", "docs/people.md", "config.yaml", "hotlined/cli/log.py", "fr.po", "nl.po"} <= {
        name for name, _ in lines
    }
    assert ("hotlined/alerts/digest.py", "review") in lines
    assert ("docs/desk.md", "show NUMBER") in lines
    for name, arguments in lines:
        command, options = resolve(arguments)
        known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
        assert set(options) <= known, f"{name}: hotlined {arguments}"


def test_units_and_scripts_run_existing_commands() -> None:
    """Rules, labs and even comments name no other."""
    found = list(called())

    assert {"systemd/hotlined@.service", "card/first-boot", "docs/prometheus/hotlined.rules.yml"} <= {
        name for name, _ in found
    }
    with click.Context(main) as context:
        assert [(name, word) for name, word in found if main.get_command(context, word) is None] == []


def test_the_exit_codes_are_those_of_the_errors() -> None:
    """The table has 0, our exceptions' codes, and no other."""
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = {each.exit_code for each in classes if issubclass(each, errors.HotlinedError)}

    assert [int(code) for code, _ in table(TEXTS["docs/commands.md"], "code")] == sorted({0} | codes)


# ---- when something is wrong


def headlines(known: object) -> Iterator[str]:
    """Yield the headline of each condition in a table of conditions, and in the tables of a table."""
    if isinstance(known, Condition):
        yield known.title
    elif isinstance(known, Mapping):
        yield from (headline for each in known.values() for headline in headlines(each))


HEADLINES = {
    *headlines(vars(conditions)),
    *(title for (condition, level), (title, _) in alerts.TEXTS.items() if level and condition in list(AlertCondition)),
    *conditions.DATABASE_TITLES.messages.values(),
    conditions.UNKNOWN_DATABASE_STATE,
} - {"{title}"}


def test_every_headline_has_its_row() -> None:
    """A trouble without a headline has its code there.

    An ellipsis stands for a value.
    """
    seen = [row[0] for row in table(TEXTS["docs/trouble.md"], "you see")]
    named = {re.sub(r" \(`.*", "", words) for cell in seen for words in cell.split("; ")}

    assert {re.sub(r"\{\w+\}", "…", headline) for headline in HEADLINES} <= named
    without = {key for key, row in conditions.TABLE.items() if not row.known.words} & {*TroubleCode}
    assert {word for cell in seen for word in quoted(cell)} >= without


def test_the_cures_are_existing_commands() -> None:
    """A row that has a cure of the table begins with its headline; others have one command at most."""
    cures = {in_general(row.known.cure_message) for row in conditions.TABLE.values()}
    verbs, units = setup_verbs(), {path.name.partition(".")[0] for path in (ROOT / "systemd").iterdir()}
    others = {"adduser", "nano", "dmesg", "fuser", "df", "ssh", "read"}
    for row in table(TEXTS["docs/trouble.md"], "you see"):
        typed = quoted(row[1])
        if row[1] in cures:
            continue
        match typed[0].removeprefix("sudo ").split() if typed else ["read"]:
            case ["hotlined-setup", verb, *_]:
                assert verb in verbs
            case ["systemctl" | "journalctl", _, unit]:
                assert unit.strip("'").removesuffix("main").removesuffix("*") in units
            case ["hotlined", *_]:
                assert resolve(typed[0].removeprefix("hotlined "))
            case [program, *_]:
                assert program in others | {"hotlined.txt"}, row
        assert len(typed) <= 2


# ---- the tour


def test_the_tour_names_existing_functions() -> None:
    """Each link is to the module that has the function."""
    tour = TEXTS["CONTRIBUTING.md"].partition("\n## A tour\n")[2].partition("\n## ")[0]
    named = re.findall(r"\[`(\w+)`\]\((\S+)\)", tour)

    assert len(named) == 17
    assert [(name, path) for name, path in named if f"def {name}(" not in (ROOT / path).read_text("utf-8")] == []


# ---- configuration


def test_the_table_of_keys_has_their_defaults() -> None:
    """Each key in the table exists, with its default from config.yaml."""
    example = yaml.load((ROOT / "config.yaml").read_text("utf-8"), yaml.BaseLoader)
    rows = table(sections("docs/configuration.md")["The keys that matter"], "key")
    assert len(rows) == 12
    for (path,), default in ((quoted(row[0]), row[1]) for row in rows):
        stated = example
        for name in path.split("."):
            stated = stated[name]
        assert yaml.load(default.strip("`"), yaml.BaseLoader) == stated, path


def test_the_shown_configurations_are_sound() -> None:
    """The first has six lines at most; later ones fit too."""
    shown, *others = blocks(TEXTS["docs/configuration.md"], "yaml")

    assert parse(shown, ROOT / "main.yaml").answer.texts[0].startswith("Hey !")
    assert len(shown.splitlines()) <= 6
    for other in others:
        parse(other, ROOT / "config.yaml")


def test_one_rule_for_names_is_everywhere() -> None:
    """Documents, config.yaml, program and hotlined-setup agree on lines' names."""
    rule = LINE_NAME.expected
    example = " ".join((ROOT / "config.yaml").read_text("utf-8").replace("\n#", " ").split())

    assert rule in example
    assert rule in " ".join(TEXTS["docs/configuration.md"].replace("`", "").split())
    for name in ("hotlined", "hotlined-setup"):
        said = "1 to 22 small letters, digits and _, first a letter or digit."
        assert said in (ROOT / "debian" / name).read_text("utf-8")


def test_every_key_in_prose_exists() -> None:
    """Each is a key or a section of config.yaml."""
    known = {*KEYS, *(path[: dot.start()] for path in KEYS for dot in re.finditer(r"\.", path))}
    sections = {path.partition(".")[0] for path in known if "." in path}
    named = {word.partition(":")[0] for text in TEXTS.values() for word in quoted(text)}
    dotted = {word for word in named if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", word) and word.split(".")[0] in sections}

    assert dotted
    assert dotted - {"answer.txt"} <= known  # a file on a card


def test_the_keys_without_effect_are_named() -> None:
    """Only the configuration itself reads these keys.

    The known limits name exactly them.
    """
    page = TEXTS["docs/configuration.md"]
    found = re.search(r"^- These keys are .*?: (.*?)\.(?: |$)", page, re.MULTILINE | re.DOTALL)
    named = set(quoted(found[1])) if found else set()
    others = [path for path in SOURCES if path.parent.name != "config"]
    read = {node.attr for path in others for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}

    assert {path for path in KEYS if path.rpartition(".")[2] not in read} == named


# ---- the pages, in two languages


@pytest.mark.parametrize("name", ["README.md", "README.fr.md"])
def test_a_readme_is_at_most_five_screens(name: str) -> None:
    """Neither README is longer; further text is in docs/."""
    assert len(TEXTS[name].splitlines()) <= README_LINES


@pytest.mark.parametrize("name", ["README.md", "README.fr.md"])
def test_a_readme_begins_with_the_demo_and_the_tests(name: str) -> None:
    """Both commands stand in its first section, and what they need below them."""
    first = next(iter(sections(name).values()))

    assert ("console", "scripts/demo\nscripts/test\n") in BLOCKS.findall(first)
    assert {"scripts/demo", "scripts/test"} <= {str(path.relative_to(ROOT)) for path in (ROOT / "scripts").iterdir()}
    assert all(re.search(word, first) for word in ("Python 3.11", "eight minutes|huit minutes"))


def test_every_page_is_linked_from_its_readme() -> None:
    """Each README links its language's pages and the other README."""
    english = {target.partition("#")[0] for target in links(TEXTS["README.md"])}
    french = {target.partition("#")[0] for target in links(TEXTS["README.fr.md"])}

    assert {*PAGES, "README.fr.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"} - set(FRENCH[1:]) <= english
    assert {*FRENCH[1:], "README.md"} <= french


def test_both_readmes_have_the_same_sections() -> None:
    """Commands, rows and words in backticks are the same."""

    def outline(name: str) -> list[list[str]]:
        parts = [TEXTS[name].partition("\n## ")[0], *sections(name).values()]
        named = [sorted(set(quoted(prose(part)))) for part in parts]
        return [
            [*(block for kind, block in BLOCKS.findall(part) if kind != "text"), *words]
            for part, words in zip(parts, named, strict=True)
        ]

    assert outline("README.fr.md") == outline("README.md")


def test_french_signs_are_typeset() -> None:
    """French text has no straight apostrophe, and no line breaks before its colon, except in code and headings."""
    for name in FRENCH:
        written = re.sub(r"`[^`\n]+`", "", prose(TEXTS[name]))
        assert re.findall(r".{0,20}'.{0,20}", written) == [], name
        paragraphs = re.sub(r"^#.*$", "", written, flags=re.MULTILINE)  # a heading's blank is in its anchor
        assert re.findall(r".{0,20} [:;?!%»](?!\S).{0,20}|.{0,20}« .{0,20}", paragraphs) == [], name


def test_the_volunteers_page_has_every_outcome() -> None:
    """The French page has the outcomes of `log` in both languages."""
    page = TEXTS["docs/fr/volontaires.md"]
    outcomes = "".join(page.partition("### Ce qu’une réponse devient")[2].partition("### Dans le texte")[0])
    more = ("not decided yet", "only {sent} of {segments} left", reasons.NO_DAEMON)

    def words() -> set[str]:
        said = [*reasons.STATES.values(), *map(reasons.briefly, Reason), *map(reasons.briefly, WaitingFor)]
        known = (text.format(at="18:12", sent=1, segments=2).replace("`", "") for text in (*said, *map(unfilled, more)))
        return {text.replace(NO_BREAK, " ") for text in known}

    rows = table(outcomes, "mot")
    assert {quoted(row[1])[0] for row in rows} == words()
    with speaking(Language.FRENCH):
        assert {quoted(row[0])[0] for row in rows} == words()
    texts = page.partition("### Dans le texte")[2].partition("### Les lignes")[0]
    kinds = {kind for kind in ContactKind if kind is not ContactKind.TEXT}  # a text has no mark of its own
    rows = table(texts, "mot")
    assert {quoted(row[1])[0] for row in rows} == {f"({kind})" for kind in kinds} | {
        "(erased)",
        "(kept)",
        "(1 of 3)",
        "#threat",
    }
    with speaking(Language.FRENCH):
        part = unfilled("({received} of {total})").format(received=1, total=3)
        said = {unfilled("(erased)"), unfilled("(kept)"), part, f"#{tag_in_words('threat')}"}
        assert {quoted(row[0])[0] for row in rows} == {f"({KINDS[kind]})" for kind in kinds} | said


def test_the_volunteers_page_has_every_line_of_status() -> None:
    """The French page has each line's words in both languages."""
    page = TEXTS["docs/fr/volontaires.md"].partition("### Les lignes de `hotlined status`")[2]
    status = tree(ROOT / "hotlined/cli/status.py")
    pairs = [node.value for node in ast.walk(status) if isinstance(node, ast.Yield)]
    labels = {
        str(node.value).strip()
        for pair in pairs
        if isinstance(pair, ast.Tuple)
        for node in ast.walk(pair.elts[0])
        if isinstance(node, ast.Constant) and str(node.value).strip()
    }

    rows = table(page, "mot")
    assert {quoted(row[1])[0] for row in rows} == labels
    with speaking(Language.FRENCH):
        assert {quoted(row[0])[0] for row in rows} == set(map(unfilled, labels))


def test_the_volunteers_page_has_every_page_and_button() -> None:
    """Its words are all words of the desk."""
    page = sections("docs/fr/volontaires.md")["Dans le navigateur"].replace(NO_BREAK, " ")
    translated = stored(Language.FRENCH)
    sentences = [
        str(form).replace(NO_BREAK, " ").casefold()
        for source in said()
        if any(name.startswith(("hotlined/desk/", "hotlined/words/")) for name, _ in source.locations)
        for message in [translated.get(source.id, source.context)]
        for form in (message.string if isinstance(message.string, tuple) else (message.string,))
    ]
    named = re.findall(r"« (.+?) »", page)
    with speaking(Language.FRENCH):
        titles = [unfilled(each.title) for each in DESK if each.title]

    assert [row[0].strip("« »") for row in table(page, "page")] == titles
    assert "Garder" in named
    assert [words for words in named if re.sub(r"\d+", "{id}", words).casefold() not in sentences] == []


@needs_allowance(PROGRAM.exists(), "no hotlined is installed beside this Python")
def test_the_commands_about_a_threat_run(tmp_path: Path) -> None:
    """The documented ones keep, tag, and make a ZIP.

    The ZIP has a page with the threat's text.
    """
    filled = Filled(tmp_path)
    with filled.db:
        for _ in range(19):
            filled.text()
        assert filled.text("je sais où tu habites", sender="+32485556677") == 20  # the ID in the block
    (typed,), french = (blocks([*sections(name).values()][4], "console") for name in ("README.md", "README.fr.md"))
    assert french == [typed]
    environment = os.environ | {"HOTLINED_CONFIG": str(filled.config), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-euc", f"{typed}\nhotlined log --kept --tag threat --json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "threat.zip") as archive:
        assert "je sais où tu habites" in archive.read("evidence.html").decode()
    assert json.loads(done.stdout.splitlines()[-1])["id"] == 20


def test_forms_name_their_article_and_a_lawyer() -> None:
    """Each French form names the GDPR and has gaps to fill."""
    for form, article in (("notice-information", 13), ("registre-traitements", 30), ("reponse-acces", 15)):
        text = TEXTS[f"docs/fr/{form}.md"]
        head = " ".join(text.partition("\n---\n")[0].split())
        assert f"article {article}" in head, form
        assert "relire par un avocat" in head, form
        assert re.search(r"\[[^]]+\](?!\()", text), form


def test_both_languages_promise_the_same_about_data() -> None:
    """Keys and commands are the same, row by row.

    The table has the stored data and their times.
    """
    english, french = (
        [[quoted(cell) for cell in row] for row in table(TEXTS[name], heading)]
        for name, heading in (("docs/people.md", "what"), ("docs/fr/donnees-personnelles.md", "quoi"))
    )

    assert english
    assert french == english
    privacy = parse("answer: {text: Non.}\n", ROOT / "config.yaml").privacy
    assert (privacy.keep_texts, privacy.keep_numbers) == (timedelta(days=90), timedelta(days=365))
    for name, texts, numbers in (("people", "90 days", "a year"), ("fr/donnees-personnelles", "90 jours", "un an")):
        page = TEXTS[f"docs/{name}.md"]
        assert f"`privacy.keep_texts` ({texts})" in page
        assert f"`privacy.keep_numbers` ({numbers})" in page


# ---- the house


def test_the_house_has_every_room() -> None:
    """CONTRIBUTING names each module and package of hotlined, and no other."""
    rooms = {
        f"hotlined/{path.name}" + "/" * path.is_dir()
        for path in (ROOT / "hotlined").iterdir()
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").exists()
    }

    rows = table(sections("CONTRIBUTING.md")["The house"], "where")
    assert {word for row in rows for word in quoted(" ".join(row)) if word.startswith("hotlined/")} == rooms


@pytest.mark.parametrize("name", READ)
def test_links_and_paths_in_documents_exist(name: str) -> None:
    """Links and paths in backticks lead to files, anchors to headings."""
    pattern = r"(?:docs|scripts|tests|hotlined|systemd)/[\w./]*"
    paths = [word for word in quoted(TEXTS[name]) if re.fullmatch(pattern, word)]
    typed = [found[1] for line in shown(TEXTS[name]) if (found := re.match(r"(?:sudo )?(scripts/\S+)", line))]
    for path in (*paths, *typed):
        assert (ROOT / path).exists(), path
    for target in links(TEXTS[name]):
        path, _, anchor = target.partition("#")
        there = (ROOT / name).parent / path if path else ROOT / name
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text("utf-8")), target


def test_pages_named_by_the_program_exist() -> None:
    """Each document that the program, the installer or the configuration names exists."""
    files = [*SOURCES, ROOT / "config.yaml", *(path for path in (ROOT / "scripts").iterdir() if path.is_file())]
    named = {word for path in files for word in re.findall(r"\b(?:docs/)?[\w/.]+\.md\b", path.read_text("utf-8"))}

    assert "docs/backup.md" in named
    assert not [word for word in named if not (ROOT / word).exists()]


def setup_verbs() -> set[str]:
    """Return the verbs of `hotlined-setup`."""
    program = (ROOT / "debian/hotlined-setup").read_text("utf-8")
    return set(re.findall(r'^    (?:\w+ = )?verb\("(\w+)"', program, re.MULTILINE)) | {"restore"}


def test_named_verbs_of_hotlined_setup_exist() -> None:
    """The page of installation explains each of them."""
    verbs = setup_verbs()
    units = {path.name: path.read_text("utf-8") for path in (ROOT / "systemd").rglob("*") if path.is_file()}
    texts = TEXTS | units | {path.name: path.read_text("utf-8") for path in SOURCES}
    named = {verb for text in texts.values() for verb in re.findall(r"(?:sudo |`)hotlined-setup ([a-z]+)", text)}

    assert named <= verbs
    assert verbs - {"restore"} <= set(
        re.findall(r"^\| `sudo hotlined-setup (\w+)", TEXTS["docs/installation.md"], re.MULTILINE)
    )


def test_every_library_is_explained() -> None:
    """CONTRIBUTING explains setup.cfg's requirements, optional ones too, and no other."""

    def names(requirements: str) -> set[str]:
        return {re.split(r"[<>=\[]", line)[0] for line in requirements.split("\n") if line}

    text = sections("CONTRIBUTING.md")["Libraries"]
    assert {quoted(row[0])[0] for row in table(text, "library")} == names(SETUP["options"]["install_requires"])
    for extra, requirements in SETUP["options.extras_require"].items():
        sentence = re.search(rf"With\s`\[{extra}\]`:\s(.*?)(?=With\s`|\Z)", text, re.DOTALL)
        assert sentence, extra
        assert names(requirements) <= names("apprise\npython-gsmmodem-new") | set(quoted(sentence[1])), extra


# ---- the database, the demo, the library that was asked for


def test_the_database_is_described(tmp_path: Path) -> None:
    """The page names each table; its query counts correctly."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.judge(filled.text())
        filled.send()
        filled.text(sender="8850")
        rows = filled.db.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*sqlite_*'")
    text = TEXTS["docs/database.md"]
    assert {name for row in table(text, "table") for name in quoted(row[0])} == {name for (name,) in rows}
    (query,) = re.findall(r'^sqlite3 [^"]*"(.*?)"', text, re.MULTILINE | re.DOTALL)
    connection = sqlite3.connect(filled.database)
    try:
        assert connection.execute(query).fetchall() == [("2026-11-24", 2, 1, 2)]
    finally:
        connection.close()


def test_a_daily_copy_is_restored_like_any_other() -> None:
    """The usual command takes a weekday's copy from its folder."""
    taken = re.findall(r"^sudo hotlined-setup restore < (/var\S+)$", TEXTS["docs/backup.md"], re.MULTILINE)
    unit = (ROOT / "systemd/hotlined-daily@.service").read_text("utf-8")

    assert taken == ["/var/backups/hotlined/main/Mon.db"]
    assert "WorkingDirectory=/var/backups/hotlined/%i\n" in unit
    assert "day=$(LC_ALL=C date +%%a).db; " in unit


@pytest.mark.parametrize("name", ["README.md", "README.fr.md"])
def test_the_excerpt_is_from_the_demo(name: str) -> None:
    """Steps and words are the demo's, in the page's language."""
    (excerpt,) = blocks(TEXTS[name], "text")
    acts = re.findall(r"^-- (.+)$", excerpt, re.MULTILINE)

    assert acts
    with speaking(Language.FRENCH if name in FRENCH else Language.ENGLISH):
        assert set(acts) <= {unfilled(step.title).replace(NO_BREAK, " ") for step in STEPS}


def test_the_stated_faults_of_python_gsmmodem_exist() -> None:
    """The pinned library has the faults that CONTRIBUTING names."""
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
    assert "python-gsmmodem-new==0.13.0" in SETUP["options.extras_require"]["demo"].split("\n")
