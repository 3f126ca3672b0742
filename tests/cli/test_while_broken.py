"""Commands while config.yaml is broken: they go by what a living daemon has; without one each ends with 78."""

import json
import shlex
import signal
from pathlib import Path

import pytest
from conftest import Line, wait_until
from desk import Desk
from filled import KEVIN, LEA, Filled
from promised import begin, run, told
from running import CliRunner

from hotlined.cli import COMMANDS, main
from hotlined.cli.settings import WHILE_BROKEN

QUOTES = "answer:\n  text: 'C'est non'\n"  # not YAML at all
UNKNOWN_KEY = "mod: live\n"

# one command line for each command that works, about contact 1, Kevin's
TYPED = (
    "status", "alerts --dry-run", "metrics", "log", "show 1", "show NUMBER", "export NUMBER", "evidence 1", "numbers",
    "stats", "limits", "pause", "resume", "cancel 1", "requeue 1", "block NUMBER", "unblock NUMBER",
    "unblock --opted-out NUMBER", "tag 1 apology", "tag 1 apology --remove", "keep 1", "db check", "db backup -",
)  # fmt: skip


def test_every_promised_command_is_tried() -> None:
    """The promised commands are exactly those of this file."""
    # `review` needs a terminal; `web` does not end, test_desk.py tries that; `doctor` has a test of its own
    assert {line.split()[0] for line in TYPED} == WHILE_BROKEN - {"review", "web", "doctor"}
    assert {name for names in COMMANDS.values() for name in names} >= WHILE_BROKEN


# ---- beside a daemon


def test_a_flood_can_be_stopped_with_a_broken_file(line: Line) -> None:
    """The daemon's database, country and limits count meanwhile."""
    line.configure(
        numbers={"country": "FR"},
        limits={"segments": {"hour": 7}},
        answer={"delay": "1h"},
        privacy={"keep_texts": "9d"},
        alerts={"sms_to": "+33612345679"},
    )
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=LEA, text="t'es où ?")
    wait_until(lambda: line.count("SELECT count(*) FROM answers"), "the answer is queued")
    line.config.write_text(QUOTES.replace("answer:", f"runtime_dir: {line.folder / 'run'}\nanswer:"))

    for typed in TYPED:
        words = [word.replace("NUMBER", "0612345678") for word in shlex.split(typed)]
        done = CliRunner().invoke(main, ["--config", str(line.config), *words])
        assert done.exit_code == (69 if typed == "status" else 0), f"{typed}: {done.output}"
        assert "the running daemon keeps the configuration that it has" in done.stderr
    assert told(line, "limits")["windows"]["hour"]["limit"] == 7
    assert json.loads(line.cli("show", "0612345678", "--json"))["number"] == LEA
    assert line.status()["in_force"].count("keep_texts: 9d") == 1
    for waits in ("config check", "config show", "text check", f"forget {LEA} --yes", "purge"):
        assert run(line, *waits.split())[0] == 78


def test_another_lines_daemon_is_not_taken_for_this_ones(line: Line, tmp_path: Path) -> None:
    """Its configuration has the same name and the same runtime folder, and is another file."""
    line.start()
    line.wait_state("ready")
    config = tmp_path / "elsewhere" / "main.yaml"
    config.parent.mkdir()
    config.write_text(json.dumps(line.settings | {"mod": "live"}))

    assert CliRunner().invoke(main, ["--config", str(config), "pause"]).exit_code == 78


def test_a_broken_configuration_is_trouble(line: Line) -> None:
    """`status` has its beginning and cure; a refused reload stays trouble."""
    line.start()
    line.wait_state("ready")
    sound = line.config.read_text()
    line.config.write_text(f'{{"mod": "live", {sound[1:]}')
    (broken,) = told(line, "status")["trouble"]
    assert (run(line, "status")[0], broken["code"]) == (69, "config_broken")
    assert broken["since"]
    assert "cannot be used: one problem; the daemon keeps the configuration that it has." in broken["words"]
    assert "`hotlined config check` names the lines" in broken["cure"]

    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: line.status()["trouble"], "the refusal")
    assert [each["code"] for each in told(line, "status")["trouble"]] == ["config_broken"]
    line.config.write_text(sound)
    assert [each["code"] for each in told(line, "status")["trouble"]] == ["config_refused"]
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: not line.status()["trouble"], "the configuration is taken")


def test_doctor_checks_what_is_in_force(line: Line) -> None:
    """One check fails, that of the file; the others go by what the daemon has."""
    begin(line)
    line.configure(mod="live")
    found = {each["check"]: each for each in map(json.loads, line.run("doctor", "--json").stdout.splitlines())}

    assert found["configuration"]["seen"] == f"{line.config} cannot be used: one problem"
    assert "config check" in found["configuration"]["cure"]
    assert (found["daemon"]["verdict"], found["budgets"]["verdict"]) == ("ok", "ok")
    assert "there is no configuration" not in {each["seen"] for each in found.values()}


