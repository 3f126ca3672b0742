"""Settings that are allowed and may be a mistake: a warning for each, in the order of config.yaml's sections.

`hotlined.config` refuses a setting that can only be a mistake. `limits` and `selftest` say what a setting costs.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from hotlined import conditions
from hotlined.config import Config
from hotlined.gsm.alphabet import plan
from hotlined.language import _
from hotlined.machine.files import is_missing
from hotlined.reports import sim_country
from hotlined.reports.answer import empty_in_words
from hotlined.reports.limits import worst_case
from hotlined.reports.seen import words_go_nowhere
from hotlined.rules.policy import Limits
from hotlined.words.amounts import in_segments

_MARKS = ("«»", "“”", "„”", "„“", "””", "‘’", '""', "''")
"""Pairs of quotation marks that people may put around a text where YAML does not take them as quotes."""


def risks(config: Config) -> Iterator[str]:
    """Yield a sentence for each setting that may be a mistake."""
    yield from _of_answer(config)
    yield from _of_limits(config)
    yield from _of_numbers(config)
    yield from _of_alerts(config)
    yield from _of_web(config)


def _of_answer(config: Config) -> Iterator[str]:
    answer = config.answer
    if not answer.steps:
        yield empty_in_words(config)
    yield from of_texts(answer.texts)
    if answer.delay[0] < timedelta(minutes=10):
        yield _("answer.delay begins below 10m: an answer may arrive before she is gone.")


def of_texts(texts: Iterable[str]) -> Iterator[str]:
    """Yield a sentence if a text of the answer has quotation marks around it."""
    if marks := next(filter(None, map(_maybe_marks, texts)), None):
        yield _(
            "the text is between {opening} and {closing}: these marks are part of the answer.",
            opening=marks[0],
            closing=marks[1],
        )


def _of_limits(config: Config) -> Iterator[str]:
    limits, least = config.limits, min(worst_case(config.limits).values())
    largest = max((plan(text, config.answer.encoding).segments for text in config.answer.texts), default=0)
    if limits.per_number == 0:
        yield _("limits.per_number is 0: nobody is ever answered.")
    if least == 0:
        yield _("limits.segments has a 0: nothing is ever sent.")
    elif least < largest:
        yield _("limits.segments has no room for an answer of {segments}.", segments=in_segments(largest))
    elif not limits.segments.hour <= limits.segments.day <= limits.segments.month:
        yield _("limits.segments allows more in one period than in a longer one: that holds nothing back.")
    if limits.reserve_for_new == 100:
        yield _("limits.reserve_for_new is {share}: a number is never answered again.", share="100%")
    if not limits.cooldown[-1]:
        yield _("limits.cooldown ends with 0s: only limits.per_number holds back who texts on.")
    elif timedelta(0) in limits.cooldown:
        yield _("limits.cooldown has a 0s: who writes back is answered again, and costs more than one answer.")
    elif limits.cooldown[-1] < timedelta(days=1) and limits.per_number > Limits().per_number:
        yield _(
            "limits.cooldown ends below 24h: who texts on soon has all {number} answers of limits.per_number.",
            number=limits.per_number,
        )


def _of_numbers(config: Config) -> Iterator[str]:
    answered = config.numbers.answer_countries
    if unanswered := [country for country, _texts in config.answer.by_country if country not in answered]:
        yield _(
            "answer.by_country has {countries}, numbers.answer_countries has not: nobody there gets it.",
            countries=", ".join(unanswered),
        )
    if not answered:
        yield _("numbers.answer_countries is empty: nobody is ever answered.")
    if risk := sim_country.maybe_risk(config):
        yield risk


def _of_alerts(config: Config) -> Iterator[str]:
    alerts = config.alerts
    if words_go_nowhere(config):
        known = conditions.ALERTS_NOWHERE
        yield f"{known.words} {known.cure.format(name=config.name)}"
    if alerts.digest is not None and not alerts.urls and alerts.urls_file is None:
        yield _("alerts.digest: no alerts.urls and no alerts.urls_file: only systemd's credential says where it goes.")
    if alerts.selftest is None:
        yield _("alerts.selftest is null: nobody notices a line that receives nothing.")
    if is_missing(alerts.urls_file):
        yield _("alerts.urls_file: there is no {path}, so alerts do not go where it says.", path=alerts.urls_file)


def _of_web(config: Config) -> Iterator[str]:
    web = config.web
    if web.people and not web.hosts:
        yield _("web.people without web.hosts: the desk answers to the name localhost alone, so no phone opens it.")
    if web.people and web.ask is None:
        yield _("web.people without web.ask: where the desk says whom to call, it has no name and no number.")


def _maybe_marks(text: str) -> str | None:
    """Return the quotation marks around a whole text, or None."""
    if len(text) < 2:
        return None
    within = text[1:-1]
    return next((m for m in _MARKS if text[0] == m[0] and text[-1] == m[1] and m[0] not in within), None)
