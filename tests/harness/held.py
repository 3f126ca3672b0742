"""Lines of which one or more conditions hold, each made to hold as the daemon or a person would leave it behind."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import store_steps
from filled import KEVIN, Filled
from rich.progress import track

from hotlined import config as configuration
from hotlined.desk.band import band_of
from hotlined.errors import ConfigError
from hotlined.machine.clock import Now, boot_id, boottime
from hotlined.reports import in_force
from hotlined.reports.overview import LineReport, report_line
from hotlined.simulator import pdus
from hotlined.states import AlertCondition, EventKind, ModemState, TroubleCode
from hotlined.status import DaemonStatus, DaemonTrouble, ModemStatus
from hotlined.store.answers import contacts, decisions
from hotlined.store.line import events

NOW = datetime.now(UTC)
LATELY = timedelta(minutes=20)
"""The age of what holds: every alert that waits for ten minutes is due."""
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
NOWHERE = "json://127.0.0.1:9/a"


def moment(ago: timedelta = LATELY) -> str:
    """Return the moment that long before now, in RFC 3339."""
    return (NOW - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Held:
    """One line, its daemon's status, and what is wrong with both; `shown` makes it visible to commands."""

    def __init__(self, folder: Path) -> None:
        self.line = Filled(folder, alerts={"urls_file": "urls"}, credit={"valid_for": "365d", "ussd": "*100#"})
        self.db = self.line.db
        self.status: dict[str, Any] = {"modem": ModemStatus(ModemState.READY, moment(), registration="home")}
        self.trouble: list[DaemonTrouble] = []
        self.runs = True
        self.free = 50
        """The percentage of the disk that is free."""
        self.config = self.line.config
        self.last: list[Callable[[], object]] = []
        """The changes that are made once the status is written."""
        (folder / "urls").write_text(NOWHERE)
        self._set_clock()
        subjects = (*AlertCondition, "storage:SM", "storage:ME")
        self.set(alerts_event=0, alerts_since=json.dumps(dict.fromkeys(subjects, 0.0)))  # alerts have run before

    def _set_clock(self) -> None:
        self.set(limit_time=1e9, boottime=boottime(), boot_id=boot_id())
        self.set(limit_epoch=NOW.timestamp() - 1e9, known_time=NOW.timestamp())

    def sql(self, statement: str, *values: object) -> None:
        """Change the database."""
        self.db.connection.execute(statement, values)

    def set(self, **columns: object) -> None:
        """Change columns of the line's row."""
        for column, value in columns.items():
            self.sql(f"UPDATE line_state SET {column} = ?", value)

    def reports(self, code: str, cause: str | None = None, **values: Any) -> None:
        """Let the daemon report a trouble."""
        self.trouble.append(DaemonTrouble(code, cause, values, moment()))

    def modem(self, state: str, since: str | None = None) -> None:
        """Let the modem be in a state."""
        self.status["modem"] = ModemStatus(state, since or moment())
        self.trouble.insert(0, DaemonTrouble(state, None, {}, since or moment()))

    def settings(self, **more: Any) -> None:
        """Change the configuration."""
        for key, value in more.items():
            known = self.line.settings.get(key, {})
            self.line.settings[key] = known | value if isinstance(value, dict) else value
        self.config.write_text(json.dumps(self.line.settings))

    def later(self, change: Callable[[], object]) -> None:
        """Change something once the daemon has written its status."""
        self.last.append(change)

    def hold(self, codes: Iterable[str]) -> None:
        """Make these conditions hold."""
        for code in sorted(codes, key=lambda code: not code.startswith(_SEND)):  # a line that is paused sends nothing
            HOLD[code](self)

    def report(self) -> LineReport:
        """Return the report of the line, as commands make it; while it is `shown`."""
        try:
            return report_line(in_force.current(configuration.load(self.config)))
        except ConfigError as error:
            return report_line(in_force.of_daemon(self.config, error))

    def shown(self) -> ExitStack:
        """Write the status, and play the clock and the disk to whoever asks."""
        self._set_clock()  # what was received long ago has put it back
        path = self.line.folder / "run" / "main" / "status.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        status = DaemonStatus(
            **{
                "pid": os.getpid(),
                "config": str(self.config),
                "database": str(self.line.database),
                "in_force": configuration.in_force(configuration.load(self.config)),
                "trouble": tuple(self.trouble),
                "pass_boottime": boottime(),
            }
            | self.status
        )
        if self.runs:
            path.write_text(status.to_json())
        else:
            path.unlink(missing_ok=True)
        for change in self.last:
            change()
        use = type(shutil.disk_usage("/"))
        stack = ExitStack()
        stack.enter_context(patch("hotlined.machine.clock.synchronised", lambda: True))
        stack.enter_context(patch("shutil.disk_usage", lambda _: use(10**11, 0, self.free * 10**9)))
        stack.callback(self.db.close)
        return stack


