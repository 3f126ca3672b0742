"""The installed command `hotlined`: root becomes a line's user before Python starts."""

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
    """Return the IDs of a user of the machine and of its groups."""
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
        (["--line", "main", "--line", "nl", "log"], "nl"),  # the last one counts, as in Python
        (["log", "--line", "nl"], "main"),
        (["show", "--config", "x"], "main"),
        (["send", "+32470123456", "$(id) `id` 'x' \"y\"\n; z"], "main"),
    ],
)
def test_root_becomes_the_user_of_the_line(machine: Installed, words: list[str], line: str) -> None:
    """Only options before the first word choose the line.

    The program gets all words as they were typed.
    """
    found = machine.said("hotlined", *words)
    uid, gid, *groups = user_of(machine, f"hotlined-{line}")

    assert found["words"] == words
    assert found["ids"] == [uid] * 3 + [user_of(machine, "nobody")[1], gid, gid]
    assert set(found["groups"]) == set(groups)
    assert int(found["inheritable"], 16) == 0
    assert found["cwd"] == "/"
    assert found["flags"] == [1]  # python3 -I


def test_no_program_of_the_line_can_reach_roots_command(machine: Installed) -> None:
    """A compromised program uses neither the command's network nor its terminal."""
    assert not machine.said("hotlined")["is_reached"]


def test_only_harmless_environment_is_kept(machine: Installed) -> None:
    """Variables that steer Python or the program are removed.

    Those about the caller and the output are kept.
    """
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
    """Root's --config and HOTLINED_CONFIG are refused with the command to type."""
    for done in (machine.run("hotlined", *words), machine.run("hotlined", HOTLINED_CONFIG="/srv/x.yaml")):
        assert (done.returncode, done.stdout) == (2, "")
        assert "sudo hotlined --line NAME" in done.stderr


@pytest.mark.parametrize("name", [*NAMES, *NO_NAMES])
def test_one_rule_holds_for_names_of_lines(machine: Installed, name: str) -> None:
    """The program, its command and hotlined-setup accept the same names."""
    ours = True
    try:
        find(None, name, {})
    except UsageError:
        ours = False
    except ConfigError:
        pass  # a valid name without a line
    command = machine.run("hotlined", f"--line={name}")
    setup = machine.run("hotlined-setup", "--dry-run", "web", "--", name)

    assert ("is not the name of a line" in command.stderr) is not ours
    assert ("is not the name of a line" in setup.stderr) is not ours
    assert command.returncode == (0 if name in ("main", "nl") else 2)


def test_an_unknown_line_is_named(machine: Installed) -> None:
    """Root never becomes an unknown user, or that of another line."""
    done = machine.run("hotlined", "--line", "de", "status")

    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no line de here. Lines are: main nl" in done.stderr


def test_without_a_line_root_becomes_nobody(tmp_path: Path) -> None:
    """The help is readable; a single line serves under any name."""
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


def test_other_users_stay_themselves(machine: Installed) -> None:
    """An ordinary user's command starts Python with unchanged words and environment."""
    words = ["--config", "x", "status"]
    found = machine.said("hotlined", *words, user="daemon", HOTLINED_CONFIG="y", TERM="z")

    assert set(found["ids"]) == {1}
    assert found["words"] == words
    assert found["environment"].items() >= {"HOTLINED_CONFIG": "y", "TERM": "z"}.items()
    assert "HOTLINED_FOR_ROOT" not in found["environment"]


def test_the_command_is_a_plain_shell_script() -> None:
    """Dash accepts it; no folder of a line's user is named."""
    script = ROOT / "debian/hotlined"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert "/var/" not in script.read_text()
