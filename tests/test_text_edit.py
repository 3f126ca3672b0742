"""`text edit`: the answer changed in an editor, and nothing else in the file."""

import json
import os
import pty
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Line, wait_until
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs_root
from persons import ADMIN, COMMAND, LINE, MEMBER, Person, give

from hotlined.config import editing, judge, parse
from hotlined.errors import ConfigError, TextError
from hotlined.reports import draft

FILE = Path("/somewhere/config.yaml")

# what may stand in a text: letters, what YAML has for signs of its own, what no editor shows, line breaks
_SIGNS = st.sampled_from("aé ’'\"#:-,[]{}&*!|>%@`\\?=~$\n\t\u00a0\u2028\u0085😀\u200dß")
TYPED = st.text(_SIGNS | st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).filter(
    lambda text: text.strip() and "\r" not in text and "\ufeff" not in text and "=====" not in text
)


def _double(text: str) -> str:
    return json.dumps(text)


def _single(text: str) -> str:
    return "'" + " ".join(text.split()).replace("'", "''") + "'"


def _plain(text: str) -> str:
    return "Non " + re.sub(r"[^a-zé’' ]", "", text).strip()


def _block(sign: str) -> Any:
    def written(text: str) -> str:
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        kept = [re.sub(r"[^a-zé’'#:\- ]", "", line).strip() or "x" for line in lines]
        return f"{sign}  # a remark\n" + "\n".join(f"        {line}" for line in kept)

    return written


SPELLED = st.sampled_from([_double, _single, _plain, _block("|"), _block("|-"), _block(">"), _block(">+")])


@st.composite
def files(drawn: st.DrawFn) -> str:
    """Draw a configuration in one of the ways in which people write one."""

    def spelled(text: str, *, flow: bool = False) -> str:
        return (drawn(st.sampled_from([_double, _single])) if flow else drawn(SPELLED))(text)

    anchor = drawn(st.sampled_from(["", "", "&hey ", "!!str "]))
    texts = drawn(st.lists(TYPED, min_size=1, max_size=4))
    remark = drawn(st.sampled_from(["", "   # it is polite", "\n    # on a line of its own"]))
    shape = drawn(st.sampled_from(["text", "texts", "flow", "nested"]))
    first = spelled(texts[0], flow=shape == "flow")
    ends = remark if not first.startswith(("|", ">")) else ""
    if shape == "text":
        answer = f"  text: {anchor}{first}{ends}\n"
    elif shape == "flow":
        answer = f"  texts: [ {', '.join([first, *(spelled(text, flow=True) for text in texts[1:])])} ]{remark}\n"
    elif shape == "texts":
        answer = "  texts:\n" + "".join(f"    - {spelled(text)}\n" for text in texts)
    else:
        answer = "  texts:\n    -\n" + "".join(f"      - {spelled(text)}\n" for text in texts)
    countries = drawn(st.sampled_from(["", "  by_country:\n    NO: nei   # Norway\n    'DE': [\"nein\", nee]\n"]))
    before, after = (
        "# first\nline: fr\n\nanswer:   # what is sent\n  delay: 0s\n",
        "  # last\nlimits: {per_number: 2}\n",
    )
    made = before + (answer + countries if drawn(st.booleans()) else countries + answer) + after
    return drawn(st.sampled_from(["", "\ufeff"])) + made.replace("\n", drawn(st.sampled_from(["\n", "\r\n"])))


def _reads(text: str) -> list[str]:
    """Return the texts of a file, whatever else is wrong with it."""
    return [spot.wording.text for spot in editing.spots(text, FILE)]


def _misread(text: str) -> list[str]:
    """Return what the reading of a file says of texts that go on where YAML sees their end."""
    return [problem.sentence for problem in judge(text, FILE) if problem.sentence.startswith(("ends ", "entry"))]


