"""`hotlined demo`, the first command that a newcomer runs."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import PATIENCE_SECONDS, wait_until
from desk import Browser
from filled import Filled
from running import CliRunner

from hotlined.cli import main
from hotlined.cli.demo import STEPS, _folder, _next

COMMAND = [sys.executable, "-m", "hotlined", "demo"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a temporary folder with a short name: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def left_behind(folder: Path) -> list[str]:
    """Return the files that a demo left in its temporary folder."""
    return [path.name for path in folder.iterdir()]


def test_the_demo_shows_the_whole_job_and_ends_by_itself(folder: Path) -> None:
    """Plain lines without a terminal: contacts, verdicts, answers and a summary."""
    done = subprocess.run(
        COMMAND,
        env=os.environ | {"TMPDIR": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "in +32470112233   Salut beauté 😍 c'est Kevin !" in done.stdout
    assert "no answer: another was under way" in done.stdout
    assert "20 contacts recorded, 6 answered, 14 not" in done.stdout
    end = "  12 segments were sent. Every text that came is stored, and the SIM has room for the next ones.\n\nTry next"
    assert end in done.stdout
    assert "EUR" not in done.stdout
    assert left_behind(folder) == []


@pytest.mark.parametrize("arguments", [["demo", "--help"], ["help", "demo"]])
def test_the_help_speaks_as_the_demo_does(tmp_path: Path, arguments: list[str]) -> None:
    """The language of the locale counts, though a configuration names another."""
    shown = Filled(tmp_path).run(*arguments, env={"LC_ALL": "fr_BE.UTF-8"}).stdout

    assert "Montre le démon à l’œuvre avec un modem simulé." in shown


def test_the_demo_can_be_looked_at_in_a_browser(folder: Path) -> None:
    """`demo --web` serves until Ctrl-C, in the language of the locale."""
    environment = os.environ | {"TMPDIR": str(folder), "LC_ALL": "fr_BE.UTF-8", "PYTHONUTF8": "1"}
    with subprocess.Popen([*COMMAND, "--web"], env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        printed = []
        while not printed or not printed[-1].startswith("http://127.0.0.1:"):
            printed.append(next(demo.stdout))
        url = urlsplit(printed[-1].strip())
        assert url.port
        browser = Browser(url.port)
        browser.get(f"{url.path}?{url.query}")
        now, log = browser.get("/"), browser.get("/log")
        blocked = browser.act("/act/block?number=%2B32470112233")
        (config,) = folder.glob("*/demo.yaml")
        command = [sys.executable, "-m", "hotlined", "--config", str(config), "selftest"]
        heard = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=PATIENCE_SECONDS)

    assert "  20 contacts enregistrés, 6 avec réponse, 14 sans\N{NO-BREAK SPACE}:\n" in printed
    assert not {f"-- {step.title}\n" for step in STEPS} & {*printed}
    assert "Aller au contenu La ligne répond. " in now.words
    assert "Ligne demo 20 contacts" in now.words
    assert heard.returncode == 0, heard.stderr
    assert heard.stdout.endswith("Il est revenu. La ligne fonctionne.\n")
    assert "Salut beauté 😍 c'est Kevin !" in log.words
    assert "+32470112233 est bloqué." in blocked.words
    assert demo.returncode == 0
    assert left_behind(folder) == []


def test_a_demo_that_is_interrupted_leaves_nothing_behind(folder: Path) -> None:
    """Ctrl-C or a lost terminal ends daemon and simulator, too."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        with subprocess.Popen(
            COMMAND, env=os.environ | {"TMPDIR": str(folder)}, stdout=subprocess.PIPE, text=True
        ) as demo:
            wait_until(lambda: any(folder.glob("*/run/demo/status.json")))
            demo.send_signal(number)
            demo.communicate(timeout=PATIENCE_SECONDS)
        assert left_behind(folder) == []


def test_a_folder_to_keep_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modem's port is found there."""
    monkeypatch.chdir(tmp_path)
    with _folder(Path("kept")) as folder:
        assert folder == tmp_path / "kept"


@pytest.mark.parametrize("keep", [False, True], ids=["nothing stays", "kept"])
def test_the_suggested_commands_work_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool
) -> None:
    """They do not need the folder of scripts/demo."""
    folder = tmp_path / "new folder"
    if keep:
        filled = Filled(tmp_path)
        filled.text()
        filled.text()
        filled.text()
        filled.db.close()
        filled.config.rename(tmp_path / "demo.yaml")
        tmp_path, folder = folder, tmp_path
        tmp_path.mkdir()
    monkeypatch.chdir(tmp_path)
    advised = [words for words in _next(folder if keep else None) if " demo " not in words]

    assert len(advised) == (4 if keep else 1)
    for words in advised:
        monkeypatch.setenv("HOME", str(tmp_path))
        done = subprocess.run(shlex.split(words), capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize(
    ("module", "package"), [("gsmmodem", "python-gsmmodem-new"), ("flask", "Flask"), ("waitress", "waitress")]
)
def test_without_its_library_the_demo_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    """A Pi lacks these libraries: the hint says where it runs."""
    monkeypatch.setitem(sys.modules, module, None)
    done = CliRunner().invoke(main, ["demo", "--web"])

    assert done.exit_code == 1
    assert done.stderr == (
        f"Error: The demo needs {package}, which is missing.\nHint: In a checkout `scripts/demo` brings it.\n"
    )


def test_the_demo_overwrites_nothing(tmp_path: Path) -> None:
    """`--keep` refuses a folder that is not empty."""
    precious = tmp_path / "main.yaml"
    precious.write_text("answer: {text: mine}")
    done = subprocess.run([*COMMAND, "--keep", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert precious.read_text() == "answer: {text: mine}"
