import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import extent
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs_root

from hotlined import config
from hotlined.config import (
    KEYS,
    Calls,
    Config,
    LogLevel,
    Role,
    find,
    format_duration,
    in_force,
    keys,
    load,
    loading,
    parse,
    parse_duration,
    show,
)
from hotlined.errors import ConfigError, UsageError
from hotlined.rules.policy import Limits, Numbers, Windows

EXAMPLE = Path(__file__).parents[2] / "config.yaml"
FILE = Path("/somewhere/main.yaml")
NONE_NEAR = "the config.yaml that came with hotlined has them all"
ANSWER = "answer: {text: Stop it}\n"


def problems(text: str) -> tuple[str, ...]:
    """Read a broken configuration; return its problems."""
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE)
    assert caught.value.exit_code == 78
    assert str(FILE) in caught.value.message
    return caught.value.problems


def flatten(tree: dict[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys of nested sections by their paths."""
    for name, value in tree.items():
        if isinstance(value, dict) and f"{section}{name}" not in KEYS:
            yield from flatten(value, f"{section}{name}.")
        else:
            yield f"{section}{name}", value


def nest(values: dict[str, Any]) -> str:
    """Write keys by their paths as YAML, with another program's quotes."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *sections, name = path.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return yaml.safe_dump(tree, allow_unicode=True)


# the example


def test_the_example_has_exactly_the_keys_that_are_read() -> None:
    """config.yaml has exactly the keys that are read, in their order."""
    stated = dict(flatten(yaml.load(EXAMPLE.read_text("utf-8"), yaml.BaseLoader)))
    assert list(stated) == list(KEYS)


def example_with_its_text() -> str:
    """Return config.yaml with the answer from its comment."""
    text = EXAMPLE.read_text("utf-8")
    (line,) = re.findall(r"^  # (  text: .*)$", text, re.MULTILINE)
    return text.replace("\n  text: null\n", f"\n{line}\n")


def test_the_example_states_the_defaults() -> None:
    """The values in config.yaml are the defaults."""
    example = parse(example_with_its_text(), EXAMPLE)
    silent = parse(nest({"answer.text": example.answer.texts[0]}), EXAMPLE)
    assert example == silent


def test_the_example_answers_nobody() -> None:
    """No line may send another's answer; the error says the cure."""
    with pytest.raises(ConfigError) as caught:
        load(EXAMPLE)
    (problem,) = caught.value.problems
    assert "answer.text: is missing, and it alone has no default: set it, or answer.text_file" in problem


def test_the_example_explains_every_key() -> None:
    """Each key of config.yaml has a comment of its own above it."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r" *\w+: \S", line)]
    assert len(keys) == len(KEYS)
    assert [lines[number] for number in keys if not lines[number - 1].lstrip().startswith("# ")] == []


def test_the_example_has_the_hotlines_text() -> None:
    """The example's comment has the real answer, whole."""
    (text,) = parse(example_with_its_text(), EXAMPLE).answer.texts
    assert len(text) == 193
    assert text.startswith("Hey! Non, non, c’est pas qui tu crois.")


def test_the_defaults_are_those_promised() -> None:
    """An answer alone gets the documented limits and times."""
    got = parse(ANSWER, FILE)
    assert (got.line, got.modem.calls) == ("main", Calls.RING)
    assert got.answer.delay == (timedelta(minutes=30), timedelta(minutes=60))
    assert got.limits == Limits(
        cooldown=(timedelta(hours=24), timedelta(days=7)),
        per_number=3,
        segments=Windows(60, 300, 3000),
        reserve_for_new=50,
        price_per_segment=None,
        currency="EUR",
    )
    assert got.numbers == Numbers("BE", ("BE",), (), ())
    assert got.path == FILE


# the meaning of scalars


@pytest.mark.parametrize(
    ("stated", "path", "value"),
    [
        ("modem: {pin: 0123}", "modem.pin", "0123"),
        ("modem: {pin: null}", "modem.pin", None),
        ("modem: {pin_file: secret/pin}", "modem.pin_file", Path("/somewhere/secret/pin")),
        ("modem: {delivery_reports: yes}", "modem.delivery_reports", True),
        ("modem: {delivery_reports: Off}", "modem.delivery_reports", False),
        ("modem: {port: /dev/modem}", "modem.port", "/dev/modem"),
        ("modem: {port: dev/modem}", "modem.port", "/somewhere/dev/modem"),
        ("modem: {port: 'socket://pi:7000'}", "modem.port", "socket://pi:7000"),
        ("modem:", "modem.port", "auto"),
        ("line: 20_26", "line", "20_26"),
        ("line: null", "line", "main"),
        ("database: null", "database", Path("/var/lib/hotlined-main/hotlined.db")),
        ("line_number: +32460209399", "line_number", "+32460209399"),
        ("line_number: 0460/20.93.99", "line_number", "+32460209399"),
        ("database: ../a.db", "database", Path("/somewhere/../a.db")),
        ("numbers: {answer_countries: [NO, BE]}", "numbers.answer_countries", ("NO", "BE")),
        ("numbers: {answer_countries: []}", "numbers.answer_countries", ()),
        ("numbers: {answer_countries: null}", "numbers.answer_countries", ("BE",)),
        ("numbers: {country: FR}", "numbers.answer_countries", ("FR",)),
        ("numbers: {country: FR, answer_countries: null}", "numbers.answer_countries", ("FR",)),
        ("numbers: {blocked: [0612345678], country: FR}", "numbers.blocked", ("+33612345678",)),
        ("numbers: {blocked: [&a 0470123456, *a]}", "numbers.blocked", ("+32470123456",) * 2),
        ("limits: {cooldown: 1h30m}", "limits.cooldown", (timedelta(minutes=90),)),
        ("limits: {reserve_for_new: 100%}", "limits.reserve_for_new", 100),
        ("limits: {segments: {hour: 007}}", "limits.segments.hour", 7),
        ("limits: {price_per_segment: 0.10}", "limits.price_per_segment", Decimal("0.1")),
        ("credit: {pattern: '[[](a)'}", "credit.pattern.pattern", "[[](a)"),
        ("credit: {ussd: '*121#'}", "credit.ussd", "*121#"),
        ("alerts: {sms_to: '0470123456'}", "alerts.sms_to", "+32470123456"),
    ],
)
def test_scalars_are_read_by_their_key(stated: str, path: str, value: object) -> None:
    """It does not matter what YAML would make of them."""
    got: Any = parse(f"{ANSWER}{stated}\n", FILE)
    for name in path.split("."):
        got = getattr(got, name)
    assert got == value


def test_one_delay_has_equal_ends() -> None:
    """One duration is both ends of the delay."""
    assert parse("answer: {text: Stop, delay: 5m}", FILE).answer.delay == (timedelta(minutes=5),) * 2


def test_several_texts_keep_their_order() -> None:
    """The second text is a number's second answer."""
    assert parse("answer: {texts: [one, ' two ']}", FILE).answer.texts == ("one", "two")


def test_paths_are_relative_to_the_file() -> None:
    """The current folder does not matter, nor how the file was named."""
    got = parse(f"{ANSWER}database: lines/a.db", Path("main.yaml"))
    assert (got.database, got.path) == (Path.cwd() / "lines/a.db", Path.cwd() / "main.yaml")


# refused values


TWO = "2 segments (answer.max_segments)"
NO_LINES = ("FR", "-a", "_a", "a.b", "a-b", "a" * 23)
DURATION = "like 90s, 10m, 24h, 7d or 1h30m"
NO_LIST = 'expected a list ([] for none), got something else (not shown); write ["…"], each entry in quotes'
NO_SECTION = "expected a section: keys on lines of their own, indented; got '60'"


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ("limits: {per_number: three}", "limits.per_number: expected a whole number of at least 0, got 'three'"),
        ("limits: {per_number: -1}", "limits.per_number: expected a whole number of at least 0, got '-1'"),
        ("limits: {per_number: ٣}", "limits.per_number: expected a whole number of at least 0, got '٣'"),
        ("limits: {per_number: }", "limits.per_number: expected a whole number of at least 0, got nothing"),
        ("limits: {per_number: [3]}", "limits.per_number: expected a whole number of at least 0, got a list"),
        ("limits: {per_number: {}}", "limits.per_number: expected a whole number of at least 0, got an empty section"),
        ("modem: {baudrate: 0}", "modem.baudrate: expected a whole number of at least 1, got '0'"),
        ("modem: {poll_interval: 2h}", f"modem.poll_interval: expected a duration from 1s to 1h, {DURATION}, got '2h'"),
        ("modem: {poll_interval: 10}", f"modem.poll_interval: expected a duration from 1s to 1h, {DURATION}, got '10'"),
        (
            "limits: {cooldown: []}",
            f"limits.cooldown: expected a duration from 0s to 3650d, {DURATION}, got an empty list",
        ),
        (
            "limits: {reserve_for_new: 101%}",
            "limits.reserve_for_new: expected a percentage from 0% to 100%, got '101%'",
        ),
        ("limits: {currency: euro}", "limits.currency: expected a currency as three capitals, like EUR, got 'euro'"),
        ("log_level: Info", "log_level: expected one of debug, info, warning, error, got 'Info'; is info meant?"),
        (
            "limits: {cooldown: 20 ans}",
            f"limits.cooldown: expected a duration from 0s to 3650d, {DURATION}, got '20 ans'",
        ),
        ("credit: {price: 0.1}", "credit.price: unknown key; the nearest known one is limits.price_per_segment"),
        ("line: ../fr", f"line: expected {keys.LINE_NAME.expected}, got '../fr'"),
        *((f"line: {name}", f"line: expected {keys.LINE_NAME.expected}, got {name!r}") for name in NO_LINES),
        (
            "modem: {port: ttyACM1}",
            f"modem.port: expected {keys._PORT.expected}, got 'ttyACM1'; is /dev/ttyACM1 meant?",
        ),
        ("database: ~/a.db", f"database: expected {keys._PATH.expected}, got '~/a.db'"),
        ("database: ''", f"database: expected {keys._PATH.expected}, got ''"),
        ('database: "a\\0b"', f"database: expected {keys._PATH.expected}, got 'a\\x00b'"),
        ('database: "\\ud800"', f"database: expected {keys._PATH.expected}, got '\\ud800'"),
        ("modem: {delivery_reports: maybe}", "modem.delivery_reports: expected true or false, got 'maybe'"),
        ("modem: {pin: 12345x}", "modem.pin: expected 4 to 8 digits, got something else (not shown)"),
        ("modem: {pin: 1234, pin_file: pin}", "modem.pin: modem.pin and modem.pin_file are both set; keep one of them"),
        ("numbers: {country: XX}", "numbers.country: expected a country as two capitals, like BE, got 'XX'"),
        (
            "numbers: {blocked: 0470123456}",
            f"numbers.blocked: {NO_LIST}",
        ),
        (
            "numbers: {answer_countries: 'BE, FR'}",
            "numbers.answer_countries: expected a list ([] for none), got 'BE, FR'; write [BE, FR]",
        ),
        (
            "numbers: {opt_out_words: stop}",
            "numbers.opt_out_words: expected a list ([] for none), got 'stop'; write [stop]",
        ),
        (
            "alerts: {urls: 'mailto://a:b@example.org'}",
            f"alerts.urls: {NO_LIST}",
        ),
        (
            "limits: {segments: 60}",
            f"limits.segments: {NO_SECTION}; on one line it is {{hour: 60, day: 300, month: 3000}}",
        ),
        ("numbers: {blocked: }", "numbers.blocked: expected a list ([] for none), got nothing"),
        (
            "numbers: {blocked: [0470123456, 12x]}",
            f"numbers.blocked: entry 2: expected {keys._NUMBER.expected}, got something else (not shown)",
        ),
        (
            "numbers: {opt_out_words: [stop, '!']}",
            "numbers.opt_out_words: entry 2: expected a word with a letter in it, got '!'",
        ),
        (
            "credit: {pattern: '(a)(b)'}",
            "credit.pattern: expected a regular expression with exactly one group, got '(a)(b)'",
        ),
        ("credit: {pattern: '(a'}", "credit.pattern: expected a regular expression with exactly one group, got '(a'"),
        ("privacy: {keep_texts: 366d}", "privacy.keep_texts: expected at most privacy.keep_numbers (365d)"),
        (
            "alerts: {urls: [x]}",
            "alerts.urls: entry 1: expected an Apprise URL, like mailto://…, got something else (not shown)",
        ),
        ("modem: auto", "modem: expected a section: keys on lines of their own, indented; got 'auto'"),
        (
            "modem: {" + ", ".join(f"k{n}: " for n in range(101)) + "}",
            "modem: expected a section of at most 100 keys, got one of 101",
        ),
        (
            "modem.port: auto",
            "modem.port: a dot does not indent: write 2 lines, `modem:` and below it `  port: auto`",
        ),
        (
            "limits.segments.hour: 5",
            "limits.segments.hour: a dot does not indent: write 3 lines, `limits:` and below it {}".format(
                "`  segments:` and below it `    hour: 5`"
            ),
        ),
        ("modem.pin: 4711", "modem.pin: a dot does not indent: write 2 lines, `modem:` and below it `  pin: …`"),
        ("answer.delay: 0s", "answer.delay: a dot does not indent: below `answer:` on line 1 write `  delay: 0s`"),
        ("modem.prt: x", "modem.prt: unknown key (a dot does not indent); the nearest known one is modem.port"),
        (
            "limits: {price_per_segment: 0,06}",
            "limits.06: unknown key (a comma ends a value within braces: write 0.06, or 3000)",
        ),
        (
            "limits: {segments: {month: 3,000}}",
            "limits.segments.000: unknown key (a comma ends a value within braces: write 0.06, or 3000)",
        ),
        ("cooldown: 3h", "cooldown: unknown key; the nearest known one is limits.cooldown"),
        ("modem: {baud: 9600}", "modem.baud: unknown key; the nearest known one is modem.baudrate"),
        ("modm: {port: auto}", "modm: unknown key; the nearest known one is modem"),
        (
            "limits: {segments: {minute: 1}}",
            "limits.segments.minute: unknown key; the nearest known one is limits.segments.month",
        ),
        ('"a\\eb": 1', f'"a\\x1bb": unknown key; {NONE_NEAR}'),
        ("[line]: fr", f'"a list": unknown key; {NONE_NEAR}'),
        ("wifi: blue", f"wifi: unknown key; {NONE_NEAR}"),
        (
            "numbers: {country: UK}",
            "numbers.country: expected a country as two capitals, like BE, got 'UK'; is GB meant?",
        ),
        (
            "numbers: {country: fr}",
            "numbers.country: expected a country as two capitals, like BE, got 'fr'; is FR meant?",
        ),
        (
            "web: {people: {anna: boss}}",
            "web.people: anna: expected one of figures, reader, volunteer, admin, got 'boss'",
        ),
        (
            "web: {people: {anna: [reader]}}",
            "web.people: anna: expected one of figures, reader, volunteer, admin, got a list",
        ),
        (
            "web: {people: {an na: reader}}",
            "web.people: expected a name of 1 to 64 letters, digits and . _ @ + -, got 'an na'",
        ),
        ("web: {people: {anna: reader, anna: admin}}", "web.people: anna is stated twice"),
        (
            "web: {people: [anna]}",
            "web.people: expected a section with a person's name for each key, like {anna: volunteer}, got a list",
        ),
        (
            "web: {user_header: X_Remote_User}",
            (
                "web.user_header: expected the name of a header, of letters, digits and hyphens, like X-Remote-User,"
                " got 'X_Remote_User'"
            ),
        ),
        (
            "log_level: in\xa0fo",
            (
                "log_level: expected one of debug, info, warning, error, got 'in\\xa0fo'; an invisible no-break space"
                " is in it: delete it"
            ),
        ),
    ],
)
def test_a_wrong_value_is_explained(stated: str, problem: str) -> None:
    """The error has line, key, expected and given value."""
    text = f"{ANSWER}# a comment\n{stated}\n"
    assert problems(text) == (f"{FILE}:3: {problem}",)


