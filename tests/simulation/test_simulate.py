"""`hotlined simulate`: a flood through the real rules, in virtual time."""

import json
import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filled import ANSWER, KEVIN, LEA, Filled
from hypothesis import given, settings
from hypothesis import strategies as st
from store_steps import make_empty

from hotlined import config as configuration
from hotlined import policy
from hotlined.gsm.address import Identity, LineType
from hotlined.simulation.flood import Arrival, flood, replay
from hotlined.simulation.play import play
from hotlined.simulation.sums import peaks, sum_up
from hotlined.store.line.database import Database
from hotlined.store.line.line import commit_own_number
from hotlined.store.reading import simulation

SMALL = {"hour": 6, "day": 20, "month": 50}
HEADER = "received_at,originator,kind,text\n"


def configured(**sections: Any) -> configuration.Config:
    """Return a configuration with these sections."""
    return configuration.parse(json.dumps({"answer": {"text": ANSWER}} | sections), Path("main.yaml"))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give a temporary database."""
    with simulation.open_to_throw_away(make_empty(tmp_path / "flood.db")) as db:
        yield db


@pytest.fixture
def line(tmp_path: Path) -> Filled:
    """Give a line with its configuration."""
    filled = Filled(tmp_path, limits={"segments": SMALL})
    filled.db.close()
    return filled


def simulated(line: Filled, *arguments: str) -> dict[str, Any]:
    """Return the output of --json."""
    result = line.run("simulate", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def text(at: float, number: str = KEVIN, body: str = "Salut") -> Arrival:
    """Return a text from a Belgian mobile number."""
    return Arrival(at, "text", Identity(number, number, "BE", LineType.MOBILE), body)


def totals(found: dict[str, Any]) -> dict[str, int]:
    """Return the number of contacts by fate."""
    return {fate: sum(reasons.values()) for fate, reasons in found["fates"].items()}


# ---- sums and limits


def test_every_message_has_one_fate(line: Filled) -> None:
    """Fates add up to the received ones, over time, too."""
    found = simulated(line, "--messages", "200", "--numbers", "20", "--hours", "72", "--new", "25%")

    assert found["received"] == 200
    assert sum(totals(found).values()) == 200
    assert all(totals(found).values())
    assert sum(each["received"] for each in found["timeline"]) == 200
    assert sum(each["answered"] for each in found["timeline"]) == totals(found)["answered"]
    assert found["fates"]["cancelled"].keys() == {"stale"}
    assert found["price"] is None  # no price is configured


@pytest.mark.parametrize(
    "limits",
    [
        {"segments": SMALL, "cooldown": ["1h"], "per_number": 50},
        {"segments": {"hour": 9, "day": 60, "month": 61}, "reserve_for_new": "80%", "cooldown": ["10m"]},
        {"segments": {"hour": 200, "day": 5000, "month": 9000}, "cooldown": ["2h", "3h"], "per_number": 6},
    ],
)
def test_limits_hold_in_every_window(db: Database, limits: dict[str, Any]) -> None:
    """The rows respect the limit per number and the cooldowns, too."""
    chosen = configured(limits=limits, modem={"send_interval": "4s"}, answer={"text": ANSWER, "delay": "0s"})
    seconds = play(db, flood(400, 6, 40, 20, chosen, random.Random(3)), chosen, random.Random(3))
    rows = db.all(
        "SELECT s.submitted_limit AS at, t.share = 'known' AS known FROM answer_segments s"
        " JOIN attempts t ON t.id = s.attempt_id WHERE at NOT NULL ORDER BY at"
    )
    times = [row["at"] for row in rows]
    told = sum_up(db, chosen, 3, seconds)

    assert len(times) > 30
    for name, length in policy.WINDOW_SECONDS.items():
        limit = getattr(chosen.limits.segments, name)
        inside = [sum(end - length < each <= end for each in times) for end in times]
        share = limit - policy.reserve(limit, chosen.limits)
        known = [row["at"] for row in rows if row["known"] and row["at"] is not None]
        assert max(inside) <= limit
        assert told.worst[name].segments == max(inside)
        assert all(sum(end - length < each <= end for each in known) <= share for end in known)
    assert all(later - earlier >= 4 - 1e-6 for earlier, later in pairwise(times) if later != earlier)
    for answers in _answers(db).values():
        assert len(answers) <= chosen.limits.per_number
        for count, (earlier, later) in enumerate(pairwise(answers)):
            cooldowns = chosen.limits.cooldown
            assert later - earlier >= cooldowns[min(count, len(cooldowns) - 1)].total_seconds() - 1e-6


def _answers(db: Database) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in db.all(
        "SELECT a.recipient, t.begun_limit AS at FROM answers a JOIN attempts t ON t.answer_id = a.id ORDER BY at"
    ):
        found.setdefault(row["recipient"], []).append(row["at"])
    return found


def test_known_number_is_answered_again_from_its_share(db: Database) -> None:
    """Its cooldown is over and there is room."""
    chosen = configured(limits={"cooldown": ["1h"], "per_number": 3})
    arrivals = [text(hour * 3600.0, body=f"{hour}") for hour in range(0, 10, 2)]
    told = sum_up(db, chosen, 0, play(db, arrivals, chosen, random.Random(0)))

    assert told.fates["answered"] == {"cooldown_over": 2, "first_contact": 1}
    assert told.fates["suppressed"] == {"per_number": 2}
    assert [
        row[0]
        for row in db.all(
            "SELECT count(*) FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id WHERE t.share = 'known'"
        )
    ] == [4]


def test_known_number_waits_for_the_reserve(db: Database) -> None:
    """Half of the hour is for new numbers."""
    chosen = configured(
        limits={"segments": {"hour": 4, "day": 20, "month": 50}, "cooldown": ["0s"], "per_number": 9},
        answer={"text": "Non.", "delay": "1m"},
    )
    arrivals = [text(at, body=body) for at, body in ((0.0, "a"), (200.0, "b"), (400.0, "c"), (600.0, "d"))]
    told = sum_up(db, chosen, 0, play(db, arrivals, chosen, random.Random(0)))

    assert told.fates["answered"] == {"cooldown_over": 2, "first_contact": 1}
    assert told.fates["waiting"] == {"reserve": 1}


def test_new_number_waits_for_a_full_window(db: Database) -> None:
    """The hour has room for four answers, and the fifth waits."""
    chosen = configured(
        limits={"segments": {"hour": 4}}, answer={"text": "Non.", "delay": "1m"}, modem={"send_interval": "0s"}
    )
    arrivals = [text(float(each), f"+3247000000{each}") for each in range(5)]
    told = sum_up(db, chosen, 0, play(db, arrivals, chosen, random.Random(0)))

    assert told.fates["answered"] == {"first_contact": 4}
    assert told.fates["waiting"] == {"budget_hour": 1}


def test_due_answers_wait_for_the_send_interval(db: Database) -> None:
    """This is their reason at the end of the simulation."""
    chosen = configured(answer={"text": "Non.", "delay": "0s"}, modem={"send_interval": "10s"})
    arrivals = [text(0.0, f"+3247000000{each}") for each in range(3)]
    told = sum_up(db, chosen, 0, play(db, arrivals, chosen, random.Random(0)))

    assert told.fates["answered"] == {"first_contact": 1}
    assert told.fates["waiting"] == {"send_interval": 2}


def test_wait_for_a_window_ends_when_it_has_room(db: Database) -> None:
    """Then the answers wait for the interval alone."""
    chosen = configured(
        limits={"segments": {"hour": 2}}, answer={"text": "Non.", "delay": "0s"}, modem={"send_interval": "10s"}
    )
    arrivals = [*(text(0.0, f"+3247000000{each}") for each in range(4)), text(3605.0, "+32470000000", "again")]
    told = sum_up(db, chosen, 0, play(db, arrivals, chosen, random.Random(0)))

    assert told.fates["answered"] == {"first_contact": 3}
    assert told.fates["waiting"] == {"send_interval": 1}


def test_waits_of_first_contacts_are_measured(db: Database) -> None:
    """They run from the arrival to the first segment."""
    chosen = configured(answer={"text": "Non.", "delay": "100s"}, modem={"send_interval": "10s"})
    arrivals = [text(0.0, f"+3247000000{each}") for each in range(4)] + [text(1000.0, "+32470000000", "again")]
    told = sum_up(db, chosen, 0, play(db, arrivals, chosen, random.Random(0)))

    assert told.first_contacts == simulation.Waits(4, 4, 110.0, 130.0)


def test_window_of_0_sends_nothing(db: Database) -> None:
    """Each answer waits until it is stale."""
    chosen = configured(limits={"segments": {"hour": 0}}, answer={"text": "Non.", "delay": "5m", "max_age": "1h"})
    arrivals = [text(0.0), text(36_000.0, LEA)]
    told = sum_up(db, chosen, 0, play(db, arrivals, chosen, random.Random(0)))

    assert (told.segments, told.fates["cancelled"], told.fates["waiting"]) == (0, {"stale": 1}, {"budget_hour": 1})
    assert told.first_contacts == simulation.Waits(2, 0, None, None)


@settings(deadline=None)
@given(st.lists(st.floats(0, 10_000_000), max_size=60).map(sorted))
def test_peak_of_a_window_is_its_largest_count(times: list[float]) -> None:
    """The far end of a window does not belong to it."""
    count, found = peaks(times)

    assert count == len(times)
    for name, length in policy.WINDOW_SECONDS.items():
        assert found[name] == max((sum(end - length < each <= end for each in times) for end in times), default=0)


# ---- the flood


@pytest.mark.parametrize(("new", "expected"), [(0, 0), (10, 100), (33, 330), (100, 1000)])
def test_share_of_new_numbers_is_exact_and_even(new: int, expected: int) -> None:
    """Each tenth of the flood has the same percentage."""
    arrivals = list(flood(1000, 50, 10, new, configured(), random.Random(5)))
    fresh = [str(each.identity.originator).startswith("+9991") for each in arrivals]

    assert sum(fresh) == expected
    assert len({each.identity.originator for each, is_new in zip(arrivals, fresh, strict=True) if is_new}) == expected
    assert all(abs(sum(fresh[at : at + 100]) - expected / 10) <= 1 for at in range(0, 1000, 100))
    assert [each.at for each in arrivals] == sorted(each.at for each in arrivals)
    assert 0 <= arrivals[0].at <= arrivals[-1].at <= 36_000


def test_same_seed_gives_the_same_result(line: Filled) -> None:
    """Another seed gives another flood."""
    shape = ("--messages", "150", "--numbers", "10", "--hours", "24")

    first = simulated(line, *shape, "--seed", "7")
    assert simulated(line, *shape, "--seed", "7") == first
    assert simulated(line, *shape, "--seed", "8")["timeline"] != first["timeline"]


def test_simulation_leaves_the_database_of_the_line_alone(line: Filled) -> None:
    """The daemon may run meanwhile."""
    before = line.database.read_bytes()
    simulated(line, "--messages", "20")

    assert line.database.read_bytes() == before
    beside = {f"hotlined.db{ending}" for ending in ("", ".lock", "-wal", "-shm")}
    assert {path.name for path in line.folder.iterdir()} <= {"main.yaml", *beside}


# ---- an exported log


def test_exported_log_can_be_replayed(tmp_path: Path) -> None:
    """Every contact of `log --csv` takes part, whatever its kind and text."""
    line = Filled(tmp_path)
    line.text('=1+1 \x1b[31m\nencore, "lui"')
    line.text("Salut", "Proximus")
    line.text("Salut", "8850")
    line.call()
    line.pdu("00FF")
    line.text("é" * 300, LEA)
    line.db.close()
    path = tmp_path / "log.csv"
    path.write_text(line.run("log", "-n", "0", "--csv").stdout, newline="")
    found = simulated(line, "--csv", str(path))

    assert found["received"] == 6
    assert found["fates"]["answered"] == {"first_contact": 2}
    assert found["fates"]["suppressed"] == {"not_answerable": 2, "not_text": 1, "pending": 1}
    arrivals = list(replay(path, configured()))
    assert arrivals[0].text == '=1+1 \\x1b[31m⏎encore, "lui"'
    assert arrivals[0].identity.originator == KEVIN
    assert arrivals[0].at == 0.0
    assert arrivals[-1].at > arrivals[0].at


def test_simulation_knows_own_number_and_recent_answers(tmp_path: Path) -> None:
    """The daemon does, too."""
    line = Filled(tmp_path)
    line.judge(line.text("Salut", LEA))
    line.send()
    commit_own_number(line.db, KEVIN)
    line.db.close()
    line.config.write_text(json.dumps(line.settings | {"answer": {"text": "Autre chose"}}))
    path = tmp_path / "log.csv"
    path.write_text(
        f'{HEADER}2026-01-01T00:00:00Z,{KEVIN},text,Salut\n2026-01-01T00:00:01Z,+32470123457,text,"{ANSWER}"\n'
    )

    assert simulated(line, "--csv", str(path))["fates"]["suppressed"] == {"own_number": 1, "loop": 1}
    line.database.unlink()
    assert simulated(line, "--csv", str(path))["fates"]["answered"] == {"first_contact": 2}


def test_calendar_set_back_stands_still_in_a_replay(tmp_path: Path) -> None:
    """Virtual time never runs back; pseudonyms and withheld numbers are contacts."""
    path = tmp_path / "log.csv"
    path.write_text(
        HEADER + "2026-01-01T00:00:10Z,~0123456789ab,text,un\n"
        "1970-01-01T00:00:00Z,,call,\n"
        "2026-01-01T01:00:20+01:00,0470123456,text,deux\n"
    )
    arrivals = list(replay(path, configured()))

    assert [each.at for each in arrivals] == [0.0, 0.0, 10.0]
    assert [each.identity.originator for each in arrivals] == ["~0123456789ab", None, KEVIN]
    assert [each.identity.line_type for each in arrivals][:2] == [LineType.MOBILE, LineType.WITHHELD]
    assert [each.text for each in arrivals] == ["un", None, "deux"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ":1: the column received_at is missing"),
        (b"id,received_at,originator,kind\n", ":1: the column text is missing"),
        (
            HEADER.encode() + b"2026-01-01T00:00:00Z,+32470123456,text,a\nyesterday,+32470123456,text,a\n",
            ":3: received",
        ),
        (HEADER.encode() + b"2026-01-01T00:00:00,+32470123456,text,a\n", ":2: received_at"),
        (HEADER.encode() + b"0001-01-01T00:00:00Z,+32470123456,text,a\n", ":2: received_at"),
        (HEADER.encode() + b"2026-01-01T00:00:00Z,+32470123456,fax,a\n", ":2: kind 'fax' is none of text, call"),
        (HEADER.encode() + b"2026-01-01T00:00:00Z\n", ":2: kind ''"),
        (HEADER.encode() + b'2026-01-01T00:00:00Z,+32470123456,text,"a\nb"\n2026-13-01,,text,\n', ":4: received_at"),
        (HEADER.encode() + b'2026-01-01T00:00:00Z,+32470123456,text,"a"b\n', ":2: it is not CSV."),
        (HEADER.encode() + b"2026-01-01T00:00:00Z,+32470123456,text,\xff\n", ":2: it is not in UTF-8"),
    ],
)
def test_bad_log_is_an_error_with_its_line(line: Filled, content: bytes, words: str) -> None:
    """It ends with 2, without a result."""
    path = line.folder / "log.csv"
    path.write_bytes(content)
    result = line.run("simulate", "--csv", str(path))

    assert result.exit_code == 2
    assert f"log.csv{words}" in result.stderr
    assert "log -n 0 --csv" in result.stderr
    assert not result.stdout


def test_empty_log_is_simulated(line: Filled) -> None:
    """No number is new, and each fate has none."""
    path = line.folder / "log.csv"
    path.write_text(HEADER)
    result = line.run("simulate", "--csv", str(path))

    assert result.exit_code == 0
    assert result.stdout.startswith("There is no contact in the log.\nNo number is new.\n\n")
    assert fates_of(result.stdout) == {"answered": 0, "not answered": 0, "cancelled": 0, "waiting": 0}


# ---- the command


def fates_of(shown: str) -> dict[str, int]:
    """Return the table's rows, without the reasons below each."""
    rows = shown.partition("\n\n")[2].splitlines()[1:]
    return {
        match[1]: int(match[2].replace(",", "")) for row in rows if (match := re.match(r"(\S[\w ]*\w) +([\d,]+)", row))
    }


