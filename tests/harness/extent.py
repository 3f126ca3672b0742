"""How much of a sweep one run of the tests takes: a sample, or with HOTLINED_WHOLE=1 all of it.

A sample is drawn by a seed, another one in each run; pytest prints it, and HOTLINED_SEED repeats it. What is drawn
so is each n-th of what there is, from a place that the seed chooses: n runs in a row take all of it by and by.
"""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

WHOLE = os.environ.get("HOTLINED_WHOLE", "0") != "0"
SEED = int(os.environ.setdefault("HOTLINED_SEED", str(random.SystemRandom().randrange(1_000_000))))
"""Also that of the processes that are started from here."""


def sample(things: Sequence[T], one_in: int) -> Sequence[T]:
    """Return each `one_in`-th of some things, or all."""
    return things if WHOLE else things[SEED % one_in :: one_in]


def examples(few: int, many: int) -> int:
    """Return how many examples a property is tried with: many in the whole, and HOTLINED_EXAMPLES where it is set."""
    return int(os.environ.get("HOTLINED_EXAMPLES", many if WHOLE else few))


def header() -> str:
    """Return what repeats a run."""
    return "all of every sweep (HOTLINED_WHOLE)" if WHOLE else f"samples drawn by HOTLINED_SEED={SEED}"
