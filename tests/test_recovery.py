"""The ladder: what is done, in which order, about a modem that does not do its work; and another SIM in the stick."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Line, wait_until

from hotlined.daemon.recovery import WAYS, Cause, Ladder, Step
from hotlined.simulator import client as simulation

NUMBER = "+32470123456"
SILENCE_SECONDS = 120.0  # what it may take against a modem that answers nothing: it is given time to, at each rung
HASTY = """
import dataclasses
from hotlined.daemon import recovery
for cause, way in recovery.WAYS.items():
    patience, pauses = min(way.patience, 1.0), tuple(min(pause, 3.0) for pause in way.pauses)
    recovery.WAYS[cause] = dataclasses.replace(way, patience=patience, pauses=pauses)
from hotlined.cli import main
main()
"""
"""The daemon as it is, with a ladder whose times are seconds instead of minutes."""


def start_hasty(line: Line) -> None:
    """Start the daemon with a ladder that does not wait long."""
    line.configure()
    with line.log_path.open("ab") as output:
        line.daemon = subprocess.Popen(
            [sys.executable, "-c", HASTY, "--config", str(line.config), "run"], stdout=output, stderr=output
        )


def answered(line: Line, count: int = 1) -> None:
    """Wait until so many answers have left, and all is done."""
    wait_until(lambda: len(line.submitted()) >= count and line.settled(), "answers that left", SILENCE_SECONDS)


def steps(line: Line) -> list[str]:
    """Return the rungs that are events, in order."""
    return [detail.split(":")[0] for (detail,) in line.rows("SELECT detail FROM events WHERE kind = 'recovery'")]


# ---- the order


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


def climbed(ladder: Ladder, clock: Clock, cause: Cause, seconds: int) -> list[tuple[float, Step]]:
    """Let a trouble last, and return the rungs with their times since it began."""
    began, found = clock.seconds, []
    for _ in range(seconds):
        ladder.slip(cause)
        while step := ladder.take():
            found.append((clock.seconds - began, step))
            ladder.slip(cause)
        clock.seconds += 1
    return found


def test_a_silent_modem_sees_every_rung_within_two_minutes() -> None:
    """Every rung has been tried before two minutes are over, in its order; then resets go on, an hour apart."""
    clock = Clock()
    found = climbed(Ladder(clock=clock), clock, Cause.SILENT, 3 * 3600)

    assert [step for _, step in found[: len(Step)]] == list(Step)
    assert found[len(Step) - 1][0] < 120
    later = [at for at, step in found[len(Step) :] if step is Step.RESET]
    assert later
    assert all(second - first >= 3600 for first, second in itertools.pairwise(later))


@pytest.mark.parametrize("cause", list(Cause))
def test_pauses_grow_and_no_way_ends(cause: Cause) -> None:
    """A trouble that stays is never given up, and disturbs the modem no more than about hourly after some hours."""
    clock = Clock()
    found = climbed(Ladder(clock=clock), clock, cause, 24 * 3600)
    disturbing = [at for at, step in found if step in (Step.RADIO, Step.RESET, Step.POWER_CYCLE)]
    late = [at for at in disturbing if at > 6 * 3600]

    assert len(late) >= 12
    assert len(late) <= 40
    assert found[0][0] >= WAYS[cause].patience


def test_what_holds_begins_at_the_first_rung_when_it_fails_again() -> None:
    """Once a trouble's sign of health was seen, its ladder begins anew; that of another changes nothing."""
    clock, ladder = Clock(), Ladder()
    ladder.clock = clock
    climbed(ladder, clock, Cause.SILENT, 40)
    ladder.hold(Cause.UNREGISTERED)
    assert ladder.step is Step.POWER_CYCLE
    ladder.hold(Cause.SILENT)
    assert ladder.step is None
    assert climbed(ladder, clock, Cause.SILENT, 1)[0][1] is Step.RESYNCHRONISE


def test_silence_goes_before_every_other_trouble() -> None:
    """A modem that stops answering while its network is looked for is brought back into step first."""
    clock, ladder = Clock(), Ladder()
    ladder.clock = clock
    climbed(ladder, clock, Cause.UNREGISTERED, 400)

    assert climbed(ladder, clock, Cause.SILENT, 1)[0][1] is Step.RESYNCHRONISE


# ---- the modem


