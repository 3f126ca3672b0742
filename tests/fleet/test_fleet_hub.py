"""The hub of a fleet: logins, rights of a line, and its removal."""

import contextlib
import json
import os
import select
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from conftest import wait_until
from filled import Filled
from hubs import OPTIONS, Cluster, programs, running
from needs import needs_root
from persons import COMMAND, MEMBER
from running import CliRunner
from test_fleet_exchange import served, state

from hotlined.cli import main
from hotlined.errors import HotlinedError, UnavailableError
from hotlined.fleet.hub import opened
from hotlined.fleet.invitation import Invitation
from hotlined.fleet.sync import digest_of
from hotlined.pseudonym import digest

HOST = "127.0.0.1"


FINGERPRINT = "ab" * 32


def run(*words: str, code: int = 0) -> str:
    """Run a command and return its output; it must end with that code."""
    result = CliRunner().invoke(main, ["fleet", "hub", *words])
    assert result.exit_code == code, result.output
    return result.output


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Give a PostgreSQL at a port of this machine."""
    with running(programs(), free_port(), (*OPTIONS, f"listen_addresses={HOST}")) as found:
        yield found


def refusal(url: str) -> str:
    """Return the error of a login with a URL; empty if it works."""
    try:
        with opened(url) as hub:
            hub.numbers()
    except HotlinedError as error:
        return error.message
    return ""


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate, as Debian's ssl-cert does; return it and its key."""
    made, key = folder / "ssl-cert-snakeoil.pem", folder / "ssl-cert-snakeoil.key"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=hub",
            "-days",
            "2",
            "-keyout",
            key,
            "-out",
            made,
        ],
        check=True,
        capture_output=True,
    )
    return made, key


def empty(cluster: Cluster, name: str) -> str:
    """Make a database that is not a hub; return its URL."""
    with cluster.connect("postgres") as session:
        session.execute(f"DROP DATABASE IF EXISTS {name} (FORCE)".encode())
        session.execute(f"CREATE DATABASE {name}".encode())
    return cluster.url(name)


@dataclass
class Guarded:
    """A hub with passwords, over TLS and at its Unix socket."""

    cluster: Cluster
    url: str

    def invite(self, line: str) -> str:
        """Invite a line over TCP; return its URL."""
        with opened(self.url) as found:
            return found.invite(line, FINGERPRINT, f"{HOST}:{self.cluster.port}")

    def administer(self, statement: str) -> None:
        """Run a statement as the superuser."""
        assert self.cluster.refusal(self.url, statement) == ""

    def roles(self) -> set[str]:
        """Return the names of the lines that may log in."""
        names = self.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE 'hotlined\\_%' AND rolcanlogin")
        return {str(name).removeprefix("hotlined_") for (name,) in names}

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return the result of a query as the superuser."""
        with self.cluster.connect("hub") as session:
            return session.execute(statement.encode()).fetchall()


@pytest.fixture
def hub(cluster: Cluster) -> Iterator[Guarded]:
    """Give a hub that only our commands have set up."""
    data = cluster.folder / "data"
    before = (data / "pg_hba.conf").read_text()
    url = empty(cluster, "hub")
    guarded = Guarded(cluster, url)
    needed = [line for line in run("init", "--hub", url).splitlines() if "hotlined-lines" in line]
    (data / "pg_hba.conf").write_text("\n".join([*needed, "local all all trust", ""]))
    for file in certificate(cluster.folder):
        cluster.own(file)
        setting = "ssl_cert_file" if file.suffix == ".pem" else "ssl_key_file"
        guarded.administer(f"ALTER SYSTEM SET {setting} = '{file}'")
    guarded.administer("ALTER SYSTEM SET ssl = on")
    guarded.administer("SELECT pg_reload_conf()")
    wait_until(lambda: guarded.rows("SHOW ssl") == [("on",)], "TLS")
    yield guarded
    (data / "pg_hba.conf").write_text(before)
    guarded.administer("ALTER SYSTEM RESET ALL")
    guarded.administer("SELECT pg_reload_conf()")
    for line in guarded.roles():
        run("remove", line, "--hub", url)


def test_line_logs_in_with_its_invitation_over_tls(hub: Guarded) -> None:
    """It reads the fingerprint of the fleet's key; its URL asks for a primary."""
    url = hub.invite("fr")

    with opened(url) as found:
        assert found.numbers() == (FINGERPRINT, {"fr": 0})
        assert found.report()["fr"]
    assert "channel_binding=require" in url
    assert "target_session_attrs=read-write" in url


