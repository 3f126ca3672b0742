"""`alerts.words`: whole words, noted with the text, shown first to people who tag, erased with the text."""

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import store_steps
from desk import served
from filled import KEVIN, LEA, Filled
from hypothesis import given
from hypothesis import strategies as st
from test_desk_pages import at, follow, press
from test_tags import walk

from hotlined.rules import policy, recognition
from hotlined.simulator import pdus
from hotlined.store.answers import contacts, decisions, words_met
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.people import erasing, purging, stored
from hotlined.store.reading import log, review
from hotlined.store.reading.review import Waiting
from hotlined.words.alerts import TEXTS, alert_in_words

WORDS = ("tue", "je sais où tu habites", "🔪", "stop")


# ---- matches


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("Tu es belle", []),
        ("je te TUÉ !", ["tue"]),
        ("je te tue", ["tue"]),
        ("statue, tuerai, s.tue.", ["tue"]),
        ("statue, tuerai", []),
        ("t’inquiète, il s’est tu", []),
        ("JE SAIS...\r\noù; tu (habites)", ["je sais où tu habites"]),
        ("je sais tres bien ou tu habites", []),
        ("je\tsais\u00a0ou\u2028tu-habites!", ["je sais où tu habites"]),
        ("je sais 😡 où tu 😡😡 habites", ["je sais où tu habites"]),
        ("t\u200bu\u00ade", ["tue"]),
        ("𝐓𝐔𝐄", ["tue"]),
        ("ＴＵＥ", ["tue"]),
        ("t̷u̸é", ["tue"]),
        ("viens🔪🔪 ce soir", ["🔪"]),
        ("viens 🔪\ufe0f", ["🔪"]),
        ("couteau", []),
        ("STOP", ["stop"]),
        ("", []),
        ("😀", []),
    ],
)
def test_a_word_matches_whole_words_only(text: str, met: list[str]) -> None:
    """Case and accents do not matter; punctuation and breaks separate words.

    Invisible characters within a word do not separate it.
    """
    assert recognition.words_met(text, WORDS) == met


def test_a_pile_of_accents_takes_no_time() -> None:
    """A million of them is searched in linear time."""
    accents = "\u0301\u0323" * 500_000

    assert recognition.words_met(f"je te tue{accents} {accents}", WORDS) == ["tue"]
    assert recognition.fold(f"tue{accents}") == "tue"
    assert log.without_accents(f"TUÉ {accents}") == "tue "


