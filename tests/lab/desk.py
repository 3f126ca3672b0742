"""The desk of an installed line, and a proxy before it: run as root inside the container of `scripts/lab desk`.

A member of the group, a stranger, a member of a second line and people through Caddy look and decide, while the daemon
runs, is stopped, was killed, and while its database is locked or damaged. The container has no network: Caddy makes its
own certificate, and only the visitors know its host name.
"""

import base64
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from browser import AUTHORITY, Answer, Visitor
from checks import check, figure, result
from service import (
    LAB,
    MAIN,
    PROJECT,
    SHARE,
    UNITS,
    another,
    apt,
    configure,
    drop_in,
    install,
    journal,
    quicken,
    ready,
    setup,
    sh,
    show,
    simulate,
    until,
)

DATABASE = Path("/var/lib/hotlined-main/hotlined.db")
SOCKETS = Path("/run/hotlined-web")
UNIT = "hotlined-web@main.service"
HOST = "desk.lab"
TEXT = "Salut <b>toi</b>"
SENDER, BLOCKED = "+32470123456", "%2B32470000001"
PASSWORD = "four words that belong"


def desk_of(line: str, user: str | None = None) -> Visitor:
    """Return a visitor of a line's desk over its socket."""
    return Visitor(f"{SOCKETS}/{line}.sock", user)


def shut_out(what: str, at: str, user: str) -> None:
    """Check that a user cannot even connect to a socket."""
    answer = Visitor(f"{SOCKETS}/{at}", user).get("/", X_Remote_User="ada")
    check(what, (answer.status == 0 and "Permission denied" in answer.body) or print(answer.status, answer.body[-300:]))


def events() -> str:
    """Return the recorded decisions of people."""
    with contextlib.closing(sqlite3.connect(DATABASE)) as connection:
        return "\n".join(
            " ".join(row)
            for row in connection.execute(
                "SELECT kind, coalesce(number, word, ''), who FROM events WHERE who IS NOT NULL"
            )
        )


def holds(what: str, answer: Answer, status: int, *words: str) -> None:
    """Check the status and the words of an answer; print its text on a failure."""
    missing = [each for each in words if each not in answer.words]
    check(f"{what}: {status}", (answer.status == status and not missing) or print(answer.status, answer.words[:300]))


# ---- the acts, in their order


def installing() -> None:
    """Enable the desk for the first line and for another."""
    for name in ("anna", "bert", "stranger"):
        sh("useradd", name)
    Path("/etc/hosts").write_text("127.0.0.1 localhost\n")  # a container without a network lacks it
    done = install()
    check("a line is installed", done.returncode == 0 or print(done.stdout, done.stderr))
    off = show("hotlined-web-proxy@main.socket", "ActiveState") == "inactive" and not list(SOCKETS.iterdir())
    check("and its desk is off", off)
    sh("usermod", "--append", "--groups", "hotlined-main", "anna")
    quicken("main")


def turning_on() -> None:
    """Enable it while the daemon runs: the daemon is not restarted."""
    sh("systemctl", "restart", MAIN)
    check("the line runs", until(ready))
    before = show(MAIN, "MainPID")
    done = setup("web")
    check("the desk is turned on", done.returncode == 0 or print(done.stdout, done.stderr))
    check("and how to look at it is said", "/run/hotlined-web/main.sock" in done.stdout)
    same = show(MAIN, "MainPID") == before
    check("the daemon did not notice", same or print(before, done.stdout, journal(MAIN)))
    sockets = [show(f"hotlined-web{each}@main.socket", "ActiveState") for each in ("", "-proxy")]
    check("its sockets are there", sockets == ["active", "active"] or print(sockets))
    modes = [(each.group(), oct(each.stat().st_mode & 0o777)) for each in sorted(SOCKETS.iterdir())]
    wanted = [("hotlined-proxy", "0o660"), ("hotlined-main", "0o660")]
    check("each is open to its group alone", modes == wanted or print(modes))
    check("nobody is in the proxies' group", sh("getent", "group", "hotlined-proxy").stdout.strip().endswith(":"))
    check("and nothing runs while nobody looks", show(UNIT, "ActiveState") == "inactive")
    check("a second line is added", setup("add", "nl").returncode == 0)
    done = setup("web", "nl")
    check("and gets its own", done.returncode == 0 or print(done.stdout, done.stderr))
    users = {line: show(f"hotlined-web@{line}.service", "User") for line in ("main", "nl")}
    check(f"each has its own user {users}", users == {"main": "hotweb-main", "nl": "hotweb-nl"})
    sh("usermod", "--append", "--groups", "hotlined-nl", "bert")
    quicken("nl")
    check("its user is in no line's group elsewhere", sh("id", "-nG", "hotweb-main").stdout == "hotweb-main\n")