def test_the_people_of_the_desk_are_names_with_roles() -> None:
    """YAML may read a name as a number or as no.

    Each name has one role, and the shown configuration is read back the same.
    """
    names = {
        "anna": Role.VOLUNTEER,
        "no": Role.READER,
        "007": Role.FIGURES,
        "a+b@example.org": Role.ADMIN,
        "+x": Role.READER,
    }
    stated = "".join(f'    "{name}": {role}\n' for name, role in names.items())
    read = parse(f"{ANSWER}web:\n  people:\n{stated}  ask: Anna, 0470 12 34 56\n", FILE)

    assert (dict(read.web.people), read.web.ask) == (names, "Anna, 0470 12 34 56")
    assert parse(show(read), FILE) == read
    assert parse(in_force(read), FILE).web == read.web
    assert parse(f"{ANSWER}web:\n  people:\n    # anna: reader\n", FILE).web.people == ()


def test_quotes_inside_a_text_do_not_end_it() -> None:
    """An apostrophe after a letter is not a quote either."""
    for text in ('Tu dis "non"', "c'est la voiture des amis'", "L'un dit 'non'"):
        assert config.parse(f"answer:\n  text: {text}\n", FILE).answer.texts == (text,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: answer.text: is missing, and it alone has no default"),
        ("line: fr\nanswer:\n", "2: answer.text: is missing, and it alone has no default"),
        ("answer:\n  text: ' '\n", "2: answer.text: expected a text that is not blank, got ' '"),
        (
            "answer:\n  text: a\n  texts: [a]\n",
            "2: answer.text: answer.text, answer.texts are set, and one alone may be: take answer.texts out, or else",
        ),
        ("answer:\n  text: 🙂\n  encoding: gsm7\n", "2: answer.text: GSM-7 lacks "),
        ("answer: Stop it", "1: answer: expected a section: keys on lines of their own, indented; got 'Stop it'"),
        ("- a", "1: expected a section: keys on lines of their own, indented; got a list"),
        (
            f"answer:\n  text: {'a' * 307}\n",
            f"2: answer.text: '{'a' * 39}…' has 307 characters; {TWO} hold 306 in gsm7: 1 too many. See ",
        ),
        (
            f"answer:\n  text: {'a' * 161}\n  max_segments: 1\n",
            f"2: answer.text: '{'a' * 39}…' has 161 characters; 1 segment holds 160 in gsm7: 1 too many. ",
        ),
        (
            f"answer:\n  texts:\n    - a\n    - {'a' * 133}🙂ł🙂",
            f"2: answer.text: '{'a' * 39}…' has 136 characters; {TWO} hold 134 in ucs2, because of '🙂' (U+1F642), ",
        ),
        (
            "answer:\n  text: a\n  delay: [2h, 1h]\n",
            "3: answer.delay: expected one duration, or two and the shorter first, got 2h, 1h",
        ),
        (
            "answer:\n  text: a\n  delay: [60m, 30m]\n",
            "3: answer.delay: expected one duration, or two and the shorter first, got 60m, 30m",
        ),
        (
            "answer:\n  text: a\n  delay: [1s, 2s, 3s]\n",
            "3: answer.delay: expected one duration, or two and the shorter first, got 1s, 2s, 3s",
        ),
        (
            "answer:\n  text: a\n  max_age: 10m\n",
            "3: answer.delay: expected less than answer.max_age (10m): every answer would be stale",
        ),
        ("line: fr\n" + ANSWER + "line: nl\n", "3: line: stated twice; first on line 1"),
        (
            "answer:\n\ttext: a\n",
            "2: this is not YAML: found character '\\t' that cannot start any token; YAML indents with spaces",
        ),
        (ANSWER + "credit: {ussd: *121#}\n", "2: this is not YAML: while scanning an alias from line 2, "),
        (
            ANSWER + "line: 'fr\n\n",
            "2: the quote that opens here is not closed",
        ),
        (
            ANSWER + "modem: {port: *a}\nline: fr\nmode: live\n",
            "2: this is not YAML: found undefined alias 'a'; a value that starts with * needs quotes",
        ),
        (
            'answer:\n  text:"Non, c\'est non."\n  delay: [30m, 60m]\n',
            "2: a blank is missing behind `text:`",
        ),
        ("answer:\n  delay: 1h\n  text:Non\n  max_age: 3h\n", "3: a blank is missing behind `text:`"),
        ("answer:\n  text:Non\n  delay:1h\n  max_age: 3h\n", "2: a blank is missing behind `text:`"),
        ("answer:\n  text:Non\n\n  délai: 1h\n", "2: a blank is missing behind `text:`"),
        (
            "answer:\n  text: Non\n    c'est: non\n",
            "3: this is not YAML: mapping values are not allowed here; a value with a colon and a blank in it needs ",
        ),
        (ANSWER + "line: 'f' r\nmode: live\n", "2: there are quotes inside the quotes: "),
        ('answer:\n  text: "x"\n delay: 1h\n', "3: this line is not indented like the other keys of its section: put "),
        ("answer:\n  text: x\n delay: 1h\n", "3: this line is not indented like the other keys of its section: "),
        ('answer:\n  text: "x"\n    delay: 1h\n', "3: this line is not indented like the other keys of its section: "),
        (
            'answer:\n  texts: ["a"\n    "b"]\n',
            "3: this is not YAML: while parsing a flow sequence from line 2, expected ',' or ']', but got '<scalar>'; ",
        ),
        (ANSWER + "---\nline: fr\n", "2: this is not YAML: expected a single document"),
        (ANSWER + "line: a\x07b\n", "2: this is not YAML: the character U+0007 is not allowed"),
        (ANSWER + 'line: "\\U00110000"\n', "2: this is not YAML: a number is out of range"),
        (ANSWER + "line: " + "[" * 1000, "2: this is not YAML: nested too deeply"),
    ],
)
def test_a_mistake_is_reported_on_its_line(text: str, problem: str) -> None:
    """Mistakes of YAML, of the file or between keys come once."""
    (got,) = problems(text)
    assert got.startswith(f"{FILE}:{problem}")


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ("  text: 'C'est non'\n", "2: there are quotes inside the quotes: put the text between"),
        ('  text: "on te dit "non", bah"\n', "2: there are quotes inside the quotes: "),
        ("  texts: ['C'est non', 'b']\n", "2: there are quotes inside the quotes: "),
        ("  texts:\n    - b\n    - 'C'est non'\n", "4: there are quotes inside the quotes: "),
        ("  text: \"C'est non\n", "2: the quote that opens here is not closed"),
        ("  text: [smile] non\n", "2: a value that starts with [ or { needs quotes"),
        ("  text: - non\n", "2: this is not YAML: sequence entries are not allowed here; a value that starts with - "),
        ("  text: !non\n", "2: answer.text: expected a text that is not blank, got ''; a value that starts with ! "),
        (
            "  text: Bonjour, tu es le #1 des relous\n",
            "2: answer.text: ends at the #, and what follows ('#1 des relous') is a comment: put the whole ",
        ),
        ("  text: Non.  # what they get\n", "2: answer.text: ends at the #, and what follows ('# what they get') "),
        ("  texts:\n    - b\n    - le #1\n", "4: answer.texts: entry 2: ends at the #, and what follows ('#1') "),
        ("  text: Bonjour #1\n    des relous\n", "2: text after a blank and # is a comment: put the whole "),
        (
            "  text:\xa0Non\n",
            "1: answer: expected a section: keys on lines of their own, indented; got 'text:\\xa0Non'; an invisible ",
        ),
        (
            "  text:Non\n",
            "1: answer: expected a section: keys on lines of their own, indented; got 'text:Non'; a blank is missing ",
        ),
        ('  text: Hey ! Non."\n', '2: answer.text: ends with ", and no quote opens it: put the whole value in quotes'),
        (
            "  text: Hey ! C'est non.'\n",
            "2: answer.text: ends with ', and no quote opens it: put the whole value in quotes",
        ),
        ('  texts:\n    - a\n    - Tu dis "non"."\n', '4: answer.texts: entry 2: ends with ", and no quote opens it'),
        ('  text: "Hey ! Non.\n  delay: 5m\nmode: "live"\n', "2: the quote that opens here is not closed"),
        ("\xa0 text: Non\n", "2: answer.text: an invisible no-break space is before `text`: delete it"),
        (" \u200btext: Non\n", "2: answer.text: an invisible zero width space is before `text`: delete it"),
    ],
)
def test_common_mistakes_are_explained_in_plain_words(stated: str, problem: str) -> None:
    """The one problem says what to type instead."""
    (got,) = problems(f"answer:\n{stated}")
    assert got.startswith(f"{FILE}:{problem}")


