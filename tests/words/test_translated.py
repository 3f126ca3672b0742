"""Other languages: every sentence is marked and translated, and whole outputs have no English."""

import ast
import html
import json
import os
import re
import string
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import catalogues
import click
import extent
import pytest
from babel.messages.catalog import Message
from catalogues import header, parsed, untranslated, written
from conftest import speaking
from filled import LEA, Filled
from flask import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from test_language import (
    OTHERS,
    ROOT,
    english_in,
    forms,
    has_bare_semicolon,
    line,
    stored,
)

from hotlined import conditions
from hotlined.alerts.due import draft
from hotlined.cli import mistakes
from hotlined.config import Role, load
from hotlined.desk.app import make
from hotlined.desk.serving import AUTHENTICATOR
from hotlined.desk.who import Visitor
from hotlined.doctor.checks import CHECKS, NAMES, OF_A_MODEM
from hotlined.doctor.findings import Health
from hotlined.gsm.alphabet import Encoding, plan
from hotlined.language import (
    CATALOGUES,
    NO_BREAK,
    Language,
    _,
    placeholders,
    read_catalogue,
)
from hotlined.store.file.integrity import PROMISES
from hotlined.words.alerts import TEXTS

__all__ = ["line"]  # the fixture

said = cache(catalogues.said)
"""Returns the marked sentences; cached, for no test changes them."""
PACKAGE = ROOT / "hotlined"
TEMPLATES = PACKAGE / "desk" / "templates"
MARKS = {"_", "N_", "NP_", "pgettext", "ngettext"}
EXAMPLES_OF_CATALOGUES = extent.examples(25, 100)


@cache
def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


# ---- the catalogues


def key(message: Message) -> tuple[str | None, Any]:
    """Return the key of a sentence in the catalogue."""
    return message.context, message.id


@OTHERS
def test_the_catalogue_has_exactly_the_programs_sentences(language: Language) -> None:
    """`scripts/run catalogues` brings both together after a change."""
    marked, translated = set(map(key, said())), set(map(key, stored(language)))

    assert (marked - translated, translated - marked) == (set(), set())


@OTHERS
def test_every_sentence_is_translated(language: Language) -> None:
    """No translation lacks a plural form or is an unreviewed guess."""
    catalogue = stored(language)

    assert [*untranslated(catalogue)] == []
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []
    assert written(catalogue, language) == (CATALOGUES / f"{language}.po").read_text("utf-8")


def places(text: str) -> set[str | None]:
    """Return the names between braces; raises ValueError for unpaired braces."""
    return {name for _text, name, _format, _conversion in string.Formatter().parse(text) if name is not None}


@OTHERS
def test_a_translation_has_the_places_of_its_sentence(language: Language) -> None:
    """An unknown place in a plural form could not be filled."""
    for message in stored(language):
        for original, translation in forms(message) if message.id else ():
            assert places(translation) == places(original), original
            assert all(name and name.isidentifier() for name in places(original)), original


@OTHERS
def test_a_translation_has_the_commands_of_its_sentence(language: Language) -> None:
    """Placeholders in a command are translated as in the help."""
    typed = re.compile(r"`[^`]*`|'hotlined [^']*'")
    for message in stored(language):
        for original, translation in forms(message) if message.id else ():
            with speaking(language):
                expected = [placeholders(command) for command in typed.findall(original)]
            assert sorted(typed.findall(translation)) == sorted(expected), original


def test_french_has_its_blanks_and_apostrophes() -> None:
    """No-break blanks stand before : ; ! ? and inside « »."""
    typed = re.compile(r"`[^`]*`|'hotlined [^']*'|[a-z]+://\S*")
    for message in stored(Language.FRENCH):
        for _original, translation in forms(message) if message.id else ():
            words = typed.sub("", translation)
            assert not re.search(rf"[^{NO_BREAK}][;!?»%]|[^{NO_BREAK}\w]:|\w:(?!\w)|«[^{NO_BREAK}]|'", words), (
                translation
            )