def looking() -> None:
    """Get pages as each kind of visitor over the socket."""
    anna = desk_of("main", "anna")
    begun = time.monotonic()
    answer = anna.get()
    figure("the first page, the start of the desk and of who asks included", f"{time.monotonic() - begun:.2f} s")
    holds("a member sees the line at the first request", answer, 200, "The line answers.")
    check("the desk runs", show(UNIT, "ActiveState") == "active")
    begun = time.monotonic()
    holds("and the log, where a text is a text", anna.get("/log"), 200, TEXT)
    figure("a page, the start of who asks included", f"{time.monotonic() - begun:.2f} s")
    said = "root may not look at this line", "group hotlined-main"
    holds("root is no member by itself, and reads what to do", desk_of("main").get("/log"), 403, *said)
    for who, user in (
        ("a stranger", "stranger"),
        ("a second line's member", "bert"),
        ("its daemon", "hotlined-nl"),
        ("its desk", "hotweb-nl"),
    ):
        shut_out(f"{who} cannot open the members' socket", "main.sock", user)
        shut_out(f"nor that of proxies ({who})", "main-proxy.sock", user)
    shut_out("a member cannot open that of proxies", "main-proxy.sock", "anna")
    holds("who look at their own", desk_of("nl", "bert").get(), 200)
    shut_out("and nobody at theirs", "nl.sock", "anna")
    for header in ("X_Remote_User", "X_Forwarded_User", "Tailscale_User_Login"):
        forged = anna.get("/", **{header: "ada"})
        check(f"a forged {header} makes nobody of a member", "(admin)" not in forged.words and forged.status == 200)
    holds("nor of root", desk_of("main").get("/", X_Remote_User="anna"), 403, "root may not")
    leaving()
    holds("a foreign host is refused", anna.get("/", Host="evil.example"), 400)
    holds("health is told to a member", anna.get("/healthz"), 200)


def leaving() -> None:
    """Remove a member from the group during her session, and let a unit have the group only by its settings."""
    code = (
        f"import sys; sys.path.insert(0, '{Path(__file__).parent}'); from browser import Visitor\n"
        f"for _ in sys.stdin: print(Visitor('{SOCKETS}/main.sock').get('/log').status, flush=True)"
    )
    words = ("runuser", "-u", "anna", "--", sys.executable, "-c", code)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") as session:
        assert session.stdin
        assert session.stdout
        statuses = []
        for change in (None, ("gpasswd", "-d", "anna", "hotlined-main"), ("gpasswd", "-a", "anna", "hotlined-main")):
            if change:
                sh(*change)
            print(file=session.stdin, flush=True)
            statuses.append(session.stdout.readline().strip())
        session.stdin.close()
    kept = "a session of before ends for the desk when its user leaves the group, and goes on when she is back"
    check(kept, statuses == ["200", "403", "200"] or print(statuses))
    given = ("setpriv", "--reuid=hotweb-main", "--regid=hotweb-main", f"--groups={group_of('hotlined-main')}", "--")
    asked = sh(
        *given,
        sys.executable,
        f"{Path(__file__).parent}/browser.py",
        f"{SOCKETS}/main.sock",
        "GET",
        "/log",
        "{}",
        "null",
    )
    check(
        "the desk's own user, which has the group by its unit alone, is no member",
        '"status": 403' in asked.stdout or print(asked),
    )


def group_of(name: str) -> str:
    """Return a group's number."""
    return sh("getent", "group", name).stdout.split(":")[2]


