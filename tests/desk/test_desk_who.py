"""Visitors of the desk and their rights: members, people behind a proxy, the desk's own user."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import listens, wait_until
from desk import Answer, Browser, Desk
from filled import KEVIN, Filled
from needs import needs_root
from persons import COMMAND, DESK, LINE, MEMBER, STRANGER, Lists, Person, give

from hotlined.config import Role
from hotlined.control.verbs import DESK as DESKS_VERBS
from hotlined.control.verbs import VERBS
from hotlined.desk.app import PAGES

HEADER = "X-Remote-User"
PEOPLE = {role.value: role.value for role in Role} | {
    "anna": "reader",
    "stranger": "admin",
}
"""The people of the proxy: one for each role, and two with names of users of the machine."""

ASK = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect(sys.argv[1])
    channel.sendall(sys.argv[2].encode() + b"\\n")
    print(channel.makefile().readline())
"""
GET = """
import socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect(sys.argv[1])
    headers = sys.argv[3].replace("NUL", chr(0))
    channel.sendall(f"GET {sys.argv[2]} HTTP/1.0\\r\\nHost: localhost\\r\\n{headers}\\r\\n".encode())
    print(channel.makefile(newline="\\n").read().split()[1])
"""
"""A program that asks for a page with headers, and prints the status."""


@dataclass
class House:
    """A line as installed: its own user, another user for its desk, and root's configuration."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    programs: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """Return the path of the configuration, which is root's."""
        return self.folder / "main.yaml"

    @property
    def database(self) -> Path:
        """Return the path of the database, which is the line's user's."""
        return self.folder / "state/hotlined.db"

    @property
    def lists(self) -> Lists:
        """Return the users and groups that the programs find."""
        return Lists(self.folder)

    def configure(self, **web: Any) -> None:
        """Write the configuration."""
        self.config.write_text(json.dumps(self.settings | {"web": {"people": PEOPLE} | web}))

    def control(self) -> None:
        """Start the control program as the line's user."""
        paths = [self.folder / f"run-control/{name}.sock" for name in ("main", "main-desk")]
        os.chown(paths[0].parent, LINE.uid, -1)
        words = ["--config", str(self.config), "control", *(f"--socket={path}" for path in paths)]
        self.programs.append(subprocess.Popen(self.lists.program(*LINE.program(COMMAND, *words)), cwd="/"))
        wait_until(lambda: listens(paths[1]), "the control program listens")
        os.chown(paths[1], DESK.uid, -1)

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Give the desk, which keeps its key in a folder of its own, and end it."""
        memory = str(self.folder / "memory")
        with Desk(self.config, user=DESK, at=self.folder / "door", lists=self.lists, RUNTIME_DIRECTORY=memory) as desk:
            yield desk
        assert "Traceback" not in desk.journal

    def events(self, kind: str) -> list[str]:
        """Return who did what is recorded as events of a kind."""
        with closing(sqlite3.connect(self.database)) as db:
            return [who for (who,) in db.execute("SELECT who FROM events WHERE kind = ? ORDER BY id", (kind,))]


@contextmanager
def made_house() -> Iterator[House]:
    """Make a line with one contact, whose answer waits."""
    folder = Path(tempfile.mkdtemp(prefix="hotlined-house-"))
    folder.chmod(0o755)
    for name in ("state", "run", "run-control", "door", "memory"):
        (folder / name).mkdir(mode=0o750 if name == "state" else 0o700 if name == "memory" else 0o755)
    filled = Filled(folder / "state")
    with filled.db:
        filled.judge(filled.text(), delay=3600)
    give(folder / "state")
    os.chown(folder / "memory", DESK.uid, DESK.gids[0])
    settings = {"database": str(filled.database), "runtime_dir": str(folder / "run"), "answer": {"text": "Non."}}
    house = House(folder, settings)
    house.configure()
    house.lists.write("anna")
    try:
        yield house
    finally:
        for program in house.programs:
            program.kill()
            program.wait()
        shutil.rmtree(folder)


@pytest.fixture
def house() -> Iterator[House]:
    """Give a line with one contact, whose answer waits."""
    with made_house() as house:
        yield house


@pytest.fixture(scope="module")
def shared() -> Iterator[House]:
    """Give such a line with a running control program, shared by tests that change nothing."""
    with made_house() as house:
        house.control()
        yield house


@pytest.fixture(scope="module")
def open_desk(shared: House) -> Iterator[Desk]:
    """Give its desk."""
    with shared.desk() as desk:
        yield desk


# ---- through a proxy


@needs_root
def test_a_visitor_through_the_proxy_has_the_name_it_gives(house: House) -> None:
    """Decisions and pages have that name."""
    house.control()
    with house.desk() as desk:
        browser = desk.proxied("admin")
        page = browser.get("/log")
        assert (page.status, KEVIN in page.words, "admin (admin)" in page.words) == (200, True, True)
        assert "is blocked. 1 answer that waited" in browser.act(f"/act/block?number={KEVIN[1:]}").words
        assert browser.cookies == {}

        assert house.events("block") == ["admin"]


@needs_root
def test_a_name_from_the_proxy_is_not_a_user_of_the_machine(house: House) -> None:
    """A name equal to a user's is written differently, with other tokens."""
    house.control()
    with house.desk() as desk:
        browser = desk.proxied("stranger")
        form = browser.get(f"/act/block?number={KEVIN[1:]}").form("/act/block")
        assert desk.proxied("admin").post("/act/block", form).status == 400
        assert browser.post("/act/block", form).status == 303

        assert "stranger (proxy) (admin)" in browser.get("/").words
        assert house.events("block") == ["stranger (proxy)"]


