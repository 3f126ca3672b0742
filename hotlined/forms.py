"""How a document is written: as JSON, made of another one, and what the schema says of a value beyond its type.

A `Form` stands in a type: `Annotated[str, Form(…)]`. `scripts/run schema` reads it, and nothing else does.
"""

from decimal import Decimal
from typing import Annotated, Any, TypeVar


class Form:
    """Words of JSON Schema about a value; with a `name` they make a definition, which others refer to.

    `keys` are those that an object has, each with a value of the same type.
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
"""Values by their names, each as JSON has it."""
Seconds = Annotated[float, Form(minimum=0)]
ByWindow = Annotated[dict[str, _Each], Form(keys=("hour", "day", "month"))]
"""A value for each window of the limits."""


def by_key(document: Any) -> dict[str, Any]:
    """Return what a document has by its keys; unlike `asdict` it copies nothing, and leaves documents inside it."""
    return {name: getattr(document, name) for name in document.__dataclass_fields__}


def plain(value: Any) -> float | dict[str, Any]:
    """Return what `json.dumps` does not know as what it knows: a document by its keys, a price as a number."""
    return float(value) if isinstance(value, Decimal) else by_key(value)


def extended(kind: type[_Document], value: object, **more: object) -> _Document:
    """Return a document that takes over the keys that it shares with another one; `more` are the rest, or others."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]  # of every dataclass
    shared = {name: held for name, held in by_key(value).items() if name in names}
    return kind(**shared | more)