def in_its_room() -> None:
    """Try within its sandbox what a compromised desk could do."""
    desk_of("main", "anna").get()
    process = show(UNIT, "MainPID")
    inside = ("nsenter", "--target", process, "--mount", "--net")
    devices = sh(*inside, "cat", "/proc/net/dev").stdout
    check("it has no network", re.findall(r"^ *(\w+):", devices, re.MULTILINE) == ["lo"] or print(devices))
    status = Path(f"/proc/{process}/status").read_text()
    check("it holds no capability", re.search(r"CapBnd:\s+0+\n", status))
    most = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])
    figure("memory of the desk at most", f"{most / 1024:.0f} MiB")
    groups = re.findall(r"Groups:(.*)", status)[0].split()
    line = group_of("hotlined-main")
    as_desk = "setpriv", "--reuid=hotweb-main", "--regid=hotweb-main", f"--groups={line}", "--no-new-privs", "--"
    own_group = sh("id", "-g", "hotweb-main").stdout.strip()
    check("it is in its own group and the line's alone", {*groups} == {own_group, line} or print(groups))
    tried = {
        "the database": f"exec 3>>{DATABASE}",
        "the folder": f"touch {DATABASE.parent}/x",
        "the status": "touch /run/hotlined/main/x",
        "the configuration": "touch /etc/hotlined/main.yaml",
        "another door": "touch /run/hotlined-web/x",
    }
    for what, words in tried.items():
        for where, prefix in (("in its room", inside), ("elsewhere", ())):
            done = sh(*prefix, *as_desk, "sh", "-c", words)
            check(f"it cannot write {what} ({where})", done.returncode != 0)
    door = "/run/hotlined-control/main-desk.sock"
    opened = sh(*inside, *as_desk, "chmod", "666", door)
    check("nor can it open its own door to others", "Read-only" in opened.stderr or print(opened))
    read = sh(*inside, *as_desk, "cksum", str(DATABASE), "/etc/hotlined/main.yaml", "/run/hotlined/main/status.json")
    check("it reads what the group reads", read.returncode == 0 or print(read.stderr))
    seen = {
        folder: sh(*inside, "ls", folder).stdout.split() for folder in ("/var/lib", "/run/hotlined", "/var/backups")
    }
    own = {"/var/lib": ["hotlined-main"], "/run/hotlined": ["main"], "/var/backups": []}
    check("and sees nothing of the second line", seen == own or print(seen))
    rated = sh("systemd-analyze", "security", "--threshold=15", "--no-pager", UNIT)
    figure("exposure of the desk", " ".join(re.findall(r"level.*: (.*)", rated.stdout)))
    check("its sandbox is at 1.5 or better", rated.returncode == 0)


def deciding(when: str) -> None:
    """Make decisions over the socket."""
    anna = desk_of("main", "anna")
    holds(f"a member decides {when}", anna.fill_in(f"/act/block?number={BLOCKED}"), 200, "is blocked")
    check("which is recorded under her name", "block +3247…001 anna" in events() or print(events()))
    sh("hotlined", "unblock", "+32470000001")
    foreign = anna.ask("POST", "/act/block", f"number={BLOCKED}", Content_Type="application/x-www-form-urlencoded")
    check("a form without a token is refused", foreign.status == 400)


def in_every_state() -> None:
    """Look and decide while the daemon is stopped, was killed, and while the database fails."""
    anna = desk_of("main", "anna")
    sh("systemctl", "stop", MAIN)
    holds(
        "the desk works while the daemon is stopped, and says so",
        anna.get(),
        200,
        "The line does not answer.",
        "is not running",
    )
    holds("its log, too", anna.get("/log"), 200, TEXT)
    deciding("while the daemon is stopped")
    sh("systemctl", "start", MAIN)
    until(ready)
    drop_in(f"{MAIN}.service", "lab", "Restart=no")
    sh("systemctl", "kill", "--signal=KILL", MAIN)
    until(lambda: show(MAIN, "ActiveState") == "failed")
    holds("it works after the daemon was killed", anna.get("/log"), 200, TEXT)
    deciding("after the daemon was killed")
    shutil.rmtree("/etc/systemd/system/hotlined@main.service.d")
    sh("systemctl", "daemon-reload")
    with locked():
        holds("while the database is locked it says so", anna.get("/log"), 503, "locked")
        holds("and so it does at a glance", anna.get(), 200, "locked")
    sh("hotlined", "status")  # another program may have taken -wal away
    holds("and afterwards all is well", anna.get("/log"), 200, TEXT)
    with damaged():
        holds("while the database is damaged it says so", anna.get("/log"), 503, "damaged")
        holds("and so it does at a glance, with the cure", anna.get(), 200, "damaged")
        answer = anna.fill_in(f"/act/block?number={BLOCKED}")
        check("what is decided then is refused with words", answer.status >= 400 and "damaged" in answer.words)
    holds("put back, it is shown", anna.get("/log"), 200, TEXT)
    sh("systemctl", "start", MAIN)
    check("and the daemon comes back", until(ready))
    wrong = [each for each in journal(UNIT).splitlines() if "Traceback" in each]
    check("nothing of that is a fault of the desk", not wrong or print(*wrong, sep="\n"))


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let a program of the line's user lock the database even for readers."""
    code = (
        f"import sqlite3; db = sqlite3.connect('{DATABASE}', isolation_level=None);"
        "db.execute('PRAGMA locking_mode = EXCLUSIVE'); db.execute('BEGIN EXCLUSIVE');"
        "print('locked', flush=True); import sys; sys.stdin.read()"
    )
    words = ("runuser", "-u", "hotlined-main", "--", "python3", "-c", code)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            other.stdin.close()


