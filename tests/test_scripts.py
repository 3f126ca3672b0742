"""The developers' scripts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import extent
import pytest
from needs import FORBIDDEN, PACKAGES, needs
from skips import left_out, pytest_runtest_makereport

ROOT = Path(__file__).parent.parent
WHERE = """#!/bin/sh
echo "${HOTLINED_WHOLE:-0}" "$@"
"""


def test_one_command_has_both_depths(tmp_path: Path) -> None:
    """`scripts/test` samples the sweeps; --whole takes all of each.

    CI runs the first, a release the second.
    """
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/test", tmp_path / "scripts")
    (tmp_path / "scripts/environment").write_text("")
    for name in ("ruff", "mypy", "python"):
        (tmp_path / ".venv/bin" / name).write_text(WHERE)
        (tmp_path / ".venv/bin" / name).chmod(0o755)

    environment = {name: value for name, value in os.environ.items() if name != "HOTLINED_WHOLE"}

    def last(*words: str) -> str:
        said = subprocess.check_output([tmp_path / "scripts/test", *words], text=True, env=environment)
        return said.splitlines()[-1]

    assert last().startswith("0 -m pytest ")
    assert last("--whole").startswith("1 -m pytest ")
    assert last("--whole", "tests/test_x.py").startswith("1 -m pytest ")
    assert last("--whole", "tests/test_x.py").endswith(" tests/test_x.py")
    ci = (ROOT / ".ci/run").read_text()
    assert "\nscripts/test\n" in ci
    assert "\nscripts/test --whole tests/" in ci
    swept = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("tests/**/test_*.py")
        if re.search(r"extent\.\w", path.read_text()) and path.name != "test_scripts.py"
    }
    named = re.findall(r"tests/\S+\.py", ci)
    assert sorted(named) == sorted(swept)
    assert "\nscripts/test --whole\nscripts/mutants\n" in (ROOT / "scripts/release").read_text()


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """Give a small repository with a tagged version, and scripts/release; its other scripts only say their names."""
    project = tmp_path / "project"
    for name in ("test", "mutants", "coverage", "deb", "card"):
        script = project / "scripts" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        body = {"deb": 'echo x >"$1/x.deb"\necho "$1/x.deb"\n', "test": f"test ! -e '{tmp_path}/red'\n"}
        script.write_text(f"#!/bin/sh\necho {name} >>'{tmp_path}/log'\n{body.get(name, '')}")
        script.chmod(0o755)
    shutil.copy(ROOT / "scripts/release", project / "scripts")
    shutil.copytree(ROOT / ".ci", project / ".ci")
    (project / "scripts/environment").write_text("")
    (project / "hotlined").mkdir()
    (project / "hotlined/__init__.py").write_text('__version__ = "0.1.0"\n')
    (project / "CHANGELOG.md").write_text("# Changelog\n\n## 0.1.0\n")
    (project / ".gitignore").write_text("dist/\n")
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "x"], ["tag", "v0.1.0"]):
        subprocess.run(["git", *who, *words], cwd=project, check=True)
    return project


def release(project: Path, *missing: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/release of a repository, as root, where all programs are there but these."""
    programs = project.parent / "bin"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir()
    for name in ("bash", "sh", "git", "sed", "head", "dirname", "rm", "mkdir", "mv", "ls", "sha256sum"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name in {"lintian", "id", *PACKAGES} - {*missing, "bash", "git"}:
        (programs / name).write_text(f"#!{shutil.which('sh')}\necho 0\n")
        (programs / name).chmod(0o755)
    words = [str(programs / "bash"), "scripts/release"]
    return subprocess.run(words, cwd=project, env={"PATH": str(programs)}, capture_output=True, text=True, check=False)


@needs("git")
def test_a_release_says_first_what_it_needs(tagged: Path) -> None:
    """All programs that are missing are named at once, before anything is made."""
    done = release(tagged, "age", "strace")

    assert (done.returncode, "apt install age strace" in done.stderr) == (1, True), done.stderr
    assert not (tagged.parent / "log").exists()


@needs("git")
def test_a_release_that_is_red_leaves_none(tagged: Path) -> None:
    """It fetches before hours of tests; the folder with its name appears once they are green."""
    (tagged.parent / "red").touch()
    assert release(tagged).returncode != 0
    assert not (tagged / "dist/0.1.0").exists()
    assert (tagged.parent / "log").read_text().split() == ["deb", "card", "test"]

    (tagged.parent / "red").unlink()
    done = release(tagged)

    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tagged / "dist").iterdir()} == {"0.1.0"}
    assert {path.name for path in (tagged / "dist/0.1.0").iterdir()} == {"x.deb", "SHA256SUMS"}


