"""Checks of the line: its configuration, its daemon, its database, its budgets."""

import shutil
import sqlite3

from hotlined.conditions import SEAL_FAILURES, WINDOW_FULL, WINDOWS, spent_in_words
from hotlined.config import maybe_missing_pin_file
from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.host import DATABASE_UNREADABLE, NO_CONFIGURATION, Host
from hotlined.errors import ConfigError, DatabaseMissingError, StoreError
from hotlined.gsm.alphabet import plan
from hotlined.language import N_, _, in_row, ngettext
from hotlined.reports import sealed, selftest
from hotlined.reports.selftest import OBSTACLES
from hotlined.states import (
    AlertCondition,
    DatabaseState,
    ModemState,
    SealFailure,
    SelftestObstacle,
    SendingState,
    TroubleCode,
    database_trouble,
)
from hotlined.store.answers import correspondents
from hotlined.store.file import integrity
from hotlined.store.file.opening import CHECK_SECONDS, open_beside_daemon, require_own
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.words.amounts import in_segments
from hotlined.words.states import DATABASE_STATES, MODEM_STATES

_NAMES_SHOWN = 5
_APART = {
    *(AlertCondition.ANSWER, AlertCondition.SIM_LIFE, AlertCondition.BACKUP, AlertCondition.RECEPTION),
    *(AlertCondition.SELFTEST, AlertCondition.STORAGE, AlertCondition.DISK, *WINDOWS),
}
"""Subjects with checks of their own."""
_CHOSEN = {SendingState.PAUSED: N_("paused")}


def answer(host: Host) -> Finding:
    """Check that there is a text for answers, and that the daemon has read the present one."""
    if host.config is None or host.report is None:
        return unknown(_(NO_CONFIGURATION))
    found = [trouble for trouble in host.report.trouble if trouble.row.subject == AlertCondition.ANSWER]
    if not found:
        texts = host.config.answer.texts
        longest = max((plan(text, host.config.answer.encoding).segments for text in texts), default=0)
        return ok(
            ngettext(
                "{number} text, {segments}",
                "{number} texts, {segments} at most",
                len(texts),
                segments=in_segments(longest),
            )
        )
    first, *others = found
    cure = " ".join((first.cure, *(trouble.sentences for trouble in others)))
    return (fail if any(each in host.report.grave for each in found) else warn)(first.words.rstrip("."), cure)


def configuration(host: Host) -> Finding:
    """Check that there is a configuration, and that it can be used."""
    if host.config is None:
        problem = host.problem or ConfigError(_(NO_CONFIGURATION))
        return fail(in_row((problem.message, *problem.problems)), problem.hint or "`hotlined config check`")
    if host.config.broken:
        return fail(host.config.broken.message, "`hotlined config check`")
    if missing := maybe_missing_pin_file(host.config):
        return fail(missing.message.rstrip("."), missing.hint)
    return ok(_("{config}, line {line}", config=host.config.path, line=host.config.line))


def daemon(host: Host) -> Finding:
    """Check that the daemon runs, reports no trouble, and lets answers out.

    Full windows, the SIM's life and a missing stick have checks of their own.
    """
    report = host.report
    if report is None:
        return unknown(_(NO_CONFIGURATION))
    # the checks of the configuration and of the stick report these
    apart = {TroubleCode.CONFIG_BROKEN} | (set() if host.has_port else {ModemState.ABSENT})
    sentences = " ".join(
        trouble.sentences
        for trouble in report.trouble
        if trouble.code not in apart and trouble.row.subject not in _APART
    )
    if not report.alive:
        return fail(_("does not run"), sentences)
    modem = str(report.daemon.modem.state)
    state = _("process {pid}, modem {state}", pid=report.daemon.pid, state=MODEM_STATES.get(modem, modem))
    notes = "".join(f", {_(note)}" for code, note in _CHOSEN.items() if report.maybe(code))
    if not sentences:
        return ok(state)
    return (fail if report.grave else warn)(state + notes, sentences)


