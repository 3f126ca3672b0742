"""`hotlined doctor`: checks everything that a line needs, and names problems with their cures."""

from collections import Counter
from pathlib import Path

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import FILE, as_typed, json_line, output_to, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.doctor.checks import CHECKS, NAMES, OF_A_MODEM, examine
from hotlined.doctor.findings import VERDICTS, Checked, Health, tally_in_words
from hotlined.doctor.host import Host
from hotlined.doctor.record import record, wanted
from hotlined.errors import ConfigError, HotlinedError, UnavailableError, UsageError
from hotlined.language import _, ngettext


@click.command(cls=TranslatedCommand)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a check.")
@click.option(
    "--record",
    "file",
    metavar="FILE",
    type=FILE,
    help="Instead, write what the stick answers to every question into FILE, a new one (- is the standard output),"
    " without numbers, identities and texts.",
)
@pass_settings
@click.pass_context
def doctor(ctx: click.Context, settings: Settings, as_json: bool, file: Path | None) -> None:
    """Check everything that a line needs, and say what is wrong and how to cure it.

    It does not disturb a running daemon; if none runs, it asks the modem itself. The exit code is 1 if a check fails.

    --record makes a recording of the stick, which the project can replay. Stop the daemon first. The recording sends
    and deletes nothing, and does not enter the PIN.

    Example: hotlined doctor
    """
    if file and as_json:
        settings.speak_early()
        raise UsageError(_("--record writes no JSON."), _("Leave --json out."))
    try:
        host = Host(settings.config())
    except ConfigError as error:
        host = Host(None, error)
    if file:
        _record(host, file)
        return
    failures = _examine(host, as_json=as_json)
    ctx.exit(HotlinedError.exit_code if failures else 0)


def _examine(host: Host, *, as_json: bool) -> int:
    """Print the finding of each check, and return how many failed."""
    tally: Counter[Health] = Counter()
    for name, finding in examine(host):
        if as_json:
            tally[finding.verdict] += 1
            click.echo(json_line(Checked(name, finding.verdict, finding.seen, finding.cure)))
            continue
        if CHECKS[name] in OF_A_MODEM and finding.verdict is Health.UNKNOWN and not host.has_port:
            continue
        tally[finding.verdict] += 1
        verdict = VERDICTS[finding.verdict]
        print_wrapped(_("{verdict}: {seen}", verdict=verdict, seen=finding.seen), NAMES[name])
        if finding.cure:
            print_wrapped(as_typed(f"→ {finding.cure}"), " ")
    if not as_json:
        print_wrapped(tally_in_words(tally))
        if not host.has_port:
            print_wrapped(_("Modem, SIM and network are checked once a stick is in."))
    return tally[Health.FAIL]


def _record(host: Host, file: Path) -> None:
    """Record the stick; each question is printed when it is asked."""
    with output_to(file):
        recorded = record(wanted(host), before=lambda command: click.echo(f"  {command}", err=True))
        click.echo(recorded.text, nl=False)
    said = ngettext(
        "The recording has {number} question and what came. Numbers, identities and texts are replaced; read it all "
        "the same before you send it.",
        "The recording has {number} questions and what came. Numbers, identities and texts are replaced; read it all "
        "the same before you send it.",
        recorded.questions,
    )
    print_wrapped(said, err=True)
    if not recorded.answered:
        raise UnavailableError(
            _("No port answered."), _("The recording says what was asked. Is the modem on, at this speed?")
        )