def test_an_environment_that_cannot_be_made_has_the_words_of_its_tool(tmp_path: Path) -> None:
    """The words of venv or pip come first, and no cure for something else follows."""
    for name in ("setup.cfg", "pyproject.toml", "scripts/environment"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" != -c ] || exec "{sys.executable}" "$@"\necho No network.\nexit 1\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", ". scripts/environment test"],
        cwd=tmp_path,
        env=os.environ | {"HOTLINED_PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["No network.", "The environment could not be made."]


def test_each_named_program_exists(tmp_path: Path) -> None:
    """`scripts/run NAME` passes arguments; unknown names end with 2.

    It prints the list of names then.
    """
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/run", tmp_path / "scripts")
    (tmp_path / "scripts/environment").write_text("")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(str(shutil.which("echo")))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tmp_path / "scripts/run", *words], capture_output=True, text=True, check=False, cwd="/")

    names = re.findall(r"^  (\S+) ", run("--help").stdout, re.MULTILINE)
    assert "bench" in names
    for name in names:
        program, *options = run(name, "--seed", "1 2").stdout.split(" ", 1)
        assert (ROOT / program).is_file()
        assert options == ["--seed 1 2\n"]
    for words in ((), ("benches",), ("tests/bench/bench.py",)):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "crash-matrix" in done.stderr


def test_the_last_line_counts_the_skipped_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line has the command that runs them, too."""
    monkeypatch.setattr(extent, "WHOLE", False)
    reasons = ["sudo apt install fish zsh", "sudo scripts/test", "sudo apt install zsh", f"{FORBIDDEN}nobody may mount"]
    last = (
        "Left out: 4 tests: 2 that `sudo apt install fish zsh` brings; 1 that `sudo scripts/test` brings; the system "
        "forbids it: nobody may mount (1). Of each sweep a sample was taken: `scripts/test --whole` takes all."
    )

    assert left_out(reasons) == last
    assert left_out(reasons, named=True) == last.replace(": ", ": all that were not named, and of those ", 1)
    monkeypatch.setattr(extent, "WHOLE", True)
    assert left_out(reasons) == last.partition(" Of each")[0]


@pytest.mark.parametrize(
    ("reason", "outcome"), [("sudo scripts/test", "failed"), (f"{FORBIDDEN}nobody may mount", "skipped")]
)
def test_a_skipped_test_fails_in_ci_with_its_reason(reason: str, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOTLINED_NO_SKIPS allows only skips that the system forces."""
    monkeypatch.setenv("HOTLINED_NO_SKIPS", "yes")
    report = pytest.TestReport("x", ("x", 0, "x"), {}, "skipped", ("x", 0, f"Skipped: {reason}"), "call")
    hook = pytest_runtest_makereport()
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(SimpleNamespace(get_result=lambda: report))

    assert report.outcome == outcome
    assert reason in str(report.longrepr)


@needs("git")
def test_ci_is_where_a_newcomer_may_be(tmp_path: Path) -> None:
    """The tests run in a folder with a space, in French, with an empty home, and leave nothing."""
    checkout, programs, temporary = (tmp_path / name for name in ("checkout", "bin", "tmp"))
    for folder in (checkout / ".ci", checkout / "scripts", programs, temporary):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".ci/run", checkout / ".ci")
    (checkout / "scripts/environment").write_text("")
    for path, says in ((checkout / "scripts/test", '"$LANG" "$(ls -A "$HOME")" "$PWD"'), (programs / "apt-get", "")):
        path.write_text(f"#!/bin/sh\nprintf '%s|' {says}\necho\n")
        path.chmod(0o755)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-C", checkout)
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "all")):
        subprocess.run([*git, *words], check=True)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)}
    said = subprocess.check_output([checkout / ".ci/run"], text=True, env=environment).splitlines()

    ran = [line for line in said if line.startswith("fr_BE.UTF-8||")]
    assert len(ran) == 2
    assert all(re.fullmatch(rf"{temporary}/\S+/le hotlined\|", line.removeprefix("fr_BE.UTF-8||")) for line in ran)
    assert not list(temporary.iterdir())


def test_ci_installs_the_programs_of_the_tests() -> None:
    """.ci/run installs each that a test needs, and allows no skip."""
    ci = (ROOT / ".ci/run").read_text()

    listed = ci.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    assert dict(line.split() for line in listed.splitlines()) == PACKAGES
    assert "export HOTLINED_NO_SKIPS=" in ci
