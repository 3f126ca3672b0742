"""The key of sealed backups, as people type it from paper."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hotlined import agekey

IDENTITY = "AGE-SECRET-KEY-1VL6KNQD3PZD0DURJJTJE4J28GDHEZ6L4XKRSNT6AH7XQARXC9VHSTCR6UH"
"""A key from age-keygen, used only in tests."""


def test_typed_key_tolerates_how_people_type() -> None:
    """Small letters, blanks, a missing first line and O for zero work."""
    paper = agekey.on_paper(IDENTITY)
    assert paper[0] == "AGE-SECRET-KEY-1"
    assert all(re.fullmatch(r"([0-9A-Z]{4} ?)*([0-9A-Z]{2})?", each) for each in paper[1:])
    for typed in ("\n".join(paper), "".join(paper[1:]).lower(), "  ".join(paper).replace("0", "O")):
        assert agekey.maybe_identity(typed) == IDENTITY


@given(st.lists(st.tuples(st.integers(16, 73), st.sampled_from("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")), max_size=4))
def test_key_with_four_wrong_characters_is_refused(mistakes: list[tuple[int, str]]) -> None:
    """They are never another valid key."""
    characters = list(IDENTITY)
    for position, character in mistakes:
        characters[position] = character
    typed = "".join(characters)
    assert agekey.maybe_identity(typed) == (IDENTITY if typed == IDENTITY else None)
