"""Texts that wait for a person: their order, what is left out, and one count of them everywhere."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from desk import served
from filled import KEVIN, LEA, Filled
from test_tags import walk

from hotlined.alerts import digest
from hotlined.config import Digest, load
from hotlined.reports.overview import report_line
from hotlined.store.people import purging
from hotlined.store.reading.review import Waiting, queue, waiting

DAYS = timedelta(days=1)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with alert words that has answered KEVIN."""
    filled = Filled(tmp_path, alerts={"words": ["tue"], "urls": ["json://localhost"]})
    filled.source = filled.source._replace(words_met=lambda text: ["tue"] if "tue" in text else [])
    with filled.db:
        filled.text("Salut")
        filled.judge(1)
        filled.send()
        yield filled


def erase(line: Filled, *contacts: int) -> None:
    """Erase the texts of contacts as `purge` does to old ones."""
    for contact in contacts:
        line.judge(contact)
        long_ago = line.now().limit - (100 * DAYS).total_seconds()
        line.db.connection.execute("UPDATE contacts SET received_limit = ? WHERE id = ?", (long_ago, contact))
    assert sum(batch.texts for batch in purging.purge(line.db, 90 * DAYS, 365 * DAYS, line.now())) >= len(contacts)


def test_the_newest_comes_first_and_a_skipped_text_last(line: Filled) -> None:
    """Alert words come before all; skipped texts stay last next time."""
    old, middle, new = (line.text(text) for text in ("un", "deux", "trois"))
    threats = [line.text(text, sender=LEA) for text in ("je te tue", "je la tue")]
    assert [*queue(line.db)] == [threats[1], threats[0], new, middle, old]

    walk(line, "s", "t", "s", "q")
    assert [*queue(line.db)] == [middle, old, threats[1], new]
    walk(line, "s", "q")
    assert [*queue(line.db)] == [old, threats[1], new, middle]
    assert [*queue(line.db, every=True)] == [old, 1, threats[1], new, middle]
    newest = line.text("quatre")
    assert next(queue(line.db)) == newest
    walk(line, "s", "s", "s", "q")  # the newest, `old`, and the threat again
    assert [*queue(line.db)] == [new, middle, newest, old, threats[1]]


def test_a_text_erased_unread_does_not_wait(line: Filled) -> None:
    """The figures count it apart from untagged texts."""
    gone, read, left = line.text("un"), line.text("deux"), line.text("trois")
    line.run("tag", str(read), "insult")
    erase(line, gone, read)

    assert [*queue(line.db)] == [left]
    assert [*queue(line.db, every=True)] == [left, 1]
    assert waiting(line.db, ()) == Waiting(0, 1, ())
    told = json.loads(line.run("stats", "--json", "--since", "2026-11-24", "--until", "2026-11-24").stdout)
    assert {name: told["total"][name] for name in ("reactions", "untagged", "unread")} == {
        "reactions": 3,
        "untagged": 1,
        "unread": 1,
    }
    assert [each for each in told["words"] if "reaction" in each] == [
        "Of 3 reactions to the answer 1 has been read and tagged: 1 insult.",
        "1 reaction was erased before anybody tagged it.",
    ]
    sheet = line.run("stats", "--since", "2026-11-24", "--until", "2026-11-24").stdout
    assert re.search(r"not tagged +1\n +erased unread +1\n", sheet)


def test_all_counts_of_waiting_texts_agree(line: Filled) -> None:
    """`status`, JSON, review, desk and digest have the same number."""
    texts = [line.text(text) for text in ("un", "deux", "trois", "je te tue")]
    line.text("tue", sender=LEA)
    line.text("first contact", sender=LEA)
    erase(line, texts[0])

    status = json.loads(line.run("status", "--json").stdout)
    assert status["waiting"] == {"alert_words": 2, "reactions": 2, "told": 0}
    words = "2 texts with an alert word, 2 reactions: `hotlined --config"
    assert words in " ".join(line.run("status").stdout.split())
    assert walk(line, "q").startswith("4 left: contact ")
    skipped = walk(line, "s", "q")
    assert skipped.count("4 left: contact ") == 2
    assert skipped.endswith("0 reactions tagged, 4 left.\n")
    with served(line.config) as browser:
        now = browser.get("/").words
        assert "2 texts have an alert word and want a tag " in now
        assert " 2 reactions want a tag " in now
        assert "Inbox 4 texts" in browser.get("/inbox").words
    config, now = load(line.config), line.db.now()
    edition = digest.newest(Digest.DAILY, now.utc)
    draft = digest.compose(line.db, config, report_line(config), Digest.DAILY, edition, now)
    assert "2 texts have a word of alerts.words" in draft.text
    assert "2 reactions want a tag" in draft.text


def test_a_line_without_waiting_texts_names_no_review(line: Filled) -> None:
    """`status` does not mention `review` then."""
    assert "hotlined review" not in line.run("status").stdout
    assert json.loads(line.run("status", "--json").stdout)["waiting"] == {"alert_words": 0, "reactions": 0, "told": 0}


def test_a_skip_is_shown_at_the_contact(line: Filled) -> None:
    """It has its person; a skip of an unknown contact is refused."""
    reaction = line.text("un", sender=KEVIN)
    walk(line, "s")

    events = json.loads(line.run("show", str(reaction), "--json").stdout)["events"]
    assert [event["kind"] for event in events] == ["skip"]
    with served(line.config) as browser:
        assert "Skipped by " in browser.get(f"/contact/{reaction}").words
        assert "There is no contact 99." in browser.act("/act/skip?contact_id=99").words
