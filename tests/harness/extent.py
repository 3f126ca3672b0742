"""How much of a sweep one run of the tests takes: a sample, or with HOTLINED_WHOLE=1 all of it.

A sample is each n-th of what there is, from a place that HOTLINED_SEED chooses: the same one in each run unless it is
set. The whole draws what is random by another seed each time; pytest prints it, and HOTLINED_SEED repeats it.
"""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

WHOLE = os.environ.get("HOTLINED_WHOLE", "0") != "0"
SEED = int(os.environ.setdefault("HOTLINED_SEED", str(random.SystemRandom().randrange(1_000_000) if WHOLE else 0)))
"""Also that of the processes that are started from here."""


def sample(things: Sequence[T], one_in: int) -> Sequence[T]:
    """Return each `one_in`-th of some things, or all."""
    return things if WHOLE else things[SEED % one_in :: one_in]


def examples(few: int, many: int) -> int:
    """Return how many examples a property is tried with: many in the whole, and HOTLINED_EXAMPLES where it is set."""
    return int(os.environ.get("HOTLINED_EXAMPLES", many if WHOLE else few))


def header() -> str:
    """Return what repeats a run."""
    return f"{'all' if WHOLE else 'a sample'} of every sweep, HOTLINED_SEED={SEED}"


def left_out() -> str:
    """Return what this run left out of the sweeps."""
    return "" if WHOLE else "Of each sweep a sample was taken: `scripts/test --whole` takes all."
