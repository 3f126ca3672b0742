"""`fleet sync` as a service: it goes on until it is stopped, whatever becomes of the hub."""

import json
from collections.abc import Callable, Iterator

import pytest
from filled import KEVIN, LEA
from postgres import Cluster, cluster
from test_fleet import STOP, Enter, Member, enter, hub

from hotlined import config as configuration
from hotlined.errors import RefusedError
from hotlined.fleet import hub as hubs
from hotlined.fleet.service import Pace, Service
from hotlined.store import decisions

__all__ = ["cluster", "enter", "hub"]
AT_ONCE = Pace(look=0, read=0, pauses=(0,))


def served(line: Member, *steps: Callable[[], object]) -> list[float]:
    """Have the service exchange for a line, and do one step each time that it pauses; return the pauses."""
    left: Iterator[Callable[[], object]] = iter((*steps, lambda: None))
    goes_on, pauses = [True], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        step = next(left, None)
        if step is None:
            goes_on.clear()
        else:
            step()

    Service(lambda: configuration.load(line.config), AT_ONCE, sleep).run(lambda: bool(goes_on))
    return pauses


def health(line: Member) -> dict[str, object]:
    """Return what the service says of itself."""
    (path,) = line.folder.glob("**/fleet.json")
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_it_exchanges_what_is_decided_while_it_runs(enter: Enter) -> None:
    """What either line decides is at the other without anybody's doing, and nothing of it is written again."""
    fr, nl = enter("fr"), enter("nl")

    def decide() -> None:
        fr.receive(STOP)
        nl.run("block", LEA)
        nl.sync()

    served(fr, decide, nl.sync)

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")
    assert fr.shown(fr.receive("Salut", LEA)) == ("suppress", "blocked", "nl")
    assert (health(fr)["reachable"], health(fr)["refused"]) == (True, 0)


def test_a_line_that_goes_on_with_another_key_exchanges_nothing(enter: Enter) -> None:
    """The key is lost and a person resumes while the service runs: nl has not erased whom it cannot find."""
    fr, nl = enter("fr"), enter("nl")
    contact_id = nl.receive("Salut")
    cursor = "SELECT cursor FROM fleet_line"

    def resume() -> None:
        nl.database.with_name("hotlined.db.key").unlink()
        nl.db.keys.clear()
        with pytest.raises(RefusedError):
            decisions.resume(nl.db, "anna", nl.now())
        assert decisions.resume(nl.db, "anna", nl.now())
        nl.receive(STOP, LEA)
        assert fr.run("forget", KEVIN, "--yes").exit_code == 0
        fr.sync()

    before = nl.db.value(cursor)
    served(nl, resume, lambda: None)

    assert ([entry["id"] for entry in nl.log("--number", KEVIN)], nl.db.value(cursor)) == ([contact_id], before)
    assert "Taken: 0." in fr.sync()


def test_it_comes_back_to_a_hub_that_went_away(enter: Enter, hub: str, cluster: Cluster) -> None:
    """A connection that is cut off is made anew, and what was decided meanwhile is exchanged."""
    fr, nl = enter("fr"), enter("nl")
    seen = []

    def cut() -> None:
        fr.receive(STOP)
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(usename, 'hotlined_fr.')"
        assert cluster.refusal(hub, ended) == ""

    served(fr, cut, lambda: seen.append(health(fr)["reachable"]), lambda: None)
    nl.sync()

    assert (seen, health(fr)["reachable"]) == ([False], True)
    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")


def test_a_line_that_can_say_nothing_hears_the_others_still(
    enter: Enter, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody keeps all others from writing, what the hub has is read."""
    fr, nl = enter("fr"), enter("nl")
    nl.receive(STOP)
    nl.sync()
    fr.receive(STOP, LEA)
    monkeypatch.setitem(hubs._LIMITS, "statement_timeout", "200ms")
    with hubs.opened(hub) as somebody:
        somebody._connection.execute("SELECT pg_advisory_lock(7303014)")
        served(fr)

    assert health(fr)["reachable"] is False
    assert fr.shown(fr.receive("Salut")) == ("suppress", "opted_out", "nl")


@pytest.mark.parametrize("name", ["address", "configuration"])
def test_a_hub_that_is_elsewhere_now_is_found(enter: Enter, name: str) -> None:
    """A change of the address or of the configuration counts at once; a broken one is waited out."""
    fr, nl = enter("fr"), enter("nl")
    path = fr.config.with_suffix(".fleet") if name == "address" else fr.config
    right = path.read_text()
    seen = []

    def mend() -> None:
        seen.append(health(fr)["reachable"])
        path.write_text(right)
        fr.receive(STOP)

    wrong = json.dumps({"hub": "postgresql://nobody@/hub?host=/nowhere"}) if name == "address" else "line: [\n"
    served(fr, lambda: path.write_text(wrong), mend, lambda: None)
    nl.sync()

    assert seen == [name == "configuration"]
    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")


def test_pauses_grow_while_the_hub_is_away() -> None:
    """They end at ten seconds: with a look every two and a reading every fifteen, a decision is known in thirty."""
    pace = Pace()

    assert list(pace.pauses) == sorted(pace.pauses)
    assert pace.pauses[-1] + pace.look + pace.read < 30