def test_an_unreadable_file_has_another_cure_than_mistakes(line: Line) -> None:
    """Looking at its lines would not help."""
    line.start()
    line.wait_state("ready")
    line.config.rename(line.folder / "away")
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: line.status()["trouble"], "the refusal")

    assert "main.yaml cannot be read: No such file or directory. See that it exists, and that this" in line.trouble()


def test_the_desk_goes_on_with_what_is_in_force(line: Line) -> None:
    """It names the mistake; once the daemon is gone, each page says why nothing is in force."""
    line.configure(limits={"segments": {"hour": 7}})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=KEVIN, text="Salut")
    wait_until(line.settled)
    line.config.write_text(json.dumps(line.settings | {"mod": "live", "limits": {"segments": {"hour": 8}}}))
    with Desk(line.config) as desk:
        browser = desk.browser()
        words = browser.get("/").words
        assert f"{line.config} cannot be used: one problem" in words
        assert "hour17" in words
        assert KEVIN in browser.get("/log").words
        assert "has paused the line" in browser.act("/act/pause").words
        line.end()
        gone = browser.get("/")
        assert (gone.status, browser.get("/healthz").status) == (503, 503)
        assert f"{line.config} cannot be used: one problem" in gone.words


def test_the_desk_names_what_stops_the_line(line: Line) -> None:
    """A broken file stops nothing, so the band does not blame it for what another SIM stops."""
    begin(line)
    line.sim.do("sim", absent=True)
    line.wait_state("sim_absent")
    line.sim.do("sim", absent=False, imsi="206019999999999", number="+32460999999")
    line.wait_state("sim_changed")
    line.configure(mod="live")
    with Desk(line.config) as desk:
        words = desk.browser().get("/").words

    assert "The line does not answer. Another stick or SIM is in" in words


def test_a_removed_person_does_not_come_back_with_a_mistake(line: Line) -> None:
    """The daemon's older list never counts: until the mistake is corrected, the proxy lets nobody in."""
    line.configure(web={"people": {"anna": "admin", "rosa": "reader"}})
    line.start()
    line.wait_state("ready")
    line.configure(web={"people": {"rosa": "reader"}})
    with Desk(line.config) as desk:
        assert [desk.proxied(name).get("/").status for name in ("anna", "rosa")] == [403, 200]
    line.configure(mod="live")
    with Desk(line.config) as desk:
        assert [desk.proxied(name).get("/").status for name in ("anna", "rosa")] == [403, 403]


def test_a_refused_reload_changes_nothing(line: Line) -> None:
    """The status still shows the configuration that the daemon obeys."""
    line.configure(limits={"segments": {"hour": 7}})
    line.start()
    line.wait_state("ready")
    line.config.write_text(f"runtime_dir: {line.folder / 'run'}\nlimits: {{segments: {{hour: many}}}}\n")
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "the old one stays" in line.log_path.read_text(), "the refusal")

    assert json.loads(line.cli("limits", "--json"))["windows"]["hour"]["limit"] == 7


def test_the_status_file_is_for_the_lines_group_alone(line: Line) -> None:
    """The file names blocked numbers."""
    line.start()
    line.wait_state("ready")

    assert (line.folder / "run" / "main" / "status.json").stat().st_mode & 0o777 == 0o640


# ---- without a daemon


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    """Give a line without a daemon: contact 1 is Kevin's, and its answer waits."""
    line = Filled(tmp_path, limits={"segments": {"hour": 7}})
    with line.db:
        line.judge(line.text())
    return line


@pytest.mark.parametrize("typed", [*TYPED, "config check", f"send --answer {KEVIN}", f"forget {KEVIN} --yes", "purge"])
def test_without_a_daemon_nothing_is_in_force(filled: Filled, typed: str) -> None:
    """Every command ends with 78, and names all mistakes."""
    filled.config.write_text(f"{UNKNOWN_KEY}answer: {{text: Non.}}\nlimits: {{per_number: many}}\n")
    result = filled.run(*typed.replace("NUMBER", KEVIN).split())

    assert (result.exit_code, result.stdout) == (78, "")
    assert "main.yaml:1: mod: unknown key" in result.stderr
    assert "main.yaml:3: limits.per_number: expected a whole number" in result.stderr


def test_a_missing_file_is_not_a_broken_one(tmp_path: Path) -> None:
    """A mistyped name is reported once, and leads to no database."""
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "nope.yaml"), "status"])

    assert result.exit_code == 78
    assert result.stderr.count("nope.yaml") == 1


def test_config_wins_over_line_and_says_so(filled: Filled) -> None:
    """A warning says that `--line` is ignored."""
    assert (
        "--line nl is not looked at"
        in CliRunner().invoke(main, ["--config", str(filled.config), "--line", "nl", "log"]).stderr
    )
