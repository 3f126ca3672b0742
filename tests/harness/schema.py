"""Makes docs/output.schema.json from the types of the documents: `scripts/run schema`.

A dataclass is an object with its fields as keys, an enum lists its members, and both are definitions. Their docstrings
are the descriptions; the docstring below a field describes its key. A `Form` adds words.
"""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from hotlined.doctor.findings import Checked
from hotlined.documents import PreviewedContact, ShownContact, TextByHand, WholeTextByHand
from hotlined.forms import Form
from hotlined.reports.fleet import FleetStatus
from hotlined.reports.limits import LimitsReport
from hotlined.reports.number import ShownNumber
from hotlined.reports.status import LineStatus
from hotlined.reports.text import CheckedText
from hotlined.statistics.document import Stats
from hotlined.store.answers.correspondents import Correspondent
from hotlined.store.people.export import Export

FILE = Path(__file__).resolve().parents[2] / "docs/output.schema.json"
DOCUMENTS: dict[str, type] = {
    "log": PreviewedContact,
    "log_by_hand": TextByHand,
    "show": ShownContact,
    "show_by_hand": WholeTextByHand,
    "show_number": ShownNumber,
    "numbers": Correspondent,
    "stats": Stats,
    "limits": LimitsReport,
    "status": LineStatus,
    "fleet_status": FleetStatus,
    "doctor": Checked,
    "text_check": CheckedText,
    "export": Export,
}
"""The document of each command, by the name of its definition."""
_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": 0},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}
_WIDTH = 120  # characters; longer values are written on several lines

Schema = dict[str, Any]


def made() -> str:
    """Return the schema as in the file."""
    definitions = _Definitions()
    for kind in DOCUMENTS.values():
        definitions.schema_of(kind)
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "What hotlined prints with --json",
        "description": f"A definition for each command: {', '.join(DOCUMENTS)}. JSON Lines where it is a list: one such"
        " object a line. Further properties may be added.",
        "definitions": definitions.found,
    }
    return f"{_laid_out(schema)}\n"


class _Definitions:
    """The definitions of the requested types, and of all their parts."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def schema_of(self, kind: Any) -> Schema:
        """Return the schema of a type."""
        origin, arguments = get_origin(kind), get_args(kind)
        if kind in _SIMPLE:
            return dict(_SIMPLE[kind])
        if origin is Annotated:
            return self._formed(*arguments)
        if origin in (Union, UnionType):
            return _any_of([self.schema_of(each) for each in arguments])
        if origin is dict:
            return {"type": "object", "additionalProperties": self.schema_of(arguments[1])}
        if origin is tuple:
            length = {} if arguments[-1] is ... else {"minItems": len(arguments), "maxItems": len(arguments)}
            return {"type": "array", "items": self.schema_of(arguments[0])} | length
        if issubclass(kind, Enum):
            return self._referred(_snake(kind.__name__), lambda: {"enum": [each.value for each in kind]})
        assert is_dataclass(kind), kind
        names = (name for name, each in DOCUMENTS.items() if each is kind)
        return self._referred(next(names, _snake(kind.__name__)), lambda: self._object(kind))

    def _formed(self, kind: Any, form: Form) -> Schema:
        if form.keys:
            each = self.schema_of(get_args(kind)[1])
            return {"type": "object", "properties": dict.fromkeys(form.keys, each), "required": list(form.keys)}
        if form.words.keys() & {"enum", "type"}:  # the form is complete
            return dict(form.words)
        schema = {name: word for name, word in (self.schema_of(kind) | form.words).items() if word is not None}
        return self._referred(form.name, lambda: schema) if form.name else schema

    def _referred(self, name: str, make: Callable[[], Schema]) -> Schema:
        if name not in self.found:
            self.found[name] = {}  # its place in the order, before its parts
            self.found[name] = make()
        return {"$ref": f"#/definitions/{name}"}

    def _object(self, kind: type) -> Schema:
        hints, said = get_type_hints(kind, include_extras=True), dict(_docstrings(kind))
        keys = [field.name for field in fields(kind)]
        properties = {key: _described(self.schema_of(hints[key]), said.get(key)) for key in keys}
        about = " ".join((kind.__doc__ or "").split())
        return {"description": about, "type": "object", "properties": properties, "required": keys}


def _any_of(schemas: list[Schema]) -> Schema:
    """Return a schema that any of these fit; null beside one plain type is in its `type`."""
    match schemas:
        case [{"type": plain, **words}, {"type": "null"}] if "properties" not in words:
            return {"type": [plain, "null"], **words}
    return {"anyOf": schemas}


def _described(schema: Schema, said: str | None) -> Schema:
    """Return a schema with a description; draft 7 ignores everything beside a reference."""
    if said is None:
        return schema
    return {"description": said} | ({"allOf": [schema]} if "$ref" in schema else schema)


def _docstrings(kind: type) -> Iterator[tuple[str, str]]:
    """Yield the fields of a class and of its bases that have a docstring below them."""
    for each in reversed(kind.__mro__[:-1]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(body, ast.ClassDef)
        for above, below in zip(body.body, body.body[1:], strict=False):
            match above, below:
                case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(words))):
                    yield field, " ".join(words.split())


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _laid_out(value: Any, indent: str = "", before: int = 0) -> str:
    """Write JSON: each object and list on one line if there is room, otherwise each item on its own lines."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent) + before + len(line) < _WIDTH:
        return line
    inner = f"{indent}  "
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return f"[\n{textwrap.fill(line[1:-1], _WIDTH, initial_indent=inner, subsequent_indent=inner)}\n{indent}]"
    if isinstance(value, list):
        items = ",\n".join(f"{inner}{_laid_out(each, inner)}" for each in value)
        return f"[\n{items}\n{indent}]"
    items = ",\n".join(f'{inner}"{key}": {_laid_out(each, inner, len(key) + 4)}' for key, each in value.items())
    return f"{{\n{items}\n{indent}}}"


if __name__ == "__main__":
    FILE.write_text(made(), "utf-8")
