"""Promises about held answers and their fates, tried on the whole program.

As in `test_promises.py`, nothing here depends on the implementation. `timing` shortens or lengthens the daemon's
pauses, so that a test neither waits for them nor races them.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import BRISK, Line, wait_until
from promised import (
    LONG,
    NEVER,
    NUMBER,
    answers,
    begin,
    deliver,
    fate,
    is_alive,
    judged,
    look,
    moment,
    person,
    put,
    recipients,
    states,
    submissions,
    told,
    untrue,
    wait_open,
    wait_states,
    waits,
)

RESULT = "+CMGS: 1\r\n\r\nOK"


def refuse(line: Line, cms: int, **more: Any) -> None:
    """Make submissions end in an error, and let nothing leave."""
    line.sim.do("fault", kind="error", command="+CMGS", cms=cms, **more)


def used(line: Line, window: str = "hour") -> int:
    """Return the segments that `limits` counts in a window."""
    return int(told(line, "limits")["windows"][window]["used"])


# Outages


def test_stick_that_dies_at_each_submission_costs_three_answers(line: Line) -> None:
    """The stick comes back, and the others wait."""
    line.configure(modem={"send_timeout": "2s"})
    line.sim.do("fault", kind="interrupt_listing", command="+CMGS", lines=0)
    begin(line, timing=BRISK | NEVER)
    deliver(line, *range(6))
    wait_open(line)
    line.wait_state("ready")
    look(line)

    assert states(line) == {"unconfirmed": 3, "queued": 3}
    assert told(line, "status")["sending"]["reason"] == "outage"


def test_regained_network_causes_a_trial_at_once(line: Line) -> None:
    """The line was without registration for a time."""
    begin(line, timing=NEVER | {"unregistered_for": 0.5})
    refuse(line, 42)
    deliver(line, *range(5))
    wait_open(line)
    line.sim.do("clear", what="faults")
    look(line)
    assert line.submitted() == []
    line.sim.do("network", registered="searching")
    line.wait_state("unregistered")
    look(line)
    line.sim.do("network", registered="home")

    wait_states(line, sent=5)


# Reasons to wait


def test_answer_within_its_delay_waits_for_its_due_time(line: Line) -> None:
    """A pause of the line changes nothing about it."""
    line.configure(answer={"delay": "1h"})
    begin(line)
    deliver(line, 1)
    judged(line, 1)
    answer = answers(line)[person(1)]
    assert answer["waiting_for"] == "due"
    assert moment(answer["due_at"]) > datetime.now(UTC)
    line.cli("pause")
    look(line)

    assert answers(line)[person(1)] == answer


def test_answers_show_a_missing_network_while_it_lasts(line: Line) -> None:
    """Answers wait for their turn once the network is back."""
    line.configure(modem={"send_interval": "60s"})
    line.sim.do("network", registered="searching")
    line.start()
    line.wait_state("unregistered")
    put(line, 1, 2, 3)
    wait_until(lambda: waits(line) == {"network": 3})
    line.sim.do("network", registered="home")

    wait_until(lambda: states(line)["sent"] == 1)
    assert waits(line) == {"send_interval": 2}


def pause_between_segments(line: Line) -> None:
    """Pause the line while the network has the first of two segments, before its result."""
    line.configure(answer={"text": LONG}, modem={"send_timeout": "10m"})
    begin(line)
    line.sim.do("fault", kind="no_result", segment=1, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    wait_until(line.submitted)
    line.cli("pause")
    line.sim.do("say", line=RESULT)
    wait_until(lambda: waits(line) == {"paused": 1}, "half an answer that says that it waits")


def test_pause_between_two_segments_is_shown_and_obeyed(line: Line) -> None:
    """The answer is finished afterwards."""
    pause_between_segments(line)
    assert answers(line)[NUMBER]["segments_sent"] == 1
    look(line)
    assert submissions(line) == 1
    line.cli("resume")

    wait_states(line, sent=1)
    assert recipients(line) == [NUMBER]
    assert submissions(line) == 2


# Unconfirmed answers


@pytest.mark.parametrize(
    "open_result", [{"kind": "error", "cms": 500}, {"kind": "no_result"}], ids=["error", "silence"]
)
def test_late_result_is_not_given_to_the_next_person(line: Line, open_result: dict[str, Any]) -> None:
    """A late result belongs to the person whose segment was in hand when the modem got it.

    It comes with the first answer of the modem that is brought back into step, just before the next segment leaves.
    """
    line.configure(answer={"text": LONG}, modem={"send_timeout": "2s"})
    line.sim.do("fault", kind="one_late", command="+CMGS", count=1)
    line.sim.do("fault", command="+CMGS", recipient=person(2), count=1, **open_result)
    deliver(line, 2, 1)  # the newest is answered first
    begin(line, timing=BRISK | NEVER)
    wait_states(line, sent=1, unconfirmed=1)

    assert fate(line, person(1))[0] == "sent"
    assert untrue(line) == []
    assert recipients(line) == [person(1)]


def test_late_result_at_the_next_prompt_belongs_to_the_segment_before(line: Line) -> None:
    """The next segment waits, and the daemon goes on."""
    line.configure(modem={"send_timeout": "2s"})
    line.sim.do("fault", kind="result_at_prompt", count=1)
    deliver(line, 1, 2)
    begin(line, timing=BRISK | {"retry_after": [1.0], "trial_after": [1.0]})
    wait_states(line, sent=2)

    assert untrue(line) == []
    assert sorted(recipients(line)) == [person(1), person(2)]
    assert is_alive(line)


def test_report_of_the_first_segment_fails_the_answer_as_half_sent(line: Line) -> None:
    """The report does not prove the second segment; all figures count one."""
    line.configure(answer={"text": LONG}, modem={"delivery_reports": "true"})
    begin(line)
    line.sim.do("fault", kind="error_after_submit", cms=500, segment=1, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    wait_states(line, failed=1)

    assert answers(line)[NUMBER]["segments_sent"] == 1
    assert submissions(line) == 1
    counted = {
        "limits": used(line),
        "status": told(line, "status")["budgets"]["hour"]["used"],
        "number": told(line, "show", NUMBER)["segments"],
        "numbers": json.loads(line.cli("numbers", "--json"))["segments"],
        "stats": told(line, "stats")["total"]["segments"],
    }
    assert counted == dict.fromkeys(counted, 1)


def test_report_proves_an_answer_without_a_result(line: Line) -> None:
    """The answer is the number's only text that may have left."""
    line.configure(modem={"delivery_reports": "true"})
    begin(line)
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")

    wait_states(line, delivered=1)
    assert submissions(line) == 1
