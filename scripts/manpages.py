"""Writes the man pages into a folder: hotlined(1), one for each command, hotlined.yaml(5).

Their text is what the program itself says: its help, the table of its keys, config.yaml, docs/commands.md. This needs
nothing except the program: the installer and the package run it.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import click  # noqa: E402

from hotlined import __version__  # noqa: E402
from hotlined.cli import COMMANDS, main  # noqa: E402
from hotlined.config.keys import KEYS, SECTIONS, Key, Shape  # noqa: E402

_NOT_TEXT = re.compile(r"^(?=[.'])", re.MULTILINE)
_WORDS = {
    Shape.ONE: "{expected}.",
    Shape.MAYBE: "{expected}; or null.",
    Shape.LIST: "A list; each entry is {expected}.",
    Shape.NESTED: "A list; each entry is {expected}, or a list of variants, of which one is drawn.",
    Shape.BY_COUNTRY: "A section with a country for each key, which is {expected}, or a list of variants.",
    Shape.SERIES: "{expected}; or a list of them.",
    Shape.RANGE: "{expected}; or a list of two, the shorter first.",
}


def text(words: str) -> str:
    """Write plain words: nothing in them is a request, and what stands between backticks is bold."""
    safe = words.replace("\\", "\\e").replace("-", "\\-").replace("`", "\x60")
    return _NOT_TEXT.sub(r"\\&", re.sub("\x60([^\x60]*)\x60", r"\\fB\1\\fR", safe))


def bold(words: str) -> str:
    """Write words in bold."""
    return f"\\fB{text(words)}\\fR"


def title(name: str, section: int, manual: str) -> list[str]:
    """Return the head of a page; it has no date, or each day would make another page.

    No word is broken in it: half of a path or an option is none.
    """
    head = f'.TH "{text(name.upper())}" "{section}" "" "hotlined {__version__}" "{manual}"'
    return [head, ".nh", ".ad l"]


def paragraphs(words: str) -> Iterator[str]:
    """Yield paragraphs; one that click does not wrap keeps its lines."""
    for paragraph in re.split(r"\n\s*\n", words.strip()):
        yield ".PP"
        if paragraph.startswith("\b"):
            yield from (".nf", *map(text, paragraph.split("\n")[1:]), ".fi")
        else:
            yield text(" ".join(paragraph.split()))


def help_of(command: click.Command) -> tuple[str, list[str]]:
    """Return what a command's help says, and its examples."""
    lines = "\n".join(line.strip() for line in (command.help or "").split("\n"))
    words, _, example = lines.partition("Example: ")
    return words, example.strip().split("\n") if example else []


def synopsis(command: click.Command, context: click.Context) -> str:
    """Return the line that says how a command is typed."""
    pieces = " ".join(command.collect_usage_pieces(context))
    return f"{bold(context.command_path)} {text(pieces)}".strip()


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield what each option does."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record:
            yield from (".TP", bold(record[0]), text(" ".join(record[1].split())) or "\\&")


