"""The escalation of steps against a modem that fails, and another SIM or stick."""

import itertools
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tty
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import simulated
from conftest import BRISK, Line, Open, wait_until
from sysfs import Plugged, build

from hotlined.daemon.recovery import IN_LOG, Escalation, RecoveryStep, remedies
from hotlined.errors import PortLostError
from hotlined.gsm import port as port_module
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.machine.timing import USUAL, RateLimit
from hotlined.simulator.makes import REGISTERS
from hotlined.states import ModemTrouble

NUMBER = "+32470123456"
SILENCE_SECONDS = 120.0  # for the escalation against a silent modem: each step takes its time
HASTY: Mapping[str, Any] = {
    **BRISK,
    "list_pauses": (0.0, 0.0, 3.0),
    "changes_most": 6,
    "changes_within": 15.0,
    "silent_pauses": (0.0, 0.0, 0.0, 0.0, 3.0),
    **{f"{cause}_grace": 1.0 for cause in ("absent", "unready", "no_sim", "unregistered")},
    **{f"{cause}_pauses": (3.0,) for cause in ("absent", "unready", "no_sim", "unregistered", "not_leaving")},
}
"""Timings of an escalation with short waits."""


def start_hasty(line: Line, **more: float | Sequence[float]) -> None:
    """Start the daemon with short waits of the escalation; `port: auto` looks in the line's folder."""
    line.start({**HASTY, **more, "sysfs": str(line.folder / "usb/sys"), "dev": str(line.folder / "usb/dev")})


def answered(line: Line, count: int = 1) -> None:
    """Wait until this number of answers has left, and all is done."""
    wait_until(lambda: len(line.submitted()) >= count and line.settled(), "answers that left", SILENCE_SECONDS)


def steps(line: Line) -> list[str]:
    """Return the steps that are events, in order."""
    return [json.loads(detail)["step"] for (detail,) in line.rows("SELECT detail FROM events WHERE kind = 'recovery'")]


# ---- the order


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


def taken(
    escalation: Escalation, clock: Clock, trouble: ModemTrouble, seconds: int
) -> list[tuple[float, RecoveryStep]]:
    """Let a trouble last, and return the steps with their times since its beginning."""
    began, found = clock.seconds, []
    for _ in range(seconds):
        escalation.report(trouble)
        while step := escalation.next_step():
            found.append((clock.seconds - began, step))
            escalation.report(trouble)
        clock.seconds += 1
    return found


def test_silent_modem_gets_every_step_within_two_minutes() -> None:
    """It is reset about hourly afterwards."""
    clock = Clock()
    found = taken(Escalation(clock=clock), clock, ModemTrouble.SILENT, 3 * 3600)

    assert [step for _, step in found[: len(RecoveryStep)]] == list(RecoveryStep)
    assert found[len(RecoveryStep) - 1][0] < 120
    later = [at for at, step in found[len(RecoveryStep) :] if step is RecoveryStep.RESET]
    assert later
    assert all(second - first >= 3600 for first, second in itertools.pairwise(later))


# of texts that do not arrive each lost self-test asks for one step, and nothing escalates by itself
@pytest.mark.parametrize("trouble", sorted({*ModemTrouble} - {ModemTrouble.NOT_ARRIVING}))
def test_escalation_goes_on_for_ever_with_growing_pauses(trouble: ModemTrouble) -> None:
    """The modem is disturbed about hourly after six hours."""
    clock = Clock()
    found = taken(Escalation(clock=clock), clock, trouble, 24 * 3600)
    disturbing = [
        at for at, step in found if step in (RecoveryStep.RADIO, RecoveryStep.RESET, RecoveryStep.POWER_CYCLE)
    ]
    late = [at for at in disturbing if at > 6 * 3600]

    assert len(late) >= 12
    assert len(late) <= 40
    assert found[0][0] >= remedies(USUAL)[trouble].grace_seconds


def test_trouble_that_was_cleared_begins_at_the_first_rung() -> None:
    """Clearing another trouble changes nothing."""
    clock, escalation = Clock(), Escalation()
    escalation.clock = clock
    taken(escalation, clock, ModemTrouble.SILENT, 40)
    escalation.clear(ModemTrouble.UNREGISTERED)
    assert escalation.step is RecoveryStep.POWER_CYCLE
    escalation.clear(ModemTrouble.SILENT)
    assert escalation.step is None
    assert taken(escalation, clock, ModemTrouble.SILENT, 1)[0][1] is RecoveryStep.RESYNCHRONISE