@given(files(), st.data())
@settings(deadline=None, max_examples=150)
def test_only_the_text_changes_and_is_read_back_as_it_was_typed(file: str, data: st.DataObject) -> None:
    """However the file is written, every octet outside the texts stays, and so do those that were not changed."""
    places = editing.spots(file, FILE)
    chosen = data.draw(st.lists(st.sampled_from(places), unique=True, min_size=1))
    texts = {spot: data.draw(TYPED) for spot in chosen}
    made = editing.rewrite(file, FILE, texts)

    assert _reads(made) == [texts.get(spot, spot.wording.text).strip() for spot in places]
    outside, at = "", 0
    for spot in sorted(places, key=lambda spot: spot.start):
        outside += re.escape(file[at : spot.start])
        outside += ".*" if spot in texts else re.escape(file[spot.start : spot.end])
        at = spot.end
    assert re.fullmatch(outside + re.escape(file[at:]), made, re.DOTALL)
    assert made.count("# a remark") == file.count("# a remark")
    if not _misread(file):
        assert _misread(made) == []


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("answer:\n  text: Hello  # hi\n", "answer:\n  text: Nee, nee  # hi\n"),
        ("answer: {text: Hello}\n", 'answer: {text: "Nee, nee"}\n'),
        ("answer:\n  text: 'It''s no'\r\n", "answer:\n  text: 'Nee, nee'\r\n"),
        ('answer:\n  text: "No"   # hi\n', 'answer:\n  text: "Nee, nee"   # hi\n'),
        ("answer:\n  text:  # none yet\n", 'answer:\n  text: "Nee, nee"  # none yet\n'),
        ("answer:\n  text: null\n", 'answer:\n  text: "Nee, nee"\n'),
        ("answer:\n  text: &no Hello\n", "answer:\n  text: &no Nee, nee\n"),
        ("answer:\n  text: >-  # hi\n   Hel\n   lo\n\n  # hi\n", "answer:\n  text: |-  # hi\n   Nee, nee\n\n  # hi\n"),
        ("answer:\n  text: Hel\n    lo\nline: fr\n", "answer:\n  text: Nee, nee\nline: fr\n"),
    ],
)  # fmt: skip
def test_a_text_keeps_its_quotes_and_its_remark(file: str, changed: str) -> None:
    """What cannot hold the text in the way in which it was written gets double quotes."""
    (spot,) = editing.spots(file, FILE)
    assert editing.rewrite(file, FILE, {spot: "Nee, nee"}) == changed


@pytest.mark.parametrize(
    "file",
    [
        "answer:\n  texts: [&a Hello, *a]\n",
        "note: &a Hello\nanswer: {text: *a}\n",
        "answer: {text: &a Hello}\nnote: *a\n",
    ],
)
def test_a_text_that_is_used_elsewhere_too_is_left_to_a_person(file: str) -> None:
    """An alias repeats it: to change one place would change another."""
    spot = editing.spots(file, FILE)[0]
    with pytest.raises(ConfigError, match="uses it elsewhere"):
        editing.rewrite(file, FILE, {spot: "Nee"})


def test_a_file_without_a_text_says_what_to_write() -> None:
    """Neither a file without the key nor one that is no YAML has anything to edit."""
    for file in ("line: fr\n", "answer: {delay: 0s}\n", "answer: {texts: []}\n"):
        with pytest.raises(ConfigError, match="no text to edit"):
            editing.spots(file, FILE)
    with pytest.raises(ConfigError, match="one problem"):
        editing.spots("answer: {text: 'C'est'}\n", FILE)


ANSWERS = parse('answer: {texts: [a, ["b", "# c"]], by_country: {NL: d}}', FILE).answer.wordings


def test_the_draft_names_each_text_and_is_read_as_it_is() -> None:
    """Its first lines explain it, a line above each text says which it is, and everything else is text."""
    written = draft.write(ANSWERS, 2, FILE)
    assert re.findall("===== .*", written) == [
        "===== Answer 1 =====",
        "===== Answer 2, variant 1 (and every further one) =====",
        "===== Answer 2, variant 2 (and every further one) =====",
        "===== The answer for NL =====",
    ]
    assert draft.read(written, ANSWERS) == ["a", "b", "# c", "d"]
    assert (
        draft.read(written.replace("\n", "\r\n").replace("# c", "\r\n# c\r\n\r\n=====\r\n"), ANSWERS)[2]
        == "# c\n\n====="
    )
    with pytest.raises(TextError, match="Answer 1 =====` is missing"):
        draft.read(written.replace("===== Answer 1", ""), ANSWERS)
    with pytest.raises(TextError, match="stands there twice"):
        draft.read(written + "===== Answer 1 =====", ANSWERS)


# the command


def edit(
    config: Path, editor: str, said: Sequence[str] = (), who: Person | None = None, **environment: str
) -> tuple[int, str]:
    """Run the command at a terminal with an editor that is a command line; return its exit code and what it shows."""
    ours, theirs = pty.openpty()
    os.write(ours, "".join(f"{each}\n" for each in said).encode())
    program = who.program(COMMAND) if who else [sys.executable, "-m", "hotlined"]
    command = [*program, "--config", str(config), "text", "edit"]
    chosen = os.environ | {"EDITOR": editor, "COLUMNS": "200", "TMPDIR": str(config.parent)} | environment
    chosen.pop("VISUAL", None)
    with os.fdopen(ours, "rb") as screen:
        done = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=chosen)
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # a pseudo-terminal ends so
            while octets := os.read(screen.fileno(), 4096):
                shown += octets
    return done.wait(), shown.decode().replace("\r\n", "\n")


