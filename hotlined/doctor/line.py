"""Checks of the line: its configuration, its daemon, its database, its budgets."""

import sqlite3

from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.scene import NO_CONFIGURATION, Scene
from hotlined.errors import ConfigError, DatabaseMissingError, StoreError
from hotlined.files import is_missing
from hotlined.reports.line import SHADOW, SIM_ENDED, SIM_ENDS, WINDOW_CODES
from hotlined.states import SendingState
from hotlined.store import integrity
from hotlined.store.opening import CHECK_SECONDS, open_beside_daemon
from hotlined.store.trouble import DatabaseTrouble
from hotlined.words.conditions import PIN_FILE_CURE, WINDOW_FULL, spent_in_words

_CHECKED_APART = (*WINDOW_CODES, SIM_ENDS, SIM_ENDED)
_CHOSEN = {SHADOW: "shadow mode", SendingState.PAUSED.value: "paused"}


def configuration(scene: Scene) -> Finding:
    """Check that there is a configuration, and that it can be used."""
    if scene.config is None:
        problem = scene.problem or ConfigError(NO_CONFIGURATION)
        return fail("; ".join((problem.message, *problem.problems)), problem.hint or "`hotlined config check`")
    if is_missing(pin_file := scene.config.modem.pin_file):
        missing = f"{scene.config.path}: modem.pin_file names {pin_file}, which is not there"
        return warn(missing, PIN_FILE_CURE)
    return ok(f"{scene.config.path}, line {scene.config.line}")


def daemon(scene: Scene) -> Finding:
    """Check that the daemon lives, has no complaint, and lets answers out.

    Full windows and the SIM's life have a check of their own.
    """
    report = scene.report
    if report is None:
        return unknown(NO_CONFIGURATION)
    sentences = " ".join(trouble.sentences for trouble in report.trouble if trouble.code not in _CHECKED_APART)
    if not report.alive:
        return fail("does not run", sentences)
    modem = str(report.daemon.modem.state).replace("_", " ")
    state = f"process {report.daemon.pid}, modem {modem}"
    notes = "".join(f", {note}" for code, note in _CHOSEN.items() if report.maybe(code))
    if not sentences:
        return ok(state)
    return (fail if report.grave else warn)(state + notes, sentences)


def budgets(scene: Scene) -> Finding:
    """Check that there is room for answers."""
    if scene.report is None or scene.report.stored is None:
        return unknown("the database cannot be read" if scene.report else NO_CONFIGURATION)
    spent = ", ".join(spent_in_words(name, budget) for name, budget in scene.report.stored.budgets.items())
    if any(scene.report.maybe(code) for code in WINDOW_CODES):
        return warn(f"{spent}: answers wait", WINDOW_FULL.cure)
    return ok(spent)


def database(scene: Scene) -> Finding:
    """Check that the database is there and whole."""
    if scene.config is None or scene.report is None:
        return unknown(NO_CONFIGURATION)
    try:
        with open_beside_daemon(scene.config.database) as db:
            damage = integrity.first_damage(db.connection, CHECK_SECONDS, lambda: False)
    except DatabaseMissingError as error:
        return warn(error.message.rstrip("."), error.hint)
    except StoreError:
        if locked := scene.report.maybe("database_locked"):
            return fail(locked.words.rstrip("."), locked.cure)
        raise
    except sqlite3.Error as error:
        raise DatabaseTrouble.of(error).as_error(scene.config.database) from error
    state = scene.report.database_state
    if damage or state not in ("ok", None):
        trouble = scene.report.maybe(f"database_{state}")
        return fail(
            f"{scene.config.database}: {damage or state}", trouble.sentences if trouble else "Restore a backup."
        )
    return ok(f"{scene.config.database} is whole")
