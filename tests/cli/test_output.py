"""The output of commands with --json conforms to docs/output.schema.json, in every state of the line."""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schema
from conftest import Line, wait_until
from filled import ANSWER, ANSWER_KEYS, KEVIN, LEA, LOG_KEYS, Filled

from hotlined.cli import COMMANDS, main
from hotlined.simulator import pdus
from hotlined.states import AnswerState, SegmentState
from hotlined.store.answers import decisions

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/output.schema.json").read_text("utf-8"))
TABLE = dict(
    re.findall(r"^\| `([^`]+) --json` \| `(\w+)` \|$", (ROOT / "docs/json.md").read_text("utf-8"), re.MULTILINE)
)


def _closed(schema: Any) -> Any:
    """Return a schema that refuses further properties: unpromised output is an error in these tests."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    is_object = "properties" in closed and isinstance(closed.get("required"), list)
    return closed | ({"additionalProperties": False} if is_object else {})


CLOSED = _closed(copy.deepcopy(SCHEMA))


@cache
def definition(name: str) -> jsonschema.Draft7Validator:
    """Return a validator of a definition."""
    return jsonschema.Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": CLOSED["definitions"]})


def judge(name: str, document: Any) -> None:
    """Validate an object: every key is there, of the right kind, and no other key."""
    wrong = jsonschema.exceptions.best_match(definition(name).iter_errors(document))
    assert wrong is None, f"{name}{wrong.json_path.removeprefix('$')}: {wrong.message[:300]}"


def printed(line: Filled, *arguments: str) -> list[Any]:
    """Return the objects that a command prints."""
    result = line.run(*arguments, "--json")
    assert result.stdout or not result.output, result.output
    assert result.stdout.isascii()
    return [json.loads(each) for each in result.stdout.splitlines()]


PEOPLE = (("show_number", "show"), ("export", "export"))
"""Commands that print about a number, by their definitions."""


def judge_all(line: Filled) -> set[str]:
    """Validate all output about a line; return the definitions that it used."""
    numbers = [row["number"] for row in printed(line, "numbers") if row["number"]]
    contacts = [str(contact["id"]) for contact in printed(line, "log", "-n", "0")]
    asked = [
        ("log", ("log", "-n", "0")),
        ("log_by_hand", ("log", "--by-hand")),
        *(("show", ("show", contact)) for contact in contacts),
        ("numbers", ("numbers",)),
        *((name, (word, number)) for name, word in PEOPLE for number in numbers if number.startswith("+")),
        ("stats", ("stats",)),
        ("limits", ("limits",)),
        ("status", ("status",)),
        ("text_check", ("text", "check")),
        ("text_check", ("text", "check", "œuf ★ “où”")),
    ]
    met = set()
    for name, arguments in asked:
        for document in printed(line, *arguments):
            judge(name, document)
            met.add(name)
    return met


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Give a line whose database is empty."""
    made = Filled(tmp_path)
    yield made
    made.db.close()


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give a line that was filled."""
    made = Filled(tmp_path_factory.mktemp("answered"))
    with made.db:
        fill(made)
        yield made


def fill(line: Filled) -> None:
    """Receive every kind of contact, with and without verdict, answer, tags, decisions, and a text by hand."""
    line.judge(line.text())
    line.send()
    line.text("T'es qui ?\x00 ﷽")
    line.pdu("00FF")
    line.pdu(*pdus.write_mms("+32470123456", "Photo", scts=line.now().utc, reference=7))
    line.judge(line.call())
    line.send((9, None))
    line.judge(line.text("stop", sender="+32499000111"), delay=3_600.0)
    line.pdu(*pdus.write_status_report(7, KEVIN, line.now().utc, line.now().utc, 0).split())
    line.run("tag", "2", "threat", "insult")
    line.run("keep", "2")
    line.run("block", LEA)


def test_the_schema_covers_every_command() -> None:
    """Exactly the documented commands with --json have definitions.

    The schema is valid draft 7.
    """
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    context = main.make_context("hotlined", ["help"])
    with_json = set()
    for name in (name for names in COMMANDS.values() for name in names):
        command: Any = main.get_command(context, name)
        inner = {f"{name} {each}": one for each, one in getattr(command, "commands", {}).items()} or {name: command}
        with_json |= {typed for typed, one in inner.items() if any("--json" in each.opts for each in one.params)}

    assert {re.sub(r" [A-Z]+| h12| --by-hand", "", typed) for typed in TABLE} == with_json
    assert set(TABLE.values()) <= SCHEMA["definitions"].keys()


def test_the_schema_is_made_of_the_types() -> None:
    """`scripts/run schema` makes it; the log's keys follow its columns."""
    definitions = SCHEMA["definitions"]

    assert schema.FILE.read_text("utf-8") == schema.made()
    assert set(schema.DOCUMENTS) == set(TABLE.values())
    assert (list(definitions["log"]["properties"]), list(definitions["previewed_answer"]["properties"])) == (
        LOG_KEYS,
        ANSWER_KEYS,
    )


