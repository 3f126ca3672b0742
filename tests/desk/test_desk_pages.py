"""The desk's pages: each shows what the command shows, and each act is the command's decision."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from conftest import Open, wait_until
from desk import Answer, Browser, Connection, Desk, served
from filled import KEVIN, LEA, Filled, unpack
from flask import Flask, Request
from persons import user_name

from hotlined.config import Role, load
from hotlined.desk.app import NEEDS, PAGES, make
from hotlined.desk.band import Mood
from hotlined.desk.pages.acts import ACTS
from hotlined.desk.serving import AUTHENTICATOR
from hotlined.desk.visit import Looks
from hotlined.desk.who import Visitor
from hotlined.gsm.address import mask
from hotlined.states import ModemState
from hotlined.store.answers import decisions, words_met
from hotlined.store.line.line_row import SelfTest, commit_selftest
from hotlined.store.reading import review
from hotlined.words.tags import TAG_KEYS
from hotlined.words.times import moment

TROLL, CALLER, DAVE, MANY = "+32485556677", "+32477998877", "+32479001122", 120


def fill(line: Filled) -> None:
    """Fill a line: Kevin is answered and reacts, Léa's answer waits, the troll is blocked, two call, Dave's is lost."""
    line.judge(line.text("Salut beauté 😍"))
    line.send()
    line.judge(line.text("ok désolé"))
    line.judge(line.text("Je sais où tu habites"))
    line.judge(line.text("Coucou, tu dors ?", sender=LEA), delay=3600)
    for number in range(3):
        line.judge(line.text(f"réponds {number}\nou pas", sender=TROLL), delay=3600)
    line.judge(line.call(CALLER), delay=3600)
    line.db.connection.execute("UPDATE contacts SET originator = NULL WHERE id = ?", (line.call("+32477998878"),))
    line.judge(line.text("Hello", sender=DAVE))
    line.send((9, None))
    decisions.block(line.db, TROLL, "somebody", line.now())
    decisions.tag(line.db, 2, "apology", "anna", line.now())
    assert line.run("keep", "3").exit_code == 0


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give a line for tests that change nothing."""
    filled = Filled(tmp_path_factory.mktemp("line"))
    with filled.db:
        fill(filled)
        yield filled


@pytest.fixture(scope="module")
def browser(line: Filled) -> Iterator[Browser]:
    """Give a browser at its desk, whose journal must stay empty of errors."""
    with Desk(line.config) as desk:
        yield desk.browser()
        desk.end()
        assert "Traceback" not in desk.journal


@pytest.fixture
def busy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[tuple[Filled, Browser]]:
    """Give a line for tests that decide something, and a browser at its desk."""
    filled = Filled(tmp_path)
    with filled.db, served(filled.config) as browser:
        fill(filled)
        yield filled, browser
    assert not [each for each in caplog.get_records("call") if each.exc_info]


def shown(page: Answer) -> list[int]:
    """Return the contacts that a page lists, in its order."""
    return [int(each) for each in re.findall(r'<a class="whole" href="/contact/(\d+)#', page.body)]


def plain(text: str) -> str:
    """Join the lines and blanks of a command's output, to compare it with a page's words."""
    return " ".join(text.split())


# ---- the overview


def test_the_overview_shows_the_latest_contacts_and_waiting_answers(browser: Browser) -> None:
    """It also has the last contact's time, and the month's spending."""
    page = browser.get("/")

    assert "The line does not answer. Its program is not running. Call the person who runs this line." in page.words
    assert re.search(r"No contact today; the last came on 24 Nov .*2 answers wait\.", page.words)
    assert "Of the month's budget 4 of 3,000 segments are spent." in page.words
    assert shown(page) == [10, 9, 8, 7, 6]


def test_the_overview_counts_untagged_reactions(busy: tuple[Filled, Browser]) -> None:
    """It shows the inbox's number, and nothing once all have tags."""
    line, browser = busy
    assert "1 reaction wants a tag" in browser.get("/").words
    (contact,) = review.queue(line.db)

    decisions.untag(line.db, 2, "apology", "anna", line.now())
    assert re.search('<a class="button" href="/inbox">.*2 reactions want a tag</a>', browser.get("/").body)

    for each in (2, contact):
        decisions.tag(line.db, each, "insult", "anna", line.now())
    assert "a tag" not in browser.get("/").words


def test_a_lost_selftest_is_shown_with_its_cure(tmp_path: Path) -> None:
    """The overview has it among the troubles."""
    line = Filled(tmp_path, line_number="+32460209399")
    with line.db, served(line.config) as browser:
        fill(line)
        assert "texted itself" not in browser.get("/").words
        at = line.now().rfc3339
        commit_selftest(line.db, SelfTest("+32460209399", at=at, left_limit=0.0, tries=1, lost_at=at, back_at=at))
        words = browser.get("/").words

    assert "What is wrong" in words
    assert re.search(
        r"The line texted itself at .*, and that did not come back.* hotlined selftest tries it once", words
    )


def test_one_button_pauses_the_line(open_line: Open) -> None:
    """The pause asks first; resuming works alike, with a real daemon."""
    line = open_line(sim_size=10, me_size=0)
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=KEVIN, text="Salut")
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE state = 'sent'"), "an answer")
    line.cli("send", LEA, "Tout va bien.")
    with Desk(line.config) as desk:
        browser = desk.browser()
        assert re.search("The line answers. .* 1 contact today, the last just now.", browser.get("/").words)
        assert re.search(
            rf"Tout va bien\. .* {LEA.replace('+', '.')}, today .* {user_name(0)} \(send\) · sent",
            browser.get("/by-hand").words,
        )
        asked = browser.get("/act/pause")
        assert "Send nothing until somebody resumes?" in asked.words
        assert "The line answers." in browser.get("/").words
        done = browser.act("/act/pause")
        assert "Paused: nothing is sent until somebody resumes." in done.words
        paused = browser.get("/").words
        assert f"{user_name(0)} has paused the line. Since today " in paused
        assert f"Paused by {user_name(0)}: nothing is sent." in paused
        assert "Answers go out again." in browser.act("/act/resume").words
        assert "The line answers." in browser.get("/").words


# ---- the log

