"""`hotlined doctor`: each need of a line is checked; a check that is impossible is unknown, not an error."""

import dataclasses
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Line
from filled import Filled
from needs import needs_root
from persons import LINE
from sysfs import Plugged, build
from test_control import Sockets, sockets
from test_finding import AIR780E, CH340, HILINK, SIM7600, ZERO_CD

from hotlined import config as configuration
from hotlined.doctor import calls as call_checks
from hotlined.doctor import checks
from hotlined.doctor import machine as machine_checks
from hotlined.doctor import operation as line_checks
from hotlined.doctor import sim as sim_checks
from hotlined.doctor import stick as stick_checks
from hotlined.doctor.checks import CHECKS
from hotlined.doctor.findings import Finding, Health
from hotlined.doctor.host import Host
from hotlined.machine.clock import boottime
from hotlined.reports import disk
from hotlined.status import DaemonStatus, ModemStatus, Storage
from hotlined.store.answers import decisions

__all__ = ["sockets"]

OK, WARN, FAIL, UNKNOWN = Health


def examined(*options: str, cwd: Path, env: Mapping[str, str] | None = None) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the command; return its exit code and the result of each check."""
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", *options, "doctor", "--json"],
        cwd=cwd,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["check"] for row in rows] == list(CHECKS)
    assert all(row.keys() == {"check", "verdict", "seen", "cure"} for row in rows)
    return done.returncode, {row["check"]: row for row in rows}


def host(root: Path, *sticks: Plugged, programs: Mapping[int, str] | None = None, **settings: Any) -> Host:
    """Return a machine with these sticks and programs, and with a line unless its settings are None."""
    build(root, sticks)
    for pid, name in (programs or {}).items():
        (root / f"proc/{pid}").mkdir(parents=True)
        (root / f"proc/{pid}/comm").write_text(f"{name}\n")
    path = root / "main.yaml"
    path.write_text(
        json.dumps({"database": "hotlined.db", "runtime_dir": "run", "answer": {"text": "Non."}} | settings)
    )
    return Host(configuration.load(path), root=root)


# ---- as a program


def test_beside_the_daemon_its_status_is_used(line: Line) -> None:
    """The modem is not asked; what the status lacks is unknown."""
    line.sim.do("network", technology=7)
    line.start()
    line.wait_state("ready")
    before = line.sim.do("counters")
    program(line.folder / "systemctl", "#!/bin/sh\nprintf '%s\\n' LoadState=loaded DevicePolicy=closed Group=nobody")
    environment = os.environ | {"PATH": f"{line.folder}:{os.environ['PATH']}"}
    _, found = examined("--config", str(line.config), cwd=line.folder, env=environment)
    verdicts = {name: row["verdict"] for name, row in found.items()}

    assert verdicts["sandbox"] == OK  # the daemon has the port open, by whatever way
    assert {name: verdicts[name] for name in ("daemon", "SIM", "registration", "signal", "storages", "database")} == (
        dict.fromkeys(("daemon", "SIM", "registration", "signal", "storages", "database"), OK)
    )
    assert found["technology"] == {
        "check": "technology",
        "verdict": OK,
        "seen": "LTE, texts by the telephone network (`AT+CGSMS?`)",
        "cure": "",
    }
    assert {verdicts[name] for name in ("port", "stick", "budgets", "configuration")} == {OK}
    assert {verdicts[name] for name in ("service centre", "forwarding")} == {UNKNOWN}
    assert found["forwarding"]["seen"].startswith("the daemon has the port")
    assert str(line.daemon.pid if line.daemon else None) in found["daemon"]["seen"]
    line.wait_state("ready")
    after = line.sim.do("counters")
    for name in ("+CSCA", "+CGSMS"):
        assert after["counters"][name] == before["counters"][name]


def test_without_the_daemon_the_modem_is_asked(line: Line) -> None:
    """SIM, network and storages are checked there; the daemon fails."""
    line.configure()
    code, found = examined("--config", str(line.config), cwd=line.folder)

    assert code == 1
    assert (found["daemon"]["verdict"], found["database"]["verdict"]) == (FAIL, WARN)
    assert found["SIM"] == {"check": "SIM", "verdict": OK, "seen": "READY", "cure": ""}
    assert {found[name]["verdict"] for name in ("registration", "signal", "service centre", "storages")} == {OK}
    assert "0 of 10" in found["storages"]["seen"]


def test_a_modem_in_trouble_is_reported_with_the_cure(line: Line) -> None:
    """Roaming, a weak signal and a full SIM are warnings."""
    line.configure()
    line.sim.do("network", registered="roaming")
    line.sim.do("signal", rssi=2)
    for _ in range(10):
        line.sim.do("deliver", **{"from": "+32470123456", "text": "bis"})
    _, found = examined("--config", str(line.config), cwd=line.folder)

    for name in ("registration", "signal", "storages"):
        assert found[name]["verdict"] == WARN
        assert found[name]["cure"]


def test_a_locked_sim_is_reported_and_no_pin_is_tried(line: Line) -> None:
    """The SIM is a warning, though the configuration has its PIN."""
    line.sim.do("sim", pin="1234")
    line.configure(modem={"pin": "1234"})
    _, found = examined("--config", str(line.config), cwd=line.folder)

    assert (found["SIM"]["verdict"], found["registration"]["verdict"]) == (WARN, UNKNOWN)
    assert "SIM PIN" in found["SIM"]["seen"]
    _, again = examined("--config", str(line.config), cwd=line.folder)
    assert again["SIM"] == found["SIM"]


def test_a_daemon_with_a_locked_sim_is_reported(line: Line) -> None:
    """The daemon's status has the SIM's state, with its cure."""
    line.sim.do("sim", pin="1234")
    line.start()
    line.wait_state("pin_required")
    code, found = examined("--config", str(line.config), cwd=line.folder)

    assert code == 1
    assert (found["daemon"]["verdict"], found["SIM"]["verdict"]) == (FAIL, FAIL)
    assert "modem.pin" in found["SIM"]["cure"]


def test_a_stick_that_is_locked_to_an_operator_is_named(line: Line) -> None:
    """The SIM's row says that the stick is locked, and what cures it."""
    line.sim.do("fault", kind="rewrites", command="+CPIN", old="READY", new="PH-NET PIN")
    line.configure()
    _, found = examined("--config", str(line.config), cwd=line.folder)

    assert found["SIM"]["verdict"] == FAIL
    assert "locked to another operator (PH-NET PIN)" in found["SIM"]["seen"]
    assert "unlocked" in found["SIM"]["cure"]


