"""What the schema of `--json` says of a value beyond its type: how it is written, between what it lies, what there is.

A `Form` stands in the type: `Annotated[str, Form(…)]`. `scripts/run schema` reads it, and nothing else does.
"""

from typing import Annotated, TypeVar


class Form:
    """Words of JSON Schema about a value; with a `name` they make a definition, which others refer to.

    `keys` are those that an object has, each with a value of the same type.
    """

    def __init__(self, *, name: str = "", keys: tuple[str, ...] = (), **words: object) -> None:
        """Hold the words."""
        self.name, self.keys, self.words = name, keys, words


_Each = TypeVar("_Each")

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
