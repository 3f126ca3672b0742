"""`hotlined status`: the daemon, its modem, the answers that wait, the segments spent, and the troubles."""

import os
from collections.abc import Iterator

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import as_typed, json_line, print_sheet
from hotlined.cli.settings import Settings, pass_settings
from hotlined.conditions import spent_in_words
from hotlined.errors import UnavailableError
from hotlined.language import _, ngettext
from hotlined.machine import clock
from hotlined.machine.clock import here, parse_rfc3339
from hotlined.reports import sealed, selftest
from hotlined.reports.overview import LineReport, maybe_waiting, report_line
from hotlined.reports.selftest import DUE, OBSTACLES
from hotlined.reports.sim_life import top_up_in_words
from hotlined.reports.status import document
from hotlined.reports.stored import balance_in_words
from hotlined.reports.trouble import Trouble
from hotlined.states import SelftestObstacle, SmsService
from hotlined.store.line.line_row import TopUp
from hotlined.store.reading.review import Waiting
from hotlined.words.amounts import sentence
from hotlined.words.columns import inner
from hotlined.words.reasons import queue_in_words
from hotlined.words.states import DATABASE_STATES, MODEM_STATES, RECOVERY_STEPS, REGISTRATIONS, SMS_SERVICES
from hotlined.words.times import day, moment


def _in_words(trouble: Trouble) -> str:
    words = as_typed(sentence(trouble.sentences))
    return _("Since {moment}: {words}", moment=moment(trouble.since), words=words) if trouble.since else words


def _sheet(report: LineReport, waiting: Waiting | None) -> Iterator[tuple[str, str | None]]:
    daemon, stored = report.daemon, report.stored
    budgets = stored.budgets if stored else {}
    yield _("line"), report.config.line
    yield _("daemon"), _daemon(report)
    for trouble in report.trouble:
        yield _("trouble"), _in_words(trouble)
    yield from _modem(report)
    yield _("last scan"), _when(daemon.last_scan_at)
    yield _("answers"), queue_in_words(stored.queue) if stored else None
    yield _("next answer"), _next(stored.next_due_at) if stored and report.alive else None
    yield _("to read"), _to_read(waiting) if waiting else None
    for told in waiting.told if waiting else ():
        words = _("{by} asks to look at contact {id}: `hotlined show {id}`", by=told.who, id=told.contact_id)
        yield _("to look at"), as_typed(words)
    yield _("spent"), ", ".join(spent_in_words(name, budget.used, budget.limit) for name, budget in budgets.items())
    if stored and stored.credit.balance is not None:
        amount = balance_in_words(report.config, stored.credit)
        yield _("balance"), _("{amount}, asked {moment}", amount=amount, moment=_when(stored.credit.asked_at))
    if stored and stored.top_up:
        yield _("topped up"), _topped_up(stored.top_up, stored.credit.valid_until)
    yield _("self-test"), _selftest(report)
    yield _("last backup"), sealed.in_words(report.config, stored.sealed) if stored else None
    yield _("clock"), _("synchronised") if clock.synchronised() else _("not synchronised")
    state = DATABASE_STATES.get(report.database_state or "", report.database_state) or _("state unknown")
    yield _("database"), f"{report.config.database} ({state})"
    yield _("configuration"), os.fspath(report.config.path)


def _to_read(waiting: Waiting) -> str | None:
    """Return how many texts wait for a person; None if none do."""
    worded, reactions = waiting.alert_words, waiting.reactions
    counts = (
        [ngettext("{number} text with an alert word", "{number} texts with an alert word", worded)] if worded else []
    )
    counts += [ngettext("{number} reaction", "{number} reactions", reactions)] if reactions else []
    return as_typed(_("{texts}: `hotlined review`", texts=", ".join(counts))) if counts else None


def _daemon(report: LineReport) -> str:
    daemon = report.daemon
    if not report.alive:
        return _("not alive")
    return _("alive since {moment}, process {pid}", moment=_when(daemon.since), pid=daemon.pid)


def _modem(report: LineReport) -> Iterator[tuple[str, str | None]]:
    modem = report.daemon.modem
    yield _("modem"), _modem_state(report)
    if modem.step and report.alive:
        step = RECOVERY_STEPS.get(modem.step, modem.step)
        yield inner(_("recovery")), _("{step}, step {number}", step=step, number=modem.steps)
    yield inner(_("port")), modem.port
    yield inner(_("make")), " ".join(filter(None, (modem.manufacturer, modem.model)))
    registration = REGISTRATIONS.get(modem.registration)
    signal = None if modem.signal_percent is None else _("signal {number} %", number=modem.signal_percent)
    way = modem.sms_service if modem.sms_service != SmsService.CIRCUIT else None  # the usual domain is not shown
    by = _("texts by {service}", service=SMS_SERVICES.get(way, way)) if way else None
    yield inner(_("network")), ", ".join(filter(None, (modem.operator, registration, modem.technology, signal, by)))
    undeletable = None
    if modem.undeletable:
        undeletable = ngettext(
            "{number} that it does not delete", "{number} that it does not delete", modem.undeletable
        )
    storages = (_("{name} {used} of {total}", name=use.name, used=use.used, total=use.total) for use in modem.storages)
    yield inner(_("storages")), ", ".join(filter(None, (*storages, undeletable)))


def _modem_state(report: LineReport) -> str:
    modem = report.daemon.modem
    if not modem.state:
        return _("unknown")
    state, since = MODEM_STATES.get(modem.state, modem.state), _when(modem.since)
    if report.alive:
        return _("{state} since {moment}", state=state, moment=since)
    return _("was {state} since {moment}", state=state, moment=since)


def _topped_up(top_up: TopUp, valid_until: str | None) -> str:
    said = top_up_in_words(top_up)
    return _("{said}; it lasts until {day}", said=said, day=day(valid_until)) if valid_until else said


def _selftest(report: LineReport) -> str | None:
    """Return the result of the last self-test; if the next one is due and cannot be made, also why."""
    stored = report.stored
    if report.config.alerts.selftest is None or stored is None:
        return None
    last, obstacle = selftest.in_words(stored.selftest), report.selftest_obstacle
    if obstacle and (stored.selftest_is_due or obstacle in (SelftestObstacle.NO_NUMBER, SelftestObstacle.NEVER_BACK)):
        return as_typed(_(DUE, last=last, obstacle=OBSTACLES[obstacle]))
    return last


def _next(at: str | None) -> str | None:
    """Return in words when the next answer is due; `now` if nothing holds it back."""
    if at is None:
        return None
    return _("now") if parse_rfc3339(at) <= here() else moment(at)


def _when(at: str | None) -> str | None:
    return moment(at) if at else None


@click.command(cls=TranslatedCommand)
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Show whether the daemon lives, whether its modem is ready, and whether answers go out.

    It also shows what waits, what is spent, and what is wrong, since when, and the cure. The exit code is 69 if
    something is wrong. A spent budget is shown as trouble, too, but the exit code stays 0 if there is nothing else.
    `hotlined` without a command shows the same.

    Example: hotlined status --json
    """
    config = settings.config()
    report, waiting = report_line(config), maybe_waiting(config)
    if as_json:
        click.echo(json_line(document(report, waiting)))
    else:
        print_sheet(_sheet(report, waiting))
    ctx.exit(0 if report.ready else UnavailableError.exit_code)
