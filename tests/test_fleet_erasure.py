"""Who is erased at one line of a fleet is erased at all, but for what came later and what is kept there."""

import contextlib
import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import store_steps
from filled import KEVIN, LEA, SENT, Filled
from postgres import Cluster, cluster
from test_alerts import seen
from test_fleet import STOP, Enter, Member, enter, hub, restored_after
from test_output import judge
from test_privacy import answered, forms, rows, traces

from hotlined.alerts.due import due
from hotlined.clock import Now, rfc3339
from hotlined.reports import fleet as report
from hotlined.simulator import pdus
from hotlined.states import MemberState
from hotlined.store import alerting, claims, erasing, events, fleet, purging, rebuilding, requests
from hotlined.store.claims import Placed
from hotlined.store.database import Database
from hotlined.store.line import needs_rebuild
from hotlined.store.opening import open_beside_daemon
from hotlined.store.requests import RequestVerb

__all__ = ["cluster", "enter", "hub"]
TEXT = "Tu fais quoi ce soir"
LATER = timedelta(days=1)


def forget(line: Member, number: str = KEVIN, *words: str) -> str:
    """Erase a person at a line, and return what that says."""
    result = line.run("forget", number, "--yes", *words)
    assert result.exit_code == 0, result.output
    return result.output


def exchanged(*lines: Member) -> None:
    """Have lines exchange, one after the other."""
    for line in lines:
        line.sync()


def contacts(line: Member, number: str = KEVIN) -> list[int]:
    """Return the contacts that a line has of a number."""
    return [entry["id"] for entry in line.log("--number", number)]


def order(line: Member, at: str | None, version: int = 7, place: int = 1, **said: Any) -> Placed[claims.Claim]:
    """Return a row by which fr orders to erase Kevin."""
    return line.said("fr", version, place, opted_out=None, erased=version, erased_at=at, **said)


# ---- what it is for


def test_who_is_erased_at_one_line_is_in_no_file_of_the_other(enter: Enter) -> None:
    """Number and text are gone from database, -wal and free pages of nl, too, and others are untouched there."""
    fr, nl = enter("fr"), enter("nl")
    for line in (fr, nl):
        answered(line)
        line.receive("Autre chose", LEA)
        line.run("block", KEVIN)
        requests.ask(line.db, RequestVerb.SEND, {"number": KEVIN, "text": TEXT}, "pi", line.now())
        line.pdu(pdus.write_status_report(99, KEVIN, SENT, SENT, 0))
    exchanged(fr, nl, fr)
    forget(fr)
    with nl.doors():
        exchanged(fr, nl)

    assert (len(contacts(nl, LEA)), rows(nl.db, "SELECT number FROM numbers")) == (1, [])
    assert nl.db.all("PRAGMA foreign_key_check") == []
    # last, for to read the files takes this process's locks on them away
    assert [traces(line.database, forms(KEVIN, TEXT) - forms(KEVIN)) for line in (fr, nl)] == [[], []]
    assert [traces(line.database, forms(KEVIN)) for line in (fr, nl)] == [[], []]


