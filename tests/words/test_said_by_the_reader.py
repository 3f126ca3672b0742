"""Troubles are stored as codes with values in status file, requests and database; their reader puts them in words."""

import contextlib
import errno
import html
import json
import os
import re
from pathlib import Path

import extent
import pytest
import store_steps
from conftest import PATIENCE_SECONDS, Line, wait_until
from filled import KEVIN, Filled
from hypothesis import given, settings
from hypothesis import strategies as st
from test_language import OTHERS, TRANSLATED, english_in, speaking

from hotlined.causes import CauseCode, CodedCause, SystemCause
from hotlined.errors import CausedError, LifecycleError, PortError, PortLostError, TextError, number_of, reason_of
from hotlined.gsm.alphabet import plan
from hotlined.gsm.finding import Holder
from hotlined.gsm.port import Port, maybe_shared
from hotlined.language import Language
from hotlined.reports.timeline import timeline
from hotlined.rules import policy
from hotlined.states import AnswerState, PduProblem, SegmentState, SubmitProblem
from hotlined.store.answers import contacts, fates, lifecycle, verdicts
from hotlined.store.line import requests
from hotlined.store.line.line_row import FREE
from hotlined.store.reading import log
from hotlined.words.reasons import problem_in_words
from hotlined.words.requests import refusal_in_words

EXAMPLES = extent.examples(200, 2000)
VALUES = {
    "file": "/var/lib/hotlined-main/hotlined.db",
    "owner": "4321",
    "user": "hotlined-main",
    "cure": "`sudo chown -R hotlined-main:hotlined-main /var/lib/hotlined-main`.",
    "folder": "/mnt/theirs",
    "port": "/dev/ttyUSB2",
    "path": "/etc/hotlined/main.pin",
    "storage": "SM",
    "answer": "+CME ERROR: 10",
    "stick": "ZTE MF190 (19d2:0083)",
    "vendor": "19d2",
    "product": "0083",
    "command": "AT+CMGF=0",
    "modem": "",
    "lines": ["nl"],
    "sticks": ["/dev/ttyUSB2"],
    "settings": [],
    "seconds": 120.0,
    "code": "*121#",
    "cause": errno.EIO,
    "typed": "0470",
    "reason": errno.ENOENT,
    "country": "BE",
    "characters": ["é"],
    "number": 300,
    "most": 255,
    "name": "main",
    "holders": ["4711 minicom", "4712 hotlined"],
}
"""A value for every place in a sentence, as the writer stores it."""


@pytest.mark.parametrize("code", CauseCode)
def test_every_cause_has_a_sentence_in_every_language(code: CauseCode) -> None:
    """Its places are filled, and it has no English word left."""
    cause = CodedCause(code, VALUES)
    english = cause.words
    assert english
    assert not re.search(r"[{}…]", f"{english} {cause.cure}")
    for language in TRANSLATED:
        with speaking(language):
            assert cause.words != english
            assert english_in(f"{cause.words} | {cause.cure}", language, words=2) == set()


@given(
    st.text(max_size=9), st.dictionaries(st.sampled_from([*VALUES]), st.text(max_size=9) | st.integers() | st.none())
)
@settings(max_examples=EXAMPLES)
def test_an_entry_of_another_version_is_shown_as_far_as_known(text: str, values: dict[str, str]) -> None:
    """Missing values are ellipses; unknown codes have no words.

    A value with braces stays as it is.
    """
    for code in (text, *CauseCode):
        cause = CodedCause(code, values)
        assert isinstance(cause.words + cause.cure, str)
    assert (CodedCause("of 2031").words, CodedCause("of 2031").cure) == ("", "")
    assert CodedCause(CauseCode.PORT_MISSING).words == "There is no modem at …."
    assert CodedCause(CauseCode.PORT_MISSING, {"port": "{answer!r}"}).words == "There is no modem at {answer!r}."


# ---- the status file


@OTHERS
def test_the_status_file_has_codes_and_status_has_words(line: Line, language: Language) -> None:
    """The daemon writes no sentence; JSON has the line's language, too."""
    port = str(line.folder / "none")
    line.configure(language=language, modem={"port": port})
    line.start()
    wait_until(lambda: line.status()["modem"]["state"] == "absent", "a modem that is missed")
    (written,) = line.status()["trouble"]
    said = json.loads(line.cli("status", "--json", check=False))["trouble"][0]

    assert {name: written[name] for name in ("code", "cause", "values")} == {
        "code": "absent",
        "cause": "port_missing",
        "values": {"port": port},
    }
    assert said["words"] in " ".join(line.cli("status", check=False).replace("\N{NO-BREAK SPACE}", " ").split())
    assert port in said["words"]
    assert english_in(f"{said['words']} {said['cure']}", language) == set()


