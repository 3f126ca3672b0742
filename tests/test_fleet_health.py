"""How the lines of a fleet are: what each says of itself, what the others are shown, and who is told of trouble."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from postgres import Cluster, cluster
from test_alerts import Teller, seen
from test_desk_pages import AnyDoor, Structure
from test_fleet import STOP, Enter, Member, enter, hub
from test_output import judge

from hotlined.config import Config, load
from hotlined.desk.app import make
from hotlined.desk.looks import Looks
from hotlined.desk.roles import Role
from hotlined.doctor.findings import Health
from hotlined.doctor.fleet import fleet
from hotlined.doctor.scene import Scene
from hotlined.reports import fleet as report
from hotlined.states import MemberState, ModemState

__all__ = ["cluster", "enter", "hub"]


def shown(line: Member) -> dict[str, dict[str, object]]:
    """Return what `fleet status --json` says of each line, and hold it to what is promised."""
    document = json.loads(line.run("fleet", "status", "--json").output)
    judge("fleet_status", document)
    return {each["line"]: each for each in document["lines"]}


def look_after(line: Member, seconds: float) -> report.Fleet:
    """Return the fleet as it is so many seconds later, when nothing more was heard."""
    found = report.maybe_fleet(line_config(line))
    assert found
    return replace(found, boottime=found.boottime + seconds)


def line_config(line: Member) -> Config:
    """Return the configuration of a line."""
    return load(line.config)


def test_each_line_says_how_it_is_and_sees_the_others(enter: Enter) -> None:
    """State, contacts, answers and codes of troubles are those of each line; a line that was only invited is new."""
    fr, nl = enter("fr"), enter("nl")
    fr.daemon_runs(modem=ModemState.READY)
    fr.receive("Salut")
    fr.sync()
    before = shown(fr)
    nl.run("pause")
    nl.sync()
    found = shown(nl)

    assert (before["nl"]["state"], before["nl"]["seen_at"]) == ("new", None)
    assert found["nl"]["state"] == "not_answering"
    assert found["nl"]["trouble"] == ["not_running", "paused"]
    assert "the daemon does not run" in nl.run("fleet", "status").output


def test_everybody_may_read_how_the_exchange_goes(enter: Enter) -> None:
    """The exchange is a user that nobody else is: daemon, desk, alerts and people could not read what is its own."""
    fr = enter("fr")
    before = os.umask(0o027)  # that of its unit
    fr.sync()
    os.umask(before)
    path = report.path(line_config(fr))

    assert path.stat().st_mode & 0o777 == 0o644
    assert not [word for word in ("470123456", str(fr.person())) if word in path.read_text()]


def test_no_number_and_no_text_is_said_to_other_lines(enter: Enter, hub: str, cluster: Cluster) -> None:
    """What a line says of itself is a state, counts and codes."""
    fr = enter("fr")
    fr.receive("Salut")
    fr.sync()
    dump = cluster.dump(hub)

    assert "contacts_today" in dump
    assert not [word for word in ("470123456", "Salut") if word in dump]


def test_a_line_says_only_how_it_is_itself(enter: Enter, cluster: Cluster) -> None:
    """Whoever has the address of one line can say nothing of another, nor at another time."""
    fr, nl = enter("fr"), enter("nl")
    address = json.loads(fr.config.with_suffix(".fleet").read_text())["hub"]
    assert "denied" in cluster.refusal(address, "UPDATE hotlined.lines SET seen_at = now()")
    assert cluster.refusal(address, "SELECT hotlined.report('{}')") == ""
    nl.sync()

    assert shown(nl)["fr"]["state"] == "unknown"


def test_an_exchange_that_fails_is_said_with_its_moment(enter: Enter) -> None:
    """The hub is reachable since the first exchange and away since the first that failed, and is still known."""
    fr = enter("fr")
    fr.receive(STOP)
    assert json.loads(fr.run("fleet", "status", "--json").output) == {
        "hub": {"reachable": None, "since": None},
        "owed": 1,
        "lines": [],
        "erasures": [],
        "open": [],
        "kept": [],
        "erased": [],
    }
    fr.sync()
    assert json.loads(fr.run("fleet", "status", "--json").output)["hub"]["reachable"] is True
    address = fr.config.with_suffix(".fleet")
    address.write_text(json.dumps({"hub": f"postgresql:///hub?host={fr.folder}"}))
    assert fr.run("fleet", "sync", "--once").exit_code == 69
    record = report.path(line_config(fr)).read_text()
    assert fr.run("fleet", "sync", "--once").exit_code == 69

    found = json.loads(fr.run("fleet", "status", "--json").output)
    assert (found["hub"]["reachable"], found["owed"], [each["line"] for each in found["lines"]]) == (False, 0, ["fr"])
    assert report.path(line_config(fr)).read_text() == record


def test_a_line_is_away_after_an_hour_of_the_hub_s_clock(enter: Enter) -> None:
    """A line that was not at the hub for an hour is unseen; while the hub itself is away, nobody can tell."""
    fr, nl = enter("fr"), enter("nl")
    nl.sync()
    fr.sync()
    soon, late = look_after(fr, 3000), look_after(fr, 3600)
    (member,) = (each for each in soon.members if each.line == "nl")

    assert (soon.state(member), soon.unseen) == (MemberState.NOT_ANSWERING, ())
    assert late.state(member) is MemberState.UNSEEN
    assert (late.is_hub_away, late.unseen) == (True, None)


def test_who_looks_often_writes_and_asks_once_a_minute(enter: Enter) -> None:
    """An exchange that finds all as it was leaves the record, and the hub, as they are."""
    fr = enter("fr")
    fr.sync()
    first = report.path(line_config(fr)).read_text()
    fr.sync()
    assert report.path(line_config(fr)).read_text() == first
    fr.run("pause")
    fr.sync()

    assert report.path(line_config(fr)).read_text() != first


def test_contacts_alone_are_told_when_their_minute_has_passed(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a line hears of all others goes over a mobile connection: a text more is no reason for it."""
    fr = enter("fr")
    monkeypatch.setattr(fr, "now", fr.db.now)
    fr.sync()
    first = report.path(line_config(fr)).read_text()
    fr.receive("Salut")
    fr.sync()
    assert report.path(line_config(fr)).read_text() == first
    age(fr, 30)
    fr.sync()
    assert shown(fr)["fr"]["contacts_today"] == 0
    age(fr, 32)
    fr.sync()

    assert shown(fr)["fr"]["contacts_today"] == 1