def test_an_opt_out_outlives_forget(enter: Enter) -> None:
    """Who has opted out stays so on all lines, as a pseudonym, and `forget` says so; at whichever line it was said."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    nl.receive(STOP, LEA)
    exchanged(fr, nl, fr)

    assert "Its opt-out is kept as a pseudonym." in forget(fr)
    assert "Its opt-out is kept as a pseudonym." in (said := forget(fr, LEA))
    assert "The other lines erase it, too" in said
    exchanged(fr, nl)
    assert contacts(nl, LEA) == []
    assert rows(nl.db, "SELECT number, opted_out_at IS NULL FROM numbers") == [(nl.person(LEA), 0)]
    for line in (fr, nl):
        assert {line.shown(line.receive("Salut", number))[1] for number in (KEVIN, LEA)} == {"opted_out"}


def test_an_opt_out_outlives_forget_whoever_asks_for_it(enter: Enter) -> None:
    """Also a program that does not know of the fleet, and whatever it asks for, leaves the opt-out."""
    fr = enter("fr")
    fr.text(STOP)
    erasing.forget(fr.db, KEVIN, fr.now(), keep_opt_out=False, opts_out=lambda text: text == STOP)

    assert fr.shown(fr.receive("Salut"))[1] == "opted_out"


def test_an_opt_out_that_nobody_judged_yet_outlives_the_order_of_another_line(enter: Enter) -> None:
    """Who says stop at nl, and is erased by fr before nl has judged that, is left alone."""
    nl = enter("nl")
    nl.text(STOP)
    nl.take(order(nl, None))

    assert (contacts(nl), nl.shown(nl.receive("Salut"))[1]) == ([], "opted_out")


def test_a_block_that_was_seen_goes_with_the_person_and_another_stays(enter: Enter) -> None:
    """`forget` undoes the blocks that its line knew of; one at nl that nobody had heard of holds, as a pseudonym."""
    fr, nl = enter("fr"), enter("nl")
    nl.run("block", KEVIN)
    exchanged(nl, fr)
    nl.run("block", LEA)
    forget(fr)
    forget(fr, LEA)
    exchanged(fr, nl, fr)

    assert rows(nl.db, "SELECT number, blocked_at IS NULL FROM numbers") == [(nl.person(LEA), 0)]
    assert [nl.shown(nl.receive("Salut", number))[1] for number in (KEVIN, LEA)] == ["first_contact", "blocked"]
    assert [fr.shown(fr.receive("Salut", number))[1] for number in (KEVIN, LEA)] == ["first_contact", "blocked"]


def test_who_is_known_elsewhere_alone_is_erased_there(enter: Enter) -> None:
    """A person who asks a line that has nothing of it is erased at the others."""
    fr, nl = enter("fr"), enter("nl")
    nl.receive(TEXT)
    assert fr.run("forget", KEVIN).exit_code == 2  # nobody can be asked here
    assert "Nothing is stored about" in forget(fr)
    exchanged(fr, nl)

    assert contacts(nl) == []


def test_a_pseudonym_is_erased_as_its_number_is(enter: Enter) -> None:
    """Whom nl has by its pseudonym, or partly so, is erased wholly."""
    fr, nl = enter("fr"), enter("nl")
    answered(nl)
    for _batch in purging.purge(nl.db, timedelta(0), timedelta(0), nl.now()):
        pass
    nl.receive(TEXT)
    forget(fr)
    exchanged(fr, nl)

    assert (contacts(nl), contacts(nl, nl.person())) == ([], [])


# ---- who has not yet


def status(line: Member) -> dict[str, Any]:
    """Return what `fleet status --json` prints, and hold it to what is promised."""
    document: dict[str, Any] = json.loads(line.run("fleet", "status", "--json").output)
    judge("fleet_status", document)
    return document


def missing(line: Member) -> list[list[str]]:
    """Return which lines have not carried out each erasure that is open."""
    return [each["missing"] for each in status(line)["erasures"]]


def test_an_erasure_is_open_until_every_line_has_carried_it_out(enter: Enter, hub: str) -> None:
    """`fleet status` names the lines that have not, at every line and at once; one that is struck off is none."""
    fr, nl, be = enter("fr"), enter("nl"), enter("be")
    exchanged(fr, nl, be, fr)
    forget(fr)
    assert missing(fr) == [["be", "nl"]]
    fr.sync()
    assert missing(fr) == [["be", "nl"]]
    exchanged(nl)
    assert missing(nl) == [["be"]]
    assert "1 person who was erased at fr is not yet erased at: be." in nl.run("fleet", "status").output
    (erasure,) = status(nl)["erasures"]
    assert (erasure["line"], erasure["at"] is None) == ("fr", not nl.db.now().synchronised)
    assert nl.run("fleet", "hub", "remove", "be", "--hub", hub).exit_code == 0
    forget(nl)
    exchanged(nl)

    assert missing(nl) == [["fr"]]


def test_a_line_that_never_joined_hides_no_other_erasure(
    enter: Enter, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many it lacks, those that other lines lack are shown beside these, and each kind is counted whole."""
    monkeypatch.setattr(report, "MOST_ERASURES", 2)
    fr, nl = enter("fr"), enter("nl")
    assert fr.run("fleet", "hub", "invite", "be", str(fr.folder / "be"), "--hub", hub).exit_code == 0
    for digit in range(4):
        forget(fr, f"+3247000000{digit}")
    exchanged(fr, nl)
    forget(fr, LEA)
    exchanged(fr)
    forget(fr)

    found = status(fr)
    assert found["open"] == [
        {"line": "fr", "missing": ["be"], "persons": 4},
        {"line": "fr", "missing": ["be", "nl"], "persons": 2},  # of one the hub has not heard yet
    ]
    assert [each["missing"] for each in found["erasures"]] == [["be"], ["be", "nl"], ["be", "nl"]]
    said = " ".join(fr.run("fleet", "status").output.split())
    assert "4 persons who were erased at fr are not yet erased at: be." in said
    assert "2 persons who were erased at fr are not yet erased at: be, nl." in said