@contextlib.contextmanager
def damaged() -> Iterator[None]:
    """Overwrite the beginning of the database."""
    sh("sh", "-c", f"hotlined db backup - >{LAB}/whole.db")
    whole = DATABASE.read_bytes()
    with DATABASE.open("r+b") as file:
        file.write(os.urandom(4096))
    try:
        yield
    finally:
        with DATABASE.open("r+b") as file:
            file.write(whole[:4096])


def ending() -> None:
    """Let it end without visitors, and start again."""
    code = (
        f"import sys; sys.path.insert(0, '{SHARE}'); from hotlined.desk import serving;"
        "serving.serve.__kwdefaults__['idle_seconds'] = 2.0; from hotlined.cli import main;"
        "sys.argv = ['hotlined', '--line', 'main', 'web']; main()"
    )
    drop_in(UNIT, "lab", "ExecStart=", f'ExecStart=/usr/bin/python3 -I -c "{code}"')
    sh("systemctl", "stop", UNIT)
    anna = desk_of("main", "anna")
    form = anna.get(f"/act/block?number={BLOCKED}")
    ended = until(lambda: show(UNIT, "ActiveState") == "inactive", 30)
    check("it ends when nobody looks", (ended and show(UNIT, "Result") == "success") or print(journal(UNIT)))
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form.body))
    body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in hidden.items())
    kind = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "same-origin"}
    holds("a form of before is taken afterwards", anna.ask("POST", "/act/block", body, **kind), 200, "is blocked")
    sh("hotlined", "unblock", "+32470000001")
    folder = Path("/run/hotlined-desk/main")
    owned = (folder.owner(), oct(folder.stat().st_mode & 0o777), [each.name for each in folder.iterdir()])
    check("the key of forms is its own", owned == ("hotweb-main", "0o700", ["key"]) or print(owned))
    shutil.rmtree(f"/etc/systemd/system/{UNIT}.d")
    sh("systemctl", "daemon-reload")
    sh("systemctl", "stop", UNIT)


def by_a_proxy() -> None:
    """Put Caddy before it, with TLS, as documented."""
    sh("useradd", "--system", "caddy")  # it exists already with Debian's package
    typed = f"rosa\nreader\n{HOST}\n"
    done = setup("web", typed=typed)
    told = "sudo systemctl restart caddy" in done.stdout
    check("the first person is asked for, and Caddy is let in", (done.returncode == 0 and told) or print(done))
    config = Path("/etc/hotlined/main.yaml").read_text()
    check(
        "who she is stands in the configuration",
        f"    rosa: reader\n  hosts: [{HOST}]\n" in config or print(done.stdout),
    )
    again()
    Path("/etc/caddy/Caddyfile").write_text(caddyfile({"rosa": PASSWORD, "ada": PASSWORD, "anna": PASSWORD}))
    sh("systemctl", "unmask", "caddy")
    started = sh("systemctl", "restart", "caddy")
    check("Caddy takes the Caddyfile of the documentation", started.returncode == 0 or print(journal("caddy")))
    root = Path("/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt")
    until(root.exists)
    shutil.copy(root, AUTHORITY)
    Path(AUTHORITY).chmod(0o644)
    phone = Visitor(HOST, "stranger")
    until(lambda: phone.get().status)
    holds("who gives no password sees nothing", phone.get("/log"), 401)
    holds("nor does who gives a wrong one", phone.get("/log", Authorization=basic("rosa", "wrong")), 401)
    holds("nor who only says a name", phone.get("/log", X_Remote_User="rosa"), 401)
    port = sh(
        "runuser",
        "-u",
        "stranger",
        "--",
        sys.executable,
        "-c",
        "import socket; socket.create_connection(('127.0.0.1', 2019))",
    )
    check("nobody can give Caddy another file", "refused" in port.stderr or print(port))