def test_a_missing_pin_file_is_named(tmp_path: Path) -> None:
    """The configuration fails before any SIM asks for the PIN."""
    (tmp_path / "main.yaml").write_text("answer: {text: Non}\nmodem: {pin_file: pin}\n")
    told = Host(configuration.load(tmp_path / "main.yaml"))
    found = line_checks.configuration(told)

    assert (found.verdict, str(tmp_path / "pin") in found.seen) == (Health.FAIL, True)
    (tmp_path / "pin").write_text("1234")
    assert line_checks.configuration(told).verdict is Health.OK


def test_without_a_configuration_all_else_is_checked(tmp_path: Path) -> None:
    """The missing file is one failure and crashes no check."""
    code, found = examined("--config", "none.yaml", cwd=tmp_path)

    assert code == 1
    assert found["configuration"]["verdict"] == FAIL
    assert found["interpreter"]["verdict"] == OK
    assert {found[name]["verdict"] for name in ("disk", "daemon", "database", "budgets")} == {UNKNOWN}


def test_without_programs_of_the_system_nothing_crashes(tmp_path: Path) -> None:
    """The checks by systemctl and vcgencmd are unknown then."""
    _, found = examined("--config", "none.yaml", cwd=tmp_path, env={"PATH": str(tmp_path)})

    assert found["service"] == {"check": "service", "verdict": UNKNOWN, "seen": "no systemd here", "cure": ""}


def test_each_failure_has_its_cure_below(tmp_path: Path) -> None:
    """Each check has its verdict, and the summary comes last."""
    filled = Filled(tmp_path, modem={"port": "/dev/hotlined-none"})
    filled.db.close()
    done = filled.run("doctor")

    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("stick "))
    assert lines[at].endswith("fail: modem.port names /dev/hotlined-none, which is not there")
    assert lines[at + 1].strip().startswith(("→ Plug the stick in again. If", "→ Ports that may be asked: /dev/"))
    words = " ".join(done.stdout.split())
    assert f"or `hotlined --config {filled.config} run` where it is not a service" in words  # as it was typed
    assert "answer ok: 1 text, 2 segments " in words
    assert "fail" in lines[-2]


# ---- scripted modems


class Refused(str):
    """A final result code for a command of a `Talker` instead of OK."""

    __slots__ = ()


