"""Promises about held answers and their fates, tried on the daemon's own sender, judge and store with a played clock.

The commands say what became of them, as in `test_promises_sending.py`, which has what needs a modem, a port, a network
or the calendar of SQLite. Hours pass in no time, and no pause is shortened.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import year_now
from conftest import Line
from promised import (
    LONG,
    NUMBER,
    WIDE,
    answers,
    deliver,
    fate,
    moment,
    person,
    recipients,
    states,
    submissions,
    told,
    waits,
)
from year import Handed, Outcome

HOUR = 3600
KNOWN = {"cooldown": "0s", "per_number": 20, "reserve_for_new": "50%"}


class Network:
    """The simulator's part: it brings texts, and refuses what its faults say."""

    def __init__(self, evening: "Evening") -> None:
        self.evening = evening
        self.faults: list[dict[str, Any]] = []
        self.left: list[Handed] = []
        self.submissions = self.delivered = 0

    def do(self, asked: str, **given: Any) -> dict[str, Any]:
        """Do what the simulator's program would do."""
        match asked:
            case "deliver":
                self.delivered += 1
                self.evening.receive(self.delivered, given["from_"], given["text"])
            case "fault":
                self.faults.append(given)
            case "clear":
                self.faults.clear()
            case "counters":
                return {"counters": {"+CMGS": self.submissions}}
            case "submitted":
                whole = (each for each in self.left if each.sequence == each.total)
                return {"submitted": [{"recipient": each.number, "complete": True} for each in whole]}
        return {}

    def __call__(self, handed: Handed) -> Outcome:
        """Take a segment, or refuse it."""
        self.submissions += 1
        for fault in self.faults:
            wanted = fault.get("recipient", handed.number), fault.get("segment", handed.sequence)
            if wanted == (handed.number, handed.sequence) and fault.get("count", 1):
                if "count" in fault:
                    fault["count"] -= 1
                if fault["kind"] != "error":
                    self.left.append(handed)
                return Outcome("unknown", 1, fault.get("cms"))
        self.left.append(handed)
        return Outcome("taken", 1)


class Evening(Line):
    """A line of the usual configuration on a played clock; its commands are the real ones."""

    def __init__(self, folder: Path, peer: year_now.Line) -> None:
        self.peer, self.at = peer, 0
        self.network = Network(self)
        super().__init__(folder, SimpleNamespace(client=self.network, port="/dev/ttyUSB2"))  # type: ignore[arg-type]

    def begin(self, **sections: Any) -> None:
        """Start the daemon for the first time."""
        self.configure(log_level="error", **sections)
        self.peer.begin(self.config)

    def receive(self, contact: int, number: str, text: str) -> None:
        """Receive a text and judge it."""
        self.peer.receive(self.at, contact, number, text, 0)
        self.peer.judge_all(self.at)

    def play(self, seconds: int) -> None:
        """Let the daemon live; it looks when it would find work."""
        until = self.at + seconds
        while (due := self.peer.next_due(self.at)) is not None and due <= until:
            self.peer.judge_all(due)
            self.peer.submit_due(due, self.network)
            self.at = self.peer.machine.powered
        self.at = max(until, self.at)
        self.peer.judge_all(self.at)
        self.peer.submit_due(self.at, self.network)  # what now waits is noted
        self.at = self.peer.machine.powered

    def reload(self, **sections: Any) -> None:
        """Change the configuration and let the daemon read it again."""
        self.configure(**sections)
        self.peer.daemon._load_again()
        self.peer.daemon._begin()

    def cli(self, *arguments: str, check: bool = True) -> str:
        """Run a command; the daemon notices what it wrote."""
        said = super().cli(*arguments, check=check)
        self.peer.daemon._serve_requests()
        return said

    def restart(self, off: int | None = None) -> None:
        """End and start again, after some seconds without power, or at once."""
        self.peer.again(off, 0)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Evening]:
    """Give a line whose daemon has not started yet."""
    with year_now.line(tmp_path) as peer:
        yield Evening(tmp_path, peer)


def refuse(line: Evening, cms: int, **more: Any) -> None:
    """Make submissions end in an error, and let nothing leave."""
    line.sim.do("fault", kind="error", cms=cms, **more)


