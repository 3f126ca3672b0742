"""The money path, explored as a table: all sequences of events, each state once, judged by the oracle."""

import os
from pathlib import Path

import explore
import extent
import pytest
from oracle import Submitted

DEPTH = int(os.environ.get("HOTLINED_DEPTH", "0"))
"""Depth instead of those below (0: none); `python tests/harness/explore.py` prints the number of states."""
LESS = (0, 0) if extent.WHOLE else (2, 3)
"""Steps that one alphabet, and all others, go less deep than below."""

ALPHABETS = {
    "everything": (4, ()),
    "results and people": (8, ("A writes", "B writes", "sent", "unknown", "requeued", "late")),
    "refusals and time": (8, ("A writes", "B writes", "sent", "refused", "an hour")),
    "the end of an answer": (8, ("A writes", "sent", "A says stop", "an hour", "purged", "dead", "requeued")),
    "proofs and persons": (
        7,
        ("A writes", "sent", "unknown", "requeued", "late", "1 delivered", "2 delivered", "cancelled"),
    ),
    "what never left": (
        6,
        ("A writes", "B writes", "sent", "refused", "dead", "withdrawn", "cancelled", "killed", "an hour"),
    ),
    "who is named": (6, ("Zara names A", "A writes", "sent", "1 undelivered", "purged", "A says stop")),
    "the breaker": (8, ("A writes", "B writes", "unknown", "refused", "sent", "restarted", "requeued")),
    "countries": (8, ("D writes", "A writes", "unknown", "requeued", "an hour", "sent")),
}
"""Sets of events that are explored together, each with its depth; the set of all events goes less deep."""
DEEPER = sorted(ALPHABETS)[extent.SEED % len(ALPHABETS)]
"""The alphabet that goes deeper in this run."""

FOUND_BY = {
    "cooldown off": (6, ("A writes", "sent", "an hour")),
    "count released": (2, ("A writes", "unknown")),
    "old attempt resumed": (5, ("A writes", "unknown", "requeued", "late", "sent")),
    "breaker forgotten at a restart": (7, ("A writes", "B writes", "unknown", "requeued", "restarted")),
    "reserve rounded up": (6, ("A writes", "unknown", "requeued")),
    "opt-out ignored while queued": (3, ("A writes", "A says stop", "sent")),
    "stale not swept": (6, ("A writes", "sent", "an hour")),
    "second segment after a refusal": (3, ("A writes", "refused", "sent")),
    "requeue counted twice": (3, ("A writes", "unknown", "requeued")),
    "pseudonym not recognised": (6, ("A writes", "sent", "purged")),
    "proof ends no requeue": (6, ("A writes", "sent", "unknown", "requeued", "late")),
    "what was ended goes on": (6, ("A writes", "unknown", "requeued", "cancelled", "late", "sent")),
    "oldest first": (4, ("A writes", "B writes", "an hour", "sent")),
    "names are believed": (2, ("Zara names A", "sent")),
}
"""For each mutant: the depth and the events that reveal it."""


@pytest.mark.parametrize("name", ALPHABETS)
def test_no_sequence_of_events_breaks_a_promise(
    tmp_path: Path, name: str, record_property: pytest.FixtureRequest
) -> None:
    """Limits and counts hold in all orders, and nothing leaves twice."""
    depth, events = ALPHABETS[name]
    depth = DEPTH or max(2, depth - LESS[name != DEEPER])
    with explore.explorer(tmp_path) as exploring:
        found = explore.explore(exploring, depth, events)
    record_property("states", found.states)  # type: ignore[operator]

    assert len(found.states) == depth + 1
    assert found.states[2]


@pytest.mark.parametrize("mutant", FOUND_BY)
def test_exploration_finds_every_mutant(tmp_path: Path, mutant: str) -> None:
    """The same events break nothing without the mutant."""
    depth, events = FOUND_BY[mutant]
    with explore.explorer(tmp_path) as exploring:
        explore.explore(exploring, depth, events)
    with explore.explorer(tmp_path, [mutant]) as exploring, pytest.raises(explore.FoundError):
        explore.explore(exploring, depth, events)


def test_half_that_is_proven_to_have_left_is_no_failure(tmp_path: Path) -> None:
    """Its answer goes on, and another one that fails meanwhile is the first in a row."""
    with explore.explorer(tmp_path) as exploring:
        explore.walk(exploring, "A writes > B writes > unknown > sent > late > unknown > sent")
        exploring.check()

        assert len([fact for fact in exploring.world.facts if isinstance(fact, Submitted)]) == 4


@pytest.mark.parametrize("mutants", [[], ["countries tried without a pause"]])
def test_exploration_finds_a_country_that_is_tried_too_soon(tmp_path: Path, mutants: list[str]) -> None:
    """A country's answer gets through; the other one waits a minute more.

    A German and a Belgian number got nothing, then the Belgian one does: the German one has to wait.
    """
    path = "D writes > A writes > unknown > unknown > B writes > an hour > sent > sent > requeued > sent"
    with explore.explorer(tmp_path, mutants) as exploring:
        explore.walk(exploring, path)
        (waiting,) = exploring.db.all("SELECT country FROM country_outages") if not mutants else [None]
        if mutants:
            with pytest.raises(explore.FoundError):
                exploring.check()
        else:
            exploring.check()
            assert waiting


SEQUENCES = (
    "A writes > sent > sent > 2 delivered > 1 delivered > 1 undelivered > 1 delivered",
    "A writes > sent > sent > 2 undelivered > 2 delivered",
    "A writes > sent > unknown > 2 pending",
    "A writes > sent > unknown > 2 delivered",
    "A writes > sent > unknown > 2 undelivered",
    "A writes > unknown > late",
    "A writes > unknown > 1 delivered",
    "A writes > unknown > requeued > A says stop",
    "A writes > sent > unknown > requeued > late",
    "A writes > refused",
    "A writes > dead",
    "A writes > sent > refused > A says stop",
    "A writes > A says stop",
)
"""Sequences that take every transition between states, among them those too rare for the exploration."""


def test_every_allowed_transition_between_states_happens(tmp_path: Path) -> None:
    """A needless transition in the tables could hide a fault."""
    taken: set[str] = set()
    for number, path in enumerate(SEQUENCES):
        (tmp_path / str(number)).mkdir()
        with explore.explorer(tmp_path / str(number)) as exploring:
            explore.walk(exploring, path)
        taken |= exploring.taken

    assert taken == explore.arrows()