@pytest.mark.parametrize("columns", [40, 80])
def test_output_has_two_sentences_and_a_table(line: Filled, columns: int) -> None:
    """Segments and waits are the sentences; each fate has a bar."""
    shape = ("--messages", "120", "--numbers", "20", "--hours", "24")
    shown = "\n".join(line.on_a_terminal(columns, "simulate", *shape))
    found = simulated(line, *shape)
    said, _, table = shown.partition("\n\n")
    first, spent = found["first_contacts"], f"{found['segments']} segments"

    assert f"{totals(found)['answered']} of 120 contacts in " in said
    assert f"are answered, with {spent}: at most 6 of 6 in an hour, " in " ".join(said.split())
    assert f"{first['answered']} of {first['asked']} new numbers are answered, half of them" in " ".join(said.split())
    assert fates_of(shown) == {"not answered" if fate == "suppressed" else fate: n for fate, n in totals(found).items()}
    assert not re.search("suppressed|pending|per number", shown)
    assert max((row.count("━"), row) for row in table.splitlines())[1].startswith("not answered ")
    assert all(len(row) <= columns for row in shown.splitlines())


def test_long_simulation_is_counted_by_the_day(line: Filled) -> None:
    """A thousand hours would be too many entries."""
    found = simulated(line, "--messages", "20", "--hours", "1000")

    assert found["bin_seconds"] == 86_400
    assert len(found["timeline"]) <= 42


