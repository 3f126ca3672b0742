"""MMS notifications: which originator counts, what people see of both addresses and can block, and their subject."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import store_steps
from conftest import Line, wait_until
from desk import served
from filled import KEVIN, LEA, SENT, Filled

from hotlined import config as configuration
from hotlined.doctor import operation as line_checks
from hotlined.doctor.findings import Health
from hotlined.doctor.host import Host
from hotlined.rules import recognition
from hotlined.simulator import pdus
from hotlined.store.answers import decisions
from hotlined.store.reading import review

ZARA, CENTRE, OPERATOR = "Zara", "8600", "Proximus"


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Give a line without a daemon whose configuration has the name of its operator's centre."""
    line = Filled(tmp_path, numbers={"mms_centres": [OPERATOR]})
    line.source = store_steps.SOURCE._replace(mms_centres=(OPERATOR,))
    with line.db:
        yield line


def announced(filled: Filled, by: str, sender: str = KEVIN, subject: str = "photo") -> int:
    """Receive the notification of an MMS, and return the id of its contact."""
    reference = filled.db.value("SELECT count(*) FROM contacts")
    filled.pdu(*pdus.write_mms(sender, subject, scts=SENT, reference=reference, originator=by))
    return filled.newest()


@pytest.mark.parametrize(
    ("by", "originator", "other"),
    [
        (CENTRE, KEVIN, CENTRE),
        (OPERATOR, KEVIN, OPERATOR),
        (ZARA, ZARA, KEVIN),
        ("PROXIMUS", "PROXIMUS", KEVIN),
        (LEA, LEA, KEVIN),
    ],
)
def test_mms_sender_counts_if_a_known_centre_announced_it(filled: Filled, by: str, originator: str, other: str) -> None:
    """Short codes and exactly spelled configured names are known.

    In all other cases the contact is by the announcer.
    """
    contact = announced(filled, by)
    verdict = filled.judge(contact)
    row = filled.db.the("SELECT originator, other_originator FROM contacts WHERE id = ?", contact)

    assert tuple(row) == (originator, other)
    assert verdict.reason == ("first_contact" if originator in (KEVIN, LEA) else "not_answerable")


def test_mms_announced_by_an_unknown_name_is_not_answered(line: Line) -> None:
    """The contacts belong to that name; the operator's MMS is answered."""
    line.configure(answer={"delay": "0s"}, numbers={"mms_centres": [OPERATOR]})
    line.start()
    line.wait_state("ready")
    for number in range(8):
        line.sim.do("mms", **{"from": f"+3247011000{number}"}, originator=ZARA)
    line.sim.do("mms", **{"from": KEVIN}, originator=OPERATOR)
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE verdict IS NOT NULL") == 9, "nine verdicts")
    wait_until(line.submitted, "an answer")
    wait_until(line.settled, "everything settled")

    assert {sent["recipient"] for sent in line.submitted()} == {KEVIN}
    assert line.count("SELECT count(*) FROM contacts WHERE originator = 'Zara' AND reason = 'not_answerable'") == 8


# ---- output


@pytest.mark.parametrize(("by", "other"), [(CENTRE, CENTRE), (ZARA, KEVIN)])
def test_both_addresses_are_shown(filled: Filled, by: str, other: str) -> None:
    """Log, JSON, CSV, `show` and `export` have them."""
    contact = announced(filled, by)
    originator = KEVIN if other == CENTRE else ZARA
    (entry,) = filled.log()
    shown = filled.run("show", str(contact)).stdout
    thread = filled.run("show", "--number", originator).stdout
    exported = filled.run("export", "--", originator).stdout

    assert (entry["originator"], entry["other_originator"]) == (originator, other)
    assert f"(mms, {other})" in filled.run("log").stdout
    assert f"{originator},{other}," in filled.run("log", "--csv").stdout.replace("'", "")
    assert f"other address  {other}" in shown
    assert f"(mms, {other})" in thread
    assert other in exported


def test_show_of_a_centre_has_the_contacts_that_it_announced(filled: Filled) -> None:
    """Neither `show` nor `log` has contacts of another announcer."""
    announced(filled, CENTRE)
    announced(filled, LEA)
    shown = json.loads(filled.run("show", "--number", CENTRE, "--json").stdout)
    hers = json.loads(filled.run("show", "--number", KEVIN, "--json").stdout)

    assert [contact["originator"] for contact in shown["history"]] == [KEVIN]
    assert [contact["other_originator"] for contact in hers["history"]] == [CENTRE]
    assert [contact["id"] for contact in filled.log("--number", CENTRE)] == [1]


# ---- decisions


@pytest.mark.parametrize("by", [CENTRE, OPERATOR])
def test_announcing_centre_can_be_blocked(filled: Filled, by: str) -> None:
    """`unblock` makes MMS that it announces answerable again."""
    filled.judge(announced(filled, by), delay=3600.0)
    blocked = filled.run("block", by)

    assert (blocked.exit_code, blocked.stdout) == (
        0,
        f"{by} is blocked. 1 answer that waited for it will not be sent.\n",
    )
    assert filled.judge(announced(filled, by, LEA)).reason == "blocked"
    assert "blocked" in filled.run("show", "--number", by).stdout
    assert filled.run("unblock", by).stdout == f"{by} is not blocked any more.\n"
    assert filled.judge(announced(filled, by, "+32470999999")).reason == "first_contact"