FILTERS: Mapping[str, tuple[dict[str, Any], list[str]]] = {
    "everything": ({}, []),
    "since": ({"since": "2026-11-24T22:05Z"}, ["--since", "2026-11-24T22:05Z"]),
    "until": ({"until": "2026-11-24T22:05Z"}, ["--until", "2026-11-24T22:05Z"]),
    "a day": ({"since": "2026-11-24", "until": "2026-11-24"}, ["--since", "2026-11-24", "--until", "2026-11-24"]),
    "number": ({"number": "0470/12 34 56"}, ["--number", "0470/12 34 56"]),
    "withheld": ({"number": "withheld"}, ["--number", "withheld"]),
    "kind": ({"kinds": "call"}, ["--kind", "call"]),
    "two kinds": ({"kinds": ["call", "text"]}, ["--kind", "call", "--kind", "text"]),
    "verdict": ({"verdicts": "suppress"}, ["--verdict", "suppress"]),
    "reason": ({"reasons": ["pending", "cooldown"]}, ["--reason", "pending", "--reason", "cooldown"]),
    "state": ({"states": "queued"}, ["--state", "queued"]),
    "tag": ({"tag": "Apology"}, ["--tag", "Apology"]),
    "kept": ({"kept": "1"}, ["--kept"]),
    "alert words": ({"alert_words": "1"}, ["--alert-words"]),
    "search": ({"search": "HABITES"}, ["--search", "HABITES"]),
    "several": ({"search": "réponds", "states": "cancelled"}, ["--search", "réponds", "--state", "cancelled"]),
    "nothing": ({"tag": "other"}, ["--tag", "other"]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_the_log_has_every_filter_of_the_command(line: Filled, browser: Browser, name: str) -> None:
    """Each filter finds what the command finds, the newest first."""
    query, options = FILTERS[name]
    page = browser.get(f"/log?{urlencode(query, doseq=True)}")

    assert page.status == 200
    assert shown(page) == [contact["id"] for contact in line.log(*options)][::-1]
    assert ("No contact fits." in page.words) == (name in {"nothing", "alert words"})
    assert ("Only contacts that fit the filter are shown." in page.words) == bool(query)


def test_every_filter_of_the_command_is_tried(line: Filled) -> None:
    """The filters tried above are those of `log`."""
    listed = set(re.findall(r"--[a-z-]+", line.run("log", "--help").output))
    others = {"--follow", "--by-hand", "--json", "--csv", "--help"}

    assert listed - others == {option for _, options in FILTERS.values() for option in options if option[:2] == "--"}


def test_the_form_keeps_its_values(browser: Browser) -> None:
    """The form shows the filters in use, to be changed."""
    page = browser.get("/log?search=%22%3Cb%3E&states=queued&kept=1&number=0470").body

    assert 'name="search" value="&#34;&lt;b&gt;"' in page
    assert 'name="states" value="queued" checked' in page
    assert 'name="kept" value="1" checked' in page
    assert page.count(" checked") == 2


LOOKED_THROUGH = ["search=salut", "kinds=mms", "verdicts=suppress", "reasons=not_answerable", "number=PROXIMUS"]
"""Filters without an index."""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, Browser]]:
    """Give a line with two contacts whose IDs are a hundred thousand apart, and a browser at its desk."""
    filled = Filled(tmp_path_factory.mktemp("long"))
    with filled.db, served(filled.config) as browser:
        first = filled.text("salut, le premier", sender="Proximus")
        filled.db.connection.execute("UPDATE contacts SET received_at = '2026-01-02T12:00:00.000Z', kind = 'mms'")
        filled.db.connection.execute("UPDATE sqlite_sequence SET seq = 150000 WHERE name = 'contacts'")
        filled.judge(first)
        decisions.tag(filled.db, first, "threat", "anna", filled.now())
        assert filled.run("keep", str(first)).exit_code == 0
        yield first, filled.text("bonjour"), browser


@pytest.mark.parametrize("query", LOOKED_THROUGH)
def test_contacts_are_searched_from_the_newest(long: tuple[int, int, Browser], query: str) -> None:
    """Filters without an index take 100,000 contacts at a time.

    The page says so, and offers to go on.
    """
    first, last, browser = long
    page = browser.get(f"/log?{query}")
    assert not shown(page)
    assert f"No contact from {last - 99_999} on fits." in page.words
    assert "Search older contacts" in page.words

    [older] = re.findall(r'href="([^"]*)" rel="next"', page.body)
    page = browser.get(older.replace("&amp;", "&"))
    assert shown(page) == [first]
    assert "older" not in page.words


@pytest.mark.parametrize("query", ["search=salut&until=2026-02-01", "tag=threat", "kept=1", "until=2026-02-01"])
def test_indexed_filters_find_old_contacts_at_once(long: tuple[int, int, Browser], query: str) -> None:
    """Such filters are those by tag, keeping and date."""
    first, _, browser = long
    page = browser.get(f"/log?{query}")

    assert shown(page) == [first]
    assert "older" not in page.words


def test_a_search_with_a_new_match_offers_older_contacts(long: tuple[int, int, Browser]) -> None:
    """The new contact is shown at once."""
    _, last, browser = long
    page = browser.get("/log?search=bonjour")

    assert shown(page) == [last]
    assert "Search older contacts" in page.words


@pytest.mark.parametrize("order", ["last", "contacts", "first"])
def test_the_list_of_numbers_is_of_the_newest_contacts(long: tuple[int, int, Browser], order: str) -> None:
    """Only the newest 100,000 contacts count, and the page says so."""
    *_, browser = long
    page = browser.get(f"/numbers?sort={order}")

    assert "Only the newest 100,000 contacts tell who is listed" in page.words


def test_older_contacts_are_a_page_away(tmp_path: Path) -> None:
    """Every contact is shown once, with the same filter."""
    filled = Filled(tmp_path)
    with filled.db, served(filled.config) as browser:
        ids = [filled.text(f"{'salut' if number % 2 else 'bonjour'} {number}") for number in range(MANY)]
        for query, expected in (("", ids), ("search=salut", ids[1::2])):
            path, found = f"/log?{query}", []
            while path:
                page = browser.get(path)
                found += shown(page)
                older = re.search(r'href="(/log\?[^"]*)" rel="next"', page.body)
                path = older[1].replace("&amp;", "&") if older else ""
            assert found == expected[::-1]


# ---- a contact


@pytest.mark.parametrize("contact_id", range(1, 11))
def test_a_contact_has_what_show_has(line: Filled, browser: Browser, contact_id: int) -> None:
    """Labels and values are those of `show`, and no others."""
    page = browser.get(f"/contact/{contact_id}")
    own = page.body.partition("of this person</summary>")[0]
    listed = re.findall(r"<div><dt>.*?</dt> <dd>.*?</dd></div>", own, re.DOTALL)

    assert len(listed) >= 5
    assert Answer(200, {}, "\n".join(listed)).words == plain(line.run("show", str(contact_id)).stdout)


def test_a_contact_is_a_timeline(browser: Browser) -> None:
    """The verdict, the answer's steps and decisions are ordered by time."""
    timeline = steps(browser.get("/contact/10"))

    assert [re.sub("at .* 22:..", "at 22:00", words) for _, words in timeline] == [
        "The text came.",
        "It is to be answered: this number was never answered before.",
        "The answer is queued, to go at 22:00.",
        "Segment 1 of the answer is given to the modem.",
        "Segment 1 of the answer: the network took it.",
        "Segment 2 of the answer is given to the modem.",
        "Segment 2 of the answer: perhaps sent.",
    ]
    times = [at for at, _ in timeline if at]
    assert times == sorted(times)
    assert len(times) == len(timeline) - 1


def test_decisions_are_in_the_timeline(browser: Browser) -> None:
    """Tags and keepings name who decided; a cancelled answer has its reason."""
    assert ("Tagged apology by anna.") in [words for _, words in steps(browser.get("/contact/2"))]
    assert any(re.fullmatch(r"Kept by \S.*\.", words) for _, words in steps(browser.get("/contact/3")))
    assert steps(browser.get("/contact/5"))[-1][1] == "The answer is cancelled: the number is blocked."


