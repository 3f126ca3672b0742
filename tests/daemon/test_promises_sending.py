"""Promises about held answers and their fates, tried on the whole program.

As in `test_promises.py`, nothing here depends on the implementation. `timing` shortens or lengthens the daemon's
pauses, so that a test neither waits for them nor races them.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Line, wait_until
from promised import (
    LONG,
    NEVER,
    NUMBER,
    SOON,
    WIDE,
    answers,
    begin,
    contact,
    deliver,
    fate,
    is_alive,
    judged,
    look,
    moment,
    person,
    put,
    recipients,
    reload,
    states,
    submissions,
    told,
    untrue,
    wait_open,
    wait_states,
    wait_submissions,
    waits,
)

RESULT = "+CMGS: 1\r\n\r\nOK"
CREDIT = {"ussd": "*121#", "pattern": r"([0-9]+[.,][0-9]{2}) *EUR", "alert_below": 5}


def refuse(line: Line, cms: int, **more: Any) -> None:
    """Make submissions end in an error, and let nothing leave."""
    line.sim.do("fault", kind="error", command="+CMGS", cms=cms, **more)


def resume_anew(line: Line) -> None:
    """Pause and resume: a waiting trial is tried now."""
    line.cli("pause")
    look(line, 1)
    line.cli("resume")


def used(line: Line, window: str = "hour") -> int:
    """Return the segments that `limits` counts in a window."""
    return int(told(line, "limits")["windows"][window]["used"])


# Outages


def test_outage_without_clear_results_costs_three_answers(line: Line) -> None:
    """These are unconfirmed; all others wait and show the outage."""
    begin(line, timing=NEVER)
    refuse(line, 500)
    deliver(line, *range(12))
    judged(line, 12)
    wait_open(line)
    look(line)

    assert states(line) == {"unconfirmed": 3, "queued": 9}
    assert waits(line) == {"outage": 9}
    assert submissions(line) == 3
    assert used(line) == 3
    sending = told(line, "status")["sending"]
    assert sending["reason"]
    assert moment(sending["since"]) <= datetime.now(UTC)


def test_trial_costs_one_answer_and_its_success_ends_the_outage(line: Line) -> None:
    """The others leave by themselves."""
    begin(line, timing=SOON)
    refuse(line, 500)
    deliver(line, *range(12))
    wait_submissions(line, 6)
    line.sim.do("clear", what="faults")
    tried = submissions(line)
    wait_until(lambda: not states(line)["queued"] and not states(line)["sending"], "an empty queue")

    found = states(line)
    assert found["unconfirmed"] + found["sent"] == 12
    assert found["unconfirmed"] <= tried
    assert submissions(line) == 12
    assert len(set(recipients(line))) == len(recipients(line)) == found["sent"]
    assert told(line, "status")["sending"]["state"] == "free"


def test_restart_in_an_outage_submits_nothing_more(line: Line) -> None:
    """The next trial is due when it was due before."""
    begin(line, timing=NEVER)
    refuse(line, 500)
    deliver(line, *range(6))
    wait_open(line)
    tried = submissions(line)
    for _ in range(2):
        line.stop()
        begin(line, timing=NEVER)
        look(line)

    assert submissions(line) == tried == 3
    wait_open(line)
    assert waits(line) == {"outage": 3}


def test_stick_that_dies_at_each_submission_costs_three_answers(line: Line) -> None:
    """The stick comes back, and the others wait."""
    line.sim.do("fault", kind="interrupt_listing", command="+CMGS", lines=0)
    begin(line, timing=NEVER)
    deliver(line, *range(6))
    wait_open(line)
    line.wait_state("ready")
    look(line)

    assert states(line) == {"unconfirmed": 3, "queued": 3}
    assert told(line, "status")["sending"]["reason"] == "outage"


def test_resume_after_a_pause_tries_once_at_once(line: Line) -> None:
    """A second resume adds none; a success lets all go."""
    begin(line, timing=NEVER)
    refuse(line, 500)
    deliver(line, *range(8))
    wait_open(line)
    resume_anew(line)
    wait_submissions(line, 4)
    resume_anew(line)
    look(line)
    assert submissions(line) == 4

    line.stop()
    line.sim.do("clear", what="faults")
    begin(line, timing=NEVER | {"trial_gap": 0})
    resume_anew(line)
    wait_states(line, unconfirmed=4, sent=4)


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


@pytest.mark.parametrize("cms", [42, 10, 28, 193, 314])
def test_refusals_that_are_the_lines_fail_no_answer(line: Line, cms: int) -> None:
    """No answer counts meanwhile, and all leave once the line works."""
    begin(line, timing=SOON)
    refuse(line, cms)
    deliver(line, *range(5))
    judged(line, 5)
    wait_submissions(line, 14)

    wait_states(line, queued=5)
    wait_until(lambda: used(line) == 0)  # an answer counts during its trial
    line.sim.do("clear", what="faults")
    wait_states(line, sent=5)
    assert sorted(recipients(line)) == [person(number) for number in range(5)]


def test_lone_answer_is_tried_until_it_leaves(line: Line) -> None:
    """The service centre fails for a long time."""
    begin(line, timing=SOON)
    refuse(line, 42)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    wait_submissions(line, 8)
    assert fate(line, NUMBER)[0] in {"queued", "sending"}
    line.sim.do("clear", what="faults")

    wait_states(line, sent=1)
    assert recipients(line) == [NUMBER]


@pytest.mark.parametrize("cms", [27, 195, 196])
def test_dead_numbers_hold_up_no_other_answer(line: Line, cms: int) -> None:
    """They fail at once and count in no window."""
    begin(line, timing=NEVER)
    dead = [person(number) for number in range(3)]
    for each in dead:
        refuse(line, cms, recipient=each)
    deliver(line, *range(3))
    wait_until(lambda: [fate(line, each) for each in dead] == [("failed", f"cms_{cms}")] * 3, "three that failed")
    deliver(line, 3)
    wait_until(lambda: fate(line, person(3))[0] == "sent", "the fourth answered")

    assert submissions(line) == 4
    assert used(line) == 1
    assert told(line, "status")["sending"]["state"] == "free"


def test_two_barred_destinations_do_not_stop_the_line(line: Line) -> None:
    """Cause 196 is about the recipient: a third person is answered."""
    begin(line, timing=NEVER)
    for number in (0, 1):
        refuse(line, 196, recipient=person(number))
    deliver(line, 0, 1, 2)
    wait_states(line, failed=2, sent=1)

    assert recipients(line) == [person(2)]


def test_six_failures_among_ten_are_an_outage(line: Line) -> None:
    """Some answers leave, most do not, and the rest waits."""
    begin(line, timing=NEVER)
    lost = (0, 1, 3, 4, 6, 7)
    for number in lost:
        refuse(line, 500, recipient=person(number))
    for number in range(8):
        deliver(line, number)
        wanted = {"unconfirmed": len([each for each in lost if each <= number])}
        wanted |= {"sent": number + 1 - wanted["unconfirmed"]}
        wait_states(line, **{state: count for state, count in wanted.items() if count})
    wait_open(line)
    deliver(line, 8)

    wait_until(lambda: waits(line) == {"outage": 1})
    look(line)
    assert submissions(line) == 8


def test_ambiguous_refusals_of_one_number_hold_up_no_other(line: Line) -> None:
    """That number waits for a retry, and all others are answered."""
    begin(line)
    refuse(line, 42, recipient=person(0))
    deliver(line, *range(6))
    wait_states(line, queued=1, sent=5)

    assert fate(line, person(0)) == ("queued", "cms_42")
    assert waits(line) == {"retry": 1}
    assert used(line) == 5


@pytest.mark.parametrize("cms", [1, 28, 30])
def test_second_ambiguous_refusal_fails_while_others_leave(line: Line, cms: int) -> None:
    """The cause may be about the recipient or the line."""
    begin(line, timing={"retry_after": [5] * 5})
    refuse(line, cms, recipient=person(0))
    deliver(line, 0)
    wait_until(lambda: fate(line, person(0)) == ("queued", f"cms_{cms}"))
    deliver(line, 1)
    wait_until(lambda: fate(line, person(1))[0] == "sent")
    wait_until(lambda: fate(line, person(0)) == ("failed", f"cms_{cms}"), "the failure")

    assert submissions(line) == 3
    assert used(line) == 1


@pytest.mark.parametrize("cms", [42, 38, 500])
def test_refused_second_segments_are_an_outage(line: Line, cms: int) -> None:
    """Three answers are begun, for first segments are accepted."""
    line.configure(answer={"text": LONG}, limits={"segments": WIDE})
    begin(line, timing=NEVER | {"retry_after": [3600] * 5})
    refuse(line, cms, segment=2)
    deliver(line, *range(6))
    judged(line, 6)
    wait_open(line)
    look(line)
    begun = [each for each in line.log() if each["answer"]["segments_sent"]]
    assert len(begun) == len(line.submitted()) == 3
    assert waits(line) == {"outage": 6 if cms == 42 else 3}
    assert states(line)["unconfirmed"] == (0 if cms == 42 else 3)

    line.sim.do("clear", what="faults")
    resume_anew(line)
    wait_states(line, **({"sent": 6} if cms == 42 else {"unconfirmed": 3, "sent": 3}))
    assert len(set(recipients(line))) == len(recipients(line)) == states(line)["sent"]
    assert len(line.submitted()) == 6  # no first segment twice


# Shares and windows


def say(line: Line, number: int, *texts: str) -> None:
    """Let a person write several times, each time after the previous answer was sent."""
    for text in texts:
        deliver(line, number, text=text)
        wait_until(lambda text=text: contact(line, text)["answer"]["state"] == "sent", f"an answer to {text}")


def test_requeued_answer_holds_up_no_new_number(line: Line) -> None:
    """It waits in the used-up share of known numbers."""
    line.configure(
        limits={"cooldown": "0s", "per_number": 20, "segments": WIDE | {"hour": 10}, "reserve_for_new": "50%"},
    )
    begin(line)
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    deliver(line, 0)
    wait_states(line, unconfirmed=1)
    say(line, 1, "a", "b", "c", "d", "e", "f")
    assert told(line, "limits")["windows"]["hour"]["used"] == 7
    line.cli("requeue", "1")
    deliver(line, 2, 3, 4)
    wait_until(lambda: [fate(line, person(number))[0] for number in (2, 3, 4)] == ["sent"] * 3, "new numbers answered")
    look(line)

    assert (answers(line)[person(0)]["state"], waits(line)) == ("queued", {"budget_hour": 1})
    hour = told(line, "limits")["windows"]["hour"]
    assert (hour["used"], hour["limit"], hour["reserve"]) == (10, 10, 5)
    assert len(recipients(line)) == 10


def test_requeued_answer_to_a_known_number_waits_for_the_reserve(line: Line) -> None:
    """`limits` shows room for new numbers."""
    line.configure(
        limits={"cooldown": "0s", "per_number": 20, "segments": WIDE | {"hour": 6}, "reserve_for_new": "50%"},
    )
    begin(line)
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    deliver(line, 0)
    wait_states(line, unconfirmed=1)
    say(line, 1, "a", "b", "c", "d")
    line.cli("requeue", "1")
    wait_until(lambda: waits(line) == {"reserve": 1})
    hour = told(line, "limits")["windows"]["hour"]

    assert (hour["used"], hour["known"], hour["new_in_seconds"]) == (5, 3, 0)
    assert hour["known_in_seconds"] > 0


def test_long_answer_is_not_overtaken_within_its_share(line: Line) -> None:
    """It waits for two segments; an older answer behind it needs only one."""
    limits = {"cooldown": "0s", "per_number": 20, "segments": WIDE | {"hour": 8}, "reserve_for_new": "50%"}
    line.configure(answer={"text": None, "texts": ["Un.", LONG, "Trois."]}, limits=limits)
    begin(line)
    say(line, 1, "a", "b", "c")  # 1 segment as a new number, then 2 and 1 of the 4 for known numbers
    say(line, 2, "d")
    line.cli("pause")
    deliver(line, 1, text="e")  # one segment, and there is room for one
    contact(line, "e")
    deliver(line, 2, text="f")  # two segments
    contact(line, "f")
    line.cli("resume")
    wait_until(lambda: waits(line) == {"reserve": 2})
    say(line, 3, "g")
    look(line)

    assert contact(line, "e")["answer"]["state"] == contact(line, "f")["answer"]["state"] == "queued"
    assert waits(line) == {"reserve": 2}
    assert recipients(line).count(person(3)) == 1


# Stale answers


def test_answers_held_for_credit_become_stale_on_time(line: Line) -> None:
    """A number that writes again is answered once there is credit."""
    begin(line, timing=SOON)
    refuse(line, 10)
    deliver(line, 1, 2, 3)
    judged(line, 3)
    reload(line, answer={"max_age": "1s"})
    wait_until(
        lambda: [fate(line, person(number)) for number in (1, 2, 3)] == [("cancelled", "stale")] * 3,
        "three that grew old",
    )
    reload(line, answer={"max_age": "24h"})
    deliver(line, 3, text="et maintenant ?")
    assert contact(line, "et maintenant ?")["reason"] == "first_contact"
    line.sim.do("clear", what="faults")

    wait_until(lambda: fate(line, person(3))[0] == "sent", "the answer to the second text")
    assert recipients(line) == [person(3)]


def test_answers_held_for_the_network_become_stale_on_time(line: Line) -> None:
    """A number that writes again afterwards is answered."""
    line.sim.do("network", registered="denied")
    line.start()
    line.wait_state("unregistered")
    put(line, 1, 2)
    wait_until(lambda: waits(line) == {"network": 2})
    reload(line, answer={"max_age": "1s"})
    wait_until(
        lambda: [fate(line, person(number)) for number in (1, 2)] == [("cancelled", "stale")] * 2, "two that grew old"
    )
    reload(line, answer={"max_age": "24h"})
    line.sim.do("network", registered="home")
    deliver(line, 2, text="et maintenant ?")

    assert contact(line, "et maintenant ?")["reason"] == "first_contact"
    wait_until(lambda: fate(line, person(2))[0] == "sent", "the answer to the second text")
    assert recipients(line) == [person(2)]


def test_start_cancels_stale_answers_before_judging(line: Line) -> None:
    """A text that came meanwhile is a first contact."""
    calendar = line.folder / "calendar"
    calendar.mkdir()
    (calendar / "days").write_text("0")
    begin(line, timing={"calendar": str(calendar)})
    line.cli("pause")
    sent = datetime.now(UTC) - timedelta(hours=25)
    line.sim.do("deliver", from_=person(1), text="t'es où ?", scts=sent.isoformat())
    judged(line, 1)
    assert fate(line, person(1)) == ("queued", None)
    line.stop()
    (calendar / "synchronised").touch()  # so the answer is known to be stale
    deliver(line, 1, text="et maintenant ?")
    begin(line, timing={"calendar": str(calendar)})

    assert contact(line, "et maintenant ?")["reason"] == "first_contact"
    assert line.log()[0]["answer"]["reason"] == "stale"


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


def test_answers_show_a_pause_while_it_lasts(line: Line) -> None:
    """No answer shows it after `resume`."""
    line.configure(modem={"send_interval": "60s"})
    begin(line)
    line.cli("pause")
    deliver(line, 1, 2, 3)
    wait_until(lambda: waits(line) == {"paused": 3})
    assert all(moment(answer["due_at"]) <= datetime.now(UTC) for answer in answers(line).values())
    line.cli("resume")

    assert "paused" not in waits(line)
    wait_until(lambda: states(line)["sent"] == 1)
    assert waits(line) == {"send_interval": 2}


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


@pytest.mark.parametrize(("price", "balance"), [("0.05", "0,02"), (None, "0,00")])
def test_answers_show_missing_credit(line: Line, price: str | None, balance: str) -> None:
    """The balance is below a segment's price, or zero without one."""
    line.sim.do("ussd", code="*121#", text=f"Solde: {balance} EUR")
    line.configure(credit=CREDIT, limits={"price_per_segment": price} if price else {})
    begin(line, timing=NEVER)
    wait_until(lambda: line.sim.do("counters")["counters"].get("+CUSD"), "the question for the balance")
    wait_open(line)
    deliver(line, 1, 2)

    wait_until(lambda: waits(line) == {"credit": 2})
    assert line.submitted() == []


