"""The counts of CONTRIBUTING.md: what one person has to know does not grow unnoticed."""

import re
import sys
from pathlib import Path

import census

TABLE = re.compile(r"^\| ([a-z ]+) \| ([0-9,]+) \|$", re.MULTILINE)


def test_nothing_grows_unnoticed() -> None:
    """A commit that raises a count edits its row, and says in its message what went for it."""
    text = (Path(census.ROOT) / "CONTRIBUTING.md").read_text("utf-8").partition("\n## How much there is\n")[2]
    held = {name: int(number.replace(",", "")) for name, number in TABLE.findall(text.partition("\n## ")[0])}
    found = census.here()
    found["states"] = sum(number for name, number in found.items() if name.startswith("states of "))
    found["tokens"] = max(found["tokens"], held["tokens"]) if sys.version_info[:2] == (3, 11) else held["tokens"]

    assert len(held) == 11
    assert {name: found[name] for name in held} == held


def test_tokens_are_without_prose() -> None:
    """Comments and docstrings cost nothing."""
    assert census.tokens('"""A\nB."""\nx = 1  # why\n\n\ndef f() -> None:\n    """C."""\n') == 3 + 7