def test_trouble_caused_by_a_step_does_not_reset_the_escalation() -> None:
    """After silence, the next steps against the first trouble follow."""
    clock, escalation = Clock(), Escalation()
    escalation.clock = clock
    found = []
    for _ in range(3600):
        escalation.report(ModemTrouble.UNREGISTERED)
        while step := escalation.next_step():
            found.append(step)
            assert escalation.report(ModemTrouble.SILENT)
            assert escalation.next_step() is RecoveryStep.RESYNCHRONISE
            escalation.clear(ModemTrouble.SILENT)
            assert escalation.trouble is ModemTrouble.UNREGISTERED
        clock.seconds += 1

    assert found[:4] == [RecoveryStep.RADIO, RecoveryStep.RESET, RecoveryStep.POWER_CYCLE, RecoveryStep.RESET]


def test_stick_that_stays_away_after_a_reset_is_power_cycled() -> None:
    """The lost port has an escalation of its own."""
    clock, escalation = Clock(), Escalation()
    escalation.clock = clock
    taken(escalation, clock, ModemTrouble.UNREGISTERED, 700)
    assert escalation.step is RecoveryStep.RESET

    assert [step for _, step in taken(escalation, clock, ModemTrouble.ABSENT, 200)] == [RecoveryStep.POWER_CYCLE]


def test_postponed_trouble_has_its_grace_time_again() -> None:
    """It goes on at the step where it was."""
    clock, escalation = Clock(), Escalation()
    escalation.clock = clock
    escalation.postpone(ModemTrouble.UNREGISTERED)
    taken(escalation, clock, ModemTrouble.UNREGISTERED, 301)
    clock.seconds += 86_400
    escalation.postpone(ModemTrouble.UNREGISTERED)

    [(after, step)] = taken(escalation, clock, ModemTrouble.UNREGISTERED, 302)
    assert (after, step) == (300, RecoveryStep.RESET)


def test_every_trouble_has_words_for_the_log() -> None:
    """Missing words would end the daemon at the first step."""
    assert {*IN_LOG} == {*ModemTrouble}
    assert all(" " in words for words in IN_LOG.values())


def test_rate_limit_allows_a_number_in_any_period() -> None:
    """The limit is two in any ten seconds."""
    clock = Clock()
    limit = RateLimit(2, 10.0, clock)
    given = []
    for _ in range(25):
        given += [clock.seconds - 1000] if limit.count_if_allowed() else []
        clock.seconds += 1

    assert given == [0, 1, 10, 11, 20, 21]


def test_silence_goes_before_every_other_trouble() -> None:
    """A modem silent during a network search is resynchronised first."""
    clock, escalation = Clock(), Escalation()
    escalation.clock = clock
    taken(escalation, clock, ModemTrouble.UNREGISTERED, 400)

    assert taken(escalation, clock, ModemTrouble.SILENT, 1)[0][1] is RecoveryStep.RESYNCHRONISE


# ---- the modem


@pytest.mark.parametrize("settings", [["+CNMI"], ["+CMGF", "+CNMI"], ["E"]], ids="-".join)
def test_lost_settings_are_restored_at_the_next_poll(line: Line, settings: list[str]) -> None:
    """The modem forgot them silently; no text is lost."""
    line.sim.do("forget", settings=["+CMGF"])
    line.start()
    line.wait_state("ready")
    line.sim.do("forget", settings=settings)
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line)
    wait_until(
        lambda: (
            (now := line.sim.do("state")["settings"])["+CNMI"][:2] == [2, 1] and now["+CMGF"] == [0] and now["E"] == [0]
        ),
        "settings that are back",
    )


