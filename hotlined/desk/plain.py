"""Troubles of a line for people without a terminal: no commands, no files, no keys of the configuration.

A sentence from another room is kept if it has none of these; otherwise the person to ask is named instead.
"""

import re

from hotlined.config import Config
from hotlined.language import N_, Phrases, _
from hotlined.reports.trouble import Trouble
from hotlined.states import TroubleCode, is_about_database
from hotlined.words.conditions import MODEM

_TECHNICAL = re.compile(r"`|'hotlined |\b[a-z]+\.[a-z_]{2,}\b|/\w+[/.]|\b[A-Z_]{2,}=")
"""Words that are of no use without a terminal: commands, keys such as web.ask, files."""
_ENDS = re.compile(r"(?<=[.!?])\s+")

_TROUBLES: Phrases[str] = Phrases(
    {
        TroubleCode.NOT_RUNNING: N_("Its program is not running."),
        TroubleCode.NOT_ALIVE: N_("Its program ended unexpectedly, or hangs."),
        TroubleCode.OTHER_DAEMON: N_("Another program has the line."),
        TroubleCode.CONFIG_BROKEN: N_("There is a mistake in its settings."),
        TroubleCode.CONFIG_REFUSED: N_("There is a mistake in its settings."),
        TroubleCode.NO_ANSWER_TEXT: N_("Its answer has no text."),
        TroubleCode.ANSWER_REFUSED: N_("Its answer was changed, and the new text cannot be used."),
        TroubleCode.ANSWER_DIFFERS: N_("Its answer was changed, and it still sends the old one."),
        TroubleCode.STORAGE_UNREAD: N_("Some texts may lie where they cannot be read."),
        TroubleCode.STORAGE_FULL: N_("The SIM has no room for texts: they wait in the network."),
        TroubleCode.NO_REPORTS: N_("Nobody hears whether answers arrive."),
        TroubleCode.BACKUP_OLD: N_("There is no new backup: if the card dies, what came since the last one is lost."),
        TroubleCode.ALERTS_NOWHERE: N_("Nobody is warned when a threat comes in: it is only on these pages."),
        TroubleCode.READER: N_("Another program keeps its records from shrinking."),
    }
)
"""Plain sentences for troubles whose own sentences name commands, files or settings."""
_DATABASE = N_("Its records cannot be used.")


def trouble_in_plain_words(trouble: Trouble) -> str:
    """Return a sentence about a trouble that a volunteer understands."""
    if is_about_database(trouble.code):
        return _(_DATABASE)
    if trouble.code in MODEM:  # the driver may know more, but in words about modems
        return MODEM[trouble.code].words
    return _TROUBLES.get(trouble.code) or without_commands(trouble.words) or _("Something is wrong with it.")


def without_commands(text: str) -> str:
    """Leave out the sentences of a text that name a command, a file or a key of the configuration."""
    return " ".join(each for each in _ENDS.split(text) if not _TECHNICAL.search(each))


def whom_to_ask(config: Config) -> str:
    """Return the name of the person whom people at the desk ask or call."""
    return config.web.ask or _("the person who runs this line")
