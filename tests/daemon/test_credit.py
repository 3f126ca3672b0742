"""A SIM without credit: answers wait, receiving goes on, and answers go out again without a person."""

import json
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from conftest import ANSWERS, Line, wait_until

from hotlined import config
from hotlined.daemon import shared as daemon
from hotlined.daemon.credit import BALANCE_SECONDS, FAILED_SECONDS, REASON_SECONDS, Balance
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.rules import recognition
from hotlined.store.file.opening import open_for_daemon

CREDIT = {"ussd": "*121#", "pattern": r"([0-9]+[.,][0-9]{2}) *EUR", "alert_below": 5}
PRICE = {"price_per_segment": 0.05}


def events(line: Line, like: str) -> list[tuple[str, str | None]]:
    """Return the events of a kind, with the balance where they have one."""
    return line.rows("SELECT kind, detail ->> 'balance' FROM events WHERE kind LIKE ?", like)


def spent(line: Line) -> int:
    """Return the segments that the hour's window counts."""
    return int(json.loads(line.cli("limits", "--json"))["windows"]["hour"]["used"])


def deliver(line: Line, *numbers: int) -> None:
    """Deliver a text from each of these numbers."""
    for number in numbers:
        line.sim.do("deliver", from_=f"+3247000{number:04}", text="un")


def test_barred_sim_holds_answers_until_a_trial_leaves(line: Line) -> None:
    """Three refused people in a row stop the line; no answer fails.

    One event records the stop.
    """
    line.sim.do("fault", kind="error", command="+CMGS", cms=10)
    line.start(timing={"trial_after": [2.0]})
    deliver(line, 1, 2, 3, 4)
    wait_until(lambda: [row[2] for row in line.rows(ANSWERS)].count("credit") == 4)
    deliver(line, 5)
    wait_until(lambda: line.count("SELECT count(*) FROM contacts") == 5)
    assert [kind for kind, _ in events(line, "credit%")] == ["credit_out"]
    wait_until(lambda: spent(line) == 0)  # an answer counts during its trial

    line.sim.do("clear", what="faults")
    wait_until(lambda: [row[0] for row in line.rows(ANSWERS)].count("sent") == 5)
    assert [kind for kind, _ in events(line, "credit%")] == ["credit_out", "credit_ok"]


@pytest.mark.parametrize(
    "text", ["Votre solde est de 3,20 EUR.", "Uw tegoed:\n3.20 EUR\ngeldig tot 1/1", "Ваш баланс 3,20 EUR"]
)
def test_balance_is_queried_and_recorded(line: Line, text: str) -> None:
    """The pattern finds it in GSM-7, UCS-2 and on several lines.

    A low balance is an event.
    """
    line.sim.do("ussd", code="*121#", text=text)
    line.configure(credit=CREDIT)
    line.start()
    wait_until(lambda: events(line, "balance%") == [("balance_low", "3.20")])
    assert line.sim.do("counters")["counters"]["+CUSD"] == 1
    assert line.cli("sim", "balance") == text + "\n"
    assert events(line, "balance%") == [("balance_low", "3.20")]


def test_balance_below_the_price_of_a_segment_holds_answers(line: Line) -> None:
    """Credit is out before any answer is tried."""
    line.sim.do("ussd", code="*121#", text="Solde: 0,02 EUR")
    line.configure(credit=CREDIT, limits=PRICE)
    line.start()
    deliver(line, 1)
    wait_until(lambda: [row[2] for row in line.rows(ANSWERS)] == ["credit"])
    assert events(line, "credit%") == [("credit_out", "0.02")]
    assert line.submitted() == []


def test_unknown_ussd_code_leaves_the_line_working(line: Line) -> None:
    """The balance stays unknown."""
    line.configure(credit=CREDIT)
    line.start()
    deliver(line, 1)
    wait_until(lambda: line.submitted() and line.settled())
    assert events(line, "balance%") == []


def test_pattern_that_finds_no_amount_is_said(line: Line) -> None:
    """The operator's wording has changed, say: the balance before would stand, and nobody would know why."""
    line.sim.do("ussd", code="*121#", text="Solde: voir l'application")
    line.configure(credit=CREDIT)
    line.start()
    wait_until(lambda: "credit.pattern finds no amount" in line.log_path.read_text())
    assert events(line, "balance%") == []


def test_balance_query_waits_for_the_network(line: Line) -> None:
    """The day's query is not spent before a stick is registered."""
    line.sim.do("ussd", code="*121#", text="Solde: 3,20 EUR")
    line.sim.do("network", registered="searching")
    line.configure(credit=CREDIT)
    line.start()
    line.wait_state("unregistered")
    line.wait_more("+CMGL", 2)
    assert "+CUSD" not in line.sim.do("counters")["counters"]

    line.sim.do("network", registered="home")
    wait_until(lambda: events(line, "balance%") == [("balance_low", "3.20")])


def test_unconfirmed_trial_leaves_the_other_answers_waiting(line: Line) -> None:
    """One answer is tried now and then without credit."""
    line.sim.do("ussd", code="*121#", text="Solde: 0,02 EUR")
    line.configure(credit=CREDIT, limits=PRICE)
    line.sim.do("fault", kind="error", command="+CMGS", cms=500)
    line.start(timing={"trial_after": [3.0, 3600.0]})
    deliver(line, 1, 2, 3)
    wait_until(lambda: "+CMGS" in line.sim.do("counters")["counters"])
    line.wait_more("+CMGL", 3)

    assert line.sim.do("counters")["counters"]["+CMGS"] == 1
    assert [row[2] for row in line.rows(ANSWERS)].count("credit") == 2
    assert events(line, "credit%") == [("credit_out", "0.02")]