def _spend(held: Held, window: str, answers: int, limit: int) -> None:
    """Spend two segments of a window for each answer."""
    held.settings(limits={"segments": {window: limit}})
    _send(held, answers)


def _send(held: Held, answers: int) -> None:
    line = held.line
    line._began = 1e9 - 600  # ten minutes ago, so that the hour's window has them
    for number in range(answers):
        line.judge(line.text(sender=f"+3247012345{number}"))
        line.send()


def _declined(held: Held) -> None:
    """Let an answer leave, and refuse the next ones."""
    _send(held, 1)
    for number in range(3):
        held.line.judge(held.line.text(sender=f"+3247022345{number}"))
        held.line.refuse(10)


def _fails(held: Held) -> None:
    """Let the network refuse ten answers for good."""
    held.line._began = 1e9 - 3000
    for number in range(10):
        held.line.judge(held.line.text(sender=f"+3247032345{number}"))
        held.line.refuse(27)


def _silence(held: Held) -> None:
    """Let contacts come every hour for two weeks, and none for ten days."""
    for hours in range(24 * 14):
        back = timedelta(days=24) - timedelta(hours=hours)
        now = Now(NOW - back, 1e9 - back.total_seconds(), synchronised=True)
        kept = store_steps.record(held.db, *pdus.write_text(KEVIN, f"Allô {hours}", scts=now.utc, reference=0), now=now)
        contacts.confirm_deleted(held.db, "SM", [entry.segment_id for entry in kept], now)
    held.set(ready_limit=1e9 - 20 * 86_400)


def _fleet(held: Held, **values: str) -> None:
    held.set(fleet_key_digest="0" * 64, key_digest="1" * 64)
    held.sql("INSERT OR IGNORE INTO fleet (id, line) VALUES (1, 'main')")
    for column, value in values.items():
        held.sql(f"UPDATE fleet SET {column} = ?", value)
    hub = held.line.folder / "run-hub" / "main" / "hub.json"
    hub.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(hub.read_text()) if hub.exists() else {"reachable": True}
    hub.write_text(json.dumps(known | {"since": moment(), "boottime": boottime()}))
    (held.line.folder / "main.fleet").write_text("{}")


def _hub(held: Held, **values: Any) -> None:
    _fleet(held)
    hub = held.line.folder / "run-hub" / "main" / "hub.json"
    hub.write_text(json.dumps(json.loads(hub.read_text()) | values))


def _file(held: Held, text: str, *, later: str | None = None) -> None:
    """Put the answer into a file of its own; `later` is what stands there after the daemon has read it."""
    file = held.line.folder / "answer.txt"
    file.write_text(text)
    held.settings(answer={"text_file": "answer.txt", "text": None})
    held.line.settings["answer"].pop("text", None)
    held.settings()
    if later is not None:
        held.later(lambda: file.write_text(later))


def _database(state: str) -> Callable[[Held], None]:
    def hold(held: Held) -> None:
        held.status["database_state"] = state
        held.reports(f"database_{state}", state)

    return hold


def _missing(held: Held) -> None:
    held.later(held.line.database.unlink)


def _version(held: Held) -> None:
    held.sql("UPDATE _sqlite_migrations SET name = 'later' WHERE id = 1")


def _dead(held: Held) -> None:
    held.status["pid"] = 2**22 + 1


def _other(held: Held) -> None:
    held.status["database"] = "/elsewhere/hotlined.db"


def _stopped(held: Held) -> None:
    held.runs = False


def _pause(held: Held) -> None:
    decisions.pause(held.db, "marie", Now(NOW - timedelta(hours=2), 1e9 - 7200, synchronised=True))


def _restored(held: Held) -> None:
    _pause(held)
    held.set(pause_restored=1)


def _made_anew(held: Held) -> None:
    _pause(held)
    held.set(paused_by=None)


def _breaker(cause: str) -> Callable[[Held], None]:
    return lambda held: held.set(breaker_cause=cause, breaker_since=moment(), breaker_due=1e9 + 600)


def _lost_text(held: Held) -> None:
    with held.db.transaction():
        at = Now(NOW - LATELY, 1e9 - 1200, synchronised=True)
        events.record(held.db, at, EventKind.TEXT_LOST, detail={"answer": "+CMTI: ,-1"})