class Talker:
    """A modem at a pseudo-terminal that answers from a table, and ERROR to all else."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.asked: list[str] = []
        self._answers = {"AT": "", "ATE0": "", "AT+CMEE=1": "", "AT+CPIN?": "+CPIN: READY"} | {
            f"AT{name}?": f"{name}: 1" for name in ("+CMGF", "+CSMS", "+CNMI", "+CPMS", "+CFUN")
        }
        self._answers |= {"AT+CREG?": "+CREG: 0,1", "AT+CSQ": "+CSQ: 20,99", **answers}
        self._master, slave = pty.openpty()
        self.port = os.ttyname(slave)
        os.close(slave)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def end(self) -> None:
        """Stop answering."""
        self._ended.set()
        self._thread.join()
        os.close(self._master)

    def _talk(self) -> None:
        heard = b""
        while not self._ended.wait(0.002):
            try:
                heard += os.read(self._master, 4096)
            except OSError:  # no program has the port open
                continue
            *commands, heard = heard.split(b"\r")
            for command in (each.decode().strip("\x1b\n") for each in commands):
                self.asked.append(command)
                answer = self._answers.get(command)
                lines = ["ERROR"] if answer is None else [*filter(None, answer.split("\n")), "OK"]
                lines = [answer] if isinstance(answer, Refused) else lines
                os.write(self._master, "".join(f"\r\n{line}\r\n" for line in lines).encode())


@pytest.fixture
def talk() -> Iterator[Any]:
    """Give a function that starts a modem that answers from a table."""
    talkers = []

    def begin(answers: Mapping[str, str]) -> Talker:
        talkers.append(Talker(answers))
        return talkers[-1]

    yield begin
    for talker in talkers:
        talker.end()


@pytest.mark.parametrize(
    ("answers", "seen", "verdict"),
    [
        ({'AT+CPINR="SIM PIN"': "+CPINR: SIM PIN,3,3"}, "left: 3", WARN),
        ({"AT^CPIN?": "^CPIN: SIM PIN,3,10,2,10,3"}, "left: 2", WARN),
        ({"AT+SPIC": "+SPIC: 1,10,0,10"}, "left: 1", FAIL),
        ({'AT+QPINC="SC"': '+QPINC: "SC",3,10'}, "left: 3", WARN),
        ({}, "SIM PIN", WARN),
    ],
)
def test_the_remaining_tries_of_the_pin_are_shown(
    answers: dict[str, str], seen: str, verdict: Health, talk: Any, tmp_path: Path
) -> None:
    """Each make has its command; one remaining try is a failure."""
    talker = talk({"AT+CPIN?": "+CPIN: SIM PIN"} | answers)
    found = sim_checks.sim(host(tmp_path, modem={"port": talker.port}))

    assert found.verdict is verdict
    assert found.seen.endswith(seen)
    assert not any(command.startswith("AT+CPIN=") for command in talker.asked)


NOT_FORWARDED = {f"AT+CCFC={reason},2": "+CCFC: 0,7" for reason in range(4)}


AT_ONCE = {"AT+CCFC=0,2": '+CCFC: 1,1,"+32475151516",145'}
IF_BUSY = {"AT+CCFC=1,2": '+CCFC: 1,1,"+32475151516",145'}
AWAY = {"AT+CCFC=3,2": '+CCFC: 1,1,"+32475151516",145'}
AFTER_15 = {"AT+CCFC=2,2": '+CCFC: 1,1,"+32475151516",145,,,15\n+CCFC: 0,2'}


@pytest.mark.parametrize(
    ("answers", "modem", "verdict", "seen"),
    [
        ({}, {}, OK, ["calls are not forwarded: each rings here"]),
        ({"AT+CCFC=0,2": '+CCFC: 1,4,"+3247"'}, {}, OK, ["calls are not forwarded: each rings here"]),
        (AT_ONCE | AFTER_15, {}, WARN, ["every call goes to +32475151516 at once: none rings here, so none is a"]),
        (IF_BUSY, {}, OK, ["a call goes to +32475151516 while the line is busy, and where the network takes a call"]),
        (
            AWAY,
            {},
            OK,
            ["while the stick is off or without a network a call goes to +32475151516, and is not a contact"],
        ),
        (
            AFTER_15,
            {},
            OK,
            ["a call that rings for 15 s goes to +32475151516", "before `modem.ring_for` (25s) is over"],
        ),
        (AFTER_15, {"ring_for": "15s"}, OK, ["for 15 s goes", "`modem.ring_for` (15s) is over first"]),
        (AFTER_15, {"calls": "hang_up"}, OK, ["for 15 s goes", "hang_up` ends it within 2 s: it never gets there"]),
        (AFTER_15, {"calls": "ignore"}, OK, ["for 15 s goes", "ignore` writes it down, and answers none"]),
        (
            {"AT+CCFC=2,2": '+CCFC: 1,1,"+32475151516",145'},
            {},
            OK,
            ["rings for as long as the operator says goes", "is over before that, a call shows"],
        ),
        (IF_BUSY | AFTER_15, {}, OK, ["while the line is busy", "rings for 15 s", "is over"]),
    ],
    ids=[
        "off",
        "only fax",
        "every call",
        "busy",
        "not reachable",
        "rings for longer",
        "rings for as long",
        "hung up at once",
        "ignored",
        "time not told",
        "two of them",
    ],
)
def test_forwarding_is_put_in_words(
    answers: dict[str, str], modem: dict[str, str], verdict: Health, seen: list[str], talk: Any, tmp_path: Path
) -> None:
    """A forwarding of every call is a warning, any other fine.

    Each is shown with its number and its effect on calls. The network is only asked.
    """
    talker = talk(NOT_FORWARDED | answers)
    found = call_checks.forwarding(host(tmp_path, modem={"port": talker.port} | modem))
    sentences = found.seen.split("; ")

    assert found.verdict is verdict
    assert len(sentences) == len(seen)
    assert all(part in sentence for part, sentence in zip(seen, sentences, strict=True)), sentences
    assert bool(found.cure) is (verdict is WARN)
    assert all(command.endswith(",2") for command in talker.asked if "CCFC" in command)


@pytest.mark.parametrize(("port", "verdict"), [("usbmodem", WARN), ("uart1", WARN), ("usbat", OK), ("all", OK)])
def test_calls_that_are_announced_at_another_port_are_a_warning(
    port: str, verdict: Health, talk: Any, tmp_path: Path
) -> None:
    """The cure is the command that sets the port; another make is not asked."""
    quectel = {"AT+CGMI": "Quectel", "AT+CGMM": "EC25", 'AT+QURCCFG="urcport"': f'+QURCCFG: "urcport","{port}"'}
    found = call_checks.forwarding(host(tmp_path, modem={"port": talk(NOT_FORWARDED | quectel).port}))
    other = talk(NOT_FORWARDED)

    assert (found.verdict, "QURCCFG" in found.cure) == (verdict, verdict is WARN)
    assert call_checks.forwarding(host(tmp_path / "other", modem={"port": other.port})).verdict is OK
    assert not any("QURCCFG" in command for command in other.asked)


def test_a_silent_network_leaves_forwarding_unknown(talk: Any, tmp_path: Path) -> None:
    """A network that does not answer may still forward."""
    machine = host(tmp_path, modem={"port": talk({}).port})
    assert call_checks.forwarding(machine) == Finding(UNKNOWN, "the network does not say")


def test_the_simulated_network_forwards(line: Line) -> None:
    """The whole program finds the network's forwarding, with its delay."""
    line.configure()
    line.sim.do("forward", when="no_reply", to="+32475151516", seconds=10)
    _, found = examined("--config", str(line.config), cwd=line.folder)

    assert found["forwarding"]["verdict"] == OK
    assert found["forwarding"]["seen"].startswith("a call that rings for 10 s goes to +32475151516; it is a contact")