def steps(page: Answer) -> list[tuple[str, str]]:
    """Return the steps of a contact: time and words."""
    found = re.search(r'<ol class="timeline">(.*?)</ol>', page.body, re.DOTALL)
    assert found
    return re.findall(r"<li>(?:<time datetime=\"([^\"]*)\">[^<]*</time>\s*)?<span>(.*?)</span>", found[1])


def test_no_page_promises_a_time_while_no_daemon_runs(busy: tuple[Filled, Browser]) -> None:
    """A due answer is shown as waiting for the daemon."""
    line, browser = busy
    line.db.connection.execute("UPDATE answers SET due_limit = 0 WHERE state = 'queued'")
    paths = ("/log", "/contact/4", "/person/4")
    without = {path: browser.get(path).words for path in paths}
    line.daemon_runs()

    for path, words in without.items():
        assert "waits: no daemon" in words, path
        assert "goes in a moment" not in words, path
        assert "goes in a moment" in browser.get(path).words, path


def test_an_unknown_contact_is_not_found(browser: Browser) -> None:
    """An unknown contact is an error page, not a bug."""
    for path in ("/contact/99", "/person/99", "/contact/x", "/contact/0", f"/contact/{2**63}", f"/person/{10**30}"):
        assert browser.get(path).status == 404
    assert "There is no contact 99." in browser.get("/contact/99").words


# ---- a conversation


def sides(page: Answer) -> list[str]:
    """Return the sides of a conversation's items, in order."""
    items = re.findall(r'<li class="(bubble ours|bubble|between)', page.body)
    return [{"bubble": "theirs", "bubble ours": "ours"}.get(each, each) for each in items]


def test_a_person_is_a_conversation(busy: tuple[Filled, Browser]) -> None:
    """Texts, answers and decisions are in time order; a contact is marked."""
    line, browser = busy
    decisions.block(line.db, KEVIN, "anna", line.now())
    page = browser.get("/person/1")
    assert sides(page) == ["theirs", "ours", "theirs", "theirs", "between", "between", "between"]
    decided = r"Tagged apology by anna\..*anna blocked this number"
    told = rf"Salut beauté 😍 .* Non, c'est non\..* sent 22:0. .*ok désolé .*{decided}"
    assert re.search(told, page.words)
    here = browser.get("/contact/2")
    assert sides(here) == sides(page)
    assert '<li class="bubble here" id="t2"' in here.body


def test_an_old_contact_has_its_place_in_the_conversation(tmp_path: Path) -> None:
    """A page has thirty contacts; the one asked for is last."""
    line = Filled(tmp_path)
    with line.db, served(line.config) as browser:
        ids = [line.text(f"numéro {number}") for number in range(70)]
        newest = browser.get(f"/person/{ids[0]}")
        assert shown(newest) == ids[-30:]
        older = re.search('rel="prev" href="([^"]*)"', newest.body)
        assert older
        page = browser.get(older[1].replace("&amp;", "&"))
        assert shown(page) == ids[-60:-30]
        old = browser.get(f"/contact/{ids[19]}")
        assert [int(each) for each in re.findall('id="t([0-9]+)"', old.body)] == ids[:20]
        assert f'rel="next" href="/person/{ids[-1]}#t{ids[-1]}"' in old.body


def test_the_evidence_is_a_zip_named_by_its_sum(busy: tuple[Filled, Browser], tmp_path: Path) -> None:
    """There is no file before the act, which keeps all contacts."""
    line, browser = busy
    assert browser.get("/evidence/4").headers["Location"] == "/act/evidence?contact_id=4"
    assert browser.get("/evidence/9").status == 404  # that has no number
    done = browser.act("/act/evidence?contact_id=4")
    assert "1 contact is kept." in done.words
    assert 'href="/evidence/4"' in done.body
    assert [contact["id"] for contact in line.log("--kept")] == [3, 4]
    connection = Connection(Path(browser.at))
    connection.request("GET", "/evidence/4")
    response = connection.getresponse()
    unpack(response.read(), tmp_path / "file")
    connection.close()
    sums = hashlib.sha256((tmp_path / "file" / "SHA256SUMS.txt").read_bytes()).hexdigest()
    assert f"hotlined-4-{sums}.zip" in response.headers["Content-Disposition"]
    assert "tu dors" in (tmp_path / "file" / "evidence.html").read_text()


# ---- numbers


@pytest.mark.parametrize("order", ["last", "contacts", "first"])
def test_the_numbers_are_those_of_the_command(line: Filled, browser: Browser, order: str) -> None:
    """The command's last number is first here; each leads to its person."""
    page = browser.get(f"/numbers?sort={order}")
    listed = [json.loads(each) for each in line.run("numbers", "--json", "--sort", order).stdout.splitlines()][::-1]
    rows = re.findall(r"<li><p(.*?)</li>", page.body, re.DOTALL)

    assert len(rows) == len(listed) == 6
    for row, who in zip(rows, listed, strict=True):
        words = Answer(200, {}, f"<p{row}").words
        assert words.startswith(who["number"] or "withheld")
        assert f"{who['contacts']} contact" in words
        assert f"{who['answers']} answer" in words
        assert ("blocked" in words) == who["blocked"]
        assert f"/person/{who['last_id']}" in row


@pytest.mark.parametrize(("only", "option"), [("blocked", "--blocked"), ("stop", "--opted-out")])
def test_refused_numbers_are_a_list(busy: tuple[Filled, Browser], only: str, option: str) -> None:
    """The page says by whom and since when, as the command does."""
    line, browser = busy
    with line.db.transaction():
        decisions.opt_out(line.db, LEA, line.now())
    (who,) = (json.loads(each) for each in line.run("numbers", "--json", option).stdout.splitlines())
    assert f'href="/numbers?only={only}' in browser.get("/numbers").body
    page = browser.get(f"/numbers?only={only}")

    said = f"blocked by somebody, {moment(who['blocked_at'])}" if who["blocked"] else "opted out, "
    assert len(re.findall("<li><p", page.body)) == 1
    assert who["number"] in page.words
    assert said in page.words
    assert browser.get("/numbers?only=x").status == 400


@pytest.mark.parametrize("path", ["/person/1", "/person?number=0470/12.34.56"])
def test_a_person_has_what_show_has(line: Filled, browser: Browser, path: str) -> None:
    """The page is found by contact or number, and lists contacts."""
    page = browser.get(path)
    head, _, _ = line.run("show", KEVIN).stdout.partition("\n\n")
    # the time until the next answer differs between the two calls
    said = [plain(each) for each in head.splitlines() if "next answer" not in each]

    assert len(said) > 4
    assert [each for each in said if each not in page.words] == []
    assert "next answer if it writes again: on" in page.words
    assert "Next answer" not in page.words  # nothing waits: no sentence sounds as if one left by itself
    assert "If it writes again: on" in page.words
    assert shown(page) == [1, 2, 3]


def test_an_opt_out_is_lifted_only_at_the_shell(busy: tuple[Filled, Browser]) -> None:
    """The desk names the command for it and has no button."""
    line, browser = busy
    assert "--opted-out" not in browser.get(f"/person?number={KEVIN}").words
    with line.db.transaction():
        decisions.opt_out(line.db, KEVIN, line.now())
    page = browser.get(f"/person?number={KEVIN}")

    assert f"It has opted out, and stays so. hotlined unblock --opted-out {KEVIN} lifts that." in page.words
    assert set(re.findall(r"/act/(\w+)", page.body)) == {"block", "evidence"}


