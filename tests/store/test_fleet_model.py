"""The rules of exchange between lines, tried with histories that lose, delay, double or restore messages.

Without a rule, a written history breaks a promise; `scripts/run fleet-model` draws others at random. All run with a hub
in Python and with PostgreSQL.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import extent
import pytest
from fleet_lines import KEY
from fleet_world import PAGE, AnyHub, PlainHub, Played, RealHub, history_found
from hubs import Cluster, Hub, cluster  # noqa: F401  a fixture

from hotlined import pseudonym
from hotlined.store import fleet

LINES = ("a", "b", "c")
SEEDS = range(extent.SEED, extent.SEED + extent.examples(8, 120))
MET = "; ".join(f"whole {line}" for line in LINES for _ in range(2))
"""The steps after which every line has met the hub."""
RULES = {
    "R1": f"{MET}; backup a; stop a 0; whole a; restore a; answer a 1; whole a; whole a; whole a",
    "R2": f"{MET}; backup a; stop a 0; whole a; restore a; answer a 1; whole a; whole a",
    "R3": f"{MET}; backup a; stop a 0; whole a; restore a; answer a 0; whole a; whole a; whole a",
    "R4": f"{MET}; stop a 0; whole a; hub_backup; lift a 0; whole a; hub_restore; whole a; whole a; whole a",
    "R5": f"{MET}; hub_backup; stop a 0; whole a; whole c; hub_restore; stop b 1; whole b; whole b; whole b; whole a;"
    " whole a; whole a; whole c; whole c",
    "R6": f"{MET}; answer a 0; whole a; hub_backup; stop a 0; whole a; whole b; hub_restore; whole b; whole b",
    "R7": f"{MET}; text b 0; forget a 0; whole a; whole b; confirm b; text b 0; forget a 0; whole a; whole b",
    "C8": f"{MET}; answer a 0; backup a; answer a 0; whole a; restore a; whole a; whole a",
    "C9": f"{MET}; backup a; hub_backup; stop a 0; whole a; whole b; restore a; hub_restore; lift a 0",
}
"""For each rule: a history that breaks a promise without it."""
IN_STORE = {
    "R2": ("_STEP = 1_000_000", "_STEP = 1"),
    "R3": (
        "    return True\n\n\ndef _take(",
        "    db.execute(\"UPDATE fleet SET again = 0, batch = '[]'\"); _renew(db)\n    return True\n\n\ndef _take(",
    ),
    "R4": ('if row.version in under_way or (before and row.version <= before["sent"]):', "if False:"),
    "R6": (" WHERE excluded.version > version", ""),
    "R7": ("SET asked = version,", "SET asked = 1,"),
    "C8": ("lost = max(0, row.answers - _answered(db, row.person).answers)", "lost = row.answers"),
    "C9": (
        "    touch(db, name)\n    if met is None:\n        return False",
        "    if met is None:\n        return False",
    ),
}
"""For each rule in the store: the patch that leaves it out."""
IN_HUB = {
    "R1": (
        ("IF highest = (q->>'base')::bigint AND NOT is_full THEN", "IF NOT is_full THEN"),
        ("fits := fits AND highest IN ((q->>'base')::bigint, (q->>'upto')::bigint);", ""),
    ),
    "R5": (("greatest(h.place, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)", "h.place"),),
}
"""For each rule in the hub: replacements in its SQL function that leave it out."""
Make = Callable[[str], contextlib.AbstractContextManager[AnyHub]]
"""Gives a hub that leaves a rule out."""


@contextlib.contextmanager
def store_without(rule: str) -> Iterator[None]:
    """Make the store leave out a rule, with pages of two rows.

    A version grows by 10 ms of the hub's clock at most: a history then takes milliseconds, not weeks.
    """
    source = Path(fleet.__file__).read_text()
    changed = source
    if rule in IN_STORE:
        assert source.count(IN_STORE[rule][0]) == 1
        changed = source.replace(*IN_STORE[rule])
    space = vars(fleet)
    try:
        exec(compile(changed, fleet.__file__, "exec"), space)
        space["MOST_ROWS"], space["_STEP"] = PAGE, min(space["_STEP"], 10_000)
        yield
    finally:
        exec(compile(source, fleet.__file__, "exec"), space)


@contextlib.contextmanager
def plain(rule: str) -> Iterator[AnyHub]:
    """Give a hub in Python."""
    yield PlainHub(pseudonym.digest(KEY), LINES, rule, PAGE)


def real(cluster: Cluster) -> Make:  # noqa: F811
    """Give hubs in PostgreSQL."""

    @contextlib.contextmanager
    def make(rule: str) -> Iterator[AnyHub]:
        with cluster.hub(pseudonym.digest(KEY), *LINES) as hub:
            change(hub, ("LIMIT 200", f"LIMIT {PAGE}"), ("(found) = 200", f"(found) = {PAGE}"), *IN_HUB.get(rule, ()))
            yield RealHub(hub)

    return make


def change(hub: Hub, *changes: tuple[str, str]) -> None:
    """Replace parts of the hub's SQL function."""
    row = hub.admin.execute("SELECT pg_get_functiondef('hotlined.exchange'::regproc)").fetchone()
    assert row
    text: str = row[0]
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    hub.admin.execute(text.encode())


@pytest.fixture(params=["plain", "real"])
def make(request: pytest.FixtureRequest) -> Make:
    """Give hubs, in Python and in PostgreSQL."""
    return plain if request.param == "plain" else real(request.getfixturevalue("cluster"))


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_needed(tmp_path: Path, make: Make, rule: str) -> None:
    """Its history breaks a promise without the rule, and none with it."""
    for left_out in ("", rule):
        with store_without(left_out), make(left_out) as hub, Played(tmp_path / f"without {left_out}", hub) as world:
            found = world.play(RULES[rule])
        assert bool(found) == bool(left_out), found


@pytest.mark.parametrize("seed", SEEDS)
def test_no_history_breaks_a_promise(tmp_path: Path, make: Make, seed: int) -> None:
    """Lines end alike, whatever is lost, late, doubled or restored."""
    with store_without(""), make("") as hub, Played(tmp_path, hub) as world:
        found, words = history_found(world, seed)
    assert not found, f"{found}: {words}"


@pytest.mark.parametrize("seed", SEEDS)
def test_no_history_with_a_wrong_clock_breaks_a_promise(tmp_path: Path, seed: int) -> None:
    """The hub's clock jumps and goes back."""
    with store_without(""), plain("") as hub, Played(tmp_path, hub) as world:
        found, words = history_found(world, seed, skew=True)
    assert not found, f"{found}: {words}"
