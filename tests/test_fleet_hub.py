"""The hub of a fleet: who reaches it and as whom, over TCP with certificates, and what becomes of a line struck off."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import wait_until
from filled import LEA
from postgres import SUPERUSER, Cluster, each_cluster
from test_fleet import STOP, Member

from hotlined.cli import main
from hotlined.errors import HotlinedError, UnavailableError, UsageError
from hotlined.fleet import certificates, invitation
from hotlined.fleet.hub import GRANTS, SCHEMA, HubAddress, opened
from hotlined.store import claims

__all__ = ["each_cluster"]
HOST = "localhost"


def run(*words: str) -> str:
    """Return what a command says; it must do what it is asked."""
    result = CliRunner().invoke(main, ["fleet", "hub", *words])
    assert result.exit_code == 0, result.output
    return result.output


def refusal(address: HubAddress | str) -> str:
    """Return why nobody gets in by an address; empty where somebody does."""
    try:
        with opened(address) as hub:
            hub.greet("fr")
    except UnavailableError as error:
        return str(error)
    return ""


@dataclass
class Guarded:
    """A hub that asks for certificates over TCP, and for passwords at its Unix socket."""

    cluster: Cluster
    folder: Path
    socket: str
    tcp: str

    def invite(self, line: str, url: str | None = None) -> invitation.Invitation:
        """Invite a line, over TCP if nothing else is said."""
        file = self.folder / f"{line}.invitation"
        run("invite", line, str(file), "--hub", url or self.tcp)
        return invitation.read(file)

    def address(self, line: str) -> HubAddress:
        """Invite a line; return with what it comes."""
        invited = self.invite(line)
        return HubAddress(invited.hub, invited.certificates)

    def administer(self, *statements: str) -> None:
        """Have the superuser say something."""
        for statement in statements:
            assert self.cluster.refusal(self.socket, statement) == ""


Enter = Callable[[str], Member]


@pytest.fixture
def cluster(each_cluster: Cluster) -> Cluster:
    """Give every PostgreSQL that is installed: what is asked of it here may be otherwise in another version."""
    return each_cluster


def set_up(cluster: Cluster, folder: Path, name: str = "hub") -> Guarded:
    """Set a hub up with what `hub init` and `hub invite` say, and nothing else; its keys lie in a folder."""
    socket = cluster.database(name)
    guarded = Guarded(cluster, folder, socket, f"postgresql://{SUPERUSER}@{HOST}:{cluster.port}/{name}")
    data = cluster.folder / "data"
    needed = [line for line in run("init", socket).splitlines() if "hotlined-lines" in line]
    ours = [
        "local all,replication postgres trust",
        f"hostnossl {name} {SUPERUSER} 127.0.0.1/32 trust",
        "local all all reject",
    ]
    (data / "pg_hba.conf").write_text("\n".join([*needed, *ours, ""]))
    guarded.administer("SELECT pg_reload_conf()")
    wait_until(lambda: not cluster.refusal(guarded.tcp, "SELECT"), "the superuser over TCP")
    said = run("invite", "first", str(folder / "first"), "--hub", guarded.tcp)
    for file in (certificates.HUB, certificates.AUTHORITY_CERTIFICATE):
        shutil.copy(folder / file, data / file)
        shutil.chown(data / file, data.owner(), data.group())
    settings = [line for line in said.splitlines() if line.startswith("ssl")]
    guarded.administer(*(f"ALTER SYSTEM SET {setting}" for setting in settings), "SELECT pg_reload_conf()")
    first = invitation.read(folder / "first")
    wait_until(lambda: not refusal(HubAddress(first.hub, first.certificates)), "TLS")
    return guarded


@pytest.fixture
def hub(cluster: Cluster, tmp_path: Path) -> Iterator[Guarded]:
    """Give a hub that is set up."""
    data = cluster.folder / "data"
    before = (data / "pg_hba.conf").read_text()
    guarded = set_up(cluster, tmp_path)
    yield guarded
    (data / "pg_hba.conf").write_text(before)
    guarded.administer("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")


@pytest.fixture
def enter(tmp_path: Path, hub: Guarded) -> Iterator[Enter]:
    """Give lines of one fleet that come over TCP."""
    with contextlib.ExitStack() as stack:

        def enter(name: str) -> Member:
            (tmp_path / name).mkdir()
            line = Member(tmp_path / name, line=name)
            stack.callback(line.db.close)
            line.join(hub.tcp, tmp_path)
            return line

        yield enter


def test_an_invitation_that_is_made_through_ssh_names_the_hub_and_not_the_way_there(hub: Guarded) -> None:
    """`hostaddr` is where whoever invites connects to: neither the line nor the hub's certificate hears of it."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  it is looked for by the fixture

    invited = hub.invite("fr", f"{hub.tcp.replace(HOST, 'hub.example')}?hostaddr=127.0.0.1")

    asked = conninfo_to_dict(invited.hub)
    assert (asked["host"], asked.get("hostaddr")) == ("hub.example", None)
    assert (hub.folder / certificates.HUB).read_text().split()[:2] == ["DNS:hub.example", f"DNS:{HOST}"]


