"""The desk of an installed line, and a proxy in front of it: run as root inside the container of `scripts/lab desk`.

A member of the group, a stranger, a member of a second line and people who log in through Caddy look and decide, while
the daemon runs, is stopped, was killed, and while its database is locked or damaged. There is no network: Caddy has a
certificate of its own, and its host name is known to the visitors alone.
"""

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
    """Return somebody who comes to the desk of a line over its socket."""
    return Visitor(f"{SOCKETS}/{line}.sock", user)


def events() -> str:
    """Return what is recorded of people's decisions."""
    with contextlib.closing(sqlite3.connect(DATABASE)) as connection:
        return "\n".join(" ".join(row) for row in connection.execute("SELECT kind, detail FROM events"))


def holds(what: str, answer: Answer, status: int, *words: str) -> None:
    """Hold an answer to its status and to words that stand in it; print what else it says."""
    missing = [each for each in words if each not in answer.words]
    check(f"{what}: {status}", (answer.status == status and not missing) or print(answer.status, answer.words[:300]))


# ---- the acts, in their order


def installing() -> None:
    """Turn the desk on, for the first line and for another."""
    for name in ("anna", "bert", "stranger"):
        sh("useradd", name)
    Path("/etc/hosts").write_text("127.0.0.1 localhost\n")  # which there is without a network, too
    done = install()
    check("a line is installed", done.returncode == 0 or print(done.stdout, done.stderr))
    off = show("hotlined-web@main.socket", "ActiveState") == "inactive" and not list(SOCKETS.iterdir())
    check("and its desk is off", off)
    sh("usermod", "--append", "--groups", "hotlined-main", "anna")
    quicken("main")


def turning_on() -> None:
    """Turn it on while the daemon runs: the daemon is left alone."""
    sh("systemctl", "restart", MAIN)
    check("the line runs", until(ready))
    before = show(MAIN, "MainPID")
    done = setup("web")
    check("the desk is turned on", done.returncode == 0 or print(done.stdout, done.stderr))
    check("and how to look at it is said", "/run/hotlined-web/main.sock" in done.stdout)
    same = show(MAIN, "MainPID") == before
    check("the daemon did not notice", same or print(before, done.stdout, journal(MAIN)))
    check("its socket is enabled and there", show("hotlined-web@main.socket", "ActiveState") == "active")
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
    """Let everybody look over the socket."""
    anna = desk_of("main", "anna")
    begun = time.monotonic()
    answer = anna.get()
    figure("the first page, the start of the desk and of who asks included", f"{time.monotonic() - begun:.2f} s")
    holds("a member sees the line at the first request", answer, 200, "Answering.")
    check("the desk runs", show(UNIT, "ActiveState") == "active")
    begun = time.monotonic()
    holds("and the log, where a text is a text", anna.get("/log"), 200, TEXT)
    figure("a page, the start of who asks included", f"{time.monotonic() - begun:.2f} s")
    holds("root, too", desk_of("main").get("/log"), 200, TEXT)
    said = "stranger may not look at this line", "group hotlined-main", "web.proxies"
    holds("a stranger does not, and reads what to set", desk_of("main", "stranger").get(), 403, *said)
    holds("nor do a second line's people", desk_of("main", "bert").get(), 403, "bert may not")
    holds("nor does its daemon", desk_of("main", "hotlined-nl").get(), 403)
    holds("nor does its desk", desk_of("main", "hotweb-nl").get(), 403)
    holds("who look at their own", desk_of("nl", "bert").get(), 200)
    holds("and nobody at theirs", desk_of("nl", "anna").get(), 403)
    holds("a member is no proxy", anna.get("/", X_Forwarded_For="10.0.0.1"), 403, "web.proxies")
    holds("nor is root", desk_of("main").get("/", Tailscale_User_Login="anna"), 403, "web.proxies")
    holds("a foreign host is refused", anna.get("/", Host="evil.example"), 400)
    holds("health is told to a member", anna.get("/healthz"), 200)