@pytest.mark.parametrize("settings", [["+CNMI"], ["+CMGF", "+CNMI"], ["E"]], ids="-".join)
def test_lost_settings_are_seen_by_the_next_poll(line: Line, settings: list[str]) -> None:
    """Settings that the modem forgot without a word are set again before long, and nothing is lost."""
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
def test_a_modem_that_fails_until_something_helps_gets_that(line: Line, remedy: str) -> None:
    """Listings that fail until the radio, a reset or the power was off and on: the ladder comes to it by itself."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("fault", kind="error", command="+CMGL", until=remedy)
    line.sim.do("deliver", from_=NUMBER, text="un")
    if remedy == "power":
        wanted = line.folder / "run" / "fr.power-cycle"
        wait_until(wanted.exists, "the wish for a power cycle")
        assert f"port={line.simulator.port}" in wanted.read_text()
        line.sim.do("power_cycle")
    answered(line)

    assert {"radio": "radio", "reset": "reset", "power": "power_cycle"}[remedy] in steps(line)
    line.wait_state("ready")
    assert line.status()["modem"]["step"] is None
    assert [text for (text,) in line.rows("SELECT text FROM contacts")] == ["un"]


@pytest.mark.parametrize("remedy", ["reset", "power"])
def test_a_modem_that_is_dead_is_reset_then_loses_its_power(line: Line, remedy: str) -> None:
    """A modem that swallows every command is told to reset, and where that does not help, its power is asked for."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("fault", kind="hang", until=remedy)
    line.sim.do("deliver", from_=NUMBER, text="un")
    if remedy == "power":
        wait_until((line.folder / "run" / "fr.power-cycle").exists, "the wish for a power cycle", SILENCE_SECONDS)
        assert line.status()["modem"]["state"] == "recovering"
        line.sim.do("power_cycle")
    answered(line)

    assert "reset" in steps(line)


def test_a_modem_that_is_not_registered_for_long_has_its_radio_restarted(line: Line) -> None:
    """The network is looked for anew after a while, and receiving and sending go on when it is back."""
    start_hasty(line)
    line.wait_state("ready")
    line.sim.do("network", registered="searching")
    wait_until(lambda: "radio" in steps(line), "a radio that is restarted")
    line.sim.do("network", registered="home")
    line.wait_state("ready")
    line.sim.do("deliver", from_=NUMBER, text="un")
    answered(line)


def test_a_registration_that_lies_is_found_out(line: Line) -> None:
    """When several segments in a row get no result although the network has us, the radio is restarted."""
    line.configure(modem={"send_timeout": "1s"})
    start_hasty(line)
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


# ---- stick and SIM


def test_another_sim_is_recorded_from_and_not_answered_from_until_a_person_says_so(line: Line) -> None:
    """A SIM that was swapped while the daemon ran: texts are recorded as sim_changed; `adopt` goes on with it."""
    line.configure(answer={"delay": "1h"})
    line.start()
    line.wait_state("ready")
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
    assert "adopt" in line.status()["trouble"]

    assert "another SIM" in line.cli("adopt")
    line.wait_state("ready")
    line.configure(answer={"delay": "0s"})
    line.stop()
    line.start()
    line.sim.do("deliver", from_="+32470888888", text="to the new one, served")
    answered(line)
    assert line.rows("SELECT state, reason FROM answers WHERE contact_id = 1") == [("cancelled", "sim_changed")]
    assert [text["recipient"] for text in line.submitted()] == ["+32470888888"]


def test_the_old_sim_goes_on_where_it_was(tmp_path: Path) -> None:
    """A stick with another SIM sends nothing of what waits; with the old SIM back, what waited goes out."""
    with simulation.start(tmp_path) as simulator:
        line = Line(tmp_path, simulator)
        line.configure(answer={"delay": "3s"})
        line.start()
        line.wait_state("ready")
        line.sim.do("deliver", from_=NUMBER, text="un")
        wait_until(lambda: line.rows("SELECT 1 FROM answers"))
        line.sim.do("sim", imsi="206019999999999")
        line.sim.do("reset")
        line.wait_state("sim_changed")
        wait_until(lambda: line.rows("SELECT waiting_for FROM answers") == [("paused",)], "an answer that waits")
        assert line.submitted() == []
        line.sim.do("sim", imsi="206012345678901")
        line.sim.do("reset")
        answered(line)
        line.end()


def test_a_sim_that_changed_without_a_word_is_seen_before_anything_is_sent(line: Line) -> None:
    """Whenever the network is looked at the SIM is too: what is due then does not leave from another number."""
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


def test_another_stick_is_a_change_too(tmp_path: Path) -> None:
    """The same SIM in another stick is not served until a person says so; nothing else is needed."""
    with simulation.start(tmp_path) as simulator:
        line = Line(tmp_path, simulator)
        line.start()
        line.wait_state("ready")
        line.stop()
    with simulation.start(tmp_path, imei="490154203237518") as simulator:
        line.simulator, line.sim = simulator, simulator.client
        line.start()
        line.wait_state("sim_changed")
        assert "another stick" in line.cli("adopt")
        line.sim.do("deliver", from_=NUMBER, text="un")
        answered(line)
        line.end()


def test_a_sim_without_service_centre_is_a_state_and_answers_wait(line: Line) -> None:
    """Without a service centre nothing can leave: the state says so with the command, and ends when it is set."""
    line.sim.do("network", centre="")
    line.start()
    line.wait_state("no_service_centre")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows("SELECT waiting_for FROM answers") == [("network",)], "an answer that waits")
    assert "AT+CSCA=" in line.status()["trouble"]
    line.sim.do("network", centre="+32475161616")
    line.sim.do("say", line="+CREG: 1")
    answered(line)
    line.wait_state("ready")


def test_adopting_without_a_change_changes_nothing(line: Line) -> None:
    """`adopt` on the stick and SIM that are served already says so."""
    line.start()
    line.wait_state("ready")

    assert "nothing has changed" in line.cli("adopt")