@pytest.mark.parametrize("remedy", ["radio", "reset", "power"])
def test_escalation_reaches_the_step_that_helps(line: Line, remedy: str) -> None:
    """Listings fail until the radio, a reset or a power cycle."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("fault", kind="error", command="+CMGL", cms=313, until=remedy)
    line.sim.do("deliver", from_=NUMBER, text="un")
    if remedy == "power":
        wanted = line.folder / "run" / "main" / "power-cycle"
        wait_until(wanted.exists, "the wish for a power cycle")
        assert f"port={line.simulator.port}" in wanted.read_text()
        line.sim.do("power_cycle")
    answered(line)

    assert {"radio": "radio", "reset": "reset", "power": "power_cycle"}[remedy] in steps(line)
    line.wait_state("ready")
    assert line.status()["modem"]["step"] is None
    assert [text for (text,) in line.rows("SELECT text FROM contacts")] == ["un"]


@pytest.mark.parametrize("remedy", ["reset", "power"])
def test_dead_modem_is_reset_and_then_power_cycled(line: Line, remedy: str) -> None:
    """It answers no command."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("fault", kind="hang", until=remedy)
    line.sim.do("deliver", from_=NUMBER, text="un")
    if remedy == "power":
        wait_until((line.folder / "run" / "main" / "power-cycle").exists, "the wish for a power cycle", SILENCE_SECONDS)
        assert line.status()["modem"]["state"] == "recovering"
        line.sim.do("power_cycle")
    answered(line)

    assert "reset" in steps(line)


@pytest.mark.parametrize("make", ["generic", "quectel"])
def test_radio_restarts_after_a_long_time_without_registration(open_line: Open, make: str) -> None:
    """A stick that reports by +CEREG only is included."""
    line = open_line(make=make)
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("network", registered="searching")
    wait_until(lambda: "radio" in steps(line), "a radio that is restarted")
    line.sim.do("network", registered="home")
    line.wait_state("ready")
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line)


def test_modem_whose_answers_come_one_late_is_reset(line: Line) -> None:
    """No answer is taken for that of another command."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("fault", kind="one_late", until="reset")
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line)

    line.wait_state("ready")
    assert "reset" in steps(line)
    assert line.rows("SELECT text FROM contacts") == [("un",)]
    assert line.status()["modem"]["signal_percent"] == round(18 * 100 / 31)
    assert line.count("SELECT count(*) FROM events WHERE kind = 'modem_sim_changed'") == 0


def test_stick_that_disappears_at_each_use_is_power_cycled(line: Line) -> None:
    """A port is cured only once a listing has ended."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("fault", kind="hang", command="+CMGL")
    for _ in range(4):
        listed = line.sim.do("counters")["counters"]["+CMGL"]
        line.wait_for("+CMGL", listed + 1)
        line.sim.do("unplug")
        line.wait_state("absent")
        line.sim.do("replug")
    assert set(steps(line)) == {"power_cycle"}
    line.sim.do("clear", what="faults")
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line)
    line.wait_state("ready")
    assert line.status()["modem"]["step"] is None


READS_ALONG = """
import os, select, sys
port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
print("opened", flush=True)
while True:
    select.select([port], [], [])
    try:
        os.read(port, 4096)
    except BlockingIOError:
        pass
"""


def test_port_read_by_another_program_is_not_lost() -> None:
    """The program takes the bytes between our wait and our read."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = Port(os.ttyname(slave))
    with subprocess.Popen([sys.executable, "-c", READS_ALONG, port.name], stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout
            assert reader.stdout.readline()
            for _ in range(5_000):
                os.write(master, b"OK\r\n")
                port.read(0.001)
        finally:
            reader.kill()
    port.read(0)
    os.close(slave)
    os.close(master)
    with pytest.raises(PortLostError, match="hung up"):
        port.read(1.0)


def test_program_that_reads_the_port_is_named(line: Line) -> None:
    """The modem is not reset for it."""
    start_hasty(line)
    line.wait_state("ready")
    with subprocess.Popen([sys.executable, "-c", READS_ALONG, line.simulator.port], stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout
            assert reader.stdout.readline()
            wait_until(lambda: line.status()["modem"]["state"] == "busy_port", "a busy port", SILENCE_SECONDS)
            assert f"(process {reader.pid})" in line.trouble()
        finally:
            reader.kill()
    line.wait_state("ready")
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line)

    assert steps(line) == []


def test_radio_restarts_when_registered_submissions_get_no_result(line: Line) -> None:
    """The modem says that it is registered."""
    line.configure(modem={"send_timeout": "1s"})
    start_hasty(line, trial_after=(5.0,))
    line.wait_state("ready")
    line.sim.do("fault", kind="error_after_submit", until="radio", cms=500)
    for count in range(3):
        line.sim.do("deliver", from_=f"+3247000000{count}", text=f"texte {count}")
    wait_until(lambda: steps(line) == ["radio"], "a radio that is restarted")
    wait_until(line.settled, "all done")
    before = len(line.submitted())
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line, before + 1)

    states = [state for (state,) in line.rows("SELECT state FROM answers ORDER BY id")]
    assert states == ["unconfirmed"] * 3 + ["sent"]


def test_modem_is_not_ready_before_a_listing_succeeds(line: Line) -> None:
    """It is recovering through every step, and the events agree."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("fault", kind="error", command="+CMGL", cms=313)
    wait_until(lambda: "power_cycle" in steps(line), "every step", SILENCE_SECONDS)
    modem = line.status()["modem"]
    assert modem["step"] in [step.value for step in RecoveryStep]
    assert modem["steps"] >= list(RecoveryStep).index(RecoveryStep.POWER_CYCLE) + 1
    assert modem["since"]
    states = "SELECT kind FROM events WHERE kind LIKE 'modem_%' ORDER BY id"
    assert [kind for (kind,) in line.rows(states)] == ["modem_starting", "modem_ready", "modem_recovering"]
    line.sim.do("clear", what="faults")
    line.wait_state("ready")