@needs_root
def test_each_role_sees_its_own_pages(house: House) -> None:
    """Each page's row decides; a form of another role does nothing."""
    house.control()
    with house.desk() as desk:
        form = desk.proxied("admin").get(f"/act/block?number={KEVIN[1:]}").form("/act/block")
        for role in Role:
            browser = desk.proxied(role.value)
            for page in PAGES:
                if page.needs is None or "<" in page.path:
                    continue
                fields = f"?number={KEVIN[1:]}&contact_id=1&word=other"
                status = browser.get(page.path + fields).status
                assert status == (200 if role.may(page.needs) else 403), (role, page.path)
            if role is not Role.ADMIN:
                assert browser.post("/act/block", form).status == 403
        assert house.events("block") == []


@needs_root
def test_a_name_without_a_role_sees_nothing(house: House) -> None:
    """The health check is refused, too; pages say whom to ask."""
    house.configure(ask="Anna, 0470 12 34 56")
    with house.desk() as desk:
        for path in ("/", "/log", "/none", "/healthz", "/static/desk.css"):
            refused = desk.proxied("eva").get(path)
            assert refused.status == 403
            assert "web.people of the configuration has those who may, such as eva: reader" in refused.words
            assert "Ask Anna, 0470 12 34 56." in refused.words


def said(*lines: str) -> str:
    """Return header lines."""
    return "".join(f"{line}\r\n" for line in lines)


@needs_root
@pytest.mark.parametrize(
    "headers",
    [
        "",
        said(f"{HEADER}: "),
        said(f"{HEADER}: admin, admin"),
        said(f"{HEADER}: admin,reader"),
        said(f"{HEADER}: admin", f"{HEADER}: admin"),
        said(f"{HEADER}: reader", f"{HEADER.lower()}: admin"),
        said("X_Remote_User: admin"),
        said("X-Remote_User: admin"),
        said(f"{HEADER}: adm in"),
        said(f"{HEADER}: adm\u00efn"),
        said(f"{HEADER}: admin;"),
        said(f"{HEADER}: " + "a" * 65),
        said(f"{HEADER}:\tadmin\x00"),
        said("X-Forwarded-User: admin", "Remote-User: admin", "Authorization: Basic cm9vdDpyb290"),
        said("Tailscale-User-Login: admin", "Forwarded: for=127.0.0.1;by=admin", "Cookie: X-Remote-User=admin"),
    ],
)  # fmt: skip
def test_a_request_without_exactly_one_name_is_refused(open_desk: Desk, headers: str) -> None:
    """Two names, none, invalid ones and other headers do nothing; one with a zero byte is no request of HTTP."""
    done = LINE.call(GET, str(open_desk.proxies), "/log", headers.replace("\0", "NUL"))

    assert done.stdout == ("400\n" if "\0" in headers else "403\n"), (headers, done.stderr)


@needs_root
@pytest.mark.parametrize(("person", "status"), [(STRANGER, "403\n"), (MEMBER, "200\n"), (DESK, "403\n")])
def test_the_members_door_ignores_a_name_in_a_header(open_desk: Desk, person: Person, status: str) -> None:
    """Only the kernel's user counts: a stranger stays a stranger."""
    names = [(HEADER, name) for name in ("root", "stranger", "hotlined-main", "admin")]
    for header, name in (*names, ("X-Forwarded-User", "admin"), ("X-Forwarded-For", "admin")):
        assert person.call(GET, str(open_desk.socket), "/", said(f"{header}: {name}")).stdout == status


@needs_root
def test_only_the_configured_header_names_the_visitor(house: House) -> None:
    """A name in another header is ignored."""
    house.configure(user_header="Remote-User")
    with house.desk() as desk:
        assert desk.proxied("admin").get("/").status == 403
        assert Browser(desk.proxies, {}, {"Remote-User": "admin"}).get("/").status == 200


