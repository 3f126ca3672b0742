"""The keys of a line's pseudonyms: it keeps its former ones when it joins a fleet, and leaves and joins again."""

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import pytest
import steps
from filled import KEVIN, LEA
from needs import needs_root
from persons import ADMIN, COMMAND, LINE, Person, give
from steps import Step
from test_fleet import STOP, Member, asked

from hotlined import pseudonym
from hotlined.config import load
from hotlined.errors import RefusedError
from hotlined.fleet import invitation, join
from hotlined.store import decisions, fleet, pseudonyms
from hotlined.store.backup import make
from hotlined.store.history import history_of
from hotlined.store.opening import open_for_daemon

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(steps.PRELOADED))

HERE = "from hotlined import migrations; from hotlined.store import opening; opening._migrate = migrations.apply; "
"""Migrates in the same process: only root may start this Python."""
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
    assert history_of(line.db, KEVIN, shadow=False).answers == 1
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
    assert line.unsent_rows() == []
    decisions.block(line.db, pseudonyms.names(line.db, LEA)[-1], "anna", line.now())
    assert line.unsent_rows() == []
    line.receive("Salut", LEA)
    (claim,) = line.unsent_rows()

    assert (claim.person, bool(claim.opted_out), bool(claim.blocked)) == (line.under(FIRST, LEA), True, True)
    assert line.db.value("SELECT count(*) FROM numbers WHERE former") == 0
    line.run("optin", LEA)
    line.run("unblock", LEA)
    assert line.shown(line.receive("Salut", LEA))[0] == "answer"


def test_a_person_s_decision_recognises_a_number_too(line: Keeper) -> None:
    """Who is blocked here by number, and had opted out under a former pseudonym, is shared with both."""
    line.enter()
    line.run("block", LEA)
    (claim,) = line.unsent_rows()

    assert (claim.person, bool(claim.opted_out), bool(claim.blocked)) == (line.under(FIRST, LEA), True, True)


def test_without_a_former_key_nothing_is_sent_until_a_person_decides(line: Keeper) -> None:
    """It is said which key is missing; `resume` goes on without it, and with the file put back all holds again."""
    line.enter()
    whole = line.db.key_path.read_bytes()
    line.db.key_path.write_bytes(whole[:32])
    line.db.keys = {}
    assert pseudonyms.note_lost(line.db, line.now())
    assert "lacks a former key" in pseudonyms.lost_in_words(line.db)
    assert history_of(line.db, KEVIN, shadow=False).hidden
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
    assert history_of(line.db, KEVIN, shadow=False).answers == 0
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


# ---- power cuts, and what comes first


def whole(line: Keeper) -> dict[str, str]:
    """Return what joining leaves: keys, membership, what is claimed, and who is refused."""
    columns = ("line_state", "key_digest"), ("fleet_line", "line"), ("fleet_own", "person"), ("numbers", "former")
    held = {f"{table}.{column}": line.db.all(f"SELECT {column} FROM {table} ORDER BY 1") for table, column in columns}
    files = [line.db.key_path, line.database.with_name("hotlined.db.orders"), line.config.with_suffix(".fleet")]
    return {name: str([*map(tuple, rows)]) for name, rows in held.items()} | {
        path.name: path.read_bytes().hex() if path.exists() else "" for path in files
    }


def killed_everywhere(line: Keeper, *words: str, again: Collection[int] = (0,)) -> int:
    """Kill a command before each step that it takes, and run it again to its end; return how many steps those are.

    The second run ends with one of the codes in `again`. Whatever was cut off, nobody is answered who was refused, and
    all ends as if nothing had happened.
    """
    folder = line.folder.with_name("before")
    shutil.copytree(line.folder, folder)
    arguments, log, trace = ("--config", str(line.config), *words), line.folder / "log", line.folder / "steps"

    def live(die_at: Step | None) -> int | None:
        program = _FORKS.Process(target=steps.run, args=(arguments, log, trace, die_at))
        program.start()
        program.join()
        return program.exitcode

    assert live(None) == 0, log.read_text()
    taken = trace.read_text().splitlines()
    expected = whole(line)
    for number, name in enumerate(taken):
        line.db.close()
        shutil.rmtree(line.folder)
        shutil.copytree(folder, line.folder)
        assert live(Step(name, taken[:number].count(name))) == -signal.SIGKILL
        line.db = open_for_daemon(line.database)
        assert history_of(line.db, LEA, shadow=False).opted_out
        assert not pseudonyms.is_lost(line.db)
        assert live(None) in again, log.read_text()
        assert whole(line) == expected, name
    return len(taken)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Keeper]:
    """Give a line as `line` does, in a folder that can be copied."""
    (tmp_path / "line").mkdir()
    keeper = Keeper(tmp_path / "line", line="fr")
    keeper.receive(STOP, LEA)
    keeper.age()
    yield keeper
    keeper.db.close()


def test_joining_that_is_cut_off_anywhere_is_ended_by_joining_again(apart: Keeper) -> None:
    """Killed before each of its steps, `fleet join` loses no key, and the next run leaves what one alone would have."""
    apart.receive("Salut")
    apart.run("block", KEVIN)

    assert killed_everywhere(apart, "fleet", "join", str(apart.invited(FIRST))) >= 5


def test_joining_another_fleet_is_cut_off_as_well(apart: Keeper) -> None:
    """So it is where the line is in a fleet and takes over what the others there had decided."""
    apart.enter()
    apart.take(apart.said("nl", 3))

    assert killed_everywhere(apart, "fleet", "join", str(apart.invited(SECOND))) >= 5