def test_lines_meet_over_tcp_with_certificates(enter: Enter, hub: Guarded) -> None:
    """With what the commands say to copy, and nothing more, an opt-out at fr holds at nl; all of it under TLS 1.3."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")
    with opened(hub.address("nl")) as found:
        ask = found._connection.execute
        assert ask("SELECT current_user::text").fetchall() == [("hotlined_nl",)]
        ask("SET ROLE NONE")  # only the login itself sees its session
        assert ask("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall() == [("TLSv1.3",)]


def test_nobody_gets_in_without_the_certificate_of_that_line(hub: Guarded, tmp_path: Path) -> None:
    """Another line's certificate, another authority's, the hub's own, none, no TLS: PostgreSQL refuses each."""
    fr, nl = hub.address("fr"), hub.address("nl")
    assert fr.certificates
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    forged = certificates.for_line(elsewhere, fr.url.partition("//")[2].partition("@")[0])
    pem = (tmp_path / certificates.HUB).read_text()
    own = pem[pem.index("-----BEGIN PRIVATE") :].partition("-----BEGIN CERT")
    of_hub = certificates.Certificates(fr.certificates.authority, "".join(own[1:]), own[0])

    assert refusal(fr) == refusal(nl) == ""
    assert "certificate authentication failed" in refusal(HubAddress(fr.url, nl.certificates))
    assert "unknown ca" in refusal(HubAddress(fr.url, replace(forged, authority=fr.certificates.authority)))
    assert "unsuitable" in (said := refusal(HubAddress(fr.url, of_hub))) or "unsupported" in said
    assert "valid client certificate" in refusal(f"{fr.url}&sslmode=require")
    assert "pg_hba.conf rejects" in refusal(f"{fr.url}&sslmode=disable")
    assert "pg_hba.conf rejects" in refusal(replace(fr, url=fr.url.replace("/hub?", "/postgres?")))


def test_a_line_speaks_with_nobody_but_its_hub(hub: Guarded, tmp_path: Path) -> None:
    """A hub of another authority, or one that goes by a name that its certificate has not, hears nothing of a line."""
    fr = hub.address("fr")
    assert fr.certificates
    other = tmp_path / "other"
    other.mkdir()
    strange = replace(fr.certificates, authority=certificates.for_line(other, "x").authority)

    assert "certificate verify failed" in refusal(replace(fr, certificates=strange))
    assert "does not match host name" in refusal(replace(fr, url=fr.url.replace(HOST, "127.0.0.1")))


def test_another_invitation_makes_the_one_before_void(hub: Guarded) -> None:
    """Whoever found the old file gets in no more, and is thrown out if she is in; the new file works."""
    import psycopg  # noqa: PLC0415  the fixture looks for it

    old = hub.address("fr")
    with contextlib.suppress(UnavailableError), opened(old) as open_before:
        new = hub.address("fr")
        with pytest.raises(psycopg.OperationalError):
            open_before.greet("fr")

    assert "failed" in refusal(old)
    assert refusal(new) == ""