def test_withheld_numbers_are_searched_in_the_log(browser: Browser) -> None:
    """Withheld numbers cannot be told apart."""
    page = browser.get("/person/9")

    assert (page.status, page.headers["Location"]) == (302, "/log?number=withheld")


NONSENSE = """
/person /person?number=x /person?number=withheld /numbers?sort=x /log?since=x /log?tag=a+b /log?before=x
/log?number=%2B3247%E2%80%A656 /inbox?here=x /stats?since=x /stats?by=x /stats?since=1d&until=2d
/act/block?number=8850 /act/tag?contact_id=0&word=x /act/tag?contact_id=1
"""


@pytest.mark.parametrize("path", NONSENSE.split())
def test_an_absurd_input_is_refused_with_advice(browser: Browser, path: str) -> None:
    """The page explains what to write instead."""
    answer = browser.get(path)

    assert answer.status == 400
    assert re.search("This makes no sense .{15}", answer.words.partition("Figures")[2])


# ---- inbox


def at(page: Answer) -> int:
    """Return the ID of the contact that the inbox shows."""
    return int(page.form("/act/skip")["contact_id"])


def test_the_inbox_goes_from_text_to_text(busy: tuple[Filled, Browser]) -> None:
    """Tags can be undone, texts skipped; kept ones still want tags."""
    line, browser = busy
    line.judge(line.text("Pardon"))
    page = browser.get("/inbox")
    assert (at(page), "Inbox 2 texts" in page.words) == (11, True)
    assert [word for word in TAG_KEYS.values() if f"{word.capitalize()} " in page.words] == list(TAG_KEYS.values())

    kept = follow(browser, press(browser, page, "/act/keep", 0))
    assert (at(kept), "Contact 11 is kept, however old it becomes." in kept.words) == (11, True)
    tagged = follow(browser, press(browser, kept, "/act/tag", 1))
    assert "Contact 11 is tagged insult. Undo" in tagged.words
    assert (at(tagged), "Inbox 1 text" in tagged.words) == (3, True)
    undone = follow(browser, press(browser, tagged, "/act/untag", 0))
    assert (at(undone), "Inbox 2 texts" in undone.words) == (11, True)
    skipped = follow(browser, press(browser, undone, "/act/skip", 0))
    assert "Contact 11 is skipped: it comes last in the inbox. Back to it u" in skipped.words
    assert (at(skipped), "Inbox 2 texts" in skipped.words) == (3, True)
    again = browser.get("/inbox?here=11")
    assert at(again) == 11
    newer = line.text("Et alors ?")
    assert at(browser.get("/inbox?here=11")) == 11  # an open text stays
    assert at(browser.get("/inbox")) == newer
    follow(browser, press(browser, again, "/act/tag", 0))
    assert at(browser.get("/inbox?here=11")) == newer
    for contact in (newer, 3):
        decisions.tag(line.db, contact, "other", "anna", line.now())
    assert "Every reaction has its tag." in browser.get("/inbox?here=11").words
    assert [contact["tags"] for contact in line.log("--number", KEVIN)][-2:] == [["apology"], ["other"]]


def test_a_threat_in_the_inbox_leads_to_its_page(busy: tuple[Filled, Browser]) -> None:
    """The page says what to do; Undo leads back and ends the keeping."""
    line, browser = busy
    contact = line.text("Tu verras ta gueule")
    line.judge(contact)
    page = browser.get("/inbox")
    assert (at(page), "What to do now" in page.words) == (contact, False)

    tagged = press(browser, page, "/act/tag", 2)
    assert re.fullmatch(rf"/contact/{contact}\?said=[\w-]+#t{contact}", tagged.headers["Location"])
    shown = follow(browser, tagged)
    assert f"Contact {contact} is tagged threat, and kept. Undo" in shown.words
    assert "What to do now" in shown.words
    assert line.log("--kept")[-1]["id"] == contact

    undone = follow(browser, press(browser, shown, "/act/untag", 0))
    assert at(undone) == contact
    assert (line.log("--tag", "threat"), line.log("--kept")[-1]["id"]) == ([], 3)

    shown = follow(browser, press(browser, undone, "/act/tag", 2))
    removed = follow(browser, press(browser, shown, "/act/untag", 1))
    assert f"Contact {contact} is no longer tagged threat." in removed.words
    assert line.log("--kept")[-1]["id"] == contact


def test_a_blocked_number_cannot_be_blocked(busy: tuple[Filled, Browser]) -> None:
    """The page of its threat only unblocks it."""
    line, browser = busy
    decisions.tag(line.db, 3, "threat", "anna", line.now())
    assert browser.get("/contact/3").words.count("Block …") == 2
    decisions.block(line.db, KEVIN, "anna", line.now())
    words = browser.get("/contact/3").words
    assert ("Block …" in words, "Unblock …" in words) == (False, True)


def test_the_front_page_counts_threats_and_quotes_none(busy: tuple[Filled, Browser]) -> None:
    """An alert word's text is behind a button."""
    line, browser = busy
    threat = line.text("Tu verras ta gueule")
    with line.db.transaction():
        words_met.note(line.db, threat, ["gueule"])
    for _ in range(5):
        line.text("Allo ?")
    words = browser.get().words
    assert "1 text has an alert word and wants a tag" in words
    assert "gueule" not in words


def test_a_reaction_follows_the_conversation_before_it(busy: tuple[Filled, Browser]) -> None:
    """The answered text and the answer come before it."""
    _, browser = busy
    page = browser.get("/inbox")
    assert re.search("Salut beauté 😍 .*Non, c'est non.* sent 22:0.* Je sais où tu habites", page.words)


def test_a_threat_follows_what_its_number_wrote_before(busy: tuple[Filled, Browser]) -> None:
    """It may come before the first answer leaves."""
    line, browser = busy
    line.text("Coucou, c'est Kevin", sender="+32479112233")
    threat = line.text("Tu verras ta gueule", sender="+32479112233")
    with line.db.transaction():
        words_met.note(line.db, threat, ["gueule"])
    assert re.search("Coucou, c'est Kevin .* Tu verras ta gueule", browser.get("/inbox").words)


def test_a_tag_given_meanwhile_is_not_overwritten(busy: tuple[Filled, Browser]) -> None:
    """The form carries the tags shown; the other person is named."""
    line, browser = busy
    page = browser.get("/inbox")
    contact = at(page)
    decisions.tag(line.db, contact, "insult", "léa", line.now())
    late = follow(browser, press(browser, page, "/act/tag", 2))
    assert f"léa has sorted contact {contact} meanwhile: insult. Nothing was changed. See it" in late.words
    assert line.log("--tag", "insult")[0]["tags"] == ["insult"]
    assert line.log("--tag", "threat") == []
    shown_before = browser.get("/contact/4")
    decisions.tag(line.db, 4, "other", "léa", line.now())
    late = follow(browser, press(browser, shown_before, "/act/tag", 1))
    assert "léa has sorted contact 4 meanwhile: other." in late.words


