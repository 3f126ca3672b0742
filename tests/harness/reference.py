"""Makes the reference from the code: `scripts/run reference`.

docs/commands.md has the help of each command, docs/configuration.md a table of the keys, docs/metrics.md one of the
figures. Each is between two marks; the rest of these pages is written by hand. In the table of docs/trouble.md it is
the cures, beside the headlines of conditions.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from hotlined.cli import COMMANDS, main
from hotlined.conditions import TABLE
from hotlined.config import KEYS
from hotlined.config.keys import Shape
from hotlined.reports.metrics import FIGURES

ROOT = Path(__file__).resolve().parents[2]
_PART = re.compile(r"(<!-- made by scripts/run reference -->\n).*?(<!-- to here -->\n)", re.DOTALL)
_SHAPES = {
    Shape.LIST: "a list: ",
    Shape.NESTED: "a list, whose entries may be lists: ",
    Shape.BY_COUNTRY: "for each country one or a list: ",
    Shape.BY_PERSON: "for each person ",
    Shape.SERIES: "one, or a list: ",
    Shape.RANGE: "one, or a list of two: ",
}


def commands() -> Iterator[str]:
    """Yield the one screen of the help, then each command below the headings of that screen."""
    with click.Context(main, info_name="hotlined", max_content_width=80, terminal_width=80) as context:
        yield from ("```text", main.get_help(context), "```", "")
        for heading, names in COMMANDS.items():
            yield from (f"## {heading}", "")
            for name in names:
                command = main.get_command(context, name)
                assert command
                yield from _explained(command, name, context)


def _explained(command: click.Command, name: str, above: click.Context) -> Iterator[str]:
    """Yield the section of a command; of a group, those of its commands."""
    with command.make_context(name.rpartition(" ")[2], [], parent=above, resilient_parsing=True) as context:
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                found = command.get_command(context, each)
                assert found
                yield from _explained(found, f"{name} {each}", context)
        elif not command.hidden:
            yield from (f"### {name}", "", f"`hotlined {' '.join((name, *command.collect_usage_pieces(context)))}`", "")
            yield from _paragraphs(command.help or "")
            records = [record for each in command.params if (record := each.get_help_record(context))]
            yield from (f"- `{option}`: {' '.join(words.split())}" for option, words in records if words)
            yield from [""] * any(words for _, words in records)


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help; pages that it names are links."""
    for paragraph in text.replace("\b\n", "\b").split("\n\n"):
        if paragraph.strip().startswith("\b"):  # click does not wrap it
            yield from ("```text", *(line.strip(" \b") for line in paragraph.strip().splitlines()), "```", "")
            continue
        words = " ".join(paragraph.split())
        words = re.sub(r"^Example: (.+)", r"Example: `\1`", words)
        yield from (re.sub(r"\bdocs/(\w+\.md)", r"[docs/\1](\1)", words), "")


def keys() -> Iterator[str]:
    """Yield the table of the keys, with the defaults as config.yaml spells them."""
    example = (ROOT / "config.yaml").read_text("utf-8")
    defaults = re.findall(r"^ *[a-z_]+: (.+)$", example, re.MULTILINE)
    yield from ("| key | default | what it takes | meaning |", "|---|---|---|---|")
    for key, default in zip(KEYS.values(), defaults, strict=True):
        yield f"| `{key.path}` | `{default}` | {_SHAPES.get(key.shape, '')}{key.kind.expected} | {key.doc} |"


def figures() -> Iterator[str]:
    """Yield the table of the figures for Prometheus."""
    yield from ("| name | labels | meaning |", "|---|---|---|")
    for name, (labels, meaning) in FIGURES.items():
        yield f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "docs/commands.md": commands,
    "docs/configuration.md": keys,
    "docs/metrics.md": figures,
}
"""The function that makes the generated part of each page."""


TROUBLE = "docs/trouble.md"
_VALUES = {"name": "main", "unit": "hotlined@main", "file": "/etc/hotlined/main.txt"}
"""The values in cures, on a Pi with the line `main`; another value is an ellipsis."""


def in_general(message: str) -> str:
    """Return a sentence about conditions, as it stands in a page that is about no line of its own."""
    return re.sub(r"\{(\w+)\}", lambda found: _VALUES.get(found[1], "…"), message)


def with_cures(text: str) -> str:
    """Return a page with the cures of conditions, each in the row that begins with its headline, anew."""
    cures: dict[str, str] = {}  # of several conditions with one headline, the first one's
    for known in (row.known for row in TABLE.values() if row.known.cure):
        cures.setdefault(in_general(known.title), in_general(known.cure))

    def row(found: re.Match[str]) -> str:
        named = dict.fromkeys(cures[headline] for headline in found[1].split("; ") if headline in cures)
        return f"| {found[1]} | {' '.join(named)} |" if named else found[0]

    return re.sub(r"^\| (.*?) \|(?: (.*?))?? \|", row, text, flags=re.MULTILINE)


def made(page: str) -> str:
    """Return the text of a page, with its made part anew."""
    if page not in PAGES:
        return with_cures((ROOT / page).read_text("utf-8"))
    text, count = _PART.subn(
        lambda found: "\n".join((found[1], *PAGES[page](), found[2])), (ROOT / page).read_text("utf-8")
    )
    assert count == 1, page
    return text


if __name__ == "__main__":
    for page in (*PAGES, TROUBLE):
        (ROOT / page).write_text(made(page), "utf-8")