def test_a_line_that_is_struck_off_is_out_and_what_it_said_stays(enter: Enter, hub: Guarded) -> None:
    """Its certificate is refused; who opted out there is left alone by lines that join later; it can come back."""
    fr = enter("fr")
    fr.receive(STOP)
    fr.sync()
    assert "reaches the hub no more" in run("remove", "fr", "--hub", hub.tcp)
    assert fr.run("fleet", "sync", "--once").exit_code == 69
    nl = enter("nl")
    nl.sync()
    known = [each["line"] for each in json.loads(nl.run("fleet", "status", "--json").output)["lines"]]
    assert known == ["first", "nl"]
    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")
    fr.receive(STOP, LEA)
    fr.join(hub.tcp, hub.folder)
    fr.sync()
    nl.sync()
    with opened(hub.socket) as found:
        assert [name for name, *_rest in found.lines(9)] == ["first", "fr", "nl"]

    assert nl.shown(nl.receive("Salut", LEA)) == ("suppress", "opted_out", "fr")
    missing = CliRunner().invoke(main, ["fleet", "hub", "remove", "de", "--hub", hub.tcp])
    assert (missing.exit_code, "knows no line de" in missing.output) == (75, True)


def test_after_a_theft_all_join_anew_with_new_keys(
    enter: Enter, hub: Guarded, cluster: Cluster, tmp_path: Path
) -> None:
    """The stolen line is out; whose number is known is shared again, who is a former pseudonym alone is left alone."""
    fr, nl, be, de = (enter(name) for name in ("fr", "nl", "be", "de"))
    fr.receive(STOP, LEA)
    fr.age()
    fr.receive(STOP)
    for line in (fr, nl, be):
        line.sync()
    stolen = [be.person(), be.person(LEA)]
    run("remove", "be", "--hub", hub.tcp)
    assert be.run("fleet", "sync", "--once").exit_code == 69

    (tmp_path / "new").mkdir()
    second = set_up(cluster, tmp_path / "new", "second")
    for line in (fr, nl, de):
        line.join(second.tcp, second.folder)
        line.sync()
    assert not [person for person in stolen if person in cluster.dump(second.socket)]
    assert de.shown(de.receive("Salut")) == ("suppress", "opted_out", "fr")
    assert de.shown(de.receive("Salut", LEA))[0] == "answer"
    assert [line.shown(line.receive("Salut", LEA))[1] for line in (fr, nl)] == ["opted_out"] * 2
    for line in (fr, de):
        line.sync()

    assert de.shown(de.receive("Encore", LEA)) == ("suppress", "opted_out", "fr")
    assert be.run("fleet", "sync", "--once").exit_code == 69


def test_at_a_unix_socket_a_line_needs_its_password(hub: Guarded) -> None:
    """The invitation holds a new password each time; the server never sees it as it is."""
    old, new = hub.invite("fr", hub.socket), hub.invite("fr", hub.socket)
    name, _colon, password = new.hub.partition("//")[2].partition("@")[0].partition(":")

    assert new.certificates is None
    assert refusal(new.hub) == ""
    assert "failed" in refusal(old.hub)
    assert "failed" in refusal(new.hub.replace(password, "0" * 32))
    stored = f"DO $$ BEGIN ASSERT (SELECT rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = '{name}'); END $$"
    hub.administer(stored)


def test_what_a_line_may_do_at_the_hub(hub: Guarded) -> None:
    """Role fr writes nobody else's rows, takes nothing away, reads nothing but what lines say, and becomes nobody."""
    address = hub.address("fr")
    hub.invite("nl")
    row = "INSERT INTO hotlined.persons (line, person, version, opted_out, undone, signature)"
    good = "'~000000000001', 1, 1, '{}', repeat('0', 64)"
    hub.administer(f"{row} VALUES ('nl', {good})")
    assert hub_says(address, f"{row} VALUES ('fr', {good})") == ""
    for statement in (
        f"{row} VALUES ('nl', '~000000000002', 1, 1, '{{}}', repeat('0', 64))",
        "UPDATE hotlined.persons SET line = 'nl', person = '~000000000003' WHERE line = 'fr'",
        "DELETE FROM hotlined.persons",
        "TRUNCATE hotlined.persons",
        "UPDATE hotlined.lines SET removed_at = now()",
        "INSERT INTO hotlined.lines (line) VALUES ('de')",
        "INSERT INTO hotlined.migrations (name) VALUES ('later')",
        "ALTER TABLE hotlined.persons DISABLE ROW LEVEL SECURITY",
        "SELECT setval('hotlined.places', 1)",
        "SELECT * FROM pg_authid",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
        "CREATE TABLE public.mine (i int)",
        "CREATE ROLE another",
        "SET ROLE hotlined_nl",
        "SET SESSION AUTHORIZATION postgres",
    ):
        said = hub_says(address, statement)
        assert "denied" in said or "must be" in said or "row-level security" in said, statement
    change = "UPDATE hotlined.persons SET version = 9 WHERE line = 'nl'"
    assert hub_says(address, change) == ""
    kept = "SELECT version FROM hotlined.persons WHERE line = 'nl'"
    hub.administer(f"DO $$ BEGIN ASSERT ({kept}) = 1; END $$")
    # without the role that a login has from the start, it writes nothing at all
    assert "row-level security" in hub_says(address, f"SET ROLE NONE; {row} VALUES ('fr', {good})")


