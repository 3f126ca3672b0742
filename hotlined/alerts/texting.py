"""Alerts as text messages: the daemon sends them, within the line's own budget."""

import time

from hotlined.alerts.channels import Channel
from hotlined.conditions import NOT_RUNNING
from hotlined.config import Config
from hotlined.errors import RefusedError
from hotlined.gsm.alphabet import plan, smart
from hotlined.language import _
from hotlined.reports.overview import LineReport
from hotlined.states import AlertCondition, ModemState, RequestState
from hotlined.store.line import alerting, requests
from hotlined.store.line.alerting import Alert
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of
from hotlined.words.requests import result_in_words

KEY = "sms"
RESULT_SECONDS = 60.0  # the wait for the result of a text; after it the next run looks again
LOOK_SECONDS = 0.2
WHO = "hotlined alerts"
"""The name under which alerts ask the daemon for a text."""


def channel(config: Config) -> list[Channel]:
    """Return the channel of alerts.sms_to, if it is configured."""
    return [Channel(KEY, "alerts.sms_to")] if config.alerts.sms_to and config.alerts.sms_per_day else []


def subject(config: Config, title: str) -> str:
    """Return the headline of an alert."""
    return f"hotlined {config.line}: {title}"


def fitting(config: Config, alert: Alert) -> str:
    """Return as much of an alert as fits one segment, in the encoding that the daemon will choose.

    Signs that GSM-7 lacks are replaced here, at worst by `?`: `gsm7` refuses them, and UCS-2 has room for half as many.
    """
    encoding, headline = config.answer.encoding, subject(config, alert.title)
    texts = map(smart, (f"{headline}. {alert.text}", headline))
    whole, short = (each.text.translate(dict.fromkeys(map(ord, each.remaining), "?")) for each in texts)
    if plan(whole, encoding).segments == 1:
        return whole
    return short[: len(short) - plan(short, encoding).beyond(1)]


def text(config: Config, db: Database, alert: Alert, report: LineReport) -> None:
    """Have the daemon text an alert; raises RefusedError if that cannot be done now, or its result is not known yet."""
    fate = alerting.maybe_fate(db, alert.alert_id)
    if fate is None or not (fate.state.is_pending or fate.left):
        texted, most = alerting.texted(db, db.now()), config.alerts.sms_per_day
        # strangers choose when these come, so they may not use up the texts of other alerts
        is_word = alert.condition == AlertCondition.WORDS
        obstacles = (
            (not report.alive, NOT_RUNNING.title),
            (report.daemon.modem.state != ModemState.READY, _("its modem is not ready")),
            (row_of(db).is_paused, _("the line is paused")),
            (report.stored and any(each.is_spent for each in report.stored.budgets.values()), _("the budget is spent")),
            (texted >= most, _("alerts.sms_per_day is used up")),
            (is_word and texted >= max(1, most // 2), _("half of alerts.sms_per_day is for other alerts")),
        )
        for met, words in obstacles:
            if met:
                raise RefusedError(words)
        assert config.alerts.sms_to
        alerting.ask(db, alert.alert_id, config.alerts.sms_to, fitting(config, alert), WHO, db.now())
    deadline = time.monotonic() + (RESULT_SECONDS if report.alive else 0.0)
    while (fate := alerting.maybe_fate(db, alert.alert_id)) and fate.state.is_pending:
        if time.monotonic() >= deadline:
            # a text that the daemon has not begun is withdrawn, so that the next run can ask for it again
            withdrawn = fate.state is RequestState.OPEN and requests.expire(db, fate.request_id, db.now())
            raise RefusedError(_("the daemon did not begin it") if withdrawn else _("its text waits to be sent"))
        time.sleep(LOOK_SECONDS)
    assert fate is not None
    if not fate.left:
        raise RefusedError(
            _("the daemon refused it ({reason})", reason=result_in_words(fate.result, fate.detail) or fate.state)
        )
