"""Two lines and their hub under a real systemd: run as root inside the container of `scripts/lab fleet`.

The hub is the PostgreSQL of that Debian, set up by what docs/fleet.md and the commands say: nl reaches it over TCP with
a certificate, fr at its Unix socket. All three are on one machine, and the sticks are simulated.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from checks import check, figure, result
from service import LAB, WHEELS, configure, install, journal, log, ready, sh, show, simulate, until

from hotlined.simulator.client import Client

DEBS = Path("/srv/postgresql")
KEYS = Path("/srv/keys")
OWNER = "postgres"
PASSWORD = "of the lab alone"
SOCKET, TCP = "postgresql:///hotlined", "postgresql://postgres@localhost/hotlined"
UNITS = {"fr": "hotlined-fleet@main.service", "nl": "hotlined-fleet@nl.service"}
FOLDERS = {"fr": Path("/var/lib/hotlined"), "nl": Path("/var/lib/hotlined-nl")}
KEVIN, LEA, NORA, OMAR = (f"+3247012345{digit}" for digit in range(4))


def line_words(line: str) -> list[str]:
    """Return how a command names a line."""
    return ["hotlined", *(["--line", line] if line != "fr" else [])]


def hub(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the hub as whoever owns it."""
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    done = sh("hotlined", "fleet", "hub", *words, user=OWNER, cwd=KEYS, env=environment)
    check(f"hotlined fleet hub {' '.join(words[:2])}", done.returncode == 0 or print(done.stdout, done.stderr))
    return done


def asked(sql: str) -> str:
    """Return what the hub's database answers to its owner."""
    return sh("psql", "-qtAX", "-d", "hotlined", "-c", sql, user=OWNER, cwd="/").stdout.strip()