def subcommands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield every command below one, with its context."""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            inner = click.Context(found, info_name=name, parent=context)
            yield found, inner
            yield from subcommands(found, inner)


def command_page(command: click.Command, context: click.Context) -> list[str]:
    """Return the page of a command, with all of its subcommands."""
    words, examples = help_of(command)
    below = list(subcommands(command, context))
    page = title(context.command_path.replace(" ", "-"), 1, "Commands of hotlined")
    page += [".SH NAME", f"{text(context.command_path.replace(' ', '-'))} \\- {text(first_sentence(command))}"]
    page += [".SH SYNOPSIS", synopsis(command, context)]
    for each in below:
        page += [".br", synopsis(*each)]
    page += [".SH DESCRIPTION", *list(paragraphs(words))[1:]]
    page += [".SH OPTIONS", *options(command, context)]
    if below:
        page += [".SH COMMANDS"]
    for inner, inner_context in below:
        inner_words, inner_examples = help_of(inner)
        examples += inner_examples
        page += [f".SS {bold(inner_context.command_path)}", *list(paragraphs(inner_words))[1:]]
        page += options(inner, inner_context)
    if examples:
        page += [".SH EXAMPLES"]
        page += [".nf", *map(bold, examples), ".fi"]
    return [*page, ".SH SEE ALSO", f"{bold('hotlined')}(1), {bold('hotlined.yaml')}(5)"]


def first_sentence(command: click.Command) -> str:
    """Return what a command does in a few words, without a full stop."""
    return command.get_short_help_str(200).rstrip(".")


def main_page(context: click.Context) -> list[str]:
    """Return the page of the program: what it is, its commands by their headings, exit codes, files."""
    words, examples = help_of(main)
    page = title("hotlined", 1, "Commands of hotlined")
    page += [".SH NAME", "hotlined \\- answer people who text an SMS hotline"]
    page += [".SH SYNOPSIS", f"{synopsis(main, context)}", ".SH DESCRIPTION", *list(paragraphs(words))[1:]]
    page += [".SH OPTIONS", *options(main, context), ".SH COMMANDS"]
    for heading, names in COMMANDS.items():
        page += [f'.SS "{text(heading)}"']
        for name in names:
            found = main.get_command(context, name)
            assert found
            page += [".TP", f"{bold(f'hotlined-{name}')}(1)", text(first_sentence(found))]
    page += [".SH EXIT STATUS"]
    for code, meaning in re.findall(
        r"^\| (\d+) \| (.+) \|$", (ROOT / "docs/commands.md").read_text("utf-8"), re.MULTILINE
    ):
        page += [".TP", bold(code), text(meaning)]
    page += [
        ".SH ENVIRONMENT",
        *(".TP", bold("HOTLINED_CONFIG"), "The configuration, where no option names one."),
        *(".TP", bold("HOTLINED_DEBUG"), "With 1, an error shows the traceback behind its sentence."),
        ".SH FILES",
        *(".TP", bold("/etc/hotlined/config.yaml"), f"The configuration: {bold('hotlined.yaml')}(5)."),
        *(".TP", bold("/etc/hotlined/NAME.yaml"), "That of another line."),
        *(".TP", bold("/var/lib/hotlined/hotlined.db"), "What was received and sent."),
        ".SH EXAMPLES",
        *(".nf", *map(bold, examples), ".fi"),
    ]
    return [*page, ".SH SEE ALSO", f"{bold('hotlined.yaml')}(5)"]


def remarks() -> dict[str, list[str]]:
    """Return what config.yaml says above each of its keys, and above all of them under ''."""
    found: dict[str, list[str]] = {}
    sections: list[str] = []
    said: list[str] = []
    for line in (ROOT / "config.yaml").read_text("utf-8").split("\n"):
        comment = re.fullmatch(r"\s*#(?: (.*))?", line)
        key = re.match(r"( *)([a-z_]+):", line)
        if comment:
            said.append(comment[1] or "")
        elif key:
            sections[len(key[1]) // 2 :] = [key[2]]
            found[".".join(sections)] = said
            said = []
        elif not line and not found and said:
            found[""] = said
            said = []
    return found


def in_yaml(value: object) -> str:
    """Write a default as config.yaml has it."""
    if isinstance(value, list):
        return f"[{', '.join(map(in_yaml, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def default_of(key: Key) -> Any:
    """Return a key's default as YAML has it."""
    if key.shape is Shape.BY_COUNTRY:
        return {}
    if isinstance(key.default, tuple):
        return [_plain(each, key) for each in key.default]
    return _plain(key.default, key)


def _plain(value: Any, key: Key) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    is_percentage = isinstance(value, int) and key.kind.format is not str
    if value is None or isinstance(value, bool) or (isinstance(value, int) and not is_percentage):
        return value
    return key.kind.format(value)


def key_entry(key: Key, remark: Iterable[str]) -> list[str]:
    """Return what a key means, what it takes and its default."""
    expected = _WORDS[key.shape].format(expected=key.kind.expected)
    default = "none" if key.path == "answer.text" else in_yaml(default_of(key))
    entry = [".TP", bold(key.path), text(" ".join(remark) or key.doc)]
    return [*entry, ".IP", text(f"{expected[0].upper()}{expected[1:]} Default: `{default}`")]


def configuration_page() -> list[str]:
    """Return the page of config.yaml: how it is written, and every key."""
    said = remarks()
    page = title("hotlined.yaml", 5, "Files of hotlined")
    page += [".SH NAME", "hotlined.yaml \\- the configuration of a line of hotlined"]
    page += [
        ".SH SYNOPSIS",
        f"{bold('/etc/hotlined/config.yaml')}, {bold('/etc/hotlined/NAME.yaml')}",
        ".SH DESCRIPTION",
    ]
    page += list(paragraphs("\n".join(said[""])))[1:]
    section = None
    for key in KEYS.values():
        inside = key.path.rpartition(".")[0].partition(".")[0]
        if inside != section:
            section = inside
            page += [f'.SH "{text(section.upper() or "THE LINE")}"']
            assert section in SECTIONS or not section
        page += key_entry(key, said.get(key.path, []))
    return [*page, ".SH SEE ALSO", f"{bold('hotlined')}(1), {bold('hotlined-config')}(1)"]


def pages() -> dict[str, list[str]]:
    """Return every page by its place below a folder of man pages."""
    context = click.Context(main, info_name="hotlined", **main.context_settings)
    made = {"man1/hotlined.1": main_page(context), "man5/hotlined.yaml.5": configuration_page()}
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command
        inner = click.Context(command, info_name=name, parent=context)
        made[f"man1/hotlined-{name}.1"] = command_page(command, inner)
    return made


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: scripts/run manpages FOLDER")
    for place, lines in pages().items():
        path = Path(sys.argv[1]) / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")