def _country(held: Held, hours: int = 2) -> None:
    held.sql(
        "INSERT INTO country_outages (country, since, since_limit, due) VALUES ('FR', ?, ?, ?)",
        *(moment(timedelta(hours=hours)), 1e9 - hours * 3600, 1e9 + 600),
    )


def _topped_up(days: int) -> Callable[[Held], None]:
    return lambda held: held.set(topped_up_at=moment(timedelta(days=days)), topped_up_by="anna")


def _selftest(held: Held, **columns: object) -> None:
    held.settings(alerts={"selftest": "7d"}, line_number="+32460209399")
    held.set(
        selftest_number="+32460209399", selftest_at=moment(), selftest_at_limit=1e9 - 1200, selftest_left_limit=1e9,
        selftest_tries=3, selftest_lost_at=moment(), **columns,
    )  # fmt: skip


def _seal(failure: str | None) -> Callable[[Held], None]:
    def hold(held: Held) -> None:
        held.settings(backup={"folder": str(held.line.folder / "stick"), "recipients": [RECIPIENT]})
        held.set(seal_failure=failure, seal_failed_at=failure and moment())

    return hold


def _low(held: Held) -> None:
    held.settings(credit={"alert_below": 5})
    held.set(balance="3.20", balance_low=1, balance_at=moment())


def _words(held: Held) -> None:
    held.line.settings["alerts"] = {"words": ["mort"]}
    held.settings()


def _foreign(held: Held) -> None:
    held.settings(numbers={"country": "BE", "answer_countries": ["BE"]})
    held.set(imsi="208010000000001", imei="1")


def _disk(held: Held) -> None:
    held.free = 1


def _broken(held: Held) -> None:
    def spoil() -> None:
        held.config.write_text(json.dumps(held.line.settings | {"mod": "live"}))
        os.utime(held.config, ((NOW - LATELY).timestamp(),) * 2)

    held.later(spoil)


def _differs(held: Held) -> None:
    def change() -> None:
        held.settings(modem={"send_interval": "9s"})

    held.later(change)


def _state(state: str) -> Callable[[Held], None]:
    return lambda held: held.modem(state)


def _another_sim(held: Held) -> None:
    held.modem(ModemState.SIM_CHANGED)
    held.status["sim_changed"] = True


def _refused(held: Held) -> None:
    held.reports(TroubleCode.ANSWER_REFUSED)
    _file(held, "Non.\n", later="Non.\n---\n")


def _old_backup(held: Held) -> None:
    _seal(None)(held)
    held.set(sealed_at=moment(timedelta(days=9)), sealed_limit=1e9 - 9 * 86_400, sealed_as="a.age")


_SEND = ("budget_", TroubleCode.REFUSALS, TroubleCode.ANSWERS_FAIL)
"""Conditions for which answers have to leave."""


def _window(window: str, answers: int, limit: int) -> Callable[[Held], None]:
    return lambda held: _spend(held, window, answers, limit)


def _spent_nothing(window: str) -> Callable[[Held], None]:
    return lambda held: held.settings(limits={"segments": {window: 0}})


