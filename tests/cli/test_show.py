"""`hotlined show`: IDs, numbers, and texts that people sent by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from filled import KEVIN, LEA, RULES, Filled

from hotlined.gsm import alphabet
from hotlined.states import ByHand
from hotlined.store.answers import verdicts

SHORT_CODE = "8850"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line that Kevin, Proximus and a short code have texted."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.text("un")
        filled.text("votre solde", sender="Proximus")
        filled.text("votre liste", sender=SHORT_CODE)
        yield filled


def by_hand(line: Filled, recipient: str = KEVIN, text: str = "Tout va bien.") -> str:
    """Queue a text that a person sends, and return its ID."""
    with line.db.transaction():
        queued = verdicts.enqueue_by_hand(
            line.db, recipient, alphabet.plan(text), RULES, line.now(), kind=ByHand.SEND, who="anna"
        )
    assert isinstance(queued, int)
    return f"h{queued}"


@pytest.mark.parametrize(
    ("typed", "contact", "number"),
    [
        ("1", 1, None),
        (" 2 ", 2, None),
        ("0470123456", None, KEVIN),
        ("0032470123456", None, KEVIN),
        (KEVIN, None, KEVIN),
        ("0470/12.34.56", None, KEVIN),
        ("Proximus", None, "Proximus"),
        (f"--number={SHORT_CODE}", None, SHORT_CODE),
        ("--number=0470123456", None, KEVIN),
    ],
)
def test_digits_are_an_id_and_the_rest_a_number(
    line: Filled, typed: str, contact: int | None, number: str | None
) -> None:
    """A first + or 0 begins a number; letters are a name."""
    said = json.loads(line.run("show", typed, "--json").stdout)

    assert (said.get("id"), said.get("number")) == (contact, number)


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("32470123456", 1, "A number begins with + or 0"),
        (SHORT_CODE, 1, f"a short code is `hotlined --config FILE show --number {SHORT_CODE}`"),
        ("h9", 1, "There is no text h9."),
        ("9" * 30, 2, "is not a contact"),
        ("", 2, "Give an ID, a number or --number."),
        (f"1 --number={KEVIN}", 2, "Give an ID, a number or --number."),
        ("nobody", 2, "nobody"),
    ],
)
def test_a_number_without_its_plus_is_refused_with_advice(line: Filled, typed: str, code: int, words: str) -> None:
    """Nor is a short code an ID: the error says the cure."""
    result = line.run("show", *typed.split())

    assert result.exit_code == code
    assert words in " ".join(result.stderr.replace(str(line.config), "FILE").split())


def test_a_text_by_hand_has_an_id_of_its_own(line: Filled) -> None:
    """Log, `show` and `export` agree on it; no contact has it."""
    shown = by_hand(line)
    listed = json.loads(line.run("log", "--by-hand", "--json").stdout)
    whole = json.loads(line.run("show", shown, "--json").stdout)

    assert listed["id"] == whole["id"] == shown
    assert whole | {"answer": listed["answer"]} == listed
    assert whole["answer"] == listed["answer"] | {"parts": []}
    assert shown in line.run("log", "--by-hand").stdout.split()
    assert f"{shown}: anna (send): " in line.run("show", "1").stdout
    assert [text["id"] for text in json.loads(line.run("show", KEVIN, "--json").stdout)["by_hand"]] == [shown]
    assert [text["id"] for text in json.loads(line.run("export", KEVIN, "--json").stdout)["by_hand"]] == [shown]
    words = " ".join(line.run("show", shown.upper()).stdout.split())
    assert f"text by hand {shown}: " in words
    assert f"to {KEVIN} by anna (send) text Tout va bien. segments 0 of 1 sent, in gsm7" in words


def test_a_text_by_hand_is_cancelled_and_sent_again_by_its_id(line: Filled) -> None:
    """The ID is no contact's; events name who decided."""
    other, shown = by_hand(line, LEA), by_hand(line)
    cancelled = line.run("cancel", shown)
    again = line.run("cancel", shown)

    assert (cancelled.exit_code, cancelled.stdout) == (0, f"The text {shown} is cancelled.\n")
    assert (again.exit_code, f"The text {shown} is cancelled already." in again.stderr) == (75, True)
    assert line.run("cancel", shown.removeprefix("h")).exit_code == 75  # contact 2, which has no answer
    requeued = line.run("requeue", shown)
    assert (requeued.exit_code, requeued.stdout) == (0, f"The text {shown} is queued again.\n")
    states = {
        text["id"]: text["answer"]["state"] for text in map(json.loads, lines(line, "log", "--by-hand", "--json"))
    }
    assert states == {other: "queued", shown: "queued"}
    events = json.loads(line.run("export", KEVIN, "--json").stdout)["events"]
    assert [(event["kind"], event["number"]) for event in events] == [
        ("cancel", "+3247…456"),
        ("requeue", "+3247…456"),
    ]
    assert all(event["who"] for event in events)


def lines(line: Filled, *arguments: str) -> list[str]:
    """Return the lines that a command prints."""
    return line.run(*arguments).stdout.splitlines()


@pytest.mark.parametrize("verb", ["cancel", "requeue"])
def test_an_unknown_text_by_hand_is_refused(line: Filled, verb: str) -> None:
    """An answer to a contact may have the same number."""
    line.judge(1)
    answer = line.db.value("SELECT id FROM answers")
    result = line.run(verb, f"h{answer}")

    assert result.exit_code == 1
    assert f"There is no text h{answer}." in result.stderr
    assert "log --by-hand` shows those" in result.stderr
