"""The rules of exchange between lines, tried with histories that cut, race, copy and restore, with PostgreSQL.

Without a rule, a written history breaks a promise, and so do some of those that are drawn at random.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import extent
import pytest
from fleet_lines import KEY
from fleet_world import NAMES, Played, history_found, make_skewed
from hubs import Cluster, Hub, cluster  # noqa: F401  a fixture

from hotlined import pseudonym
from hotlined.fleet import hub as hub_module
from hotlined.store import lists

SEEDS = range(extent.SEED, extent.SEED + extent.examples(40, 400))
RULES = {
    "S1": "settle; hub_backup; stop a 0; go a; go b; hub_restore; go b",
    "S2": "settle; backup a; stop a 0; go a; go b; restore a; stop a 1; go a; go b",
    "S2 race": "settle; clone a a2; settle; stop a2 1; stop a 0; race a2 2 a b; go b",
    "S3": "settle; stop a 0; go a; hub_new; wipe b; settle",
    "S4": "settle; stop a 1; cut a 2 after; lift a 1; go a",
}
"""For each rule: a history that breaks a promise without it."""
WITHOUT = {
    "S1": (
        ("number > known.get(name, -1)", "number != known.get(name, -1)"),
        ('if known is None or found.number > known["number"]:', "if True:"),
    ),
    "S2": (('if there > state["number"]:', "if False:"),),
    "S2 race": ((" WHERE line = %s AND number = %s", " WHERE line = %s AND number >= 0 * %s"),),
    "S3": (('there == state["number"] and ', ""),),
    "S4": (('if found.mark and found.mark == state["mark"]:', "if False:"),),
}
"""For each rule: the patches that leave it out."""


@contextlib.contextmanager
def without(rule: str) -> Iterator[None]:
    """Make the program leave out a rule."""
    module = hub_module if rule == "S2 race" else lists
    source = changed = Path(module.__file__).read_text()
    for before, after in WITHOUT.get(rule, ()):
        assert source.count(before) == 1, before
        changed = changed.replace(before, after)
    held = {name: vars(module)[name] for name in ("_next", "_take") if name in vars(module)}
    space = dict(vars(module))
    exec(compile(changed, module.__file__, "exec"), space)
    methods = {"write": hub_module.Hub.write}
    try:
        for name in held:
            setattr(module, name, space[name])
        if module is hub_module:
            hub_module.Hub.write = space["Hub"].write  # type: ignore[method-assign]
        yield
    finally:
        for name, value in held.items():
            setattr(module, name, value)
        hub_module.Hub.write = methods["write"]  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def hub(cluster: Cluster) -> Iterator[Hub]:  # noqa: F811
    """Give a hub whose clock can be wrong."""
    with cluster.hub(pseudonym.digest(KEY), *NAMES) as hub:
        make_skewed(hub)
        yield hub


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_needed(tmp_path: Path, hub: Hub, rule: str) -> None:
    """Its history breaks a promise without the rule, and none with it."""
    for left_out in ("", rule):
        with without(left_out), Played(tmp_path / f"without {left_out}", hub) as world:
            found = world.play(RULES[rule])
        assert bool(found) == bool(left_out), found


@pytest.mark.parametrize(
    "words",
    [
        "settle; stop c 2; go c; hub_backup; blank c; settle; hub_restore",
        # the line, too, is put back to before, and finds at the hub just what it would write
        "stop b 1; race b 2 a b; hub_backup; blank b; race c 2 c b; restore b 0; stop b 1; hub_restore 1",
    ],
)
def test_line_that_is_invited_again_writes_its_list(tmp_path: Path, hub: Hub, words: str) -> None:
    """Others know the number of the list that was emptied; what the hub has again is older."""
    with Played(tmp_path, hub) as world:
        found = world.play(words)
    assert not found, found


@pytest.mark.parametrize("seed", SEEDS)
def test_no_history_breaks_a_promise(tmp_path: Path, hub: Hub, seed: int) -> None:
    """Lines end alike, whatever is cut, copied or restored."""
    with Played(tmp_path, hub) as world:
        found, words = history_found(world, seed)
    assert not found, f"{found}: {words}"


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_no_history_with_a_wrong_clock_breaks_a_promise(tmp_path: Path, hub: Hub, seed: int) -> None:
    """The hub's clock jumps by an hour, and goes back."""
    with Played(tmp_path, hub) as world:
        found, words = history_found(world, seed, skew=True)
    assert not found, f"{found}: {words}"
