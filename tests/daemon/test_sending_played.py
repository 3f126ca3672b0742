"""The daemon's own sender and judge with a played clock and modem: delays, intervals, late results, waits, requests."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import year_now
from year import Handed, Outcome, Settings

from hotlined.causes import CauseCode
from hotlined.database_files import KEY
from hotlined.errors import ModemError
from hotlined.store.answers import verdicts
from hotlined.store.line import pseudonyms, requests
from hotlined.store.line.requests import RequestVerb

HERS, HIS, THEIRS = "+32470000001", "+32470000002", "+32470000003"
INTERVAL = 3
SHORT = Settings(texts=("Non.",))


@pytest.fixture
def line(tmp_path: Path) -> Iterator[year_now.Line]:
    """Give a line that has just started."""
    with year_now.line(tmp_path) as played:
        played.start(0, SHORT)
        yield played


def wrote(line: year_now.Line, at: int, contact: int, number: str, delay: int = 0) -> None:
    """Receive a text and judge it."""
    line.receive(at, contact, number, f"salut {contact}", delay)
    line.judge_all(at)


def answered(line: year_now.Line, at: int, outcome: Outcome = Outcome("taken", 1)) -> str | None:  # noqa: B008
    """Let the sender do its work; return the recipient of a segment that left, or None."""
    handed = line.submit_due(at, lambda _: outcome)
    return handed.number if handed else None


def states(line: year_now.Line) -> list[str]:
    """Return the states of all answers."""
    return [row["state"] for row in line.db.all("SELECT state FROM answers ORDER BY id")]


def test_send_interval_runs_from_the_end_of_a_segment(line: year_now.Line) -> None:
    """A network may take a minute for one segment."""
    for contact, number in ((1, HIS), (2, HERS)):
        wrote(line, 10, contact, number)
    assert answered(line, 20, Outcome("taken", 60)) == HERS
    assert answered(line, 80 + INTERVAL - 1) is None
    assert answered(line, 80 + INTERVAL) == HIS


NEXT = {
    "none": None,
    "taken": Outcome("taken", 1),
    "error": Outcome("unknown", 1, 500),
    "silence": Outcome("unknown", 1),
}
"""The results of the segment behind the one without a result; None: the modem never got its payload."""


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        ("none", ["queued", "sent"]),
        ("taken", ["sent", "unconfirmed"]),
        ("error", ["unconfirmed", "unconfirmed"]),
        ("silence", ["unconfirmed", "unconfirmed"]),
    ],
)
def test_late_result_after_the_next_submission_settles_nothing(
    line: year_now.Line, behind: str, expected: list[str]
) -> None:
    """A result belongs to a segment for certain only while the modem has got no other one."""
    for contact, number in ((1, HIS), (2, HERS)):
        wrote(line, 10, contact, number)
    assert answered(line, 20, Outcome("unknown", 1)) == HERS
    if outcome := NEXT[behind]:
        assert answered(line, 30, outcome) == HIS
    else:
        with pytest.raises(ModemError):
            line.submit_due(30, _breaks)
    line.daemon.sender.settle_late_result(2)

    assert states(line) == expected
    line.daemon.sender.settle_late_result(3)
    assert states(line) == expected


def test_result_after_an_error_settles_nothing(line: year_now.Line) -> None:
    """An error that proves nothing is a result all the same: no other one is owed."""
    wrote(line, 10, 1, HERS)
    assert answered(line, 20, Outcome("unknown", 1, 500)) == HERS
    line.daemon.sender.settle_late_result(2)

    assert states(line) == ["unconfirmed"]


def test_late_result_beside_an_older_open_one_settles_nothing_within_the_hour(line: year_now.Line) -> None:
    """The older segment's result may still come, also after the daemon has started anew."""
    for contact, number in ((1, THEIRS), (2, HIS), (3, HERS)):
        wrote(line, 10, contact, number)
    assert answered(line, 20, Outcome("unknown", 1)) == HERS
    line.restart(30, None)
    assert answered(line, 40, Outcome("unknown", 1)) == HIS
    line.daemon.sender.settle_late_result(2)
    assert states(line) == ["queued", "unconfirmed", "unconfirmed"]

    assert answered(line, 41 + 3600, Outcome("unknown", 1)) == THEIRS
    line.daemon.sender.settle_late_result(3)
    assert states(line) == ["sent", "unconfirmed", "unconfirmed"]


def _breaks(_handed: Handed) -> Outcome:
    raise ModemError(CauseCode.OUT_OF_STEP)