def hub_says(address: HubAddress, statement: str) -> str:
    """Return why a statement of a line is refused; empty where it is not."""
    try:
        with opened(address) as hub:
            hub._connection.execute(statement)  # type: ignore[call-overload]
    except HotlinedError as error:
        return str(error)
    return ""


def test_what_an_invitation_holds(hub: Guarded, tmp_path: Path) -> None:
    """It is private, and has nothing of the superuser and not the authority's key; the line gives it to no one else."""
    hub.invite("fr")
    text = (tmp_path / "fr.invitation").read_text()
    modes = {
        name: (tmp_path / name).stat().st_mode & 0o777 for name in ("fr.invitation", "fleet-ca.key", "fleet-hub.pem")
    }

    assert set(modes.values()) == {0o600}
    assert SUPERUSER + "@" not in text
    assert json.dumps((tmp_path / "fleet-ca.key").read_text().splitlines()[1])[1:-1] not in text


@pytest.mark.parametrize("change", ["authority", "certificate", "key", "none"])
def test_a_broken_certificate_is_no_invitation(tmp_path: Path, change: str) -> None:
    """What is cut off is found where it is read, not at three in the morning."""
    made = certificates.for_line(tmp_path, "hotlined_fr.0")
    broken = {"none": ""} if change == "none" else {change: getattr(made, change)[:-20]}

    with pytest.raises(UsageError):
        certificates.read({"authority": made.authority, "certificate": made.certificate} | broken)


def test_the_hub_s_certificate_names_all_its_hosts(tmp_path: Path) -> None:
    """A machine more has it made anew, with those that it had; what is no host is refused."""
    assert certificates.have_hub(tmp_path, ["a.example"])
    before = (tmp_path / certificates.HUB).read_text()
    assert not certificates.have_hub(tmp_path, ["a.example"])
    assert certificates.have_hub(tmp_path, ["B.example", "10.8.0.1", "fd00::1"])

    assert (tmp_path / certificates.HUB).read_text().startswith("DNS:a.example DNS:b.example IP:10.8.0.1 IP:fd00::1\n")
    assert before not in (tmp_path / certificates.HUB).read_text()
    with pytest.raises(UsageError):
        certificates.have_hub(tmp_path, ["a\nbasicConstraints = CA:TRUE"])
    (tmp_path / certificates.AUTHORITY).chmod(0o640)
    with pytest.raises(UsageError):
        certificates.for_line(tmp_path, "hotlined_fr.0")


