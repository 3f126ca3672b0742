"""Who comes in at the desk, and what each may: proxies, accounts, sessions, attempts, the desk's own user."""

import json
import os
import pwd
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import extent
import pytest
from conftest import wait_until
from desk import Browser, Desk
from filled import KEVIN, Filled
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs_root
from persons import COMMAND, LINE, Person, give
from werkzeug.exceptions import Forbidden, TooManyRequests

from hotlined import config as configuration
from hotlined.clock import boottime
from hotlined.control.verbs import DESK as DESKS_VERBS
from hotlined.control.verbs import VERBS
from hotlined.desk import accounts
from hotlined.desk.accounts import Account
from hotlined.desk.app import PAGES
from hotlined.desk.failed_logins import Attempts
from hotlined.desk.logins import Logins
from hotlined.desk.looks import Looks
from hotlined.desk.memory import Memory
from hotlined.desk.roles import Role
from hotlined.desk.sessions import IDLE_SECONDS, WHOLE_SECONDS, Sessions

DESK = Person(61006, (61006, LINE.gids[0]))
PROXY_NAME = "daemon"
"""A user that every machine has, and that is in no line's group."""
PROXY = Person(pwd.getpwnam(PROXY_NAME).pw_uid, (pwd.getpwnam(PROXY_NAME).pw_gid,))
PASSWORD = "zebra kwartaal lampe ours"
SESSION = "__Host-hotlined"

RELAY = """
import socket, sys, threading
def pump(source, target):
    try:
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
listener = socket.socket(fileno=int(sys.argv[1]))
while True:
    near, _ = listener.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(sys.argv[2])
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""
"""A proxy that adds nothing: what comes in at a socket goes to the desk, as another user."""

ASK = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect(sys.argv[1])
    channel.sendall(sys.argv[2].encode() + b"\\n")
    print(channel.makefile().readline())
"""


