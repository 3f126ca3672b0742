"""Two lines and their hub under a real systemd: run as root inside the container of `scripts/lab fleet`.

The hub is Debian's PostgreSQL with its own certificate, set up as docs/fleet.md and the commands say: nl connects over
TCP, main over its Unix socket. All three are on one machine, and the sticks are simulated.
"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from checks import check, figure, result
from service import (
    LAB,
    MAIN,
    NL,
    install,
    journal,
    log,
    quicken,
    ready,
    setup,
    sh,
    show,
    simulate,
    until,
)

from hotlined.simulator.client import Client

KEYS = Path("/srv/fleet")
ADMIN = "admin"
HUB = ("--hub", "postgresql:///hub")
EXCHANGES = {"main": "hotlined-fleet@main.service", "nl": "hotlined-fleet@nl.service"}
LEA, KEVIN, NORA, OMAR, PIET = (f"+3247012345{digit}" for digit in range(5))


def hub(*words: str) -> str:
    """Run a command of the hub as its admin, who is not root; return its output."""
    done = sh("hotlined", "fleet", "hub", *words, *HUB, user=ADMIN, cwd=KEYS)
    check(f"hotlined fleet hub {words[0]}", done.returncode == 0 or print(done.stdout, done.stderr))
    return done.stdout


def asked(sql: str, database: str = "hub") -> str:
    """Return the hub's reply to a query of its admin."""
    return sh("psql", "-qtAX", "-d", database, "-c", sql, user=ADMIN, cwd="/").stdout.strip()


