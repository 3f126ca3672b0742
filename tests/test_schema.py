"""The schema of config.yaml for editors agrees with the program, but for what it says that it cannot know."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hotlined import config as configuration
from hotlined.cli import main
from hotlined.config import keys
from hotlined.config.keys import KEYS, Key, Shape, Where
from hotlined.config.patterns import between
from hotlined.config.problems import Problem
from hotlined.config.reading import convert, walk
from hotlined.config.schema import UNKNOWN, schema
from hotlined.config.syntax import compose
from hotlined.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = schema()
WHERE = Where(Path("/etc/hotlined"), "BE")


def _ecma(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Apply a pattern as ECMA 262 does, whose $ is the end, and not before a last newline."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": _ecma})
VALIDATOR = Validator(SCHEMA)


class Editor(yaml.SafeLoader):
    """Reads YAML as a language server does: by the core schema of YAML 1.2 (10.3.2)."""


Editor.yaml_implicit_resolvers = {}
for tag, pattern in (
    ("null", r"~|null|Null|NULL|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"),
):
    Editor.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), None)


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan"))


Editor.add_constructor("tag:yaml.org,2002:int", _int)
Editor.add_constructor("tag:yaml.org,2002:float", _float)


class Older(yaml.SafeLoader):
    """Reads YAML 1.1, as some servers are set up to; JSON has no dates, so they are text."""


Older.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def program_takes(text: str) -> bool:
    """Tell whether the program takes each key of a file as it stands there, rules over several keys aside."""
    problems: list[Problem] = []
    try:
        root = compose(text, ROOT / "config.yaml")
    except ConfigError:
        return False
    if root is not None and root.id != "mapping":
        return False
    stated = walk(root, problems)
    for path, node in stated.nodes.items():
        problems += convert(KEYS[path], stated.lines[path], node, WHERE)[1]
    return not problems


def editor_takes(document: Any) -> bool:
    """Tell whether the schema takes a document."""
    return bool(VALIDATOR.is_valid(document))


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return a document with one key."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value  # type: ignore[no-any-return]


def test_the_schema_is_one() -> None:
    """It is draft 7, which language servers read; every key has its meaning and its default, which it takes."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    for key in KEYS.values():
        place: Any = SCHEMA
        for name in key.path.split("."):
            place = place["properties"][name]
        assert key.doc in place["description"]
        missing = key.path == "answer.text"  # it alone has none
        assert editor_takes(nested(key.path, place["default"])), key.path
        assert missing or program_takes(json.dumps(nested(key.path, place["default"])))


def test_the_command_prints_it_and_says_what_it_cannot_know() -> None:
    """Whoever relies on an editor reads what only the program finds."""
    result = CliRunner().invoke(main, ["config", "schema"])

    assert json.loads(result.output) == SCHEMA
    assert all(each in SCHEMA["description"] for each in UNKNOWN)


def test_the_example_is_taken() -> None:
    """config.yaml as it comes has no mistake in an editor."""
    text = (ROOT / "config.yaml").read_text("utf-8")

    assert editor_takes(yaml.load(text, Editor))
    assert editor_takes(yaml.load(text, Older))


@pytest.mark.parametrize(
    "stated",
    [
        "colour: red",
        "modem: {prot: auto}",
        "answer.delay: 30m",
        "answer: {delay: 30}",
        "answer: {delay: 30 min}",
        "answer: {delay: 31d}",
        "answer: {delay: [1m, 2m, 3m]}",
        "answer: {delay: []}",
        "answer: {validity: 4m}",
        "answer: {validity: 299s}",
        "answer: {validity: 442d}",
        "answer: {max_segments: 256}",
        "answer: {max_segments: 0}",
        'answer: {max_segments: "0256"}',
        "answer: {max_segments: 1.5}",
        'answer: {text: " "}',
        "answer: {texts: non}",
        "answer: {texts: [non, []]}",
        "answer: {by_country: nee}",
        "answer: {by_country: {Belgium: nee}}",
        "answer: {by_country: {NL: []}}",
        "answer: {encoding: ascii}",
        "modem: {pin: '123'}",
        "modem: {pin: 123456789}",
        "modem: {calls: hangup}",
        "modem: {port: ttyUSB0}",
        "modem: {poll_interval: null}",
        "limits: {reserve_for_new: 50}",
        "limits: {reserve_for_new: 101%}",
        "limits: {price_per_segment: 0,05}",
        "limits: {price_per_segment: -1}",
        "limits: {segments: 60}",
        "limits: {currency: euro}",
        "numbers: {country: Belgium}",
        "numbers: {answer_countries: BE}",
        'numbers: {opt_out_words: ["!"]}',
        "credit: {ussd: '*123'}\nline: we-b",
        "line: Fr",
        "alerts: {digest: monthly}",
        "alerts: {urls: [example.org]}",
        "web: {hosts: ['desk.example.org:80']}",
        "- line",
        "fr",
    ],
)
def test_mistakes_are_seen_while_they_are_made(stated: str) -> None:
    """Unknown keys, wrong kinds, units and ranges are wrong in an editor, as they are to the program."""
    assert not program_takes(stated)
    assert not editor_takes(yaml.load(stated, Editor))


