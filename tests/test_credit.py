"""A SIM that cannot pay: answers wait, receiving goes on, and it ends by itself."""

import pytest
from conftest import Line, wait_until

ANSWERS = "SELECT state, reason, waiting_for FROM answers ORDER BY id"
CREDIT = {"ussd": "*121#", "pattern": r"([0-9]+[.,][0-9]{2}) *EUR", "alert_below": 5}


def events(line: Line, like: str) -> list[tuple[str, str]]:
    """Return the events of a kind, with their details."""
    return [(kind, detail) for kind, detail in line.rows("SELECT kind, detail FROM events WHERE kind LIKE ?", like)]


def deliver(line: Line, *numbers: int) -> None:
    """Deliver a text from each of these numbers."""
    for number in numbers:
        line.sim.do("deliver", from_=f"+3247000{number:04}", text="un")


def test_a_barred_sim_holds_answers_back_and_a_trial_lets_them_go(line: Line) -> None:
    """Two refusals in a row make the rest wait, one event says so; the first that leaves ends it."""
    line.sim.do("fault", kind="error", command="+CMGS", cms=10)
    line.start()
    deliver(line, 1, 2, 3, 4)
    wait_until(lambda: [row[2] for row in line.rows(ANSWERS)].count("credit") == 2)
    assert [row[0] for row in line.rows(ANSWERS)].count("failed") == 2
    deliver(line, 5)
    wait_until(lambda: line.count("SELECT count(*) FROM contacts") == 5)
    assert events(line, "credit%") == [("credit_out", "the network refuses (cms_10)")]
    assert line.count("SELECT count(*) FROM answer_segments WHERE counted_limit IS NOT NULL") == 0

    line.sim.do("clear", what="faults")
    line.stop()
    line.start()
    wait_until(lambda: [row[0] for row in line.rows(ANSWERS)].count("sent") == 3)
    assert [kind for kind, _ in events(line, "credit%")] == ["credit_out", "credit_ok"]


@pytest.mark.parametrize(
    "text", ["Votre solde est de 3,20 EUR.", "Uw tegoed:\n3.20 EUR\ngeldig tot 1/1", "Ваш баланс 3,20 EUR"]
)
def test_the_balance_is_asked_for_and_recorded(line: Line, text: str) -> None:
    """GSM-7, several lines or UCS-2: the group of the pattern is the balance, and a low one is an event."""
    line.sim.do("ussd", code="*121#", text=text)
    line.configure(credit=CREDIT)
    line.start()
    wait_until(lambda: events(line, "balance%") == [("balance_low", "3.20")])
    assert line.sim.do("counters")["counters"]["+CUSD"] == 1
    assert line.cli("balance") == text + "\n"
    assert events(line, "balance%") == [("balance_low", "3.20")]


def test_an_empty_balance_holds_answers_back(line: Line) -> None:
    """What cannot pay one segment is out of credit before anything is tried."""
    line.sim.do("ussd", code="*121#", text="Solde: 0,02 EUR")
    line.configure(credit=CREDIT)
    line.start()
    deliver(line, 1)
    wait_until(lambda: [row[2] for row in line.rows(ANSWERS)] == ["credit"])
    assert events(line, "credit%") == [("credit_out", "the balance is 0.02")]
    assert line.submitted() == []


def test_a_code_that_the_network_does_not_know_is_no_trouble(line: Line) -> None:
    """Without an answer the balance is unknown, and the line works."""
    line.configure(credit=CREDIT)
    line.start()
    deliver(line, 1)
    wait_until(lambda: line.submitted() and line.settled())
    assert events(line, "balance%") == []