def test_flood_without_any_answer_reports_no_wait(line: Filled) -> None:
    """The limits are 0."""
    line.config.write_text(json.dumps(line.settings | {"limits": {"segments": {"hour": 0, "day": 0, "month": 0}}}))
    said = line.run("simulate", "--messages", "5", "--new", "100%").stdout

    assert said.startswith("0 of 5 contacts in ")
    assert "None of 5 new numbers is answered.\n" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--new", "101%"],
        ["--new", "some"],
        ["--messages", "0"],
        ["--numbers", "0"],
        ["--hours", "0"],
        ["--csv", "/nonexistent.csv"],
        ["--csv", "/dev/null", "--messages", "5"],
    ],
)
def test_impossible_option_is_a_usage_error(line: Filled, arguments: list[str]) -> None:
    """It exits with 2."""
    assert line.run("simulate", *arguments).exit_code == 2


def test_progress_goes_to_standard_error_on_a_terminal(line: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there is none."""
    quiet = line.run("simulate", "--messages", "5", "--json")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal shows no progress
    loud = line.run("simulate", "--messages", "5", "--json")

    assert quiet.stderr == ""
    assert "100%" in loud.stderr
    assert json.loads(loud.stdout) == json.loads(quiet.stdout)


def test_broken_configuration_ends_with_78(line: Filled) -> None:
    """The rules need a usable configuration."""
    line.config.write_text("answer: {}")

    assert line.run("simulate").exit_code == 78