def test_delay_is_drawn_between_both_its_ends(line: year_now.Line) -> None:
    """No answer of 40 is due before the shorter one."""
    path = line.configure(SHORT)
    written = json.loads(path.read_text())
    path.write_text(json.dumps(written | {"answer": written["answer"] | {"delay": ["30m", "31m"]}}))
    line.daemon._load_again()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "judge", line._judge)
        for contact in range(40):
            wrote(line, 10, contact, f"+3247{contact:07}")
    delays = [row["delay"] for row in line.db.all("SELECT due_limit - queued_limit AS delay FROM answers")]

    assert len(delays) == 40
    assert all(1800 <= delay <= 1860 for delay in delays)


def test_answer_by_hand_respects_a_stop(line: year_now.Line) -> None:
    """Only a person's own words may go to somebody who wants no answer."""
    line.receive(10, 1, HERS, "stop", 0)
    line.judge_all(10)
    asked = [
        requests.ask(line.beside, RequestVerb.ANSWER, {"number": number}, "admin", line.beside.now())
        for number in (HERS, HIS)
    ]
    line.daemon._serve_requests()
    refused, accepted = (requests.progress_of(line.beside, each) for each in asked)

    assert (refused.state, refused.result) == ("refused", "opted_out")
    assert refused.answer_id is None
    assert accepted.answer_id is not None


def test_segment_that_the_modem_never_got_waits_for_the_next_interval(line: year_now.Line) -> None:
    """A modem that fails at each try is not asked in each pass."""
    wrote(line, 10, 1, HERS)
    with pytest.raises(ModemError):
        line.submit_due(20, _breaks)
    assert answered(line, 20 + INTERVAL - 1) is None

    assert answered(line, 20 + INTERVAL) == HERS


@pytest.mark.parametrize(("fate", "change"), [("taken", "'sent'"), ("not submitted", "'waiting'")])
def test_fate_that_the_disk_refuses_is_written_later_and_once(line: year_now.Line, fate: str, change: str) -> None:
    """Until then nothing else leaves, and the segment is not submitted again."""

    def lacks() -> None:
        raise MemoryError

    for contact, number in ((1, HIS), (2, HERS)):
        wrote(line, 10, contact, number)
    sender, connection = line.daemon.sender, line.db.connection
    connection.create_function("lacks", 0, lacks)
    connection.execute(
        f"CREATE TEMP TRIGGER lack BEFORE UPDATE ON answer_segments WHEN new.state = {change} BEGIN SELECT lacks(); END"
    )
    with pytest.raises(MemoryError):
        line.submit_due(20, (lambda _: Outcome("taken", 1)) if fate == "taken" else _breaks)
    with pytest.raises(MemoryError):
        sender.flush_pending_write()
    connection.execute("DROP TRIGGER temp.lack")
    sender.flush_pending_write()
    assert states(line) == ["queued", "sent" if fate == "taken" else "queued"]
    written = connection.total_changes
    sender.flush_pending_write()
    assert connection.total_changes == written

    assert answered(line, 30) == (HIS if fate == "taken" else HERS)


def test_modem_that_is_out_of_step_gets_no_segment(line: year_now.Line) -> None:
    """Its late answer to something else would be taken for the result."""
    wrote(line, 10, 1, HERS)
    line.modem.in_step = False
    assert answered(line, 20) is None
    line.modem.in_step = True

    assert answered(line, 21) == HERS


@pytest.mark.parametrize(("stopping", "cause"), [(True, "stopped"), (False, "no_result")])
def test_segment_without_a_result_says_whether_the_daemon_was_stopping(
    line: year_now.Line, stopping: bool, cause: str
) -> None:
    """A person who stopped it knows why nothing came."""
    wrote(line, 10, 1, HERS)
    line.daemon.line.stopping = stopping
    assert answered(line, 20, Outcome("unknown", 1)) == HERS

    assert line.db.value("SELECT cause FROM attempts") == cause


@pytest.mark.parametrize(("reports", "bits"), [(True, 0x30), (False, 0x10)])
def test_segment_asks_for_what_is_configured(line: year_now.Line, reports: bool, bits: int) -> None:
    """TP-SRR wants a status report, TP-VPF announces a validity period (TS 23.040 9.2.3)."""
    path = line.configure(SHORT)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"modem": {"delivery_reports": reports}}))
    line.daemon._load_again()
    wrote(line, 10, 1, HERS)
    assert answered(line, 20) == HERS

    assert int(line.db.value("SELECT pdu FROM answer_segments")[2:4], 16) & 0x38 == bits


def test_reload_asks_the_gate_at_once(line: year_now.Line) -> None:
    """A wider window is felt in the next pass."""
    line.reload(5, Settings(texts=("Non.",), hour=1, reserve_percent=0))
    for contact, number in ((1, HIS), (2, HERS)):
        wrote(line, 10, contact, number)
    assert answered(line, 20) == HERS
    assert answered(line, 30) is None
    line.reload(31, SHORT)

    assert answered(line, 32) == HIS


