"""All figures of spent segments agree, whatever state the answer is in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import store_steps
from filled import ANSWER, KEVIN, LEA, RULES, Filled

from hotlined.gsm.alphabet import plan
from hotlined.states import ByHand
from hotlined.store.answers import decisions, fates, gate, verdicts
from hotlined.store.line.line_row import save_limit_clock

TWO_SEGMENTS = plan(ANSWER)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line whose limit clock and calendar are the machine's, so that all commands count at the same time."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.now = filled.db.now  # type: ignore[method-assign]
        yield filled


def begun(line: Filled) -> gate.Begun:
    """Let the next segment out."""
    return store_steps.segment_of(store_steps.begin_next(line.db, line.now(), TWO_SEGMENTS))


def answered(line: Filled, sender: str = KEVIN) -> None:
    """Let an answer leave whole."""
    line.judge(line.text(f"Salut {sender}", sender))
    line.send()


def by_hand(line: Filled) -> None:
    """Let a text by hand leave to a number that never wrote."""
    with line.db.transaction():
        queued = verdicts.enqueue_by_hand(
            line.db, "+32479998877", TWO_SEGMENTS, RULES, line.now(), kind=ByHand.SEND, who="pi"
        )
    assert isinstance(queued, int)
    line.send()


def half_sent(line: Filled) -> None:
    """Let half of an answer leave, and put the other half back."""
    line.judge(line.text())
    store_steps.take(line.db, begun(line), line.now())
    store_steps.refuse(line.db, begun(line), line.now(), 42)


def requeued(line: Filled) -> None:
    """Leave the fate of an answer unknown, and let it leave once more."""
    contact_id = line.text()
    line.judge(contact_id)
    store_steps.lose(line.db, begun(line), line.now())
    assert verdicts.requeue(line.db, contact_id, "pi", line.now()) is None
    line.send()


def proven(line: Filled) -> None:
    """Let half of an answer be proven to have left, too late for the other half."""
    line.judge(line.text())
    segment = begun(line)
    store_steps.lose(line.db, segment, line.now())
    fates.settle_late(line.db, segment.segment_id, 7, RULES, line.now(), late_within=-1.0)


STATES: dict[str, Callable[[Filled], object]] = {
    "nothing": lambda _: None,
    "queued": lambda line: line.judge(line.text()),
    "being submitted": lambda line: (line.judge(line.text()), begun(line)),
    "half sent": half_sent,
    "half sent, then blocked": lambda line: (half_sent(line), decisions.block(line.db, KEVIN, "pi", line.now())),
    "sent": answered,
    "unconfirmed": lambda line: (line.judge(line.text()), store_steps.lose(line.db, begun(line), line.now())),
    "refused": lambda line: (line.judge(line.text()), store_steps.refuse(line.db, begun(line), line.now(), 27)),
    "to be tried again": lambda line: (
        line.judge(line.text()),
        store_steps.refuse(line.db, begun(line), line.now(), 42),
    ),
    "requeued": requeued,
    "proven": proven,
    "by hand": by_hand,
    "crashed": lambda line: (line.judge(line.text()), begun(line), fates.recover(line.db, line.now())),
}


@pytest.mark.parametrize("state", STATES)
def test_limits_status_numbers_and_stats_count_the_same_segments(line: Filled, state: str) -> None:
    """Four commands and the full check agree in each answer state."""
    answered(line, LEA)
    STATES[state](line)
    with line.db.transaction():
        save_limit_clock(line.db, line.now())

    limits = json.loads(line.run("limits", "--json").stdout)["windows"]
    status = json.loads(line.run("status", "--json").stdout)["budgets"]
    numbers = [json.loads(each) for each in line.run("numbers", "--json").stdout.splitlines()]
    stats = json.loads(line.run("stats", "--json", "--since", "7d").stdout)

    spent = limits["month"]["used"]
    assert [each["used"] for each in limits.values()] == [spent] * 3
    assert [each["used"] for each in status.values()] == [spent] * 3
    assert sum(each["segments"] for each in numbers) == spent
    assert stats["total"]["segments"] == spent
    assert line.run("db", "check", "--full").exit_code == 0