def in_its_room() -> None:
    """Ask the kernel what the desk could do if somebody took it over."""
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
    line = sh("getent", "group", "hotlined-main").stdout.split(":")[2]
    as_desk = "setpriv", "--reuid=hotweb-main", "--regid=hotweb-main", f"--groups={line}", "--no-new-privs", "--"
    own_group = sh("id", "-g", "hotweb-main").stdout.strip()
    check("it is in its own group and the line's alone", {*groups} == {own_group, line} or print(groups))
    tried = {
        "the database": f"exec 3>>{DATABASE}",
        "the folder": f"touch {DATABASE.parent}/x",
        "the status": "touch /run/hotlined/main/x",
        "the accounts": "touch /etc/hotlined/main.accounts",
        "another door": "touch /run/hotlined-web/x",
    }
    for what, words in tried.items():
        for where, prefix in (("in its room", inside), ("elsewhere", ())):
            done = sh(*prefix, *as_desk, "sh", "-c", words)
            check(f"it cannot write {what} ({where})", done.returncode != 0)
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
    """Decide over the socket."""
    anna = desk_of("main", "anna")
    holds(f"a member decides {when}", anna.fill_in(f"/act/block?number={BLOCKED}"), 200, "is blocked")
    check("which is recorded under her name", "block +3247…001 by anna" in events() or print(events()))
    sh("hotlined", "unblock", "+32470000001")
    foreign = anna.ask("POST", "/act/block", f"number={BLOCKED}", Content_Type="application/x-www-form-urlencoded")
    check("a form without a token is refused", foreign.status == 400)


def in_every_state() -> None:
    """Look and decide while the daemon is stopped, was killed, and while the database fails."""
    anna = desk_of("main", "anna")
    sh("systemctl", "stop", MAIN)
    holds("the desk works while the daemon is stopped, and says so", anna.get(), 200, "Not answering.", "does not run")
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
    sh("hotlined", "status")  # a program that is none of ours may have taken -wal away
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
    """Have a program of the line's user lock the database for readers, too."""
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
    """Have other octets where the database begins."""
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
    """Let it end when nobody looks, and come again."""
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
    check(
        "what it remembers is its own", (folder.owner(), oct(folder.stat().st_mode & 0o777)) == ("hotweb-main", "0o700")
    )
    shutil.rmtree(f"/etc/systemd/system/{UNIT}.d")
    sh("systemctl", "daemon-reload")
    sh("systemctl", "stop", UNIT)