def test_answers_show_a_full_window(line: Line) -> None:
    """Each waiting answer does."""
    line.configure(limits={"segments": WIDE | {"hour": 1}})
    begin(line)
    deliver(line, 1, 2, 3)

    wait_until(lambda: states(line) == {"sent": 1, "queued": 2} and waits(line) == {"budget_hour": 2})


def test_answer_to_a_known_number_shows_the_reserve(line: Line) -> None:
    """New numbers still have room."""
    limits = {"cooldown": "0s", "per_number": 9, "segments": WIDE | {"hour": 4}, "reserve_for_new": "50%"}
    line.configure(limits=limits)
    begin(line)
    say(line, 1, "a", "b", "c")
    deliver(line, 1, text="d")

    wait_until(lambda: waits(line) == {"reserve": 1})
    say(line, 2, "e")


def test_answers_show_the_send_interval(line: Line) -> None:
    """They are due, and wait only for that interval."""
    line.configure(modem={"send_interval": "60s"})
    begin(line)
    deliver(line, 1, 2, 3)
    wait_until(lambda: states(line) == {"sent": 1, "queued": 2})

    assert waits(line) == {"send_interval": 2}
    assert all(moment(answer["due_at"]) <= datetime.now(UTC) for answer in answers(line).values())


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


def test_half_sent_answer_of_a_paused_line_fails_when_stale(line: Line) -> None:
    """Its second segment does not leave afterwards."""
    pause_between_segments(line)
    reload(line, answer={"max_age": "1s"})
    wait_until(lambda: fate(line, NUMBER) == ("failed", "stale"))

    line.cli("resume")
    look(line)
    assert used(line) == 1
    assert recipients(line) == []


