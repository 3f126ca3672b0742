"""Status, exit code, band, alert, all-clear and doctor say one thing of each condition."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import extent
import pytest
from conftest import speaking
from held import HOLD, NOW, PAIRS, RECORDED, Held, is_both, moment, record

from hotlined import conditions
from hotlined.alerts.due import News, due
from hotlined.conditions import OVER, TABLE, Gravity
from hotlined.desk.band import Mood, band_of
from hotlined.doctor import machine, sim
from hotlined.doctor import operation as checks
from hotlined.doctor.findings import Finding, Health
from hotlined.doctor.host import Host
from hotlined.gsm.alphabet import Encoding, plan
from hotlined.language import Language
from hotlined.machine.clock import Now
from hotlined.reports.overview import LineReport
from hotlined.reports.seen import Seen
from hotlined.states import AlertCondition, ModemState, TroubleCode, is_about_database
from hotlined.status import ModemStatus
from hotlined.store.line.alerting import AlertProgress, Draft


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Give a line of which nothing is wrong yet."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    line = Held(tmp_path)
    yield line
    line.db.close()


def keys(report: LineReport) -> set[str]:
    """Return the rows of everything that holds."""
    return {f"{each.code}.{each.variant}" if each.variant else each.code for each in report.seen.holding}


OF_THE_SIM = (sim.life, sim.registration, sim.storages)


def found_by_doctor(held: Held) -> list[Finding]:
    """Return what those checks of doctor find that ask no modem."""
    host = Host(held.report().config, root=held.line.folder / "machine")
    host.ports = ["/dev/null"]  # there is a stick
    found = [check(host) for check in (checks.daemon, checks.answer, checks.budgets, checks.configuration)]
    return found + [check(host) for check in (checks.backup, checks.reception, *OF_THE_SIM, machine.disk)]


def later(seen: Seen, seconds: float, before: AlertProgress | None = None) -> tuple[AlertProgress, list[Draft]]:
    """Return the alerts of a run this long after the moment at which the limit clock was 0, as it remembers them."""
    progress = before or AlertProgress(event_id=0)
    found = due(progress, seen, News(), Now(NOW, seconds, synchronised=False))
    both = [*found.told, *found.silent]
    return replace(
        found.progress,
        levels={**progress.levels, **{each.condition: each.level for each in both}},
        recorded_limits={**progress.recorded_limits, **{each.condition: seconds for each in both}},
        told={**progress.told, **{each.condition: each.at for each in both}},
    ), found.told


def test_every_row_is_made_to_hold() -> None:
    """A row that no test makes hold may be one that nothing sees."""
    assert TABLE.keys() ^ HOLD.keys() == {TroubleCode.READER}


@pytest.mark.parametrize("name", HOLD)
def test_all_say_one_thing(held: Held, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Gravity, words and subject are those of the row, wherever somebody looks; at most one check of doctor says it."""
    held.hold([name])
    with held.shown():
        status = held.line.run("status", "--json")
        shown = json.loads(status.stdout)["trouble"]
        report = held.report()
        found = found_by_doctor(held)
        band = band_of(report)
    well = Held(tmp_path_factory.mktemp("well"))
    with well.shown():
        before = found_by_doctor(well)
    code, _stop, variant = name.partition(".")
    (trouble,) = [each for each in report.seen.holding if each.code == code]
    row = trouble.row
    assert row is not conditions.row("of a later version")
    assert [each["code"] for each in shown] == ([code] if row.is_shown else [])
    assert all(each["warning"] == (row.gravity is Gravity.NOTE) for each in shown)
    assert status.exit_code == (69 if row.gravity > Gravity.NOTE else 0)
    assert report.ready == (row.gravity is Gravity.NOTE)
    assert (band.mood is not Mood.ANSWERS) == (
        row.gravity is Gravity.STOPS or (code in conditions.WINDOWS and variant != "80")
    )
    verdicts = [each.verdict for each in found if each not in before and each.verdict in (Health.WARN, Health.FAIL)]
    if not is_about_database(code) and row.is_shown:
        assert (Health.FAIL in verdicts) >= (row.gravity > Gravity.NOTE)
        assert len(verdicts) == 1