def test_each_line_more_is_heard_of_a_second_later(enter: Enter, hub: str, cluster: Cluster) -> None:
    """All lines hear of all: at the same pace, a day's octets of each would grow with their number."""
    fr = enter("fr")
    forty = "INSERT INTO hotlined.lines (line) SELECT 'l' || generate_series(1, 40)"
    assert cluster.refusal(hub, forty) == ""
    fr.sync()
    age(fr, 62)
    before = report.path(line_config(fr)).read_text()
    fr.sync()
    assert report.path(line_config(fr)).read_text() == before
    age(fr, 40)
    before = report.path(line_config(fr)).read_text()
    fr.sync()

    assert report.path(line_config(fr)).read_text() != before


@pytest.mark.parametrize(
    "figures",
    [
        None,
        "",
        "[",
        "[]",
        "[" * 100_000,
        '{"state": "unseen"}',
        '{"state": "<b>"}',
        '{"state": ["answering"]}',
    ],
    ids=lambda text: str(text)[:20],
)
def test_what_is_no_figure_is_not_known(figures: object) -> None:
    """Whatever the hub has in the place of figures, the line is shown, as unknown."""
    (member,) = report.read_members([("nl", None, None, figures)])

    assert member.figures == report.Figures(MemberState.UNKNOWN)


