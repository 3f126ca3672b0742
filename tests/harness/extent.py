"""The part of each sweep that one run of the tests takes: a sample, or with HOTLINED_WHOLE=1 all of it.

A sample is each n-th element, from a start that HOTLINED_SEED chooses: the same one in each run unless it is set. The
whole draws random data by another seed each time; pytest prints it, and HOTLINED_SEED repeats it.
"""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

WHOLE = os.environ.get("HOTLINED_WHOLE", "0") != "0"
SEED = int(os.environ.setdefault("HOTLINED_SEED", str(random.SystemRandom().randrange(1_000_000) if WHOLE else 0)))
"""The seed of this run, and by the environment of the processes that it starts."""


def sample(things: Sequence[T], one_in: int) -> Sequence[T]:
    """Return each `one_in`-th element, or all."""
    return things if WHOLE else things[SEED % one_in :: one_in]


def examples(few: int, many: int) -> int:
    """Return the number of examples for a property: `many` in the whole, HOTLINED_EXAMPLES if that is set."""
    return int(os.environ.get("HOTLINED_EXAMPLES", many if WHOLE else few))


def header() -> str:
    """Return the words that repeat a run."""
    return f"{'all' if WHOLE else 'a sample'} of every sweep, HOTLINED_SEED={SEED}"


def left_out() -> str:
    """Return the words for the parts of sweeps that this run left out."""
    return "" if WHOLE else "Of each sweep a sample was taken: `scripts/test --whole` takes all."
