"""`hotlined evidence`: a ZIP that can be verified and reads well."""

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from chromium import chromium
from filled import ANSWER, KEVIN, LEA, Filled, unpack
from gsmmodem.pdu import decodeSmsPdu
from needs import needs_browser
from persons import user_name

from hotlined.evidence.words import SHEET
from hotlined.language import Language
from hotlined.simulator import pdus
from hotlined.store.answers import decisions
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.people import erasing, purging, stored, stored_evidence

THREAT = "Je sais où tu habites.\nRéponds ou je te tue 🔪"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line without contacts."""
    filled = Filled(tmp_path, line_number="+32460209399")
    with filled.db:
        yield filled


@pytest.fixture
def threatened(line: Filled) -> Filled:
    """Give a line that a number texted, was answered, threatened, texted at length in six segments, and called."""
    line.text("Salut")
    line.judge(1)
    line.send()
    line.judge(line.text(THREAT))
    line.pdu(*pdus.write_text(KEVIN, "tuer " * 180, scts=line.now().utc, reference=77))
    line.judge(line.newest())
    line.text("Bonjour", sender=LEA)
    line.call(KEVIN)
    decisions.tag(line.db, 2, "threat", "anna", line.now())
    for each in (1, 3, 5):  # an admin lets the others go
        decisions.keep_no_more(line.db, each, "anna", line.now())
    return line


class Page(HTMLParser):
    """The page, parsed: its tags, quotes, raw data and words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.quotes: list[str] = []
        self.codes: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag; one that begins a quote or raw data begins a new collection."""
        del attrs
        self.tags.append(tag)
        self._open.append(tag)
        if tag == "blockquote":
            self.quotes.append("")
        if tag == "code":
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave a tag, and those inside it that have no end."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Gather words."""
        if "style" in self._open:
            return
        self.words += data
        if "blockquote" in self._open:
            self.quotes[-1] += data
        if "code" in self._open:
            self.codes[-1] += data


