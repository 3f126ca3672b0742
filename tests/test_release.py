"""A release: each check of scripts/release finds what it is for, and what cannot be looked at is not called ok."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import packaged
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import release  # noqa: E402  they are programs, and lie beside each other
import sbom  # noqa: E402  the same

EPOCH = 1_795_700_000
FILES = ("hotlined/__init__.py", "docs/installation.md", "setup.cfg", "scripts/requirements.txt", "scripts/release.py")
CHANGES = "# Changelog\n\nWhat changes.\n\n## {version}\n\n- It answers.\n\n## 0.0.1\n\n- It rings.\n"
PACKAGE = [
    pytest.mark.skipif(not shutil.which("dh"), reason="needs debhelper"),
    pytest.mark.skipif(not shutil.which("dpkg-buildpackage"), reason="needs dpkg-dev"),
    pytest.mark.timeout(900),
]


@pytest.fixture
def made(tmp_path: Path) -> release.Release:
    """Give a release of a small project: the files that say versions, and nothing that is built."""
    project = tmp_path / "project"
    for name in FILES:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, project / name)
    found = release.Release(project, tmp_path, EPOCH)
    (project / "CHANGELOG.md").write_text(CHANGES.format(version=found.version))
    found.folder.mkdir()
    return found


def change(path: Path, before: str, after: str) -> None:
    """Put other words into a file."""
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")


# ---- what is committed


def test_one_version_is_said_everywhere(made: release.Release) -> None:
    """The program, the changelog and the page of the installation name the same version."""
    assert release.version(made) == f"{made.version} everywhere"
    assert release.changelog(made) == "1 entries"


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("CHANGELOG.md", "## {version}", "## Unreleased", "CHANGELOG.md begins with Unreleased"),
        ("CHANGELOG.md", "## {version}", "## 9.9.9", "CHANGELOG.md begins with 9.9.9"),
        (
            "docs/installation.md",
            "hotlined_{version}_all.deb",
            "hotlined_0.0.1_all.deb",
            "docs/installation.md says 0.0.1",
        ),
        ("hotlined/__init__.py", '"{version}"', '"{version}rc1"', "is no version"),
    ],
)
def test_another_version_is_found(made: release.Release, name: str, before: str, after: str, said: str) -> None:
    """Whoever says another version is named, with what to write."""
    version = made.version
    change(made.project / name, before.format(version=version), after.format(version=version))
    with pytest.raises(release.FailedError, match=said):
        release.version(made)


def test_a_version_without_news_is_found(made: release.Release) -> None:
    """A heading with nothing below it is not the news."""
    change(made.project / "CHANGELOG.md", "- It answers.\n", "")
    with pytest.raises(release.FailedError, match="is empty"):
        release.changelog(made)


def test_each_requirement_is_pinned_in_its_range() -> None:
    """What this checkout pins is what setup.cfg asks for, each with its hash."""
    assert "each with its hash" in release.pins(release.Release(ROOT, ROOT, EPOCH))


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("setup.cfg", "click>=8.1,<9", "click>=9", "click>=9 is not pinned so"),
        ("setup.cfg", "    click>=8.1,<9", "    click>=8.1,<9\n    nothing>=1", "nothing>=1 is not pinned so"),
        (
            "scripts/requirements.txt",
            " --hash=sha256:" + "8bb5376d2006950386f8",
            " --hash=md5:8bb5376d2006950386f8",
            "has no hash",
        ),
    ],
)
def test_a_pin_that_does_not_fit_is_found(made: release.Release, name: str, before: str, after: str, said: str) -> None:
    """A version beside its range, a requirement without a pin, and a pin without a hash."""
    change(made.project / name, before, after)
    with pytest.raises(release.FailedError, match=said):
        release.pins(made)


def test_what_is_not_committed_is_found(made: release.Release) -> None:
    """A file that was changed since, and a tag of this version on another commit."""
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(made.project))

    def run(*words: str) -> None:
        subprocess.run([*git, *words], check=True, capture_output=True)

    run("init", "--quiet")
    run("add", ".")
    run("commit", "--quiet", "-m", "first")
    assert release.checkout(made).startswith("all is committed")
    run("tag", f"v{made.version}")
    assert release.checkout(made).startswith("all is committed")
    run("commit", "--quiet", "--allow-empty", "-m", "second")
    with pytest.raises(release.FailedError, match="is another commit"):
        release.checkout(made)
    (made.project / "new").write_text("")
    with pytest.raises(release.FailedError, match="1 files are not as committed"):
        release.checkout(made)


# ---- what is made


@pytest.fixture
def filled(made: release.Release) -> release.Release:
    """Give the release with a wheel and a source that have the whole program, and with sums."""
    (made.project / "hotlined/page.po").write_text("msgid")
    names = ["hotlined/__init__.py", "hotlined/page.po"]
    with zipfile.ZipFile(made.folder / "hotlined-1-py3-none-any.whl", "w") as wheel:
        for name in names:
            wheel.write(made.project / name, name)
    names += ["scripts/install", "config.yaml", "systemd/hotlined.service", "LICENSE"]
    with tarfile.open(made.folder / "hotlined-1.tar.gz", "w:gz") as source:
        for name in names:
            source.add(
                ROOT / name if not (made.project / name).exists() else made.project / name,
                f"hotlined-{made.version}/{name}",
            )
    (made.folder / "SHA256SUMS").write_text(release.sums(made.folder))
    return made


def test_wheel_and_source_have_the_whole_program(filled: release.Release) -> None:
    """What was forgotten in package_data is found: a catalogue, a page of the desk."""
    assert release.contents(filled).startswith("2 files of the program in both")
    (filled.project / "hotlined/forgotten.po").write_text("msgid")
    with pytest.raises(release.FailedError, match=r"the wheel lacks hotlined/forgotten\.po"):
        release.contents(filled)


def test_a_file_with_another_sum_is_found(filled: release.Release) -> None:
    """One octet more, a file that is not in the sums, one that is there no more."""
    assert release.hashes(filled) == "2 files"
    (filled.folder / "hotlined_1_all.deb").write_text("package")
    with pytest.raises(release.FailedError, match=r"hotlined_1_all\.deb is not as in SHA256SUMS"):
        release.hashes(filled)
    (filled.folder / "hotlined_1_all.deb").unlink()
    with (filled.folder / "hotlined-1.tar.gz").open("ab") as source:
        source.write(b"x")
    with pytest.raises(release.FailedError, match=r"hotlined-1\.tar\.gz is not as in SHA256SUMS"):
        release.hashes(filled)


def test_a_source_says_nothing_of_when_and_where_it_was_made(tmp_path: Path) -> None:
    """Two archives of the same files, made at other times by others, are the same octets once they are packed anew."""
    packed = []
    for count, owner in enumerate(("anna", "root")):
        path = tmp_path / f"{owner}.tar.gz"
        with tarfile.open(path, "w:gz") as source:
            for name in ("x/b", "x/a") if count else ("x/a", "x/b"):
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.uname, member.uid = 3, 1000.5 + count, owner, count
                member.mode = 0o664 if count else 0o600
                source.addfile(member, io.BytesIO(b"abc"))
        release.repack(path, EPOCH)
        packed.append(path.read_bytes())
        with tarfile.open(path) as source:
            assert [(each.name, each.mtime, each.uname) for each in source] == [("x/a", EPOCH, ""), ("x/b", EPOCH, "")]

    assert packed[0] == packed[1]
    assert int.from_bytes(packed[0][4:8], "little") == EPOCH  # RFC 1952, 2.3.1


def test_a_build_that_differs_is_named(tmp_path: Path) -> None:
    """A file that has other octets the second time, or is not there, is named."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for file in ("a.deb", "b.whl"):
            (tmp_path / name / file).write_text(file)
    assert release.differing(tmp_path / "first", tmp_path / "second") == []
    (tmp_path / "second/a.deb").write_text("another")
    (tmp_path / "second/b.whl").unlink()

    assert release.differing(tmp_path / "first", tmp_path / "second") == ["a.deb", "b.whl"]