def by_a_proxy() -> None:
    """Put Caddy in front, with TLS, as the documentation says."""
    page = (PROJECT / "docs/desk.md").read_text()
    caddyfile = re.findall(r"^```caddyfile\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    caddyfile = caddyfile.replace("desk.example.org {", f"{HOST} {{\n\ttls internal")
    Path("/etc/caddy/Caddyfile").write_text(f"{{\n\tskip_install_trust\n}}\n{caddyfile}")
    sh("systemctl", "unmask", "caddy")
    started = sh("systemctl", "start", "caddy")
    check("Caddy takes the Caddyfile of the documentation", started.returncode == 0 or print(journal("caddy")))
    root = Path("/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt")
    until(root.exists)
    shutil.copy(root, AUTHORITY)
    Path(AUTHORITY).chmod(0o644)
    phone = Visitor(HOST, "stranger")
    until(lambda: phone.get().status)
    holds("a host that nobody named is refused", phone.get(), 400, "web.hosts")
    configure("main", web={"hosts": [HOST]})
    again()
    holds("and so is a proxy", phone.get(), 403, "caddy", "web.proxies")
    configure("main", web={"proxies": ["cady"]})
    again()
    holds("one that is misspelt serves nobody, and is told", phone.get(), 503, "web.proxies names cady")
    check("its journal says so, too", until(lambda: "web.proxies names cady" in journal(UNIT)) or print(journal(UNIT)))
    configure("main", web={"proxies": ["caddy"]})
    sh("usermod", "--append", "--groups", "hotlined-main", "caddy")
    again()
    holds("one in the line's group serves nobody", phone.get(), 503, "in the line's group")
    sh("gpasswd", "--delete", "caddy", "hotlined-main")
    sh("systemctl", "restart", "caddy")
    again()
    until(lambda: phone.get("/login").status == 200)


def by_ssh() -> None:
    """Come from elsewhere by SSH, as the documentation says: the kernel sees who has logged in there."""
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
            until(lambda at=at: Visitor(at).get().status, 30)
        anna = Visitor("localhost:8080")
        holds("a member comes by SSH", anna.get("/log"), 200, TEXT)
        holds("and decides", anna.fill_in(f"/act/block?number={BLOCKED}"), 200, "is blocked")
        check("under her own name", events().rstrip().endswith("block +3247…001 by anna") or print(events()))
        holds("a stranger does not, though he has SSH", Visitor("localhost:8081").get(), 403, "stranger may not")
    sh("hotlined", "unblock", "+32470000001")


def again() -> None:
    """Have the desk read its configuration again."""
    sh("systemctl", "stop", UNIT)
    sh("systemctl", "reset-failed", UNIT)


def has_accounts() -> bool:
    """Make an account, where that can be done on an installed line."""
    early = sh("hotlined", "web", "user", "add", "early", "--role", "figures", input=f"{PASSWORD}\n")
    if early.returncode:
        figure("accounts cannot be made yet (docs/limits.md), nobody logs in", early.stderr.partition("\n")[0])
    return not early.returncode


def logging_in() -> None:
    """Come through the proxy from elsewhere, log in, and do what one's role may."""
    for name, role in (("rosa", "reader"), ("ada", "admin")):
        done = sh("hotlined", "web", "user", "add", name, "--role", role, input=f"{PASSWORD}\n")
        check(f"{name} gets an account", done.returncode == 0 or print(done.stdout, done.stderr))
    file = Path("/etc/hotlined/main.accounts")
    modes = file.owner(), file.group(), oct(file.stat().st_mode & 0o777)
    check("it is root's to write and the desk's to read", modes == ("root", "hotweb-main", "0o640") or print(modes))
    phone = Visitor(HOST, "stranger")
    holds("who is not logged in sees nothing", phone.get("/log"), 303)
    holds("a wrong password is none", phone.fill_in("/login", name="rosa", password="wrong"), 403, "do not fit")
    holds("whoever has an account logs in", phone.fill_in("/login", name="rosa", password=PASSWORD), 303)
    forged = phone.get("/log", X_Forwarded_User="root", Remote_User="root", X_Forwarded_For="127.0.0.1")
    holds("and sees the log, whatever else her headers say", forged, 200, TEXT)
    figure("memory of the desk once somebody has logged in, MiB", memory())
    check("the journal says who logged in", until(lambda: "rosa logged in" in journal(UNIT)) or print(journal(UNIT)))
    holds("a reader decides nothing", phone.get(f"/act/block?number={BLOCKED}"), 403, "role admin")
    other = Visitor(HOST, "stranger")
    other.fill_in("/login", name="ada", password=PASSWORD)
    holds("an admin does", other.fill_in(f"/act/block?number={BLOCKED}"), 200, "is blocked")
    check("under the name of the account", "block +3247…001 by ada" in events() or print(events()))
    sh("hotlined", "unblock", "+32470000001")
    sh("systemctl", "stop", UNIT)
    holds("who is logged in is so when the desk has ended and come again", phone.get("/log"), 200, TEXT)
    sh("hotlined", "web", "user", "remove", "rosa")
    holds("and is not when the account is gone", phone.get("/log"), 303)
    holds("a member looks as before", desk_of("main", "anna").get("/log"), 200, TEXT)


def memory() -> str:
    """Say what the kernel charged the desk with, and what is resident: who maps a library first is charged with it."""
    shown = sh("systemctl", "show", "--value", "--property=ControlGroup", "--property=MainPID", UNIT).stdout.split()
    group, process = (next(each for each in shown if each.startswith("/") is is_path) for is_path in (True, False))
    peak = Path(f"/sys/fs/cgroup{group}/memory.peak")
    charged = f"{int(peak.read_text()) / 2**20:.1f} charged" if peak.exists() else "not charged here"
    status = Path(f"/proc/{process}/status").read_text()
    taken = {name: int(found) / 1024 for name, found in re.findall(r"(VmHWM|RssFile):\s+(\d+)", status)}
    return f"{charged}, {taken['VmHWM']:.1f} resident at most, {taken['RssFile']:.1f} of it files"


def upgrading() -> None:
    """Bring another version in while somebody is logged in; a desk that was turned off stays so."""
    sh("systemctl", "disable", "--now", "hotlined-web@nl.socket")
    desk_of("main", "anna").get()
    before = show(UNIT, "MainPID")
    done = install(another("9.9.9"))
    check("an upgrade ends well", done.returncode == 0 or print(done.stdout, done.stderr))
    holds("the desk is there", desk_of("main", "anna").get("/log"), 200, TEXT)
    check("by the new version's program", show(UNIT, "MainPID") != before)
    check("one that was turned off stays so", show("hotlined-web@nl.socket", "ActiveState") == "inactive")


def uninstalling() -> None:
    """Take everything away."""
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
    """Play all acts; the number of what did not hold is the exit code."""
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
    if has_accounts():
        logging_in()
    upgrading()
    sim.close()
    uninstalling()
    return result()


if __name__ == "__main__":
    sys.exit(main())