def drafts(folder: Path) -> list[str]:
    """Return the texts that were kept."""
    return [path.read_text().split("=====\n\n")[-1].strip() for path in folder.glob("hotlined-*/answer.txt")]


WRITTEN = """# ours
line: fr  # the first

answer:
    delay: [ 30m,60m ]   # a while
    # what we say
    text: "Non, c'est non."   # it is polite
database: {folder}/hotlined.db
runtime_dir: {folder}/run
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give a configuration that a person has written."""
    file = tmp_path / "main.yaml"
    file.write_text(WRITTEN.format(folder=tmp_path))
    file.chmod(0o640)
    return file


def test_it_shows_what_leaves_asks_and_changes_the_text_alone(config: Path) -> None:
    """Replacements, segments, price and worst case first; then one line of the file differs, and the rights stay."""
    before = config.read_text()
    code, shown = edit(config, "sed -i 's/Non, c.est non/Nôn… “n”/'", ["y"])
    assert code == 0, shown
    assert "The answer takes 1 segment in gsm7: 0.05 EUR." in shown
    assert '1 of 1       Non... "n".' in shown
    assert "ô by 'o', 1 time" in shown
    assert "At worst it spends 60 segments in an hour (3.00 EUR)" in shown
    assert "No daemon runs: it reads the file when it starts." in shown
    assert config.read_text() == before.replace('"Non, c\'est non."', '"Nôn… “n”."')
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert drafts(config.parent) == []


def test_what_was_not_changed_or_not_agreed_to_is_not_written(config: Path) -> None:
    """Without a change nothing is asked; a no keeps the file and the draft."""
    before = (config.stat().st_ino, config.stat().st_mtime_ns)
    assert "Nothing was changed." in edit(config, "true")[1]
    code, shown = edit(config, "sed -i s/Non/Nee/", ["n"])
    assert (code, (config.stat().st_ino, config.stat().st_mtime_ns)) == (0, before)
    assert "Your text is kept in " in shown
    assert drafts(config.parent) == ["Nee, c'est non."]


def test_it_speaks_the_language_of_the_line_and_understands_its_yes(config: Path) -> None:
    """A French line asks in French and takes `oui`."""
    config.write_text("language: fr\n" + config.read_text())
    code, shown = edit(config, "sed -i s/Non/Nee/", ["oui"])
    assert code == 0, shown
    assert "La réponse prend 1 segment" in shown
    assert "o\N{NO-BREAK SPACE}: oui" in shown
    assert "Aucun démon ne tourne" in shown
    assert "Nee, c'est non." in config.read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("s/Non.*/" + "x" * 400 + "/", "It is 94 characters too long: it may have 2 segments (answer.max_segments)."),
        ("s/Non.*//", "The answer is blank: there is nothing to send."),
        ("/=====/d", "The line `===== The answer =====` is missing. Put it back above its text."),
    ],
)
def test_what_cannot_be_sent_is_edited_again(config: Path, change: str, words: str) -> None:
    """It says why, does not offer to write it, and the next edit begins with what was typed."""
    script = config.parent / "again.sh"
    script.write_text(
        f'if [ -e {script}.done ]; then cp {script}.sound "$1"; else sed -i.bak \'{change}\' "$1";'
        f' sed s/Non/Enfin/ "$1.bak" > {script}.sound; touch {script}.done; fi\n'
    )
    code, shown = edit(config, f"sh {script}", ["y", "e", "y"])
    assert words in shown
    assert "'y' is not one of 'e', 'n', " in shown
    assert code == 0, shown
    assert "Enfin, c'est non." in config.read_text()


def test_what_a_character_set_does_not_have_is_said(config: Path) -> None:
    """Where gsm7 is asked for, a text with another character cannot be sent."""
    config.write_text(config.read_text().replace("    delay", "    encoding: gsm7\n    delay"))
    shown = edit(config, "sed -i 's/Non/Nön 😀/'", ["n"])[1]
    assert "😀" in shown
    assert "Write it?" not in shown


def test_who_changes_the_file_meanwhile_wins(config: Path) -> None:
    """Two admins at once: nothing is written over, and the second one's text is kept."""
    code, shown = edit(config, f'sh -c \'echo "# I was here" >> {config}; sed -i s/Non/Nee/ "$0"\'', ["y"])
    assert code == 78
    assert "was changed by somebody else meanwhile: nothing was written" in shown
    assert config.read_text().endswith("# I was here\n")
    assert drafts(config.parent) == ["Nee, c'est non."]


