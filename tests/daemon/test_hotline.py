"""The main job, end to end: the real daemon, real pyserial, and the simulator on a pty."""

import random
import signal
import time
from collections import Counter

import extent
from conftest import ANSWER, Line, wait_until

NUMBER = "+32470123456"


def test_text_is_recorded_and_answered_once(line: Line) -> None:
    """The log has it as sent, and it leaves the SIM."""
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="Salut 😀, t'es où ?")
    wait_until(lambda: line.submitted() and line.settled())

    (contact,) = line.log()
    assert contact["kind"] == "text"
    assert contact["originator"] == NUMBER
    assert contact["text"] == "Salut 😀, t'es où ?"
    assert (contact["verdict"], contact["reason"]) == ("answer", "first_contact")
    assert contact["answer"]["state"] == "sent"
    (sent,) = line.submitted()
    assert (sent["recipient"], sent["text"]) == (NUMBER, ANSWER)


def test_second_text_within_the_cooldown_is_not_answered(line: Line) -> None:
    """It is recorded."""
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.submitted() and line.settled())
    line.sim.do("deliver", from_=NUMBER, text="deux")
    wait_until(lambda: len(line.log()) == 2 and line.settled())

    assert line.log()[1]["reason"] == "cooldown"
    assert len(line.submitted()) == 1


def test_sigterm_ends_the_daemon_with_0(line: Line) -> None:
    """Its status file goes."""
    line.start()
    line.wait_state("ready")

    assert line.stop(signal.SIGTERM) == 0
    assert not (line.folder / "run" / "main" / "status.json").exists()


def test_texts_from_before_the_start_are_answered(line: Line) -> None:
    """They filled the SIM and the queue of the network."""
    line.configure(limits={"segments": {"hour": 60}})
    for count in range(25):
        line.sim.do("deliver", from_=f"+3247012{count:04}", text=f"texte {count}")
    line.start()
    wait_until(lambda: len(line.submitted()) == 25 and line.settled())

    assert sorted(contact["text"] for contact in line.log()) == sorted(f"texte {count}" for count in range(25))


def test_kills_at_random_moments_lose_and_double_nothing(line: Line) -> None:
    """Each text is one row; each segment leaves at most once."""
    dice = random.Random(extent.SEED)
    line.configure(
        answer={"text": "é" * 200, "encoding": "smart", "max_segments": 2},
        limits={"segments": {"hour": 1000, "day": 1000, "month": 1000}},
    )
    texts = []
    for count in range(KILLS):
        texts.append(f"texte {count}")
        line.sim.do("deliver", from_=f"+3247012{count:04}", text=texts[-1])
        line.start()
        let_it_live(line, dice.randrange(dice.choice(AT_WORK), LIFE), dice.uniform(0, 0.1))
        line.stop(signal.SIGKILL)
    line.start()
    wait_until(line.settled)

    assert Counter(contact["text"] for contact in line.log()) == Counter(texts)
    assert all(not contact["repeats"] for contact in line.log())
    submitted = Counter(pdu for message in line.submitted() for pdu in message["pdus"])
    assert max(submitted.values()) == 1
    states = Counter(contact["answer"]["state"] for contact in line.log())
    assert set(states) <= {"sent", "unconfirmed"}
    assert states["sent"] > KILLS / 2


KILLS = extent.examples(24, 100)
LIFE = 50  # commands: 35 until the modem is ready, 5 for a text and its answer
AT_WORK = (0, 30)
"""Least numbers of commands before a kill: half of the kills come while a text can be lost or sent twice."""


def let_it_live(line: Line, commands: int, seconds: float) -> None:
    """Let the daemon live until it has given the modem these commands, and for some seconds more."""
    before = given(line)
    wait_until(lambda: given(line) >= before + commands, "a daemon at work")
    time.sleep(seconds)


def given(line: Line) -> int:
    """Return the number of commands that the modem was given."""
    return sum(line.sim.do("counters")["counters"].values())