def test_stick_that_comes_and_goes_writes_few_events(line: Line) -> None:
    """The state that lasts is recorded in the end."""
    start_hasty(line)
    line.wait_state("ready")
    for _ in range(6):
        line.sim.do("unplug")
        line.wait_state("absent")
        line.sim.do("replug")
        line.wait_state("ready")
    states = "SELECT kind FROM events WHERE kind IN ('modem_ready', 'modem_absent') ORDER BY id"
    assert len(line.rows(states)) < 13
    line.sim.do("unplug")
    wait_until(lambda: line.rows(states)[-1] == ("modem_absent",), "the state that lasts")


def test_busy_storage_is_listed_again(open_line: Open) -> None:
    """Until then `status` names it; texts that came to it meanwhile are found."""
    line = open_line(me_size=5)
    for after in (0, 1, 1):  # the listings of SM: ME is listed after the first
        line.sim.do("fault", kind="error", command="+CMGL", cms=314, count=1, after=after)
    start_hasty(line)
    wait_until(lambda: "SM cannot be listed" in line.log_path.read_text(), "a storage that is put off")
    wait_until(lambda: "does not let it be read (+CMS ERROR: 314)" in line.trouble(), "the storage as trouble")
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line)
    wait_until(lambda: line.trouble() == "", "no trouble")