# ---- refusals of the system, a port and a text


def refused(number: int) -> OSError:
    """Return Python's error for an error number of the system."""
    return OSError(number, os.strerror(number))


MET = (
    *("ENOENT", "EACCES", "EPERM", "ENOSPC", "EROFS", "EBUSY", "EIO", "ENODEV", "ENXIO"),
    *("ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT", "EADDRINUSE"),
)
"""Errors on a Pi: of a file, a right, a disk, a stick, a machine of the network."""


@OTHERS
@pytest.mark.parametrize("name", MET)
def test_common_errors_of_the_system_are_translated(language: Language, name: str) -> None:
    """Their number counts; English keeps the C library's words."""
    number = getattr(errno, name)
    assert number_of(refused(number)) == number
    assert reason_of(refused(number)) == os.strerror(number)
    with speaking(language):
        assert reason_of(refused(number)) != os.strerror(number)


@OTHERS
def test_rare_errors_of_the_system_keep_its_words(language: Language) -> None:
    """Our own words beside a number stay, too.

    A socket that is silent has no words of its own.
    """
    with speaking(language):
        assert reason_of(refused(errno.EXDEV)) == os.strerror(errno.EXDEV)
        assert reason_of(PermissionError(errno.EACCES, "it is Anna's")) == "it is Anna's"
        silent = reason_of(refused(errno.ETIMEDOUT))
        assert reason_of(TimeoutError()) == reason_of(TimeoutError("timed out")) == silent


def cause_of(error: CausedError) -> tuple[str, object]:
    """Return an error's code and the value `cause`."""
    assert error.cause
    return error.cause.code, error.cause.values.get("cause")


def test_the_loss_of_a_port_is_stored_as_the_systems_number(tmp_path: Path) -> None:
    """Pyserial's words are left out; an error may lack a number."""
    master, slave = os.openpty()
    port = Port(os.ttyname(slave))
    os.close(slave)
    os.close(master)
    with contextlib.closing(port), pytest.raises(PortLostError) as lost:
        port.read(PATIENCE_SECONDS)
    with pytest.raises(PortError) as unopened:
        Port(str(tmp_path))

    assert cause_of(lost.value) in {("port_lost", errno.EIO), ("port_lost", SystemCause.HUNG_UP)}
    assert cause_of(unopened.value) == ("port_unopened", errno.EISDIR)
    assert "Is a directory" in unopened.value.message
    assert unopened.value.hint


def test_holders_of_a_port_are_named_with_their_cure() -> None:
    """Each has its process ID; a shared cure is given once."""
    rivals = [Holder(4711, "minicom"), Holder(4712, "ModemManager"), Holder(4713, "ModemManager")]
    error = maybe_shared("/dev/ttyUSB0", lambda _port: rivals)

    assert error is not None
    assert "minicom (process 4711), ModemManager (process 4712), ModemManager (process 4713)" in error.message
    assert error.hint == "Stop it: `sudo kill 4711`. Keep it off for good: `sudo systemctl mask --now ModemManager`."


# ---- requests


@OTHERS
def test_a_refused_request_is_stored_as_a_code(tmp_path: Path, language: Language) -> None:
    """Values are beside it; the person reads a sentence with its cure."""
    filled = Filled(tmp_path)
    with pytest.raises(TextError) as raised:
        plan("é" * 40_000)
    assert raised.value.cause
    with filled.db:
        request = requests.ask(filled.db, requests.RequestVerb.SEND, {}, "anna", filled.now())
        requests.refuse(
            filled.db, request, CauseCode(raised.value.cause.code), filled.now(), **raised.value.cause.values
        )
        progress = requests.progress_of(filled.db, request)
    assert (progress.result, json.loads(progress.detail or "")) == ("text_too_long", {"number": 262, "most": 255})
    with speaking(language):
        words, cure = refusal_in_words(progress.result or "", progress.detail)
        assert "262" in words
        assert english_in(f"{words} | {cure}", language) == set()


# ---- segments


