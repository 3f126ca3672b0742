"""Lines that share what they know: what one decides holds at the others, whatever is lost on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_lines import KEY, Line
from hubs import Cluster, Hub, cluster  # noqa: F401  a fixture

from hotlined import pseudonym
from hotlined.policy import Reason

LEA = "+32470000001"
KEVIN = "+32470000002"


@pytest.fixture
def hub(cluster: Cluster) -> Iterator[Hub]:  # noqa: F811
    """Give an empty hub that knows three lines."""
    with cluster.hub(pseudonym.digest(KEY), "fr", "nl", "de") as hub:
        yield hub


@pytest.fixture
def fr(tmp_path: Path) -> Iterator[Line]:
    """Give the French line."""
    with Line(tmp_path, "fr") as line:
        yield line


@pytest.fixture
def nl(tmp_path: Path) -> Iterator[Line]:
    """Give the Dutch line."""
    with Line(tmp_path, "nl") as line:
        yield line


def test_a_stop_to_one_is_a_stop_to_all(hub: Hub, fr: Line, nl: Line) -> None:
    """Who says stop to one line is not answered by another that has exchanged since, and the log names the line."""
    decisions_of = fr.text(LEA, "stop")
    assert decisions_of.reason is Reason.OPTED_OUT
    fr.exchange(hub)
    nl.exchange(hub)
    verdict = nl.text(LEA, "hello")
    assert (verdict.answer, verdict.reason) == (False, Reason.OPTED_OUT)
    assert nl.log()[-1].elsewhere == ("fr",)
    assert nl.text(KEVIN, "hello").answer