def test_dutch_has_its_apostrophes() -> None:
    """Apostrophes are curved, and no blank is before a punctuation mark."""
    typed = re.compile(r"`[^`]*`|'hotlined [^']*'")
    for message in stored(Language.DUTCH):
        for _original, translation in forms(message) if message.id else ():
            assert not re.search(r"\s[;!?:]|'", typed.sub("x", translation)), translation


@OTHERS
def test_a_catalogue_is_read_as_by_babel(language: Language) -> None:
    """Contexts and plurals are the same, too."""
    found = read_catalogue((CATALOGUES / f"{language}.po").read_text("utf-8"))
    expected = {}
    for message in stored(language):
        first = message.id[0] if isinstance(message.id, tuple) else message.id
        name = f"{message.context}\x04{first}" if message.context else first
        expected[name] = message.string if isinstance(message.string, tuple) else (message.string,)

    assert {name: forms for name, forms in found.items() if name} == {
        name: forms for name, forms in expected.items() if name
    }


@settings(max_examples=EXAMPLES_OF_CATALOGUES)
@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=3))
def test_any_catalogue_is_read_as_it_was_written(sentences: Mapping[str, str]) -> None:
    """Quotes, newlines, backslashes and tabs are read as they were written."""
    sentences = {one.replace("\r", ""): other.replace("\r", "") for one, other in sentences.items()}
    catalogue = parsed(header(Language.FRENCH), Language.FRENCH)
    kept = {one: other for one, other in sentences.items() if one.isprintable() and other.isprintable() and one}
    for one, other in kept.items():
        catalogue.add(one + '\n"\\\t', other + '\n"\\\t')

    found = read_catalogue(written(catalogue, Language.FRENCH))
    assert {one: form for one, (form,) in found.items() if one} == {
        one + '\n"\\\t': other + '\n"\\\t' for one, other in kept.items()
    }


# ---- the sentences in the program