@pytest.mark.parametrize("name", [name for name in HOLD if TABLE[name].subject and not is_about_database(name)])
def test_subject_is_told_and_its_end(held: Held, name: str) -> None:
    """It is told after the time of its row, once; not known is no end; and the end has its headline, or none."""
    held.hold([name])
    with held.shown():
        report = held.report()
    seen = replace(report.seen, holding=tuple(replace(each, since_limit=0.0) for each in report.seen.holding))
    ((row, subject),) = [(each.row, each.subject) for each in seen.holding]
    progress, told = later(seen, row.after_seconds - 1)
    assert not told or row.after_seconds == 0
    progress, told = later(seen, row.after_seconds)
    if not row.rank:
        assert not told
        return
    assert [(each.condition, each.level) for each in told] == [(subject, row.rank)]
    progress, again = later(seen, row.after_seconds + 1, progress)
    assert not again
    if row.again_seconds < math.inf:
        assert later(seen, row.after_seconds + row.again_seconds, progress)[1]
    unknown = Seen((), frozenset({row.subject}))
    assert not later(unknown, row.after_seconds + 2, progress)[1]
    _progress, over = later(Seen((), frozenset()), row.after_seconds + 2, progress)
    assert [(each.condition, each.level) for each in over] == ([(subject, 0)] if row.subject in OVER else [])


@pytest.mark.parametrize("name", HOLD)
def test_every_alert_fits_one_segment(held: Held, name: str) -> None:
    """Cut alerts would lose the cure."""
    held.hold([name])
    told = []
    with held.shown():
        for language in Language:
            with speaking(language):
                seen = held.report().seen
                old = tuple(replace(each, since_limit=-1e6) for each in seen.holding)
                progress, begun = later(replace(seen, holding=old), 0.0)
                told += [*begun, *later(Seen((), frozenset()), 1.0, progress)[1]]
    for each in told:
        planned = plan(f"hotlined fr: {each.title}. {each.text}", "smart")
        assert (planned.encoding, planned.segments) == (Encoding.GSM7, 1), each
        assert "…" not in each.text
        assert "{" not in each.title + each.text


WAS = [json.loads(line) for line in RECORDED.read_text().splitlines()]
ALONE = {each["names"][0]: each for each in WAS if len(each["names"]) == 1}
TOGETHER = {tuple(each["names"]): each for each in WAS if len(each["names"]) == 2}


@pytest.mark.parametrize("name", HOLD)
def test_what_is_told_is_what_was_recorded(held: Held, name: str) -> None:
    """A change of what people are told shows in the record: `python tests/harness/held.py` makes it anew."""
    assert record(held, [name]) == ALONE[name]


@pytest.mark.parametrize("pair", extent.sample(PAIRS, 40))
def test_two_at_once_are_told_as_each_alone(held: Held, pair: tuple[str, str]) -> None:
    """Except for those in the record: of one subject, or where one hides what is known of the other."""
    found = record(held, pair)

    if pair in TOGETHER:
        assert found == TOGETHER[pair]
    else:
        assert is_both(found, [ALONE[name] for name in pair])
        assert found["exit"] == max(ALONE[name]["exit"] for name in pair)


def test_a_lost_text_is_a_trouble_for_a_day(held: Held) -> None:
    """The day is of powered-on time."""
    held.hold([TroubleCode.TEXT_LOST])
    held.sql("UPDATE events SET at_limit = at_limit - 86400")
    with held.shown():
        assert not held.report().trouble


def test_a_modem_that_was_not_looked_for_is_not_known(held: Held) -> None:
    """A daemon that waits for its database says nothing of its modem: the alert that it is lost is not over."""
    held.hold(["database_locked"])
    held.status["modem"] = ModemStatus(ModemState.STARTING, moment())
    with held.shown():
        report = held.report()

    assert AlertCondition.MODEM in report.seen.unknown
    assert keys(report) == {"database_locked"}


def test_a_dead_daemon_says_nothing_of_its_configuration(held: Held) -> None:
    """A reload that it refused is not forgiven because it died."""
    held.hold([TroubleCode.NOT_ALIVE])
    with held.shown():
        assert {AlertCondition.CONFIG, AlertCondition.ANSWER} <= held.report().seen.unknown