def test_a_code_that_begins_with_a_hash_is_not_a_comment() -> None:
    """A code like #123# needs quotes; comments after a value are fine."""
    (got,) = problems(f"{ANSWER}credit:\n  ussd: #123#\n")
    assert got.startswith(f"{FILE}:3: credit.ussd: ends at the #, and what follows ('#123#') is a comment")

    fine = parse(f"{ANSWER}credit:\n  ussd: # none\nline: nl # the second\ndatabase: a.db # one a line", FILE)
    assert (fine.credit.ussd, fine.line, fine.database) == (None, "nl", Path("/somewhere/a.db"))


def test_a_secret_behind_a_hash_is_not_shown() -> None:
    """The cut-off end of a URL may be a password."""
    (got,) = problems(f"{ANSWER}alerts:\n  urls:\n    - mailto://a #sesame\n")
    assert "ends at the #" in got
    assert "sesame" not in got


def test_all_problems_are_reported_together() -> None:
    """All problems are reported at once, in the order of the lines."""
    text = """\
line: f r
modem:
  pin: 12
  poll: 10s
  calls: [ring]
answer:
  texts:
    - ok
    -
limits:
  segments:
    hour: many
numbers:
  blocked:
    - 0470123456
    - nobody
  country: ZZ
privacy: {keep_texts: 2d, keep_numbers: 1d}
"""
    assert [line.removeprefix("/somewhere/").split(": ")[:2] for line in problems(text)] == [
        ["main.yaml:1", "line"],
        ["main.yaml:3", "modem.pin"],
        ["main.yaml:4", "modem.poll"],
        ["main.yaml:5", "modem.calls"],
        ["main.yaml:9", "answer.texts"],
        ["main.yaml:12", "limits.segments.hour"],
        ["main.yaml:16", "numbers.blocked"],
        ["main.yaml:17", "numbers.country"],
        ["main.yaml:18", "privacy.keep_texts"],
    ]