PLAIN = (
    "0123", "1234", "0000", "NO", "no", "yes", "On", "1.5", "1e1", "0.05", "5", "007", "2026-11-24", "true", "0x10",
    "0o17", "1_000", "12:30", "~", "null", "", ".inf", "60", "30m", "1h30m", "50%", "BE", "EUR", "auto", "/dev/ttyUSB0",
    "*", "stop", "+32470123456", "0470123456", "weekly", "gsm7", "live", "hang_up", "http://example.org/x", "json://h",
    "desk.example", "caddy", "1e-5", "-1", "9999999999999999", "3650d", "'1234'", '"NO"', "127.0", "False",
)  # fmt: skip


@pytest.mark.parametrize("path", KEYS)
def test_what_stands_without_quotes_is_taken_where_the_program_takes_it(path: str) -> None:
    """A PIN that is a number to the editor, a country that is a no, a date, an amount: none is a mistake there."""
    *sections, name = path.split(".")
    head = "".join(f"{'  ' * depth}{section}:\n" for depth, section in enumerate(sections))
    indent = "  " * len(sections)
    for plain in PLAIN:
        for value in (plain, f"[{plain}]", f"[{plain}, {plain}]"):
            text = f"{head}{indent}{name}: {value}\n"
            if program_takes(text):
                assert editor_takes(yaml.load(text, Editor)), text
                assert editor_takes(yaml.load(text, Older)), text


# ---- any configuration


def _durations() -> st.SearchStrategy[str]:
    part = st.tuples(st.integers(0, 10**8) | st.integers(0, 100), st.sampled_from("dhmsw"))
    return st.lists(part, min_size=1, max_size=3).map(lambda parts: "".join(f"{count}{unit}" for count, unit in parts))


SCALARS = st.one_of(
    st.sampled_from([plain.strip("'\"") for plain in PLAIN]),
    st.sampled_from([*keys._COUNTRIES, *keys._STOP, "ttyUSB0\n", "BE\n", "1234\n", "!", "«", "é"]),
    _durations(),
    st.integers(-1, 10**16).map(str),
    st.integers(0, 300).map(lambda number: f"{number:03}"),
    st.decimals(-1, 10**10, allow_nan=False).map(str),
    st.from_regex(r"\A[a-z0-9_-]{0,24}\Z"),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
)
LISTS = st.lists(SCALARS, max_size=3)
SECTIONS = st.dictionaries(st.sampled_from(["x", "NL", "DE", "nl"]), SCALARS | LISTS | st.none(), max_size=2)
VALUES = st.none() | SCALARS | LISTS | st.lists(SCALARS | LISTS, max_size=2) | SECTIONS


def is_beyond(key: Key, value: Any) -> bool:
    """Tell whether a value is one of what the schema says that it cannot judge."""
    parts = value if isinstance(value, list) else [value]
    return (
        key.kind in (keys._NUMBER, keys._PATTERN, keys.COUNTRY)
        or (key.kind in (keys._WORD, keys._MET) and any(isinstance(each, str) and not each.isascii() for each in parts))
        or any(isinstance(each, str) and len(re.findall("[dhms]", each)) > 1 for each in parts)
        or (key.shape is Shape.RANGE and len(parts) == 2)
    )


@given(
    st.dictionaries(st.sampled_from(sorted(KEYS)), VALUES, max_size=4), st.sampled_from([None, "x", "modem.x", "web"])
)
def test_any_configuration_is_judged_alike(values: dict[str, Any], more: str | None) -> None:
    """What the program takes the schema takes, and what it refuses the schema refuses, but for what it cannot know."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        place = document
        *sections, name = path.split(".")
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    if more:
        *sections, name = more.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place.setdefault(name, "x")
    taken, valid = program_takes(json.dumps(document)), editor_takes(document)

    assert valid or not taken
    if not any(is_beyond(KEYS[path], value) for path, value in values.items()):
        assert taken or not valid


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 9))
def test_a_range_of_numbers_as_a_pattern(one: int, other: int, number: int, width: int) -> None:
    """A number fits the pattern exactly if it lies between the bounds and has room, with or without leading zeros."""
    least, most = sorted((one, other))
    written = f"{number:0{width}}"
    for each, text in ((number, written), (least, str(least)), (most, str(most)), (most + 1, str(most + 1))):
        expected = least <= each <= most and len(text) <= 7
        assert bool(re.fullmatch(between(least, most, 7), text)) == expected


def test_rules_over_several_keys_are_named() -> None:
    """Every rule over several keys is one that the schema says it does not know."""
    from hotlined.config.judging import RULES  # noqa: PLC0415

    named = " ".join(UNKNOWN)
    assert all(path in named for paths, _ in RULES for path in paths if path != "answer.encoding")
    with pytest.raises(ConfigError):
        configuration.parse("line: fr", ROOT / "config.yaml")
    assert editor_takes({"line": "fr"})