def took(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for a condition, check that it came, and print how long that took."""
    begun = time.monotonic()
    check(what, until(condition, seconds))
    figure("after", time.monotonic() - begun)


def knows(line: str, number: str, words: str) -> bool:
    """Tell whether a line says something of a number."""
    return words in sh(*line_words(line), "number", number).stdout


def judged(line: str, number: str) -> tuple[str, str, str | None] | None:
    """Return verdict, reason and line of the last contact of a number."""
    found = [each for each in log(None if line == "fr" else line) if each["originator"] == number]
    return (found[-1]["verdict"], found[-1]["reason"], found[-1]["elsewhere"]) if found else None


# ---- the acts, in their order


def installing() -> dict[str, Client]:
    """Have two lines that answer."""
    for more in ((), ("--line", "nl")):
        done = install("--wheels", str(WHEELS), *more)
        check(f"installed {' '.join(more)}", done.returncode == 0 or print(done.stdout, done.stderr))
    values = {"poll_interval": "1s", "send_interval": "0s", "delay": "0s"}
    configure("config", port=str(LAB / "fr"), **values)
    configure("nl", port=str(LAB / "nl"), **values)
    sims = {"fr": simulate("fr", "hotlined"), "nl": simulate("nl", "hotlined-nl", "--number", "+32470999999")}
    sh("systemctl", "start", "hotlined", "hotlined@nl")
    check("both lines run", until(ready) and until(lambda: ready("nl")))
    away = [show(unit, "ActiveState") for unit in UNITS.values()]
    check("without a fleet no exchange runs", away == ["inactive"] * 2 or print(away))
    return sims


def serving() -> str:
    """Have a PostgreSQL that is a hub; return the name of its unit."""
    done = sh("dpkg", "--force-unsafe-io", "--install", *map(str, sorted(DEBS.glob("*.deb"))))
    check("PostgreSQL is installed", done.returncode == 0 or print(done.stdout[-2000:], done.stderr[-2000:]))
    (version,) = (path.name for path in Path("/usr/lib/postgresql").iterdir())
    configuration, data = Path(f"/etc/postgresql/{version}/main"), Path(f"/var/lib/postgresql/{version}/main")
    unit = f"postgresql@{version}-main.service"
    sh("systemctl", "start", unit)
    check(f"PostgreSQL {version} runs", show(unit, "ActiveState") == "active" or print(journal(unit)))
    KEYS.mkdir(mode=0o700)
    shutil.chown(KEYS, OWNER, OWNER)
    sh("createdb", "hotlined", user=OWNER, cwd="/")
    sh("psql", "-qc", f"ALTER ROLE postgres PASSWORD '{PASSWORD}'", user=OWNER, cwd="/")
    needed = [line for line in hub("init", SOCKET).stdout.splitlines() if "hotlined-lines" in line]
    access = configuration / "pg_hba.conf"
    access.write_text("\n".join([*needed, access.read_text()]))
    asked("SELECT pg_reload_conf()")
    said = hub("invite", "nl", "nl.invitation", "--hub", TCP).stdout
    for name in ("fleet-hub.pem", "fleet-ca.crt"):
        shutil.copy(KEYS / name, data / name)
        shutil.chown(data / name, OWNER, OWNER)
    (data / "fleet-hub.pem").chmod(0o600)
    settings = [line for line in said.splitlines() if re.match("ssl|listen_addresses", line)]
    (configuration / "conf.d/fleet.conf").write_text("\n".join([*settings, ""]))
    sh("systemctl", "restart", unit)
    check("with the fleet's certificates it runs", show(unit, "ActiveState") == "active" or print(journal(unit)))
    hub("invite", "fr", "fr.invitation", "--hub", SOCKET)
    return unit


def joining() -> None:
    """Make both lines members; the exchanges start with what the page says."""
    for line, unit in UNITS.items():
        done = sh(*line_words(line), "fleet", "join", str(KEYS / f"{line}.invitation"))
        check(f"{line} joins", done.returncode == 0 or print(done.stdout, done.stderr))
        sh("systemctl", "start", unit)
        running = until(lambda unit=unit: show(unit, "ActiveState") == "active")  # type: ignore[misc]
        check(f"the exchange of {line} runs", running or print(journal(unit)))
        user = show(unit, "User")
        uid = sh("id", "-u", user).stdout.strip()
        runs_as = rf"^Uid:\s+{uid}\s"

        def is_its_own(unit: str = unit, runs_as: str = runs_as) -> object:
            status = Path(f"/proc/{show(unit, 'MainPID')}/status")
            return status.exists() and re.search(runs_as, status.read_text(), re.MULTILINE)

        check(f"as its own user, {user}", uid and until(is_its_own))
        rated = sh("systemd-analyze", "security", "--threshold=15", "--no-pager", unit)
        figure(f"exposure of {unit}", " ".join(re.findall(r"level.*: (.*)", rated.stdout)))
        check(f"the sandbox of {unit} is at 1.5 or better", rated.returncode == 0)
    seen = "SELECT count(seen_at) FROM hotlined.lines"
    took(lambda: asked(seen) == "2", "the hub has seen both, one at its socket and one over TLS")
    encrypted = (
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND usename LIKE 'hotlined_nl.%'"
    )
    check("nl comes encrypted", asked(encrypted) == "1")
    hidden()


def hidden() -> None:
    """See what whoever broke into an exchange sees of its line."""
    for line, unit in UNITS.items():
        user, group = show(unit, "User"), f"hotlined{'' if line == 'fr' else '-nl'}"
        who = ("setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={group}", "--", "cat")
        inside = ("nsenter", "-t", show(unit, "MainPID"), "-m", "--", *who)
        read = {
            ending: subprocess.run([*inside, f"{FOLDERS[line]}/hotlined.db{ending}"], capture_output=True, check=False)
            for ending in ("", ".key", ".orders")
        }
        codes = {ending: done.returncode for ending, done in read.items()}
        check(f"of {line} it reads the database and no key", codes == {"": 0, ".key": 1, ".orders": 1} or print(codes))


def exchanging(sims: dict[str, Client]) -> None:
    """Let people say stop on one line and write to the other."""
    for line, other, number in (("fr", "nl", KEVIN), ("nl", "fr", LEA)):
        sims[line].do("deliver", from_=number, text="Stop")
        said = f"SELECT count(*) FROM hotlined.persons WHERE line = '{line}' AND opted_out IS NOT NULL"
        took(lambda said=said: asked(said) == "1", f"a stop at {line} is at the hub")  # type: ignore[misc]
        elsewhere = f"opted out elsewhere: {line}"
        took(lambda: knows(other, number, elsewhere), f"and known at {other}")  # noqa: B023  called at once
        sims[other].do("deliver", from_=number, text="Salut")
        refused = until(lambda: judged(other, number) == ("suppress", "opted_out", line))  # noqa: B023  the same
        check(f"a text of that person gets no answer at {other}", refused or print(judged(other, number)))
    sims["nl"].do("deliver", from_=NORA, text="Dag")
    check("somebody else gets one", until(lambda: (judged("nl", NORA) or ("",))[0] == "answer"))
    both = {"fr": "answering", "nl": "answering"}
    took(lambda: states() == both, "fleet status names both to a member of the group")
    check("and its sheet, too", sh("hotlined", "fleet", "status", user="admin").stdout.count("answering") == 2)


def states() -> dict[str, str]:
    """Return how fr says that the lines are."""
    said = sh("hotlined", "fleet", "status", "--json", user="admin").stdout
    return {each["line"]: each["state"] for each in json.loads(said)["lines"]} if said else {}


def breaking(sims: dict[str, Client], unit: str) -> None:
    """Stop the hub, kill it and kill an exchange: what was decided meanwhile is known afterwards."""
    before = [show(each, "NRestarts") for each in UNITS.values()]
    for how, stop in (
        ("stopped", lambda: sh("systemctl", "stop", unit)),
        ("killed", lambda: sh("systemctl", "kill", "--signal=KILL", unit)),
    ):
        number = NORA if how == "stopped" else OMAR
        stop()
        until(lambda: show(unit, "ActiveState") in ("inactive", "failed"))
        sims["fr"].do("deliver", from_=number, text="Stop")
        check(f"fr notices a hub that was {how}", until(lambda: not reached("fr")))
        sh("systemctl", "start", unit)
        begun = time.monotonic()
        known = until(lambda: knows("nl", number, "opted out elsewhere: fr"))  # noqa: B023  called at once
        check(f"the hub that was {how} is back, and nl hears what was said meanwhile", known or print(journal(unit)))
        figure("after", time.monotonic() - begun)
    after = [show(each, "NRestarts") for each in UNITS.values()]
    check("no exchange was started anew for that", before == after or print(before, after))
    os.kill(int(show(UNITS["nl"], "MainPID")), signal.SIGKILL)
    sims["nl"].do("deliver", from_=OMAR, text="Stop")
    own = "SELECT count(*) FROM hotlined.persons WHERE line = 'nl'"
    took(lambda: asked(own) == "2", "an exchange that was killed comes back, and sends what is left")
    numbers = [each for each in map(journal, UNITS.values()) if "470123" in each]
    check("no number is in the journal of the exchanges", not numbers or print(*numbers))


def reached(line: str) -> bool:
    """Tell whether a line says that its hub can be reached."""
    return bool(json.loads(sh(*line_words(line), "fleet", "status", "--json").stdout)["hub"]["reachable"])


def joining_again() -> None:
    """Invite fr anew: its exchange goes on with the new address, without a new start, and sees no more than before."""
    process = show(UNITS["fr"], "MainPID")
    hub("invite", "fr", "fr.invitation", "--hub", SOCKET)
    check("an invitation that is void lets nobody in", until(lambda: not reached("fr")))
    done = sh("hotlined", "fleet", "join", str(KEYS / "fr.invitation"))
    check("fr joins anew", done.returncode == 0 or print(done.stdout, done.stderr))
    took(lambda: reached("fr"), "and its exchange goes on")
    check("without a new start", show(UNITS["fr"], "MainPID") == process)
    hidden()


def starting() -> None:
    """Start the lines anew: their exchanges come with them."""
    sh("systemctl", "stop", *UNITS.values(), "hotlined", "hotlined@nl")
    sh("systemctl", "start", "hotlined", "hotlined@nl")
    check("an exchange starts with its line", until(lambda: reached("fr") and reached("nl")))
    check("both lines are well", until(ready) and until(lambda: ready("nl")))


def uninstalling() -> None:
    """Take the program away with its data: no user of an exchange is left."""
    sh("systemctl", "stop", "lab-*")
    done = install("--uninstall", "--purge-data")
    check("it goes away", done.returncode == 0 or print(done.stdout, done.stderr))
    left = [user for user in ("hotfleet-main", "hotfleet-nl") if not sh("getent", "passwd", user).returncode]
    addresses = [*Path("/etc").glob("hotlined/*.fleet"), *Path("/run").glob("hotlined-fleet*")]
    check("with the users of the exchanges and the addresses", not (left or addresses) or print(left, addresses))


def main() -> int:
    """Play all acts; the number of what did not hold is the exit code."""
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)
    sh("useradd", "admin")
    os.environ["SUDO_USER"] = "admin"
    sims = installing()
    unit = serving()
    joining()
    exchanging(sims)
    breaking(sims, unit)
    joining_again()
    starting()
    uninstalling()
    return result()


if __name__ == "__main__":
    sys.exit(main())