@pytest.mark.parametrize("key", ["modem: {pin: %s}", "alerts: {urls: ['%s']}", "alerts: {ping: '%s'}"])
def test_problems_keep_secrets(key: str) -> None:
    """A mistyped secret is not in the error."""
    (problem,) = problems(ANSWER + key % "sesame")
    assert "sesame" not in problem


def test_a_small_file_cannot_grow() -> None:
    """Aliases that double a list again and again are read once each."""
    layers = [f"      - &l{n} [*l{n - 1}, *l{n - 1}]" for n in range(1, 60)]
    text = "\n".join([ANSWER + "numbers:", "  blocked:", "      - &l0 [x]", *layers])
    got = problems(text)
    assert len(got) == 60
    assert got[-1] == (f"{FILE}:63: numbers.blocked: entry 60: expected {keys._NUMBER.expected}, got a list")


def test_a_section_may_not_hold_itself() -> None:
    """An alias to its own section is a problem, not a loop."""
    (problem,) = problems("answer: &a\n  text: Stop\n  answer: *a\n")
    assert problem.startswith(f"{FILE}:3: answer.answer: unknown key")


# files


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    """UTF-8 is read with or without a BOM."""
    file = tmp_path / "main.yaml"
    file.write_text("answer: {text: Arrête}", "utf-8-sig")
    assert load(file).answer.texts == ("Arrête",)


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"# \n\nanswer: {text: Arr\xeate}", "main.yaml:3: expected UTF-8; save the file in that encoding"),
        (b"#" * (config.LARGEST_FILE + 1), f"main.yaml:1: the file has more than {config.LARGEST_FILE:,} bytes"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, octets: bytes, problem: str) -> None:
    """Another encoding or size is reported with its line."""
    file = tmp_path / "main.yaml"
    file.write_bytes(octets)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.problems == (f"{tmp_path}/{problem}",)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """The system's reason follows its path."""
    for file, reason in ((tmp_path, "Is a directory"), (tmp_path / "a.yaml", "No such file or directory")):
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert caught.value.message == f"{file} cannot be read: {reason}"
        assert caught.value.problems == ()


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder for the system's configurations, beside an empty current folder."""
    monkeypatch.setattr(loading, "SYSTEM_FOLDER", tmp_path / "etc")
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "etc"


