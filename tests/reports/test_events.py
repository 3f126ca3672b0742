"""Events: their facts are in fields, and all sentences are made from these."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import speaking
from filled import KEVIN, LEA, Filled
from test_due import NOTHING, at

from hotlined.alerts.due import EVENTS, News, due
from hotlined.gsm.address import mask
from hotlined.language import Language, _
from hotlined.reports import contact, timeline
from hotlined.states import EventKind, SendingState
from hotlined.store.answers import contacts, decisions, verdicts
from hotlined.store.line import alerting, events
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import Sending, commit_balance
from hotlined.store.people import erasing
from hotlined.store.reading import log

FREE = Sending(SendingState.FREE)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with one answered text."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.judge(filled.text())
        filled.send()
        yield filled


@pytest.fixture
def happened(line: Filled) -> Database:
    """Give the database of a line after floods, low credit, an outage, and decisions about its contact."""
    db, now = line.db, line.now()
    with db.transaction():
        events.record(db, now, EventKind.FLOOD_BEGIN, detail={"contacts": 69, "seconds": 600})
        events.record(db, now, EventKind.BALANCE_LOW, detail={"balance": "3.20"})
        events.record(db, now, EventKind.FLOOD_END, detail={"contacts": 69})
        events.record(db, now, EventKind.FLOOD_BEGIN, detail={"contacts": 1, "seconds": 600})
        events.record(db, now, EventKind.FLOOD_END, detail={"contacts": 1})
        events.record(db, now, EventKind.BALANCE, detail={"balance": "9.20"})
        events.record(db, now, EventKind.CREDIT_OUT, detail={"balance": "0.02"})
        events.record(db, now, EventKind.CREDIT_OK)
        events.record(db, now, EventKind.OUTAGE_BEGIN)
        events.record(db, now, EventKind.OUTAGE_END)
        events.record(db, now, EventKind.TAG, word="insult", who="pi", contact_id=1)
        events.record(db, now, EventKind.UNTAG, word="insult", who="pi", contact_id=1)
        events.record(db, now, EventKind.KEEP, who="marie", contact_id=1)
    return db


def told(db: Database) -> list[tuple[str, str, str]]:
    """Return the alerts of all events in the language in force, each as if it were the only one."""
    progress, found = alerting.AlertProgress(event_id=0), []
    for event in events.news(db, EVENTS, 0):
        after = due(progress, NOTHING, News([event]), at(0))
        progress = replace(progress, levels={draft.condition: draft.level for draft in after.told})
        found += [(draft.condition, draft.title, draft.text) for draft in after.told]
    return found


def said(db: Database) -> list[str]:
    """Return the sentences of a contact's events, in `show` and as a timeline, in the language in force."""
    shown = log.maybe_contact(db, 1)
    assert shown
    shown = replace(shown, answer=None)  # its steps are not events
    lines = [words or "" for label, words in contact.facts(shown, FREE) if label == _("event")]
    steps = [step.words for step in timeline.timeline(shown, FREE)]
    return [*lines, *steps[-len(lines) :]]


def table(db: Database, columns: str, where: str = "1") -> list[tuple[Any, ...]]:
    """Return columns of the events, in their order."""
    return [tuple(row) for row in db.all(f"SELECT {columns} FROM events WHERE {where} ORDER BY id")]


# ---- sentences in each language


@pytest.mark.parametrize("language", Language)
def test_alerts_of_events_are_in_the_language(happened: Database, language: Language) -> None:
    """Figures and causes in them follow the language in force."""
    with speaking(language):
        alerts = [text for _, _, text in told(happened)]

    assert alerts == ALERTS[language]


