"""Help and completion: each group's example runs, and three shells complete commands and values."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from filled import KEVIN, LEA, Filled
from needs import needs, needs_allowance
from running import CliRunner
from test_language import OTHERS, english_in

from hotlined.cli import main
from hotlined.cli.completion import completion
from hotlined.language import NO_BREAK, Language
from hotlined.store.answers import decisions

PROGRAM = Path(sys.executable).with_name("hotlined")
installed = needs_allowance(PROGRAM.exists(), "no hotlined is installed beside this Python")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with two contacts, one of them tagged."""
    filled = Filled(tmp_path)
    shutil.copy(filled.config, tmp_path / "config.yaml")  # the name that a checkout has for it
    with filled.db:
        filled.text()
        decisions.tag(filled.db, filled.call(), "excuses", "somebody", filled.now())
        yield filled


def groups(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Group]]:
    """Yield every group with the words that call it."""
    yield path, group
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from groups(command, (*path, name))


GROUPS = dict(groups())
WITHOUT = {"hub": 69, "fleet": 75, "status": 69}
"""The exit code of an example without a hub, a fleet or a daemon."""


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_every_group_has_an_example_that_runs(
    line: Filled, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls the group's own command, and needs no daemon."""
    found = re.search(r"Example:\s+hotlined (.+)", GROUPS[path].help or "")
    assert found
    words = shlex.split(found[1])
    assert path == () or tuple(words[words.index(path[0]) :][: len(path)]) == path
    monkeypatch.chdir(line.folder)
    done = CliRunner().invoke(main, words, env={"HOTLINED_CONFIG": str(line.config)})
    ended = next((code for word, code in WITHOUT.items() if word in words), 0)
    assert (done.exit_code, isinstance(done.exception, SystemExit | None)) == (ended, True), done.output


@pytest.mark.parametrize("words", ["", "log", "db backup", "db", "Help"])
def test_help_is_a_word_too(words: str) -> None:
    """`hotlined help COMMAND` prints the same as `--help`."""
    runner = CliRunner()
    asked = runner.invoke(main, ["help", *words.split()], prog_name="hotlined")

    assert asked.exit_code == 0
    assert asked.stdout == runner.invoke(main, [*words.split(), "--help"], prog_name="hotlined").stdout


@pytest.mark.parametrize("words", ["nope", "log nope", "db nope"])
def test_help_of_nothing_is_a_usage_error(words: str) -> None:
    """`help` of an unknown command is a usage error."""
    assert CliRunner().invoke(main, ["help", *words.split()]).exit_code == 2


# ---- the language


def pages(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words that call each command, groups and those that no help names included."""
    yield path
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            yield from pages(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]


PAGES = tuple(pages())
BEGINNINGS = {Language.FRENCH: f"Utilisation{NO_BREAK}: hotlined", Language.DUTCH: "Gebruik: hotlined"}


@pytest.mark.parametrize("path", PAGES, ids=" ".join)
@OTHERS
def test_help_is_in_the_language_of_the_line(tmp_path: Path, language: Language, path: tuple[str, ...]) -> None:
    """No English is left; a small word alone is to be typed. `demo`, which has no line, goes by the locale."""
    config = tmp_path / "main.yaml"
    config.write_text(f"language: {language}\n")
    environment = {"HOTLINED_CONFIG": str(config)} | ({"LC_ALL": f"{language}_BE.UTF-8"} if path == ("demo",) else {})
    done = CliRunner().invoke(main, [*path, "--help"], prog_name="hotlined", env=environment)

    assert done.exit_code == 0
    assert done.stdout.startswith(BEGINNINGS[language])
    assert [piece for piece in english_in(done.stdout, language) if not re.fullmatch("[a-z]+", piece)] == []
    assert not re.search(r"\[(?:required|default)", done.stdout)


@pytest.mark.parametrize("language", Language)
def test_the_list_of_commands_has_its_columns_in_every_language(language: Language) -> None:
    """It is one screen, and no column touches the other."""
    environment = {"HOTLINED_CONFIG": "none.yaml", "LC_ALL": f"{language}_BE.UTF-8", "COLUMNS": "80"}
    lines = CliRunner().invoke(main, ["--help"], env=environment).stdout.splitlines()

    assert len(lines) < 24
    assert max(map(len, lines)) < 80
    in_columns = [line for line in lines[2:-3] if len(line) > 40]
    assert len(in_columns) > 15
    assert [line for line in in_columns if not re.match(r".{40}  \S|.{39} \S", line)] == []


@pytest.mark.parametrize("stated", [None, "language: [", "answer: {text: [}"])
@OTHERS
def test_help_needs_no_configuration(tmp_path: Path, language: Language, stated: str | None) -> None:
    """The environment's language counts if the file cannot be read."""
    config = tmp_path / "main.yaml"
    if stated is not None:
        config.write_text(stated)
    environment = {"LC_ALL": f"{language}_BE.UTF-8", "HOTLINED_CONFIG": str(config)}
    asked = CliRunner().invoke(main, ["log", "--help"], env=environment, prog_name="hotlined")
    assert asked.exit_code == 0
    assert asked.stdout.startswith(BEGINNINGS[language])


def test_help_is_of_the_line_that_is_named(tmp_path: Path) -> None:
    """An option before `--help` says whose language it is."""
    config = tmp_path / "main.yaml"
    config.write_text("language: fr\n")
    for words in (["--help"], ["log", "--help"], ["help", "log"], ["db"]):
        assert "Utilisation" in CliRunner().invoke(main, ["--config", str(config), *words]).output


# ---- completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    """Each shell's script asks hotlined itself for completions."""
    done = CliRunner().invoke(main, ["completion", shell])

    assert done.exit_code == 0
    assert f"_HOTLINED_COMPLETE={shell}_complete" in done.stdout
    assert {"bash", "zsh", "fish"} == set(completion.params[0].type.choices)  # type: ignore[attr-defined]


LINES = {
    "hotlined nu": ["numbers"],
    "hotlined log --reason coo": ["cooldown_over", "cooldown"],
    "hotlined log --state deli": ["delivered"],
    "hotlined log --number ": [KEVIN, LEA],
    "hotlined show +3": [KEVIN, LEA],
    "hotlined block +33": [LEA],
    "hotlined tag 1 e": ["excuses"],
    "hotlined log --tag x": [],
    "hotlined --config none.yaml show ": [],
    "hotlined completion z": ["zsh"],
}
"""Typed words, and their completions."""


@pytest.mark.parametrize(("typed", "words"), LINES.items(), ids=LINES)
def test_completions_come_from_the_program(line: Filled, typed: str, words: list[str]) -> None:
    """An unreadable database gives neither numbers and tags nor an error."""
    cursor = str(typed.count(" "))
    done = subprocess.run(
        [sys.executable, "-m", "hotlined"],
        env=os.environ
        | {"_HOTLINED_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": cursor}
        | {"HOTLINED_CONFIG": str(line.config)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    completed = filter(None, (each.partition(",")[2] for each in done.stdout.splitlines()))
    assert sorted(completed) == sorted(words)


@needs("bash")
@installed
def test_bash_completes(line: Filled) -> None:
    """Bash completes each command line with the printed script."""
    script = [
        'eval "$(hotlined completion bash)"',
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _hotlined_completion hotlined',
        'echo "${COMPREPLY[@]}"; }',
        *(f"ask {shlex.join(typed.split(' '))}" for typed in LINES),
    ]
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(script)],
        env=os.environ | {"HOTLINED_CONFIG": str(line.config), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    shown = done.stdout.splitlines()
    assert {typed: sorted(found.split()) for typed, found in zip(LINES, shown, strict=True)} == {
        typed: sorted(words) for typed, words in LINES.items()
    }


def asked(line: Filled, *shell: str) -> str:
    """Return the output of a shell without set-up files that runs the last of these arguments."""
    done = subprocess.run(
        shell,
        env=os.environ
        | {"HOTLINED_CONFIG": str(line.config), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
        | {name: str(line.folder) for name in ("HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@needs("fish")
@installed
@pytest.mark.parametrize(
    ("typed", "words"), [("hotlined re", ["requeue", "resume", "review"]), ("hotlined tag 1 e", ["excuses"])]
)
def test_fish_completes(line: Filled, typed: str, words: list[str]) -> None:
    """Fish completes commands, with their descriptions, and tags."""
    shown = asked(line, "fish", "-c", f"hotlined completion fish | source; complete -C '{typed}'")

    assert sorted(each.split("\t")[0] for each in shown.splitlines()) == words


@needs("zsh")
@installed
def test_zsh_completes(line: Filled) -> None:
    """Completions need no set-up, and one that exists is not repeated."""
    turn_on = 'eval "$(hotlined completion zsh)"; echo $_comps[hotlined]'
    ours = "compdef() { echo $1 $2 }; compinit() { echo again }; "

    assert asked(line, "zsh", "-f", "-c", turn_on) == "_hotlined_completion\n"
    assert asked(line, "zsh", "-f", "-c", ours + turn_on) == "_hotlined_completion hotlined\n\n"
