"""Reads the configuration again at SIGHUP; if it, or the answer's file, cannot be used, nothing changes.

The reason of such a refusal stays in the line, for `status`, until a configuration is accepted.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from hotlined import config as configuration
from hotlined.causes import CauseCode, CodedCause
from hotlined.config import Config
from hotlined.config.problems import Problem
from hotlined.daemon.shared import Line
from hotlined.errors import ConfigError
from hotlined.machine import files
from hotlined.states import TroubleCode
from hotlined.status import DaemonTrouble

log = logging.getLogger(__name__)


def load_again(line: Line) -> bool:
    """Read the file of the configuration and put it in force; return whether it was accepted."""
    old = line.config
    try:
        new = configuration.load(old.path)
        if missing := configuration.maybe_missing_pin_file(new):
            raise missing
    except ConfigError as error:
        problems = "; ".join(error.problems) or error.message
        log.error("the configuration is refused, the old one stays: %s", problems)  # noqa: TRY400  # no bug
        _refuse(line, error.cause)
        return False
    if (new.database, new.line, new.runtime_dir) != (old.database, old.line, old.runtime_dir):
        log.error("the configuration is refused: line, database and runtime_dir change only with a restart")
        _refuse(line, CodedCause(CauseCode.RESTART_NEEDED, {"name": old.name}))
        return False
    if new.answer.text_file and new.answer.file and new.answer.file.problems:
        _refuse_answer(line, new.answer.text_file, new.answer.file.problems)
        return False
    line.config = new
    line.config_refused = None
    logging.getLogger().setLevel(new.log_level.upper())
    return True


def keep(config: Config) -> None:
    """Write the used files to the disk: after an editor's save they are in memory only, and the power may fail."""
    for path in (config.path, config.answer.text_file):
        if path:
            files.keep(path.resolve())


def log_answer(config: Config) -> None:
    """Log that nobody is answered, if the answer's file is empty or cannot be used."""
    if unusable := configuration.maybe_unusable_answer(config):
        log.error("nobody is answered, for the answer's file cannot be used: %s", "; ".join(unusable.problems))
    elif not config.answer.steps:
        log.warning("nobody is answered: %s is empty", config.answer.text_file)


def _refuse(line: Line, cause: CodedCause | None) -> None:
    """Note the cause of a refused configuration; it is None if `config check` reports the problems."""
    code, values = (cause.code, cause.values) if cause else (None, {})
    line.config_refused = DaemonTrouble(TroubleCode.CONFIG_REFUSED, code, values, line.db.now().rfc3339)


def _refuse_answer(line: Line, file: Path, problems: Sequence[Problem]) -> None:
    """Note that the answer's file was refused, and log its problems; after a restart the file would count as empty."""
    places = {f"{file}:{problem.line}": problem.sentence for problem in problems}
    told = "; ".join(f"{place}: {sentence}" for place, sentence in places.items())
    log.error("the answer's file is refused, what was in force stays: %s", told)
    line.config_refused = DaemonTrouble(TroubleCode.ANSWER_REFUSED, since=line.db.now().rfc3339)