def test_figures_of_others_are_bounded() -> None:
    """Names, counts and codes that no line has are left out, one by one."""
    said = {
        "state": "answering",
        "contacts_today": 10**12,
        "answers_today": True,
        "trouble": ["\x1b[31m", "<b>", "x" * 41, 7, None, *["paused"] * 20],
    }
    rows = [(name, None, None, json.dumps(said)) for name in ("nl", "<script>", "x" * 23, 7, "\u202enl", "")]
    (member,) = report.read_members(rows)

    assert member.line == "nl"
    assert member.figures == report.Figures(MemberState.ANSWERING, None, None, ("paused",) * 10)


def test_a_line_in_no_fleet_has_no_status_of_one(tmp_path: Path) -> None:
    """The command says so and how to join."""
    line = Member(tmp_path)
    with line.db:
        result = line.run("fleet", "status")

    assert result.exit_code == 75
    assert "in no fleet" in result.output


# ---- who is told


def codes(line: Member) -> list[str]:
    """Return the codes of what is wrong, as `status --json` has them."""
    return [trouble["code"] for trouble in json.loads(line.run("status", "--json").output)["trouble"]]


def age(line: Member, seconds: float, **more: object) -> None:
    """Have the record of the last exchange be so much older."""
    path = report.path(line_config(line))
    said = json.loads(path.read_text())
    for name in ("since_boottime", "at_boottime", "said_boottime"):
        said[name] -= seconds
    path.write_text(json.dumps(said | more))


def test_a_hub_that_is_away_for_an_hour_is_trouble(enter: Enter) -> None:
    """Not before; the line answers all the same, and what was refused is said."""
    fr = enter("fr")
    fr.daemon_runs(modem=ModemState.READY)
    fr.sync()
    age(fr, 3000, reachable=False)
    assert codes(fr) == []
    age(fr, 700, reachable=False, refused=3)
    found = fr.run("status")

    assert codes(fr) == ["hub_away", "hub_refused"]
    assert "The hub sent 3 rows that are not believed." in found.output
    assert found.exit_code == 0
    assert 'hotlined_fleet_hub_up{line="fr"} 0' in fr.run("metrics").output


def test_figures_for_machines_have_the_fleet(enter: Enter) -> None:
    """How much is still to be sent, whether the hub is there, and how many lines are not."""
    fr = enter("fr")
    fr.sync()
    fr.receive(STOP)
    shown = fr.run("metrics").output

    assert 'hotlined_fleet_owed{line="fr"} 1' in shown
    assert 'hotlined_fleet_hub_up{line="fr"} 1' in shown
    assert 'hotlined_fleet_lines_unseen{line="fr"} 0' in shown


def lines_at(ages: dict[str, float], *, reachable: bool = True, hub_away: float = 0.0) -> report.FleetAway:
    """Return what alerts know where lines were seen so long ago, by the hub's clock when that was last reached."""
    members = tuple(
        report.Member(name, "2026-11-26T12:00:00.000Z", seconds, report.Figures(MemberState.ANSWERING))
        for name, seconds in ages.items()
    )
    heard = report.LastExchange(reachable, "2026-11-26T12:00:00.000Z", 0.0, 10_000.0, members=members)
    return report.away(report.Fleet("fr", 0, False, heard, 10_000.0 + hub_away))


def test_a_line_that_is_away_for_an_hour_is_told_once_and_its_return_too() -> None:
    """Each further line is told, and while the hub itself is away nothing is said of lines."""
    teller = Teller()
    told = [
        teller.tell(seen(fleet=lines_at(ages, **more)))
        for ages, more in (
            ({"nl": 3599.0}, {}),
            ({"nl": 3600.0}, {}),
            ({"nl": 3700.0}, {}),
            ({"nl": 9000.0, "be": 3600.0}, {}),
            ({"nl": 0.0, "be": 0.0}, {"reachable": False, "hub_away": 3599.0}),
            ({"nl": 0.0, "be": 4000.0}, {}),
            ({"nl": 0.0, "be": 0.0}, {}),
        )
    ]

    assert told == [[], [("lines", 1)], [], [("lines", 2)], [], [("lines", 1)], [("lines", 0)]]