def test_the_file_is_searched_in_the_promised_order(system: Path) -> None:
    """Options come before the environment, and that before the system's lines.

    The order is --config, --line, HOTLINED_CONFIG, main or else the only line of the system, the current folder.
    """
    chosen, environment = system.parent / "chosen.yaml", system.parent / "environment.yaml"
    places = [chosen, system / "nl.yaml", environment, system / "main.yaml", Path("config.yaml")]
    for place in places:
        place.touch()
    environ = {"HOTLINED_CONFIG": str(environment)}
    assert find(chosen, "nl", environ) == chosen
    assert find(None, "nl", environ) == system / "nl.yaml"
    assert find(None, None, environ) == environment
    assert find(None, None, {"HOTLINED_CONFIG": ""}) == system / "main.yaml"
    (system / "main.yaml").unlink()
    assert find(None, None, {}) == system / "nl.yaml"
    (system / "fr.yaml").touch()
    assert find(None, None, {}) == Path("config.yaml")


def test_a_named_file_is_never_replaced(system: Path) -> None:
    """Its absence is an error, though others could be found."""
    (system / "main.yaml").touch()
    for option, line, environ in (
        (Path("missing.yaml"), None, {}),
        (None, "missing", {}),
        (None, None, {"HOTLINED_CONFIG": "missing.yaml"}),
    ):
        with pytest.raises(ConfigError, match=r"missing\.yaml"):
            find(option, line, environ)