ENGLISH = {
    "alerts/sender.py": "speaks to the journal",
    "cli/completion.py": "is for shells",
    "cli/control.py": "speaks to the journal",
    "cli/demo.py": "marks what it says; what its callers write is French in every language",
    "cli/run.py": "speaks to the journal",
    "cli/service.py": "speaks to the journal",
    "control/__init__.py": "its one constant is a code",
    "config/syntax.py": "marks its sentences; what else has a blank in it is what PyYAML says",
    "daemon/credit.py": "marks what it says; the balance is the note of an event",
    "daemon/recovery.py": "why a step is taken stands in the log and in the note of an event",
    "daemon/status.py": "marks what it says; what keeps it from a start is in the journal",
    "doctor/record.py": "marks what it says; a recording is English",
    "doctor/udev.py": "marks what it says; the rule is English",
    "evidence/page.py": "is HTML around what is marked",
    "gsm/alphabet.py": "marks what it says; what else it refuses is a bug of the caller",
    "gsm/anonymous.py": "its sentences are caught where they arise",
    "gsm/at.py": "its sentences are about bugs",
    "gsm/usb_ids.py": "is ids",
    "gsm/port.py": "marks what it says; what else has a blank in it is what pyserial says",
    "gsm/profiles.py": "has the names of makes",
    "gsm/recording.py": "is read by tests",
    "gsm/responses.py": "has codes",
    "gsm/tpdu.py": "marks what it says; what is wrong with a PDU that can be read, nobody reads",
    "migrations.py": "is SQL",
    "documents.py": "speaks to readers of the schema",
    "forms.py": "the same",
    "rules/policy.py": "has codes",
    "rules/recognition.py": "has what strangers type",
    "reports/metrics.py": "speaks to Prometheus",
    "store/line/database.py": "its one sentence is about a bug",
    "store/answers/lifecycle.py": "its two sentences are about bugs",
    "store/people/stored_evidence.py": "is SQL",
    "store/answers/words_met.py": "is SQL",
    "statistics/style.py": "is CSS",
    "simulator": "is for tests and the demo",
    "machine/systemd.py": "speaks to systemd",
    "machine/wire.py": "its sentences are caught by who asks, and told in other words",
}
"""Rooms and modules whose sentences are not translated, each with its reason."""


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield strings of a module that look like sentences and are neither marked, logged nor documentation."""
    skipped: set[int] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))  # a docstring
        elif isinstance(node, ast.Dict):
            skipped |= {id(each) for each in node.keys}  # keys are codes
        elif _is_silent(node):
            skipped |= {id(each) for each in ast.walk(node)}
        elif isinstance(node, ast.JoinedStr):
            parts = [each for each in node.values if isinstance(each, ast.Constant)]
            skipped |= {id(each) for each in parts}
            if id(node) not in skipped and _is_sentence("{}".join(str(each.value) for each in parts)):
                yield node.lineno, "{}".join(str(each.value) for each in parts)
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in skipped:
            continue
        if _is_sentence(node.value):
            yield node.lineno, node.value


def _is_silent(node: ast.AST) -> bool:
    """Tell whether a call marks, logs or is SQL, or an argument is help."""
    if isinstance(node, ast.keyword):
        return node.arg in {"help", "metavar", "short_help"}
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        if node.func.attr in {"execute", "rows"}:
            return True
        return ast.unparse(node.func.value) in {"log", "_logger", "logging", "re"}
    return isinstance(node.func, ast.Name) and node.func.id in MARKS | {"_any_of"}


_SQL = re.compile(r"\b(?:SELECT|FROM|JOIN|WHERE|DESC|VALUES|PRAGMA|COLLATE|LIMIT|CREATE|ALTER|GRANT)\b|\bIN \(")


def _is_sentence(text: str) -> bool:
    """Tell whether a string has two words in a row, the second in small letters, unlike a code or option."""
    text = re.sub(r"`[^`]*`|hotlined [a-z]+|<[^>]*>|[a-z-]+='[^']*'", "", text)
    return re.search(r"[A-Za-z]{2}[,:;]? (?:\{\} )*[a-z]{2}", text) is not None and not _SQL.search(text)


def unmarked() -> dict[str, list[tuple[int, str]]]:
    """Return the unmarked sentences by module."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.split("/")[0] not in ENGLISH and name not in ENGLISH and (rest := [*sentences(path)]):
            found[name] = rest
    return found


def test_every_sentence_that_people_read_is_marked() -> None:
    """Some modules are left out, each with its reason."""
    assert unmarked() == {}


RAW = {
    "fleet/hub.py": "PostgreSQL and its library say why a hub cannot be used",
    "store/file/integrity.py": "SQLite says it, of a file that it cannot read on",
}
"""Modules that fill a sentence with another program's words, each with its reason."""


def test_no_sentence_contains_a_raw_error() -> None:
    """`reason_of` translates errors; only the journal has them raw."""
    filled = set()
    for path in (path for path in PACKAGE.rglob("*.py") if "simulator" not in path.parts):
        for handler in (node for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler) and node.name):
            nodes = [*ast.walk(handler)]
            silent = {id(each) for node in nodes if _is_logged(node) for each in ast.walk(node)}
            marks = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) in MARKS]
            as_it_is = [keyword.value for mark in marks for keyword in mark.keywords]
            as_it_is += [node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr == "strerror"]
            if any(_text_of(node) == handler.name for node in as_it_is if id(node) not in silent):
                filled.add(path.relative_to(PACKAGE).as_posix())

    assert filled == {*RAW}


def _is_logged(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in {"log", "_logger", "logging"}
    )