@needs_root
def test_the_desk_is_served_under_its_own_names(house: House) -> None:
    """A host of web.hosts is served, any other is refused."""
    house.configure(hosts=["Desk.Example.org"])
    with house.desk() as desk:
        browser = desk.proxied("reader")
        hosts = ("desk.example.org", "desk.example.org:443", "example.org", "evil.desk.example.org")
        assert [browser.get("/", Host=host).status for host in hosts] == [200, 200, 400, 400]


# ---- members


@needs_root
def test_a_former_member_is_refused_at_the_next_request(house: House) -> None:
    """The group's list decides, though sessions and units keep the group."""
    with house.desk() as desk:

        def asked(person: Person) -> str:
            return person.call(GET, str(desk.socket), "/log", "").stdout.strip()

        assert [asked(each) for each in (MEMBER, LINE, DESK, STRANGER)] == ["200", "200", "403", "403"]
        house.lists.write()
        assert asked(MEMBER) == "403"
        unit = Person(STRANGER.uid, (*STRANGER.gids, *LINE.gids))
        assert asked(unit) == "403"
        house.lists.write("anna")
        assert asked(MEMBER) == "200"


# ---- forms


@needs_root
def test_a_form_outlives_the_program(house: House) -> None:
    """Forms are valid until the machine stops; broken keys are replaced.

    The desk ends after ten idle minutes.
    """
    house.control()

    def sent(form: dict[str, str]) -> Answer:
        with house.desk() as desk:
            return desk.proxied("admin").post("/act/block", form)

    with house.desk() as desk:
        form = desk.proxied("admin").get(f"/act/block?number={KEVIN[1:]}").form("/act/block")
    assert sent(form).status == 303
    (key,) = (house.folder / "memory").iterdir()
    assert (key.stat().st_mode & 0o777, key.stat().st_uid) == (0o600, DESK.uid)
    for broken in ("", "00", "no key"):  # a desk that is killed would leave such a key, were it not replaced whole
        key.write_text(broken)
        assert sent(form).status == 400
        assert len(key.read_text()) == 64
    key.unlink()
    assert sent(form).status == 400


# ---- the desk's own user


def decided_by_desk(house: House, verb: str) -> dict[str, Any]:
    """Ask for a decision as the desk does, in Anna's name; return the reply."""
    known: dict[str, Any] = {
        "number": "+32470999999", "contact_id": 1, "answer_id": 1, "word": "other",
        "request": "balance", "arguments": {}, "request_id": 1, "name": KEVIN,
        "at": None, "seen": None, "brought": None, "undo": False, "drops": False,
        "since": "2026-11-24T12:00:00.000Z",
    }  # fmt: skip
    arguments = {name: known[name] for name in VERBS[verb].takes}
    request = {"verb": verb, "arguments": arguments, "database": str(house.database), "who": "anna"}
    done = DESK.call(ASK, str(house.folder / "run-control/main-desk.sock"), json.dumps(request))
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@needs_root
def test_the_desk_may_decide_what_its_pages_offer(house: House) -> None:
    """The control program trusts the desk about the person's name."""
    house.control()
    for verb in sorted(DESKS_VERBS):
        answer = decided_by_desk(house, verb)
        assert "error" not in answer, answer
        assert {*house.events(verb)} <= {"anna"}


def test_the_desk_never_lifts_an_opt_out() -> None:
    """Only a person at the shell lifts an opt-out."""
    assert "lift_opt_out" in VERBS.keys() - DESKS_VERBS


@needs_root
@pytest.mark.parametrize("verb", sorted(VERBS.keys() - DESKS_VERBS))
def test_the_desk_decides_nothing_else(shared: House, verb: str) -> None:
    """The control program refuses every decision that no page offers."""
    assert decided_by_desk(shared, verb)["error"]["kind"] == "RefusedError"
    with closing(sqlite3.connect(shared.database)) as db:
        assert db.execute("SELECT count(*) FROM contacts").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM requests").fetchone() == (0,)


@needs_root
def test_the_desk_cannot_write_the_database(house: House) -> None:
    """The desk's user can read the database and not change it."""
    code = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*) FROM contacts").fetchone()[0])
for attempt in (lambda: db.execute("UPDATE contacts SET text = ''"), lambda: open(sys.argv[1], "r+"),
                lambda: os.unlink(sys.argv[1]), lambda: open(sys.argv[2], "r+"), lambda: os.unlink(sys.argv[2])):
    try:
        attempt()
        print("done")
    except (sqlite3.OperationalError, PermissionError) as error:
        print("refused")
"""
    done = DESK.call(code, str(house.database), str(house.config))

    assert done.stdout.split() == ["1", *["refused"] * 5], done.stderr
