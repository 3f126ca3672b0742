"""Commands while config.yaml is broken: they use the daemon's configuration, or the sound parts of the file."""

import json
import re
import shlex
import signal
from pathlib import Path

import pytest
from conftest import Line, wait_until
from desk import Desk
from filled import KEVIN, LEA, Filled
from promised import run, told
from running import CliRunner

from hotlined import config as configuration
from hotlined.cli import COMMANDS, main
from hotlined.cli.settings import WHILE_BROKEN

QUOTES = "answer:\n  text: 'C'est non'\n"  # not YAML at all
UNKNOWN_KEY = "mod: live\n"

# one command line for each command that works, about contact 1, Kevin's
TYPED = (
    "status", "alerts --dry-run", "metrics", "log", "show 1", "show NUMBER", "export NUMBER", "numbers", "stats",
    "limits", "pause", "resume", "cancel 1", "requeue 1", "block NUMBER", "unblock NUMBER",
    "unblock --opted-out NUMBER", "tag 1 apology", "tag 1 apology --remove", "keep 1", "db check", "db backup -",
)  # fmt: skip


def test_every_promised_command_is_tried() -> None:
    """The promised commands are exactly those of this file."""
    # `review` needs a terminal, and `web` does not end: test_desk.py tries that
    assert {line.split()[0] for line in TYPED} == WHILE_BROKEN - {"review", "web"}
    assert {name for names in COMMANDS.values() for name in names} >= WHILE_BROKEN


# ---- beside a daemon


def test_a_flood_can_be_stopped_with_a_broken_file(line: Line) -> None:
    """The daemon's database, country and limits count meanwhile."""
    line.configure(
        numbers={"country": "FR"},
        limits={"segments": {"hour": 7}},
        answer={"delay": "1h"},
        privacy={"keep_texts": "9d"},
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
    assert run(line, "config", "check")[0] == 78


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


def test_an_unreadable_file_has_another_cure_than_mistakes(line: Line) -> None:
    """Looking at its lines would not help."""
    line.start()
    line.wait_state("ready")
    line.config.rename(line.folder / "away")
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: line.status()["trouble"], "the refusal")

    assert "main.yaml cannot be read: No such file or directory. See that it exists, and that this" in line.trouble()


def test_a_removed_person_does_not_come_back_with_a_mistake(line: Line) -> None:
    """The daemon's older list never counts: the proxy lets nobody in."""
    line.configure(web={"people": {"anna": "admin", "rosa": "reader"}})
    line.start()
    line.wait_state("ready")
    line.configure(web={"people": {"rosa": "reader"}}, mod="live")
    with Desk(line.config) as desk:
        assert [desk.proxied(name).get("/").status for name in ("anna", "rosa")] == [403, 200]
    line.config.write_text(QUOTES.replace("answer:", f"runtime_dir: {line.folder / 'run'}\nanswer:"))
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


@pytest.mark.parametrize("mistake", [UNKNOWN_KEY, QUOTES], ids=["unknown key", "no YAML"])
def test_without_a_daemon_the_sound_keys_count(filled: Filled, mistake: str) -> None:
    """Every command uses them, and says so."""
    text = 'answer: {text: "Non."}\n' if mistake == UNKNOWN_KEY else ""
    filled.config.write_text(f"{mistake}{text}database: hotlined.db\nruntime_dir: run\n")
    for typed in TYPED:
        words = [word.replace("NUMBER", KEVIN) for word in shlex.split(typed)]
        result = filled.run(*words)
        assert result.exit_code == (69 if typed == "status" else 0), f"{typed}: {result.output}"
        assert "No daemon runs, so nobody knows what is in force." in result.stderr
        assert result.stderr.count("Warning: ") == 1


@pytest.mark.parametrize("typed", ["block {}", "unblock {}", "unblock --opted-out {}", "show {}", "log --number {}"])
def test_without_a_daemon_a_number_needs_its_plus(filled: Filled, typed: str) -> None:
    """The broken file may have the wrong country."""
    filled.config.write_text(f"{UNKNOWN_KEY}answer: {{text: Non}}\ndatabase: hotlined.db\n")
    for national in ("0470123456", "0032470123456"):
        result = filled.run(*typed.format(national).split())
        assert result.exit_code == 2, result.output
        assert f"Nobody can say in which country '{national}' is dialled." in result.stderr
    assert filled.run(*typed.format(KEVIN).split()).exit_code == 0


def test_limits_name_an_unreadable_limit(filled: Filled) -> None:
    """The other limits are the file's."""
    filled.config.write_text(
        "answer: {text: Non}\ndatabase: hotlined.db\nlimits: {segments: {hour: many, day: 30}}\n"
        "modem: {send_intervall: 3s}\n"
    )
    result = filled.run("limits", "--json")

    assert "Not known, and shown with their defaults: modem.send_interval, limits.segments.hour." in result.stderr
    found = json.loads(result.stdout)
    assert [found["windows"][name]["limit"] for name in ("hour", "day")] == [None, 30]
    assert (found["worst"], found["unknown"]) == ({}, ["modem.send_interval", "limits.segments.hour"])
    said = filled.run("limits").stdout
    assert re.search(r"^hour +0 +\? +\? +\? +\?$", said, re.MULTILINE)
    assert "is not known: modem.send_interval, limits.segments.hour cannot be read." in " ".join(said.split())
    filled.config.write_text("limits:\n  segments: {hour: 'a'b'}\ndatabase: hotlined.db\nanswer: {text: Non}\n")
    assert "shown with their defaults: limits. Write numbers" in filled.run("limits").stderr


def test_a_text_that_cannot_be_sent_has_no_preview(filled: Filled) -> None:
    """The text does not fit its encoding."""
    filled.config.write_text('answer: {text: "🙂", encoding: gsm7}\ndatabase: hotlined.db\n')
    result = filled.run("show", "1")

    assert result.exit_code == 0
    assert "answer.text" in result.stderr


@pytest.mark.parametrize(
    "typed", ["config check", "config show", f"send --answer {KEVIN}", f"forget {KEVIN} --yes", "purge"]
)
def test_the_others_wait_until_it_is_corrected(filled: Filled, typed: str) -> None:
    """Commands that erase, send or judge the configuration need a sound one."""
    filled.config.write_text(UNKNOWN_KEY)

    assert filled.run(*typed.split()).exit_code == 78


def test_a_first_configuration_has_its_problems_listed(tmp_path: Path) -> None:
    """Neither daemon nor database is there before the first start."""
    (tmp_path / "main.yaml").write_text(f"{UNKNOWN_KEY}database: none.db\n")
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "main.yaml"), "status"])

    assert result.exit_code == 78
    assert "main.yaml:1: mod: unknown key" in result.stderr


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


def test_another_line_is_never_taken_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line has its own default database."""
    monkeypatch.chdir(tmp_path)
    for name in ("main", "nl"):
        path = Path(f"{name}.yaml")
        path.write_text("answer: {text: Non}\ndatabase: {x: 1}\nruntime_dir: run\n")
        assert configuration.salvage(path).config.database == Path(f"/var/lib/hotlined-{name}/hotlined.db")
        done = CliRunner().invoke(main, ["--config", str(path), "pause"])
        assert done.exit_code == 78, done.stderr