def test_a_reload_repeats_nothing(busy: tuple[Filled, Browser]) -> None:
    """An act redirects; its sentence needs a valid token."""
    line, browser = busy
    done = press(browser, browser.get("/contact/4"), "/act/keep", 0)
    where = done.headers["Location"]
    events = "SELECT count(*) FROM events WHERE kind = 'keep'"
    counted = line.db.value(events)
    assert re.fullmatch(r"/contact/4\?said=[\w-]+", where)
    for _ in range(2):
        assert "Contact 4 is kept" in browser.get(where).words
    assert line.db.value(events) == counted
    assert 'role="status"' not in browser.get("/contact/4?said=invented").body


def test_no_key_ends_a_keeping(busy: tuple[Filled, Browser]) -> None:
    """The inbox's button is disabled; the contact's page asks first."""
    line, browser = busy
    page = browser.get("/inbox")
    assert at(page) == 3
    assert "(kept by " in page.words
    assert "keep_no_more" not in page.body
    assert 'data-key="k"' not in page.body
    assert re.search("<button [^>]*disabled>.*Kept</button>", page.body)

    asked = browser.get("/act/keep_no_more?contact_id=3")
    assert "Somebody kept contact 3. Let it be erased when it is old, like any other?" in asked.words
    assert 'method="get" action="/act/keep_no_more"' in browser.get("/contact/3").body
    assert line.log("--kept")[0]["id"] == 3


def test_an_inbox_of_every_text_has_first_contacts(busy: tuple[Filled, Browser]) -> None:
    """It has untagged texts, no calls, newest first, as `review --all`."""
    line, browser = busy
    page, seen = browser.get("/inbox?all=1"), list[int]()
    while (found := int(page.form("/act/keep")["contact_id"]) if "/act/keep" in page.body else 3) not in seen:
        seen.append(found)
        page = follow(browser, press(browser, page, "/act/skip", 0))

    assert seen == [*review.queue(line.db, every=True)] == [10, 7, 6, 5, 4, 3, 1]


def test_an_inbox_of_every_text_keeps_its_place(busy: tuple[Filled, Browser]) -> None:
    """A tag leads to the text before; undoing leads back."""
    _, browser = busy
    kept = follow(browser, press(browser, browser.get("/inbox?all=1"), "/act/keep", 0))
    assert (at(kept), "Contact 10 is kept" in kept.words) == (10, True)
    tagged = follow(browser, press(browser, kept, "/act/tag", 3))
    assert (at(tagged), "Contact 10 is tagged other." in tagged.words) == (7, True)
    assert at(follow(browser, press(browser, tagged, "/act/untag", 0))) == 10


def test_an_act_at_the_desk_names_no_option_of_a_command(busy: tuple[Filled, Browser]) -> None:
    """The contact's page has the way back."""
    _, browser = busy
    done = browser.act("/act/keep?contact_id=4")

    assert "Contact 4 is kept, however old it becomes." in done.words
    assert "--" not in done.words
    assert "Keep no longer" in browser.get("/contact/4").words
    assert "Contact 4 is kept already, by " in browser.act("/act/keep?contact_id=4").words


def test_a_question_about_a_contact_quotes_it(busy: tuple[Filled, Browser]) -> None:
    """Nobody knows contacts by their numbers; a pause quotes none."""
    _, browser = busy
    (text,) = re.findall(r'<bdi class="text">(.*?)</bdi>', browser.get("/act/tag?contact_id=4&word=threat").body)

    assert text in browser.get("/contact/4").body
    assert text in browser.get("/act/keep?contact_id=4").body
    assert 'class="text"' not in browser.get("/act/pause").body


def press(browser: Browser, page: Answer, action: str, number: int) -> Answer:
    """Press the button of one of the page's forms that post to a path."""
    forms = re.findall(rf'<form [^>]*method="post" action="{action}">(.*?)</form>', page.body, re.DOTALL)
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', forms[number])
    return browser.post(action, dict(fields))


def follow(browser: Browser, answer: Answer) -> Answer:
    """Follow the redirect of an act."""
    assert answer.status == 303, answer.words
    return browser.get(answer.headers["Location"].partition("#")[0])


# ---- figures


@pytest.mark.parametrize(
    ("query", "options"),
    [("", []), ("since=2026-11-24&until=2026-11-24", ["--since", "2026-11-24", "--until", "2026-11-24"]),
     ("since=2026-11-24T22:08Z", ["--since", "2026-11-24T22:08Z"]),
     ("since=2026-11-24&by=hour", ["--since", "2026-11-24", "--by", "hour"])],
)  # fmt: skip
def test_the_figures_are_the_page_of_stats(line: Filled, browser: Browser, query: str, options: list[str]) -> None:
    """Sentences and tables are the same, and without telephone numbers."""
    page = browser.get(f"/stats?{query}")
    written = line.run("stats", "--html", "-", *options).stdout
    minute = re.compile(r"\d+:\d\d")  # the period ends at the present minute

    def tables(body: str) -> list[str]:
        return re.findall(r"<(?:dl class=\"tiles\"|table).*?</(?:dl|table)>", body, re.DOTALL)

    def sentences(body: str) -> list[str]:
        found = re.search(r"<h2>In words</h2>(.*?)</section>", body, re.DOTALL)
        assert found
        return [minute.sub("", each) for each in re.findall("<p>.*?</p>", found[1])]

    assert sentences(page.body) == sentences(written) != []
    assert tables(page.body)[:3] == tables(written)[:3] != []
    assert KEVIN not in page.body
    assert "style=" not in page.body
    assert browser.get("/stats.css").headers["Content-Type"].startswith("text/css")


def test_a_drawing_can_be_downloaded(browser: Browser) -> None:
    """Each drawing is a well-formed SVG with its own colours, without names."""
    page = browser.get("/stats?since=2026-11-24&until=2026-11-24")
    pictures = re.findall('<a class="picture" href="([^"]*)"', page.body)
    assert len(pictures) == page.body.count("<svg role")
    for each in pictures:
        picture = browser.get(each.replace("&amp;", "&"))
        assert picture.headers["Content-Type"].startswith("image/svg+xml")
        assert ET.fromstring(picture.body).tag == "{http://www.w3.org/2000/svg}svg"
        assert "24 November 2026" in picture.body
        assert "var(" not in picture.body
        assert KEVIN not in picture.body
    assert browser.get("/stats/none.svg").status == 404


# ---- acts

ACTED: Mapping[str, tuple[dict[str, Any], str, str | None]] = {
    "pause": ({}, "Paused: nothing is sent until somebody resumes.", None),
    "resume": ({}, "It was not paused.", None),
    "block": ({"number": CALLER}, f"{CALLER} is blocked. 1 answer that waited for it will not be sent.", None),
    "unblock": ({"number": TROLL}, f"{TROLL} is not blocked any more.", None),
    "requeue": ({"contact_id": 10}, "The answer to contact 10 is queued again.", None),
    "cancel": ({"contact_id": 4}, "The answer to contact 4 is cancelled.", None),
    "tag": ({"contact_id": 3, "word": "Bizarre"}, "Contact 3 is tagged bizarre.", "bizarre"),
    "untag": ({"contact_id": 2, "word": "apology"}, "Contact 2 is no longer tagged apology.", "apology"),
    "keep": ({"contact_id": 2}, "Contact 2 is kept", None),
    "keep_no_more": ({"contact_id": 3}, "Contact 3 is no longer kept: it will be erased like any other.", None),
    "skip": ({"contact_id": 3}, "Contact 3 is skipped: it comes last in the inbox.", None),
    "tell": ({"contact_id": 3}, "Contact 3 is on the first page of the admin, and no alert tells of it.", None),
    "seen": ({"contact_id": 3}, "Contact 3 waits for no admin any more.", None),
    "evidence": ({"contact_id": 4}, "1 contact is kept. The file is personal data", None),
}
"""For each act: its parameters, its sentence, and the kind of its event."""