def test_a_sim_without_service_centre_fails(talk: Any, tmp_path: Path) -> None:
    """Texts cannot leave without the number of a service centre."""
    talker = talk({"AT+CSCA?": '+CSCA: "",129', "AT+CREG?": "+CREG: 0,3"})
    machine = host(tmp_path, modem={"port": talker.port})

    assert sim_checks.service_centre(machine).verdict is FAIL
    assert sim_checks.registration(machine).seen == "denied"
    assert call_checks.forwarding(machine).verdict is UNKNOWN


@pytest.mark.parametrize("answer", ["+CSCA: ,", "ERROR"])
def test_an_unreadable_service_centre_is_unknown(talk: Any, tmp_path: Path, answer: str) -> None:
    """The SIM may have one that the modem does not report."""
    machine = host(tmp_path, modem={"port": talk({"AT+CSCA?": answer}).port})

    assert sim_checks.service_centre(machine).verdict is UNKNOWN


def test_the_character_set_is_set_first(talk: Any, tmp_path: Path) -> None:
    """Strings are read after it: another program may have left UCS-2."""
    talker = talk({"AT+COPS?": '+COPS: 0,0,"Proximus"'})
    sim_checks.registration(host(tmp_path, modem={"port": talker.port}))

    assert 'AT+CSCS="IRA"' in talker.asked
    assert talker.asked.index('AT+CSCS="IRA"') < talker.asked.index("AT+CSCA?")


@pytest.mark.parametrize(
    ("answers", "verdict", "words"),
    [
        ({}, WARN, "2G or 3G"),
        ({"AT+COPS?": '+COPS: 0,0,"Proximus",7'}, OK, "knows LTE"),
        ({"AT+WS46=?": "+WS46: (12)"}, WARN, "2G only"),
        ({"AT+WS46=?": "+WS46: (12,22,25)"}, WARN, "2G and 3G"),  # an Option GTM382
        ({"AT+WS46=?": "+WS46: (22)"}, WARN, "2G and 3G"),
        ({"AT+WS46=?": "+WS46: (12,22,25,28,29)"}, OK, "knows LTE"),
        ({"AT+WS46=?": "+WS46: (12,22,25,28,29,30,31,35,36,37)"}, OK, "knows LTE"),
        ({"AT+CEREG=?": "+CEREG: (0-2)"}, OK, "knows LTE"),
        ({"AT+CEREG?": "+CEREG: 0,1"}, OK, "knows LTE"),
        ({"AT+CEREG=?": "+CEREG: (0-2)", "AT+WS46=?": "+WS46: (12,22,25)"}, OK, "knows LTE"),
        ({"AT+CEREG=?": ""}, UNKNOWN, "does not say"),
    ],
)
def test_a_modem_without_lte_is_a_warning(
    answers: Mapping[str, str], verdict: Health, words: str, talk: Any, tmp_path: Path
) -> None:
    """The modem is asked for its technologies, whatever its model."""
    talker = talk({"AT+CGMM": "+CGMM: MF710"} | answers)
    found = stick_checks.generation(host(tmp_path, modem={"port": talker.port}))

    assert (found.verdict, words in found.seen) == (verdict, True)


@pytest.mark.parametrize("cause", ["+CME ERROR: 14", "+CME ERROR: SIM busy", "+CMS ERROR: 314", "+CMS ERROR: 515"])
def test_a_busy_sim_is_unknown(cause: str, talk: Any, tmp_path: Path) -> None:
    """The advice is to wait: the SIM is still read."""
    talker = talk({"AT+CPIN?": Refused(cause)})
    found = sim_checks.sim(host(tmp_path, modem={"port": talker.port}))

    assert (found.verdict, found.cure) == (UNKNOWN, "Ask again in a minute.")
    assert cause in found.seen


