"""The shortest form of scripts/fleet-lab, which plays the rest at length."""

from pathlib import Path

import fleet_lab
from postgres import Cluster, cluster

__all__ = ["cluster"]


def test_three_lines_keep_their_promises(tmp_path: Path, cluster: Cluster) -> None:
    """All leave alone who said stop or is blocked, PostgreSQL killed or not; what would be wrong is found."""
    with fleet_lab.fleet_of_three(tmp_path, cluster, quick=True) as fleet:
        for play in fleet_lab.SHORT:
            play(fleet)
        fr, nl, be = fleet.lines.values()

        assert [step.then for step in fleet.steps] == [
            {"fr": "no answer: opted_out", "nl": "no answer: opted_out by fr", "be": "no answer: opted_out by fr"},
            {"fr": "no answer: blocked by nl", "nl": "no answer: blocked", "be": "no answer: blocked by nl"},
            {"fr": "no answer: opted_out", "nl": "no answer: opted_out by fr", "be": "no answer: opted_out by fr"},
            {"fr": "no answer: opted_out by nl", "nl": "no answer: opted_out", "be": "no answer: opted_out by nl"},
        ]
        assert not [name for line in fleet.lines.values() for name in fleet_lab.found(line)]
        assert len(list(fleet_lab.report(fleet))) == 1 + 4 + 1 + 1 + 3
        fr.delivered.append(("+32470999999", "never came"))
        nl.left.append((float("inf"), next(iter(nl.knew))))
        assert [len(list(fleet_lab.found(line))) for line in (fr, nl, be)] == [1, 1, 0]