def test_every_act_asks_and_is_recorded_with_the_persons_name(busy: tuple[Filled, Browser]) -> None:
    """A GET only asks; a POST decides and says so."""
    line, browser = busy
    assert ACTED.keys() == {act.verb for act in ACTS}
    for verb, (fields, words, word) in ACTED.items():
        path = f"/act/{verb}?{urlencode(fields)}"
        counted = line.db.value("SELECT count(*) FROM events")
        asked = browser.get(path)
        assert asked.words.endswith("No"), asked.words
        assert "?" in asked.words
        assert line.db.value("SELECT count(*) FROM events") == counted
        assert words in browser.act(path).words, verb
        event = line.db.the("SELECT kind, who, word FROM events ORDER BY id DESC LIMIT 1")
        assert event["kind"] == {"keep_no_more": "unkeep", "tell": "told"}.get(verb, verb)
        assert (event["who"], event["word"]) == (user_name(0), word)
        browser.act("/act/resume")


def test_button_that_resumes_asks_with_the_figures_of_the_command(busy: tuple[Filled, Browser]) -> None:
    """How many answers go out, and since when they wait; a line that is not paused has no such figures."""
    line, browser = busy
    assert "wait" not in browser.get("/act/resume").words
    browser.act("/act/pause")
    asked = re.search(
        r"\d+ answers wait, the first since [^:]+ [0-9:]+: they go out\.", browser.get("/act/resume").words
    )

    assert asked
    assert line.run("resume").stdout.startswith(asked[0])


def test_button_that_resumes_says_what_a_lost_key_forgets(busy: tuple[Filled, Browser]) -> None:
    """The page says which file is missing, too, and how many answers go out besides."""
    line, browser = busy
    browser.act("/act/pause")
    line.db.connection.execute("UPDATE line_state SET key_lost_at = '2026-11-24T22:00:00.000Z'")
    asked = browser.get("/act/resume").words

    assert re.search(r"/hotlined\.db\.key: A key .* is lost: .* forgets .* opted out\. 2 answers wait", asked), asked


def test_a_button_of_a_contact_leads_back_to_it(busy: tuple[Filled, Browser]) -> None:
    """The contact's page shows the new tag or keeping at once."""
    line, browser = busy
    page = follow(browser, press(browser, browser.get("/contact/4"), "/act/tag", 2))
    assert "#insult" in page.words
    page = follow(browser, press(browser, page, "/act/keep", 0))
    assert f"Kept by {user_name(0)}, " in page.words
    page = follow(browser, press(browser, page, "/act/untag", 0))
    assert "#insult" not in page.words
    assert '<option value="apology">' in page.body
    own = re.findall(r'<form [^>]*action="/act/tag">(.*?)</form>', page.body, re.DOTALL)[0]
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', own))
    assert "#bla-bla" in follow(browser, browser.post("/act/tag", fields | {"word": "Bla-Bla"})).words
    nearly = browser.post("/act/tag", fields | {"word": "threats"})
    assert nearly.status == 400
    assert "threats is not a tag yet, and is nearly threat. Choose that one, or another word." in nearly.words
    assert line.log("--tag", "bla-bla")[0]["id"] == 4


def test_sending_again_does_not_undo_a_block(busy: tuple[Filled, Browser]) -> None:
    """The desk refuses; a name can be blocked as well."""
    line, browser = busy
    number = next(each["originator"] for each in line.log() if each["id"] == 10)
    assert "is blocked." in browser.act(f"/act/block?{urlencode({'number': number})}").words
    refused = browser.act("/act/requeue?contact_id=10")
    assert (refused.status, "the number is blocked" in refused.words) == (409, True), refused.words
    line.text("Votre facture", "Proximus")
    assert "Proximus is blocked." in browser.act("/act/block?number=Proximus").words


def test_an_act_that_is_too_late_is_refused_with_the_reason(busy: tuple[Filled, Browser]) -> None:
    """An act is refused with the words of the command."""
    _, browser = busy
    for path, words in (
        ("/act/cancel?contact_id=10", "The answer to contact 10 may have left."),
        ("/act/requeue?contact_id=4", "The answer to contact 4 still waits."),
        ("/act/cancel?contact_id=2", "Contact 2 has no answer."),
        ("/act/tag?contact_id=99&word=x", "There is no contact 99."),
    ):
        answer = browser.act(path)
        assert (answer.status, words in answer.words) == (409, True), answer.words


def test_an_answer_without_a_text_is_not_sent_again(tmp_path: Path) -> None:
    """The page refuses like the command; the overview names the empty file."""
    (tmp_path / "main.txt").touch()
    line = Filled(tmp_path, answer={"text_file": "main.txt"})
    with line.db, served(line.config) as browser:
        contact = line.text()
        line.judge(contact, delay=3600)
        assert line.run("cancel", str(contact)).exit_code == 0
        refused = browser.act(f"/act/requeue?contact_id={contact}")
        assert (refused.status, "Refused: the answer has no text." in refused.words) == (409, True), refused.words
        assert f"{tmp_path}/main.txt is empty: nobody is answered." in browser.get("/").words
        assert line.log()[0]["answer"]["state"] == "cancelled"


OF_A_PERSON = {"block", "evidence"}


def test_a_page_has_the_buttons_of_the_possible_acts(browser: Browser) -> None:
    """A contact offers what its answer allows, a person what is undecided."""

    def offered(path: str) -> set[str]:
        return set(re.findall(r'action="/act/([a-z_]+)"', browser.get(path).body))

    assert offered("/contact/1") == {"tag", "keep", "tell", *OF_A_PERSON}
    assert offered("/contact/10") == {"tag", "keep", "tell", "requeue", *OF_A_PERSON}
    assert offered("/contact/2") == {"tag", "untag", "keep", "tell", *OF_A_PERSON}
    assert offered("/contact/3") == {"tag", "keep_no_more", "tell", *OF_A_PERSON}
    assert offered("/contact/4") == {"tag", "keep", "cancel", "tell", *OF_A_PERSON}
    assert offered("/person/1") == {"block", "evidence"}
    assert offered("/person/5") == {"unblock", "evidence"}
    assert offered("/") == {"pause"}


def test_acts_need_the_promised_roles() -> None:
    """Figures see no text, readers decide nothing, volunteers tag and keep.

    Blocks and answers are for admins.
    """
    needs = {name: needed for name, needed in NEEDS.items() if needed}
    volunteers = {"act_tag", "act_untag", "act_keep", "act_skip", "act_tell", "inbox"}
    readers = {"log", "by_hand", "contact", "numbers", "person", "person_of"}

    assert {name for name, needed in needs.items() if needed is Role.VOLUNTEER} == volunteers
    assert {name for name, needed in needs.items() if needed is Role.READER} == readers
    figures = {"overview", "stats", "stats_style", "stats_picture"}
    assert {name for name, needed in needs.items() if needed is Role.FIGURES} >= figures
    assert {name for name, needed in needs.items() if needed is Role.ADMIN} == {
        "evidence",
        "act_evidence",
        *(
            f"act_{verb}"
            for verb in ("block", "unblock", "cancel", "pause", "resume", "requeue", "keep_no_more", "seen")
        ),
    }