def _text_of(node: ast.expr) -> str | None:
    """Return the name of a value that is filled in, even within str()."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"str", "repr"} and node.args:
        node = node.args[0]
    return node.id if isinstance(node, ast.Name) else None


def test_a_mark_is_where_the_tools_find_it() -> None:
    """Babel reads marks in f-strings only since Python 3.12."""
    known = {first for message in said() for first in (message.id if isinstance(message.id, tuple) else (message.id,))}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.JoinedStr):
                calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call) and _is_literal(each)]
                inside = {each.id for each in calls if isinstance(each, ast.Name)}
                assert not inside & MARKS, f"{path.name}:{node.lineno}"
            if path.name == "language.py" or not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id in MARKS and isinstance(node.args[0], ast.Constant):
                wanted = node.args[1] if node.func.id in {"NP_", "pgettext"} else node.args[0]
                assert ast.literal_eval(wanted) in known, f"{path.name}:{node.lineno}"


def _is_literal(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant)


def test_every_word_of_a_template_is_marked() -> None:
    """Attributes for people are included."""
    found = set()
    for path in TEMPLATES.glob("*.html"):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.DOTALL)
        attributes = re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', text)
        words = " ".join([re.sub(r"<[^>]*>", "", text), *attributes])
        if re.search(r"[A-Za-z]{2}", re.sub("hotlined|data-renews", "", words)):
            found.add(path.name)

    assert found == set()


# ---- alerts


def known_conditions() -> Iterator[conditions.Condition]:
    """Yield the conditions that can be filled into an alert."""
    yield from conditions.MODEM.values()
    yield from (conditions.NOT_RUNNING, conditions.UNKNOWN_STATE, conditions.SILENCE)
    yield from conditions.HOLDS.values()


EXAMPLES = {
    "detail": "61 contacts in 600 s",
    "used": 3000,
    "limit": 3000,
    "end": "24 sept. 2027",
    "since": "24 sept. 23:00",
    "last": "24 sept. 23:00",
    "silence": "100 hours",
    "usual": "10 hours",
    "ids": "1,200, 1,201, 1,202",
    "lines": "fr, nl",
}
"""Values for an alert."""


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(("condition", "level"), TEXTS)
def test_an_alert_goes_by_text_message_in_every_language(language: Language, condition: str, level: int) -> None:
    """It is in GSM-7; its title fits one segment."""
    with speaking(language):
        wanted = {name for message in TEXTS[condition, level] for name in places(message) if name}
        says_one = bool(wanted & {"title", "words", "cure"})  # else it is the same for each
        for known in known_conditions() if says_one else [conditions.UNKNOWN_STATE]:
            filling = {
                "title": known.title,
                "words": known.words.format(by="uid 1003", **EXAMPLES),
                "cure": known.cure.format(config="x", name="x" * 22),
            }
            others = {name: EXAMPLES.get(name, "12") for name in wanted - filling.keys()}
            alert = draft(condition, level, "", **filling, **others)
            assert plan(f"hotlined {'x' * 22}: {alert.title}. {alert.text}", "smart").encoding is Encoding.GSM7
            assert plan(f"hotlined {'x' * 22}: {alert.title}", "smart").segments == 1
            assert "{" not in alert.title + alert.text


@pytest.mark.parametrize("language", Language)
def test_an_alert_with_its_own_title_is_texted_whole(language: Language) -> None:
    """The cure is within its one segment."""
    with speaking(language):
        for (condition, level), messages in TEXTS.items():
            if "{title}" not in messages:
                filling = {name: EXAMPLES.get(name, "12") for message in messages for name in places(message) if name}
                alert = draft(condition, level, "", **filling)
                assert plan(f"hotlined main: {alert.title}. {alert.text}", "smart").segments == 1


# ---- whole outputs


class AnyAuthenticator:
    """An authenticator whose visitors may do everything."""

    def visitor(self, request: Request) -> Visitor:
        """Return that visitor."""
        del request
        return Visitor("anna", Role.ADMIN)


@cache
def pages(line: Filled) -> Callable[[str], str]:
    """Return a function that renders a page of the desk in the line's language."""
    config = load(line.config)
    client = make(config, b"").test_client()
    client.environ_base[AUTHENTICATOR] = AnyAuthenticator()

    def show(path: str) -> str:
        with speaking(config.language):
            return str(client.get(path).text)

    return show