def test_port_that_takes_no_bytes_counts_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write ends after a time limit."""
    monkeypatch.setattr(port_module, "WRITE_TIMEOUT_SECONDS", 0.2)
    master, slave = pty.openpty()
    port = Port(os.ttyname(slave))
    try:
        with pytest.raises(PortLostError, match="went away"):
            port.write(b"AT\r" * 100_000)
    finally:
        port.close()
        os.close(slave)
        os.close(master)


def test_radio_that_was_off_is_switched_on_at_the_start(line: Line) -> None:
    """Another program or an interrupted restart may leave it off.

    The daemon does not wait five minutes for it.
    """
    port = Port(line.simulator.port)
    modem = Modem(port, lambda _deadline: None)
    modem.begin()
    modem.exchange.require("AT+CFUN=4")
    port.close()
    line.start()
    line.wait_state("ready")


def test_reload_with_another_port_resets_the_escalation(tmp_path: Path) -> None:
    """The escalation has reached a reset of the silent modem."""
    (tmp_path / "other").mkdir()
    with (
        simulated.start(tmp_path) as simulator,
        simulated.start(tmp_path / "other") as other,
        Line(tmp_path, simulator) as line,
    ):
        start_hasty(line)
        line.wait_state("ready")
        line.sim.do("fault", kind="hang")
        wait_until(lambda: "reset" in steps(line), "a step", SILENCE_SECONDS)
        line.configure(modem={"port": other.port})
        assert line.daemon
        line.daemon.send_signal(signal.SIGHUP)
        line.wait_state("ready")
        assert line.status()["modem"]["port"] == other.port
        assert (line.status()["modem"]["step"], line.status()["modem"]["steps"]) == (None, 0)


@pytest.mark.parametrize("state", ["connecting", "ussd", "rung"])
def test_stop_works_in_any_state(line: Line, state: str) -> None:
    """SIGTERM ends the daemon, whatever it waits for; a question to the network is not waited for."""
    if state == "ussd":
        line.sim.do("ussd", code="*121#", kind="silence")
        line.configure(credit={"ussd": "*121#"})
    if state == "connecting":
        line.sim.do("fault", kind="hang")
    start_hasty(line)
    if state == "rung":
        line.wait_state("ready")
        line.sim.do("fault", kind="hang")
        line.wait_state("recovering")
    if state == "ussd":
        line.wait_for("+CUSD")
    wait_until(lambda: line.sim.do("state")["octets_in"], "a daemon that runs")

    assert line.stop() == 0
    assert line.sim.do("counters")["counters"].get("+CUSD", 0) == (state == "ussd")  # a second one ends its long wait


# ---- stick and SIM


def plug(line: Line, *ports: str) -> None:
    """Plug adapters in at these ports, the first at ttyUSB0."""
    root = line.folder / "usb"
    shutil.rmtree(root, ignore_errors=True)
    build(
        root,
        [Plugged(f"1-1.{n}", "1a86:7523", (f"00 ff/01/02 ch341-uart ttyUSB{n}",)) for n in range(len(ports))],
    )
    for n, port in enumerate(ports):
        (root / f"dev/ttyUSB{n}").unlink()
        (root / f"dev/ttyUSB{n}").symlink_to(port)


def test_stick_of_another_line_is_left_alone(tmp_path: Path) -> None:
    """It is named, not emptied, not held, with `port: auto`.

    The line's own stick is found.
    """
    (tmp_path / "other").mkdir()
    with (
        simulated.start(tmp_path) as simulator,
        simulated.start(tmp_path / "other", imei="490154203237518", imsi="206019999999999") as other,
        Line(tmp_path, simulator) as line,
    ):
        line.configure(modem={"port": "auto"})
        plug(line, simulator.port)
        start_hasty(line)
        line.wait_state("ready")
        plug(line, other.port)
        other.client.do("deliver", from_=NUMBER, text="to the other line")
        line.sim.do("unplug")
        line.wait_state("sim_changed")
        assert "another line's" in line.trouble()
        Port(other.port).close()  # raises if it is held
        assert other.client.do("state")["storages"]["SM"]["used"] == 1
        line.sim.do("replug")
        plug(line, other.port, simulator.port)
        line.wait_state("ready")
        line.sim.do("deliver", from_=NUMBER, text="to this one")
        answered(line)
        assert line.rows("SELECT text FROM contacts") == [("to this one",)]

        line.sim.do("unplug")
        plug(line, other.port)
        line.wait_state("sim_changed")
        assert "another SIM" in line.cli("sim", "adopt")
        line.wait_state("ready")
        wait_until(lambda: len(line.rows("SELECT text FROM contacts")) == 2, "the text that waited there")


def test_line_beside_others_needs_its_stick_named_once(tmp_path: Path) -> None:
    """It takes only that stick afterwards, or its SIM."""
    (tmp_path / "other").mkdir()
    with (
        simulated.start(tmp_path) as simulator,
        simulated.start(tmp_path / "other", imei="490154203237518", imsi="206019999999999") as other,
        Line(tmp_path, simulator) as line,
    ):
        line.config.with_name("nl.yaml").write_text("nobody reads it")
        line.configure(modem={"port": "auto"})
        plug(line, simulator.port, other.port)
        start_hasty(line)
        line.wait_state("absent")
        wait_until(lambda: "has no stick yet" in line.trouble(), "the trouble")
        assert "(nl)" in line.trouble()
        assert "ttyUSB" in line.trouble()
        assert "modem.port" in line.trouble()
        assert not simulator.client.do("counters")["counters"]
        assert not other.client.do("counters")["counters"]

        line.reload(modem={"port": simulator.port})
        line.wait_state("ready")
        plug(line, other.port, simulator.port)
        line.reload(modem={"port": "auto"})
        line.wait_state("ready")

        other.client.do("deliver", from_=NUMBER, text="to the other line")
        line.sim.do("unplug")
        plug(line, other.port)
        line.wait_state("absent")
        wait_until(lambda: "is not here" in line.trouble(), "the trouble")
        assert other.client.do("state")["storages"]["SM"]["used"] == 1
        Port(other.port).close()  # raises if it is held
        line.sim.do("replug")
        plug(line, other.port, simulator.port)
        line.wait_state("ready")


def test_stick_in_cd_mode_is_named_with_a_cure(line: Line) -> None:
    """It is used with `port: auto` once it has a port."""
    line.configure(modem={"port": "auto"})
    rules = line.folder / "usb/usr/lib/udev/rules.d/40-usb_modeswitch.rules"
    rules.parent.mkdir(parents=True)
    rules.write_text('ATTR{idVendor}=="12d1", ATTR{idProduct}=="1446", RUN+="usb_modeswitch"\n')
    build(line.folder / "usb", [Plugged("1-1.2", "12d1:1446", ("00 08/06/50 usb-storage",))])
    start_hasty(line)
    line.wait_state("absent")
    assert "12d1:1446" in line.trouble()
    assert "plug it in again" in line.trouble()
    plug(line, line.simulator.port)
    line.wait_state("ready")


def test_swapped_sim_is_seen_before_a_segment_leaves(line: Line) -> None:
    """The modem did not announce the swap."""
    line.start()
    line.wait_state("ready")
    line.sim.do("forget", settings=list(REGISTERS))
    line.sim.do("sim", imsi="206019999999999", number="+32460999999")
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.wait_state("sim_changed")

    wait_until(lambda: line.rows("SELECT answer_waiting_for FROM log") == [("held",)], "an answer that waits")
    assert line.submitted() == []


def test_sim_swapped_between_two_segments_is_seen(line: Line) -> None:
    """The second segment stays: the IMSI is queried once per answer."""
    line.configure(modem={"send_timeout": "10m"}, answer={"text": "é" * 200})
    line.sim.do("fault", kind="no_result", count=1)
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(line.submitted, "the first segment at the network")
    line.sim.do("sim", absent=True)
    line.sim.do("sim", absent=False, imsi="206019999999999", number="+32460999999")
    line.sim.do("say", line="+CMGS: 1\r\n\r\nOK")
    line.wait_state("sim_changed")
    wait_until(lambda: line.rows("SELECT answer_waiting_for FROM log") == [("held",)], "an answer that waits")

    assert line.count("SELECT count(*) FROM answer_segments WHERE state = 'sent'") == 1
    assert line.sim.do("counters")["counters"]["+CMGS"] == 1


def test_refused_deletion_is_one_event(line: Line) -> None:
    """It stays one however often the stick is replugged."""
    line.sim.do("fault", kind="delete_refused")
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.start()
    wait_until(line.submitted, "an answer")
    for _ in range(2):
        line.sim.do("unplug")
        line.wait_state("absent")
        deleted = line.sim.do("counters")["counters"]["+CMGD"]
        line.sim.do("replug")
        line.wait_for("+CMGD", deleted + 1)

    assert line.count("SELECT count(*) FROM events WHERE kind = 'delete_refused'") == 1


def test_missing_network_is_a_trouble_with_a_cure(line: Line) -> None:
    """`status` says since when, and what to check."""
    line.sim.do("network", registered="searching")
    line.start()
    line.wait_state("unregistered")
    told = json.loads(line.cli("status", "--json", check=False))

    assert [each["code"] for each in told["trouble"]] == ["unregistered"]
    assert told["trouble"][0]["since"] == told["modem"]["since"]
    assert "Check the aerial" in line.cli("status", check=False)
    line.sim.do("network", registered="home")
    line.wait_state("ready")
    line.cli("status")


def test_texts_to_a_changed_sim_are_recorded_and_not_answered(line: Line) -> None:
    """Their reason is sim_changed, until `sim adopt`."""
    line.configure(answer={"delay": "1h"}, credit={"valid_for": "365d"})
    line.start()
    line.wait_state("ready")
    line.cli("sim", "topup")
    line.sim.do("deliver", from_=NUMBER, text="to the old one")
    wait_until(lambda: line.rows("SELECT 1 FROM answers"))
    line.sim.do("sim", absent=True)
    line.wait_state("sim_absent")
    line.sim.do("sim", absent=False, imsi="206019999999999", number="+32460999999")
    line.wait_state("sim_changed")
    line.sim.do("deliver", from_="+32470999999", text="to the new one")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE verdict IS NOT NULL") == 2)

    assert line.rows("SELECT reason FROM contacts ORDER BY id") == [("first_contact",), ("sim_changed",)]
    assert line.rows("SELECT state FROM answers") == [("queued",)]
    assert "adopt" in line.trouble()
    told = json.loads(line.cli("status", "--json", check=False))
    assert (told["sending"]["state"], told["sending"]["reason"], told["next_due_at"]) == ("held", "sim_changed", None)
    assert [each["code"] for each in told["trouble"]] == ["sim_changed"]
    assert line.rows("SELECT sim_changed_at, ready_limit FROM line_state") == [(told["sending"]["since"], None)]
    asked = json.loads(line.cli("show", "+32470777777", "--json"))["next"]
    assert (asked["answer"], asked["reason"], asked["in_seconds"]) == (False, "sim_changed", None)

    assert told["credit"]["valid_until"]
    assert "another SIM" in line.cli("sim", "adopt")
    line.wait_state("ready")
    assert set(json.loads(line.cli("status", "--json"))["credit"].values()) == {None}  # the new SIM was not topped up
    assert line.rows("SELECT own_number, sim_changed_at FROM line_state") == [("+32460999999", None)]
    assert line.rows("SELECT ready_limit IS NOT NULL FROM line_state") == [(1,)]
    line.configure(answer={"delay": "0s"})
    line.stop()
    line.start()
    line.sim.do("deliver", from_="+32470888888", text="to the new one, served")
    answered(line)
    assert line.rows("SELECT state, reason FROM answers WHERE contact_id = 1") == [("cancelled", "sim_changed")]
    assert [text["recipient"] for text in line.submitted()] == ["+32470888888"]


def test_old_sim_goes_on_with_its_waiting_answers(open_line: Open) -> None:
    """Another SIM in between sends none of them."""
    line = open_line()
    line.start()
    line.wait_state("ready")
    line.cli("pause")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows("SELECT 1 FROM answers"))
    line.sim.do("sim", imsi="206019999999999")
    line.sim.do("reset")
    line.wait_state("sim_changed")
    line.cli("resume")
    wait_until(lambda: line.rows("SELECT answer_waiting_for FROM log") == [("held",)], "an answer that waits")
    assert line.submitted() == []
    line.sim.do("sim", imsi="206012345678901")
    line.sim.do("reset")
    answered(line)


def test_sim_is_checked_whenever_the_network_is(line: Line) -> None:
    """A due answer does not leave from another number."""
    line.start()
    line.wait_state("ready")
    line.sim.do("network", registered="searching")
    line.wait_state("unregistered")
    line.sim.do("sim", imsi="206019999999999", number="+32460999999")
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.sim.do("network", registered="home")
    line.wait_state("sim_changed")

    wait_until(lambda: line.rows("SELECT 1 FROM contacts WHERE verdict IS NOT NULL"))
    assert line.submitted() == []


def test_same_sim_in_another_stick_needs_sim_adopt(tmp_path: Path) -> None:
    """Nothing else is needed."""
    with simulated.start(tmp_path) as simulator, Line(tmp_path, simulator) as line:
        line.start()
        line.wait_state("ready")
        line.stop()
    with simulated.start(tmp_path, imei="490154203237518") as simulator, Line(tmp_path, simulator) as line:
        line.start()
        line.wait_state("sim_changed")
        assert "another stick" in line.cli("sim", "adopt")
        line.sim.do("deliver", from_=NUMBER, text="un")
        answered(line)


def test_missing_service_centre_is_a_state_and_answers_wait(line: Line) -> None:
    """The trouble names the command that sets it."""
    line.sim.do("network", centre="")
    line.start()
    line.wait_state("no_service_centre")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows("SELECT answer_waiting_for FROM log") == [("network",)], "an answer that waits")
    assert "AT+CSCA=" in line.trouble()
    line.sim.do("network", centre="+32475161616")
    line.sim.do("say", line="+CREG: 1")
    answered(line)
    line.wait_state("ready")


def test_lost_service_centre_costs_no_answer(line: Line) -> None:
    """Answers wait until it is set again."""
    line.start({"trial_after": (20.0,), "retry_after": (20.0,)})
    line.wait_state("ready")
    line.sim.do("network", centre="")
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.wait_state("no_service_centre")
    line.sim.do("deliver", from_="+32470123457", text="deux")
    waiting = "SELECT answer_state, answer_reason, answer_waiting_for FROM log ORDER BY id"
    wait_until(
        lambda: line.rows(waiting) == [("queued", "cms_330", "network"), ("queued", None, "network")], "two that wait"
    )
    line.sim.do("network", centre="+32475161616")
    line.sim.do("say", line="+CREG: 1")
    answered(line)


def test_sim_adopt_without_a_change_does_nothing(line: Line) -> None:
    """The command says so."""
    line.start()
    line.wait_state("ready")

    assert "Nothing has changed" in line.cli("sim", "adopt")
