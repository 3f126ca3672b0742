"""Some thousand mutated PDUs in each run of the tests; scripts/run fuzz takes a million."""

from itertools import islice
from pathlib import Path

import extent
import fuzz

MUTANTS = 20_000 if extent.WHOLE else 5_000
MOST_MIB = 64  # more would mean that memory grows with the traffic


def test_mutated_pdus_are_recorded_and_stop_nothing(tmp_path: Path) -> None:
    """Each is there once, unchanged, decoded or with its problem.

    Its contact is a line of JSON, and memory does not grow with the traffic.
    """
    figures = fuzz.fuzz(MUTANTS, extent.SEED, folder=tmp_path)

    assert figures.pdus == MUTANTS
    assert 0 < figures.problems < MUTANTS
    assert 0 < figures.repeats < figures.contacts < MUTANTS
    assert figures.mib_after - figures.mib_before < MOST_MIB


def test_seed_gives_the_same_mutants() -> None:
    """A finding can be repeated."""
    assert list(islice(fuzz.mutants(7), 500)) == list(islice(fuzz.mutants(7), 500))
    assert list(islice(fuzz.mutants(7), 500)) != list(islice(fuzz.mutants(8), 500))
