"""Tools for documents: their JSON, a document made from another one, and words for the schema beyond a value's type.

A `Form` is a part of a type: `Annotated[str, Form(…)]`. Only `scripts/run schema` reads it.
"""

from decimal import Decimal
from typing import Annotated, Any, TypeVar


class Form:
    """Words of JSON Schema about a value; with a `name` they become a definition, to which other types refer.

    `keys` are the keys of an object whose values all have the same type.
    """

    def __init__(self, *, name: str = "", keys: tuple[str, ...] = (), **words: object) -> None:
        """Hold the words."""
        self.name, self.keys, self.words = name, keys, words


_Each = TypeVar("_Each")
_Document = TypeVar("_Document")

Time = Annotated[
    str,
    Form(
        name="time",
        description="RFC 3339 in UTC, with milliseconds.",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    ),
]
Detail = Annotated[dict[str, object], Form(type="object")]
"""Values by their names, each as JSON stores it."""
Seconds = Annotated[float, Form(minimum=0)]
ByWindow = Annotated[dict[str, _Each], Form(keys=("hour", "day", "month"))]
"""A value for each window of the limits."""


def by_key(document: Any) -> dict[str, Any]:
    """Return the values of a document by its keys; unlike `asdict`, copies nothing and keeps inner documents."""
    return {name: getattr(document, name) for name in document.__dataclass_fields__}


def plain(value: Any) -> float | dict[str, Any]:
    """Convert a value for `json.dumps`, as its `default`: a document to a dict, a price to a number."""
    return float(value) if isinstance(value, Decimal) else by_key(value)


def extended(kind: type[_Document], value: object, **more: object) -> _Document:
    """Make a document from another one: it takes over the keys that both have; `more` adds to them or replaces them."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]  # every dataclass has it
    shared = {name: held for name, held in by_key(value).items() if name in names}
    return kind(**shared | more)