def test_busy_storages_are_reported_as_busy(talk: Any, tmp_path: Path) -> None:
    """An Alcatel X030 refuses SM with 314 after its PIN.

    That lasts half a minute.
    """
    busy = Refused("+CMS ERROR: 314")
    talker = talk({f"AT+CPMS={','.join(['SM'] * count)}".replace("SM", '"SM"'): busy for count in (1, 2, 3)})
    found = sim_checks.storages(host(tmp_path, modem={"port": talker.port}))

    assert found == Finding(UNKNOWN, "The SIM is still busy (+CMS ERROR: 314)")


@pytest.mark.parametrize(
    ("refused", "verdict"), [(("AT+CMGF=?", "AT+CSMS?"), FAIL), (("AT+CMGF=?",), OK), (("AT+CNMI=?",), OK), ((), OK)]
)
def test_a_modem_without_texts_is_named(refused: Sequence[str], verdict: Health, talk: Any, tmp_path: Path) -> None:
    """A data-only variant refuses both questions, as one does at its start; its model is named."""
    answers = {"AT+CMGF=?": "+CMGF: (0,1)", "AT+CSMS?": "+CSMS: 0,1,1,1", "AT+CNMI=?": "+CNMI: (0-2)"}
    talker = talk({"AT+CGMM": "A7670E-LNXY-UBL"} | answers | dict.fromkeys(refused, Refused("ERROR")))
    found = sim_checks.texts(host(tmp_path, modem={"port": talker.port}))

    assert found.verdict is verdict
    assert {*answers} <= {*talker.asked}
    if verdict is FAIL:
        assert found.seen.startswith("A7670E-LNXY-UBL knows no texts")
        assert "only just been switched on" in found.seen
        assert found.cure


@pytest.mark.parametrize(
    ("circuits", "others", "verdict", "words"),
    [
        ("+CREG: 0,3", {"AT+CEREG?": "+CEREG: 0,1"}, WARN, "SMS over IP"),
        ("+CREG: 0,11", {"AT+CEREG?": "+CEREG: 0,1"}, WARN, "SMS over IP"),
        ("+CREG: 0,0", {"AT+CEREG?": "+CEREG: 0,1"}, OK, "at home"),
        ("", {"AT+CEREG?": "+CEREG: 0,1"}, OK, "at home"),
        ("+CREG: 0,3", {"AT+CGREG?": "+CGREG: 0,1"}, OK, "at home"),  # packets of 2G or 3G, which carry texts
        ("+CREG: 0,3", {"AT+CEREG?": "+CEREG: 0,3"}, FAIL, "denied"),
    ],
)
def test_a_sim_for_lte_alone_is_a_warning(
    circuits: str, others: Mapping[str, str], verdict: Health, words: str, talk: Any, tmp_path: Path
) -> None:
    """Circuits are denied; a stick that never has them is fine."""
    talker = talk({"AT+CREG?": circuits, "AT+COPS?": '+COPS: 0,0,"Proximus",7', **others})
    found = sim_checks.registration(host(tmp_path, modem={"port": talker.port}))

    assert (found.verdict, words in found.seen) == (verdict, True)


def test_a_sim_for_lte_alone_may_get_no_calls(talk: Any, tmp_path: Path) -> None:
    """Texts that go by circuits alone get a warning, too."""
    answers = {"AT+CREG?": "+CREG: 0,3", "AT+CEREG?": "+CEREG: 0,1", "AT+COPS?": '+COPS: 0,0,"Proximus",7'}
    talker = talk(NOT_FORWARDED | answers | {"AT+CGSMS?": "+CGSMS: 1"})
    machine = host(tmp_path, modem={"port": talker.port})
    rings, used = call_checks.forwarding(machine), sim_checks.technology(machine)

    assert (rings.verdict, "without VoLTE" in rings.seen) == (WARN, True)
    assert (used.verdict, "AT+CGSMS=3" in used.cure) == (WARN, True)


def test_an_offered_storage_may_be_missing(talk: Any, tmp_path: Path) -> None:
    """Its absence is a failure only if texts come there.

    An E352 offers ME and refuses it.
    """
    answers = {
        "AT+CPMS=?": '+CPMS: ("ME","SM"),("ME","SM"),("ME","SM")',
        'AT+CPMS="SM","SM","SM"': "+CPMS: 1,50,1,50,1,50",
        "AT+CPMS?": '+CPMS: "SM",1,50,"SM",1,50,"SM",1,50',
    }
    talker = talk(answers)
    found = sim_checks.storages(host(tmp_path, modem={"port": talker.port}))
    assert found == Finding(OK, "SM 1 of 50; ME is offered, and is not there")
    deaf = talk(answers | {"AT+CPMS?": '+CPMS: "SM",1,50,"SM",1,50,"ME",0,23'})
    (tmp_path / "deaf").mkdir()
    told = sim_checks.storages(host(tmp_path / "deaf", modem={"port": deaf.port}))
    assert (told.verdict, told.seen) == (FAIL, "texts may lie in ME, which cannot be read")