@settings(max_examples=EXAMPLES)
@given(st.one_of(st.binary(max_size=60).map(bytes.hex), st.text(max_size=8)))
def test_every_unreadable_text_has_a_code(pdu: str) -> None:
    """Its segment is stored without words."""
    problem = contacts.read(pdu, None, None).problem
    assert problem is None or problem in list(PduProblem)


@OTHERS
def test_every_problem_of_a_segment_is_translated(language: Language) -> None:
    """Words of the modem or of another version stay as they are."""
    with speaking(language):
        said = [str(problem_in_words(problem)) for problem in (*PduProblem, *SubmitProblem)]
        assert not {*said} & {*PduProblem, *SubmitProblem}
        assert english_in(" | ".join(said), language) == set()
        for stored in ("ERROR", "+CME ERROR: 10", "the daemon of 2031 said so", "", None):
            assert problem_in_words(stored) == (stored or None)


def test_a_contradicting_report_names_the_refused_change(tmp_path: Path) -> None:
    """The store refuses a state that the answer cannot have."""
    filled = Filled(tmp_path)
    with filled.db:
        with pytest.raises(LifecycleError) as answer, filled.db.transaction():
            lifecycle.move(filled.db, 9, AnswerState.SENT)
        with pytest.raises(LifecycleError, match="segment 9"), filled.db.transaction():
            lifecycle.move_segment(filled.db, 9, SegmentState.SENT)
    assert answer.value.message == "answer 9 cannot become sent: it is not there"


RESULTS = (
    policy.Refused(before_payload=True, detail=SubmitProblem.OUT_OF_STEP),
    policy.Refused(before_payload=True, detail=SubmitProblem.NO_PROMPT),
    policy.Unknown(policy.AttemptCause.NO_RESULT, SubmitProblem.NO_RESPONSE),
    policy.Unknown(policy.AttemptCause.NO_RESULT, SubmitProblem.PORT_LOST),
)


@OTHERS
@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.detail)
def test_show_translates_the_fate_of_a_segment(
    tmp_path: Path, language: Language, result: policy.Refused | policy.Unknown
) -> None:
    """No English word is left in it; JSON has the code."""
    filled = Filled(tmp_path, language=language)
    with filled.db:
        filled.judge(filled.text())
        begun = store_steps.segment_of(store_steps.begin_next(filled.db, filled.now()))
        fates.settle(filled.db, begun, result, filled.now())
        details = [part["detail"] for part in json.loads(shown(filled, 1, "--json"))["answer"]["parts"]]

        assert result.detail in details
        assert result.detail not in shown(filled, 1)
        assert english_in(shown(filled, 1), language) == set()


@OTHERS
def test_an_undecodable_text_is_explained_in_the_language(tmp_path: Path, language: Language) -> None:
    """The page of evidence is translated, too; JSON and CSV have codes."""
    filled, page = Filled(tmp_path, language=language), tmp_path / "page"
    with filled.db:
        filled.pdu("0")
        problem = json.loads(shown(filled, 1, "--json"))["parts"][0]["problem"]
        assert problem == "not_hexadecimal"
        assert problem not in shown(filled, 1)
        assert english_in(shown(filled, 1), language) == set()

        filled.text()
        filled.db.connection.execute("UPDATE segments SET problem = ? WHERE contact_id = 2", (problem,))
        filled.evidence(KEVIN, page)
    with speaking(language):
        assert html.escape(str(problem_in_words(problem))) in (page / "evidence.html").read_text("utf-8")
    assert {path.name for path in page.iterdir() if problem in path.read_text("utf-8")} == {
        "segments.csv",
        "evidence.json",
    }


@OTHERS
def test_a_failure_of_the_program_is_shown_in_the_language(tmp_path: Path, language: Language) -> None:
    """`show` and the desk have no English; the error keeps its name."""
    filled = Filled(tmp_path, language=language)
    with filled.db:
        verdicts.set_contact_aside(filled.db, filled.text(), "KeyError('x')", filled.now())
        contact = log.maybe_contact(filled.db, 1)
        assert contact
        with speaking(language):
            told = " ".join(step.words for step in timeline(contact, FREE))
        for words in (shown(filled, 1), told):
            assert "KeyError('x')" in words
            assert "set aside" not in words.casefold()
            assert english_in(words, language) == set()


def shown(filled: Filled, contact_id: int, *options: str) -> str:
    """Return the output of `show` on one line."""
    result = filled.run("show", str(contact_id), *options)
    assert result.exit_code == 0
    return result.stdout if options else " ".join(result.stdout.split())