def test_an_erasure_that_a_file_still_holds_is_not_carried_out(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a reader keeps a copy in the -wal of nl the erasure is open there; the next exchange ends it."""
    fr, nl = enter("fr"), enter("nl")
    answered(nl)
    exchanged(nl)
    forget(fr)
    exchanged(fr)
    monkeypatch.setattr(rebuilding, "CHECKPOINT_SECONDS", 0.0)
    with contextlib.closing(sqlite3.connect(nl.database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM contacts").fetchone()
        exchanged(nl)
        assert (contacts(nl), missing(nl)) == ([], [["nl"]])
    exchanged(nl)

    assert missing(nl) == []


def test_whoever_is_erased_while_the_database_is_written_anew_has_it_written_again(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure that comes after VACUUM, and before it is noted, is not noted with it: of a person, or by age."""
    nl = enter("nl")
    answered(nl, LEA)
    nl.receive(TEXT)
    checkpoint, said = rebuilding._checkpoint, list[str]()
    others = [
        lambda db: erasing.forget(db, LEA, nl.now(), keep_opt_out=True, opts_out=lambda _text: False),
        lambda db: [*purging.purge(db, timedelta(0), timedelta(0), nl.now())],
    ]

    def meanwhile(db: Database) -> bool:
        if others:
            with contextlib.closing(open_beside_daemon(nl.database)) as other:
                others.pop()(other)
        return checkpoint(db)

    nl.take(order(nl, None))
    monkeypatch.setattr(rebuilding, "_checkpoint", meanwhile)
    nl.db.connection.set_trace_callback(said.append)

    assert rebuilding.rebuild(nl.db)
    assert (said.count("VACUUM"), needs_rebuild(nl.db)) == (3, False)


def test_a_rebuild_ends_however_many_are_erased_meanwhile(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody else is erased each time, it gives up, the erasure is not confirmed, and a later one ends it."""
    nl = enter("nl")
    nl.take(order(nl, None))
    checkpoint = rebuilding._checkpoint

    def meanwhile(db: Database) -> bool:
        with contextlib.closing(open_beside_daemon(nl.database)) as other:
            erasing.forget(other, LEA, nl.now(), keep_opt_out=True, opts_out=lambda _text: False)
        return checkpoint(db)

    with monkeypatch.context() as patch:
        patch.setattr(rebuilding, "_checkpoint", meanwhile)
        nl.receive(TEXT)
        nl.run("forget", KEVIN, "--yes")
        assert not rebuilding.rebuild(nl.db)
    assert needs_rebuild(nl.db)

    assert rebuilding.rebuild(nl.db)
    assert not needs_rebuild(nl.db)


def test_which_line_ordered_an_erasure_is_told(enter: Enter) -> None:
    """`fleet status` and the alert name it, and what this line had ordered itself is not told as another's."""
    fr, nl = enter("fr"), enter("nl")
    nl.receive(TEXT)
    forget(fr)
    forget(nl, LEA)
    exchanged(fr, nl, fr)

    assert (status(nl)["erased"], status(fr)["erased"]) == ([{"line": "fr", "persons": 1}], [])
    (event,) = events.news(nl.db, ["forget_elsewhere"], 0)
    told = due(alerting.AlertProgress(event_id=0), seen(), [event], nl.now())[1]
    assert [each.text.rpartition(" says ")[2] for each in told] == ["how many, and which line orders it: fr."]


def test_what_is_kept_is_told_as_a_number_to_others_and_with_its_ids_at_home(enter: Enter) -> None:
    """The line nl names its contacts, fr hears how many they are, and once they are gone nobody speaks of them."""
    fr, nl = enter("fr"), enter("nl")
    kept = [nl.receive(TEXT), nl.receive("Encore")]
    for contact_id in kept:
        nl.run("keep", str(contact_id))
    forget(fr)
    exchanged(fr, nl)
    forget(fr, LEA)  # who has erased nobody asks once a minute how the others are
    exchanged(fr)
    assert (status(nl)["kept"], status(fr)["kept"]) == (kept, [])
    assert f"these contacts are kept here: {kept[0]}, {kept[1]}." in " ".join(nl.run("fleet", "status").output.split())
    assert "2 contacts of persons who were erased elsewhere are kept at nl." in fr.run("fleet", "status").output
    forget(nl)

    assert status(nl)["kept"] == []


@pytest.mark.parametrize(
    "row",
    [
        *((7, None, 1, 1), ("<b>", None, 1, 1), ("fr", "yesterday", 1, 1), ("fr", 7, 1, 1)),
        *(("fr", None, "1", 1), ("fr", None, None, 1), ("fr", None, 1, "1"), ("fr", None, 1, 0), ("fr", None, 1, None)),
    ],
)
def test_what_is_no_erasure_is_left_out(row: tuple[Any, ...]) -> None:
    """Whatever the hub says of erasures, what has no form of one is not shown."""
    member = report.Member("nl", None, None, report.Figures(MemberState.UNKNOWN))

    assert list(report.read_erasures([row, ("fr", None, 1, 3)], [member])) == [
        report.PendingErasure("fr", None, ("nl",), 3)
    ]


# ---- what came later, what is kept, what is being sent


@pytest.mark.parametrize("at", [-1, 1])
@pytest.mark.parametrize("synchronised", [False, True])
def test_what_came_after_the_erasure_stays(enter: Enter, at: int, synchronised: bool) -> None:
    """A text that came later is nobody's to erase: by the calendar, or by the limit clock where that is not sure."""
    nl = enter("nl")
    contact_id = nl.receive(TEXT)
    moment = Now(SENT, nl.now().limit, synchronised)
    nl.db.execute("UPDATE contacts SET synchronised = ?", synchronised)
    received = nl.db.the("SELECT received_at, received_limit FROM contacts")
    nl.db.execute("UPDATE contacts SET received_at = ?", rfc3339(SENT if synchronised else SENT - 10 * LATER))
    limit = received["received_limit"] + LATER.total_seconds() * 5
    nl.at = Now(SENT + LATER * 5, limit, synchronised=True)
    assert moment.limit < limit
    nl.take(order(nl, rfc3339(SENT + LATER * at)))

    assert contacts(nl) == ([] if at > 0 else [contact_id])


def test_an_erasure_of_an_uncertain_moment_takes_all(enter: Enter) -> None:
    """Where the clock of fr was not synchronised nobody knows what came later; nor where that of nl is not."""
    nl = enter("nl")
    nl.receive(TEXT)
    nl.take(order(nl, None))
    assert contacts(nl) == []
    nl.receive(TEXT)
    nl.take(order(nl, rfc3339(SENT - LATER), version=8, place=2))

    assert contacts(nl) == []


def test_what_another_line_keeps_stays_and_is_told(enter: Enter) -> None:
    """A kept contact stays, with its bytes and its answer, until a person there forgets it."""
    fr, nl = enter("fr"), enter("nl")
    kept, other = answered(nl), nl.receive("Autre chose")
    nl.run("keep", str(kept))
    before = nl.log()[0]
    forget(fr)
    exchanged(fr, nl)

    assert (nl.log()[0], contacts(nl)) == (before, [kept])
    assert fleet.kept(nl.db) == [kept]
    forget(nl)
    assert (contacts(nl), fleet.kept(nl.db), other in contacts(nl)) == ([], [], False)


def test_an_answer_that_is_being_submitted_is_waited_for(enter: Enter) -> None:
    """While a segment to the person is being sent the erasure waits, and so does what the hub has behind it."""
    fr, nl = enter("fr"), enter("nl")
    nl.receive(TEXT)
    row = nl.db.the("SELECT id FROM answers")
    begun = store_steps.segment_of(store_steps.begin(nl.db, row["id"], nl.now()))
    forget(fr)
    fr.receive(STOP, LEA)
    exchanged(fr)
    assert "Taken: 0." in nl.sync()
    assert len(contacts(nl)) == 1
    store_steps.take(nl.db, begun, nl.now())

    assert "Taken: 2." in nl.sync()
    assert (contacts(nl), nl.shown(nl.receive("Salut", LEA))[1]) == ([], "opted_out")


def test_what_waits_for_an_erased_person_is_cancelled(enter: Enter) -> None:
    """An answer that is queued at nl never leaves."""
    fr, nl = enter("fr"), enter("nl")
    nl.receive(TEXT)
    forget(fr)
    exchanged(fr, nl)

    assert nl.db.one("SELECT 1 FROM answers WHERE state IN ('queued', 'sending')") is None


# ---- backups that are put back


def test_a_restored_line_obeys_anew(enter: Enter) -> None:
    """Whom a backup brings back is erased again by the line's next exchange: by its own order, or another's."""
    fr, nl = enter("fr"), enter("nl")
    answered(fr)
    answered(nl)
    nl.run("keep", str(nl.newest()))
    fr.run("keep", str(fr.newest()))
    sure = fr.db.now()._replace(synchronised=True)  # without, nobody knows whether a contact was kept since
    restored_after(fr, lambda: erasing.forget(fr.db, KEVIN, sure, keep_opt_out=True, opts_out=lambda _text: False))
    restored_after(nl, bool)
    assert (len(contacts(fr)), len(contacts(nl))) == (1, 1)
    nl.run("keep", "1", "--undo")
    exchanged(fr, nl)
    for line in (fr, nl):
        (line.folder / "backup.db").unlink()

    assert [traces(line.database, forms(KEVIN)) for line in (fr, nl)] == [[], []]


def test_a_restored_line_that_erases_anew_is_obeyed(enter: Enter) -> None:
    """What it orders before it has exchanged again is later than what it had ordered before."""
    fr, nl = enter("fr"), enter("nl")
    exchanged(fr)
    restored_after(fr, lambda: (forget(fr), exchanged(fr, nl)))
    nl.receive(TEXT)
    now = fr.db.now()
    erasing.forget(fr.db, KEVIN, now._replace(synchronised=True), keep_opt_out=True, opts_out=lambda _text: False)
    exchanged(fr, nl)

    assert contacts(nl) == []


def test_a_restored_hub_is_told_again(enter: Enter, hub: str, cluster: Cluster) -> None:
    """An order that a hub has lost with its state is sent again, and obeyed by who had not heard of it."""
    fr, nl = enter("fr"), enter("nl")
    nl.receive(TEXT)
    forget(fr)
    exchanged(fr)
    cluster.refusal(hub, "DELETE FROM hotlined.persons")
    exchanged(fr, nl)

    assert contacts(nl) == []


# ---- a hub that lies


@pytest.mark.parametrize(
    "change", [{"erased": 6}, {"erased_at": None}, {"erased_at": rfc3339(SENT + LATER)}, {"person": "~0123456789ab"}]
)
def test_an_erasure_that_its_line_did_not_sign_is_none(enter: Enter, change: dict[str, Any]) -> None:
    """The hub can change neither whom a line erases nor when that was; and no row without an erasure has one."""
    nl = enter("nl")
    contact_id = nl.receive(TEXT)
    said, claim = order(nl, rfc3339(SENT)), nl.said("fr", 7).row

    assert nl.take(Placed(1, replace(said.row, **change))) == 1
    assert nl.take(Placed(2, replace(claim, erased=7, erased_at=None))) == 1
    assert contacts(nl) == [contact_id]


def test_an_erasure_that_is_repeated_takes_nothing(enter: Enter) -> None:
    """Who texts again after it was erased is not erased again by the same row, nor by one of before."""
    nl = enter("nl")
    before, said = order(nl, None, version=5), order(nl, None, version=7)
    nl.take(said)
    contact_id = nl.receive(TEXT)
    for place, each in enumerate((said, before, said), 2):
        assert nl.take(replace(each, place=place)) == 0

    assert contacts(nl) == [contact_id]


def test_rows_without_an_erasure_are_signed_as_ever(enter: Enter) -> None:
    """Lines of an earlier version believe what this one says of those whom nobody has erased."""
    nl = enter("nl")
    claim = claims.Claim("fr", "~0123456789ab", 3, 2, None, "{}").signed(b"\x22" * 32)

    assert claim.signature == "ef883caa12e0af986ff88bb269eca586d3e9c1e73fc1a219019299c39964befd"
    assert nl.said("fr", 3).row.erased is None


def test_many_erasures_are_a_transaction_each(enter: Enter) -> None:
    """Nobody waits for the database longer than for one `forget`, however many a hub sends; none is left out."""
    fr, nl = enter("fr"), enter("nl")
    numbers = [f"+3247000000{digit}" for digit in range(5)]
    for number in numbers:
        nl.receive(TEXT, number)
        forget(fr, number)
    fr.receive(STOP, LEA)
    placed = [Placed(place, claim) for place, claim in enumerate(fr.unsent_rows(), 1)]
    left = []
    for _transaction in numbers:
        cursor = nl.db.value("SELECT cursor FROM fleet_line")
        nl.take(*(each for each in placed if each.place > cursor))
        left.append(int(nl.db.value("SELECT count(*) FROM contacts")))

    assert left == [4, 3, 2, 1, 0]
    assert nl.shown(nl.receive("Salut", LEA))[1] == "opted_out"


def test_an_exchange_carries_out_all_erasures(enter: Enter) -> None:
    """Whom others erased one after the other is gone after one exchange."""
    fr, nl = enter("fr"), enter("nl")
    for number in (KEVIN, LEA, "+32470000001"):
        nl.receive(TEXT, number)
        forget(fr, number)
    exchanged(fr)

    assert "Taken: 3." in nl.sync()
    assert nl.db.value("SELECT count(*) FROM contacts") == 0


# ---- a line in no fleet


def test_forget_in_no_fleet_is_what_it_was(tmp_path: Any) -> None:
    """Nothing of a fleet is said or kept, and an opt-out goes."""
    line = Filled(tmp_path)
    with line.db:
        line.judge(line.text(STOP))
        said = line.run("forget", KEVIN, "--yes").output
        assert "it is a new number" in said
        assert "lines" not in said
        assert line.run("forget", LEA, "--yes").output == "Nothing is stored about +33612345678.\n"
        tables = ("fleet_line", "fleet_own", "fleet_persons", "fleet_kept", "numbers")

        assert [rows(line.db, f"SELECT * FROM {table}") for table in tables] == [[]] * len(tables)