@pytest.mark.parametrize(
    ("answers", "expected", "words"),
    [
        (
            {"AT+COPS?": '+COPS: 0,0,"Proximus",7', "AT+CGSMS?": "+CGSMS: 3"},
            OK,
            "LTE, texts by the telephone network, else the data network",
        ),
        (
            {"AT+COPS?": '+COPS: 0,0,"Proximus",7', "AT+CGSMS?": "+CGSMS: 0"},
            WARN,
            "the data network (`AT+CGSMS?`) alone",
        ),
        ({"AT+COPS?": '+COPS: 0,0,"Proximus",0', "AT+CGSMS?": "+CGSMS: 1"}, WARN, "2G, texts by the telephone network"),
        ({"AT+COPS?": '+COPS: 0,2,"20601",2'}, WARN, "3G: this network is being switched off"),
        ({"AT+COPS?": '+COPS: 0,0,"Chez 7",12'}, OK, "5G"),
        ({"AT+COPS?": '+COPS: 0,0,"Area,7"'}, UNKNOWN, "does not say"),
        ({"AT+CREG?": "+CREG: 0,0", "AT+CEREG?": "+CEREG: 0,1", "AT+COPS?": '+COPS: 0,0,"Proximus"'}, OK, "LTE"),
        ({}, UNKNOWN, "the modem does not say"),
    ],
)
def test_the_technology_in_use_is_shown(
    answers: dict[str, str], expected: Health, words: str, talk: Any, tmp_path: Path
) -> None:
    """A technology that is being switched off is a warning.

    The way of texts is shown, too, and is a warning where it may not work.
    """
    talker = talk(answers)
    found = sim_checks.technology(host(tmp_path, modem={"port": talker.port}))

    assert found.verdict is expected
    assert words in found.seen
    assert bool(found.cure) == (expected is WARN)


def test_a_silent_port_leaves_the_modem_unknown(tmp_path: Path) -> None:
    """Each check of the modem is unknown, with the reason."""
    master, slave = pty.openpty()
    machine = host(tmp_path, modem={"port": os.ttyname(slave)})
    os.close(slave)
    try:
        assert "does not answer" in sim_checks.sim(machine).seen
        assert sim_checks.signal(machine).verdict is UNKNOWN
    finally:
        os.close(master)


def test_a_held_port_is_not_opened(talk: Any, tmp_path: Path) -> None:
    """Its holder is named, and no byte is written."""
    talker = talk({})
    program = f"port = open({talker.port!r}, 'rb+', 0)\nprint('open', flush=True)\ninput()\n"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        machine = host(tmp_path, modem={"port": talker.port})
        machine.root = Path("/")
        found = stick_checks.holders(machine)
        assert sim_checks.sim(machine).seen.endswith("held by another program")
        process.communicate(b"\n")

    assert found.verdict is FAIL
    assert str(process.pid) in found.seen
    assert f"kill {process.pid}" in found.cure
    assert talker.asked == []


# ---- the machine, from files


@pytest.mark.parametrize(
    ("sticks", "verdict", "words"),
    [
        pytest.param([], FAIL, "no stick", id="nothing"),
        pytest.param([AIR780E], FAIL, "there is Air780E (19d1:0001)", id="a device that no table knows"),
        pytest.param([SIM7600], OK, "ttyUSB2", id="a modem"),
        pytest.param([ZERO_CD], FAIL, "CD drive", id="a CD drive"),
        pytest.param([HILINK, CH340], WARN, "HiLink", id="HiLink beside an adapter"),
    ],
)
def test_sticks_are_named(sticks: list[Plugged], verdict: Health, words: str, tmp_path: Path) -> None:
    """A stick in the wrong mode is a failure when alone."""
    found = stick_checks.stick(host(tmp_path, *sticks))

    assert found.verdict is verdict
    assert words in found.seen
    assert bool(found.cure) == (verdict is not OK)


def test_programs_that_take_ports_are_named(tmp_path: Path) -> None:
    """ModemManager is a failure with its cure, brltty a warning."""
    machine = host(tmp_path, SIM7600, programs={1: "systemd", 400: "ModemManager", 401: "brltty"})

    assert (stick_checks.modemmanager(machine).verdict, stick_checks.brltty(machine).verdict) == (FAIL, WARN)
    assert "mask --now ModemManager" in stick_checks.modemmanager(machine).cure


def test_a_rule_that_keeps_modemmanager_off_is_seen(tmp_path: Path) -> None:
    """ModemManager may run beside a port with udev's tag.

    A bare adapter without the tag is only a warning: by default ModemManager leaves those alone.
    """
    machine = host(tmp_path, CH340, programs={400: "ModemManager"}, modem={"port": "/dev/null"})
    assert stick_checks.modemmanager(machine).verdict is WARN
    tags = tmp_path / "run/udev/data/c1:3"
    tags.parent.mkdir(parents=True)
    tags.write_text("S:serial/by-id/x\nE:ID_MM_DEVICE_IGNORE=1\n")

    assert stick_checks.modemmanager(machine).verdict is OK