def test_other_logins_are_refused(hub: Guarded) -> None:
    """No TLS, no password, another line's password, and another database each fail."""
    fr, nl = hub.invite("fr"), hub.invite("nl")
    of_nl = nl.partition("://")[2].partition("@")[0].partition(":")[2]
    of_fr = fr.partition("://")[2].partition("@")[0].partition(":")[2]

    assert refusal(fr) == refusal(nl) == ""
    assert "pg_hba.conf" in refusal(fr.replace("sslmode=require&channel_binding=require", "sslmode=disable"))
    assert "not let this line in" in refusal(fr.replace(of_fr, of_nl))
    assert refusal(fr.replace(f":{of_fr}@", "@"))
    assert "pg_hba.conf" in refusal(fr.replace("/hub?", "/postgres?"))


def test_new_invitation_revokes_the_previous_one(hub: Guarded) -> None:
    """Its session ends as well."""
    import psycopg  # noqa: PLC0415  it is looked for by the fixture

    old = hub.invite("fr")
    with contextlib.suppress(UnavailableError), opened(old) as open_before:
        new = hub.invite("fr")
        with pytest.raises(psycopg.OperationalError):
            open_before.numbers()

    assert "not let this line in" in refusal(old)
    assert refusal(new) == ""


def test_line_with_a_revoked_login_says_so(hub: Guarded, tmp_path: Path) -> None:
    """It goes on with the new invitation."""
    fr = Filled(tmp_path, line="fr")
    key = bytes(range(32))

    def invited() -> str:
        with opened(hub.url) as found:
            return Invitation("fr", key, found.invite("fr", digest(key), f"{HOST}:{hub.cluster.port}")).to_json()

    with contextlib.closing(fr.db):
        assert fr.run("fleet", "join", "-", input=invited()).exit_code == 0
        anew = invited()
        served(fr)
        void, status = state(fr), fr.run("fleet", "status", "--json")
        assert fr.run("fleet", "join", "-", input=anew).exit_code == 0
        served(fr)

        assert (void["reachable"], void["not_let_in"], status.exit_code) == (False, True, 69)
        assert [each["code"] for each in json.loads(status.stdout)["trouble"]] == ["hub_login"]
        assert (state(fr)["reachable"], state(fr)["not_let_in"]) == (True, False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder of a person other than root; pytest's own folders are closed to others."""
    made = Path(tempfile.mkdtemp(prefix="hotlined-admin-"))
    if os.geteuid() == 0:
        os.chown(made, MEMBER.uid, MEMBER.gids[0])
    yield made
    shutil.rmtree(made)


def invite(hub: Guarded, line: str, folder: Path) -> tuple[int, str]:
    """Let a person write an invitation into a folder; return the exit code and the output."""
    words = ["fleet", "hub", "invite", line, str(folder / f"{line}.invitation"), "--hub", hub.url]
    if os.geteuid():
        done = subprocess.run([sys.executable, "-m", "hotlined", *words], capture_output=True, text=True, check=False)
    else:
        done = MEMBER.call(COMMAND.replace("main(", f"main({words!r}, "))
    return done.returncode, done.stdout + done.stderr


def test_invitations_share_the_key_of_the_first_one(hub: Guarded, folder: Path) -> None:
    """Key and invitations have mode 600, and the hub has the fingerprint."""
    said = [invite(hub, line, folder) for line in ("fr", "nl")]

    assert [code for code, _words in said] == [0, 0], said
    invitations = [json.loads((folder / f"{line}.invitation").read_text()) for line in ("fr", "nl")]
    assert [each["line"] for each in invitations] == ["fr", "nl"]
    assert {each["key"] for each in invitations} == {(key := (folder / "fleet.key").read_text().strip())}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert hub.rows("SELECT digest FROM hotlined.key") == [(sha256(bytes.fromhex(key)).hexdigest(),)]
    assert refusal(invitations[0]["hub"]) == ""


def test_invitation_needs_the_key_of_the_first_one(hub: Guarded, folder: Path) -> None:
    """No line is added without it, or over an existing file.

    Another key does not do, either; the error names the place of the right one.
    """
    hub.invite("fr")

    missing = invite(hub, "nl", folder)
    (folder / "fleet.key").write_text("cd" * 32)
    (folder / "fleet.key").chmod(0o644)
    other = invite(hub, "nl", folder)
    (folder / "de.invitation").write_text("of somebody")
    taken = invite(hub, "de", folder)

    assert (missing[0], other[0], taken[0]) == (75, 75, 2)
    assert f"There is no {folder}/fleet.key" in missing[1]
    assert "folder of the first one" in missing[1]
    assert "the hub knows another one" in other[1]
    assert "is there already" in taken[1]
    assert hub.roles() == {"fr"}
    assert not (folder / "nl.invitation").exists()


@needs_root
def test_root_writes_no_invitation(hub: Guarded, tmp_path: Path) -> None:
    """PostgreSQL's superuser could not read root's key file."""
    for file in ("-", str(tmp_path / "file")):
        said = run("invite", "fr", file, "--hub", hub.url, code=2)
        assert "superuser of that PostgreSQL" in said


def test_channel_binding_stops_a_man_in_the_middle(hub: Guarded, tmp_path: Path) -> None:
    """He has a certificate of his own between line and hub.

    Without channel binding, which every invitation has, he would get through: the test can fail.
    """
    url = hub.invite("fr")
    folder = tmp_path / "mitm"
    folder.mkdir()
    with man_in_the_middle(hub.cluster.port, *certificate(folder)) as port:
        between = url.replace(str(hub.cluster.port), str(port))

        assert "channel binding" in refusal(between)
        assert refusal(between.replace("channel_binding=require", "channel_binding=disable")) == ""


@contextlib.contextmanager
def man_in_the_middle(behind: int, made: Path, key: Path) -> Iterator[int]:
    """Relay connections of PostgreSQL with separate TLS to both sides; give the port."""
    port = free_port()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    asking = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")  # SSLRequest

    def stand_between(plain: socket.socket) -> None:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.enter_context(plain)
            real = stack.enter_context(socket.create_connection((HOST, behind)))
            assert plain.recv(8) == asking
            plain.sendall(b"S")
            real.sendall(asking)
            assert real.recv(1) == b"S"
            ends = [
                stack.enter_context(context.wrap_socket(plain, server_side=True)),
                stack.enter_context(trusting.wrap_socket(real)),
            ]
            while True:
                for here, there in (ends, ends[::-1]):
                    if here.pending() or select.select([here], [], [], 0.02)[0]:
                        if not (octets := here.recv(65_536)):
                            return
                        there.sendall(octets)

    threads: list[threading.Thread] = []
    with socket.create_server((HOST, port)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    plain, _address = listening.accept()
                    threads.append(threading.Thread(target=stand_between, args=(plain,), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield port
        listening.shutdown(socket.SHUT_RDWR)
        for each in (accepting, *threads):
            each.join(10)


LIST = "UPDATE hotlined.lists SET persons = decode('00010203040501', 'hex')"
DENIED = {
    "the row of another line": "UPDATE hotlined.lists SET line = 'nl'",
    "a list that is too long": "UPDATE hotlined.lists SET persons = decode(repeat('00', 350007), 'hex')",
    "a list of pieces": "UPDATE hotlined.lists SET persons = decode('00', 'hex')",
    "a time without sense": "UPDATE hotlined.lists SET seen_at = 'infinity'",
    "another row": "INSERT INTO hotlined.lists (line) VALUES ('zz')",
    "no row": "DELETE FROM hotlined.lists",
    "an empty table": "TRUNCATE hotlined.lists",
    "a lock of the table": "BEGIN; LOCK hotlined.lists IN ACCESS EXCLUSIVE MODE",
    "no trigger": "ALTER TABLE hotlined.lists DISABLE TRIGGER number_it",
    "no policy": "DROP POLICY write ON hotlined.lists",
    "another key": "UPDATE hotlined.key SET digest = repeat('0', 64)",
    "the group": 'CREATE ROLE hotlined_zz IN ROLE "hotlined-lines"',
    "a table": "CREATE TABLE public.mine (a int)",
    "a temporary table": "CREATE TEMP TABLE mine (a int)",
    "a schema": "CREATE SCHEMA mine",
    "a program": "COPY hotlined.lists TO PROGRAM 'true'",
    "a file": "COPY hotlined.lists TO '/tmp/lists'",
    "reading a file": "SELECT pg_read_file('/etc/passwd')",
    "other sessions": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
    "settings of all": "ALTER SYSTEM SET ssl = off",
    "no limit of temporary files": "SET temp_file_limit = '10GB'",
}


def test_line_may_only_write_its_own_row(hub: Guarded) -> None:
    """A thief of its login can neither alter, delete, hold nor outrun another line's list."""
    fr, nl = hub.invite("fr"), hub.invite("nl")
    hub.administer(f"{LIST} WHERE line = 'nl'")
    before = hub.rows("SELECT * FROM hotlined.lists WHERE line = 'nl'")

    assert {name: sql for name, sql in DENIED.items() if not hub.cluster.refusal(fr, sql)} == {}
    assert hub.cluster.refusal(fr, f"{LIST} WHERE line = 'nl'") == ""  # of none
    assert hub.cluster.refusal(fr, "UPDATE hotlined.lists SET number = 1::bigint << 62") == ""
    assert hub.rows("SELECT * FROM hotlined.lists WHERE line = 'nl'") == before
    ahead = "SELECT number - extract(epoch FROM now())::bigint * 1000000 < 86402000000 FROM hotlined.lists"
    assert hub.rows(f"{ahead} WHERE line = 'fr'") == [(True,)]
    assert refusal(nl) == ""


def test_line_that_holds_a_lock_stops_no_other(hub: Guarded) -> None:
    """Another line writes its list meanwhile."""
    import psycopg  # noqa: PLC0415  it is looked for by the fixture

    fr, nl = hub.invite("fr"), hub.invite("nl")
    with psycopg.connect(fr) as thief:
        thief.execute(LIST.encode())  # without a commit
        thief.execute("SELECT * FROM hotlined.lists FOR UPDATE")
        with opened(nl) as found:
            written = found.write("nl", {"list": "AAECAwQFAQ==", "mark": "m", "number": 0, "over": 0})
        assert written
        thief.rollback()
    assert hub.rows("SELECT octet_length(persons) FROM hotlined.lists ORDER BY line") == [(0,), (7,)]


def test_line_writes_only_over_the_list_that_it_knows(hub: Guarded) -> None:
    """Another machine of the line was faster; the number never falls."""
    with opened(hub.invite("fr")) as found:
        wanted = {"list": "AAECAwQFAQ==", "mark": "m", "number": 0, "over": 0}
        first = found.write("fr", wanted)
        assert first
        assert found.write("fr", wanted) is None
        second = found.write("fr", wanted | {"over": first["number"], "number": 0})
        assert second
        assert second["number"] > first["number"]
        assert found.read("fr") == second
        assert found.digest() == digest_of(found.numbers()[1])


@pytest.mark.parametrize("made", ["nothing", "objects"])
def test_removed_line_is_shut_out_though_it_resists(hub: Guarded, made: str) -> None:
    """Its session ends, its objects go, and its list stays."""
    import psycopg  # noqa: PLC0415  it is looked for by the fixture

    url = hub.invite("fr")
    if made == "objects":
        hub.administer(
            "GRANT EXECUTE ON FUNCTION lo_create(oid) TO hotlined_fr; GRANT CREATE ON SCHEMA public TO hotlined_fr"
        )
        assert hub.cluster.refusal(url, "SELECT lo_create(424242); CREATE TABLE public.mine (a int)") == ""
        assert hub.cluster.refusal(url, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC") == ""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url) as thief:
        thief.execute("SET ROLE NONE")
        thief.execute("ALTER ROLE hotlined_fr SET statement_timeout = 0")  # without a commit
        run("remove", "fr", "--hub", hub.url)
        with pytest.raises(psycopg.OperationalError):
            thief.execute("SELECT 1")

    assert "not let this line in" in refusal(url)
    assert hub.roles() == set()
    assert hub.rows("SELECT line FROM hotlined.lists") == [("fr",)]
    assert refusal(hub.invite("fr")) == ""


def test_line_whose_role_cannot_be_dropped_is_still_shut_out(hub: Guarded) -> None:
    """It owns a table in another database; the command fails."""
    url = hub.invite("fr")
    other = empty(hub.cluster, "other")
    assert (
        hub.cluster.refusal(other, "CREATE TABLE public.his (a int); ALTER TABLE public.his OWNER TO hotlined_fr") == ""
    )
    try:
        said = run("remove", "fr", "--hub", hub.url, code=1)
    finally:
        hub.cluster.refusal(other, "DROP TABLE public.his")

    assert "cannot be dropped" in said
    assert "not permitted to log in" in refusal(url) or "not let this line in" in refusal(url)


def test_list_of_a_removed_line_is_emptied_at_the_hub(hub: Guarded) -> None:
    """The command refuses a line that is still in the fleet; the list gets a higher number."""
    fr, nl = hub.invite("fr"), hub.invite("nl")
    assert hub.cluster.refusal(fr, LIST) == ""
    with opened(nl) as found:
        before = found.read("fr")["number"]

    refused = run("lift", "fr", "--hub", hub.url, code=75)
    run("remove", "fr", "--hub", hub.url)
    lifted = run("lift", "fr", "--hub", hub.url)

    assert "knows no line de" in run("lift", "de", "--hub", hub.url, code=75)
    assert "Lift it there" in refused
    assert lifted == "The list of line fr was emptied: 1 person.\n"
    with opened(nl) as found:
        after = found.read("fr")
    assert (after["list"], after["mark"], after["number"] > before) == ("", None, True)


def test_dump_is_a_hub_again_after_init(hub: Guarded, tmp_path: Path) -> None:
    """A dump has no roles; `init` makes roles, rights and policies anew, and the lists are there."""
    fr = hub.invite("fr")
    assert hub.cluster.refusal(fr, LIST) == ""
    dump = tmp_path / "dump.sql"
    programs_of = hub.cluster.programs
    with dump.open("w") as out:
        subprocess.run([programs_of / "pg_dump", hub.url], stdout=out, check=True)
    with running(programs_of, free_port()) as fresh:
        with fresh.connect("postgres") as session:
            session.execute("CREATE DATABASE hub")
        subprocess.run([programs_of / "psql", "-q", fresh.url("hub"), "-f", dump], check=True, capture_output=True)
        with opened(fresh.url("hub")) as found:
            found.init()
            found.init()
            found.invite("fr", FINGERPRINT, None)
            found.invite("nl", FINGERPRINT, None)
        with opened(fresh.url("hub", "hotlined_nl")) as found:
            assert found.read("fr")["list"] == "AAECAwQFAQ=="
            assert found.write("nl", {"list": "", "mark": "m", "number": 0, "over": 0})
        allowed = [name for name, sql in DENIED.items() if not fresh.refusal(fresh.url("hub", "hotlined_nl"), sql)]
        assert allowed == []


def test_missing_hub_is_explained(cluster: Cluster) -> None:
    """The database has no schema of ours, or nothing listens."""
    url = empty(cluster, "none")

    said = run("lift", "fr", "--hub", url, code=69)
    away = run("lift", "fr", "--hub", f"postgresql://x@{HOST}:{free_port()}/hub", code=69)

    assert "not a hub of hotlined yet" in said
    assert "cannot be reached" in away


def test_bad_names_are_refused_before_connecting(tmp_path: Path) -> None:
    """A line's name has no hyphen."""
    nowhere = ("--hub", "postgresql://nobody@127.0.0.1:1/hub")

    assert "is not a line" in run("invite", "fr-be", str(tmp_path / "file"), *nowhere, code=2)
