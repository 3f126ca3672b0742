"""What the database keeps of a problem is English, made of one table, and shown in the language of the line."""

import ast
import html
import json
from collections.abc import Iterator
from pathlib import Path

import extent
import pytest
import store_steps
from filled import KEVIN, Filled
from hypothesis import given, settings
from hypothesis import strategies as st
from test_language import OTHERS, english_in, line, speaking

from hotlined import policy
from hotlined.errors import LifecycleError, PduError
from hotlined.gsm.responses import SubmitRefused, SubmitUnknown
from hotlined.language import Language
from hotlined.problems import NOT_THERE, PROBLEMS, PduField, PduProblem, StateProblem, SubmitProblem
from hotlined.reports.timeline import timeline
from hotlined.states import AnswerState, SegmentState
from hotlined.store.answers import answers, contacts, fates, lifecycle
from hotlined.store.line.line import FREE
from hotlined.store.reading import log
from hotlined.words.problems import problem_in_words

__all__ = ["line"]  # the fixture

ROOT = Path(__file__).parent.parent
EXAMPLES = extent.examples(200, 2000)


def examples() -> Iterator[str]:
    """Yield what may be stored: every problem, with every field, and with a state of each kind."""
    for problem in PROBLEMS:
        for field in PduField if "{field}" in problem else ("",):
            places = {"field": field, "type": 1, "answer": 5, "segment": 7, "seconds": "120", "port": "/dev/ttyUSB0"}
            states = {"to": SegmentState.SENT, "state": AnswerState.UNCONFIRMED}
            yield problem.format(cause="Input/output error", **places, **states)
    yield StateProblem.ANSWER.format(answer=5, to=AnswerState.SENT, state=NOT_THERE)


def test_every_problem_is_known_by_its_wording() -> None:
    """None is taken for another one, and in English each is what is stored, but for codes of states."""
    for problem in examples():
        shown = problem_in_words(problem)
        assert shown == problem.replace("unconfirmed", "perhaps sent")


@OTHERS
def test_every_problem_is_said_in_the_language(language: Language) -> None:
    """The sentence and what fills it: the field, the states, what the system said."""
    with speaking(language):
        said = {problem: str(problem_in_words(problem)) for problem in examples()}
        assert {problem for problem, words in said.items() if english_in(words, language)} == set()
        assert {problem for problem, words in said.items() if words == problem} == set()
        assert "unconfirmed" not in " ".join(said.values())


@OTHERS
@pytest.mark.parametrize("stored", ["ERROR", "+CME ERROR: 10", "truncated", "the daemon of 2024 said so", "", None])
def test_what_is_of_no_table_is_shown_as_it_stands(language: Language, stored: str | None) -> None:
    """What the modem said, and what another version wrote down, keeps its words."""
    with speaking(language):
        assert problem_in_words(stored) == stored


@settings(max_examples=EXAMPLES)
@given(st.one_of(st.binary(max_size=60).map(bytes.hex), st.text(max_size=8)))
def test_whatever_cannot_be_read_has_a_problem_of_the_table(pdu: str) -> None:
    """No octets are refused in other words."""
    problem = contacts.read(pdu, None, None).problem
    with speaking(Language.FRENCH):
        assert problem is None or problem_in_words(problem) != problem


def test_nothing_else_is_stored_of_a_problem() -> None:
    """Every such error, and every refusal that is no result code of the modem, is made of a member of the table."""
    tables = {table.__name__ for table in (PduProblem, StateProblem, SubmitProblem)}
    others = {"answer.final.text", "response.final.text", "error.message", "text"}
    made = set()
    for path in (*(ROOT / "hotlined" / "gsm").glob("*.py"), *(ROOT / "hotlined" / "store").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
                *(PduError.__name__, LifecycleError.__name__, SubmitRefused.__name__, SubmitUnknown.__name__),
            }:
                made.add(ast.unparse(node.args[0]))

    assert {argument for argument in made if argument.split(".")[0] not in tables} <= others
    assert {argument.split(".")[0] for argument in made} >= tables


def test_a_change_of_state_that_is_none_is_told_of_the_table(tmp_path: Path) -> None:
    """What is stored beside a status report that contradicts the rows can be said in French."""
    filled = Filled(tmp_path)
    with filled.db:
        with pytest.raises(LifecycleError) as answer, filled.db.transaction():
            lifecycle.move(filled.db, 9, AnswerState.SENT)
        with pytest.raises(LifecycleError) as segment, filled.db.transaction():
            lifecycle.move_segment(filled.db, 9, SegmentState.SENT)
    assert answer.value.message == "answer 9 cannot become sent: it is not there"
    with speaking(Language.FRENCH):
        for error in (answer, segment):
            assert english_in(str(problem_in_words(error.value.message)), Language.FRENCH) == set()


# ---- what is shown


PORT_LOST = SubmitProblem.PORT_LOST.format(port="/dev/ttyUSB0", cause="Input/output error")
RESULTS = (
    policy.Refused(before_payload=True, words=SubmitProblem.OUT_OF_STEP),
    policy.Refused(before_payload=True, words=SubmitProblem.NO_PROMPT),
    policy.Unknown(policy.AttemptCause.NO_RESULT, SubmitProblem.NO_RESPONSE.format(seconds="120")),
    policy.Unknown(policy.AttemptCause.NO_RESULT, PORT_LOST),
)


@OTHERS
@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.words)
def test_show_says_what_became_of_a_segment_in_the_language(
    tmp_path: Path, language: Language, result: policy.Refused | policy.Unknown
) -> None:
    """A segment that was not taken, or of which nobody knows, leaves no English; JSON has what is stored."""
    filled = Filled(tmp_path, language=language)
    with filled.db:
        filled.judge(filled.text())
        begun = store_steps.segment_of(store_steps.begin_next(filled.db, filled.now()))
        fates.settle(filled.db, begun, result, filled.now())
        details = [part["detail"] for part in json.loads(shown(filled, 1, "--json"))["answer"]["parts"]]

        assert result.words in details
        assert result.words not in shown(filled, 1)
        assert english_in(shown(filled, 1), language) == set()


@OTHERS
def test_show_and_the_page_of_evidence_say_why_a_text_cannot_be_read(tmp_path: Path, language: Language) -> None:
    """What people read is in the language; JSON and CSV have what is stored."""
    filled, page = Filled(tmp_path, language=language), tmp_path / "page"
    with filled.db:
        filled.pdu("00")
        problem = json.loads(shown(filled, 1, "--json"))["parts"][0]["problem"]
        assert problem == "truncated in the first octet"
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
def test_what_the_program_failed_on_is_said_in_the_language(tmp_path: Path, language: Language) -> None:
    """That a contact was set aside is no English in `show`, nor in the desk's timeline; the error keeps its name."""
    filled = Filled(tmp_path, language=language)
    with filled.db:
        answers.set_contact_aside(filled.db, filled.text(), "KeyError('x')", filled.now())
        contact = log.maybe_contact(filled.db, 1)
        assert contact
        with speaking(language):
            told = " ".join(step.words for step in timeline(contact, FREE))
        for words in (shown(filled, 1), told):
            assert "KeyError('x')" in words
            assert "set aside" not in words.casefold()
            assert english_in(words, language) == set()


def shown(filled: Filled, contact_id: int, *options: str) -> str:
    """Return what `show` prints, on one line."""
    result = filled.run("show", str(contact_id), *options)
    assert result.exit_code == 0
    return result.stdout if options else " ".join(result.stdout.split())
