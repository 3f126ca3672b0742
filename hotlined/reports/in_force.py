"""The configuration in force while config.yaml is broken: the running daemon's, or the keys that can still be read.

A daemon keeps the configuration that it was started with, and writes it into its status file. Without a daemon, the
sound keys of the file are used. The country of national numbers then counts as unknown: the one in the file may be
the mistake. The keys of the desk always come from the file: a person who was taken out does not come back because of
a mistake.
Known to be wrong: a daemon whose `runtime_dir` cannot be read from the broken file is looked for in the usual
folders.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hotlined import clock, status
from hotlined import config as configuration
from hotlined.config import AlertsConfig, Config
from hotlined.errors import ConfigError, TextError
from hotlined.files import is_missing
from hotlined.gsm.address import UNKNOWN_COUNTRY
from hotlined.gsm.alphabet import plan
from hotlined.language import _
from hotlined.status import DaemonStatus

_OF_THE_DAEMON = ("modem.", "answer.", "limits.", "numbers.", "credit.")
"""Keys, or beginnings of keys, that take effect when the daemon reads them; commands and units read the others."""
_ELSEWHERE = frozenset({"modem.pin", "answer.text_file", "answer.text", "answer.texts"})
"""Keys that are not compared here: no status file has the PIN, and `reports.answer` compares the texts."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A configuration file that cannot be used: the problem, and since when (RFC 3339)."""

    message: str
    since: str | None


@dataclass(frozen=True, slots=True)
class InForce:
    """The configuration in force, the keys that have only their default in it, and a warning about both."""

    config: Config
    unknown: tuple[str, ...]
    warning: str


def look(path: Path) -> InForce | None:
    """Return the configuration in force while a file cannot be used; None if there is no daemon and no database."""
    salvaged = configuration.salvage(path)
    if running := next(_running(path, salvaged.config), None):
        running = running._replace(alerts=_alerts(salvaged.config, running), web=salvaged.config.web)
        nowhere = tuple(key for key in salvaged.unknown if key.startswith(("alerts.", "web.")))
        return InForce(
            running,
            nowhere,
            _(
                "Until you correct it, the running daemon keeps the configuration that it has, and so does this"
                " command."
            ),
        )
    if is_missing(salvaged.config.database):
        return None
    config, unknown = _sendable(salvaged.config), salvaged.unknown
    if config.answer.texts != salvaged.config.answer.texts:
        unknown = (*unknown, "answer.text")
    alerts = _alerts(config, None)
    config = config._replace(numbers=config.numbers._replace(country=UNKNOWN_COUNTRY), alerts=alerts)
    keys = ", ".join(shortened(unknown))
    warning = (
        _("No daemon runs, so nobody knows what is in force."),
        _("Not known, and shown with their defaults: {keys}.", keys=keys) if unknown else "",
        _("Write numbers with their +, because their country is not known."),
    )
    return InForce(config, unknown, " ".join(filter(None, warning)))


def _alerts(salvaged: Config, running: Config | None) -> AlertsConfig:
    """Return where alerts go, by the sound keys of the file; a status file does not hold these secrets.

    A number for alerts is used only if the file has the country that the daemon has in force. With another country
    the same digits could be somebody else's number.
    """
    if running and running.numbers.country == salvaged.numbers.country:
        return salvaged.alerts
    return replace(salvaged.alerts, sms_to=None)


def shortened(unknown: tuple[str, ...]) -> Iterator[str]:
    """Yield the names of keys; if no key of a section is known, the section is named instead."""
    for section in dict.fromkeys(key.partition(".")[0] for key in configuration.KEYS):
        keys = [key for key in configuration.KEYS if key.partition(".")[0] == section]
        here = [key for key in keys if key in unknown]
        yield from [section] if len(here) == len(keys) else here


def _sendable(config: Config) -> Config:
    """Replace the texts by the placeholder for an unknown text, if one of them cannot be sent."""
    try:
        for text in config.answer.texts:
            plan(text, config.answer.encoding)
    except TextError:
        return config._replace(answer=config.answer._replace(steps=((configuration.NO_TEXT,),), by_country=()))
    return config


def maybe_running(config: Config, daemon: DaemonStatus, *, alive: bool) -> Config | None:
    """Return the configuration that a living daemon has in force, if it differs from `config`; without secrets.

    It is None as well if that configuration cannot be read, as after an upgrade.
    """
    if alive and daemon.in_force != configuration.in_force(config):
        with suppress(ConfigError):
            return configuration.parse(daemon.in_force, Path(daemon.config))
    return None


def with_limits_in_force(config: Config, daemon: DaemonStatus, *, alive: bool) -> Config:
    """Return a configuration with the limits that a living daemon goes by; it may not have read the file again."""
    running = maybe_running(config, daemon, alive=alive)
    return config._replace(limits=running.limits) if running else config


def differing_keys(config: Config, daemon: DaemonStatus, *, alive: bool) -> tuple[str, ...]:
    """Return the keys of the daemon whose values in the file are not those that a living daemon has in force.

    The file is read again, because the desk may have read it before the daemon did.
    """
    if maybe_running(config, daemon, alive=alive) is None:
        return ()
    with suppress(ConfigError):
        config = configuration.load(config.path)
    running = maybe_running(config, daemon, alive=alive)
    differing = configuration.differences(running, config) if running else ()
    return tuple(key for key, _old, _new in differing if key.startswith(_OF_THE_DAEMON) and key not in _ELSEWHERE)


def _running(path: Path, salvaged: Config) -> Iterator[Config]:
    """Yield the configurations of living daemons that were started with this file."""
    usual = configuration.KEYS["runtime_dir"].default
    for folder in dict.fromkeys((salvaged.runtime_dir, usual)):
        for daemon in status.statuses(folder, salvaged.name):
            with suppress(ConfigError):
                if os.path.realpath(daemon.config) == os.path.realpath(path) and _lives(daemon):
                    yield configuration.parse(daemon.in_force, Path(daemon.config))


def _lives(daemon: DaemonStatus) -> bool:
    """Tell whether the process that wrote a status is alive: even if it hangs, its configuration is in force."""
    try:
        os.kill(daemon.pid or 0, 0)
    except PermissionError:
        pass  # it is alive, as another user's process
    except (OSError, OverflowError):
        return False
    return daemon.pid is not None and daemon.pass_boottime <= clock.boottime()