def test_a_hub_that_was_put_back_hears_again_what_it_has_lost(enter: Enter, hub: Guarded) -> None:
    """With rows, name and places of an earlier day, it has everything once the lines were there."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    hub.administer("CREATE TABLE public.before AS SELECT * FROM hotlined.persons")
    fr.receive(STOP, LEA)
    nl.sync()
    fr.sync()
    nl.sync()
    place = "SELECT setval('hotlined.places', (SELECT max(place) FROM public.before))"
    lost = "DELETE FROM hotlined.persons WHERE place > (SELECT max(place) FROM public.before)"
    hub.administer(lost, place, "DROP TABLE public.before")
    fr.sync()
    be = enter("be")
    be.sync()

    assert be.shown(be.receive("Salut", LEA)) == ("suppress", "opted_out", "fr")


@pytest.fixture
def standby(hub: Guarded, cluster: Cluster) -> Iterator[Cluster]:
    """Give a standby of the hub, which runs; lines that are invited know both."""
    folder = cluster.folder / "standby"
    copy = cluster.as_its_user("pg_basebackup", "-D", str(folder), "-d", hub.socket, "-c", "fast", "-R")
    subprocess.run(copy, check=True, capture_output=True)
    standby = Cluster(cluster.folder, cluster.programs, data=folder)
    one = f"{HOST}:{cluster.port}"
    hub.tcp = hub.tcp.replace(one, f"{one},{HOST}:{standby.port}")
    try:
        standby.start()
        yield standby
    finally:
        standby.stop()
        shutil.rmtree(folder)
        if cluster.process and cluster.process.poll() is not None:
            cluster.start()


def promote(standby: Cluster) -> str:
    """Have a standby take over; return its address for the superuser."""
    address = standby.url("hub")
    assert standby.refusal(address, "ALTER SYSTEM RESET synchronous_standby_names") == ""
    assert standby.refusal(address, "SELECT pg_promote()") == ""
    assert standby.refusal(address, "SELECT pg_reload_conf()") == ""
    return address


def test_a_standby_that_takes_over_is_another_hub(hub: Guarded, standby: Cluster) -> None:
    """What it had not got yet of its primary is sent again: lines see it by its name, of which its timeline is part."""
    with opened(hub.socket) as before:
        name = before.greet("fr").hub
    with opened(promote(standby)) as after:
        assert after.greet("fr").hub != name


def test_nothing_is_lost_that_a_synchronous_standby_has(
    enter: Enter, hub: Guarded, cluster: Cluster, standby: Cluster
) -> None:
    """The primary dies after fr was there; nl, whose address names both, hears of it from the standby; fr goes on."""
    hub.administer("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    synchronous = "DO $$ BEGIN ASSERT (SELECT sync_state = 'sync' FROM pg_stat_replication); END $$"
    wait_until(lambda: not cluster.refusal(hub.socket, synchronous), "a synchronous standby")
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    cluster.stop()
    promote(standby)
    nl.sync()
    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")
    fr.receive(STOP, LEA)
    fr.sync()
    nl.sync()
    assert nl.shown(nl.receive("Salut", LEA)) == ("suppress", "opted_out", "fr")


def test_what_an_asynchronous_standby_had_not_got_is_there_again_once_its_line_was(
    enter: Enter, hub: Guarded, cluster: Cluster, standby: Cluster
) -> None:
    """What fr said is gone with the primary that had acknowledged it: nl answers until fr was there again.

    What a line had read of the primary holds all the time, and no line takes new places of the standby for old ones.
    """
    fr, nl, be = map(enter, ("fr", "nl", "be"))
    fr.receive(STOP)
    for line in (fr, nl, be):
        line.sync()
    behind = "DO $$ BEGIN ASSERT (SELECT replay_lsn >= pg_current_wal_lsn() FROM pg_stat_replication); END $$"
    wait_until(lambda: not cluster.refusal(hub.socket, behind), "a standby that has all")
    standby.stop()
    many = [f"+3247000{number:04}" for number in range(100)]  # a standby gives out places 32 further on, at most
    for number in [LEA, *many[:50]]:
        fr.receive(STOP, number)
    assert "Sent: 51." in fr.sync()
    be.sync()
    cluster.stop()
    standby.start()
    promote(standby)

    assert "Taken: 0." not in nl.sync()  # another hub: all of it anew
    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")
    assert nl.shown(nl.receive("Salut", LEA))[0] == "answer"
    for number in many[50:]:
        nl.receive(STOP, number)
    nl.sync()
    be.sync()
    assert be.shown(be.receive("Salut", LEA)) == ("suppress", "opted_out", "fr")
    assert {be.shown(be.receive("Salut", number)) for number in many[50:]} == {("suppress", "opted_out", "nl")}
    assert "Sent: 52." in fr.sync()
    nl.sync()
    assert nl.shown(nl.receive("Encore", LEA)) == ("suppress", "opted_out", "fr")


# ---- lines of several versions


def made_by(hub: Guarded, *names: str) -> None:
    """Have a hub that knows some migrations alone, as an earlier version made it, and let its lines in again."""
    hub.administer(
        "DROP SCHEMA hotlined CASCADE",
        "CREATE SCHEMA hotlined",
        "CREATE TABLE hotlined.migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
    )
    for name, statements in SCHEMA:
        if name in names:
            hub.administer(*statements, f"INSERT INTO hotlined.migrations (name) VALUES ('{name}')")
    for grant in GRANTS:
        if "hotlined.answers" not in grant or "answers" in names:
            hub.administer(grant.format(role="hotlined_fr"))


@pytest.mark.parametrize("known", range(1, len(SCHEMA)))
def test_a_hub_of_an_earlier_version_is_told_from_one_that_is_away(enter: Enter, hub: Guarded, known: int) -> None:
    """The line says what it lacks and ends with 75, and so does who invites; up to date, it takes what waited."""
    fr, names = enter("fr"), [name for name, _statements in SCHEMA]
    made_by(hub, *names[:known])
    fr.receive(STOP)
    said = f"The hub is of an earlier version: it lacks {', '.join(names[known:])}."
    words = ("fleet", "hub", "invite", "nl", str(hub.folder / "nl.invitation"), "--hub", hub.tcp)
    for result in (fr.run("fleet", "sync", "--once"), CliRunner().invoke(main, words)):
        assert (result.exit_code, said in " ".join(result.output.split())) == (75, True), result.output
        assert "fleet hub init URL" in result.output
    run("init", hub.socket)
    # its line was invited of old, and invites nobody
    hub.administer("INSERT INTO hotlined.lines (line) VALUES ('fr')")

    assert "Sent: 1." in fr.sync()


def test_a_line_goes_on_with_a_hub_of_a_later_version(enter: Enter, hub: Guarded) -> None:
    """What a later version adds is none of this one's: it is let in, sends, reads, says how it is, and invites."""
    fr = enter("fr")
    hub.administer(
        "ALTER TABLE hotlined.persons ADD later text, ADD other bigint NOT NULL DEFAULT 7",
        "ALTER TABLE hotlined.lines ADD later jsonb",
        "CREATE TABLE hotlined.later (line text REFERENCES hotlined.lines)",
        "INSERT INTO hotlined.migrations (name) VALUES ('later')",
    )
    nl = enter("nl")
    fr.receive(STOP)

    assert "Sent: 1." in fr.sync()
    assert "Taken: 1." in nl.sync()
    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")
    known = json.loads(nl.run("fleet", "status", "--json").output)["lines"]
    assert [each["line"] for each in known if each["seen_at"]] == ["fr", "nl"]
    assert run("init", hub.socket).startswith("The hub was up to date.")