def used(line: Evening) -> int:
    """Return the segments that `limits` counts in the last hour."""
    return int(told(line, "limits")["windows"]["hour"]["used"])


def sending(line: Evening) -> dict[str, Any]:
    """Return what `status` says of sending."""
    return dict(told(line, "status")["sending"])


def text_of(line: Evening, text: str) -> dict[str, Any]:
    """Return the newest contact with a text."""
    return [each for each in line.log() if each["text"] == text][-1]


def say(line: Evening, number: int, *texts: str) -> None:
    """Let a person write several times, each time after the previous answer was sent."""
    for text in texts:
        deliver(line, number, text=text)
        line.play(5)
        assert text_of(line, text)["answer"]["state"] == "sent"


# Outages


def test_outage_without_clear_results_costs_three_answers(line: Evening) -> None:
    """These are unconfirmed; all others wait and show the outage."""
    line.begin()
    refuse(line, 500)
    deliver(line, *range(12))
    line.play(40)

    assert states(line) == {"unconfirmed": 3, "queued": 9}
    assert waits(line) == {"outage": 9}
    assert submissions(line) == used(line) == 3
    assert sending(line)["state"] in {"held", "trial"}
    assert sending(line)["reason"]
    assert moment(sending(line)["since"]) <= line.peer.machine.calendar


def test_trial_costs_one_answer_and_its_success_ends_the_outage(line: Evening) -> None:
    """The others leave by themselves."""
    line.begin()
    refuse(line, 500)
    deliver(line, *range(12))
    line.play(2 * HOUR)
    tried = submissions(line)
    assert states(line) == {"unconfirmed": tried, "queued": 12 - tried}
    line.sim.do("clear")
    line.play(2 * HOUR)

    assert states(line) == {"unconfirmed": tried, "sent": 12 - tried}
    assert submissions(line) == 12
    assert len(set(recipients(line))) == len(recipients(line)) == 12 - tried
    assert sending(line)["state"] == "free"


def test_restart_in_an_outage_submits_nothing_more(line: Evening) -> None:
    """The next trial is due when it was due before."""
    line.begin()
    refuse(line, 500)
    deliver(line, *range(6))
    line.play(10)
    for _ in range(2):
        line.restart()
        line.play(20)
    assert submissions(line) == 3
    assert waits(line) == {"outage": 3}
    line.play(20)

    assert submissions(line) == 4


def test_resume_after_a_pause_tries_once_at_once(line: Evening) -> None:
    """A second resume adds none; a success lets all go."""
    line.begin()
    refuse(line, 500)
    deliver(line, *range(8))
    line.play(10)
    for _ in range(2):
        line.cli("pause")
        line.play(5)
        line.cli("resume")
        line.play(5)
    assert submissions(line) == 4
    line.sim.do("clear")
    line.play(HOUR)

    assert states(line) == {"unconfirmed": 4, "sent": 4}


@pytest.mark.parametrize("cms", [42, 10, 28, 193, 314])
def test_refusals_that_are_the_lines_fail_no_answer(line: Evening, cms: int) -> None:
    """No answer counts meanwhile, and all leave once the line works."""
    line.begin()
    refuse(line, cms)
    deliver(line, *range(5))
    line.play(10 * HOUR)
    assert submissions(line) > 14
    assert states(line) == {"queued": 5}
    assert used(line) == 0
    line.sim.do("clear")
    line.play(2 * HOUR)

    assert states(line) == {"sent": 5}
    assert sorted(recipients(line)) == [person(number) for number in range(5)]


def test_lone_answer_is_tried_until_it_leaves(line: Evening) -> None:
    """The service centre fails for a long time."""
    line.begin()
    refuse(line, 42)
    deliver(line, 1)
    line.play(10 * HOUR)
    assert submissions(line) > 8
    assert states(line) == {"queued": 1}
    line.sim.do("clear")
    line.play(2 * HOUR)

    assert states(line) == {"sent": 1}
    assert recipients(line) == [person(1)]


