"""`hotlined status`: whether the daemon lives, what its modem does, what waits, what is spent.

Put together from the daemon's file in the runtime directory, the database and the clocks; each may be missing, and
what is not known is null.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import click

from hotlined import __version__, clock
from hotlined.cli import Settings, pass_settings
from hotlined.cli.output import json_line, print_sheet
from hotlined.config import Config, Mode
from hotlined.errors import DatabaseMissingError, StoreError, UnavailableError
from hotlined.store import outbound, reading
from hotlined.store.database import open_beside_daemon

ALIVE_SECONDS = 180.0
_TOLD = {"pid", "pass_boottime", "modem", "trouble", "database_state"}  # a file without these is none of ours
_MODEM = ("state", "since", "step", "port", "manufacturer", "model", "operator", "registration", "signal_percent")


@dataclass(frozen=True, slots=True)
class Report:
    """What `status --json` prints, and in one sentence what is wrong and what to do, or None."""

    document: dict[str, Any]
    trouble: str | None

    @property
    def ready(self) -> bool:
        """Whether the daemon lives and its modem is ready."""
        return bool(self.document["alive"]) and self.document["modem"]["state"] == "ready"


def report(config: Config) -> Report:
    """Look at everything once."""
    told = _told(config)
    alive = _alive(told)
    stored, database_trouble = _stored(config)
    modem = told.get("modem") or {}
    document = {
        "alive": alive,
        "pid": told.get("pid"),
        "version": told.get("version", __version__),
        "line": config.line,
        "config": os.fspath(config.path),
        "database": os.fspath(config.database),
        "mode": told.get("mode", config.mode.value),
        "paused": stored.get("paused"),
        "since": told.get("since"),
        "last_scan_at": told.get("last_scan_at"),
        "clock": {"synchronised": clock.synchronised()},
        "queue": stored.get("queue"),
        "budgets": stored.get("budgets"),
        "modem": {name: modem.get(name) for name in _MODEM} | {"storages": modem.get("storages", [])},
        "database_state": told["database_state"] if alive else stored["database_state"],
    }
    document["modem"]["registration"] = modem.get("registration", "unknown")
    return Report(document, _trouble(told, alive) or database_trouble)


def _told(config: Config) -> dict[str, Any]:
    """Return what the daemon wrote last, or {}; the folder is looked for where the daemon makes it."""
    own = Path(gettempdir()) / f"hotlined-{os.getuid()}"
    for folder in (config.runtime_dir, own):
        with suppress(OSError, ValueError):
            path = folder / f"{config.line}.json"
            if folder == own and path.lstat().st_uid != os.getuid():
                continue
            told = json.loads(path.read_text())
            if isinstance(told, dict) and told.keys() >= _TOLD:
                return told
    return {}


def _alive(told: dict[str, Any]) -> bool:
    """Tell whether the daemon's process lives and its last pass began a short time ago, in this boot."""
    try:
        os.kill(told["pid"], 0)
    except PermissionError:
        pass  # it lives, as somebody else
    except (KeyError, OSError, OverflowError, TypeError):
        return False
    return bool(0 <= clock.boottime() - told["pass_boottime"] < ALIVE_SECONDS)


def _stored(config: Config) -> tuple[dict[str, Any], str | None]:
    """Return what the database knows, or its state alone and what is wrong with it."""
    limits = config.limits.segments
    try:
        with open_beside_daemon(config.database) as db:
            spent = outbound.spent(db, db.now(), shadow=config.mode is Mode.SHADOW)
            return {
                "paused": reading.paused(db),
                "queue": reading.queue(db),
                "budgets": {name: {"limit": getattr(limits, name), "used": spent[name].total} for name in spent},
                "database_state": "ok",
            }, None
    except DatabaseMissingError as error:
        return {"database_state": None}, f"{error.message} {error.hint}"
    except (StoreError, sqlite3.Error) as error:
        state = "locked" if "locked" in str(error) else "damaged"
        return {"database_state": state}, f"{error} {getattr(error, 'hint', '')}".strip()


def _trouble(told: dict[str, Any], alive: bool) -> str | None:
    if alive:
        return str(told["trouble"]) if told["trouble"] else None
    if not told:
        return "The daemon does not run. Start it: systemctl start hotlined, or `hotlined run` to watch it."
    return (
        f"The daemon (process {told['pid']}) ended without a word or hangs; below is what was last known. "
        "Look at journalctl -u hotlined, then systemctl restart hotlined."
    )


def _sheet(told: Report) -> Iterator[tuple[str, str | None]]:
    document, modem = told.document, told.document["modem"]
    queue, budgets = document["queue"] or {}, document["budgets"] or {}
    yield "line", f"{document['line']}, {document['mode']}" + (", paused" if document["paused"] else "")
    yield "daemon", f"alive since {document['since']}, process {document['pid']}" if document["alive"] else "not alive"
    yield "trouble", told.trouble
    yield "modem", f"{modem['state']} since {modem['since']}" if modem["state"] else "unknown"
    yield "  port", modem["port"]
    yield "  make", " ".join(filter(None, (modem["manufacturer"], modem["model"])))
    signal = "" if modem["signal_percent"] is None else f", signal {modem['signal_percent']} %"
    yield "  network", f"{modem['operator'] or 'none'}, {modem['registration']}{signal}"
    yield "  storages", ", ".join(f"{use['name']} {use['used']} of {use['total']}" for use in modem["storages"])
    yield "last scan", document["last_scan_at"]
    yield "answers", ", ".join(f"{count} {state}" for state, count in queue.items())
    yield "spent", ", ".join(f"{each['used']} of {each['limit']} in the last {name}" for name, each in budgets.items())
    yield "clock", "synchronised" if document["clock"]["synchronised"] else "not synchronised"
    yield "database", f"{document['database']} ({document['database_state'] or 'not there'})"
    yield "configuration", document["config"]


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Show whether the daemon lives and its modem is ready.

    Also what waits, what is spent, and what is wrong with its cure. The exit code is 0 only when both are so, else 69.

    Example: hotlined status --json
    """
    told = report(settings.config())
    if as_json:
        click.echo(json_line(told.document))
    else:
        print_sheet(_sheet(told))
    ctx.exit(0 if told.ready else UnavailableError.exit_code)