def test_an_empty_line_conforms(filled: Filled) -> None:
    """The output of a line without contacts conforms."""
    assert judge_all(filled) == {"stats", "limits", "status", "text_check"}


def test_a_filled_line_conforms(filled: Filled) -> None:
    """Every kind of contact, decision and answer conforms, paused and not."""
    fill(filled)
    met = judge_all(filled)
    decisions.pause(filled.db, "somebody", filled.now())
    judge_all(filled)

    assert met >= {"log", "show", "numbers", "show_number", "export", "stats", "limits", "status"}


def test_a_line_with_variants_conforms(tmp_path: Path) -> None:
    """Answers, effects and the checked text each name their wording."""
    line = Filled(tmp_path, answer={"texts": [[ANSWER, "Nee."], "Non."], "by_country": {"NL": "Nee."}})
    fill(line)
    judge_all(line)
    assert printed(line, "show", "1")[0]["answer"]["wording"] == {"answer": 1, "variant": 1, "country": None}
    (figures,) = printed(line, "stats", "--since", "2026-11-24", "--until", "2026-11-25")
    assert [sent["text"] for sent in figures["total"]["by_text"]] == [ANSWER]
    line.db.close()


@pytest.mark.parametrize("state", AnswerState)
def test_an_answer_in_any_state_conforms(answered: Filled, state: AnswerState) -> None:
    """Each state is tried with each state of its segments."""
    was = answered.db.the("SELECT state FROM answer_segments WHERE id = 1")["state"]
    answered.db.connection.execute("UPDATE answers SET state = ?, reason = 'person' WHERE contact_id = 1", (state,))
    judge_all(answered)
    for segment in (*SegmentState, was):
        answered.db.connection.execute("UPDATE answer_segments SET state = ? WHERE id = 1", (segment,))
        (contact,) = printed(answered, "show", "1")
        judge("show", contact)


def test_erased_contacts_conform(filled: Filled) -> None:
    """A purge makes erased texts and pseudonyms."""
    fill(filled)
    long_ago = "2020-01-01T00:00:00.000Z"
    filled.db.connection.execute("UPDATE contacts SET received_at = ?, kept_at = NULL", (long_ago,))
    filled.db.connection.execute("UPDATE answers SET queued_at = ? WHERE state <> 'queued'", (long_ago,))
    filled.db.connection.execute("UPDATE segments SET received_at = ?", (long_ago,))
    result = filled.run("purge")
    assert result.exit_code == 0, result.output
    assert judge_all(filled) >= {"log", "show", "numbers"}


def test_a_missing_database_conforms(filled: Filled) -> None:
    """Its figures are null."""
    filled.db.close()
    filled.database.unlink()
    (document,) = printed(filled, "status")
    judge("status", document)
    assert document["queue"] is None


def test_a_running_daemon_conforms(line: Line) -> None:
    """It has a modem and a text by hand.

    Doctor is tried, too.
    """
    line.start()
    line.wait_state("ready")
    line.cli("send", KEVIN, "Bonjour")
    for name, arguments in (
        ("status", ("status",)),
        ("log_by_hand", ("log", "--by-hand")),
        ("doctor", ("doctor",)),
        ("show_number", ("show", KEVIN)),
        ("show_by_hand", ("show", "h1")),
        ("export", ("export", KEVIN)),
    ):
        done = line.run(*arguments, "--json")
        rows = done.stdout.splitlines()
        assert rows, (arguments, done.stderr)
        for row in rows:
            judge(name, json.loads(row))


def test_unpromised_output_is_found() -> None:
    """These tests refuse a further key, and a missing one."""
    good = {"check": "port", "verdict": "ok", "seen": "x", "cure": ""}
    judge("doctor", good)
    for wrong in (good | {"more": 1}, {"check": "port"}, good | {"verdict": "fine"}, good | {"seen": None}):
        with pytest.raises(AssertionError):
            judge("doctor", wrong)


def test_the_example_runs_a_command_for_each_threat(filled: Filled, tmp_path: Path) -> None:
    """The command gets neither number nor text."""
    (tmp_path / "bin").mkdir()
    hotlined = tmp_path / "bin/hotlined"
    hotlined.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hotlined --config {filled.config} "$@"\n')
    hotlined.chmod(0o755)
    mails = tmp_path / "mails"
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    contact = filled.text("Je sais où tu habites")
    program = subprocess.Popen(
        [sys.executable, str(ROOT / "docs/examples/on_threat.py"), "sh", "-c", f"cat >> {mails}"],
        env=os.environ | {"PATH": path},
        start_new_session=True,
    )
    try:
        filled.run("tag", str(contact), "threat")
        wait_until(mails.exists)
        filled.run("tag", str(contact), "insult")
        second = filled.text("encore")
        filled.run("tag", str(second), "threat")
        wait_until(lambda: mails.read_text().count("\n") == 2)
    finally:
        os.killpg(program.pid, 15)
        program.wait()

    assert mails.read_text() == "".join(
        f"Contact {each} of line fr is a threat: hotlined show {each}\n" for each in (contact, second)
    )