def test_rest_of_an_answer_waits_while_the_key_is_lost(line: year_now.Line) -> None:
    """Nobody knows then whom the stored opt-outs mean; `resume` lets it go."""
    line.reload(5, Settings(texts=("n" * 200,)))
    wrote(line, 10, 1, HERS)
    assert answered(line, 20) == HERS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pseudonyms, "_lacking", lambda *_: KEY)
        assert answered(line, 30) is None
        assert states(line) == ["queued"]

    assert answered(line, 40) == HERS


@pytest.mark.parametrize("held", ["mismatch", "no network", "no modem"])
def test_nothing_leaves_while_the_sim_or_the_network_is_not_there(line: year_now.Line, held: str) -> None:
    """The answers say what they wait for, and leave afterwards."""
    wrote(line, 10, 1, HERS)
    sender, connection = line.daemon.sender, line.daemon.sender.connection
    match held:
        case "mismatch":
            connection.mismatch = "another SIM"
        case "no network":
            connection.can_send = False  # type: ignore[misc]
        case _:
            connection.modem = None
            sender.hold_without_modem()
    assert answered(line, 20) is None
    hold = line.db.value("SELECT hold FROM line_state")
    assert hold == ("held" if held == "mismatch" else "network")
    connection.mismatch, connection.can_send, connection.modem = "", True, line.modem  # type: ignore[misc,assignment]

    assert answered(line, 30) == HERS
    assert line.db.value("SELECT hold FROM line_state") is None


@pytest.mark.parametrize(
    ("cause", "asked"),
    [
        (27, []),
        (28, []),
        (331, ["recheck", "ask_network"]),
        (330, ["recheck_service_centre", "recheck", "ask_network"]),
    ],
)
def test_refusal_that_is_the_lines_asks_for_its_cause(line: year_now.Line, cause: int, asked: list[str]) -> None:
    """If the network or the service centre is not there, the next answers wait and are not lost."""
    wrote(line, 10, 1, HERS)
    said: list[str] = []
    connection = line.daemon.sender.connection
    for name in ("recheck_service_centre", "recheck", "ask_network"):
        setattr(connection, name, lambda name=name: said.append(name))
    assert answered(line, 20, Outcome("unknown", 1, cause)) == HERS

    assert said == asked


def test_answer_on_which_the_program_fails_is_set_aside(line: year_now.Line) -> None:
    """The answers behind it leave."""
    for contact, number in ((1, HIS), (2, HERS)):
        wrote(line, 10, contact, number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line.daemon.sender, "compose", lambda *_: 1 / 0)
        line.daemon.sender.begin_next(line.modem)  # type: ignore[arg-type]
    assert states(line) == ["queued", "failed"]
    assert line.db.value("SELECT reason FROM answers WHERE state = 'failed'") == "set_aside"

    assert answered(line, 30) == HIS


def test_answer_is_withdrawn_if_the_sim_is_not_confirmed(line: year_now.Line) -> None:
    """It counts nowhere, and goes once the SIM is confirmed."""
    wrote(line, 10, 1, HERS)
    connection = line.daemon.sender.connection
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "confirm_sim", lambda _answer_id: False)
        assert answered(line, 20) is None
    assert (states(line), line.db.all("SELECT 1 FROM attempts")) == (["queued"], [])
    assert answered(line, 20 + INTERVAL - 1) is None

    assert answered(line, 30) == HERS


@pytest.mark.parametrize("written", ["INSERT ON answers", "INSERT ON attempts"], ids=["judging", "sending"])
def test_lack_of_memory_sets_nothing_aside(line: year_now.Line, written: str) -> None:
    """It says nothing about the contact or the answer in hand: SQLite's lack is Python's MemoryError."""

    def exhausted() -> None:
        raise MemoryError

    line.db.connection.create_function("exhausted", 0, exhausted)
    line.db.connection.execute(f"CREATE TEMP TRIGGER lack BEFORE {written} BEGIN SELECT exhausted(); END")
    line.receive(10, 1, HERS, "salut", 0)
    for step in (line.judge_all, lambda at: answered(line, at)):
        with contextlib.suppress(MemoryError):
            step(20)
    line.db.connection.execute("DROP TRIGGER temp.lack")
    line.judge_all(30)

    assert states(line) == ["queued"]
    assert answered(line, 40) == HERS


def test_answer_leaves_when_its_window_has_room(line: year_now.Line) -> None:
    """Nothing has changed in the database meanwhile."""
    line.reload(5, Settings(texts=("Non.",), hour=1, reserve_percent=0))
    for contact, number in ((1, HIS), (2, HERS)):
        wrote(line, 10, contact, number)
    assert answered(line, 20) == HERS
    assert answered(line, 30) is None
    assert answered(line, 20 + 3599) is None
    assert answered(line, 20 + 3605) == HIS