@dataclass
class AnyAuthenticator:
    """A authenticator whose visitors have a given role."""

    role: Role
    by_proxy: bool = False

    def visitor(self, request: Request) -> Visitor:
        """Return that visitor."""
        del request
        return Visitor("anna", self.role, self.by_proxy)


@pytest.fixture(scope="module")
def app_of_role(line: Filled) -> tuple[Flask, AnyAuthenticator]:
    """Give the desk's application and its authenticator; its compiled templates are shared."""
    authenticator = AnyAuthenticator(Role.FIGURES)
    return make(load(line.config), b""), authenticator


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_own_part_of_a_page(app_of_role: tuple[Flask, AnyAuthenticator], role: Role) -> None:
    """The role of figures sees no number or text.

    Each role is offered only its own acts.
    """
    app, authenticator = app_of_role
    authenticator.role = role
    client = app.test_client()
    client.environ_base[AUTHENTICATOR] = authenticator
    found = {
        path: client.get(path)
        for path in ("/", "/stats", "/contact/10", "/contact/3", "/contact/4", "/person/1", "/log")
    }
    pages = {path: answer.text for path, answer in found.items() if answer.status_code == 200}
    offered = {act for page in pages.values() for act in re.findall(r'action="/act/([a-z_]+)"', page)}
    everything = " ".join(pages.values())

    named = [who for who in (KEVIN, LEA, DAVE, "tu dors", "Hello") if who in everything]
    assert (named == []) == (role is Role.FIGURES)
    assert set(pages) == {"/", "/stats"} if role is Role.FIGURES else set(found)
    tagging, deciding = {"tag", "keep", "tell"}, {"cancel", "requeue", "pause", "block", "keep_no_more", "evidence"}
    assert offered == {Role.VOLUNTEER: tagging, Role.ADMIN: tagging | deciding}.get(role, set())
    assert all(("/inbox" in page) == role.may(Role.VOLUNTEER) for page in pages.values())


def test_a_look_is_a_line_of_the_journal(line: Filled, caplog: pytest.LogCaptureFixture) -> None:
    """It comes once an hour, without a number or a text; the database gets nothing."""
    client = make(load(line.config), b"").test_client()
    client.environ_base[AUTHENTICATOR] = AnyAuthenticator(Role.ADMIN)
    written = line.db.value("PRAGMA data_version")
    with caplog.at_level("INFO", "hotlined.desk"):
        for path in ("/", "/log", "/by-hand", "/numbers", "/contact/1", "/contact/99", "/person/1") * 2:
            client.get(path)

    assert [record.getMessage() for record in caplog.records] == [
        "anna looked at list last_contacts",
        "anna looked at list log",
        "anna looked at list by_hand",
        "anna looked at list numbers",
        "anna looked at contact 1",
        f"anna looked at number {mask(KEVIN)}",
    ]
    assert line.db.value("PRAGMA data_version") == written


def test_a_look_is_logged_once_in_any_hour() -> None:
    """The hour of the clock is none of it: a desk with an open page would log twice in a second."""
    looks = Looks()

    assert [looks.note("anna", "list log", now) for now in (3599.0, 3601.0, 7198.0, 7199.0)] == [
        True,
        False,
        False,
        True,
    ]
    assert looks.note("ada", "list log", 7199.0)


# ---- for people without a terminal

STATES: Mapping[str, Callable[[Filled], object]] = {
    "answers": lambda line: line.daemon_runs(modem=ModemState.READY),
    "no daemon": lambda line: line.daemon_runs(runs=False, modem=ModemState.READY),
    "paused": lambda line: [line.daemon_runs(modem=ModemState.READY), decisions.pause(line.db, "léa", line.now())],
    **{
        state: partial(lambda line, state: line.daemon_runs(modem=state), state=state)
        for state in ModemState
        if state is not ModemState.READY
    },
}
"""Conditions of a line, by name."""
MOODS = {"answers": Mood.ANSWERS, "paused": Mood.PAUSED, ModemState.STARTING: Mood.LATER}
COMMAND = re.compile(r"hotlined |sudo|systemctl|journalctl|\b(answer|web|alerts|modem|limits|numbers|credit)\.[a-z_]+")


EVERY = "/", "/inbox", "/act/block?number=1", "/contact/1", "/log", "/numbers", "/stats", "/contact/99"
"""A page of each kind: a line in one condition shows them all, in another the first three."""


@pytest.mark.parametrize("name", STATES)
def test_a_reader_without_a_terminal_sees_no_command(tmp_path: Path, name: str) -> None:
    """Any trouble has plain words, a colour, and whom to call.

    All this is in the band.
    """
    people = {"people": {"anna": "volunteer"}, "ask": "Rosa, 0470 12 34 56"}
    line = Filled(tmp_path, web=people, alerts={"words": ["tue"]})
    with line.db:
        line.judge(line.text("je te tue"), delay=3600)
        with line.db.transaction():
            words_met.note(line.db, 1, ["tue"])
        STATES[name](line)
        authenticator = AnyAuthenticator(Role.VOLUNTEER, by_proxy=True)
        client = make(load(line.config), b"").test_client()
        client.environ_base[AUTHENTICATOR] = authenticator
        found = {path: client.get(path).text for path in EVERY[: len(EVERY) if name == "no daemon" else 3]}
        for path, page in found.items():
            words = Answer(200, {}, page).words.replace("– hotlined ", "")
            assert not COMMAND.search(words), (path, COMMAND.search(words))
            assert f'<div class="band {MOODS.get(name, Mood.SILENT)}"' in page, path
            if MOODS.get(name, Mood.SILENT) is Mood.SILENT:
                assert "The line does not answer. " in words
                assert "Call Rosa, 0470 12 34 56." in words
        assert "To pause the line, ask Rosa" in found["/"] or name == "paused"
        call = '<a class="tel" href="tel:0470123456">0470 12 34 56</a>'
        assert f"call Rosa, {call}." in found["/inbox"]
        assert all(call in page for page in found.values()) or MOODS.get(name, Mood.SILENT) is not Mood.SILENT
        assert call in found["/act/block?number=1"]  # that needs an admin
        told = re.search(r'id="band">.*?</div>', found["/"], re.DOTALL)
        assert told
        for trouble in re.findall("<li><strong>(.*?)</strong>", found["/"]):
            assert trouble not in told[0]
            assert "Paused by" not in trouble
        assert "Tell the admin" not in found["/inbox"]  # it would reach no admin
        assert f"No alert reaches the admin: call Rosa, {call}." in found["/inbox"]


