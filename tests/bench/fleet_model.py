"""Plays random histories of three lines and their hub that lose, delay, double or restore messages."""

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "harness"))

import click
from fleet_lines import KEY
from fleet_world import PAGE, PlainHub, Played, history_found

from hotlined import pseudonym
from hotlined.store import fleet


@click.command(help=__doc__)
@click.option("--histories", default=200, show_default=True)
@click.option("--steps", default=60, show_default=True)
@click.option("--seed", type=int, default=lambda: random.randrange(10**6))
@click.option("--skew", is_flag=True, help="The hub's clock is wrong, too.")
def main(histories: int, steps: int, seed: int, skew: bool) -> None:
    """Play the histories and print each that breaks a promise."""
    fleet.MOST_ROWS = PAGE
    began, broken = time.monotonic(), 0
    for each in range(seed, seed + histories):
        hub = PlainHub(pseudonym.digest(KEY), ("a", "b", "c"), page=PAGE)
        with tempfile.TemporaryDirectory() as folder, Played(Path(folder), hub) as world:
            found, words = history_found(world, each, steps, skew=skew)
        if found:
            broken += 1
            click.echo(f"seed {each}: {found}\n    {words}")
    click.echo(f"{histories} histories from seed {seed}, {broken} broken, {time.monotonic() - began:.0f} s")
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    main()