@pytest.mark.parametrize("cms", [27, 195, 196])
def test_dead_numbers_hold_up_no_other_answer(line: Evening, cms: int) -> None:
    """They fail at once and count in no window."""
    line.begin()
    dead = [person(number) for number in range(3)]
    for each in dead:
        refuse(line, cms, recipient=each)
    deliver(line, *range(3))
    line.play(10)
    assert [fate(line, each) for each in dead] == [("failed", f"cms_{cms}")] * 3
    deliver(line, 3)
    line.play(5)

    assert fate(line, person(3))[0] == "sent"
    assert submissions(line) == 4
    assert used(line) == 1
    assert sending(line)["state"] == "free"


def test_two_barred_destinations_do_not_stop_the_line(line: Evening) -> None:
    """Cause 196 is about the recipient: a third person is answered."""
    line.begin()
    for number in (1, 2):
        refuse(line, 196, recipient=person(number))
    deliver(line, 0, 1, 2)
    line.play(10)

    assert states(line) == {"failed": 2, "sent": 1}
    assert recipients(line) == [person(0)]


def test_six_failures_among_ten_are_an_outage(line: Evening) -> None:
    """Some answers leave, most do not, and the rest waits."""
    line.begin()
    lost = (0, 1, 3, 4, 6, 7)
    for number in lost:
        refuse(line, 500, recipient=person(number))
    for number in range(8):
        deliver(line, number)
        line.play(3)
        assert fate(line, person(number))[0] == ("unconfirmed" if number in lost else "sent")
    deliver(line, 8)
    line.play(10)

    assert waits(line) == {"outage": 1}
    assert submissions(line) == 8


@pytest.mark.parametrize("cms", [1, 28, 30])
def test_second_ambiguous_refusal_fails_while_others_leave(line: Evening, cms: int) -> None:
    """The cause may be about the recipient or the line."""
    line.begin()
    refuse(line, cms, recipient=person(0))
    deliver(line, 0)
    line.play(5)
    assert fate(line, person(0)) == ("queued", f"cms_{cms}")
    deliver(line, 1)
    line.play(100)

    assert fate(line, person(1))[0] == "sent"
    assert fate(line, person(0)) == ("failed", f"cms_{cms}")
    assert submissions(line) == 3
    assert used(line) == 1


def test_ambiguous_refusals_of_one_number_hold_up_no_other(line: Evening) -> None:
    """That number waits for a retry, and all others are answered."""
    line.begin()
    refuse(line, 42, recipient=person(0))
    deliver(line, *range(6))
    line.play(40)

    assert states(line) == {"queued": 1, "sent": 5}
    assert fate(line, person(0)) == ("queued", "cms_42")
    assert (submissions(line), used(line)) == (6, 5)


@pytest.mark.parametrize("cms", [42, 38, 500])
def test_refused_second_segments_are_an_outage(line: Evening, cms: int) -> None:
    """Three answers are begun, for first segments are accepted."""
    line.begin(answer={"text": LONG}, limits={"segments": WIDE})
    refuse(line, cms, segment=2)
    deliver(line, *range(6))
    line.play(50)
    begun = [each for each in line.log() if each["answer"]["segments_sent"]]
    assert len(begun) == len(line.network.left) == 3
    assert waits(line) == {"outage": 6 if cms == 42 else 3}
    assert states(line)["unconfirmed"] == (0 if cms == 42 else 3)
    line.sim.do("clear")
    line.play(HOUR)

    assert states(line) == ({"sent": 6} if cms == 42 else {"unconfirmed": 3, "sent": 3})
    assert len(set(recipients(line))) == len(recipients(line)) == states(line)["sent"]
    assert len([each for each in line.network.left if each.sequence == 1]) == 6


# Shares and windows


def lose_one(line: Evening) -> None:
    """Let an answer end without a clear result."""
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    deliver(line, 0)
    line.play(3)
    assert states(line) == {"unconfirmed": 1}


