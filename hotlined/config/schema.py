"""The table of keys as a JSON schema (draft 7, the newest that YAML language servers read), for editors.

An editor reads YAML 1.2 and sees numbers, truths and nulls where the program reads text: what is written without quotes
has lost its spelling there, so the schema lets through what may have been right. `UNKNOWN` says what else it cannot
know. Patterns are ECMA 262's.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hotlined.config.keys import COUNTRY, KEYS, Key, Shape
from hotlined.config.reading import MOST_KEYS

DRAFT = "http://json-schema.org/draft-07/schema#"
UNKNOWN = (
    "that one of answer.text_file, answer.text and answer.texts is set",
    "that the answer, with answer.by_country, fits answer.max_segments",
    "that of modem.pin and modem.pin_file only one is set",
    "that answer.delay ends before answer.max_age, and names the shorter of two first",
    "that privacy.keep_texts is at most privacy.keep_numbers",
    "that backup.recipients names somebody where backup.folder or backup.send is set",
    "whether a telephone number, a country or a regular expression with one group is one",
    "how a number was spelled without quotes, such as 0x10 for 16, or 123 for the PIN 0123",
    "what the parts of a duration make together, such as 1h30m",
    "whether a word of signs beyond ASCII has a letter in it",
    "comments where none was meant, quotes that nothing opens, keys that stand there twice, files that are too large",
)
"""What the schema cannot know, and the program refuses all the same."""


def schema() -> dict[str, Any]:
    """Return the schema of config.yaml."""
    root: dict[str, Any] = {
        "$schema": DRAFT,
        "title": "The configuration of hotlined",
        "description": f"It cannot know {'; '.join(UNKNOWN)}. `hotlined config check` does.",
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }
    for key in KEYS.values():
        place = root["properties"]
        *sections, name = key.path.split(".")
        for section in sections:
            empty = {"type": ["object", "null"], "properties": {}, "additionalProperties": False}
            place = place.setdefault(section, empty)["properties"]
        place[name] = _of(key)
    return root


def _of(key: Key) -> dict[str, Any]:
    one = {**key.kind.schema, "patternErrorMessage": f"expected {key.kind.expected}"}
    if "pattern" not in one:
        del one["patternErrorMessage"]
    return {
        "description": f"{key.doc}: {key.kind.expected}",
        "default": default_of(key),
        **_SHAPES[key.shape](one),
    }


def _maybe(one: Mapping[str, Any]) -> dict[str, Any]:
    if "enum" in one:
        return {**one, "enum": [*one["enum"], None]}
    kinds = one["type"]
    return {**one, "type": [*([kinds] if isinstance(kinds, str) else kinds), "null"]}


def _series(one: Mapping[str, Any], **bounds: int) -> dict[str, Any]:
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, **bounds}]}


_SHAPES: Mapping[Shape, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Shape.ONE: lambda one: one,
    Shape.MAYBE: _maybe,
    Shape.LIST: lambda one: {"type": "array", "items": one},
    Shape.SERIES: _series,
    Shape.RANGE: lambda one: _series(one, maxItems=2),
    Shape.NESTED: lambda one: {"type": "array", "items": _series(one, maxItems=MOST_KEYS), "maxItems": MOST_KEYS},
    Shape.BY_COUNTRY: lambda one: {
        "type": ["object", "null"],
        "propertyNames": {**COUNTRY.schema},
        "additionalProperties": _series(one, maxItems=MOST_KEYS),
        "maxProperties": MOST_KEYS,
    },
}


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