def as_received(text: str) -> str:
    """Return a text with its surrogate pairs joined."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def taken(line: Filled, number: str = KEVIN, folder: str = "threat") -> Path:
    """Take the evidence of a number, and return the folder with its unpacked ZIP."""
    path = line.folder / folder
    line.evidence(number, path)
    return path


# ---- verification


def test_list_page_and_command_have_the_right_checksums(threatened: Filled) -> None:
    """The list has every file; the command prints the list's sum.

    The page has the sums of the data files.
    """
    path = threatened.folder / "threat"
    done = threatened.evidence("0470/12.34.56", path)
    sums = {
        name: each for each, name in (row.split("  ") for row in (path / "SHA256SUMS.txt").read_text().splitlines())
    }
    page = (path / "evidence.html").read_text()

    assert {*sums, "SHA256SUMS.txt"} == {each.name for each in path.iterdir()}
    for name, each in sums.items():
        assert hashlib.sha256((path / name).read_bytes()).hexdigest() == each
        assert (each in page) == (name != "evidence.html")
    assert hashlib.sha256((path / "SHA256SUMS.txt").read_bytes()).hexdigest() in done.stderr
    assert subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS.txt"], cwd=path, check=False).returncode == 0


def test_independent_decoder_reads_the_same_from_the_raw_data(threatened: Filled) -> None:
    """Number, time, service centre and text agree with the page."""
    path = taken(threatened)
    page = Page((path / "evidence.html").read_text())
    raw = [decodeSmsPdu(code) for code in page.codes if re.fullmatch("[0-9A-F]{30,}", code)]
    with (path / "segments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(raw) == len(rows) == 8
    assert page.quotes == ["Salut", THREAT, "tuer " * 180]
    # that decoder leaves an emoji as two halves
    assert [as_received(each["text"]) for each in raw[:2]] == page.quotes[:2]
    assert "".join(part["text"] for part in raw[2:]) == page.quotes[2]
    assert {part["number"] for part in raw} == {KEVIN}
    assert {part["smsc"] for part in raw} == {row["service_centre"].removeprefix("'") for row in rows}
    assert [part["time"] for part in raw] == [datetime.fromisoformat(row["scts"]) for row in rows]
    for part in raw:
        assert part["time"].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") in page.words


def test_times_are_local_and_utc_and_the_centres_keeps_its_offset(line: Filled, tmp_path: Path) -> None:
    """They are right in summer and in winter."""
    for month in (1, 7):
        scts = datetime(2026, month, 3, 22, 30, tzinfo=UTC) + timedelta(hours=1)
        line.pdu(*pdus.write_text(KEVIN, f"{month}", scts=scts, reference=1))
        at = f"2026-0{month}-03T22:30:05.123Z"
        line.db.connection.execute("UPDATE contacts SET received_at = ? WHERE id = ?", (at, line.newest()))
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "evidence", KEVIN]
    done = subprocess.run(command, env=os.environ | {"TZ": "Europe/Brussels"}, check=True, capture_output=True)
    unpack(done.stdout, tmp_path / "x")
    words = Page((tmp_path / "x/evidence.html").read_text()).words

    assert "3 Jan 2026 23:30:05 (CET, UTC+01:00)2026-01-03 22:30:05 UTC" in words
    assert "4 Jul 2026 00:30:05 (CEST, UTC+02:00)2026-07-03 22:30:05 UTC" in words
    assert re.search(r"2026-07-03 23:30:00\+00:00 = 2026-07-03 23:30:00 UTC", words)


def test_page_has_answers_tags_and_explanations(threatened: Filled) -> None:
    """It has the call, too, and no contacts of other numbers."""
    words = Page((taken(threatened) / "evidence.html").read_text()).words
    data = json.loads((threatened.folder / "threat/evidence.json").read_text())

    assert ANSWER.strip() in words
    assert re.search("taken by the network .* reference 7", words)
    assert [contact["kind"] for contact in data["contacts"]] == ["text", "text", "text", "call"]
    for said in ("Contact 5: Call", "#threat", "+32460209399", "SCTS, 3GPP TS 23.040", "IMSI 206012345678901"):
        assert said in words
    assert "Bonjour" not in words
    assert LEA not in words
    assert data["number"] == KEVIN
    assert data["contacts"][1]["text"] == THREAT


@pytest.mark.parametrize("language", [Language.FRENCH, Language.DUTCH])
def test_page_is_in_the_language_of_the_line(threatened: Filled, language: Language) -> None:
    """No English label is left, and the data files stay the same."""
    english = Page((taken(threatened, folder="english") / "evidence.html").read_text())
    threatened.config.write_text(json.dumps(threatened.settings | {"language": language}))
    path = taken(threatened)
    html = (path / "evidence.html").read_text()
    page = Page(html)
    same = {"SHA-256", "Contact"}

    assert f'<html lang="{language}">' in html
    assert page.tags == english.tags
    assert {Language.FRENCH: "#menace", Language.DUTCH: "#bedreiging"}[language] in html
    assert page.quotes == english.quotes
    for term, words in SHEET:
        assert term in same or f"<dt>{term}</dt>" not in html
        assert words not in page.words
    assert not re.search("synchronised|taken by|Kept|Received|Answer|stored", page.words)
    for name in ("contacts.csv", "segments.csv"):
        assert (path / name).read_bytes() == (threatened.folder / "english" / name).read_bytes()


# ---- kept contacts


def test_contacts_are_kept_before_they_are_read(threatened: Filled) -> None:
    """No purge can come between; who tagged the threat stays named.

    The evidence is an event.
    """
    taken(threatened)
    kept = threatened.db.all("SELECT id, kept_by FROM contacts WHERE kept_at IS NOT NULL ORDER BY id")
    events = threatened.db.all("SELECT kind, number, who, contact_id FROM events WHERE kind IN ('keep', 'evidence')")
    me = user_name(os.getuid())

    assert [tuple(row) for row in kept] == [(1, me), (2, "anna"), (3, me), (5, me)]
    assert ("evidence", "+3247…456", me, None) in map(tuple, events)
    assert [row["contact_id"] for row in events if row["kind"] == "keep" and row["who"] == me] == [1, 3, 5]


def test_evidence_is_read_at_one_moment(threatened: Filled) -> None:
    """The number is forgotten meanwhile, and all its contacts are there, whole."""
    decisions.keep_all(threatened.db, KEVIN, "anna", threatened.now())
    before = stored_evidence.of_number(threatened.db, KEVIN)
    forgotten: list[stored.StoredCounts | None] = []

    def between(statement: str) -> None:
        if "answer_segments" in statement and not forgotten:
            now = threatened.now()
            forgotten.append(erasing.forget(threatened.db, KEVIN, "pi", now, opts_out=lambda _: False))

    with open_beside_daemon(threatened.database) as db:
        db.connection.set_trace_callback(between)
        read = stored_evidence.of_number(db, KEVIN)

    assert forgotten[0]
    assert read == before
    assert stored_evidence.of_number(threatened.db, KEVIN).contacts == ()


def test_number_erased_before_it_is_read_makes_no_zip(threatened: Filled) -> None:
    """The erasure comes a moment after its contacts were kept."""
    threatened.db.connection.execute(
        "CREATE TRIGGER forgets AFTER INSERT ON events WHEN NEW.kind = 'evidence' BEGIN DELETE FROM contacts; END"
    )
    done = threatened.run("evidence", KEVIN)

    assert (done.exit_code, done.stdout_bytes) == (1, b"")
    assert "Nothing is stored about" in done.stderr


@pytest.mark.parametrize("number", ["+33699999999", "nobody", "withheld", "masqué"])
def test_number_without_contacts_makes_no_zip(threatened: Filled, number: str) -> None:
    """No other contact is kept, and a sentence names the reason."""
    done = threatened.run("evidence", number)

    assert done.exit_code in (1, 2)
    assert done.stdout_bytes == b""
    wanted = "Nobody can tell who withholds" if number in {"withheld", "masqué"} else "Nothing is stored about"
    assert wanted in done.output
    assert [contact["id"] for contact in threatened.log("--kept")] == [2]


def test_page_explains_missing_data(line: Filled) -> None:
    """Erased and incomplete texts and pseudonyms have a sentence each.

    So have names in the place of numbers, and a clock that was wrong.
    """
    line.text("Salut", sender="info")
    assert "Whoever sends a text by such a service chooses the name" in page_of(line, "info")

    half = pdus.write_text(KEVIN, "tuer " * 60, scts=line.now().utc, reference=7)
    line.pdu(half[1])
    assert "Contacts 2: segments of a longer text never came" in page_of(line, KEVIN)
    assert "Contacts 2: the clock of the machine was not synchronised" in page_of(line, KEVIN)

    line.judge(line.text("Salut", sender="+3290012345"))
    now = line.now()
    assert list(purging.purge(line.db, timedelta(0), timedelta(0), now))
    alias = line.log("-n", "1")[0]["originator"]
    assert alias.startswith("~")
    said = page_of(line, alias)
    assert f"{alias} is a pseudonym" in said
    assert "Contacts 3: the text is not stored any more" in said
    assert "Contacts 3: raw data is not stored any more" in said
    assert "not stored any more" in page_of(line, "+3290012345")


def page_of(line: Filled, number: str) -> str:
    """Return the words of a new page about a number."""
    return Page((taken(line, number, f"of{len(list(line.folder.iterdir()))}") / "evidence.html").read_text()).words


def test_evidence_takes_the_id_of_a_contact(threatened: Filled) -> None:
    """An ID means the number of its contact, and an unknown ID is said to be none."""
    assert KEVIN in page_of(threatened, "2")
    unknown = threatened.run("evidence", "999")
    assert (unknown.exit_code, "There is no contact 999." in unknown.stderr) == (1, True)


def test_evidence_refuses_to_write_to_a_terminal(threatened: Filled, capfd: pytest.CaptureFixture[str]) -> None:
    """The error says which command to type, and no other contact is kept."""
    assert threatened.on_a_terminal(200, "evidence", "0470 12 34 56") == []
    assert "evidence '0470 12 34 56' > threat.zip`" in capfd.readouterr().err
    assert [contact["id"] for contact in threatened.log("--kept")] == [2]


# ---- layout


@needs_browser
def test_page_prints_as_pdf_and_fits_a_phone(threatened: Filled) -> None:
    """A text of 1,600 letters without a blank is wrapped."""
    threatened.pdu(*pdus.write_text(KEVIN, "X" * 1600, scts=threatened.now().utc, reference=9))
    decisions.block(threatened.db, KEVIN, "anna", threatened.now())
    page_path = taken(threatened) / "evidence.html"
    with chromium() as browser:
        said: list[str] = []
        page = browser.new_page(viewport={"width": 320, "height": 640})
        page.on("console", lambda message: said.append(message.text))
        page.goto(page_path.as_uri())
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320
        assert page.evaluate("getComputedStyle(document.querySelector('.personal')).borderTopWidth") == "2px"
        printed = page.pdf(prefer_css_page_size=True)
        assert said == []
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 3
