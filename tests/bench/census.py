"""Counts the code that one person has to maintain: `scripts/run census [COMMIT]...`, with a column for each commit.

CONTRIBUTING.md has some of these counts, and `test_census` compares. Tokens are those of Python 3.11, without comments
and docstrings; later versions split f-strings. Lines are those in git, with blank ones and comments; the work tree has
the last column. Tables, commands, keys and states are queried from the program of that commit.
"""

import ast
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tokenize
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
DECLARED = """
import configparser, json, re, sqlite3
from pathlib import Path
import click
from hotlined import migrations, states
from hotlined.cli import main
try:
    from hotlined.rules import policy
except ImportError:  # an earlier commit
    from hotlined import policy
from hotlined.config import KEYS

def commands(group):
    with click.Context(group) as context:
        for name in group.list_commands(context):
            yield group.get_command(context, name)

def leaves(group):
    for command in commands(group):
        yield from leaves(command) if isinstance(command, click.Group) else [command]

try:
    from hotlined.conditions import TABLE
except (ImportError, AttributeError):  # an earlier commit, and a module of this one beside it
    TABLE = ()

database = sqlite3.connect(":memory:")
for _, statements in migrations.SCHEMA:
    for statement in statements:
        database.execute(statement)
kinds = dict(database.execute(
    "SELECT type, count(*) FROM sqlite_master WHERE name NOT GLOB 'sqlite_*' AND name NOT GLOB '_sqlite*' GROUP BY type"
))
setup = configparser.ConfigParser()
setup.read("setup.cfg")
needs = lambda text: len(text.split())
print(json.dumps({
    "tables": kinds["table"], "triggers": kinds.get("trigger", 0), "indexes": kinds["index"],
    "commands": len([*leaves(main)]), "commands at the top": sum(not each.hidden for each in commands(main)),
    "options": sum(isinstance(each, click.Option) for command in leaves(main) for each in command.params),
    "conditions": len(TABLE), "configuration keys": len(KEYS), "states of an answer": len(states.AnswerState),
    "states of a segment": len(states.SegmentState), "states of the modem": len(states.ModemState),
    "reasons of a verdict": len(policy.Reason), "kinds of events": len(states.EventKind),
    "codes of troubles": len(states.TroubleCode), "conditions of alerts": len(states.AlertCondition),
    "libraries": needs(setup["options"]["install_requires"]),
    "libraries of all extras": len({
        re.split("[<>=[]", each)[0] for text in setup["options.extras_require"].values() for each in text.split()}),
    "known limits": sum(
        path.read_text("utf-8").partition("\\n## Known limits\\n")[2].count("\\n- ")
        for path in Path("docs").glob("*.md")),
}))
"""
ROOMS = {
    "hotlined, Python": ("hotlined/", ".py"),
    "tests": ("tests/test_", ".py"),
    "tests, programs and labs": ("tests/", ".py", ".sh"),
    "tests, data": ("tests/data/", ""),
    "catalogues": ("hotlined/catalogues/", ""),
    "desk, pages and style": ("hotlined/desk/", ".html", ".css", ".svg", ".js"),
    "docs": ("docs/", ".md", ".json", ".yml", ".py"),
    "units": ("systemd/", ""),
    "scripts": ("scripts/", ""),
    "debian, card": ("debian/", ""),
}
"""Groups of counted files: the beginning of their paths and the allowed endings; the longest beginning wins."""


UNITS = (".service", ".timer", ".path", ".socket", ".mount")


def checkout(commit: str, folder: Path) -> None:
    """Put the files of a commit into a folder."""
    octets = subprocess.run(["git", "-C", ROOT, "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        archive.extractall(folder, filter="data")


def room_of(path: str) -> str | None:
    """Return the room of a path: the one with the longest matching beginning."""
    path = path.replace("card/", "debian/") if path.startswith("card/") else path
    path = re.sub(r"^tests/\w+/test_", "tests/test_", path)
    fits = [name for name, (begin, *ends) in ROOMS.items() if path.startswith(begin) and path.endswith(tuple(ends))]
    return max(fits, key=lambda name: len(ROOMS[name][0]), default=None)


def tokens(source: str) -> int:
    """Return the number of tokens of a module, without comments, docstrings and the signs of layout."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
    strings = [node for node in nodes if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)]
    prose = {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    found = tokenize.generate_tokens(io.StringIO(source).readline)
    return sum(each.type not in layout and each.start[0] not in prose for each in found)


def count(folder: Path, paths: list[str]) -> dict[str, int]:
    """Return all figures of a checkout."""
    lines = dict.fromkeys(ROOMS, 0)
    for path in paths:
        if (room := room_of(path)) and (folder / path).is_file():
            lines[room] += (folder / path).read_bytes().count(b"\n")
    modules = [path for path in paths if path.startswith("hotlined/") and path.endswith(".py")]
    units = sum(path.startswith("systemd/") and path.endswith(UNITS) for path in paths)
    ours = {
        "modules": len(modules),
        "units": units,
        "tokens": sum(tokens((folder / path).read_text()) for path in modules if (folder / path).is_file()),
    }
    done = subprocess.run([sys.executable, "-c", DECLARED], cwd=folder, capture_output=True, check=True, text=True)
    return {f"lines: {name}": number for name, number in lines.items()} | ours | json.loads(done.stdout)


def files_of(folder: Path) -> list[str]:
    """Return the files of a checkout, relative to it."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return [path.relative_to(folder).as_posix() for path in paths]


def here() -> dict[str, int]:
    """Return all figures of the work tree, which may be without git."""
    return count(ROOT, files_of(ROOT))


def main(commits: list[str]) -> None:
    """Print a table of all figures."""
    columns = {}
    for commit in commits:
        with tempfile.TemporaryDirectory() as name:
            checkout(commit, Path(name))
            columns[commit] = count(Path(name), files_of(Path(name)))
    columns["here"] = here()
    click.echo(f"{'':28}" + "".join(f"{name[:10]:>12}" for name in columns))
    for name in columns["here"]:
        click.echo(f"{name:28}" + "".join(f"{column.get(name, '–'):>12}" for column in columns.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
