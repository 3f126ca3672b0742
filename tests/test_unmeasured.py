"""How the tests are chosen of which no coverage is measured."""

import pytest
from unmeasured import needless

pytestmark = pytest.mark.uncounted
A, B, C, D, E = ((1, 0, line) for line in range(5))
"""Ways."""


@pytest.mark.parametrize(
    ("ways", "costs", "chosen", "left_out"),
    [
        ({"dear": {A, B}, "cheap": {A, B}}, {"dear": 2.0, "cheap": 1.0}, set(), ["dear"]),
        ({"dear": {A, B}, "own": {B, C}, "other": {A}}, {"dear": 2.0, "own": 1.0, "other": 1.0}, set(), ["dear"]),
        ({"": {A}, "imported": {A}, "alone": {B}}, {"imported": 1.0, "alone": 9.0}, {""}, ["imported"]),
        ({"marked": {A}, "other": {A}}, {"marked": 9.0, "other": 1.0}, {"marked"}, ["other"]),
        ({"tiny": {A}, "other": {A, B}}, {"tiny": 0.001, "other": 0.02}, set(), []),
        ({"a": {A, B, C}, "b": {A, D}, "c": {B, E}}, {"a": 0.1, "b": 1.0, "c": 1.0}, set(), []),
        ({"a": {A, B}, "b": {B, C, D, E}, "c": {A}}, {"a": 1.0, "b": 1.0, "c": 0.5}, set(), ["a"]),
    ],
)
def test_dear_ones_that_take_no_way_of_their_own_are_left_out(
    ways: dict[str, set[tuple[int, int, int]]], costs: dict[str, float], chosen: set[str], left_out: list[str]
) -> None:
    """What is left still takes all ways; who is measured in any case is never left out, and cheap ones stay."""
    assert needless(ways, costs, chosen) == left_out
    kept = set().union(*(found for test, found in ways.items() if test not in left_out))
    assert kept == set().union(*ways.values())
