"""The keys of a line's pseudonyms: it keeps its former ones when it joins a fleet, and leaves and joins again."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from filled import KEVIN, LEA
from test_fleet import STOP, Member, asked

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.errors import RefusedError
from hotlined.fleet import invitation
from hotlined.store import attempts, decisions, privacy, pseudonyms
from hotlined.store.backup import make

NOWHERE = "postgresql://nobody@localhost:1/hub"
FIRST, SECOND = ("1" * 64, "a" * 64), ("2" * 64, "b" * 64)
"""The keys of two fleets: that of pseudonyms, and that of orders."""


class Keeper(Member):
    """A line that joins without a hub."""

    def invited(self, keys: tuple[str, str]) -> Path:
        """Return an invitation into the fleet that has these keys."""
        file = self.folder / "invitation"
        invitation.write(file, invitation.Invitation(self.settings["line"], NOWHERE, invitation.Keys(*keys)))
        return file

    def enter(self, keys: tuple[str, str] = FIRST) -> str:
        """Join a fleet; return what that says."""
        result = self.run("fleet", "join", str(self.invited(keys)))
        assert result.exit_code == 0, result.output
        return result.output

    def age(self) -> None:
        """Have all numbers become pseudonyms."""
        now = self.now()
        later = Now(now.utc + timedelta(days=400), now.limit + 400 * 86400, synchronised=False)
        for _batch in privacy.purge(self.db, timedelta(days=90), timedelta(days=365), later):
            pass

    def under(self, keys: tuple[str, str], number: str = KEVIN) -> str:
        """Return a number's pseudonym in a fleet."""
        return pseudonym.of(bytes.fromhex(keys[0]), number)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Keeper]:
    """Give a line that has answered Kevin, whom Léa asked to stop, and that knows both by their pseudonyms alone."""
    keeper = Keeper(tmp_path, line="fr")
    with keeper.db:
        keeper.receive("Salut")
        keeper.send()
        keeper.receive(STOP, LEA)
        keeper.age()
        yield keeper


# ---- a former key


def test_a_line_with_pseudonyms_joins_and_finds_everybody(line: Keeper) -> None:
    """Whom it knew by a pseudonym of its own key it knows after it has joined: opt-outs, limits, `number`, `log`."""
    before = pseudonyms.person(line.db, KEVIN)
    line.enter()

    assert pseudonyms.names(line.db, KEVIN) == (KEVIN, line.under(FIRST), before)
    assert attempts.history_of(line.db, KEVIN, shadow=False).answers == 1
    assert line.shown(line.receive("Salut", LEA))[:2] == ("suppress", "opted_out")
    line.receive("Encore")
    assert [entry["originator"] for entry in line.log("--number", KEVIN)] == [before, KEVIN]
    assert json.loads(line.run("number", KEVIN, "--json").output)["contacts"] == 2
    line.age()
    assert [entry["originator"] for entry in line.log("--number", KEVIN)] == [before, line.under(FIRST)]


def test_forget_erases_under_every_key(line: Keeper) -> None:
    """Nothing is left under the number or the pseudonyms of keys before; the fleet hears of it by the present one."""
    line.enter()
    line.receive("Encore")
    line.enter(SECOND)
    line.age()
    line.receive("Toujours moi")
    names = pseudonyms.names(line.db, KEVIN)
    assert len(names) == 4
    line.run("keep", "1")
    assert json.loads(line.run("export", KEVIN, "--json").output)["pseudonym"] == line.under(SECOND)
    assert line.run("forget", KEVIN, "--yes").exit_code == 0

    left = "".join(line.db.connection.iterdump())
    assert [name for name in names if name in left] == [line.under(SECOND)]
    assert line.db.value("SELECT count(*) FROM contacts WHERE originator <> ?", LEA) == 1


def test_the_former_key_is_where_the_key_is(line: Keeper) -> None:
    """It lies in the same file, which its group reads, and goes where that goes: a backup has both."""
    own = line.db.key_path.read_bytes()
    line.enter()
    line.enter()
    assert line.db.key_path.read_bytes() == bytes.fromhex(FIRST[0]) + own
    assert line.db.key_path.stat().st_mode & 0o777 == 0o640
    copy = line.folder / "copy.db"
    make(line.database, copy, lambda _done, _all: None)

    assert copy.with_name("copy.db.key").read_bytes() == line.db.key_path.read_bytes()


def test_what_only_a_former_pseudonym_knows_is_shared_once_its_number_is_heard_of(line: Keeper) -> None:
    """`fleet join` says how many these are; none of them goes to the hub as it is, and each does when it texts."""
    assert "opt-out or block of 1 person is known by a former pseudonym alone" in line.enter()
    assert line.owed() == []
    decisions.block(line.db, pseudonyms.names(line.db, LEA)[-1], "anna", line.now())
    assert line.owed() == []
    line.receive("Salut", LEA)
    (claim,) = line.owed()

    assert (claim.person, bool(claim.opted_out), bool(claim.blocked)) == (line.under(FIRST, LEA), True, True)
    assert line.db.value("SELECT count(*) FROM numbers WHERE former") == 0
    line.run("optin", LEA)
    line.run("unblock", LEA)
    assert line.shown(line.receive("Salut", LEA))[0] == "answer"


def test_a_person_s_decision_recognises_a_number_too(line: Keeper) -> None:
    """Who is blocked here by number, and had opted out under a former pseudonym, is shared with both."""
    line.enter()
    line.run("block", LEA)
    (claim,) = line.owed()

    assert (claim.person, bool(claim.opted_out), bool(claim.blocked)) == (line.under(FIRST, LEA), True, True)


def test_without_a_former_key_nothing_is_sent_until_a_person_decides(line: Keeper) -> None:
    """It is said which key is missing; `resume` goes on without it, and with the file put back all holds again."""
    line.enter()
    whole = line.db.key_path.read_bytes()
    line.db.key_path.write_bytes(whole[:32])
    line.db.keys = {}
    assert pseudonyms.note_lost(line.db, line.now())
    assert "lacks a former key" in pseudonyms.lost_in_words(line.db)
    assert attempts.history_of(line.db, KEVIN, shadow=False).hidden
    assert line.run("fleet", "join", str(line.invited(SECOND))).exit_code == 1
    line.db.key_path.write_bytes(whole)
    assert not pseudonyms.is_lost(line.db)
    pseudonyms.note_lost(line.db, line.now())
    line.db.key_path.write_bytes(whole[:32])
    line.db.keys = {}
    with pytest.raises(RefusedError, match="lacks a former key"):
        decisions.resume(line.db, "anna", line.now())
    assert decisions.resume(line.db, "anna", line.now())

    assert not pseudonyms.is_lost(line.db)
    assert attempts.history_of(line.db, KEVIN, shadow=False).answers == 0
    assert pseudonyms.person(line.db, KEVIN) == line.under(FIRST)


def test_a_line_with_one_key_asks_nothing_more(tmp_path: Path) -> None:
    """Verdicts ask as many questions with former keys as without."""
    counts = []
    for name, keys in (("a", [FIRST]), ("b", [SECOND, FIRST])):
        (tmp_path / name).mkdir()
        keeper = Keeper(tmp_path / name, line="fr")
        with keeper.db:
            for each in keys:
                keeper.enter(each)
            contact_id = keeper.text()
            counts.append(len(asked(keeper, partial(keeper.judge, contact_id))))

    assert counts[0] == counts[1]