def test_requeued_answer_holds_up_no_new_number(line: Evening) -> None:
    """It waits in the used-up share of known numbers."""
    line.begin(limits=KNOWN | {"segments": WIDE | {"hour": 10}})
    lose_one(line)
    say(line, 1, "a", "b", "c", "d", "e", "f")
    assert used(line) == 7
    line.cli("requeue", "1")
    deliver(line, 2, 3, 4)
    line.play(60)

    assert [fate(line, person(number))[0] for number in (2, 3, 4)] == ["sent"] * 3
    assert (answers(line)[person(0)]["state"], waits(line)) == ("queued", {"budget_hour": 1})
    hour = told(line, "limits")["windows"]["hour"]
    assert (hour["used"], hour["limit"], hour["reserve"]) == (10, 10, 5)
    assert len(recipients(line)) == 10


def test_requeued_answer_to_a_known_number_waits_for_the_reserve(line: Evening) -> None:
    """`limits` shows room for new numbers."""
    line.begin(limits=KNOWN | {"segments": WIDE | {"hour": 6}})
    lose_one(line)
    say(line, 1, "a", "b", "c", "d")
    line.cli("requeue", "1")
    line.play(30)
    hour = told(line, "limits")["windows"]["hour"]

    assert waits(line) == {"reserve": 1}
    assert (hour["used"], hour["known"], hour["new_in_seconds"]) == (5, 3, 0)
    assert hour["known_in_seconds"] > 0
    say(line, 2, "e")


def test_long_answer_is_not_overtaken_within_its_share(line: Evening) -> None:
    """It waits for two segments; an older answer behind it needs only one."""
    texts = ["Un.", LONG, "Trois."]
    line.begin(answer={"text": None, "texts": texts}, limits=KNOWN | {"segments": WIDE | {"hour": 8}})
    say(line, 1, "a", "b", "c")  # 1 segment as a new number, then 2 and 1 of the 4 for known numbers
    say(line, 2, "d")
    deliver(line, 1, text="e")  # one segment, and there is room for one
    deliver(line, 2, text="f")  # two segments
    line.play(30)
    assert waits(line) == {"reserve": 2}
    say(line, 3, "g")

    assert text_of(line, "e")["answer"]["state"] == text_of(line, "f")["answer"]["state"] == "queued"
    assert waits(line) == {"reserve": 2}
    assert recipients(line).count(person(3)) == 1


# Stale answers


@pytest.mark.parametrize("held", ["by refusals", "by the network"])
def test_held_answers_become_stale_on_time(line: Evening, held: str) -> None:
    """A number that writes again is answered once answers leave."""
    line.begin(answer={"max_age": "2h"})
    connection = line.peer.daemon.sender.connection
    if held == "by refusals":
        refuse(line, 10)
    else:
        connection.can_send = False  # type: ignore[misc]
    deliver(line, 1, 2, 3)
    line.play(2 * HOUR - 10)
    assert states(line) == {"queued": 3}
    line.play(20)
    assert [fate(line, person(number)) for number in (1, 2, 3)] == [("cancelled", "stale")] * 3
    deliver(line, 3, text="et maintenant ?")
    assert text_of(line, "et maintenant ?")["reason"] == "first_contact"
    line.sim.do("clear")
    connection.can_send = True  # type: ignore[misc]
    line.play(HOUR + 60)

    assert fate(line, person(3))[0] == "sent"
    assert recipients(line) == [person(3)]


def test_start_cancels_stale_answers_before_judging(line: Evening) -> None:
    """A text that came meanwhile is a first contact."""
    line.begin()
    line.cli("pause")
    deliver(line, 1)
    line.restart(25 * HOUR)
    deliver(line, 1, text="et maintenant ?")

    assert text_of(line, "et maintenant ?")["reason"] == "first_contact"
    assert line.log()[0]["answer"]["reason"] == "stale"


# Reasons to wait


def test_answers_show_a_pause_while_it_lasts(line: Evening) -> None:
    """No answer shows it after `resume`."""
    line.begin(modem={"send_interval": "60s"})
    line.cli("pause")
    deliver(line, 1, 2, 3)
    line.play(5)
    assert waits(line) == {"paused": 3}
    assert all(moment(answer["due_at"]) <= line.peer.machine.calendar for answer in answers(line).values())
    line.cli("resume")
    assert "paused" not in waits(line)
    line.play(5)

    assert states(line) == {"sent": 1, "queued": 2}
    assert waits(line) == {"send_interval": 2}


