"""`hotlined status`: whether the daemon lives, what its modem does, what waits, what is spent, what is wrong."""

import os
from collections.abc import Iterator

import click

from hotlined import clock
from hotlined.cli.output import as_typed, json_line, print_sheet
from hotlined.cli.settings import Settings, pass_settings
from hotlined.errors import UnavailableError
from hotlined.reports.life import top_up_in_words
from hotlined.reports.line import LineReport, report_line
from hotlined.status import Trouble
from hotlined.words.amounts import sentence
from hotlined.words.conditions import spent_in_words
from hotlined.words.reasons import queue_in_words
from hotlined.words.times import day, moment


def _in_words(trouble: Trouble) -> str:
    since = f"Since {moment(trouble.since)}: " if trouble.since else ""
    return since + as_typed(sentence(trouble.sentences))


def _sheet(report: LineReport) -> Iterator[tuple[str, str | None]]:
    daemon, modem, stored = report.daemon, report.daemon.modem, report.stored
    budgets = stored.budgets if stored else {}
    yield "line", f"{report.config.line}, {report.mode}"
    yield "daemon", f"alive since {_when(daemon.since)}, process {daemon.pid}" if report.alive else "not alive"
    for trouble in report.trouble:
        yield "trouble", _in_words(trouble)
    was = "" if report.alive else "was "
    yield "modem", f"{was}{_plain(modem.state)} since {_when(modem.since)}" if modem.state else "unknown"
    rung = f"{_plain(modem.rung)}, step {modem.rungs_climbed}" if modem.rung and report.alive else None
    yield "  recovery", rung
    yield "  port", modem.port
    yield "  make", " ".join(filter(None, (modem.manufacturer, modem.model)))
    registration = modem.registration if modem.registration != "unknown" else None
    signal = None if modem.signal_percent is None else f"signal {modem.signal_percent} %"
    way = f"texts by {modem.sms_service}" if modem.sms_service and modem.sms_service != "circuit" else None  # the usual
    yield "  network", ", ".join(filter(None, (modem.operator, registration, modem.technology, signal, way)))
    undeletable = f"{modem.undeletable} that it does not delete" if modem.undeletable else None
    storages = (f"{use.name} {use.used} of {use.total}" for use in modem.storages)
    yield "  storages", ", ".join(filter(None, (*storages, undeletable)))
    yield "last scan", _when(daemon.last_scan_at)
    yield "answers", queue_in_words(stored.queue) if stored else None
    yield "next answer", _when(stored.next_due_at) if stored and report.alive else None
    yield "spent", ", ".join(spent_in_words(name, budget) for name, budget in budgets.items())
    if stored and stored.credit.balance is not None:
        yield "balance", f"{stored.credit.balance:.2f}, asked {_when(stored.credit.asked_at)}"
    if stored and stored.top_up:
        end = stored.credit.valid_until
        yield "topped up", top_up_in_words(stored.top_up) + (f"; it lasts until {day(end)}" if end else "")
    yield "clock", "synchronised" if clock.synchronised() else "not synchronised"
    yield "database", f"{report.config.database} ({report.database_state or 'state unknown'})"
    yield "configuration", os.fspath(report.config.path)


def _plain(code: str) -> str:
    return code.replace("_", " ")


def _when(at: str | None) -> str | None:
    return moment(at) if at else None


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Show whether the daemon lives, its modem is ready, and answers go out.

    It also shows what waits, what is spent, and what is wrong: since when, and its cure. The exit code is 69 if
    something is wrong. Shadow mode and a full window are shown as well, but do not count as wrong.

    Example: hotlined status --json
    """
    report = report_line(settings.config(), settings.broken)
    if as_json:
        click.echo(json_line(report.document()))
    else:
        print_sheet(_sheet(report))
    ctx.exit(0 if report.ready else UnavailableError.exit_code)
