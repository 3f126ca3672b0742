"""Floods through the whole program: the real daemon and the simulator. scripts/run flood runs them at length.

No scenario judges speed; the long run prints figures of one machine with a modem that answers at once.
"""

import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).parents[1] / room) for room in ("", "harness"))

import click
import extent
import simulated
import store_steps
from conftest import ANSWER, Line, wait_until

from hotlined.config import load
from hotlined.gsm import alphabet
from hotlined.gsm.address import Address, Ton, identify
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.store.answers import contacts
from hotlined.store.file.opening import open_for_daemon

TROLL, HONEST = "+32470666666", "+32470123456"
SIM_SIZE = 10
OURS = ("+32460209399", "+32460209398")
DAY = 86400.0
START = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a flood; `peak_mib` is the highest memory use of a daemon (VmHWM)."""

    name: str
    texts: int
    rows: int
    answers: int
    segments: int
    seconds: float
    peak_mib: float


@contextlib.contextmanager
def hotline(number: str = OURS[0]) -> Iterator[Line]:
    """Give a line of its own, as the fixture does, on a SIM with this number."""
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as name,
        simulated.start(Path(name), sim_size=SIM_SIZE, me_size=0, number=number) as simulator,
    ):
        line = Line(Path(name), simulator)
        try:
            yield line
        finally:
            if line.daemon and line.daemon.poll() is None:
                line.daemon.kill()
                line.daemon.wait()


def figures(name: str, texts: int, began: float, *lines: Line) -> Figures:
    """Collect the figures of a flood on some lines."""
    submitted = [message for line in lines for message in line.submitted()]
    return Figures(
        name,
        texts,
        sum(line.count("SELECT count(*) FROM contacts") for line in lines),
        len(submitted),
        sum(message["segments"] for message in submitted),
        time.monotonic() - began,
        max(map(peak_mib, lines)),
    )


def peak_mib(line: Line) -> float:
    """Return the highest memory use of a line's daemon."""
    assert line.daemon
    rows = Path(f"/proc/{line.daemon.pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) / 1024 for row in rows if row.startswith("VmHWM:"))


def drained(line: Line, texts: int, patience: float = 0.0) -> None:
    """Wait until this number of contacts is recorded and judged, and the SIM is empty."""

    def done() -> bool:
        state = line.sim.do("state")
        return (
            not state["queue"]
            and not any(storage["used"] for storage in state["storages"].values())
            and line.count("SELECT count(*) FROM contacts WHERE verdict IS NOT NULL") == texts
        )

    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not done():
        time.sleep(0.5)
    wait_until(done, f"{texts} contacts, judged, and an empty SIM")


def segments_once(line: Line) -> None:
    """Fail if the same PDU left twice."""
    submitted = Counter(pdu for message in line.submitted() for pdu in message["pdus"])
    assert not submitted or max(submitted.values()) == 1


# ---- one number


def one_number(line: Line, texts: int, patience: float = 0.0) -> Figures:
    """Receive a flood from one number."""
    began = time.monotonic()
    line.start()
    for count in range(texts):
        line.sim.do("deliver", from_=TROLL, text=f"texte {count}")
    drained(line, texts, patience)
    wait_until(line.settled, "the answer has left")

    result = figures("one number", texts, began, line)
    bodies = Counter(text for (text,) in line.rows("SELECT text FROM contacts"))
    assert bodies == Counter(f"texte {count}" for count in range(texts))
    assert (result.rows, result.answers, result.segments) == (texts, 1, 1)
    return result


def test_flood_from_one_number_costs_one_answer(line: Line) -> None:
    """All three hundred texts are recorded and leave the SIM."""
    one_number(line, 300)


# ---- numbers that were answered before


def answered_before(line: Line, numbers: list[str]) -> None:
    """Fill the database with numbers that had an answer forty days ago, on the limit clock."""
    config = load(line.config)
    rules = policy.Rules(
        config.limits._replace(segments=policy.Windows(10**6, 10**6, 10**6)), config.numbers, config.answer.max_age
    )
    plan = alphabet.plan(ANSWER)
    with open_for_daemon(line.database) as db:
        now: Now = db.now()
        for number in numbers:
            contact_id = contacts.record_call(db, "fr", identify(Address(number[1:], Ton.INTERNATIONAL), "BE"), now)
            store_steps.judge(db, contact_id, now, rules)
            begun = store_steps.segment_of(store_steps.begin_next(db, now, plan, rules))
            store_steps.take(db, begun, now, 0)
        with db.transaction():
            db.execute("UPDATE line_state SET limit_time = ?, boot_id = 'an earlier one'", now.limit + 40 * DAY)


def known_numbers(line: Line, texts: int, hour: int, patience: float = 0.0) -> Figures:
    """Receive a flood from numbers that were answered before, with an honest first contact in the middle."""
    line.configure(limits={"segments": {"hour": hour, "day": 10 * hour, "month": 100 * hour}})
    numbers = [f"+3247{count:07}" for count in range(texts // 2)]
    assert HONEST not in numbers
    answered_before(line, numbers)
    prepared = line.count("SELECT count(*) FROM contacts")
    began = time.monotonic()
    line.start()
    for count, number in enumerate(numbers):
        line.sim.do("deliver", from_=number, text=f"encore {count}")
    wait_until(
        lambda: line.count("SELECT count(*) FROM log WHERE answer_waiting_for = 'reserve'"), "the share is used up"
    )
    line.sim.do("deliver", from_=HONEST, text="Salut, c'est Lea")
    for count, number in enumerate(numbers):
        line.sim.do("deliver", from_=number, text=f"toujours {count}")
    drained(line, prepared + 2 * len(numbers) + 1, patience)
    wait_until(lambda: HONEST in {message["recipient"] for message in line.submitted()}, "the first contact's answer")

    recipients = Counter(message["recipient"] for message in line.submitted())
    assert recipients.pop(HONEST) == 1
    assert recipients.total() == hour // 2
    result = figures("known numbers", 2 * len(numbers) + 1, began, line)
    return replace(result, rows=result.rows - prepared)


def test_flood_of_known_numbers_leaves_room_for_a_new_one(line: Line) -> None:
    """Their share is used up, and the new number is answered."""
    known_numbers(line, 200, hour=10)


# ---- two hotlines


def face_to_face(answers: tuple[str, str], per_number: int) -> Figures:
    """Let two hotlines answer each other until both are silent."""
    with hotline(OURS[0]) as one, hotline(OURS[1]) as other:
        lines = (one, other)
        began = time.monotonic()
        for line, text in zip(lines, answers, strict=True):
            line.configure(answer={"text": text}, limits={"cooldown": "0s", "per_number": per_number})
            line.start()
        one.sim.do("deliver", from_=OURS[1], text="Salut")
        routed = [0, 0]

        def silent() -> bool:
            for index, line in enumerate(lines):
                submitted = line.submitted()
                for message in submitted[routed[index] :]:
                    assert message["recipient"] == OURS[1 - index]
                    # two texts in one second would count as one that is delivered twice
                    scts = START + timedelta(seconds=sum(routed))
                    lines[1 - index].sim.do("deliver", from_=OURS[index], text=message["text"], scts=scts.isoformat())
                    routed[index] += 1
            received = [1 + routed[1], routed[0]]
            return all(
                line.settled()
                and line.count("SELECT count(*) FROM contacts") == count
                and len(line.submitted()) == sent
                for line, count, sent in zip(lines, received, routed, strict=True)
            )

        wait_until(silent, "silence")
        return figures("two hotlines", 1 + sum(routed), began, *lines)


def test_two_hotlines_stop_answering_each_other_at_the_cap() -> None:
    """The loop guard does not recognise their answers."""
    result = face_to_face(("Non merci.", "Je ne suis pas libre."), per_number=3)

    assert result.answers == 6


def test_two_hotlines_with_the_same_answer_stop_at_the_second_text() -> None:
    """The loop guard recognises it."""
    result = face_to_face((ANSWER, ANSWER), per_number=3)

    assert 1 <= result.answers <= 2


# ---- unknown outcomes, and the end of the process


def test_error_after_transmission_is_never_sent_again(line: Line) -> None:
    """Neither a restart nor a further text sends it again."""
    line.sim.do("fault", kind="error_after_submit", command="+CMGS", count=1)
    line.start()
    line.sim.do("deliver", from_=TROLL, text="un")
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE state = 'unconfirmed'"), "unconfirmed")
    line.stop(signal.SIGKILL)
    line.start()
    line.sim.do("deliver", from_=TROLL, text="deux")
    drained(line, 2)

    assert [message["recipient"] for message in line.submitted()] == [TROLL]


def test_limits_are_stored_in_the_database_only(line: Line) -> None:
    """A restart without the runtime directory counts all spent segments."""
    line.start()
    for number in (TROLL, HONEST):
        line.sim.do("deliver", from_=number, text="un")
    drained(line, 2)
    wait_until(line.settled, "both answers have left")
    line.stop(signal.SIGKILL)
    shutil.rmtree(line.folder / "run")
    line.configure(limits={"cooldown": "0s", "segments": {"hour": 2, "day": 2, "month": 2}})
    line.start()
    for number in (TROLL, "+32471000000"):
        line.sim.do("deliver", from_=number, text="deux")
    wait_until(
        lambda: (
            line.rows("SELECT answer_waiting_for FROM log WHERE answer_state = 'queued'") == [("budget_month",)] * 2
        ),
        "two answers that wait for the budget",
    )

    assert json.loads(line.cli("status", "--json"))["budgets"]["month"] == {"limit": 2, "used": 2}
    assert len(line.submitted()) == 2


def kill_loop(line: Line, texts: int, kills: int, hour: int, patience: float = 0.0) -> Figures:
    """Kill the daemon again and again while a flood from many numbers comes in."""
    dice = random.Random(20171124)
    line.configure(limits={"segments": {"hour": hour, "day": hour, "month": hour}})
    began = time.monotonic()
    bodies = [f"texte {count}" for count in range(texts)]
    batches = [bodies[start::kills] for start in range(kills)]
    for batch in batches:
        line.start()
        for body in batch:
            line.sim.do("deliver", from_=f"+3247{body.removeprefix('texte '):0>7}", text=body)
        assert line.daemon
        with contextlib.suppress(subprocess.TimeoutExpired):
            line.daemon.wait(dice.uniform(0.25, 0.9))
        line.stop(signal.SIGKILL)
    line.start()
    drained(line, texts, patience)
    wait_until(lambda: not line.count(OPEN), "nothing is sent any more")

    assert Counter(text for (text,) in line.rows("SELECT text FROM contacts")) == Counter(bodies)
    assert not line.count("SELECT count(*) FROM contacts WHERE repeats")
    segments_once(line)
    result = figures("kill loop", texts, began, line)
    assert 0 < result.segments <= hour
    return result


OPEN = "SELECT count(*) FROM log WHERE answer_state = 'sending' OR answer_waiting_for IN ('due', 'send_interval')"


def test_kills_in_a_flood_break_no_limit(line: Line) -> None:
    """Each text is recorded once, and no segment leaves twice."""
    kill_loop(line, texts=90, kills=extent.examples(9, 30), hour=20)


# ---- at length


@click.command()
@click.option("--texts", default=10_000, show_default=True, help="How many texts each flood has.")
@click.option("--kills", default=100, show_default=True, help="How often the daemon is killed in the last.")
def main(texts: int, kills: int) -> None:
    """Flood hotlines, check every promise, and print the figures."""
    patience = texts / 2

    def on_a_line(scenario: Callable[..., Figures], **options: Any) -> Figures:
        with hotline() as line:
            line.configure()
            return scenario(line, texts=texts, patience=patience, **options)

    scenarios: tuple[Callable[[], Figures], ...] = (
        lambda: on_a_line(one_number),
        lambda: on_a_line(known_numbers, hour=60),
        lambda: face_to_face(("Non merci.", "Je ne suis pas libre."), per_number=3),
        lambda: replace(face_to_face((ANSWER, ANSWER), per_number=3), name="two hotlines, one answer"),
        lambda: on_a_line(kill_loop, kills=kills, hour=60),
    )
    click.echo(f"{'flood':<26}{'texts':>8}{'rows':>8}{'answers':>9}{'segments':>10}{'seconds':>9}{'peak MiB':>10}")
    for scenario in scenarios:
        row = scenario()
        click.echo(
            f"{row.name:<26}{row.texts:>8}{row.rows:>8}{row.answers:>9}{row.segments:>10}"
            f"{row.seconds:>9.1f}{row.peak_mib:>10.1f}"
        )


if __name__ == "__main__":
    main()