def test_all_places_are_named_when_there_is_no_file(system: Path) -> None:
    """The current folder is named as well as the system's."""
    with pytest.raises(ConfigError) as caught:
        find(None, None, {})
    assert caught.value.problems == ()
    assert f"{system}/main.yaml nor config.yaml" in caught.value.message


def test_a_file_without_rights_is_not_skipped() -> None:
    """Only a missing file is; other errors come at loading."""
    unreachable = Path("n" * 300)
    assert find(unreachable, None, {}) == unreachable


def test_a_line_is_a_name_not_a_path() -> None:
    """`--line` cannot leave the folder of configurations."""
    with pytest.raises(UsageError):
        find(None, "../nl", {})


# the runtime folder


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Give a configuration whose runtime folder cannot be made, and an empty temporary folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "file").touch()
    return parse(ANSWER, FILE)._replace(runtime_dir=tmp_path / "file" / "run")


def test_the_runtime_folder_is_made(tmp_path: Path) -> None:
    """Each line has its own, named like its file."""
    got = parse(ANSWER, FILE)._replace(runtime_dir=tmp_path / "a" / "b")
    other = got._replace(path=tmp_path / "nl.yaml")
    assert config.runtime_dir(got) == config.runtime_dir(got) == tmp_path / "a" / "b" / "main"
    assert config.runtime_dir(other) == tmp_path / "a" / "b" / "nl"
    assert stat.S_IMODE(config.runtime_dir(got).stat().st_mode) & 0o027 == 0