def test_a_full_window_is_shown_with_its_end(tmp_path: Path) -> None:
    """The band names the budget, and when there is room."""
    line = Filled(tmp_path, limits={"segments": {"hour": 2, "day": 9, "month": 9}})
    with line.db, served(line.config) as browser:
        line.judge(line.text())
        line.send()
        line.daemon_runs(modem=ModemState.READY)
        words = browser.get("/log").words
        used_up = "The line answers later. What it may send in an hour is used up."
        assert re.search(f"{used_up} There is room again to[a-z]* [0-9:]{{5}}", words)


# ---- for everyone

LOOKS = ["/", "/log", "/log?tag=other", "/by-hand", "/contact/1", "/contact/2", "/contact/9", "/numbers", "/person/1",
         "/inbox", "/inbox?all=1", "/stats", "/lines", "/act/pause", "/act/block?number=0470123456",
         "/none"]  # fmt: skip


class Structure(HTMLParser):
    """The structure that a screen reader uses: landmarks, headings, labels, table headers, IDs."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.named_by: list[str] = []
        self.unlabelled: list[str] = []
        self.heads_without_scope = 0
        self._labels = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.named_by += (given.get("aria-labelledby") or "").split()
        self._labels += tag == "label"
        hidden = given.get("type") in {"hidden", "submit"}
        if tag in {"input", "select", "textarea"} and not hidden and not self._labels:
            self.unlabelled.append(str(given))
        self.heads_without_scope += tag == "th" and "scope" not in given
        assert not any(name.startswith("on") or name == "style" for name in given), given

    def handle_endtag(self, tag: str) -> None:
        """Note where a label ends."""
        self._labels -= tag == "label"


@pytest.mark.parametrize("path", LOOKS)
def test_every_page_has_structure_for_a_screen_reader(browser: Browser, path: str) -> None:
    """Headings, labels, table headers and unique IDs are all there.

    There is one main part, one h1 and a title.
    """
    page = browser.get(path)
    seen = Structure()
    seen.feed(page.body)

    assert (seen.tags.count("h1"), seen.tags.count("main"), seen.tags.count("nav")) == (1, 1, 1)
    assert re.search(r'<html lang="en">.*<title>[^<]+ – hotlined</title>', page.body, re.DOTALL)
    assert seen.unlabelled == []
    assert seen.heads_without_scope == 0
    assert len(seen.ids) == len({*seen.ids})
    assert set(seen.named_by) <= set(seen.ids)
    levels = [int(tag[1]) for tag in seen.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_page_is_checked() -> None:
    """A new page is among the checked ones."""
    paths = {each.partition("?")[0] for each in LOOKS}
    files = ("/act/", "/person", "/stats.css", "/stats/", "/evidence")
    shows = {page.path for page in PAGES if page.needs and not page.path.startswith(files)}

    assert {re.sub("<.*>", "1", path) for path in shows} <= paths


# ---- colours

SHEETS = ("/static/desk.css", "/stats.css")
RULE = re.compile(r"([^{}@]+)\{([^{}]*)\}")
COLOURS = re.compile(r"(?:^|;)\s*(?:color|background|fill|stroke|border(?!-(?:radius|collapse))[a-z-]*)\s*:")
VOID = {"meta", "link", "input", "br"}
"""Elements without an end tag."""


@dataclass
class Element:
    """An element of a page: its classes, attributes, contents and parent."""

    tag: str
    attributes: Mapping[str, str]
    inside: "Element | None"
    parts: "list[Element | str]" = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        """Return its classes."""
        return set(self.attributes.get("class", "").split())

    @property
    def words(self) -> str:
        """Return its text, and the title of a shape."""
        if self.attributes.get("aria-hidden"):
            return ""
        return " ".join(part.strip() if isinstance(part, str) else part.words for part in self.parts).strip()

    def every(self) -> "Iterator[Element]":
        """Yield it and all its descendants."""
        yield self
        for part in self.parts:
            if isinstance(part, Element):
                yield from part.every()


class Tree(HTMLParser):
    """A page as a tree of elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = self._here = Element("", {}, None)
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        element = Element(tag, {name: value or "" for name, value in attrs}, self._here)
        self._here.parts.append(element)
        if tag not in VOID:
            self._here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that has no end."""
        self._here.parts.append(Element(tag, {name: value or "" for name, value in attrs}, self._here))

    def handle_endtag(self, tag: str) -> None:
        """End the element of that name that is open."""
        element = self._here
        while element.inside and element.tag != tag:
            element = element.inside
        self._here = element.inside or self._here

    def handle_data(self, data: str) -> None:
        """Take text."""
        self._here.parts.append(data)


def coloured_classes(browser: Browser) -> set[str]:
    """Name the classes that a style sheet gives a colour of their own."""
    rules = RULE.findall("".join(browser.get(path).body for path in SHEETS))
    selectors = [each for selector, style in rules if COLOURS.search(style) for each in selector.split(",")]
    return {name for selector in selectors for name in re.findall(r"\.([a-z-]+)", (selector.split() or [""])[-1])}


def says_nothing(element: Element, key: Mapping[str, str]) -> bool:
    """Tell whether a coloured element has no words, neither in it nor beside it nor in the key of its drawing."""
    if element.tag == "rect":
        around = next((each for each in ancestors(element) if each.tag in {"g", "svg"} and each.words), None)
        return not element.words and (around is None or (around.tag == "svg" and bool(key)))
    beside = element.inside.words if element.inside and element.tag == "i" else ""
    return not element.words and not beside


def ancestors(element: Element) -> Iterator[Element]:
    """Yield the ancestors of an element, the nearest first."""
    while element.inside:
        element = element.inside
        yield element


def test_no_meaning_is_in_colour_alone(browser: Browser, line: Filled) -> None:
    """Coloured elements have words, and drawings a key with words."""
    coloured = coloured_classes(browser)
    assert {"mark", "a", "b", "c", "d", "e", "f", "none", "tag", "alarm"} - coloured == {"tag"}
    for path in every_page(line):
        for element in Tree(browser.get(path).body).root.every():
            if element.tag == "figure":
                swatches = [each for each in element.every() if each.tag == "i"]
                key = {swatch.attributes["class"]: swatch.inside.words for swatch in swatches if swatch.inside}
                shapes = [each for each in element.every() if each.tag == "rect"]
                used = {name for shape in shapes for name in shape.classes & coloured} - {"none"}
                assert len(used) <= 1 or used <= key.keys(), path
                assert len(set(key.values())) == len(key), path
                assert not [shape.attributes for shape in shapes if says_nothing(shape, key)], path
            elif element.attributes.get("aria-hidden"):
                assert element.inside, path
                assert element.inside.words, path  # a sign is beside its words
            elif element.classes & coloured and element.tag not in {"rect", "line"}:  # an axis has no meaning
                assert not says_nothing(element, {}), (path, element.tag, element.attributes)


def every_page(line: Filled) -> Iterator[str]:
    """Yield every page, that of a tagged contact and of the newest one, and each question."""
    query = urlencode({"contact_id": 3, "number": KEVIN, "word": "other"})
    for page in PAGES:
        if "GET" in page.methods and page.name not in {"enter", "healthz", "stats_style", "stats_picture", "evidence"}:
            for contact_id in (2, line.newest()) if "<" in page.path else (0,):
                yield re.sub("<.*?>", str(contact_id), page.path) + f"?{query}" * ("act_" in page.name)
    yield from ("/none", "/inbox?all=1", "/stats?by=hour", "/log?kept=1")
