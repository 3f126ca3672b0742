"""The installed command `hotlined`: what root starts becomes the user of a line before Python starts."""

import subprocess
from pathlib import Path

import installed
import pytest
from installed import Installed

from hotlined.config import find
from hotlined.errors import ConfigError, UsageError

ROOT = Path(__file__).parents[2]
NAMES = ["main", "nl", "a", "1b_c", "a" * 22]
NO_NAMES = ["a" * 23, "_a", "a-b", "-a", "A", "é", "a.b", "a b", "a\nb", "../nl", "a/b", "*"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Give a machine with the lines main and nl."""
    machine = installed.make(tmp_path_factory.mktemp("machine"))
    for name in ("main", "nl"):
        assert machine.run("hotlined-setup", "add", name).returncode == 0
    return machine


def user_of(machine: Installed, name: str) -> list[int]:
    """Return the ids of a user of the machine and its groups."""
    ids = machine.run("sh", "-c", f"id -u {name}; id -g {name}; id -G {name}").stdout.split()
    return [int(each) for each in ids]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["status"], "main"),
        ([], "main"),
        (["--line", "nl", "status"], "nl"),
        (["--line=nl"], "nl"),
        (["--version", "--line", "nl"], "nl"),
        (["--line", "main", "--line", "nl", "log"], "nl"),  # as Python reads it
        (["log", "--line", "nl"], "main"),
        (["show", "--config", "x"], "main"),
        (["send", "+32470123456", "$(id) `id` 'x' \"y\"\n; z"], "main"),
    ],
)
def test_root_becomes_the_user_of_the_line(machine: Installed, words: list[str], line: str) -> None:
    """Only options before the first word are looked at; all words reach the program as they were typed."""
    found = machine.said("hotlined", *words)
    uid, gid, *groups = user_of(machine, f"hotlined-{line}")

    assert found["words"] == words
    assert found["ids"] == [uid] * 3 + [user_of(machine, "nobody")[1], gid, gid]
    assert set(found["groups"]) == set(groups)
    assert int(found["inheritable"], 16) == 0
    assert found["cwd"] == "/"
    assert found["flags"] == [1]  # python3 -I


def test_no_program_of_the_line_reaches_into_what_root_started(machine: Installed) -> None:
    """What somebody has taken over in its sandbox would have a network and the person's terminal that way."""
    assert not machine.said("hotlined")["is_reached"]


def test_what_is_kept_of_the_environment(machine: Installed) -> None:
    """Who typed it and how the answer looks is kept, whatever it is; what would lead Python or the program is not."""
    kept = {"SUDO_UID": "1000", "PKEXEC_UID": "1001", "TZ": "Europe/Brussels", "LANG": "fr_BE.UTF-8", "NO_COLOR": ""}
    kept["TERM"] = "x $(id)\n'"
    lost = {"PYTHONPATH": "/srv", "LD_PRELOAD": "", "HOTLINED_DEBUG": "1", "HOME": "/root", "SUDO_USER": "x"}
    found = machine.said("hotlined", **kept, **lost)["environment"]

    found.pop("LC_CTYPE", None)  # Python's own (PEP 538)
    assert found == kept | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOTLINED_FOR_ROOT": "1"}


@pytest.mark.parametrize(
    "words", [["--config", "/srv/x.yaml", "status"], ["--config=x.yaml"], ["--line", "nl", "--config", "x"]]
)
def test_root_names_no_file(machine: Installed, words: list[str]) -> None:
    """--config and HOTLINED_CONFIG are refused with what to type."""
    for done in (machine.run("hotlined", *words), machine.run("hotlined", HOTLINED_CONFIG="/srv/x.yaml")):
        assert (done.returncode, done.stdout) == (2, "")
        assert "sudo hotlined --line NAME" in done.stderr


@pytest.mark.parametrize("name", [*NAMES, *NO_NAMES])
def test_there_is_one_rule_for_names(machine: Installed, name: str) -> None:
    """What may be a line's name for the program is one for its command and for hotlined-setup, and nothing else."""
    ours = True
    try:
        find(None, name, {})
    except UsageError:
        ours = False
    except ConfigError:
        pass  # a name, of no line
    command = machine.run("hotlined", f"--line={name}")
    setup = machine.run("hotlined-setup", "--dry-run", "web", "--", name)

    assert ("is not the name of a line" in command.stderr) is not ours
    assert ("is not the name of a line" in setup.stderr) is not ours
    assert command.returncode == (0 if name in ("main", "nl") else 2)


def test_a_line_that_is_not_there_is_named(machine: Installed) -> None:
    """No user is made up, and no other line's is taken."""
    done = machine.run("hotlined", "--line", "de", "status")

    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no line de here. Lines are: main nl" in done.stderr


def test_without_a_line_it_is_nobody(tmp_path: Path) -> None:
    """Help is shown where nothing is installed; the only line is meant where there is no first one."""
    machine = installed.make(tmp_path)
    assert machine.said("hotlined", "--help")["ids"][0] == user_of(machine, "nobody")[0]
    machine.run("hotlined-setup", "add", "nl")
    assert machine.said("hotlined")["ids"][0] == user_of(machine, "hotlined-nl")[0]
    machine.run("hotlined-setup", "add", "de")
    assert machine.said("hotlined")["ids"][0] == user_of(machine, "nobody")[0]
    for name in ("nl", "de"):
        machine.path(f"etc/hotlined/{name}.yaml").unlink()
    machine.put("etc/hotlined/$(id).yaml", "")
    assert machine.said("hotlined")["ids"][0] == user_of(machine, "nobody")[0]


def test_everybody_else_stays_who_he_is(machine: Installed) -> None:
    """An ordinary user's command is Python's at once, with all that was said and set."""
    words = ["--config", "x", "status"]
    found = machine.said("hotlined", *words, user="daemon", HOTLINED_CONFIG="y", TERM="z")

    assert set(found["ids"]) == {1}
    assert found["words"] == words
    assert found["environment"].items() >= {"HOTLINED_CONFIG": "y", "TERM": "z"}.items()
    assert "HOTLINED_FOR_ROOT" not in found["environment"]


def test_it_is_a_plain_shell_script() -> None:
    """Dash runs it, and it names no folder that a line's user writes."""
    script = ROOT / "debian/hotlined"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert "/var/" not in script.read_text()