def test_a_release_never_changes(filled: release.Release, capsys: pytest.CaptureFixture[str]) -> None:
    """It is put into dist/VERSION once; the same again is fine, other files of the same version are refused."""
    there = filled.project / "dist" / filled.version
    assert release.publish(filled) == 0
    assert release.publish(filled) == 0
    before = {path.name: path.read_bytes() for path in there.iterdir()}
    (filled.folder / "hotlined-1.tar.gz").write_text("another")

    assert release.publish(filled) == 1
    assert "a release never changes" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in there.iterdir()} == before


# ---- what is in the package


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> release.Release:
    """Give the release of this checkout with its package, and what is in it."""
    found = release.Release(ROOT, tmp_path_factory.mktemp("release"), EPOCH)
    found.folder.mkdir()
    (found.folder / "hotlined_1_all.deb").symlink_to(packaged.build())
    subprocess.run(["dpkg-deb", "--extract", found.file("*.deb"), found.tree], check=True)
    return found


@pytest.fixture
def put_back(whole: release.Release) -> Iterator[Callable[[Path, bytes], None]]:
    """Give what writes a file of the package, and puts it back at the end."""
    before: dict[Path, bytes | None] = {}

    def write(path: Path, content: bytes) -> None:
        assert path.is_relative_to(whole.tree)
        before.setdefault(path, path.read_bytes() if path.exists() else None)
        path.write_bytes(content)

    yield write
    for path, content in before.items():
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)


