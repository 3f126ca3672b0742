"""The options before a command: which configuration it uses, and which person typed it.

For the commands in WHILE_BROKEN, a configuration file that cannot be used is only a warning while a daemon lives.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotlined import language
from hotlined.errors import ConfigError, UsageError
from hotlined.language import _
from hotlined.machine import person

if TYPE_CHECKING:
    from hotlined.config import Config

SERVICES = {"control": "hotlined.cli.control:control", "alerts-sender": "hotlined.cli.control:alerts_sender"}
"""The commands that only systemd starts; no help lists them."""

JOURNALS = {"run", "alerts-sender"}
"""The commands that write to the journal, which is always in English."""

WHILE_BROKEN = {
    *("status", "web", "alerts", "metrics", "log", "show", "numbers", "stats", "limits", "export", "evidence", "db"),
    *("pause", "resume", "block", "unblock", "cancel", "requeue", "tag", "keep", "review", "doctor"),
}
"""The commands that go by a living daemon while config.yaml is broken: a person may need them before that is corrected.
"""


def _nobody(_warning: str) -> None:
    """Drop a warning."""


@dataclass(slots=True)
class Settings:
    """The options before the command, and the configuration file that they lead to, once it is found."""

    option: Path | None = None
    line: str | None = None
    warn: Callable[[str], None] = _nobody
    """Takes a warning; drops it while a shell completes a line, where none can be shown."""
    path: Path | None = None
    has_warned: bool = False
    """Whether the warning about a broken file was given: once is enough."""
    who: str = field(default_factory=person.who)
    """The person who typed the command."""

    def config(self) -> "Config":
        """Return the configuration in force; raises as `written` does.

        If the file cannot be used, the commands in WHILE_BROKEN go by what a living daemon has. It is in the daemon's
        files: root must not believe another user's, so this raises HotlinedError for root.
        """
        from hotlined.reports import in_force  # noqa: PLC0415  --help and --version do not need it

        try:
            return in_force.current(self.written())
        except ConfigError as error:
            if self.path is None or _command() not in WHILE_BROKEN | SERVICES.keys():
                raise
            running = in_force.of_daemon(self.path, error)
            problem = _("Warning: {problem}; `hotlined config check` says which.", problem=error.message)
        person.require_no_root(running.database, running.name)
        if not self.has_warned:
            self.has_warned = True
            then = _(
                "Until you correct it, the running daemon keeps the configuration that it has, and so does this"
                " command."
            )
            self.warn(f"{problem} {then}")
        return running

    def written(self) -> "Config":
        """Find the file and return what it says; raises ConfigError, UsageError, and HotlinedError for root.

        Root must not work at another user's database.
        """
        from hotlined import config  # noqa: PLC0415  --help and --version do not need it

        written = self._loaded()
        if _command() not in JOURNALS and written.language is not language.spoken():
            language.speak(written.language)
            written = config.with_answer(written)  # again, so that problems of the answer's file are in that language
        person.require_no_root(written.database, written.name)
        return written

    def is_configured(self) -> bool:
        """Tell whether a configuration is named or found; raises UsageError if --line is not the name of a line."""
        from hotlined import config  # noqa: PLC0415  --help and --version do not need it

        with contextlib.suppress(ConfigError):
            config.find(self.option, self.line, os.environ)
            return True
        return bool(self.option or self.line or os.environ.get("HOTLINED_CONFIG"))

    def place(self) -> Path:
        """Return the path of the configuration, even if there is no file; ./config.yaml is not considered."""
        from hotlined import config  # noqa: PLC0415  --help and --version do not need it

        self.speak_early()
        with contextlib.suppress(ConfigError):
            config.find(self.option, self.line, os.environ)  # raises UsageError if --line is not the name of a line
        named = self.option or (None if self.line else os.environ.get("HOTLINED_CONFIG"))
        return Path(named or config.SYSTEM_FOLDER / f"{self.line or 'main'}.yaml").absolute()

    def speak_early(self, context: click.Context | None = None) -> None:
        """Turn on the line's language before its configuration is loaded; the journal stays English."""
        if _command(context) not in JOURNALS:
            self.speak_to_person()

    def speak_to_person(self) -> None:
        """Turn on the line's language as far as its file can be read, else that of the environment."""
        from hotlined import config  # noqa: PLC0415  only for mistakes and help

        said = None
        with contextlib.suppress(ConfigError, UsageError):
            said = config.maybe_language(config.find(self.option, self.line, os.environ))
        language.speak(said or language.language_of_environment())

    def _loaded(self) -> "Config":
        from hotlined import config  # noqa: PLC0415  --help and --version do not need it

        try:
            self.path = config.find(self.option, self.line, os.environ)
            return config.load(self.path)
        except (ConfigError, UsageError):
            self.speak_early()
        self.path = config.find(self.option, self.line, os.environ)
        return config.load(self.path)  # again, so that the error is in the line's language


pass_settings = click.make_pass_decorator(Settings)


def _command(context: click.Context | None = None) -> str | None:
    """Return the name of the running command, or of the one that a context belongs to; for `db check` it is `db`."""
    context = context or click.get_current_context(silent=True)
    while context and context.parent and context.parent.parent:
        context = context.parent
    if context is None or context.parent is None:
        return context.invoked_subcommand if context else None
    return context.info_name
