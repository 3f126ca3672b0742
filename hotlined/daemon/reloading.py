"""Reads the configuration again at SIGHUP: one that cannot be used changes nothing.

Why it was refused is kept in the line, for `status`, until a configuration is accepted.
"""

import logging

from hotlined import config as configuration
from hotlined.daemon.line import Line
from hotlined.errors import ConfigError
from hotlined.language import _
from hotlined.states import TroubleCode
from hotlined.status import Trouble
from hotlined.words.amounts import sentence

log = logging.getLogger("hotlined")


def load_again(line: Line) -> bool:
    """Put the configuration in force as its file is now; return whether it was accepted."""
    old = line.config
    try:
        new = configuration.load(old.path)
    except ConfigError as error:
        problems = "; ".join(error.problems) or error.message
        log.error("the configuration is refused, the old one stays: %s", problems)  # noqa: TRY400  # no bug
        mistakes = _("`hotlined config check` names the lines. Correct them, then reload.")
        _refuse(line, error.message, mistakes if error.problems else error.hint)
        return False
    if (new.database, new.line, new.runtime_dir) != (old.database, old.line, old.runtime_dir):
        log.error("the configuration is refused: line, database and runtime_dir change only with a restart")
        _refuse(
            line,
            _("line, database and runtime_dir change only with a restart."),
            _(
                "Restart the daemon: `sudo systemctl restart hotlined@{name}`. Or take that back, and reload.",
                name=old.name,
            ),
        )
        return False
    line.config = new
    line.config_refused = None
    logging.getLogger().setLevel(new.log_level.upper())
    return True


def _refuse(line: Line, reason: str, cure: str) -> None:
    words = _("The configuration was not read again, and the old one holds: {reason}", reason=sentence(reason))
    line.config_refused = Trouble(TroubleCode.CONFIG_REFUSED, words, cure, line.db.now().rfc3339)