def caddyfile(people: dict[str, str]) -> str:
    """Return the documented Caddyfile for this host and these people, with its own certificate."""
    page = (PROJECT / "docs/desk.md").read_text()
    (whole,) = re.findall(r"^```caddyfile\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    hashes = {
        name: sh("caddy", "hash-password", "--plaintext", password).stdout.strip() for name, password in people.items()
    }
    told = re.sub(
        r"^\t\tanna HASH\n", "".join(f"\t\t{name} {each}\n" for name, each in hashes.items()), whole, flags=re.MULTILINE
    )
    return told.replace("admin off\n", "admin off\n\tskip_install_trust\n").replace(
        "desk.example.org {", f"{HOST} {{\n\ttls internal"
    )


def basic(name: str, password: str) -> str:
    """Return a browser's header for a typed name and password."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def by_ssh() -> None:
    """Visit through SSH from elsewhere, as documented: the kernel knows the logged-in user."""
    page = (PROJECT / "docs/desk.md").read_text()
    (told,) = re.findall(r"^ssh -N -L .* pi$", page, re.MULTILINE)
    key = LAB / "key"
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    serve = ("/usr/sbin/sshd", "-D", "-p", "2222", "-o", f"AuthorizedKeysFile={key}.pub", "-o", "StrictModes=no")
    started = sh("systemd-run", "-q", "--unit=lab-sshd", "-p", "RuntimeDirectory=sshd", *serve)
    listens = until(lambda: "ssh-ed25519" in sh("ssh-keyscan", "-p", "2222", "localhost").stdout)
    check("there is a server for SSH", listens or print(started.stderr))
    options = ("-p", "2222", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    with contextlib.ExitStack() as stack:
        for port, user in (("8080", "anna"), ("8081", "stranger")):
            words = told.replace("8080", port).replace(" pi", f" {user}@localhost").split()
            tunnel = stack.enter_context(subprocess.Popen([words[0], *options, *words[1:]], stdin=subprocess.DEVNULL))
            stack.callback(tunnel.kill)
            at = f"localhost:{port}"
            until(lambda at=at: "refused" not in Visitor(at).get().body, 30)
        anna = Visitor("localhost:8080")
        holds("a member comes by SSH", anna.get("/log"), 200, TEXT)
        holds("and decides", anna.fill_in(f"/act/block?number={BLOCKED}"), 200, "is blocked")
        check("under her own name", events().rstrip().endswith("block +3247…001 anna") or print(events()))
        check("a stranger does not, though he has SSH", Visitor("localhost:8081").get().status == 0)
    sh("hotlined", "unblock", "+32470000001")


def again() -> None:
    """Make the desk reload its configuration."""
    sh("systemctl", "stop", UNIT)
    sh("systemctl", "reset-failed", UNIT)


def through_caddy() -> None:
    """Visit through the proxy, act within the role, and try every way to give another name."""
    phone = Visitor(HOST, "stranger", always={"Authorization": basic("rosa", PASSWORD)})
    holds("whoever has a password sees the log", phone.get("/log"), 200, TEXT, "rosa (reader)")
    forged = {
        "the header": {"X_Remote_User": "ada"},
        "the header in small letters": {"x_remote_user": "ada"},
        "others": {"X_Forwarded_User": "root", "Remote_User": "root", "X_Forwarded_For": "127.0.0.1"},
    }
    configure("main", web={"people": {"rosa": "reader", "ada": "admin", "anna": "volunteer"}, "hosts": [HOST]})
    again()
    for what, headers in forged.items():
        holds(f"{what}, forged, makes nobody else of her", phone.get("/", **headers), 200, "rosa (reader)")
    raw = Visitor(HOST, "stranger", always={"Authorization": basic("rosa", PASSWORD), "X_Remote_User": "ada"}, raw=True)
    holds("nor does one with underscores", raw.get(), 200, "rosa (reader)")
    holds("a reader decides nothing", phone.get(f"/act/block?number={BLOCKED}"), 403, "role admin")
    other = Visitor(HOST, "stranger", always={"Authorization": basic("ada", PASSWORD)})
    holds("an admin does", other.fill_in(f"/act/block?number={BLOCKED}"), 200, "is blocked")
    check("under the name that she has there", "block +3247…001 ada" in events() or print(events()))
    anna = Visitor(HOST, "stranger", always={"Authorization": basic("anna", PASSWORD)})
    holds("a name of the machine is written apart", anna.get("/log"), 200, "anna (proxy) (volunteer)")
    figure("memory of the desk with Caddy in front of it, MiB", memory())
    sh("hotlined", "unblock", "+32470000001")
    configure("main", web={"people": {"ada": "admin"}})
    until(lambda: phone.get("/log").status == 403)
    holds("who is taken out is out, and reads what to set", phone.get("/log"), 403, "web.people", "rosa: reader")
    holds("a member looks as before", desk_of("main", "anna").get("/log"), 200, TEXT)


def memory() -> str:
    """Print the desk's memory as the kernel charges it, and the resident size: a library counts for its first user."""
    shown = sh("systemctl", "show", "--value", "--property=ControlGroup", "--property=MainPID", UNIT).stdout.split()
    group, process = (next(each for each in shown if each.startswith("/") is is_path) for is_path in (True, False))
    peak = Path(f"/sys/fs/cgroup{group}/memory.peak")
    charged = f"{int(peak.read_text()) / 2**20:.1f} charged" if peak.exists() else "not charged here"
    status = Path(f"/proc/{process}/status").read_text()
    taken = {name: int(found) / 1024 for name, found in re.findall(r"(VmHWM|RssFile):\s+(\d+)", status)}
    return f"{charged}, {taken['VmHWM']:.1f} resident at most, {taken['RssFile']:.1f} of it files"