def test_a_hub_that_is_away_is_told_once_and_its_return_too() -> None:
    """At an hour; one that fails for less is between the two, and stays as it was told."""
    teller = Teller()
    steps = ((True, 0.0), (False, 3599.0), (False, 3600.0), (False, 9000.0), (False, 60.0), (True, 0.0))

    assert [teller.tell(seen(fleet=lines_at({}, reachable=up, hub_away=away))) for up, away in steps] == [
        *([], [], [("hub", 1)]),
        *([], [], [("hub", 0)]),
    ]


def test_a_thousand_lines_that_a_hub_invents_are_one_alert() -> None:
    """It names two of them, and fits one text."""
    state = lines_at({f"a{number}": 4000.0 for number in range(1000)})

    assert Teller().tell(seen(fleet=state)) == [("lines", 5)]
    assert state.first_lines == "a0, a1 and more"


# ---- at the desk


def page(line: Member, role: Role = Role.FIGURES) -> str:
    """Return the page of all lines, as a visitor of this role sees it."""
    answer = make(line_config(line), AnyDoor(role), b"", Looks()).test_client().get("/lines")
    assert answer.status_code == 200
    return answer.text


def test_the_desk_has_a_page_of_all_lines(enter: Enter) -> None:
    """Whoever sees figures sees it: each line, its state and its troubles in words, and what is wrong with the hub."""
    fr, nl = enter("fr"), enter("nl")
    assert "The hub has not named any line yet." in page(fr)
    nl.sync()
    fr.sync()
    age(fr, 3700)
    found = page(fr)
    structure = Structure()
    structure.feed(found)

    assert re.search(r"<bdi>nl</bdi></td>\s*<td[^>]*>not seen for an hour<", found)
    assert "the daemon does not run" in found
    assert "was not reached for an hour" in found
    assert '<a href="/lines" aria-current="page">Lines</a>' in found
    assert (structure.tags.count("h1"), structure.heads_without_scope, structure.unlabelled) == (1, 0, [])


def test_nothing_that_a_hub_says_is_markup(enter: Enter) -> None:
    """A line's name, state and codes are of one form, or are left out; what is left stands there escaped."""
    fr = enter("fr")
    fr.sync()
    bad = "<script>alert(1)</script>\u202e"
    members = [
        {"line": bad, "seen_at": None, "seen_seconds": None, "figures": {}},
        {"line": "nl", "seen_at": bad, "seen_seconds": 1.0, "figures": {"state": "paused"}},
        {"line": "be", "seen_at": None, "seen_seconds": None, "figures": {"state": bad, "trouble": [bad]}},
        {"line": "de", "seen_at": None, "seen_seconds": None, "figures": {"state": "paused", "trouble": ["odd", bad]}},
    ]
    age(fr, 0, members=members)
    found = page(fr)

    assert "alert(1)" not in found
    assert "\u202e" not in found
    assert re.findall("<bdi>(.*?)</bdi>", found) == ["be", "de"]
    assert ">odd<" in found


def test_a_line_in_no_fleet_has_no_page_of_one(tmp_path: Path) -> None:
    """Neither the page is there, nor a way to it."""
    line = Member(tmp_path)
    with line.db:
        client = make(line_config(line), AnyDoor(Role.ADMIN), b"", Looks()).test_client()
        assert client.get("/lines").status_code == 404
        assert "/lines" not in client.get("/").text


def test_doctor_looks_at_the_exchange(enter: Enter) -> None:
    """A hub that is away is a warning with its cure, and before that it is said since when the hub is there."""
    fr = enter("fr")
    fr.sync()
    assert "hub reachable since" in fleet(Scene(line_config(fr))).seen
    age(fr, 3700)
    found = fleet(Scene(line_config(fr)))

    assert (found.verdict, "was not reached" in found.seen) == (Health.WARN, True)


def test_doctor_wants_nothing_of_a_line_in_no_fleet(tmp_path: Path) -> None:
    """Nothing is missing there."""
    line = Member(tmp_path)
    with line.db:
        assert fleet(Scene(line_config(line))).verdict is Health.OK