class TestThePackage:
    """What needs the package: it is built once for all."""

    pytestmark = PACKAGE

    def test_a_man_page_that_is_old_is_found(
        self, whole: release.Release, put_back: Callable[[Path, bytes], None]
    ) -> None:
        """The pages in the package are what the program says of itself now."""
        assert "are this program's" in release.manuals(whole)
        page = whole.tree / "usr/share/man/man1/hotlined-log.1.gz"
        put_back(page, gzip.compress(gzip.decompress(page.read_bytes()).replace(b"contact", b"contract")))
        with pytest.raises(release.FailedError, match=r"man1/hotlined-log\.1 is old"):
            release.manuals(whole)

    def test_a_licence_that_is_not_on_the_list_is_found(
        self, whole: release.Release, put_back: Callable[[Path, bytes], None]
    ) -> None:
        """A package that nobody may hand on is named."""
        assert "each under one of the list" in release.licences(whole)
        metadata = next(whole.library.glob("click-*.dist-info")) / "METADATA"
        text = metadata.read_text("utf-8").replace("License-Expression: BSD-3-Clause", "License-Expression: BUSL-1.1")
        put_back(metadata, text.encode())
        with pytest.raises(release.FailedError, match=r"click 8\..*BUSL-1\.1"):
            release.licences(whole)

    def test_the_bill_names_every_package(self, whole: release.Release, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is CycloneDX, the same each time, and has what was vendored with its hash and its licence by SPDX."""
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
        text = sbom.bill(whole.library, packaged.WHEELS)
        (whole.folder / "hotlined-1.cdx.json").write_text(text)
        found = json.loads(text)
        parts = {part["name"]: part for part in found["components"]}

        assert release.bill(whole) == "CycloneDX 1.6, with every package and its hash"
        assert text == sbom.bill(whole.library, packaged.WHEELS)
        assert found["metadata"]["component"]["name"] == "hotlined"
        assert parts["click"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
        assert {"python3-yaml", "python3-markupsafe"} <= parts.keys()

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda found: found["components"].pop(2), "it lacks: "),
            (lambda found: found["components"][0].update(version="0"), "it lacks: "),
            (lambda found: found["components"][0]["hashes"][0].update(content="0" * 64), "another version or hash"),
            (lambda found: found["components"][0].pop("hashes"), "another version or hash"),
            (lambda found: found["components"][0].update(licence="MIT"), "it is no CycloneDX"),
            (
                lambda found: found["components"].append(
                    {"type": "library", "name": "x", "version": "1", "purl": "pkg:pypi/x@1"}
                ),
                "x 1",
            ),
        ],
    )
    def test_a_bill_that_is_not_whole_is_found(
        self,
        whole: release.Release,
        monkeypatch: pytest.MonkeyPatch,
        spoil: Callable[[dict[str, list[dict[str, object]]]], None],
        said: str,
    ) -> None:
        """A package that is missing, another version, another hash, what no schema knows, what is not there."""
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
        found = json.loads(sbom.bill(whole.library, packaged.WHEELS))
        spoil(found)
        (whole.folder / "hotlined-1.cdx.json").write_text(json.dumps(found))
        with pytest.raises(release.FailedError, match=said):
            release.bill(whole)


# ---- what is said


def test_a_package_that_nobody_could_ask_about_is_not_without_faults() -> None:
    """A known fault fails; what pip-audit skipped, or that it did not get through, is not checked."""
    fine = {"name": "click", "version": "8", "vulns": []}
    faulty = {"name": "flask", "version": "3", "vulns": [{"id": "PYSEC-1"}]}
    skipped = {"name": "rich", "skip_reason": "not found on PyPI"}

    assert release.judge_audit(json.dumps({"dependencies": [fine]}), "") == "no known fault in 1 packages"
    with pytest.raises(release.FailedError, match="flask PYSEC-1"):
        release.judge_audit(json.dumps({"dependencies": [fine, faulty, skipped]}), "")
    with pytest.raises(release.NotHereError, match="1 of 2 packages"):
        release.judge_audit(json.dumps({"dependencies": [fine, skipped]}), "")
    with pytest.raises(release.NotHereError, match="no network"):
        release.judge_audit("", "no network")


def test_an_installation_that_was_not_seen_is_not_ok() -> None:
    """A check that does not hold fails, and one that was never come to; without a container nothing is proven."""
    fine = "PASS dpkg installs the package\nPASS the package works\n"

    assert release.judge_installation("trixie", fine, 0, "").endswith("2 checks")
    with pytest.raises(release.FailedError, match=r"1 of 3 do not hold\. it can be purged"):
        release.judge_installation("trixie", f"{fine}FAIL it can be purged\n", 1, "")
    with pytest.raises(release.FailedError, match="after 2 checks it ended"):
        release.judge_installation("trixie", fine, 1, "ValueError")
    for printed, code in ((fine, 125), ("", 0), ("", 1)):
        with pytest.raises(release.NotHereError, match="not booted"):
            release.judge_installation("trixie", printed, code, "not booted after 60 s")


def test_the_exit_code_says_whether_all_is_ok(made: release.Release, capsys: pytest.CaptureFixture[str]) -> None:
    """0: all is ok; 75: something could not be looked at; 1: something failed, whatever else there is."""
    assert release.checked(made, ["version", "changelog"]) == 0
    assert release.checked(made, ["version", "contents", "changelog"]) == 75
    (made.project / "CHANGELOG.md").write_text("## 9.9.9\n")
    capsys.readouterr()
    assert release.checked(made, ["version", "contents", "changelog"]) == 1
    words = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]

    assert words == ["failed", "not checked", "failed"]


def test_it_is_a_command(made: release.Release) -> None:
    """One check is made, with a line and the exit code; a release is never made of some checks alone."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, made.project / "scripts/release.py", *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    done = run("--check", "--only", "version")
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["ok", "version"])
    (made.project / "CHANGELOG.md").write_text("## 9.9.9\n")
    done = run("--check", "--only", "version")
    assert done.returncode == 1
    assert "Head its news with" in done.stdout
    assert run("--only", "version").returncode == 2
    assert not (made.project / "dist").exists()


def test_every_check_is_explained() -> None:
    """CONTRIBUTING names each check, and no other."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## A release\n")[2].partition("\n## ")[0]
    named = [
        word for line in text.splitlines() if line.startswith("| `") for word in line.split("|")[1].split("`")[1::2]
    ]

    assert named == [*release.CHECKS]