@pytest.mark.parametrize(
    ("missing", "settings", "cure"),
    [
        (None, {}, ""),
        ("rich", {}, "`sudo apt install python3-rich`"),
        ("sqlite_utils", {}, "`sudo apt install sqlite-utils`"),
        ("apprise", {}, ""),
        ("apprise", {"alerts": {"urls_file": "urls"}}, "`sudo apt install apprise`"),
    ],
)
def test_missing_libraries_are_named(
    missing: str | None, settings: dict[str, Any], cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a library that the line needs is a failure."""
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
    found = machine_checks.libraries(host(tmp_path, **settings))

    assert (found.verdict, found.cure) == (FAIL if cure else OK, cure)


def test_a_member_of_a_line_is_not_advised_to_open_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a person who runs it by hand needs the port."""
    port = tmp_path / "port"
    port.touch(0o600)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != port)  # everything is open to root
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    machine = host(tmp_path, modem={"port": str(port)})
    for state, verdict in (("not-found", FAIL), ("loaded", OK)):
        program(tmp_path / "systemctl", f"#!/bin/sh\necho LoadState={state}")
        found = machine_checks.user(machine)
        assert (found.verdict, "adduser" in found.cure) == (verdict, verdict is FAIL)


def test_a_missing_stick_is_reported_once(line: Line) -> None:
    """One check fails while the daemon waits for it."""
    line.configure(modem={"port": str(line.folder / "nowhere")})
    line.start()
    line.wait_state("absent")
    shown = line.cli("doctor", check=False)
    _, found = examined("--config", str(line.config), cwd=line.folder)

    failed = re.findall(r"^(\S+) +fail: ", shown, re.MULTILINE)
    assert [name for name in failed if name != "disk"] == ["stick"]  # the database of a test is in memory
    assert not re.search("unknown: .*(port|ready)", shown)
    assert shown.endswith("Modem, SIM and network are checked once a stick is in.\n")
    assert found["daemon"]["verdict"] == OK
    of_a_modem = {found[name]["verdict"] for name, check in CHECKS.items() if check in checks.OF_A_MODEM}
    assert UNKNOWN in of_a_modem <= {OK, UNKNOWN}