PAGES: tuple[str, ...] = (
    *("/", "/log", "/log?search=zzz", "/by-hand", "/contact/1", "/contact/2", "/contact/3", "/contact/9"),
    *("/numbers", "/person/1", "/person/4", "/inbox", "/inbox?all=1", "/inbox?here=3"),
    *("/contact/4", "/stats", "/nothing"),
    *("/act/pause", "/act/block?number=0470123456", "/act/untag?contact_id=2&word=excuses"),
    "/act/cancel?contact_id=1",
)
"""Pages of the desk that are translated completely."""


def test_a_page_names_its_language(line: Filled) -> None:
    """Screen readers pronounce it, and browsers offer no translation."""
    assert f'<html lang="{line.settings["language"]}">' in pages(line)("/")


def test_the_overview_is_in_the_language_of_the_line(line: Filled) -> None:
    """The first words and the title of the page are translated."""
    expected = {"fr": ("Maintenant", "La ligne ne répond pas."), "nl": ("Nu", "De lijn antwoordt niet.")}
    page = pages(line)("/")

    assert [words for words in expected[line.settings["language"]] if words not in page] == []


@OTHERS
def test_labels_of_a_sheet_fit_their_column(language: Language) -> None:
    """The labels of `status` and `show` have 14 places."""
    labels = set()
    for name in ("cli/status.py", "reports/contact.py", "reports/export_sheet.py", "reports/number.py"):
        for node in ast.walk(tree(PACKAGE / name)):
            if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                label = node.value.elts[0]
                known = [each.value for each in ast.walk(label) if isinstance(each, ast.Constant)]
                inner = 2 * ast.unparse(label).startswith("inner(")
                labels |= {(str(word), inner) for word in known if str(word).strip()}
    assert len(labels) > 30
    with speaking(language):
        long = {(word, _(word)) for word, inner in labels if len(_(word).replace("{number}", "9")) + inner > 14}
    assert long == set()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_english_left(line: Filled, path: str) -> None:
    """Every word of a page is in the line's language."""
    page = pages(line)(path)
    attributes = re.findall(r'(?:aria-label|placeholder|title|alt|content)="([^"]*)"', page)
    words = html.unescape(" | ".join([re.sub(r"<[^>]*>", " | ", re.sub(r"<code>.*?</code>", "", page)), *attributes]))

    assert english_in(words, Language(line.settings["language"])) == set()


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("show", "1"),
    ("show", "2"),
    ("show", "3"),
    ("show", LEA),
    ("log",),
    ("numbers",),
    ("limits",),
    ("export", LEA),
    ("forget", "+32470999999", "--yes"),
    ("log", "--by-hand"),
    ("stats",),
    ("stats", "--html", "-"),
    ("config", "check"),
    ("config", "show"),
    ("text", "check"),
    ("text", "check", "★ l’été 😀" * 50),
    ("web", "user", "list"),
    ("doctor",),
    ("db", "check"),
    ("db", "check", "--full"),
    ("db", "backup", "/"),
    ("db", "backup", "main.yaml"),
    ("requeue", "999999"),
    ("block", "blabla"),
    ("sim", "topup", "1890-01-01"),
    ("doctor", "--json", "--record", "recording"),
    ("doctor", "--record", "/"),
)
"""Commands that are translated completely, errors included."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_output_has_no_english_left(line: Filled, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every word for people is in the line's language."""
    monkeypatch.chdir(line.folder)
    language = Language(line.settings["language"])
    output = line.run(*command).output

    assert output
    shown = re.sub(r"<style>.*?</style>|<[^>]*>|\S+\.service\b", " | ", output, flags=re.DOTALL)
    shown = shown.replace(str(ROOT), "")  # its folders may have English names
    assert english_in(shown, language, words=2 if command[0] == "config" else 1) == set()
    assert not has_bare_semicolon(shown, language)