def test_the_runtime_folder_of_systemd_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RUNTIME_DIRECTORY is the line's own folder; of several the first."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path / 'given'}:/elsewhere")
    assert config.runtime_dir(parse(ANSWER, FILE)) == tmp_path / "given"


def test_the_runtime_folder_falls_back_to_a_private_one(tmp_path: Path, homeless: Config) -> None:
    """The first cannot be made; the private one is closed to others."""
    private = tmp_path / f"hotlined-{os.getuid()}"
    assert config.runtime_dir(homeless) == private / "main"
    private.chmod(0o777)
    assert config.runtime_dir(homeless) == private / "main"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_a_runtime_folder_that_is_a_link_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private folder is used instead."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "main").symlink_to(tmp_path / "elsewhere")
    got = parse(ANSWER, FILE)._replace(runtime_dir=tmp_path)
    assert config.runtime_dir(got) == tmp_path / f"hotlined-{os.getuid()}" / "main"


@pytest.mark.parametrize("inside", [False, True])
def test_a_runtime_folder_that_is_a_trap_is_refused(tmp_path: Path, homeless: Config, inside: bool) -> None:
    """Links and files are traps, inside the private folder, too."""
    private = tmp_path / f"hotlined-{os.getuid()}"
    if inside:
        private.mkdir()
        private /= "main"
    private.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="a link or somebody else's"):
        config.runtime_dir(homeless)
    private.unlink()
    private.touch()
    with pytest.raises(ConfigError, match="File exists"):
        config.runtime_dir(homeless)


@needs_root
def test_a_runtime_folder_of_another_user_is_refused(tmp_path: Path, homeless: Config) -> None:
    """The line's own place is avoided, the private one refused."""
    private = tmp_path / f"hotlined-{os.getuid()}"
    theirs = homeless._replace(runtime_dir=tmp_path)
    (tmp_path / "main").mkdir()
    os.chown(tmp_path / "main", 12345, -1)
    assert config.runtime_dir(theirs) == private / "main"
    (private / "main").rmdir()
    private.chmod(0o755)
    os.chown(private, 12345, -1)
    with pytest.raises(ConfigError, match="somebody else's"):
        config.runtime_dir(homeless)
    assert stat.S_IMODE(private.stat().st_mode) == 0o755


# show


DURATIONS = st.integers(min_value=1, max_value=600).map(lambda seconds: f"{seconds}s")
# A quote that ends a text and opens none is refused unless the text is in quotes: not every program writes them.
TEXTS = st.sampled_from(["null", "~", "yes", "*a", "0123", '"', "\\"]) | st.text(
    st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=60
).filter(lambda text: text.strip() and text.rstrip()[-1] not in "'\"")
NAMES = st.from_regex(r"[a-z][a-z0-9_/ '\"#:.-]{0,20}", fullmatch=True)
MOBILES = st.integers(0, 999_999).map(lambda number: f"+32470{number:06}")
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "line": st.from_regex("[a-z0-9][a-z0-9_]{0,21}", fullmatch=True),
    "line_number": MOBILES,
    "database": NAMES,
    "log_level": st.sampled_from(list(LogLevel)).map(str),
    "modem.port": NAMES,
    "modem.pin_file": TEXTS.filter(lambda text: text[0] != "~"),
    "alerts.urls_file": TEXTS.filter(lambda text: text[0] != "~"),
    "modem.poll_interval": DURATIONS,
    "modem.delivery_reports": st.sampled_from(["true", "false"]),
    "answer.delay": DURATIONS | st.tuples(DURATIONS, DURATIONS).map(lambda two: sorted(two, key=parse_duration)),
    "limits.cooldown": DURATIONS | st.lists(DURATIONS, min_size=1, max_size=4),
    "limits.segments.day": st.integers(0, 10**15 - 1).map(str),
    "limits.reserve_for_new": st.integers(0, 100).map("{}%".format),
    "limits.price_per_segment": st.decimals(0, 10, places=4).map(str),
    "numbers.blocked": st.lists(MOBILES, max_size=3),
    "numbers.opt_out_words": st.lists(TEXTS.filter(lambda text: any(map(str.isalpha, text))), max_size=3),
    "credit.pattern": st.sampled_from([r"(\d+)", '"(a)', r"\\(a)"]),
    "privacy.keep_numbers": st.integers(90, 3650).map("{}d".format),
}