HOLD: dict[str, Callable[[Held], None]] = {
    TroubleCode.NOT_RUNNING: _stopped,
    TroubleCode.NOT_ALIVE: _dead,
    TroubleCode.OTHER_DAEMON: _other,
    **{state: _state(state) for state in ModemState if state is not ModemState.READY},
    ModemState.SIM_CHANGED: _another_sim,
    **{f"database_{state}": _database(state) for state in ("full", "denied", "locked", "damaged", "replaced")},
    TroubleCode.DATABASE_MISSING: _missing,
    TroubleCode.DATABASE_VERSION: _version,
    TroubleCode.DATABASE_UNKNOWN: _database("unknown"),
    "key_lost": lambda held: held.set(key_lost_at=moment()),
    "key_denied": lambda held: held.set(key_denied=1, key_lost_at=moment()),
    "paused": _pause,
    "paused.restored": _restored,
    "paused.made_anew": _made_anew,
    "outage": _breaker("outage"),
    "credit": _breaker("credit"),
    TroubleCode.NO_ANSWER_TEXT: lambda held: _file(held, ""),
    TroubleCode.ANSWER_DIFFERS: lambda held: _file(held, "Non.\n", later="Non merci.\n"),
    TroubleCode.ANSWER_REFUSED: _refused,
    TroubleCode.CONFIG_BROKEN: _broken,
    TroubleCode.CONFIG_REFUSED: lambda held: held.reports(TroubleCode.CONFIG_REFUSED),
    TroubleCode.CONFIG_DIFFERS: _differs,
    TroubleCode.STORAGE_FULL: lambda held: held.reports(TroubleCode.STORAGE_FULL, storage="SM", places=10),
    TroubleCode.STORAGE_UNREAD: lambda held: held.reports(TroubleCode.STORAGE_UNREAD, storage="ME", count=3),
    TroubleCode.VOLTE_ONLY: lambda held: held.reports(TroubleCode.VOLTE_ONLY),
    TroubleCode.NO_REPORTS: lambda held: held.reports(TroubleCode.NO_REPORTS),
    TroubleCode.TEXT_LOST: _lost_text,
    TroubleCode.COUNTRY_OUTAGE: _country,
    "country_outage.barred": lambda held: _country(held, 30),
    TroubleCode.REFUSALS: _declined,
    TroubleCode.ANSWERS_FAIL: _fails,
    **{f"budget_{window}": _window(window, 1, 2) for window in ("hour", "day", "month")},
    **{f"budget_{window}.waits": _spent_nothing(window) for window in ("hour", "day", "month")},
    **{f"budget_{window}.80": _window(window, 2, 5) for window in ("hour", "day", "month")},
    "sim_ends.60": _topped_up(310),
    "sim_ends.30": _topped_up(340),
    "sim_ends.7": _topped_up(360),
    TroubleCode.SIM_ENDED: _topped_up(366),
    TroubleCode.SELFTEST_LOST: lambda held: _selftest(held, selftest_back_at=moment(timedelta(days=9))),
    TroubleCode.NUMBER_UNSURE: _selftest,
    TroubleCode.SILENCE: _silence,
    TroubleCode.SIM_COUNTRY: _foreign,
    "backup_old.none": _seal(None),
    TroubleCode.BACKUP_OLD: _old_backup,
    TroubleCode.CREDIT_LOW: _low,
    TroubleCode.ALERTS_NOWHERE: _words,
    TroubleCode.HUB_AWAY: lambda held: _hub(held, reachable=False, boottime=boottime() - 7200),
    TroubleCode.HUB_LOGIN: lambda held: _hub(held, reachable=False, not_let_in=True),
    TroubleCode.FLEET_OTHER_KEY: lambda held: _fleet(held, trouble="other_key", trouble_at=moment()),
    TroubleCode.HUB_REFUSED: lambda held: _fleet(held, trouble="refused", trouble_at=moment()),
    TroubleCode.DISK_LOW: _disk,
}
"""How each condition comes to hold, by the key of its row; a reader of the pages is a program of its own."""


def record(held: Held, names: Sequence[str]) -> dict[str, object]:
    """Return what people and programs are told while these conditions hold."""
    held.hold(names)
    with held.shown():
        status = held.line.run("status", "--json")
        alerts = held.line.run("alerts", "--dry-run")
        mood = band_of(held.report()).mood
    return {
        "names": [*names],
        "exit": status.exit_code,
        "trouble": [each["code"] for each in json.loads(status.stdout)["trouble"]],
        "band": mood,
        "alerts": re.findall(r"^alerts.urls_file line 1: hotlined fr: (.*?)\. ", alerts.stdout, re.MULTILINE),
    }


def recorded(names: Sequence[str]) -> dict[str, object]:
    """Return the same of a line that is made for it."""
    with TemporaryDirectory() as folder:
        return record(Held(Path(folder)), names)


_DEAD = (TroubleCode.NOT_RUNNING, TroubleCode.NOT_ALIVE)
PAIRS = [
    pair
    for pair in combinations(HOLD, 2)
    if pair[0].partition(".")[0] != pair[1].partition(".")[0]
    and not (pair[0] in _DEAD and pair[1] == TroubleCode.CONFIG_BROKEN)  # then no configuration is in force
    and not all(name.startswith("budget_") for name in pair)  # the segments of one window are those of the others
]
"""Two conditions at once, of all that can be so."""
RECORDED = Path(__file__).parent.parent / "data" / "conditions.jsonl"
"""The alerts and troubles of each condition, and of those pairs of which more or less is told than of both alone."""


def is_both(pair: Mapping[str, Any], alone: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether exactly that is told of a pair that is told of each alone."""
    return all(sorted(pair[key]) == sorted({*alone[0][key], *alone[1][key]}) for key in ("trouble", "alerts"))


if __name__ == "__main__":
    singles = {name: recorded([name]) for name in HOLD}
    pairs = (recorded(pair) for pair in track(PAIRS, "Pairs"))
    told = [pair for pair in pairs if not is_both(pair, [singles[name] for name in pair["names"]])]
    RECORDED.write_text("".join(f"{json.dumps(each)}\n" for each in (*singles.values(), *told)))