def upgrading() -> None:
    """Install another version during a session; a disabled desk stays disabled."""
    sh("systemctl", "disable", "--now", "hotlined-web@nl.socket")
    desk_of("main", "anna").get()
    before = show(UNIT, "MainPID")
    done = install(another("9.9.9"))
    check("an upgrade ends well", done.returncode == 0 or print(done.stdout, done.stderr))
    holds("the desk is there", desk_of("main", "anna").get("/log"), 200, TEXT)
    check("by the new version's program", show(UNIT, "MainPID") != before)
    check("one that was turned off stays so", show("hotlined-web@nl.socket", "ActiveState") == "inactive")


def uninstalling() -> None:
    """Remove everything."""
    check("it is removed", apt("remove", "hotlined").returncode == 0)
    left = [*UNITS.glob("hotlined*"), *Path("/etc/systemd/system").glob("hotlined*")]
    check("nothing of the desk is left", not left or print(left))
    done = install()
    check("installed again it is turned on again", done.returncode == 0 or print(done.stdout, done.stderr))
    holds("and works", desk_of("main", "anna").get("/log"), 200, TEXT)
    for line in ("nl", "main"):
        done = setup("remove", line, "--purge", typed=f"{line}\n")
        check(f"{line} is erased", done.returncode == 0 or print(done.stdout, done.stderr))
    check("with its user", [sh("id", f"hotweb-{line}").returncode for line in ("main", "nl")] == [1, 1])


def main() -> int:
    """Run all acts; the exit code is the number of failures."""
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)
    installing()
    sim = simulate("main")
    turning_on()
    sim.do("deliver", from_=SENDER, text=TEXT)
    sim.do("wait", for_="submitted", count=1, timeout=30)
    looking()
    in_its_room()
    deciding("while the daemon runs")
    in_every_state()
    ending()
    by_ssh()
    by_a_proxy()
    through_caddy()
    upgrading()
    sim.close()
    uninstalling()
    return result()


if __name__ == "__main__":
    sys.exit(main())