def test_low_balance_names_the_cause_of_an_outage(line: Line) -> None:
    """The line says that it cannot pay; both of its events end when an answer is taken."""
    line.sim.do("ussd", code="*121#", text="Solde: 0,02 EUR")
    line.sim.do("fault", kind="error", command="+CMGS", cms=38)
    line.configure(credit=CREDIT)
    line.start(timing={"trial_after": [2.0]})
    line.wait_state("ready")
    deliver(line, 1, 2, 3, 4)
    wait_until(lambda: "outage" in [row[2] for row in line.rows(ANSWERS)])
    status = json.loads(line.cli("status", "--json", check=False))
    assert [(each["code"], "`hotlined sim balance`" in each["cure"]) for each in status["trouble"]] == [
        ("outage", True),
        ("credit_low", True),
    ]

    line.configure(limits=PRICE)
    line.reload()
    line.cli("sim", "balance")
    status = json.loads(line.cli("status", "--json", check=False))
    assert [each["code"] for each in status["trouble"]] == ["credit"]
    line.sim.do("clear", what="faults")
    deliver(line, 5)  # on a slow machine each of the others was tried before
    wait_until(lambda: events(line, "credit%")[1:] == [("credit_ok", None)])
    assert [kind for kind, _ in events(line, "outage%")] == ["outage_begin", "outage_end"]


def test_topup_drops_the_balance_known_before(line: Line) -> None:
    """A low balance is no trouble any more; the next one is compared with nothing."""
    line.sim.do("ussd", code="*121#", text="Solde: 0,02 EUR")
    line.configure(credit=CREDIT)
    line.start()
    wait_until(lambda: events(line, "balance%") == [("balance_low", "0.02")])
    line.cli("sim", "topup")

    status = json.loads(line.cli("status", "--json"))
    assert (status["credit"]["balance"], status["credit"]["asked_at"], status["trouble"]) == (None, None, [])


@pytest.mark.parametrize("said", ["+CUSD: 4", "OK"], ids=["refused", "out of step"])
def test_failed_balance_request_holds_up_no_other_request(line: Line, said: str) -> None:
    """The daemon carries out the next request after the failure."""
    line.sim.do("ussd", code="*121#", kind="error")
    line.configure(credit=CREDIT)
    line.start()
    line.wait_state("ready")
    wait_until(lambda: line.sim.do("counters")["counters"].get("+CUSD"), "the daemon's own question")
    assert line.daemon
    line.daemon.send_signal(signal.SIGSTOP)
    with sqlite3.connect(line.database) as database:
        database.executemany(
            "INSERT INTO requests (verb, arguments, who, created_at, boot_id, expires_boottime, state)"
            " SELECT ?, ?, 'admin', '', boot_id, 1e9, 'open' FROM line_state",
            [("balance", "{}"), ("send", '{"number": "+32470123456", "text": "un"}')],
        )
    database.close()
    line.sim.do("say", line=said)
    line.daemon.send_signal(signal.SIGCONT)
    wait_until(line.submitted, "the text of the second request")

    wait_until(lambda: line.rows("SELECT state FROM requests ORDER BY id") == [("refused",), ("done",)])
    assert "WARNING The network has no answer" not in line.log_path.read_text()  # the modem works


@pytest.mark.parametrize(
    ("reason", "says", "seconds"),
    [
        (lambda _: None, "Solde: 9,20 EUR", BALANCE_SECONDS),
        (lambda credit: credit.note_operator_text(recognition.fold("SOLDE épuisé")), "9,20 EUR", REASON_SECONDS),
        (lambda credit: credit.ask_soon(), "Solde: 9,20 EUR", REASON_SECONDS),
        (lambda credit: credit.ask_soon(), "Service indisponible", FAILED_SECONDS),
        (lambda credit: credit.ask_soon(), None, FAILED_SECONDS),
        (lambda credit: credit.note_operator_text(recognition.fold("Bonne année !")), "9,20 EUR", BALANCE_SECONDS),
    ],
    ids=["nothing", "a notice", "a refusal", "a refusal and no balance", "a refusal and no answer", "another notice"],
)
def test_balance_is_queried_daily_or_sooner_after_a_reason(
    line: Line, monkeypatch: pytest.MonkeyPatch, reason: Callable[[Balance], None], says: str | None, seconds: float
) -> None:
    """Reasons are an operator's notice, and refusals perhaps about credit.

    A question that brought no balance does not use up the hour.
    """
    line.sim.do("ussd", code="*121#", **({"text": says} if says else {"kind": "error"}))
    line.configure(credit=CREDIT)
    began, later = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: began() + later[0])
    with open_for_daemon(line.database) as db, closing(Port(line.simulator.port)) as port:
        modem = Modem(port, lambda _: None)
        modem.begin()
        modem.initialise()
        credit = Balance(daemon.Line(config.load(line.config), db))
        credit.ask_if_due(modem)
        reason(credit)
        for moment, times in ((seconds - 60, 1), (seconds + 60, 2), (2 * seconds - 60, 2)):
            later[0] = moment
            credit.ask_if_due(modem)
            assert line.sim.do("counters")["counters"]["+CUSD"] == times