@given(st.fixed_dictionaries({"answer.texts": st.lists(TEXTS, min_size=1, max_size=3)}, optional=LEAVES))
@settings(deadline=None, max_examples=extent.examples(40, 150))
def test_the_shown_configuration_is_the_one_in_force(values: dict[str, Any]) -> None:
    """The output is read back the same, its keys in order.

    So is the configuration in the daemon's status.
    """
    shown_from = parse(nest(values), FILE)
    shown = show(shown_from)
    assert parse(shown, FILE) == shown_from
    assert list(dict(flatten(yaml.load(shown, yaml.BaseLoader)))) == list(KEYS)
    assert parse(in_force(shown_from), FILE) == shown_from
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_show_hides_secrets() -> None:
    """Stars stand for PIN and URLs; as a value they are refused."""
    secrets = {"modem.pin": "4711", "alerts.urls": ["tgram://sesame", "json://sesame"], "alerts.ping": "https://sesame"}
    full = parse(nest({"answer.text": "Stop", **secrets}), FILE)
    shown = show(full)
    assert [line.split("  #")[0].strip() for line in shown.splitlines() if "***" in line] == [
        'pin: "***"',
        'urls: ["***", "***"]',
        'ping: "***"',
    ]
    for text in (shown, repr(full), in_force(full)):
        assert "4711" not in text
        assert "sesame" not in text
    assert len(problems(shown)) == 4


# durations


@given(st.integers(min_value=0, max_value=10**10))
@settings(deadline=None)
def test_durations_survive_being_written(seconds: int) -> None:
    """Every whole number of seconds is read as it was written."""
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("0s", timedelta()),
    ],
)
def test_durations_are_integers_with_a_unit(written: str, duration: timedelta) -> None:
    """The documented spellings are read."""
    assert parse_duration(written) == duration


@pytest.mark.parametrize("written", ["", "10", "1.5h", "-1s", "30m1h", "1h 30m", "1H", "1w", "s", "٣s", "999999999d"])
def test_anything_else_is_not_a_duration(written: str) -> None:
    """Another order or unit, a bare number or half is refused."""
    with pytest.raises(ValueError, match="expected a duration like 90s"):
        parse_duration(written)


def test_durations_are_written_in_the_largest_units() -> None:
    """A fraction of a second is dropped, a negative duration refused."""
    assert format_duration(timedelta(days=1, seconds=3_661, milliseconds=999)) == "1d1h1m1s"
    assert format_duration(timedelta(milliseconds=999)) == "0s"
    with pytest.raises(ValueError, match="not negative"):
        format_duration(timedelta(seconds=-1))


# any file


SCALARS = st.sampled_from(
    [
        "",
        "null",
        "auto",
        "3",
        "10s",
        "50%",
        "BE",
        "(a)",
        "[[](a)",
        "0470123456",
        "x",
        "!!null a",
        "'",
        "*a",
        "&a",
        "\t",
        "- ",
    ]
) | st.text(max_size=8)
VALUES = SCALARS | st.lists(SCALARS, max_size=3).map(lambda items: f"[{', '.join(items)}]")
LINES = st.tuples(
    st.sampled_from(["", "  ", "    ", "\t"]),
    st.sampled_from([part for path in KEYS for part in path.split(".")]) | st.text(max_size=5),
    VALUES,
).map(lambda line: f"{line[0]}{line[1]}: {line[2]}")


@given(st.binary() | st.text().map(str.encode) | st.lists(LINES).map(lambda lines: "\n".join(lines).encode()))
@settings(deadline=None, max_examples=extent.examples(100, 400))
def test_any_file_is_a_configuration_or_refused(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    """The problems of a refusal have lines of the file."""
    file = tmp_path_factory.getbasetemp() / "main.yaml"
    file.write_bytes(octets)
    try:
        got = load(file)
    except ConfigError as error:
        lines = [int(re.match(rf"{re.escape(str(file))}:(\d+): \S", problem).group(1)) for problem in error.problems]  # type: ignore[union-attr]
        assert lines
        assert lines == sorted(lines)
        assert lines[-1] <= len(re.split(r"\r\n|[\n\r\x85\u2028\u2029]", octets.decode("utf-8", "replace")))
    else:
        assert parse(show(got), file) == got


def test_yaml_is_loaded_when_a_file_is_read() -> None:
    """A process that reads no configuration does not load the YAML library."""
    program = "import sys, hotlined.config; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