def budgets(host: Host) -> Finding:
    """Check that there is room for answers."""
    if host.report is None or host.report.stored is None:
        return unknown(_(DATABASE_UNREADABLE) if host.report else _(NO_CONFIGURATION))
    spent = ", ".join(
        spent_in_words(name, budget.used, budget.limit) for name, budget in host.report.stored.budgets.items()
    )
    if any(host.report.maybe(code) for code in WINDOWS):
        return warn(_("{spent}: answers wait until there is room", spent=spent), WINDOW_FULL.cure)
    return ok(spent)


def backup(host: Host) -> Finding:
    """Check the sealed backups: that they are configured, that they are made, and that `age` is installed."""
    if host.config is None or host.report is None:
        return unknown(_(NO_CONFIGURATION))
    if not host.config.backup.folder:
        words = _("none goes off the card: if the card dies, all is lost")
        return warn(words, _("docs/backup.md: a USB stick, and a key on paper."))
    if shutil.which("age") is None:
        return fail(SEAL_FAILURES[SealFailure.NO_AGE].words.rstrip("."), SEAL_FAILURES[SealFailure.NO_AGE].cure)
    if host.report.stored is None:
        return unknown(_("the database cannot be read"))
    if trouble := host.report.maybe(TroubleCode.BACKUP_OLD):
        return warn(trouble.words.rstrip("."), trouble.cure)
    return ok(sealed.in_words(host.config, host.report.stored.sealed) or "")


def reception(host: Host) -> Finding:
    """Check that the line would notice if it received nothing, and that its last text to itself was not lost."""
    if host.config is None or host.report is None:
        return unknown(_(NO_CONFIGURATION))
    if (every := host.config.alerts.selftest) is None:
        return warn(_("nobody notices if nothing arrives"), _("Set alerts.selftest, such as 7d."))
    if lost := host.report.maybe(TroubleCode.SELFTEST_LOST) or host.report.maybe(TroubleCode.NUMBER_UNSURE):
        return (fail if lost in host.report.grave else warn)(lost.words.rstrip("."), lost.cure)
    if host.report.stored is None:
        return unknown(_("the database cannot be read"))
    cost = selftest.cost_in_words(every, host.config.limits)
    if (obstacle := host.report.selftest_obstacle) in (SelftestObstacle.NO_NUMBER, SelftestObstacle.NEVER_BACK):
        return warn(OBSTACLES[obstacle], cost)
    return ok(cost.rstrip("."))


def mms(host: Host) -> Finding:
    """Check that all announcements of MMS were believed; an unbelieved name may be the operator's MMS centre."""
    if host.config is None:
        return unknown(_(NO_CONFIGURATION))
    known = host.config.numbers.mms_centres
    with open_beside_daemon(host.config.database) as db:
        found = correspondents.unbelieved_centres(db, known, _NAMES_SHOWN)
    if not found:
        believed = in_row((_("short codes"), *known))
        return ok(_("believed if {names} announce it; in 30 days no other name did", names=believed))
    names = in_row(f"{name} ({count})" for name, count in found)
    words = _("announced by names that are not believed, in 30 days: {names}", names=names)
    cure = _(
        "If one of them is your operator's centre, put it into numbers.mms_centres: then those who send an MMS are"
        " answered. Anybody can send under a name."
    )
    return warn(words, cure)


def database(host: Host) -> Finding:
    """Check that the database is there and whole."""
    if host.config is None or host.report is None:
        return unknown(_(NO_CONFIGURATION))
    try:
        with open_beside_daemon(host.config.database) as db:
            damage = integrity.first_damage(db.connection, CHECK_SECONDS, lambda: False)
            require_own(host.config.database, db.connection)
    except DatabaseMissingError as error:
        return warn(error.message.rstrip("."), error.hint)
    except StoreError:
        if locked := host.report.maybe(database_trouble(DatabaseState.LOCKED)):
            return fail(locked.words.rstrip("."), locked.cure)
        raise
    except sqlite3.Error as error:
        raise DatabaseTrouble.of(error).as_error(host.config.database) from error
    state = host.report.database_state
    if damage or state not in (DatabaseState.OK, None):
        trouble = host.report.maybe(database_trouble(str(state)))
        found = damage or DATABASE_STATES.get(str(state), str(state))
        cure = trouble.sentences if trouble else _("Restore a backup.")
        return fail(_("{database}: {found}", database=host.config.database, found=found), cure)
    return ok(_("{database} is whole", database=host.config.database))