class Clock:
    """Seconds since boot, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@cache
def _made() -> Account:
    """Compute once what is kept of the password of these tests: it takes long."""
    return accounts.make("anna", Role.READER, PASSWORD, "2026-11-24T22:18:00.000Z")


def account(name: str, role: Role) -> Account:
    """Return an account with that password."""
    return replace(_made(), name=name, role=role)


@dataclass
class House:
    """A line as an installation has it: its own user, a desk of another, a proxy of a third, accounts of root's."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    programs: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The configuration, root's."""
        return self.folder / "main.yaml"

    @property
    def database(self) -> Path:
        """The database, of the line's user."""
        return self.folder / "state/hotlined.db"

    def configure(self, **web: Any) -> None:
        """Write the configuration."""
        self.config.write_text(json.dumps(self.settings | {"web": {"proxies": [PROXY_NAME]} | web}))

    def hotlined(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root."""
        command = [sys.executable, "-m", "hotlined", "--config", str(self.config), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def add(self, name: str, role: Role) -> None:
        """Make an account, for the desk's user to read."""
        path = self.folder / "main.accounts"
        accounts.write(path, accounts.read(path) | {name: account(name, role)}, None)
        self.open_accounts()

    def open_accounts(self) -> None:
        """Let the desk of these tests read the accounts; where it is installed, `web user` knows its group."""
        path = self.folder / "main.accounts"
        os.chown(path, 0, DESK.gids[0])
        path.chmod(0o640)

    def control(self) -> None:
        """Start the control program as the line's user."""
        paths = [self.folder / f"run-control/{name}.sock" for name in ("main", "main-desk")]
        os.chown(paths[0].parent, LINE.uid, -1)
        words = ["--config", str(self.config), "control", *(f"--socket={path}" for path in paths)]
        self.programs.append(subprocess.Popen(LINE.program(COMMAND, *words), cwd="/"))
        wait_until(paths[1].exists, "the control program listens")
        os.chown(paths[1], DESK.uid, -1)

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Give the desk, which remembers in a folder of its own, and end it."""
        with Desk(
            self.config,
            user=DESK,
            at=self.folder / "door/web.sock",
            RUNTIME_DIRECTORY=str(self.folder / "memory"),
        ) as desk:
            yield desk
        assert "Traceback" not in desk.journal

    def proxy(self) -> Browser:
        """Give a browser that comes through the proxy, which serves them all."""
        path = self.folder / "proxy.sock"
        if not path.exists():
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
                listener.listen()
                words = (str(listener.fileno()), str(self.folder / "door/web.sock"))
                relay = PROXY.program(RELAY, *words)
                self.programs.append(subprocess.Popen(relay, pass_fds=[listener.fileno()], cwd="/"))
        return Browser(path)

    def visitor(self, name: str) -> Browser:
        """Give the browser of somebody who has logged in, through the proxy, before the desk starts."""
        sessions = Sessions(Memory(self.folder / "memory", "sessions"))
        browser = self.proxy()
        browser.cookies[SESSION] = sessions.begin(accounts.read(self.folder / "main.accounts")[name])
        os.chown(self.folder / "memory/sessions.json", DESK.uid, DESK.gids[0])
        return browser

    def fail(self, name: str, times: int) -> None:
        """Let somebody have failed under a name so often, as fast as may be, before the desk starts."""
        clock = Clock()
        clock.now = boottime() - sum(2.0**count for count in range(1, times - 2))
        attempts = Attempts(Memory(self.folder / "memory", "attempts"), clock)
        for _ in range(times):
            if left := attempts.begin(name):
                clock.now += left
                assert attempts.begin(name) == 0
        os.chown(self.folder / "memory/attempts.json", DESK.uid, DESK.gids[0])

    def events(self, kind: str) -> list[str]:
        """Return what is written down of a kind."""
        with closing(sqlite3.connect(self.database)) as db:
            return [detail for (detail,) in db.execute("SELECT detail FROM events WHERE kind = ? ORDER BY id", (kind,))]


@contextmanager
def made_house() -> Iterator[House]:
    """Give a line with a contact, whose answer waits."""
    folder = Path(tempfile.mkdtemp(prefix="hotlined-house-"))
    folder.chmod(0o755)
    for name in ("state", "run", "run-control", "door", "memory"):
        (folder / name).mkdir(mode=0o750 if name == "state" else 0o700 if name == "memory" else 0o755)
    filled = Filled(folder / "state")
    with filled.db:
        filled.judge(filled.text(), delay=3600)
    give(folder / "state")
    for name in ("door", "memory"):
        os.chown(folder / name, DESK.uid, DESK.gids[0])
    settings = {"database": str(filled.database), "runtime_dir": str(folder / "run"), "answer": {"text": "Non."}}
    house = House(folder, settings)
    house.configure()
    try:
        yield house
    finally:
        for program in house.programs:
            program.kill()
            program.wait()
        shutil.rmtree(folder)


@pytest.fixture
def house() -> Iterator[House]:
    """Give a line with a contact, whose answer waits."""
    with made_house() as house:
        yield house


@pytest.fixture(scope="module")
def shared() -> Iterator[House]:
    """Give such a line, whose desk and control program run, to all who change nothing there; Anna is an admin."""
    with made_house() as house:
        house.add("anna", Role.ADMIN)
        house.control()
        with house.desk():
            yield house


def log_in(browser: Browser, name: str, password: str = PASSWORD, **headers: str) -> int:
    """Fill in the form, and return the status of what comes back."""
    form = browser.get("/login").form("/login")
    return browser.post("/login", form | {"name": name, "password": password}, **headers).status


# ---- through a proxy


@needs_root
def test_who_comes_through_a_proxy_logs_in(house: House) -> None:
    """Without a session every page leads to the log-in; what a person then decides is recorded under her name."""
    house.add("anna", Role.ADMIN)
    house.control()
    with house.desk() as desk:
        browser = house.proxy()
        first = browser.get("/log")
        assert (first.status, first.headers["Location"]) == (303, "/login")
        assert browser.get("/healthz").status == 503
        assert log_in(browser, "Anna ") == 303
        page = browser.get("/log")
        assert (page.status, KEVIN in page.words, "anna (admin)" in page.words) == (200, True, True)
        assert "is blocked. 1 answer that waited" in browser.act(f"/act/block?number={KEVIN[1:]}").words

        assert [re.sub(r".* by ", "", each) for each in house.events("block")] == ["anna"]
        wait_until(lambda: house.events("look") == ["log by anna"], "that she looked is recorded")
        assert log_in(browser, "anna", "no password of hers") == 403
        assert log_in(browser, "my password", "anna") == 403
    assert "anna logged in" in desk.journal
    assert "wrong password for anna" in desk.journal
    assert "password of hers" not in desk.journal
    assert "my password" not in desk.journal


@needs_root
def test_each_role_sees_what_it_may(house: House) -> None:
    """Every page answers each role as its row says, and a form of whoever may not send it does nothing."""
    for role in Role:
        house.add(role.value, role)
    house.control()
    visitors = {role: house.visitor(role.value) for role in Role}
    with house.desk():
        admin = visitors[Role.ADMIN]
        for role, browser in visitors.items():
            for page in PAGES:
                if page.needs is None or "<" in page.path:
                    continue
                fields = f"?number={KEVIN[1:]}&contact_id=1&word=other"
                status = browser.get(page.path + fields).status
                assert status == (200 if role.may(page.needs) else 403), (role, page.path)
            if role is not Role.ADMIN:
                form = admin.get(f"/act/block?number={KEVIN[1:]}").form("/act/block")
                assert browser.post("/act/block", form).status == 403
                mine = browser.get("/").form("/logout")
                assert browser.post("/act/block", form | mine).status == 403
        assert house.events("block") == []


@needs_root
@pytest.mark.parametrize(
    "forged",
    [
        {"X_Forwarded_User": "root"},
        {"X_Forwarded_For": "127.0.0.1", "Forwarded": "for=127.0.0.1;by=root"},
        {"Remote_User": "root", "X_Remote_User": "root", "Authorization": "Basic cm9vdDpyb290"},
        {"Tailscale_User_Login": "root", "Via": "1.1 root"},
        {"Cookie": "hotlined_link=x; __Host-hotlined=x; __Host-hotlined-known=x"},
    ],
)
def test_what_a_header_says_means_nothing(shared: House, forged: dict[str, str]) -> None:
    """Behind a proxy a name in a header opens nothing, and from a member of the line's group it opens less."""
    assert shared.proxy().get("/log", **forged).status == 303
    direct = Browser(shared.folder / "door/web.sock").get("/log", **forged)
    proxied = any(name.startswith(("X_Forwarded", "Forwarded", "Tailscale", "Via")) for name in forged)
    assert direct.status == (403 if proxied else 200)


@needs_root
def test_a_proxy_is_named_or_nobody(house: House) -> None:
    """A program that speaks for others, of a user that is not named, gets nothing, and is told what to set."""
    house.configure(proxies=[])
    with house.desk():
        refused = house.proxy().get("/")

    assert refused.status == 403
    assert f"{PROXY_NAME} may not look at this line" in refused.words
    assert "web.proxies" in refused.words


@needs_root
def test_root_as_a_proxy_is_a_proxy_only(house: House) -> None:
    """Where a proxy runs as root, root has to log in like everybody behind it."""
    house.add("anna", Role.READER)
    house.configure(proxies=["root"])
    with house.desk() as desk:
        browser = desk.browser()
        assert browser.get("/log").status == 303
        assert log_in(browser, "anna") == 303
        assert browser.get("/act/block?number=0470123456").status == 403


@needs_root
@pytest.mark.parametrize(
    ("proxies", "words"),
    [
        (["caddyy"], "web.proxies names caddyy, and this machine has no such user"),
        ([PROXY_NAME, "no-such-user"], "no such user"),
    ],
)
def test_a_misspelt_proxy_is_refused_at_the_start(house: House, proxies: list[str], words: str) -> None:
    """A name that is no user's lets nobody in: the desk does not start, and says which."""
    house.configure(proxies=proxies)
    done = LINE.hotlined(house.config, "web", "--socket", str(house.folder / "web.sock"))

    assert done.returncode == 78
    assert words in done.stderr
    assert not (house.folder / "web.sock").exists()


@needs_root
def test_a_proxy_in_the_lines_group_is_refused(house: House) -> None:
    """Everybody behind it would be a member of the group."""
    for path in (house.database.parent, *house.database.parent.iterdir()):
        os.chown(path, -1, PROXY.gids[0])
    done = LINE.hotlined(house.config, "web", "--socket", str(house.folder / "web.sock"))

    assert done.returncode == 78
    assert f"{PROXY_NAME}, which is in the line's group" in done.stderr


@needs_root
def test_a_proxy_that_joins_the_group_later_is_refused(house: House) -> None:
    """What the desk found at its start is looked at again at each request."""
    house.add("anna", Role.READER)
    browser = house.visitor("anna")
    with house.desk():
        assert browser.get("/").status == 200
        os.chown(house.database, -1, PROXY.gids[0])
        assert "can be only one of them" in (refused := browser.get("/")).words
        assert refused.status == 403


@needs_root
def test_the_desk_is_served_under_the_names_that_it_has(house: House) -> None:
    """A name of web.hosts is served, any other is not."""
    house.configure(hosts=["Desk.Example.org"])
    with house.desk():
        browser = house.proxy()
        hosts = ("desk.example.org", "desk.example.org:443", "example.org", "evil.desk.example.org")
        assert [browser.get("/login", Host=host).status for host in hosts] == [200, 200, 400, 400]


# ---- sessions


@needs_root
def test_a_session_is_new_and_ends(house: House) -> None:
    """What a browser brought is no session after the log-in; logging out, another password, removal end it."""
    house.add("anna", Role.READER)
    house.add("bea", Role.READER)
    others = house.visitor("anna"), house.visitor("bea")
    with house.desk():
        browser, thief = house.proxy(), house.proxy()
        planted = {SESSION: "planted-before-the-log-in"}
        browser.cookies |= planted
        form = browser.get("/login").form("/login")
        answer = browser.post("/login", form | {"name": "anna", "password": PASSWORD})
        cookie = next(each for each in answer.headers.get_all("Set-Cookie") if each.startswith(f"{SESSION}="))
        assert re.search("; Secure; HttpOnly; Path=/; SameSite=Strict$", cookie)
        thief.cookies |= planted
        assert (browser.get("/log").status, thief.get("/log").status) == (200, 303)
        assert browser.cookies[SESSION] not in (house.folder / "memory/sessions.json").read_text()

        stolen = house.proxy()
        stolen.cookies |= {SESSION: browser.cookies[SESSION]}
        assert stolen.get("/log").status == 200
        assert log_in(browser, "anna") == 303  # once more: the session before is over
        assert stolen.get("/log").status == 303
        stolen.cookies |= {SESSION: browser.cookies[SESSION]}
        assert browser.post("/logout", browser.get("/").form("/logout")).status == 303
        assert stolen.get("/log").status == 303

        assert [each.get("/log").status for each in others] == [200, 200]
        assert house.hotlined("web", "user", "password", "anna").returncode == 0
        assert house.hotlined("web", "user", "remove", "bea").returncode == 0
        house.open_accounts()
        assert [each.get("/log").status for each in others] == [303, 303]
        assert log_in(stolen, "bea") == 403


@needs_root
def test_who_decides_after_the_session_is_over_is_told(house: House) -> None:
    """A form that comes too late does nothing, and leads to the log-in, which says so."""
    house.add("anna", Role.VOLUNTEER)
    house.control()
    browser = house.visitor("anna")
    with house.desk():
        form = browser.get("/act/tag?contact_id=1&word=threat").form("/act/tag")
        del browser.cookies[SESSION]
        late = browser.post("/act/tag", form)
        assert (late.status, late.headers["Location"]) == (303, "/login?over=1")
        assert "Nothing was done: log in" in browser.get(late.headers["Location"]).words
        assert "Nothing was done" not in browser.get("/login").words
    assert house.events("tag") == []


@needs_root
def test_sessions_forms_and_attempts_outlive_the_program(house: House) -> None:
    """After ten idle minutes the desk ends; who was logged in is, a form is still good, who has tried still waits."""
    house.add("anna", Role.READER)
    with house.desk():
        browser, other = house.proxy(), house.proxy()
        assert log_in(browser, "anna") == 303
        form = browser.get("/").form("/logout")
        assert log_in(other, "anna", "wrong") == 403
    ((count, _),) = json.loads((house.folder / "memory/attempts.json").read_text()).values()
    assert count == 1
    house.fail("anna", 10)
    with house.desk():
        assert browser.get("/log").status == 200
        waits = other.post("/login", other.get("/login").form("/login") | {"name": "anna", "password": PASSWORD})
        assert waits.status == 429
        assert "The next one may be in" in waits.words
        assert int(waits.headers["Retry-After"]) > 0
        assert browser.post("/logout", form).status == 303
    assert {path.stat().st_mode & 0o777 for path in (house.folder / "memory").iterdir()} == {0o600}


@needs_root
def test_nobody_is_kept_out_by_others(house: House) -> None:
    """Whoever fails under somebody's name makes strangers wait, not the browser that has logged in before."""
    house.add("anna", Role.READER)
    house.add("bea", Role.READER)
    with house.desk():
        browser, other, forger = house.proxy(), house.proxy(), house.proxy()
        assert log_in(browser, "anna") == 303
        assert log_in(other, "bea") == 303
    house.fail("anna", 10)
    forger.cookies["__Host-hotlined-known"] = "0" * 64
    with house.desk():
        assert [log_in(each, "anna") for each in (other, forger)] == [429, 429]
        assert log_in(browser, "anna") == 303


@needs_root
def test_who_does_not_come_through_a_proxy_does_not_log_in(house: House) -> None:
    """For members and root there is no log-in: the kernel knows them."""
    with house.desk() as desk:
        assert desk.browser().get("/login").status == 404


ANNA = Account("anna", Role.READER, b"salt", b"key", "2026-11-24T22:18:00.000Z")


def test_a_session_ends_by_itself() -> None:
    """Two hours after the last visit, twelve after its begin, and in another boot it is none."""
    clock = Clock()
    sessions = Sessions(Memory(None, "sessions"), clock)
    known = {"anna": ANNA}
    first, second = sessions.begin(ANNA), sessions.begin(ANNA)
    assert first != second
    clock.now += IDLE_SECONDS - 1
    assert sessions.maybe_account(first, known) == ANNA
    clock.now += IDLE_SECONDS - 1
    assert sessions.maybe_account(first, known) == ANNA
    assert sessions.maybe_account(second, known) is None
    while clock.now < 1000 + WHOLE_SECONDS - IDLE_SECONDS / 2:
        assert sessions.maybe_account(first, known) == ANNA
        clock.now += IDLE_SECONDS / 2
    clock.now = 1000 + WHOLE_SECONDS
    assert sessions.maybe_account(first, known) is None
    clock.now = 500.0
    assert sessions.maybe_account(first, known) is None


def test_many_sessions_take_no_more_room() -> None:
    """Who logs in without end pushes out the oldest sessions."""
    sessions = Sessions(memory := Memory(None, "sessions"), clock := Clock())
    tokens = []
    for _ in range(250):
        clock.now += 1
        tokens.append(sessions.begin(ANNA))

    assert memory.change(len) == 200
    assert sessions.maybe_account(tokens[-1], {"anna": ANNA}) == ANNA
    assert sessions.maybe_account(tokens[0], {"anna": ANNA}) is None


# ---- attempts


@settings(max_examples=extent.examples(30, 100))
@given(st.lists(st.tuples(st.sampled_from(["anna", "bea"]), st.sampled_from([0.0, 0.0, 1.0, 5.0, 300.0])), min_size=60))
def test_attempts_slow_down(tries: list[tuple[str, float]]) -> None:
    """Whatever the rhythm, no name is tried more than 25 times in an hour, and each refusal says how long to wait."""
    clock = Clock()
    attempts = Attempts(Memory(None, "attempts"), clock)
    made: dict[str, list[float]] = {"anna": [], "bea": []}
    for name, pause in tries:
        clock.now += pause
        left = attempts.begin(name)
        if left:
            before = clock.now
            clock.now += left
            assert attempts.begin(name) == 0
            clock.now = max(clock.now, before)
        made[name].append(clock.now)
    for times in made.values():
        assert all(sum(start <= each < start + 3600 for each in times) <= 25 for start in times)


def test_the_first_slips_are_free_and_the_right_password_forgives() -> None:
    """Three attempts wait for nothing, then 2 s, 4 s and so on up to five minutes; after an hour all is forgotten."""
    clock = Clock()
    attempts = Attempts(Memory(None, "attempts"), clock)
    waits = []
    for _ in range(12):
        left = attempts.begin("anna")
        waits.append(left)
        clock.now += left
        assert not left or attempts.begin("anna") == 0
    assert waits == [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert attempts.begin("bea") == 0
    attempts.forgive("anna")
    assert [attempts.begin("anna") for _ in range(4)] == [0, 0, 0, 2]
    clock.now += 3600
    assert [attempts.begin("anna") for _ in range(4)] == [0, 0, 0, 2]


def test_names_that_there_are_not_push_nobody_out() -> None:
    """However many names are tried, none is tried oftener than alone, and they take no more room."""
    clock = Clock()
    attempts = Attempts(memory := Memory(None, "attempts"), clock)
    for _ in range(5):
        for number in range(1000):
            attempts.begin(f"nobody {number}")
        clock.now += 300
    made = 0
    for number in range(3600):
        made += attempts.begin("anna") == 0
        attempts.begin(f"another {number}")
        clock.now += 1

    assert 0 < made <= 25
    assert memory.change(len) <= 4096


def test_one_password_is_computed_at_a_time(tmp_path: Path) -> None:
    """A second one waits, a third is refused at once: the threads that show pages are not taken."""
    logins = Logins(tmp_path / "none", b"secret", None)
    ends: list[type[Exception]] = []

    def enter(name: str) -> None:
        try:
            logins.enter(name, "wrong", "")
        except (Forbidden, TooManyRequests) as error:
            ends.append(type(error))

    with logins._computing:
        threads = [threading.Thread(target=enter, args=(name,)) for name in ("anna", "bea", "zoe", "eva")]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(ends) == 2, "two are refused")
        assert ends == [TooManyRequests] * 2
    for thread in threads:
        thread.join()

    assert ends == [TooManyRequests] * 2 + [Forbidden] * 2


def test_a_crowd_at_the_log_in_keeps_no_known_browser_out(tmp_path: Path) -> None:
    """While strangers take every turn, a browser that has logged in before waits for the one that is computed."""
    path = tmp_path / "main.accounts"
    accounts.write(path, {"anna": account("anna", Role.READER)}, None)
    logins = Logins(path, b"secret", None)
    known = logins.enter("anna", PASSWORD, "").known
    ends: list[str] = []

    def enter(name: str, password: str, known: str) -> None:
        try:
            ends.append(logins.enter(name, password, known).account.name)
        except (Forbidden, TooManyRequests) as error:
            ends.append(error.name)

    with logins._computing:
        crowd = [threading.Thread(target=enter, args=(name, "wrong", "")) for name in ("bea", "zoe", "eva")]
        for thread in crowd:
            thread.start()
        wait_until(lambda: ends == ["Too Many Requests"], "every turn is taken")
        mine = threading.Thread(target=enter, args=("anna", PASSWORD, known))
        mine.start()
        other = threading.Thread(target=enter, args=("anna", PASSWORD, "of another browser"))
        other.start()
        other.join()
    for thread in (*crowd, mine):
        thread.join()

    assert ends[:2] == ["Too Many Requests"] * 2
    assert sorted(ends[2:]) == ["Forbidden", "Forbidden", "anna"]


# ---- accounts


def test_accounts_come_and_go(tmp_path: Path) -> None:
    """They are added, listed, given another password, removed; no password stands in their file, which is private."""
    line = Filled(tmp_path)
    line.db.close()
    path = tmp_path / "main.accounts"
    assert "Nobody may log in" in line.run("web", "user", "list").stdout

    added = line.run("web", "user", "add", "Anna", "--role", "volunteer", input=f"{PASSWORD}\n")
    assert (added.exit_code, added.stdout) == (0, "anna may log in as volunteer.\n")
    made = line.run("web", "user", "add", "bea", "--role", "admin", input="\n")
    assert (found := re.search(r"bea may log in as admin\. The password: (\S{20})$", made.stdout.strip()))
    assert path.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in path.read_text()
    assert found[1] not in path.read_text()
    known = accounts.read(path)
    assert known["anna"].fits(PASSWORD)
    assert known["bea"].fits(found[1])
    assert not known["anna"].fits(PASSWORD + "x")
    assert not known["anna"].fits("")
    assert "anna: volunteer, since" in line.run("web", "user", "list").stdout

    assert line.run("web", "user", "add", "anna", "--role", "admin", input=f"{PASSWORD}\n").exit_code == 2
    assert line.run("web", "user", "add", "eva", "--role", "boss").exit_code == 2
    assert line.run("web", "user", "add", "e/va", "--role", "admin").exit_code == 2
    assert line.run("web", "user", "add", "eva", "--role", "admin", input="short\n").exit_code == 2
    assert line.run("web", "user", "password", "eva").exit_code == 2
    assert accounts.read(path) == known

    assert line.run("web", "user", "password", "anna", input="another password\n").exit_code == 0
    assert accounts.read(path)["anna"].fits("another password")
    assert accounts.read(path)["anna"].role is Role.VOLUNTEER
    assert line.run("web", "user", "remove", "anna").exit_code == 0
    assert list(accounts.read(path)) == ["bea"]


def test_a_letter_with_an_accent_is_one_however_it_is_typed() -> None:
    """A phone types é as one character, a Mac as two: it is the same password."""
    assert accounts.make("anna", Role.READER, "caf\u00e9 caf\u00e9", "").fits("cafe\u0301 cafe\u0301")


@pytest.mark.parametrize("content", ["", "[]", '{"anna": {}}', '{"anna": {"role": "boss", "salt": "", "key": "00"}}'])
def test_accounts_that_make_no_sense_let_nobody_in(tmp_path: Path, content: str) -> None:
    """A file that was damaged is an error, and not one without accounts or with an empty password."""
    path = tmp_path / "main.accounts"
    path.write_text(content)
    with pytest.raises(Exception, match="holds no accounts"):
        accounts.read(path)


def test_nobody_has_no_password() -> None:
    """What a password is tried at where there is no such account fits none."""
    assert not accounts.NOBODY.fits("")


@needs_root
def test_accounts_that_cannot_be_read_are_told(house: House) -> None:
    """Behind a proxy everybody hears that nobody can log in, and nobody is let in."""
    house.add("anna", Role.ADMIN)
    browser = house.visitor("anna")
    with house.desk():
        assert browser.get("/log").status == 200
        (house.folder / "main.accounts").write_text("{")
        refused = browser.get("/log")
        assert (refused.status, "main.accounts holds no accounts" in refused.words) == (503, True)
        assert browser.get("/login").status == 503


# ---- what people looked at


def test_no_page_waits_until_it_is_written_down_who_looked(tmp_path: Path) -> None:
    """While the database is locked looking goes on; it is written down once that is over, once for each hour."""
    line = Filled(tmp_path)
    contact = line.text()
    looks, config = Looks(), configuration.load(line.config)
    with line.db, closing(sqlite3.connect(line.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            looks.note(config, "anna", "look", contact_id=contact)
            looks.note(config, "anna", "look_up", originator=KEVIN)
        looks.note(config, "bea", "look", contact_id=contact)
        looks.note(config, "bea", "look", contact_id=99)
        assert line.db.all("SELECT 1 FROM events WHERE kind = 'look'") == []
        other.rollback()
        found = "SELECT contact_id, detail FROM events WHERE kind = 'look' ORDER BY id"
        wait_until(lambda: len(line.db.all(found)) == 3, "it is written down")
        looks.close()

        assert [tuple(row) for row in line.db.all(found)] == [
            (contact, "by anna"),
            (None, "+3247…456 by anna"),
            (contact, "by bea"),
        ]


def test_a_look_that_fails_by_a_bug_keeps_none_from_being_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The bug is in the journal, with its place; those that come after it are recorded."""
    line = Filled(tmp_path)
    config = configuration.load(line.config)
    with line.db, Looks() as looks:
        looks.note(config, "anna", "no such verb")
        looks.note(config, "bea", "look_up", originator=KEVIN)
        looks.close()
        assert [row["detail"] for row in line.db.all("SELECT detail FROM events WHERE kind = 'look'")] == [
            "+3247…456 by bea"
        ]
    (record,) = caplog.records
    assert (record.getMessage(), bool(record.exc_info)) == ("that anna looked could not be recorded", True)


def test_the_desk_ends_though_a_look_cannot_be_recorded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What still waits when its time is over is in the journal alone, and so is a look that comes later.

    The first of them was asked for, and may be recorded all the same: nobody is told that it is not.
    """
    line = Filled(tmp_path)
    looks, config = Looks(), configuration.load(line.config)
    with line.db, line.db.transaction():
        for who in ("anna", "bea"):
            looks.note(config, who, "look_up", originator=KEVIN)
        looks.close(0.1)
        looks.note(config, "carl", "look_up", originator=KEVIN)

        assert [record.getMessage() for record in caplog.records] == [
            "that anna looked may not be recorded: the desk ends",
            "that bea looked is not recorded: the desk ends",
            "that carl looked is not recorded: the desk ends",
        ]


# ---- the desk's own user


def decided_by_desk(house: House, verb: str) -> dict[str, Any]:
    """Ask for a decision as the desk does, in Anna's name, and return the answer."""
    known: dict[str, Any] = {
        "number": "+32470999999", "contact_id": 1, "answer_id": 1, "word": "other", "listed": "log",
        "originator": KEVIN, "request": "balance", "arguments": {}, "request_id": 1, "name": KEVIN,
        "keep_opt_out": False, "at": None,
    }  # fmt: skip
    arguments = {name: known[name] for name in VERBS[verb].takes}
    request = {"verb": verb, "arguments": arguments, "database": str(house.database), "who": "anna"}
    done = DESK.call(ASK, str(house.folder / "run-control/main-desk.sock"), json.dumps(request))
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@needs_root
@pytest.mark.parametrize("verb", sorted(DESKS_VERBS))
def test_the_desk_decides_what_its_pages_do(house: House, verb: str) -> None:
    """The control program believes the desk whose decision it is."""
    house.control()
    answer = decided_by_desk(house, verb)

    assert "error" not in answer, answer
    assert all(each.endswith("by anna") for each in house.events(verb))


def test_the_desk_never_lifts_an_opt_out() -> None:
    """Whoever asked not to be answered is answered again by a person at the shell alone."""
    assert "lift_opt_out" in VERBS.keys() - DESKS_VERBS


@needs_root
@pytest.mark.parametrize("verb", sorted(VERBS.keys() - DESKS_VERBS))
def test_the_desk_decides_nothing_else(shared: House, verb: str) -> None:
    """The control program carries out nothing for the desk that no page decides."""
    assert decided_by_desk(shared, verb)["error"]["kind"] == "RefusedError"
    with closing(sqlite3.connect(shared.database)) as db:
        assert db.execute("SELECT count(*) FROM contacts").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM requests").fetchone() == (0,)


@needs_root
def test_the_desk_cannot_write_what_it_reads(house: House) -> None:
    """Its user reads the database and the accounts, and can change neither."""
    house.add("anna", Role.READER)
    code = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*) FROM contacts").fetchone()[0])
for attempt in (lambda: db.execute("UPDATE contacts SET text = ''"), lambda: open(sys.argv[2], "r+"),
                lambda: os.unlink(sys.argv[2]), lambda: open(sys.argv[1], "r+"), lambda: os.unlink(sys.argv[1])):
    try:
        attempt()
        print("done")
    except (sqlite3.OperationalError, PermissionError) as error:
        print("refused")
print(len(open(sys.argv[2]).read()) > 10)
"""
    done = DESK.call(code, str(house.database), str(house.folder / "main.accounts"))

    assert done.stdout.split() == ["1", *["refused"] * 5, "True"], done.stderr