def test_a_file_with_another_mistake_is_edited_all_the_same(config: Path) -> None:
    """The mistake is named with its line; the text is written, and nobody is told that a daemon has it."""
    config.write_text(config.read_text() + "limts: {}\n")
    code, shown = edit(config, "sed -i s/Non/Nee/", ["y"])
    assert (code, "Nee, c'est non." in config.read_text()) == (0, True)
    assert "has other problems, and no daemon reads it before they are corrected" in shown
    assert "line 10: limts: unknown key" in shown
    assert "No daemon runs" not in shown


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    """What the link leads to is changed."""
    link = tmp_path / "linked.yaml"
    link.symlink_to(config)
    assert edit(link, "sed -i s/Non/Nee/", ["y"])[0] == 0
    assert link.is_symlink()
    assert "Nee, c'est non." in config.read_text()


def test_a_broken_editor_and_an_end_of_the_terminal_keep_the_text(config: Path) -> None:
    """An editor that fails is named; whoever presses Ctrl-D has changed nothing."""
    before = config.read_text()
    assert "false ended with 1. VISUAL or EDITOR names another editor." in edit(config, "false", ["n"])[1]
    assert "no-such-editor cannot be started" in edit(config, "no-such-editor", ["n"])[1]
    assert "EDITOR has a quote that nothing closes." in edit(config, "vi '", ["n"])[1]
    code, shown = edit(config, "sed -i s/Non/Nee/", ["\x04"])
    assert code == 1
    assert "Your text is kept in" in shown
    assert config.read_text() == before


def test_without_a_terminal_it_names_the_file(config: Path) -> None:
    """A script is told what to change instead."""
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", "--config", str(config), "text", "edit"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert str(config) in done.stderr


def test_the_daemon_has_it_at_once_or_says_why_not(line: Line) -> None:
    """The command shows what the daemon made of it: the next answer has the new text, or the old one stays."""
    line.start()
    line.wait_state("ready")
    code, shown = edit(line.config, "sed -i 's/Non, c.est non/Nee is nee/'", ["y"])
    assert code == 0, shown
    assert "The daemon has it: the next answer that leaves is the new one." in shown
    line.sim.do("deliver", from_="+32470123456", text="coucou")
    wait_until(lambda: [sent["text"] for sent in line.submitted()] == ["Nee is nee."], "the answer")
    line.config.write_text(line.config.read_text().replace('"line": "fr"', '"line": "nl"'))
    code, shown = edit(line.config, "sed -i 's/Nee is nee/Nein/'", ["y"])
    assert code == 1
    assert "The daemon refuses the file." in shown
    assert "change only with a restart" in shown


@pytest.fixture
def theirs() -> Iterator[Path]:
    """Give a configuration in a folder that everybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "main.yaml"
        file.write_text(WRITTEN.format(folder=folder))
        yield file


WHO = 'sh -c \'sed -i "s/Non/$(id -u)/" "$0"\''


@needs_root
def test_with_sudo_the_editor_runs_as_the_person_and_the_file_stays_roots(theirs: Path) -> None:
    """An editor starts other programs: it is not root's, though only root may write the file."""
    code, shown = edit(theirs, WHO, ["y"], ADMIN, SUDO_UID=str(MEMBER.uid), TMPDIR="/tmp")
    assert code == 0, shown
    assert f'text: "{MEMBER.uid}, c' in theirs.read_text()
    assert theirs.stat().st_uid == 0


@needs_root
def test_root_becomes_whose_folder_the_file_is_in(theirs: Path) -> None:
    """Whoever owns the folder could put a link there at any time: nothing is done there that its owner may not do."""
    give(theirs.parent)
    code, shown = edit(theirs, WHO, ["y"], ADMIN, TMPDIR="/tmp")
    assert code == 0, shown
    assert f'text: "{LINE.uid}, c' in theirs.read_text()
    assert (theirs.stat().st_uid, theirs.stat().st_gid) == (LINE.uid, LINE.gids[0])


@needs_root
def test_who_may_not_write_the_file_is_told_before_the_editor_opens(theirs: Path) -> None:
    """Nobody types a text that cannot be written."""
    theirs.chmod(0o644)
    code, shown = edit(theirs, "touch", [], MEMBER, TMPDIR="/tmp")
    assert code == 78
    assert "is not this user's to change" in shown
    assert "sudo" in shown