def test_block_ends_a_half_sent_answer(line: Line) -> None:
    """The answer has failed, and its rest never leaves."""
    pause_between_segments(line)
    line.cli("block", NUMBER)
    assert fate(line, NUMBER) == ("failed", "blocked")
    line.cli("resume")
    look(line)

    assert submissions(line) == 1
    assert used(line) == 1


# Unconfirmed answers


def test_late_result_of_the_first_segment_lets_the_second_go(line: Line) -> None:
    """The answer is sent whole."""
    line.configure(answer={"text": LONG}, modem={"send_timeout": "2s"})
    begin(line)
    line.sim.do("fault", kind="no_result", segment=1, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    wait_until(lambda: fate(line, NUMBER)[0] == "unconfirmed")
    line.sim.do("say", line=RESULT)

    wait_states(line, sent=1)
    assert recipients(line) == [NUMBER]
    assert submissions(line) == 2
    assert used(line) == 2


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
    begin(line, timing=NEVER)
    wait_states(line, sent=1, unconfirmed=1)

    assert fate(line, person(1))[0] == "sent"
    assert untrue(line) == []
    assert recipients(line) == [person(1)]


def test_late_result_at_the_next_prompt_belongs_to_the_segment_before(line: Line) -> None:
    """The next segment waits, and the daemon goes on."""
    line.configure(modem={"send_timeout": "2s"})
    line.sim.do("fault", kind="result_at_prompt", count=1)
    deliver(line, 1, 2)
    begin(line)
    wait_states(line, sent=2)

    assert untrue(line) == []
    assert sorted(recipients(line)) == [person(1), person(2)]
    assert is_alive(line)


@pytest.mark.parametrize("why", ["paused", "too late"])
def test_late_result_while_the_rest_may_not_go_fails_the_answer(line: Line, why: str) -> None:
    """The line is paused, or the result is too late.

    The answer is half sent.
    """
    line.configure(answer={"text": LONG}, modem={"send_timeout": "2s"})
    begin(line, timing={"late_result_within": 1} if why == "too late" else {})
    line.sim.do("fault", kind="no_result", segment=1, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    wait_until(lambda: fate(line, NUMBER)[0] == "unconfirmed")
    if why == "paused":
        line.cli("pause")
    line.sim.do("say", line=RESULT)

    wait_states(line, failed=1)
    assert answers(line)[NUMBER]["segments_sent"] == 1
    assert submissions(line) == 1


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


def test_unconfirmed_answer_counts_its_submitted_segments_only(line: Line) -> None:
    """All figures agree."""
    line.configure(answer={"text": LONG})
    begin(line)
    line.sim.do("fault", kind="error_after_submit", cms=500, segment=1, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    wait_states(line, unconfirmed=1)

    counted = {
        "limits": used(line),
        "status": told(line, "status")["budgets"]["hour"]["used"],
        "number": told(line, "show", NUMBER)["segments"],
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
