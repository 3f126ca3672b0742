"""The digest: one mail a day or a week with figures and health, without anybody's number or text."""

import email
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filled import KEVIN, LEA
from hypothesis import given
from hypothesis import strategies as st
from test_alerts import Quiet, Receiver, receiver

from hotlined.alerts import digest
from hotlined.alerts.channels import Channel, post
from hotlined.alerts.channels import Message as AlertMessage
from hotlined.alerts.digest import Edition, is_due, newest
from hotlined.config import Digest
from hotlined.machine import clock
from hotlined.machine.clock import Now, rfc3339
from hotlined.status import DaemonTrouble
from hotlined.store.answers import words_met
from hotlined.store.line import alerting, events

__all__ = ["receiver"]

HOSTILE = "call me on 0475 99 88 77, +32 475 99 88 77\n\x1b[31m<b>=1+1\u202e"
MONDAY = date(2026, 11, 23)


# ---- the digest that is due


def local(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """Return a moment in local time."""
    return datetime(day.year, day.month, day.day, hour, minute).astimezone()


@pytest.fixture(params=["Europe/Brussels", "UTC", "Pacific/Kiritimati", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set a time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_a_week_is_due_on_monday_at_eight_and_a_day_each_morning() -> None:
    """A week ends on Sunday, a day at midnight."""
    week = timedelta(days=7)
    this = Edition(local(MONDAY - week), local(MONDAY), local(MONDAY, 8))
    before = Edition(local(MONDAY - 2 * week), local(MONDAY - week), local(MONDAY - week, 8))
    sunday = MONDAY + timedelta(days=6)

    assert newest(Digest.WEEKLY, local(MONDAY, 7, 59)) == before
    assert newest(Digest.WEEKLY, local(MONDAY, 8)) == this
    assert newest(Digest.WEEKLY, local(sunday, 23, 59)) == this
    day = timedelta(days=1)
    assert newest(Digest.DAILY, local(MONDAY, 8)) == Edition(local(MONDAY - day), local(MONDAY), local(MONDAY, 8))
    assert newest(Digest.DAILY, local(MONDAY, 7)).end == local(MONDAY - day)


def test_a_day_may_have_25_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is covered whole; its digest is due by the new time."""
    monkeypatch.setenv("TZ", "Europe/Brussels")
    time.tzset()
    edition = newest(Digest.DAILY, datetime(2026, 10, 26, 7, 30, tzinfo=UTC))
    monkeypatch.undo()
    time.tzset()

    assert edition.end - edition.start == timedelta(hours=25)
    assert edition.since == datetime(2026, 10, 26, 7, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(1, 60 * 24 * 30), st.booleans()), max_size=30), st.sampled_from(Digest))
def test_each_digest_is_sent_once(steps: list[tuple[int, bool]], rhythm: Digest) -> None:
    """Only the newest is sent, however long the machine was off.

    It goes out at the first run after its morning with a synchronised clock.
    """
    now, last, sent = local(MONDAY, 12).astimezone(UTC), None, list[Edition]()
    for minutes, synchronised in steps:
        now += timedelta(minutes=minutes)
        edition = newest(rhythm, now)
        due = is_due(edition, last, Now(now, 0.0, synchronised))
        assert due == (synchronised and edition not in sent)
        if due:
            sent.append(edition)
            last = rfc3339(now)


@pytest.mark.parametrize("begins", [date(2026, 12, 28), date(2027, 3, 22), date(2027, 10, 25)])
@pytest.mark.parametrize("rhythm", Digest)
def test_new_year_and_clock_changes_lose_no_hour(begins: date, rhythm: Digest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer runs on over them; each digest is sent once and begins where the one before ended."""
    monkeypatch.setenv("TZ", "Europe/Brussels")
    time.tzset()
    now, last, sent = local(begins, 12).astimezone(UTC), None, list[Edition]()
    for _ in range(15 * 24 * 12):
        edition = newest(rhythm, now)
        if is_due(edition, last, Now(now, 0.0, synchronised=True)):
            assert now.astimezone().hour == (8 if sent else 12)
            sent.append(edition)
            last = rfc3339(now)
        now += timedelta(minutes=5)
    monkeypatch.undo()
    time.tzset()

    assert len(sent) == (16 if rhythm is Digest.DAILY else 3)
    assert all(one.end == two.start for one, two in pairwise(sent))


def test_a_clock_once_ahead_does_not_end_the_digest() -> None:
    """A digest recorded years ahead is none that was due since."""
    now = local(MONDAY, 9).astimezone(UTC)
    edition = newest(Digest.WEEKLY, now)

    assert is_due(edition, "2031-01-01T00:00:00.000Z", Now(now, 0.0, synchronised=True))
    assert not is_due(edition, rfc3339(now), Now(now, 0.0, synchronised=True))


# ---- as a program


class Weekly(Quiet):
    """A line whose contacts came on the second day of the week of the newest digest."""

    def now(self) -> Now:
        """Return the next moment of that day."""
        moment = super().now()
        day = newest(Digest.WEEKLY, datetime.now(UTC)).start + timedelta(days=1)
        return Now(day.astimezone(UTC) + timedelta(seconds=moment.limit - self._began), moment.limit, synchronised=True)

    def fill(self) -> None:
        """Receive and answer texts, one answer unconfirmed, and get reactions, one of them hostile."""
        self.judge(self.text(sender=KEVIN))
        self.send()
        self.text(HOSTILE, sender=KEVIN)
        self.judge(self.text(sender=LEA))
        self.send((9, None))


@pytest.fixture
def weekly(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Weekly]]:
    """Give a maker of lines with a digest and a synchronised clock."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(clock, "synchronised", lambda: True)
    made: list[Weekly] = []

    def make(**alerts: Any) -> Weekly:
        made.append(Weekly(tmp_path, receiver, **{"digest": "weekly", **alerts}))
        return made[0]

    yield make
    for line in made:
        line.db.close()


def test_a_week_is_mailed_once(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """Figures, waiting answers and the line's state are in it."""
    line = weekly()
    line.fill()
    contact = line.text("Je vais te tuer", sender="+32499000111")
    with line.db.transaction():
        words_met.note(line.db, contact, ["tuer"])
    code, output = line.alerts()
    body = next(body for _, body in receiver.came if "the week" in body["title"])
    came, waits, health = (part.split("\n") for part in body["message"].split("\n\n"))

    assert code == 0
    assert f"alerts.urls entry 1: {body['title']}\n" in output
    assert re.fullmatch("hotlined fr: the week, [0-9].* to [0-9]+ [A-Z][a-z]+ 20[0-9]{2}", body["title"])
    assert came[0] == "What came"
    assert came[1].startswith("- 4 texts in ")
    assert "- 3 different telephone numbers texted or called." in came
    assert not [words for words in came if "EUR" in words]
    assert waits == [
        "What waits for a person",
        "- 1 text has a word of alerts.words, and nobody has tagged it: hotlined review",
        "- 1 reaction wants a tag: hotlined review",
        (
            "- 1 answer of this time was perhaps sent, and goes out again only if you ask for it:"
            " hotlined log --state unconfirmed"
        ),
    ]
    assert health[:2] == ["How the line is", "- Nothing is wrong."]
    assert "- Of the month's budget 4 of 3,000 segments are spent." in health

    line.alerts()
    assert ["the week" in body["title"] for _, body in receiver.came].count(True) == 1


def test_a_digest_has_no_number_and_no_text(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """There are no names, markup or control characters either."""
    line = weekly()
    line.fill()
    line.alerts()
    ((_, body),) = receiver.came
    text = f"{body['title']} {body['message']}"

    digits = re.sub(r"[^0-9]", "", KEVIN)[-6:], re.sub(r"[^0-9]", "", LEA)[-6:], "998877", "475"
    assert not any(run in re.sub(r"[ .,/-]", "", text) for run in digits)
    assert not any(word in text for word in ("call me", "Salut", "<b>", "\x1b", "\u202e", "=1+1"))
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_digest_has_troubles_with_cures_and_the_balance(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """The balance is dated; the modem's ready time is there."""
    line = weekly()
    week = newest(Digest.WEEKLY, datetime.now(UTC))
    for days, kind in ((0, "modem_ready"), (5, "modem_absent"), (6, "modem_ready")):
        moment = Now((week.start + timedelta(days=days)).astimezone(UTC), 0.0, synchronised=True)
        with line.db.transaction():
            events.record(line.db, moment, kind)
    line.db.connection.execute("UPDATE line_state SET balance = '12.5', balance_at = '2026-11-22T08:00:00.000Z'")
    line.settings["credit"] = {"valid_for": "365d"}
    line.config.write_text(json.dumps(line.settings))
    line.db.connection.execute(
        "UPDATE line_state SET topped_up_at = ?, topped_up_by = 'her'", (rfc3339(datetime.now(UTC)),)
    )
    line.say("sim_absent", trouble=(DaemonTrouble("sim_absent"),))
    line.alerts()
    (message,) = [body["message"] for _, body in receiver.came if "the week" in body["title"]]

    assert "- There is no SIM in the modem. Put it in, contacts down" in message
    lives = (datetime.now().astimezone() + timedelta(days=365)).strftime("%b %Y")
    assert re.search(rf"- Without a top-up the SIM ends on [0-9]+ {lives}\.", message)
    assert "Nothing is wrong" not in message
    assert "- The modem was ready 85.7 % of the time." in message
    assert re.search(r"- The balance was 12\.50 EUR, asked on 22 Nov( 2026)? [0-9]{2}:00\.", message)


def test_a_failed_channel_gets_only_the_newest_digest(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """A digest is tried for longer than an alert."""
    line = weekly()
    receiver.refused.add("/a")
    assert line.alerts()[0] == 1
    line.later(alerting.GIVEN_UP_AFTER_SECONDS * 3)
    receiver.refused.clear()
    receiver.came.clear()
    line.alerts()
    line.alerts()
    assert len(receiver.titles()) == 1

    receiver.refused.add("/a")
    for _ in range(2):  # a week passes, and another
        line.db.connection.execute("UPDATE alerts SET at = '2020-01-01T00:00:00.000Z' WHERE condition = 'digest'")
        line.alerts()
    receiver.refused.clear()
    receiver.came.clear()
    line.alerts()
    assert len(receiver.titles()) == 1


def test_no_digest_is_sent_by_an_unset_clock(
    weekly: Callable[..., Weekly], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest goes once the clock is synchronised."""
    line = weekly()
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    line.alerts()
    assert receiver.came == []
    monkeypatch.setattr(clock, "synchronised", lambda: True)
    line.alerts()
    assert len(receiver.titles()) == 1


def test_without_digest_or_with_texts_alone_none_is_sent(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """None is recorded, or asked of the daemon."""
    line = weekly(digest=None)
    line.alerts()
    assert receiver.came == []
    line.settings["alerts"] = {"digest": "daily", "sms_to": "+32470999888"}
    line.config.write_text(json.dumps(line.settings))

    assert line.alerts() == (0, "")
    assert alerting.maybe_last_digest(line.db) is None
    assert line.db.one("SELECT 1 FROM requests") is None


def test_a_killed_run_sends_the_digest_once_more_at_most(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """It is recorded first; the next run sends what a crash interrupted."""
    line = weekly()
    receiver.before_answer = lambda: (_ for _ in ()).throw(ConnectionResetError())
    line.alerts()
    receiver.came.clear()
    receiver.before_answer = lambda: None
    line.alerts()
    line.alerts()

    assert len(receiver.titles()) == 1
    assert len(line.db.all("SELECT 1 FROM alerts WHERE condition = 'digest'")) == 1


def test_a_failing_digest_delays_no_alert(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """Figures that cannot be read cost only the digest."""
    line = weekly()
    line.fill()
    contact = line.text("Je vais te tuer", sender="+32499000111")
    with line.db.transaction():
        words_met.note(line.db, contact, ["tuer"])
    line.db.connection.execute("UPDATE contacts SET tags = 'torn'")
    code, _ = line.alerts()

    assert code != 0
    assert [body["title"] for _, body in receiver.came] == ["hotlined fr: a text has a word of alerts.words"]


def test_dry_run_shows_it_due_or_not(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """Nothing is sent."""
    line = weekly()
    line.fill()
    code, output = line.alerts("--dry-run")
    assert code == 0
    assert output.startswith("This digest is due: hotlined fr: the week, ")
    assert "\n\nWhat waits for a person\n- 1 reaction wants a tag" in output
    assert receiver.came == []

    line.alerts()
    code, output = line.alerts("--dry-run")
    assert output.startswith(
        "Nothing is due.\nNo digest is due. The newest one, as it would be now: hotlined fr: the week"
    )
    assert "\n- 3 texts in " in output


def test_a_digest_is_bounded(weekly: Callable[..., Weekly], receiver: Receiver) -> None:
    """Most chats take 4,096 characters; thousands of tags would be more."""
    line = weekly()
    contact = line.text()
    tags = json.dumps([f"a-tag-that-is-long-{number}" for number in range(1000)])
    line.db.connection.execute("UPDATE contacts SET tags = ? WHERE id = ?", (tags, contact))
    line.alerts()
    ((_, body),) = receiver.came

    assert 3_500 < len(body["message"]) <= 4_096
    assert digest.LONGEST < 4_000


# ---- what a mail client gets


class Mailbox:
    """A mail server that takes one mail (RFC 5321)."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.mail = b""
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rwb") as file:
            file.write(b"220 mailbox\r\n")
            file.flush()
            is_body = False
            for line in file:
                if is_body and line != b".\r\n":
                    self.mail += line
                    continue
                reply = b"354 go\r\n" if line.upper().startswith(b"DATA") else b"250 ok\r\n"
                is_body = reply.startswith(b"354")
                file.write(reply)
                file.flush()
                if line.upper().startswith(b"QUIT"):
                    break

    def parts(self) -> dict[str, str]:
        """Return the mail's parts by their kinds."""
        self.thread.join(10)
        self.listener.close()
        mail: Message = email.message_from_bytes(self.mail)
        return {
            part.get_content_type(): bytes(part.get_payload(decode=True)).decode()
            for part in mail.walk()
            if not part.is_multipart()
        }


def test_a_mail_keeps_its_lines() -> None:
    """Markup is shown as text."""
    mailbox = Mailbox()
    url = f"mailto://{mailbox.address}?from=line@example.org&to=her@example.org"
    post(
        Channel("abc", "mail", url), AlertMessage("the week", "What came\n- 3 texts & <1 call>\n\nWaits\n- Nothing.", 0)
    )
    parts = mailbox.parts()

    assert "What came\n- 3 texts & <1 call>" in parts["text/plain"].replace("\r\n", "\n")
    assert re.search("What came *<br ?/?>\\s*- 3 texts", parts["text/html"].replace("&nbsp;", " "))
    assert "<1 call>" not in parts["text/html"]


def test_os_has_time_zones() -> None:
    """An unknown zone would be UTC, and these tests prove nothing."""
    assert all((Path("/usr/share/zoneinfo") / name).exists() for name in ("Europe/Brussels", "Pacific/Kiritimati"))
    assert os.environ.get("TZ") != "Pacific/Kiritimati"