@pytest.mark.parametrize("script", ["#!/bin/sh\nsleep 9", "neither program nor script\0", "#!/bin/sh\nexit 3"])
def test_a_program_that_fails_makes_its_check_unknown(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A systemctl that hangs, cannot start or fails counts as missing."""
    program(tmp_path / "systemctl", script)
    monkeypatch.setattr(machine_checks, "COMMAND_SECONDS", 0.5)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert machine_checks.unit(host(tmp_path)).verdict is UNKNOWN


def test_a_further_line_has_its_own_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service of /etc/hotlined/nl.yaml is hotlined@nl, whatever the key `line` says."""
    program(tmp_path / "systemctl", "#!/bin/sh\necho LoadState=not-found")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    machine = host(tmp_path)
    assert "hotlined@main.service" in machine_checks.unit(machine).seen
    path = (tmp_path / "main.yaml").rename(tmp_path / "nl.yaml")
    assert "hotlined@nl.service" in machine_checks.unit(Host(configuration.load(path))).seen


@pytest.mark.parametrize(("alarm", "verdict"), [("0", OK), ("1", FAIL), (None, UNKNOWN)])
def test_undervoltage_is_a_failure(alarm: str | None, verdict: Health, tmp_path: Path) -> None:
    """The check is unknown without a Pi's sensor."""
    machine = host(tmp_path)
    if alarm:
        sensor = tmp_path / "sys/class/hwmon/hwmon1"
        sensor.mkdir(parents=True)
        (sensor / "name").write_text("rpi_volt\n")
        (sensor / "in0_lcrit_alarm").write_text(f"{alarm}\n")

    assert machine_checks.power(machine).verdict is verdict


@pytest.mark.parametrize(
    ("answer", "verdict"), [("throttled=0x0", OK), ("throttled=0x50000", WARN), ("throttled=0x50005", FAIL)]
)
def test_undervoltage_since_the_boot_is_a_warning(
    answer: str, verdict: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past undervoltage in vcgencmd is a warning, present one a failure."""
    program(tmp_path / "vcgencmd", f"#!/bin/sh\necho {answer}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert machine_checks.power(host(tmp_path)).verdict is verdict


@pytest.mark.parametrize(
    ("state", "verdict", "words"),
    [
        ("LoadState=not-found", WARN, "there is no hotlined@main.service"),
        (
            "LoadState=loaded ActiveState=active SubState=running Result=success NRestarts=2 UnitFileState=enabled",
            OK,
            "2 r",
        ),
        (
            "LoadState=loaded ActiveState=failed SubState=failed Result=watchdog NRestarts=9 UnitFileState=enabled",
            FAIL,
            "wa",
        ),
        (
            "LoadState=loaded ActiveState=inactive SubState=dead Result=success NRestarts=0 UnitFileState=",
            WARN,
            "not enabled",
        ),
        (
            "LoadState=loaded ActiveState=active SubState=running Result=success NRestarts=0 UnitFileState=disabled",
            WARN,
            "dis",
        ),
    ],
)
def test_the_service_is_judged(
    state: str, verdict: Health, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that no boot would start is a warning.

    A failed one is a failure with its last result.
    """
    program(tmp_path / "systemctl", f"#!/bin/sh\nprintf '%s\\n' {state}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = machine_checks.unit(host(tmp_path))

    assert found.verdict is verdict
    assert words in found.seen


@pytest.mark.parametrize(
    ("mounts", "verdict"),
    [
        ("/dev/root / ext4 rw 0 0", OK),
        ("/dev/root / ext4 rw 0 0\ntmpfs {folder} tmpfs rw 0 0", FAIL),
        ("overlayroot / overlay rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay 0 0", FAIL),
        ("overlay / overlay rw,lowerdir=/a,upperdir=/var/lib/docker/x 0 0", OK),
        ("", OK),
    ],
)
def test_a_volatile_disk_is_a_failure(
    mounts: str, verdict: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is in memory or on raspi-config's read-only overlay."""
    monkeypatch.setattr(disk, "SHARE", 0.0)
    machine = host(tmp_path)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mounts").write_text(mounts.format(folder=tmp_path))

    assert machine_checks.disk(machine).verdict is verdict


@pytest.mark.parametrize(("least", "verdict"), [(0, WARN), (1 << 62, FAIL)])
def test_little_room_is_reported(least: int, verdict: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little room is a warning, hardly any a failure."""
    monkeypatch.setattr(disk, "OCTETS", 1 << 62)
    monkeypatch.setattr(machine_checks, "LEAST_FREE", least)

    assert machine_checks.disk(host(tmp_path)).verdict is verdict


@pytest.mark.parametrize("pages", [slice(1, -1), slice(-2, None)], ids=["all", "the last"])
def test_a_damaged_database_fails(pages: slice, tmp_path: Path) -> None:
    """Other checks go on, whether the database opens or not."""
    filled = Filled(tmp_path)
    with filled.db:
        for _ in range(40):
            filled.text(text="x" * 150)
    octets = bytearray(filled.database.read_bytes())
    size = int.from_bytes(octets[16:18], "big")  # a page's size, from the file's header
    for page in range(len(octets) // size)[pages]:
        octets[page * size : (page + 1) * size] = b"\xff" * size
    filled.database.write_bytes(octets)
    found = dict(checks.examine(Host(configuration.load(filled.config))))

    assert found["database"].verdict is FAIL
    assert found["database"].cure
    assert found["interpreter"].verdict is OK


def test_a_database_with_a_trigger_of_somebody_elses_fails(tmp_path: Path) -> None:
    """The daemon would not start with it."""
    with Filled(tmp_path).db as db:
        db.connection.execute("CREATE TRIGGER later AFTER INSERT ON contacts BEGIN DELETE FROM answers; END")
    found = dict(checks.examine(Host(configuration.load(tmp_path / "main.yaml"))))["database"]

    assert (found.verdict, "(later)" in found.seen, "restore" in found.cure) == (FAIL, True, True)


@pytest.mark.parametrize(
    ("more", "verdict", "words"),
    [
        ({}, OK, ""),
        ({"sim_changed": True}, FAIL, "hotlined sim adopt"),
        ({"modem": ModemStatus("ready", undeletable=2, storages=(Storage("SM", 3, 20),))}, OK, ""),
    ],
)
def test_a_line_that_answers_nobody_is_not_healthy(
    tmp_path: Path, more: dict[str, Any], verdict: Health, words: str
) -> None:
    """A held line is a failure."""
    filled = Filled(tmp_path)
    told = DaemonStatus(
        pid=os.getpid(),
        database=str(filled.database),
        modem=ModemStatus("ready"),
        pass_boottime=boottime(),
    )
    (tmp_path / "run" / "main").mkdir(parents=True)
    (tmp_path / "run" / "main" / "status.json").write_text(dataclasses.replace(told, **more).to_json())
    look = Host(configuration.load(filled.config))

    assert (line_checks.daemon(look).verdict, words in line_checks.daemon(look).cure) == (verdict, True)
    undeletable = "modem" in more
    assert ("does not delete 2 of them" in sim_checks.storages(look).seen) is undeletable
    with filled.db:
        decisions.pause(filled.db, "marie", filled.now())
    paused = line_checks.daemon(Host(configuration.load(filled.config)))
    assert (paused.verdict, "`hotlined resume`" in paused.cure) == (FAIL, True)
    assert "Paused by marie" in paused.cure


def test_a_used_up_budget_is_a_warning(tmp_path: Path) -> None:
    """A window that still has room is fine."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.judge(filled.text())
        filled.send()
    fine = line_checks.budgets(Host(configuration.load(filled.config)))
    filled.config.write_text(json.dumps(filled.settings | {"limits": {"segments": {"hour": 2}}}))
    full = line_checks.budgets(Host(configuration.load(filled.config)))

    assert (fine.verdict, full.verdict) == (OK, WARN)
    assert full.seen.startswith("hour 2 of 2")


def program(path: Path, script: str) -> None:
    """Write a program of the system as a shell script."""
    path.write_text(script)
    path.chmod(0o755)


@needs_root
def test_a_user_who_cannot_see_other_programs_gets_the_command(sockets: Sockets) -> None:
    """The line's user sees only its own programs at a port."""
    sockets.config.write_text(json.dumps(json.loads(sockets.config.read_text()) | {"modem": {"port": "/dev/null"}}))
    done = LINE.hotlined(sockets.config, "doctor", "--json")
    checks = {row["check"]: row for row in map(json.loads, done.stdout.splitlines())}

    assert checks["port"]["verdict"] == "ok"
    assert "`sudo fuser -v /dev/null` names those of all" in checks["port"]["seen"]
