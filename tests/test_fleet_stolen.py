"""Whoever has the keys of one line can order what it likes in that line's name: what the others make of it."""

import json
from datetime import timedelta

import pytest
from filled import KEVIN, LEA, SENT
from postgres import cluster
from test_fleet import STOP, Enter, enter, hub, restored_after
from test_fleet_erasure import TEXT, contacts, exchanged, forget, order, status

from hotlined.clock import rfc3339
from hotlined.simulator import pdus
from hotlined.store import claims, fleet, words_met

__all__ = ["cluster", "enter", "hub"]


@pytest.mark.parametrize("evidence", ["kept", "tagged", "word"])
def test_what_may_be_evidence_is_erased_by_no_other_line(enter: Enter, evidence: str) -> None:
    """A threat stays, is named to the people of its line, and goes once these erase the person; the rest goes."""
    nl = enter("nl")
    threat, other = nl.receive(TEXT), nl.receive("Autre chose")
    if evidence == "kept":
        nl.run("keep", str(threat))
    elif evidence == "tagged":
        nl.run("tag", str(threat), "threat")
        nl.run("tag", str(other), "insult")
    else:
        with nl.db.transaction():
            words_met.note(nl.db, threat, ["mort"])
    nl.take(order(nl, None))

    assert (contacts(nl), status(nl)["kept"]) == ([threat], [threat])
    forget(nl)
    assert (contacts(nl), status(nl)["kept"]) == ([], [])


def test_who_is_named_in_evidence_is_named_there_still(enter: Enter) -> None:
    """A kept MMS that claims to be of the person keeps address and raw bytes, until it is erased at its line."""
    nl = enter("nl")
    nl.pdu(*pdus.write_mms(KEVIN, "", scts=SENT, reference=1, originator=LEA))
    (threat,) = [entry["id"] for entry in nl.log()]
    nl.run("keep", str(threat))
    held = "SELECT c.other_originator, s.pdu FROM contacts c JOIN segments s ON s.contact_id = c.id"
    before = [tuple(row) for row in nl.db.all(held)]
    assert before[0][0] == KEVIN
    nl.take(order(nl, None))
    assert ([tuple(row) for row in nl.db.all(held)], status(nl)["kept"]) == (before, [threat])
    forget(nl)
    assert [row["other_originator"] for row in nl.db.all(held)] == [None]


def test_evidence_of_a_flood_fills_no_screen(enter: Enter) -> None:
    """Somebody who threatens a hundred times and is erased elsewhere is named by the first contacts of it."""
    nl = enter("nl")
    threats = [nl.receive(TEXT) for _count in range(25)]
    with nl.db.transaction():
        for threat in threats:
            words_met.note(nl.db, threat, ["mort"])
    nl.take(order(nl, None))
    said = " ".join(nl.run("fleet", "status").output.split())

    assert f"{threats[18]}, {threats[19]} and more." in said
    assert status(nl)["kept"] == threats


def test_the_people_of_a_line_see_who_has_persons_erased_there(enter: Enter) -> None:
    """`fleet status` counts them by the line that ordered it; of whom the line had nothing, nothing is said."""
    fr, nl = enter("fr"), enter("nl")
    nl.receive(TEXT)
    nl.receive(TEXT, LEA)
    for number in (KEVIN, LEA, "+32470999999"):
        forget(fr, number)
    exchanged(fr, nl)

    assert status(nl)["erased"] == [{"line": "fr", "persons": 2}]
    assert "2 persons were erased here because fr ordered it" in " ".join(nl.run("fleet", "status").output.split())
    assert status(fr)["erased"] == []
    nl.db.execute("UPDATE events SET at_limit = at_limit - ?", fleet.ERASED_SECONDS + 86400)
    assert status(nl)["erased"] == []


def test_what_was_kept_after_its_own_order_outlives_a_restored_line(enter: Enter) -> None:
    """A line that hears of its own order again, because its database is older, takes nothing that was kept since."""
    fr = enter("fr")
    restored_after(fr, lambda: forget(fr))
    threat = fr.receive(TEXT)
    fr.run("keep", str(threat))
    fr.sync()

    assert contacts(fr) == [threat]


def test_an_opt_in_that_is_invented_hides_no_later_opt_out(enter: Enter) -> None:
    """Who says stop at fr after be claimed to have undone all that fr will ever say has opted out at nl, too."""
    fr, nl = enter("fr"), enter("nl")
    undone = json.dumps({"opt_outs": {"fr": claims.HIGHEST}})
    invented = nl.said("be", 3, opted_out=None, undone=undone)
    for line in (fr, nl):
        line.take(invented)
    fr.receive(STOP)
    fr.db.execute("UPDATE fleet_line SET cursor = 0")
    nl.db.execute("UPDATE fleet_line SET cursor = 0")
    exchanged(fr, nl)

    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")


def test_answers_after_the_order_count_still(enter: Enter) -> None:
    """What another line answered after the person was erased holds for cooldown and cap; what came before is gone."""
    nl = enter("nl")
    nl.receive(TEXT)
    person = nl.person()
    now = nl.now()
    nl.at = type(now)(SENT, now.limit, synchronised=True)
    for line, age in (("be", 3600.0), ("de", 3 * 86400.0)):
        nl.db.execute("INSERT INTO fleet_answers VALUES (?, ?, 1, 1, ?)", person, line, now.limit - age)
    nl.take(order(nl, rfc3339(SENT - timedelta(days=1))))

    assert [row["line"] for row in nl.db.all("SELECT line FROM fleet_answers")] == ["be"]