def took(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for a condition, check it, and print the time that it took."""
    begun = time.monotonic()
    check(what, until(condition, seconds))
    figure("after", time.monotonic() - begun)


def known(line: str, number: str, by: str) -> bool:
    """Tell whether a line's sheet of a number names the line that refuses it."""
    return by in sh("hotlined", "--line", line, "show", number).stdout


def judged(line: str, number: str) -> tuple[str, str, list[str]] | None:
    """Return verdict, reason and lines of a number's last contact."""
    found = [each for each in log(line) if each["originator"] == number]
    return (found[-1]["verdict"], found[-1]["reason"], found[-1]["elsewhere"]) if found else None


def reached(line: str) -> bool:
    """Tell whether a line reports that it reaches its hub."""
    said = sh("hotlined", "--line", line, "fleet", "status", "--json").stdout
    return said.startswith("{") and bool(json.loads(said)["hub"]["reachable"])


# ---- the acts, in their order


def installing() -> dict[str, Client]:
    """Install two lines that answer."""
    done = install()
    check("installed", done.returncode == 0 or print(done.stdout, done.stderr))
    for line in EXCHANGES:
        setup("add", line)
    sims = {"main": simulate("main"), "nl": simulate("nl", "--number", "+32470999999")}
    for line in EXCHANGES:
        quicken(line)
    sh("systemctl", "restart", MAIN, NL)
    check("both lines run", until(ready) and until(lambda: ready("nl")))
    away = [show(unit, "ActiveState") for unit in EXCHANGES.values()]
    check("without a fleet no exchange runs", away == ["inactive"] * 2 or print(away))
    return sims


def serving() -> str:
    """Set up a PostgreSQL as hub; return the name of its unit."""
    (version,) = (path.name for path in Path("/usr/lib/postgresql").iterdir())
    access, unit = Path(f"/etc/postgresql/{version}/main/pg_hba.conf"), f"postgresql@{version}-main.service"
    sh("systemctl", "start", unit)
    check(f"PostgreSQL {version} runs", show(unit, "ActiveState") == "active" or print(journal(unit)))
    sh("createuser", "--superuser", ADMIN, user="postgres", cwd="/")
    sh("createdb", "hub", user=ADMIN, cwd="/")
    KEYS.mkdir(mode=0o700)
    shutil.chown(KEYS, ADMIN, ADMIN)
    needed = [line for line in hub("init").splitlines() if "hotlined-lines" in line]
    access.write_text("\n".join([*needed, access.read_text()]))
    asked("SELECT pg_reload_conf()")
    check("Debian's has TLS", asked("SHOW ssl") == "on")
    hub("invite", "nl", "nl.invitation", "--host", "localhost")
    hub("invite", "main", "main.invitation")
    return unit


def joining() -> None:
    """Make both lines members; the exchanges start, and see no data of the lines."""
    for line, unit in EXCHANGES.items():
        done = setup("fleet", line, typed=(KEYS / f"{line}.invitation").read_text())
        check(f"{line} joins", done.returncode == 0 or print(done.stdout, done.stderr))
        check(f"the exchange of {line} runs", until(lambda unit=unit: show(unit, "ActiveState") == "active"))  # type: ignore[misc]
        groups = sh("id", "-nG", f"hotfleet-{line}").stdout.split()
        check("its user is in no other group", groups == [f"hotfleet-{line}"] or print(groups))
        started = Path(f"/proc/{show(unit, 'MainPID')}/cmdline")
        until(lambda started=started: "sync" in started.read_text())  # type: ignore[misc]  # before, its sandbox is made
        inside = ["nsenter", "-t", show(unit, "MainPID"), "-m", "setpriv", f"--reuid=hotfleet-{line}", "--clear-groups"]
        inside += [f"--regid=hotfleet-{line}", "--"]
        for path in (
            f"/var/lib/hotlined-{line}",
            "/etc/hotlined/main.yaml",
            f"/run/hotlined/{line}",
            f"/etc/hotlined/{line}.fleet",
        ):
            seen = sh(*inside, "ls", path)
            check(f"it does not see {path}", seen.returncode != 0 or not seen.stdout.strip())
        mark = [*inside, "cat", f"/run/hotlined-fleet/{line}/mark.json"]
        check("but the daemon's mark", until(lambda mark=mark: sh(*mark).stdout.isdecimal()) or print(sh(*mark)))  # type: ignore[misc]
        rated = sh("systemd-analyze", "security", "--threshold=20", "--no-pager", unit)
        figure(f"exposure of {unit}", " ".join(re.findall(r"level.*: (.*)", rated.stdout)))
        check("its sandbox is at 2.0 or better", rated.returncode == 0)
    took(lambda: asked("SELECT count(seen_at) FROM hotlined.lists") == "2", "the hub has seen both")
    check("both say that it is there", until(lambda: reached("main") and reached("nl")))
    encrypted = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'hotlined_nl'"
    check("nl over TLS", asked(encrypted) == "t")
    for line, unit in EXCHANGES.items():
        status = Path(f"/proc/{show(unit, 'MainPID')}/status").read_text()
        (taken,) = re.findall(r"VmRSS:\s+(\d+)", status)
        figure(f"the exchange of {line} takes", f"{int(taken) / 1024:.0f} MiB")


def exchanging(sims: dict[str, Client]) -> None:
    """Opt out at one line, which the other then obeys; and block at the other."""
    sims["main"].do("deliver", from_=LEA, text="Stop")
    took(lambda: known("nl", LEA, "main"), "nl has who said stop to main")
    sims["nl"].do("deliver", from_=LEA, text="Dag")
    said = ("suppress", "opted_out", ["main"])
    check("and does not answer", until(lambda: judged("nl", LEA) == said) or print(judged("nl", LEA)))
    sh("hotlined", "--line", "nl", "block", KEVIN)
    took(lambda: known("main", KEVIN, "nl"), "main has whom a person has blocked at nl")
    ended = [f"hotlined-control@{line}.service" for line in EXCHANGES]
    sh("systemctl", "stop", *ended)
    time.sleep(40)
    woken = [unit for unit in ended if show(unit, "ActiveState") == "active"]
    check("while nothing is new no exchange starts a control program", not woken or print(woken))


def breaking(sims: dict[str, Client], unit: str) -> None:
    """Kill the hub, decide, and start it again; kill an exchange."""
    sh("systemctl", "kill", "--signal=KILL", unit)
    sh("systemctl", "stop", unit)
    check("main says that it is away", until(lambda: not reached("main")))
    sims["main"].do("deliver", from_=NORA, text="Stop")
    until(lambda: judged("main", NORA))
    sh("systemctl", "start", unit)
    took(lambda: known("nl", NORA, "main"), "the hub is back, and nl has what was decided meanwhile")
    sh("systemctl", "kill", "--signal=KILL", EXCHANGES["nl"])
    sims["nl"].do("deliver", from_=OMAR, text="Stop")
    took(lambda: known("main", OMAR, "nl"), "an exchange that was killed comes back")
    numbers = [each for each in map(journal, EXCHANGES.values()) if "470123" in each]
    check("no number is in the journal of the exchanges", not numbers or print(*numbers))


def restoring(unit: str) -> None:
    """Put the hub's dump into a PostgreSQL without our roles, and make it a hub again, as the page says."""
    dump = LAB / "hub.sql"
    dump.write_text(sh("pg_dump", "hub", user=ADMIN, cwd="/").stdout)
    for line in EXCHANGES:
        hub("remove", line)
    sh("dropdb", "--force", "hub", user=ADMIN, cwd="/")
    asked('DROP ROLE "hotlined-lines"', "postgres")
    sh("createdb", "hub", user=ADMIN, cwd="/")
    dump.chmod(0o644)
    sh("psql", "-q", "-d", "hub", "-f", str(dump), user=ADMIN, cwd="/")
    hub("init")
    hub("init")
    sh("systemctl", "restart", unit)
    for line, more in (("nl", ("--host", "localhost")), ("main", ())):
        (KEYS / f"{line}.invitation").unlink()
        hub("invite", line, f"{line}.invitation", *more)
        setup("fleet", line, typed=(KEYS / f"{line}.invitation").read_text())
    took(lambda: reached("main") and reached("nl"), "a dump is a hub again, and both lines exchange")
    sh("hotlined", "--line", "nl", "block", PIET)
    took(lambda: known("main", PIET, "nl"), "main has who was blocked at nl after the restore")
    check("and who was before", known("main", OMAR, "nl") and known("nl", NORA, "main"))


def shutting_out() -> None:
    """Remove a line at the hub: it reports that, and joins again with a new invitation; then it leaves."""
    hub("remove", "nl")
    check(
        "nl says that the hub does not let it in",
        until(lambda: "hub_login" in sh("hotlined", "--line", "nl", "status", "--json").stdout),
    )
    check("and its list is emptied", "was emptied: 3 persons." in hub("lift", "nl"))
    took(lambda: not known("main", KEVIN, "nl"), "which main gets")
    hub("invite", "nl", "again.invitation", "--host", "localhost")
    setup("fleet", "nl", typed=(KEYS / "again.invitation").read_text())
    took(lambda: reached("nl"), "invited again it exchanges again")
    took(lambda: known("main", KEVIN, "nl"), "and its list is there again")
    done = setup("fleet", "nl", "--leave", typed="nl\n")
    check("nl leaves", done.returncode == 0 or print(done.stdout, done.stderr))
    check("its exchange has ended", show(EXCHANGES["nl"], "ActiveState") == "inactive")
    check("its login is gone", not Path("/etc/hotlined/nl.fleet").exists())
    check("and both lines are well", until(ready) and until(lambda: ready("nl")))


def main() -> int:
    """Run all acts; the exit code is the number of failures."""
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)
    sh("useradd", "--create-home", ADMIN)
    os.environ["SUDO_USER"] = ADMIN
    sims = installing()
    unit = serving()
    joining()
    exchanging(sims)
    breaking(sims, unit)
    restoring(unit)
    shutting_out()
    return result()


if __name__ == "__main__":
    sys.exit(main())