def test_block_of_an_unknown_name_is_refused(filled: Filled) -> None:
    """It may be mistyped; a name that wrote before is accepted."""
    refused = filled.run("block", ZARA)
    assert refused.exit_code == 2
    assert "has to have contacted the line" in refused.stderr
    announced(filled, ZARA)
    assert filled.run("block", ZARA).stdout == "Zara is blocked.\n"
    assert filled.run("block", "withheld").exit_code == 2


def test_suggested_command_quotes_the_name(filled: Filled) -> None:
    """Senders choose their names, and a shell would expand them."""
    filled.judge(filled.text("STOP", "$(reboot)"))
    filled.run("block", "$(reboot)")

    assert "--opted-out '$(reboot)'`" in filled.run("unblock", "$(reboot)").stdout


# ---- subjects


def test_subject_is_searched_and_shown_as_a_text(filled: Filled) -> None:
    """The desk, `log`, `show` and `export` have it; one without a subject has no text."""
    contact = announced(filled, CENTRE, subject="Ma belle 😍 " * 12)
    announced(filled, CENTRE, subject="")
    found, without = filled.log()

    assert (found["kind"], found["text"], without["text"]) == ("mms", "Ma belle 😍 " * 12, None)
    assert found["segments"] == {"received": 2, "total": 2}
    assert [each["id"] for each in filled.log("--search", "MA BELLE")] == [contact]
    for words in (("log",), ("show", str(contact)), ("export", KEVIN)):
        assert "Ma belle" in filled.run(*words).stdout
    with served(filled.config) as browser:
        assert "Ma belle" in browser.get(f"/contact/{contact}").words


def test_lost_segment_leaves_the_subject_out(filled: Filled) -> None:
    """The segments beside the gap are not joined."""
    first, lost, last = pdus.write_mms(KEVIN, "x" * 200, scts=SENT, reference=1)
    filled.pdu(first, last)
    assert [each["text"] for each in filled.log()] == [None]
    filled.pdu(lost)
    assert [each["text"] for each in filled.log()] == ["x" * 200]


def test_subject_of_an_opt_out_word_opts_out(line: Line) -> None:
    """The queued answer never leaves."""
    line.configure(answer={"delay": "1h"})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", **{"from": KEVIN}, text="coucou")
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE state = 'queued'") == 1, "a queued answer")
    line.sim.do("mms", **{"from": KEVIN}, subject="ARRÊTE svp")

    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE reason = 'opted_out'") == 1, "the opt-out")
    assert line.count("SELECT count(*) FROM answers WHERE state = 'cancelled' AND reason = 'opted_out'") == 1


def test_forged_sender_does_not_opt_out(filled: Filled) -> None:
    """Only the subscriber who announced it does."""
    filled.judge(filled.text("coucou"), delay=3600.0)
    filled.judge(announced(filled, LEA, KEVIN, subject="STOP"))
    rows = filled.db.all("SELECT number FROM numbers WHERE opted_out_at IS NOT NULL")

    assert [row["number"] for row in rows] == [LEA]
    assert filled.db.value("SELECT state FROM answers") == "queued"


def test_subject_is_erased_as_a_text(filled: Filled) -> None:
    """The words are in no file afterwards."""
    for sender, subject in ((KEVIN, "xylophone"), (LEA, "zeppelin")):
        filled.judge(announced(filled, CENTRE, sender, subject))
    filled.run("cancel", "1")
    assert filled.run("forget", "--yes", LEA).exit_code == 0
    filled.db.connection.execute("UPDATE contacts SET received_limit = received_limit - 91 * 86400")
    assert filled.run("purge").exit_code == 0

    assert [each["text"] for each in filled.log()] == [None]
    octets = b"".join(path.read_bytes() for path in filled.folder.glob("hotlined.db*"))
    for word in ("xylophone", "zeppelin"):
        assert word.encode() not in octets
        assert word.encode().hex().upper().encode() not in octets


def test_subject_with_an_alert_word_waits_for_a_person(filled: Filled) -> None:
    """The queue has it first, also after it was skipped."""
    filled.source = filled.source._replace(words_met=lambda text: recognition.words_met(text, ["tue"]))
    contact = announced(filled, CENTRE, subject="je te tue")
    announced(filled, CENTRE, LEA, subject="photo")
    filled.text("photo ?", LEA)

    assert [*review.queue(filled.db)] == [contact]
    assert review.waiting(filled.db, ()).alert_words == 1
    decisions.skip(filled.db, contact, "anna", filled.now())
    assert [*review.queue(filled.db)] == [contact]
    assert [*review.queue(filled.db, every=True)] == [3, contact]


# ---- doctor


def test_doctor_names_unknown_announcers(filled: Filled) -> None:
    """Admins find the operator's centre there; configured names are left out."""
    assert mms(filled) == (Health.OK, "believed if short codes; Proximus announce it; in 30 days no other name did")
    for by in (ZARA, ZARA, "Orange", CENTRE, OPERATOR, LEA):
        announced(filled, by)
    assert mms(filled) == (
        Health.WARN,
        "announced by names that are not believed, in 30 days: Zara (2); Orange (1)",
    )
    filled.config.write_text(json.dumps(filled.settings | {"numbers": {"mms_centres": ["Orange"]}}))
    assert mms(filled)[1].endswith(": Zara (2)")
    filled.db.connection.execute("UPDATE contacts SET received_limit = received_limit - 31 * 86400")
    assert mms(filled)[0] is Health.OK


def mms(filled: Filled) -> tuple[Health, str]:
    """Return the finding of doctor about MMS."""
    found = line_checks.mms(Host(configuration.load(filled.config)))
    return found.verdict, found.seen
