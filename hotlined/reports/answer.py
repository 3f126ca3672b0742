"""The answer's file beside the answer in force: whether there is a text at all, and whether the daemon has read it."""

from collections.abc import Iterator
from dataclasses import replace

from hotlined import conditions
from hotlined import config as configuration
from hotlined.conditions import Condition
from hotlined.config import AnswerConfig, Config
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.reports.trouble import Trouble
from hotlined.rules.policy import Reason
from hotlined.states import REPEATABLE, TroubleCode
from hotlined.status import DaemonStatus
from hotlined.store.file.opening import open_beside_daemon
from hotlined.words.amounts import sentence
from hotlined.words.requests import refusal_in_words
from hotlined.words.sealing import service_of


def troubles(config: Config, daemon: DaemonStatus, *, alive: bool) -> Iterator[Trouble]:
    """Yield the trouble that no answer has a text, or that the answer's file differs from what the daemon has read."""
    obeyed, config = config.answer, configuration.with_answer(config.written or config)  # the desk's copy may be old
    ours = config.answer
    if not obeyed.steps and not (ours.file and ours.file.is_denied and not alive):
        yield _trouble(TroubleCode.NO_ANSWER_TEXT, config, _why_empty(ours), obeyed)
        return
    refused = next((each for each in daemon.trouble if alive and each.code == TroubleCode.ANSWER_REFUSED), None)
    if refused and ours.file and ours.file.problems:
        yield replace(_trouble(TroubleCode.ANSWER_REFUSED, config, _why_another(ours), ours), since=refused.since)
    elif ours.file and not ours.file.is_denied and obeyed.steps != ours.steps:
        yield _trouble(TroubleCode.ANSWER_DIFFERS, config, _why_another(ours), ours)


def empty_in_words(config: Config) -> str:
    """Say that the configuration has no text for the answer, and what to do."""
    return _trouble(TroubleCode.NO_ANSWER_TEXT, config, _why_empty(config.answer), config.answer).sentences


def _why_empty(answer: AnswerConfig) -> Condition:
    if answer.steps:
        return conditions.ANSWER_UNREAD
    return conditions.ANSWER_UNUSABLE if answer.file and answer.file.problems else conditions.ANSWER_EMPTY


def _why_another(answer: AnswerConfig) -> Condition:
    if answer.steps:
        return conditions.ANSWER_DIFFERS
    return conditions.ANSWER_REFUSED if answer.file and answer.file.problems else conditions.ANSWER_EMPTIED


def _trouble(code: TroubleCode, config: Config, known: Condition, answer: AnswerConfig) -> Trouble:
    file = config.answer.text_file or config.path
    problem = next(iter(config.answer.file.problems if config.answer.file else ()), None)
    places = {
        "file": file,
        "unit": service_of(config.name),
        "place": f"{file}:{problem.line}" if problem else file,
        "problem": problem.sentence if problem else "",
    }
    words = _(known.words_message, **places)
    if answer.by_country:
        countries = ", ".join(country for country, _texts in answer.by_country)
        note = _("Numbers of {countries} have a text of their own.", countries=countries)
        words = f"{words} {note}"
    return Trouble(code, words, _(known.cure_message, **places))


def require_text(config: Config, contact_id: int) -> None:
    """Raise RefusedError if the line has no text with which a contact's answer could be sent again."""
    if config.answer.steps:
        return
    from hotlined.store.reading import log  # noqa: PLC0415  `status` needs the troubles, and never shows a contact

    with open_beside_daemon(config.database) as db:
        contact = log.maybe_contact(db, contact_id)
        answer = contact.answer if contact else None
        if answer is None or answer.state not in REPEATABLE or answer.encoding is not None:
            return
        country, _draw = log.chosen_by(db, answer.id)
        if not config.answer.choices(0, country):
            words, cure = refusal_in_words(Reason.NO_ANSWER_TEXT, None)
            raise RefusedError(sentence(_("Refused: {words}", words=words)), cure)