ALERTS = {
    Language.ENGLISH: [
        "69 contacts in 600 s. The limits bound what it can cost; 'hotlined pause' stops all answers.",
        "It brought 69 contacts.",
        "1 contact in 600 s. The limits bound what it can cost; 'hotlined pause' stops all answers.",
        "It brought 1 contact.",
    ],
    Language.FRENCH: [
        "69 contacts en 600\xa0s. Le coût est plafonné\xa0; 'hotlined pause' arrête toutes les réponses.",
        "En tout\xa0: 69 contacts.",
        "1 contact en 600\xa0s. Le coût est plafonné\xa0; 'hotlined pause' arrête toutes les réponses.",
        "En tout\xa0: 1 contact.",
    ],
    Language.DUTCH: [
        "69 contacten in 600\xa0s. De kosten zijn begrensd; 'hotlined pause' stopt alle antwoorden.",
        "In totaal: 69 contacten.",
        "1 contact in 600\xa0s. De kosten zijn begrensd; 'hotlined pause' stopt alle antwoorden.",
        "In totaal: 1 contact.",
    ],
}
"""The texts of alerts."""


@pytest.mark.parametrize("language", Language)
def test_decisions_are_in_the_language(happened: Database, language: Language) -> None:
    """`show` and the contact's page name who tagged or kept it."""
    with speaking(language):
        found = said(happened)

    assert [line.split(maxsplit=3)[3] for line in found[:3]] == SAID[language][:3]
    assert found[len(found) // 2 :][:3] == SAID[language][3:]


SAID = {
    Language.ENGLISH: [
        *("tag insult by pi", "untag insult by pi", "keep by marie"),
        *("Tagged insult by pi.", "Tag taken off: insult by pi.", "Kept by marie."),
    ],
    Language.FRENCH: [
        *("étiquette insulte par pi", "étiquette enlevée insulte par pi", "gardé par marie"),
        *("Étiquette mise\xa0: insulte par pi.", "Étiquette enlevée\xa0: insulte par pi.", "Gardé par marie."),
    ],
    Language.DUTCH: [
        *("label belediging door pi", "label weg belediging door pi", "bewaard door marie"),
        *("Label gegeven: belediging door pi.", "Label weggenomen: belediging door pi.", "Bewaard door marie."),
    ],
}
"""The first three events of a contact, in `show` and on its page."""


@pytest.mark.parametrize("language", Language)
def test_a_cause_that_contains_by_names_nobody(happened: Database, language: Language) -> None:
    """It is shown as it is, without translation."""
    aside = {
        Language.ENGLISH: "Set aside:",
        Language.FRENCH: "Mis de côté\N{NO-BREAK SPACE}:",
        Language.DUTCH: "Opzijgezet:",
    }
    with happened.transaction():
        for error in ("this cannot be read by hotlined", "no text by that number"):
            events.record(happened, happened.now(), EventKind.SET_ASIDE, contact_id=1, detail={"error": error})
    with speaking(language):
        shown = said(happened)

    assert [line for line in shown if line.endswith("this cannot be read by hotlined")]
    assert f"{aside[language]} no text by that number." in shown


# ---- fields


def decide(line: Filled) -> None:
    """Make every decision that is recorded as an event with a person."""
    db, now = line.db, line.now()
    decisions.tag(db, 1, "insult", "pi", now)
    decisions.untag(db, 1, "insult", "marie", now)
    decisions.keep(db, 1, "marie", now)
    decisions.keep_no_more(db, 1, "luc", now)
    line.judge(line.text("encore", LEA))
    verdicts.cancel(db, 2, "pi", now)
    verdicts.requeue(db, 2, "luc", now)
    decisions.block(db, KEVIN, "pi", now)
    decisions.unblock(db, KEVIN, "pi", now)
    db.connection.execute("UPDATE numbers SET opted_out_at = ? WHERE number = ?", (now.rfc3339, KEVIN))
    decisions.lift_opt_out(db, KEVIN, "pi", now)
    decisions.skip(db, 1, "anna", now)
    decisions.keep_all(db, LEA, "anna", now)
    decisions.pause(db, "by", now)
    decisions.resume(db, "uid 1003", now)
    decisions.top_up(db, "2026-11-24T10:00:00.000Z", "pi", now)


def test_decisions_are_recorded_in_fields(line: Filled) -> None:
    """These have the person, the number or the tag."""
    decide(line)

    assert table(line.db, "kind, contact_id, who, number, word, detail") == [
        ("tag", 1, "pi", None, "insult", None),
        ("untag", 1, "marie", None, "insult", None),
        ("keep", 1, "marie", None, None, None),
        ("unkeep", 1, "luc", None, None, None),
        ("cancel", 2, "pi", None, None, None),
        ("requeue", 2, "luc", None, None, None),
        ("block", None, "pi", "+3247…456", None, None),
        ("unblock", None, "pi", "+3247…456", None, None),
        ("optout_lifted", None, "pi", "+3247…456", None, None),
        ("skip", 1, "anna", None, None, None),
        ("keep", 2, "anna", None, None, None),
        ("evidence", None, "anna", "+3361…678", None, None),
        ("pause", None, "by", None, None, None),
        ("resume", None, "uid 1003", None, None, None),
        ("topup", None, "pi", None, None, '{"topped_up_at": "2026-11-24T10:00:00.000Z"}'),
    ]


def test_conditions_of_the_line_are_recorded_in_fields(line: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood's contacts and seconds, and a balance, have names."""
    monkeypatch.setattr(contacts, "FLOOD_CONTACTS", 2)
    line.text("un")
    now = line.now()
    contacts.watch_flood(line.db, now)
    contacts.watch_flood(line.db, now._replace(limit=now.limit + contacts.FLOOD_SECONDS))
    commit_balance(line.db, "3.20", now, low=True)

    assert table(line.db, "kind, detail") == [
        ("flood_begin", '{"contacts": 2, "seconds": 600}'),
        ("flood_end", '{"contacts": 2}'),
        ("balance_low", '{"balance": "3.20"}'),
    ]


def test_no_event_contains_a_sentence(line: Filled, happened: Database) -> None:
    """Columns have names, numbers, single words, and values by name."""
    decide(line)
    for column in ("kind", "who", "number", "word", "detail"):
        for (text,) in table(happened, column):
            values = json.loads(text) if column == "detail" and text else {column: text}
            assert not [value for value in values.values() if str(value).count(" ") > 2]


def test_programs_read_person_and_facts_from_fields(line: Filled) -> None:
    """`show --json` and `export --json` have the fields."""
    decide(line)
    shown = json.loads(line.run("show", "1", "--json").stdout)["events"]
    held = json.loads(line.run("export", KEVIN, "--json").stdout)["events"]

    assert [shown[0][name] for name in ("kind", "detail", "who", "number", "word")] == [
        *("tag", None, "pi", None, "insult"),
    ]
    assert [(each["kind"], each["who"], each["number"]) for each in held if each["number"]] == [
        ("block", "pi", "+3247…456"),
        ("unblock", "pi", "+3247…456"),
        ("optout_lifted", "pi", "+3247…456"),
    ]


def test_a_forgotten_number_is_in_no_field_of_an_event(line: Filled) -> None:
    """It is not there masked, either; events of others stay."""
    with line.db.transaction():
        for field in ("who", "number", "word"):
            events.record(line.db, line.now(), "of a later version", **{field: KEVIN})
        events.record(line.db, line.now(), "of a later version", detail={"text": f"{KEVIN} {mask(KEVIN)}"})
    decide(line)
    erasing.forget(line.db, KEVIN, "pi", line.now(), opts_out=lambda _: False)

    assert not [row for row in table(line.db, "*") for field in row if KEVIN in str(field) or mask(KEVIN) in str(field)]
    assert table(line.db, "number, who", "kind = 'block'") == [("…", "pi")]
    assert table(line.db, "number, who", "kind = 'evidence'") == [("+3361…678", "anna")]
