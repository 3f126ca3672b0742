"""The man pages: one for each command and one for the configuration, which the tools that show them take."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hotlined.cli import COMMANDS, main
from hotlined.config import KEYS

ROOT = Path(__file__).resolve().parents[1]
COMMAND_NAMES = [name for names in COMMANDS.values() for name in names]
NO_DATE = 'missing date, using "": TH'  # each day would make another page


def made(folder: Path) -> Path:
    """Write the pages."""
    subprocess.run([sys.executable, str(ROOT / "scripts/manpages.py"), str(folder)], check=True, cwd="/")
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the pages."""
    return made(tmp_path_factory.mktemp("man"))


def shown(page: Path) -> str:
    """Return a page as man shows it, in one line."""
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(page)],
        env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MANPAGER": "cat", "PAGER": "cat"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def test_every_command_has_a_page(pages: Path) -> None:
    """The program, each of its commands and its configuration have a page, and nothing else has one."""
    names = {path.relative_to(pages).as_posix() for path in pages.rglob("*") if path.is_file()}

    assert names == {
        "man1/hotlined.1",
        "man5/hotlined.yaml.5",
        *(f"man1/hotlined-{name}.1" for name in COMMAND_NAMES),
    }


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="needs mandoc")
def test_mandoc_finds_nothing_wrong(pages: Path) -> None:
    """Mandoc's lint has no warning but that there is no date."""
    files = sorted(map(str, pages.rglob("*.?")))
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *files], capture_output=True, text=True, check=False
    )

    assert len(done.stdout.splitlines()) == len(files), done.stdout + done.stderr
    assert all(line.endswith(NO_DATE) for line in done.stdout.splitlines()), done.stdout


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below one with how it is typed."""
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        found = command.get_command(context, name)  # type: ignore[attr-defined]
        inner = click.Context(found, info_name=name, parent=context)
        yield inner.command_path, found
        yield from commands(found, inner)


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man-db")
def test_man_shows_every_command_with_its_options(pages: Path) -> None:
    """Man takes each page without a warning; every command, option, argument's name and example is on it."""
    texts = {path.name: shown(path) for path in sorted((pages / "man1").iterdir())}
    context = click.Context(main, info_name="hotlined", **main.context_settings)
    for typed, command in commands(main, context):
        page = texts[f"hotlined-{typed.split()[1]}.1"]
        assert typed in page
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert all(name in page for name in parameter.opts), (typed, parameter.opts)
        example = (command.help or "").partition("Example: ")[2].split("\n")[0].strip()
        assert " ".join(example.split()) in page, typed
    assert all(f"hotlined-{name}(1)" in texts["hotlined.1"] for name in COMMAND_NAMES)
    assert "69 no running daemon, modem or database for this" in texts["hotlined.1"]


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man-db")
def test_man_shows_every_key(pages: Path) -> None:
    """hotlined.yaml(5) has each key with what config.yaml says of it, what it takes and its default."""
    text = shown(pages / "man5/hotlined.yaml.5")

    for key in KEYS.values():
        assert f" {key.path} " in text
        assert " ".join(key.kind.expected[1:].replace("`", "").split()) in text
    assert "Default: [30m, 1h]" in text
    assert 'inside, an apostrophe is fine, and a quote is “ ” or \\".' in text  # of a backslash nothing is lost
    assert "yaml-language-server" not in text


def test_the_same_program_makes_the_same_pages(pages: Path, tmp_path: Path) -> None:
    """An installation that is brought up to date finds no page changed where nothing was."""
    again = made(tmp_path)
    files = [path.relative_to(pages) for path in pages.rglob("*") if path.is_file()]

    assert all((pages / file).read_bytes() == (again / file).read_bytes() for file in files)


def test_a_folder_has_to_be_named() -> None:
    """Without a folder it says how it is called."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/manpages.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "usage: scripts/run manpages FOLDER\n"