def test_leaving_that_is_cut_off_anywhere_is_ended_by_leaving_again(apart: Keeper) -> None:
    """Killed before each of its steps, `fleet leave` ends when it is run again, and nobody is answered for it."""
    apart.enter()
    apart.take(apart.said("nl", 3))

    assert killed_everywhere(apart, "fleet", "leave", "--yes", again=(0, 75)) >= 3


def test_nothing_is_exchanged_between_two_fleets(line: Keeper) -> None:
    """Where the address is of the new fleet and the pseudonyms are of the old one, the exchange says to join again."""
    line.enter()
    join.store_address(load(line.config), invitation.read(line.invited(SECOND)))
    result = line.run("fleet", "sync", "--once")

    assert (result.exit_code, "other pseudonyms than its fleet" in result.output) == (75, True)


@pytest.fixture
def installed() -> Iterator[tuple[Path, Path]]:
    """Give the configuration of a line that has not run yet, in a folder of root's, and an invitation beside it.

    It is not where pytest has its folders: each pytest that starts closes them to other users.
    """
    with tempfile.TemporaryDirectory() as name:
        yield _installed(Path(name))


def _installed(around: Path) -> tuple[Path, Path]:
    folder = around / "line"
    folder.mkdir(mode=0o2750)
    config, file = folder / "config.yaml", folder / "invitation"
    settings = {"line": "fr", "database": "hotlined.db", "runtime_dir": "run", "answer": {"text": "Non."}}
    config.write_text(json.dumps(settings))
    invitation.write(file, invitation.Invitation("fr", NOWHERE, invitation.Keys(*FIRST)))
    for path in (folder, *folder.parents):
        if path.stat().st_uid == 0 and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    return config, file


@needs_root
@pytest.mark.parametrize("who", [ADMIN, LINE], ids=["root", "the line's user"])
def test_a_line_joins_before_it_has_run(installed: tuple[Path, Path], who: Person) -> None:
    """Database and keys are made as the daemon makes them: its user's, and for its group to read, but the orders'."""
    config, file = installed
    folder = config.parent
    give(folder)
    result = who.call(HERE + COMMAND, "--config", str(config), "fleet", "join", str(file))
    assert result.returncode == 0, result.stderr
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in folder.glob("hotlined.db*") if path.stat().st_uid == LINE.uid
    }

    assert modes["hotlined.db.orders"] == 0o600
    assert {modes[f"hotlined.db{ending}"] for ending in ("", "-wal", "-shm", ".key")} == {0o640}
    assert LINE.hotlined(config, "fleet", "status").returncode == 0


@needs_root
def test_who_may_not_write_beside_the_configuration_is_told_to_use_sudo(installed: tuple[Path, Path]) -> None:
    """Joining and leaving name the address and sudo, not a file that is there for a moment, and change nothing."""
    config, file = installed
    address = config.with_suffix(".fleet")
    os.chown(config, 0, LINE.gids[0])
    os.chown(file, LINE.uid, LINE.gids[0])

    def refused(*words: str) -> None:
        result = LINE.hotlined(config, "fleet", *words)
        said = " ".join(result.stderr.split())
        assert result.returncode == 75, said
        assert f"Error: {address} may not be written by you. Hint: Put `sudo` before the command." in said

    refused("join", str(file))
    assert sorted(path.name for path in config.parent.iterdir()) == ["config.yaml", "invitation"]
    address.write_text("{}")
    refused("leave", "--yes")
    assert address.exists()


# ---- leaving


def test_a_line_that_leaves_goes_on_refusing_whom_the_others_refuse(line: Keeper) -> None:
    """Without the hub, what it followed is its own decision, and nothing of the fleet is left but the key."""
    line.enter()
    line.take(line.said("nl", 3), line.said("nl", 4, place=2, person=line.person("+32470000001"), opted_out=None))
    key = line.db.key_path.read_bytes()
    said = line.run("fleet", "leave", "--yes").output

    assert "1 person whom other lines had refused" in said
    assert "systemctl stop hotlined-fleet@main" in said
    assert "fleet hub remove fr" in said
    assert line.shown(line.receive("Salut")) == ("suppress", "opted_out", None)
    assert line.db.key_path.read_bytes() == key
    assert not line.config.with_suffix(".fleet").exists()
    assert not line.database.with_name("hotlined.db.orders").exists()
    assert [line.db.value(f"SELECT count(*) FROM {table}") for table in fleet._TABLES] == [0] * len(fleet._TABLES)
    assert line.run("fleet", "leave", "--yes").exit_code == 75
    line.run("optin", KEVIN)
    assert line.shown(line.receive("Salut"))[1] == "cooldown"


def test_leaving_is_asked_for(line: Keeper) -> None:
    """Where nobody can be asked nothing is done."""
    line.enter()

    assert line.run("fleet", "leave").exit_code == 2
    assert fleet.maybe_membership(line.db)


def test_a_line_that_left_joins_again(line: Keeper) -> None:
    """It has its former keys still, claims what it decided meanwhile, and has all of it to send."""
    line.enter()
    line.run("fleet", "leave", "--yes")
    line.run("block", KEVIN)
    line.enter()

    assert [(claim.person, bool(claim.blocked)) for claim in line.unsent_rows()] == [(line.under(FIRST), True)]
    assert line.shown(line.receive("Salut", LEA))[:2] == ("suppress", "opted_out")