@OTHERS
def test_every_promise_of_the_database_is_marked(language: Language) -> None:
    """`db check --full` has its sentences about rows in a table."""
    assert PROMISES.keys() - {message.id for message in stored(language)} == set()


@pytest.mark.parametrize("columns", [80, 40])
def test_doctor_keeps_its_columns(line: Filled, columns: int) -> None:
    """Names of checks fill the first column, the rest the second.

    This holds on wide and narrow terminals. Checks of a modem are left out without a stick.
    """
    shown = [*takewhile(lambda row: not row[:1].isdigit(), line.on_a_terminal(columns, "doctor"))]  # not the summary
    with speaking(Language(line.settings["language"])):
        names = {NAMES[name] for name, check in CHECKS.items() if check not in OF_A_MODEM}

    assert {row[:14].strip() for row in shown} == {*names, ""}
    assert {row[14:15] for row in shown} == {" "}
    assert {row for row in shown if len(row) > columns and " " in row[15:].strip()} == set()


def test_codes_of_doctor_are_the_same_in_every_language(line: Filled) -> None:
    """Scripts read the names of checks and verdicts."""
    rows = [json.loads(row) for row in line.run("doctor", "--json").stdout.splitlines()]

    assert [row["check"] for row in rows] == [*CHECKS]
    assert {row["verdict"] for row in rows} <= {*Health}
    assert NAMES.keys() == CHECKS.keys()
    seen = " | ".join(row["seen"] for row in rows).replace("hotlined@main.service", "").replace(str(ROOT), "")
    assert english_in(seen, Language(line.settings["language"])) == set()


def wrong(message: str, typed: str, **settings: Any) -> Any:
    """Return click's message for a value of an option, the option, and the value."""
    return pytest.param(message, click.Option(["--x"], **settings), typed.split(), id=message)


NOBODY = "/nonexistent/file"
SAID_BY_CLICK = (
    wrong("Option {name} requires an argument.", "--x"),
    wrong("Option {name} does not take a value.", "--x=1", is_flag=True),
    wrong("Got unexpected extra argument ({words})", "one"),
    wrong("Got unexpected extra arguments ({words})", "one two"),
    wrong("{value} is not a valid integer.", "--x a", type=int),
    wrong("{value} is not a valid integer range.", "--x a", type=click.IntRange(0, 5)),
    wrong("{value} is not in the range {range}.", "--x 9", type=click.IntRange(0, 5)),
    wrong("{value} is not one of {choices}.", "--x c", type=click.Choice(["a", "b"])),
    wrong("File {path} does not exist.", f"--x {NOBODY}", type=click.Path(exists=True, dir_okay=False)),
    wrong("Path {path} does not exist.", f"--x {NOBODY}", type=click.Path(exists=True)),
    wrong("File {path} is a directory.", "--x /", type=click.Path(dir_okay=False)),
    wrong("File {path} is not readable.", "--x /etc/passwd", type=click.Path(dir_okay=False)),
    wrong("Path {path} is not readable.", "--x /etc/passwd", type=click.Path()),
)


@OTHERS
@pytest.mark.parametrize(("message", "option", "typed"), SAID_BY_CLICK)
def test_messages_of_click_are_recognised_by_their_wording(
    monkeypatch: pytest.MonkeyPatch, language: Language, message: str, option: click.Option, typed: list[str]
) -> None:
    """Some mistakes have no class of their own in click."""
    monkeypatch.setattr(os, "access", lambda *_arguments: False)  # root may read everything
    with pytest.raises(click.UsageError) as raised:
        click.Command("command", params=[option]).make_context("command", [*typed])
    with speaking(language):
        expected = re.sub(r"\\\{\w+\\\}", ".+", re.escape(_(message)))
        assert re.search(expected, mistakes.in_words(raised.value))


def test_every_wording_of_click_is_tried() -> None:
    """Each known wording is produced by click in a test."""
    assert {case.values[0] for case in SAID_BY_CLICK} == {*mistakes.WORDINGS}