def test_answers_show_a_full_window(line: Evening) -> None:
    """Each waiting answer does, until a wider window is configured: then one leaves at once."""
    line.begin(limits={"segments": WIDE | {"hour": 1}})
    deliver(line, 1, 2, 3)
    line.play(30)

    assert states(line) == {"sent": 1, "queued": 2}
    assert waits(line) == {"budget_hour": 2}
    line.reload(limits={"segments": WIDE}, modem={"send_interval": "60s"})
    line.play(2)
    assert states(line) == {"sent": 2, "queued": 1}
    assert waits(line) == {"send_interval": 1}


def test_answer_to_a_known_number_shows_the_reserve(line: Evening) -> None:
    """New numbers still have room."""
    line.begin(limits=KNOWN | {"segments": WIDE | {"hour": 4}})
    say(line, 1, "a", "b", "c")
    deliver(line, 1, text="d")
    line.play(30)
    assert waits(line) == {"reserve": 1}

    say(line, 2, "e")


def test_answers_show_the_send_interval(line: Evening) -> None:
    """They are due, and wait only for that interval."""
    line.begin(modem={"send_interval": "60s"})
    deliver(line, 1, 2, 3)
    line.play(30)

    assert states(line) == {"sent": 1, "queued": 2}
    assert waits(line) == {"send_interval": 2}
    line.play(100)
    assert states(line) == {"sent": 3}


# Half-sent answers


def pause_between_segments(line: Evening) -> None:
    """Pause the line when the network has taken the first of two segments."""
    line.begin(answer={"text": LONG, "max_age": "2h"})
    line.sim.do("deliver", from_=NUMBER, text="salut")
    line.peer.submit_due(line.at + 1, line.network)
    line.at = line.peer.machine.powered
    line.cli("pause")
    line.play(10)
    assert waits(line) == {"paused": 1}
    assert (answers(line)[NUMBER]["segments_sent"], submissions(line)) == (1, 1)


def test_half_sent_answer_of_a_paused_line_fails_when_stale(line: Evening) -> None:
    """Its second segment does not leave afterwards."""
    pause_between_segments(line)
    line.play(2 * HOUR)
    assert fate(line, NUMBER) == ("failed", "stale")
    line.cli("resume")
    line.play(60)

    assert (submissions(line), recipients(line)) == (1, [])


def test_block_ends_a_half_sent_answer(line: Evening) -> None:
    """The answer has failed, and its rest never leaves."""
    pause_between_segments(line)
    line.cli("block", NUMBER)
    assert fate(line, NUMBER) == ("failed", "blocked")
    line.cli("resume")
    line.play(60)

    assert submissions(line) == used(line) == 1


@pytest.mark.parametrize("why", ["", "paused", "too late"])
def test_late_result_lets_the_rest_go_only_if_it_may(line: Evening, why: str) -> None:
    """The answer is half sent if the line is paused, or the result comes after an hour."""
    line.begin(answer={"text": LONG})
    line.sim.do("fault", kind="no_result", segment=1, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    line.play(5)
    assert fate(line, NUMBER)[0] == "unconfirmed"
    if why == "paused":
        line.cli("pause")
    line.play(HOUR + 10 if why == "too late" else 10)
    line.peer.daemon.sender.settle_late_result(2)
    line.play(10)

    assert fate(line, NUMBER)[0] == ("failed" if why else "sent")
    assert answers(line)[NUMBER]["segments_sent"] == submissions(line) == (1 if why else 2)


def test_unconfirmed_answer_counts_its_submitted_segments_only(line: Evening) -> None:
    """All figures agree."""
    line.begin(answer={"text": LONG})
    line.sim.do("fault", kind="error_after_submit", cms=500, segment=1, count=1)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    line.play(5)

    assert states(line) == {"unconfirmed": 1}
    counted = {
        "limits": used(line),
        "status": told(line, "status")["budgets"]["hour"]["used"],
        "number": told(line, "show", NUMBER)["segments"],
        "stats": told(line, "stats")["total"]["segments"],
    }
    assert counted == dict.fromkeys(counted, 1)