@given(st.text(st.characters(whitelist_categories=("L", "M"))))
def test_case_and_accents_are_removed_in_any_order(text: str) -> None:
    """The compared text is the same."""
    apart = unicodedata.normalize("NFKD", text)  # a letter of a mathematical style becomes a capital
    decomposed = unicodedata.normalize("NFKD", apart.casefold().replace("œ", "oe"))

    assert recognition.fold(text) == "".join(filter(str.isalnum, decomposed))
    unaccented = (one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    assert log.without_accents(text) == "".join(unaccented)


@given(
    st.lists(st.text("abcéÉùZ0", min_size=1, max_size=5), min_size=1, max_size=4),
    st.lists(st.sampled_from([" ", "\n", "...", " - ", "\u00a0", "!? ", " 😀 ", "\u2028"]), min_size=5, max_size=5),
    st.booleans(),
)
def test_a_phrase_matches_in_any_spelling(words: list[str], between: list[str], upper: bool) -> None:
    """Capitals, and punctuation between or around its words, do not matter."""
    text = between[-1] + "".join(word + gap for word, gap in zip(words, between, strict=False))

    assert recognition.words_met(text.upper() if upper else text, [" ".join(words)])
    assert recognition.words_met("x".join(words) + "x", ["".join(words)]) == []


# ---- noted with the text


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line that looks for words."""
    filled = Filled(tmp_path, alerts={"words": list(WORDS)})
    filled.config.write_text(json.dumps(filled.settings, ensure_ascii=False))  # YAML cannot have half an emoji
    filled.source = filled.source._replace(words_met=lambda text: recognition.words_met(text, WORDS))
    with filled.db:
        yield filled


def noted(line: Filled) -> dict[int, list[str]]:
    """Return the noted words by contact."""
    return {row["contact_id"]: json.loads(row["words"]) for row in line.db.all("SELECT * FROM words_met")}


def test_words_are_noted_for_every_originator(line: Filled) -> None:
    """Blocked, opted-out and alphanumeric ones count, before any verdict."""
    decisions.block(line.db, KEVIN, "anna", line.now())
    blocked, fine = line.text("je te tue"), line.text("Salut")
    opting_out, name = line.text("Stop", sender=LEA), line.text("🔪", sender="info")
    premium = line.text("tué", sender="+3290012345")

    assert noted(line) == {blocked: ["tue"], opting_out: ["stop"], name: ["🔪"], premium: ["tue"]}
    assert line.judge(opting_out).reason is policy.Reason.OPTED_OUT
    assert fine not in noted(line)


def test_words_of_a_long_text_are_found_with_its_late_parts(line: Filled) -> None:
    """A word across two segments is found, even after a verdict.

    The segments may come in any order.
    """
    said = "x " * 150 + "je sais où tu habites " + "y " * 100
    parts = pdus.write_text(KEVIN, said, scts=line.now().utc, reference=9)
    assert len(parts) == 4
    for part in (parts[3], parts[0]):
        line.pdu(part)
    contact = line.newest()
    line.judge(contact)
    assert noted(line) == {}
    line.pdu(parts[2])
    line.pdu(parts[1])

    assert noted(line) == {contact: ["je sais où tu habites"]}
    assert line.newest() == contact


def test_a_word_of_half_a_text_is_removed(line: Filled) -> None:
    """The whole text may not have it; a sent alert stays."""
    said = "x" * 149 + " tue" + "rait personne"  # 153 septets a segment
    for told in (False, True):
        parts = pdus.write_text(KEVIN if told else LEA, said, scts=line.now().utc, reference=9)
        line.pdu(parts[0])
        assert noted(line) == {line.newest(): ["tue"]}
        if told:
            with line.db.transaction():
                words_met.mark_named(line.db)
        line.pdu(parts[1])
        assert noted(line) == ({line.newest(): ["tue"]} if told else {})


def test_a_repeat_causes_no_second_alert(line: Filled) -> None:
    """The network may deliver a text again."""
    [part] = pdus.write_text(KEVIN, "je te tue", scts=line.now().utc, reference=1)
    line.pdu(part)
    with line.db.transaction():
        words_met.mark_named(line.db)
    line.pdu(part)

    assert words_met.maybe_due(line.db, line.now()) is None
    assert line.log()[0]["repeats"] == 1


def test_noted_words_are_erased_with_their_text(line: Filled) -> None:
    """`purge` erases them, and so does `forget`."""
    first, second = line.text("je te tue", sender="+3290012345"), line.text("tue", sender=LEA)
    line.judge(first)
    late = line.now()._replace(limit=line.now().limit + 100 * 86_400)
    assert list(purging.purge(line.db, timedelta(days=90), timedelta(days=365), late))
    assert noted(line) == {second: ["tue"]}

    line.run("forget", LEA, "--yes")
    assert noted(line) == {}


# ---- alerts


def test_many_matches_are_sent_once_an_hour_with_their_count(line: Filled) -> None:
    """The first is sent alone and at once."""
    first = line.text("je te tue")
    due = words_met.maybe_due(line.db, line.now())
    assert due
    assert (due.count, due.first_ids) == (1, (first,))
    now = line.now()
    with line.db.transaction():
        words_met.mark_named(line.db)
        line.db.insert("alerts", condition="words", level=1, at="", at_limit=now.limit, title="", text="")

    segments = [
        pdus.write_text(f"+32470{number:06}", "je te tue", scts=now.utc, reference=1)[0] for number in range(300)
    ]
    store_steps.record(line.db, *segments, now=now, source=line.source)
    assert words_met.maybe_due(line.db, now._replace(limit=now.limit + 3599)) is None
    due = words_met.maybe_due(line.db, now._replace(limit=now.limit + 3600))
    assert due
    assert (due.count, due.first_ids) == (300, tuple(range(first + 1, first + 4)))


def test_erasure_during_a_count_ends_no_program(line: Filled) -> None:
    """A person may erase a text while matches are counted."""
    line.text("Je te tue")
    forgotten: list[stored.StoredCounts | None] = []

    def between(statement: str) -> None:
        if "alerts" in statement and not forgotten:
            now = line.now()
            forgotten.append(erasing.forget(line.db, KEVIN, "pi", now, opts_out=lambda _: False))

    with open_beside_daemon(line.database) as db:
        db.connection.set_trace_callback(between)
        words_met.maybe_due(db, line.now())

    assert forgotten[0]
    assert words_met.maybe_due(line.db, line.now()) is None


def test_an_alert_has_neither_text_nor_number() -> None:
    """Its words contain only IDs, a count and a time."""
    for level in (1, 2, 3):
        filling = {"count": "7", "ids": "1, 2", "id": 1, "since": "24 Nov 22:18"}
        assert all("{" not in part for part in alert_in_words("words", level, filling))
        assert set(re.findall(r"\{(\w+)", str(TEXTS["words", level]))) <= filling.keys()


# ---- shown first to people who tag


def test_matching_texts_come_first_in_the_review(line: Filled) -> None:
    """First contacts count, too; each has a mark."""
    line.text("Salut")
    line.judge(1)
    line.send()
    reaction = line.text("Quoi ?")
    threat = line.text("je te tue", sender=LEA)
    assert [*review.queue(line.db)] == [threat, reaction]
    assert [*review.queue(line.db, every=True)] == [threat, reaction, 1]

    shown = walk(line, "s", "q")
    assert shown.index("alert: tue (such texts come first)") < shown.index("je te tue") < shown.index("Quoi ?")
    assert shown.count("alert: ") == 1
    assert "(alert) je te tue" in line.run("log").stdout
    assert [contact["id"] for contact in line.log("--alert-words")] == [threat]
    assert re.search(r"alert words +tue\n", line.run("show", str(threat)).stdout)
    assert json.loads(line.run("show", str(threat), "--json").stdout)["alert_words"] == ["tue"]


def test_matching_texts_come_first_in_the_inbox(line: Filled) -> None:
    """A kept text stays, and a skipped one returns, without JavaScript."""
    line.text("Salut")
    line.judge(1)
    line.send()
    reaction = line.text("Quoi ?")
    threats = [line.text("je te tue", sender=LEA), line.text("🔪 <b>", sender=LEA)]
    with served(line.config) as browser:
        assert "2 texts have an alert word and want a tag" in browser.get("/").words
        page = browser.get("/inbox")
        assert (at(page), "Alert word: 🔪" in page.words, "call 112" in page.words) == (threats[1], True, True)
        kept = follow(browser, press(browser, page, "/act/keep", 0))
        assert at(kept) == threats[1]
        then = follow(browser, press(browser, kept, "/act/skip", 0))
        assert at(then) == threats[0]
        rest = follow(browser, press(browser, then, "/act/skip", 0))
        assert (at(rest), "Alert word:" in rest.words, "call 112" in rest.words) == (reaction, False, False)
        last = follow(browser, press(browser, rest, "/act/skip", 0))
        assert at(last) == threats[1]
        assert f"Contact {reaction} is skipped: it comes last in the inbox." in last.words
        assert at(browser.get(f"/inbox?here={reaction}")) == reaction
        assert "alert word: 🔪" in browser.get(f"/contact/{threats[1]}").words.replace("Alert", "alert")
        assert "alert word: tue" in browser.get("/log").words
        found = browser.get("/log?alert_words=1").words
        assert ("je te tue" in found, "Quoi ?" in found) == (True, False)
        for threat in threats:
            decisions.tag(line.db, threat, "threat", "anna", line.now())
        assert "alert word" not in browser.get("/").words.partition("Last contacts")[0]


def test_a_line_without_matches_reads_no_contacts(line: Filled) -> None:
    """A thousand contacts take as many steps as none."""
    steps = []

    def ask() -> None:
        steps.append(0)

        def step() -> None:
            steps[-1] += 1

        line.db.connection.set_progress_handler(step, 1)
        assert review.waiting(line.db, ()) == Waiting(0, 0, ())
        assert next(review.queue(line.db), None) is None
        line.db.connection.set_progress_handler(None, 0)

    ask()  # SQLite prepares its statements
    ask()
    with line.db.transaction():
        line.db.connection.executemany(
            "INSERT INTO contacts (line, kind, originator, line_type, text, segments_received, segments_total,"
            " received_at, received_limit) VALUES ('fr', 'text', ?, 'mobile', 'Salut', 1, 1, ?, 0)",
            [(f"+3247{number:07}", f"2026-11-24T10:00:{number % 60:02}.000Z") for number in range(1000)],
        )
    ask()

    assert steps[1] == steps[2], steps


def test_a_word_needs_a_letter_or_digit(line: Filled) -> None:
    """Blanks or dots alone could never match."""
    for word in ("...", "\u200b"):
        line.config.write_text(json.dumps(line.settings | {"alerts": {"words": [word]}}))
        assert line.run("config", "check").exit_code == 78
    assert contacts.Source("fr", "1", None, line.source.identify).words_met("tue") == []