def test_whoever_falls_silent_holds_up_nobody(hub: Guarded, tmp_path: Path) -> None:
    """What a line says is committed before the hub answers: no lock waits for what comes over a slow connection."""
    trace = tmp_path / "trace"
    with opened(hub.address("fr")) as found, trace.open("w") as file:
        found._connection.pgconn.trace(file.fileno())
        for step in (
            lambda: found.push([claims.Claim("fr", "~000000000001", 1, 1, None, "{}", signature="0" * 64)]),
            lambda: found.pull("fr", 0, 0),
            lambda: found.report("{}"),
            lambda: found.lines(9),
        ):
            step()
        found._connection.pgconn.untrace()
        answers = [line.split()[-1] for line in trace.read_text().splitlines() if "ReadyForQuery" in line]

    assert answers == ["I"] * 4


def test_a_line_that_keeps_others_out_can_be_struck_off(hub: Guarded) -> None:
    """Who says something and does not commit it is out with `hub remove`; so is who does not let go of its own row."""
    for statement in ("SELECT pg_advisory_xact_lock(7303014)", "SELECT hotlined.report('{}')"):
        with contextlib.suppress(UnavailableError), opened(hub.address("fr")) as found:
            found._connection.execute("SET idle_in_transaction_session_timeout = 0")
            with found._connection.transaction():
                found._connection.execute(statement)  # type: ignore[call-overload]
                assert "reaches the hub no more" in run("remove", "fr", "--hub", hub.tcp)


def test_whatever_comes_as_a_line_keeps_others_waiting_for_less_than_they_wait(hub: Guarded) -> None:
    """PostgreSQL ends a transaction that nobody goes on with, of any program that logs in as a line."""
    address = hub.invite("fr", hub.socket).hub
    limits = {
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "5s",
        "idle_session_timeout": "10min",
    }
    for setting, value in limits.items():
        shown = f"DO $$ BEGIN ASSERT current_setting('{setting}') = '{value}'; END $$"
        assert hub.cluster.refusal(address, shown) == ""


def test_a_line_leaves_connections_to_the_others(hub: Guarded) -> None:
    """However often a line comes without leaving, the hub lets it in twenty times at most."""
    address = hub.invite("fr", hub.socket).hub
    with contextlib.ExitStack() as stack:
        for _each in range(20):
            stack.enter_context(opened(address))
        assert "too many connections" in refusal(address)
        assert refusal(hub.invite("nl", hub.socket).hub) == ""
