"""Requests at the desk that the admin looks at a contact: where they stand, what an alert names, what ends them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk, served
from filled import KEVIN, LEA, Filled
from test_desk_pages import follow, press

from hotlined.config import Role, load
from hotlined.machine.clock import Now
from hotlined.store.answers import decisions, tells, verdicts
from hotlined.words.countries import HELPLINES

OTHERS = ("marie", "marie (proxy)")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with a volunteer, an admin and alerts."""
    people = {"marie": "volunteer", "anna": "admin"}
    line = Filled(tmp_path, alerts={"urls": ["json://localhost"]}, web={"people": people, "ask": "Anna, 0470 12 34 56"})
    with line.db:
        yield line


def told(line: Filled) -> int:
    """Return how many requests wait for an admin, by `status --json`."""
    waiting: dict[str, int] = json.loads(line.run("status", "--json").stdout)["waiting"]
    return waiting["told"]


def named(line: Filled, seconds: float) -> list[list[int]]:
    """Return the contacts that alerts name now, this long after the first request."""
    at = line.now()
    now = Now(
        at.utc, line.db.value("SELECT min(at_limit) FROM events WHERE kind = 'told'") + seconds, synchronised=False
    )
    found = [*tells.due(line.db, OTHERS, now)]
    with line.db.transaction():
        for each in found:
            tells.mark_named(line.db, each, now)
    return [[one.contact_id for one in each] for each in found]


def ask(line: Filled, seconds: float, contact_id: int, who: str = "marie") -> None:
    """Let a person ask the admin to look, this long after the first request."""
    first = line.db.value("SELECT min(at_limit) FROM events WHERE kind = 'told'")
    now = line.now()
    tells.tell(
        line.db, contact_id, who, Now(now.utc, now.limit if first is None else first + seconds, synchronised=False)
    )


def test_first_requests_are_named_at_once_and_further_ones_together(line: Filled) -> None:
    """Each person has a pause of ten minutes; an answer that waits ends it."""
    one, two, three, four, five = (line.text(sender=KEVIN) for _ in range(5))
    waiting = line.text(sender=LEA)
    line.judge(waiting, delay=1e6)
    ask(line, 0, one)
    assert named(line, 1) == [[one]]
    ask(line, 2, two)
    ask(line, 3, three, "pi")
    assert named(line, 4) == [[three]]
    ask(line, 5, four)
    assert (named(line, 600), named(line, 601), named(line, 602)) == ([], [[two, four]], [])
    ask(line, 610, five)
    assert named(line, 611) == []
    ask(line, 612, waiting)
    assert named(line, 613) == [[five, waiting]]


def test_a_request_ends_with_what_an_admin_decides(line: Filled) -> None:
    """A volunteer's tag ends none."""
    contact = line.text(sender=LEA)
    line.judge(contact, delay=1e6)
    for decide in (
        lambda: decisions.tag(line.db, contact, "other", "anna", line.now()),
        lambda: decisions.keep(line.db, contact, "anna", line.now()),
        lambda: decisions.keep_no_more(line.db, contact, "anna", line.now()),
        lambda: verdicts.cancel(line.db, contact, "anna", line.now()),
        lambda: decisions.keep_all(line.db, LEA, "anna", line.now()),
        lambda: decisions.block(line.db, LEA, "anna", line.now()),
        lambda: tells.see(line.db, contact, "anna", line.now()),
    ):
        assert told(line) == 0
        with line.db.transaction():
            line.db.execute("UPDATE events SET at_limit = at_limit - 4000 WHERE kind = 'told'")
        tells.tell(line.db, contact, "marie", line.now())
        decisions.tag(line.db, contact, "joke", "marie", line.now())
        assert told(line) == 1
        decide()
    assert told(line) == 0


def test_a_volunteer_tells_the_admin_of_any_text(line: Filled) -> None:
    """It stands on the admin's first page until "Seen"; the volunteer hears that an answer waits."""
    contact = line.text("Mais enfin c'est MAMAN !!", sender=LEA)
    line.judge(contact, delay=1e6)
    with Desk(line.config) as desk:
        marie, anna = desk.proxied("marie"), desk.proxied("anna")
        page = marie.get(f"/contact/{contact}")
        assert "Do not answer him: tell the admin, an answer waits." in page.words
        said = follow(marie, press(marie, page, "/act/tell", 0)).words
        assert f"The admin will hear of contact {contact} within five minutes. An answer to it waits" in said
        assert re.search(r"You are asked to look marie[^:]*: contact 1, .* An answer to it waits\.", anna.get().words)
        assert "You are asked to look" not in marie.get().words
        assert "marie" in line.run("status").stdout

        page = anna.get(f"/contact/{contact}")
        assert "Do not answer him: cancel." in page.words
        assert f'name="contact_id" value="{contact}"' in page.body
        follow(anna, press(anna, page, "/act/seen", 0))
        assert "You are asked to look" not in anna.get().words


def test_the_admin_whom_the_desk_names_is_not_told_to_call_herself(line: Filled) -> None:
    """She reads the cure; the others read whom to call."""
    with Desk(line.config) as desk:
        anna, marie = desk.proxied("anna").get().words, desk.proxied("marie").get().words
    assert "Call Anna, 0470 12 34 56." in marie
    assert "systemctl" not in marie
    assert "The line does not answer. Its program is not running." in anna
    assert "Anna" not in anna
    assert "sudo systemctl start hotlined@main" in anna


@pytest.mark.parametrize("country", [*HELPLINES, "DE"])
def test_each_text_has_the_number_for_who_speaks_of_killing_himself(tmp_path: Path, country: str) -> None:
    """It is that of the line's country; another country has none."""
    line = Filled(tmp_path, numbers={"country": country})
    with line.db, served(line.config) as browser:
        contact = line.text("Je n'en peux plus")
        for path in (f"/contact/{contact}", "/inbox?all=1"):
            words = browser.get(path).words
            found = re.search(r"Somebody speaks of killing himself\? (.*?)Do not answer him\.", words)
            assert found
            assert [each for each in re.split(r"[,.]\s*", found[1]) if each] == [*HELPLINES.get(country, ())]


def test_people_without_the_role_admin_are_the_others(line: Filled) -> None:
    """A Unix user of the same name has another one at the desk."""
    web = load(line.config).web
    assert (dict(web.people)["anna"], web.others) == (Role.ADMIN, OTHERS)