def test_answer_behind_a_newer_one_waits_until_that_has_room(line: year_now.Line) -> None:
    """It would fit, but the newer one before it, of two segments, does not."""
    texts = "Non.", "n" * 200, "Non."
    line.reload(5, Settings(texts=texts, hour=4, reserve_percent=0, cooldowns=(0,)))
    for at, number in ((10, HERS), (40, HERS), (70, HIS)):
        wrote(line, at, at, number)
        left = [answered(line, moment) for moment in (at + 10, at + 20)]
        assert number in left
    for at, number in ((100, HERS), (110, HIS)):
        wrote(line, at, at, number)
    assert answered(line, 120) is None
    assert [answered(line, 3600 + moment) for moment in (25, 40, 54, 64, 74)] == [None, None, HIS, HIS, HERS]


def test_text_of_our_own_is_known_for_a_month(line: year_now.Line) -> None:
    """A reload takes those of the last thirty days with the configuration."""
    ours = "Vous vous trompez de personne, et elle ne veut pas qu'on lui écrive."
    line.reload(5, Settings(texts=(ours,)))
    wrote(line, 10, 1, HERS)
    assert answered(line, 20) == HERS
    for day, reason in ((1, "loop"), (31, "first_contact")):
        line.reload(day * 86400, SHORT)
        line.receive(day * 86400, 1 + day, HIS, ours, 0)
        line.judge_all(day * 86400)
        assert line.db.value("SELECT reason FROM contacts ORDER BY id DESC LIMIT 1") == reason


def test_pause_between_two_segments_queues_the_rest(line: year_now.Line) -> None:
    """`cancel` would find the rest; `resume` sends it."""
    line.reload(5, Settings(texts=("n" * 200,)))
    wrote(line, 10, 1, HERS)
    assert answered(line, 20) == HERS
    line.decide(30, "pause", "")
    assert answered(line, 40) is None
    assert states(line) == ["queued"]
    line.decide(50, "resume", "")
    assert answered(line, 60) == HERS
    assert states(line) == ["sent"]


def test_stale_answers_are_swept_before_contacts_are_judged(line: year_now.Line) -> None:
    """A new text is not pending behind one of them."""
    for contact in range(1, 250):
        wrote(line, 10, contact, f"+3247{contact:07}", delay=600)
    line.to(86400 + 20)
    line.receive(86400 + 20, 300, f"+3247{249:07}", "encore", 0)
    reasons = [reason for _ in range(4) for _, _, reason in line.judge_all(86400 + 20)]

    assert reasons == ["first_contact"]


def test_time_without_power_makes_a_waiting_answer_stale(line: year_now.Line) -> None:
    """Only the calendar counts it; the answer ends before its due time."""
    wrote(line, 10, 1, HERS, delay=3600)
    line.restart(20, 86400)
    line.judge_all(30)

    assert states(line) == ["cancelled"]


def opened(line: year_now.Line, at: int) -> int:
    """Begin an outage and fail two trials; return the time of the second: the next is due 15 minutes later."""
    for contact in range(1, 8):
        wrote(line, at, contact, f"+3247000000{contact}")
    for moment in (at + 10, at + 20, at + 30, at + 100, at + 410):
        assert answered(line, moment, Outcome("unknown", 1))
    assert answered(line, at + 420) is None
    return at + 410


def test_resume_after_a_pause_makes_a_trial_due(line: year_now.Line) -> None:
    """The trial is due five minutes after the last one.

    A person may have ended the outage.
    """
    tried = opened(line, 10)
    line.decide(tried + 310, "resume", "")
    assert answered(line, tried + 320) is None
    line.decide(tried + 330, "pause", "")
    line.decide(tried + 340, "resume", "")

    assert answered(line, tried + 350)


@pytest.mark.parametrize("lost", ["the network", "the port"])
def test_returned_port_does_not_count_as_a_regained_network(line: year_now.Line, lost: str) -> None:
    """Only a registration regained after ten minutes makes a trial due."""
    tried = opened(line, 10)
    connection = line.daemon.sender.connection
    connection.registered = connection.can_send = False  # type: ignore[misc]
    assert answered(line, tried + 20) is None
    if lost == "the port":
        connection.modem = None
        line.daemon.sender.hold_without_modem()
        connection.modem = line.modem  # type: ignore[assignment]
    line.to(tried + 640)
    connection.registered = connection.can_send = True  # type: ignore[misc]

    assert bool(answered(line, tried + 650)) == (lost == "the network")


def test_restart_within_a_boot_adds_nothing_to_the_limit_clock(line: year_now.Line) -> None:
    """An older anchor would let frequent restarts spend more an hour."""
    for hour in (1, 2, 3):
        line.to(hour * 3600)
    before = line.db.now().limit
    line.restart(3 * 3600, None)

    assert line.db.now().limit == before
