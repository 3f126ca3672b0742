"""The answer's file: it is sent as written, and without a text in it nobody is answered."""

import json
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Line, wait_until
from filled import KEVIN, LEA, Filled
from hypothesis import given
from hypothesis import strategies as st
from needs import needs_root
from persons import MEMBER, give

from hotlined import config as configuration
from hotlined.config import answer_file, load, maybe_unusable_answer, parse
from hotlined.errors import ConfigError
from hotlined.machine.clock import boottime
from hotlined.reports import in_force
from hotlined.reports.overview import report_line
from hotlined.status import DaemonStatus, ModemStatus

ONE, TWO = "Non, c’est non.", "Quand on te dit non, c’est non."
THREE = "Nee is nee."
PAUL, GRETA = "+32470222222", "+31612345678"
LONG = "Non ! " * 60


def read(octets: bytes, folder: Path, **options: Any) -> configuration.AnswerFile:
    """Read a file with these bytes."""
    path = folder / "main.txt"
    path.write_bytes(octets)
    return answer_file.read(path, **({"encoding": "smart", "max_segments": 2} | options))


# ---- contents


@pytest.mark.parametrize(
    "octets",
    [
        f"{ONE}".encode(),
        f"{ONE}\n".encode(),
        f"\n \n\t\n{ONE}\n\n".encode(),
        b"\xef\xbb\xbf" + f"{ONE}\r\n".encode(),
        f"\r\n{ONE}\r".encode(),
        f"\u2028{ONE}\u0085".encode(),
    ],
)
def test_a_text_is_read_from_any_editors_file(octets: bytes, tmp_path: Path) -> None:
    """BOM, blank lines and kinds of line ends do not matter."""
    assert read(octets, tmp_path) == configuration.AnswerFile((ONE,))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_of_three_hyphens_separates_variants(end: str, tmp_path: Path) -> None:
    """Other line breaks and hyphens stay; no sign has a meaning."""
    lines = [ONE, "", "# --- : [x]", "--- ", "'Non'", "----", " --- ", TWO]
    found = read(end.join(lines).encode(), tmp_path)

    assert found.variants == (f"{ONE}\n\n# --- : [x]", "'Non'\n----", TWO)
    assert found.problems == ()


@pytest.mark.parametrize("octets", [b"", b"\n", b" \r\n\t\r\n", b"\xef\xbb\xbf", "\u00a0\n".encode()])
def test_a_file_without_a_text_is_empty(octets: bytes, tmp_path: Path) -> None:
    """An empty file is not an error."""
    assert read(octets, tmp_path) == configuration.AnswerFile()


@pytest.mark.parametrize(
    ("octets", "line", "words"),
    [
        (b"Non.\n\nArr\xeate.\n", 3, "expected UTF-8"),
        (b"Non.\r\rArr\xeate.", 3, "expected UTF-8"),
        ("Non.".encode("utf-16"), 1, "got UTF-16"),
        ("Non.".encode("utf-16-be"), 1, "got '\\x00'"),
        (b"a\r\nb\r\nc\0", 3, "got '\\x00'"),
        (b"\n {\\rtf1\\ansi Non.}", 1, "got RTF"),
        (b"\xef\xbb\xbf{\\rtf1\\ansi Non.}", 1, "got RTF"),
        (b"x" * (answer_file.LARGEST + 1), 1, "more than 65,536 bytes"),
        (f"{ONE}\n---\n\n{LONG}\n".encode(), 4, "too many"),
        (b"---\nNon.\n", 1, "a variant without a text"),
        (b"Non.\n\n---\n\n", 3, "a variant without a text"),
        (b"Non.\n---\n \n---\nNee.\n", 2, "a variant without a text"),
        (b"---", 1, "a variant without a text"),
        (b"Non.\n---\n" * 100 + b"Nee.", 200, "expected at most 100 variants, got 101"),
    ],
)
def test_an_unusable_file_is_named_with_its_line(octets: bytes, line: int, words: str, tmp_path: Path) -> None:
    """Encoding, kind, size or a variant without text can spoil it."""
    (problem, *_) = read(octets, tmp_path).problems

    assert problem.line == line
    assert words in problem.sentence


def test_characters_outside_the_encoding_are_named_with_their_line(tmp_path: Path) -> None:
    """All faulty variants are named, as in the configuration."""
    problems = read("Non 😀\n---\nNon\n---\n★".encode(), tmp_path, encoding="gsm7").problems

    assert [problem.line for problem in problems] == [1, 5]


@given(
    st.binary()
    | st.lists(st.sampled_from(["---", "Non.", "", " ", "é", "\r", "\ufeff"])).map("\n".join).map(str.encode)
)
def test_any_file_is_read(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    """Its texts are not blank; its problems have lines of the file."""
    found = read(octets, tmp_path_factory.getbasetemp())

    assert all(text == text.strip() != "" for text in found.variants)
    assert all(1 <= problem.line <= len(octets) + 1 for problem in found.problems)


def _folder(path: Path) -> None:
    path.mkdir()


def _nothing(_path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_nothing, "No such file or directory"),
        (_folder, "this is not a regular file"),
        (os.mkfifo, "this is not a regular file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
    ids=["nothing", "folder", "fifo", "loop"],
)
def test_a_fifo_is_not_waited_for(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    """Names of anything but a file are reported at once."""
    make(tmp_path / "main.txt")
    (problem,) = answer_file.read(tmp_path / "main.txt", "smart", 2).problems

    assert (problem.line, problem.sentence) == (1, f"cannot be read: {words}")


def test_a_link_is_followed(tmp_path: Path) -> None:
    """The file may be where its writer has rights."""
    (tmp_path / "hers.txt").write_text(ONE)
    (tmp_path / "main.txt").symlink_to("hers.txt")

    assert answer_file.read(tmp_path / "main.txt", "smart", 2).variants == (ONE,)


# ---- the configuration


def configured(folder: Path, text: str | bytes | None = ONE, **sections: Any) -> Filled:
    """Return a line whose answer is in a file; None: the file is missing."""
    answer = {"text_file": "main.txt"} | sections.pop("answer", {})
    if text is not None:
        (folder / "main.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    line = Filled(folder, answer=answer, **sections)
    line.db.close()
    return line


def test_the_file_is_used_for_every_answer(tmp_path: Path) -> None:
    """Any variant may be drawn; countries keep the configuration's texts."""
    line = configured(tmp_path, f"{ONE}\n---\n{TWO}", answer={"by_country": {"NL": THREE}})
    answer = load(line.config).answer

    assert answer.text_file == tmp_path / "main.txt"
    assert [[each.text for each in answer.choices(step, "BE")] for step in (0, 1, 9)] == [[ONE, TWO]] * 3
    assert [each.text for each in answer.choices(4, "NL")] == [THREE]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            "{text_file: main.txt, text: Non}",
            "answer.text_file, answer.text are set, and one alone may be: take answer.t",
        ),
        ("{text_file: main.txt, texts: [Non]}", "take answer.texts out, or else answer.text_file"),
        (
            "{text_file: main.txt, text: Non, texts: [Non]}",
            "take answer.text, answer.texts out, or else answer.text_file",
        ),
        ("{delay: 1h}", "is missing, and it alone has no default: set it, or answer.text_file"),
        ("{text_file: null, text: null, texts: []}", "is missing"),
        ("{text_file: ~/main.txt}", "expected a path"),
    ],
)
def test_the_answer_has_one_place(answer: str, words: str) -> None:
    """The error says which of three keys to remove."""
    with pytest.raises(ConfigError) as caught:
        parse(f"answer: {answer}", Path("/somewhere/config.yaml"))

    assert words in " ".join(caught.value.problems)


def test_config_check_warns_of_an_empty_file(tmp_path: Path) -> None:
    """Nobody is answered, yet the check ends with 0."""
    line = configured(tmp_path, f"{ONE}\n---\n{TWO}")
    shown = line.run("config", "check")
    assert (shown.exit_code, "c'est non." in shown.stdout, "Careful" in shown.stdout) == (0, True, False)
    (tmp_path / "main.txt").write_text("\n")
    shown = line.run("config", "check")
    assert shown.exit_code == 0
    assert f"Careful: {tmp_path}/main.txt is empty: nobody is answered." in shown.stdout
    assert f"nano {tmp_path}/main.txt" in shown.stdout


def test_config_check_names_an_unusable_file(tmp_path: Path) -> None:
    """Each problem has its line; the configuration itself is loaded."""
    line = configured(tmp_path, f"{LONG}\n---\n{LONG}")
    shown = line.run("config", "check")
    assert shown.exit_code == 78
    assert f"{tmp_path}/main.txt:1: 'Non" in shown.stderr
    assert f"{tmp_path}/main.txt:3: 'Non" in shown.stderr
    assert load(line.config).answer.steps == ()
    assert maybe_unusable_answer(load(line.config))


@pytest.mark.parametrize("marks", ['""', "''", "“”", "«»", "„”"])
def test_quotation_marks_around_the_text_are_a_warning(marks: str, tmp_path: Path) -> None:
    """They are sent: only the writer knows whether they are meant."""
    line = configured(tmp_path, f"{marks[0]}Non.{marks[1]}\n")
    for command in (("config", "check"), ("text", "check")):
        shown = line.run(*command)
        assert shown.exit_code == 0
        assert f"Careful: the text is between {marks[0]} and {marks[1]}" in shown.stdout
    assert load(line.config).answer.texts == (f"{marks[0]}Non.{marks[1]}",)


@pytest.mark.parametrize(("language", "words"), [("fr", "illisible : "), ("nl", "kan niet gelezen worden: ")])
def test_problems_of_the_file_are_in_the_language_of_the_line(language: str, words: str, tmp_path: Path) -> None:
    """The file is read before the language is known."""
    line = configured(tmp_path, None, language=language)

    assert words in line.run("status").stdout.replace("\u00a0", " ")
    assert words in line.run("config", "check").stderr.replace("\u00a0", " ")


def test_text_check_judges_the_file(tmp_path: Path) -> None:
    """Each variant has its cost; an empty file is no error.

    The exit code is 1 if a variant is too long, 78 for an unusable file.
    """
    line = configured(tmp_path, f"{ONE}\n---\n{TWO} 😀")
    found = line.run("text", "check", "--json")
    costs = [json.loads(row) for row in found.stdout.splitlines()]
    assert [(cost["variant"], cost["segments"], cost["encoding"]) for cost in costs] == [(1, 1, "gsm7"), (2, 1, "ucs2")]
    assert found.exit_code == 0
    (tmp_path / "main.txt").write_text(f"{ONE}\n---\n{LONG}")
    found = line.run("text", "check")
    assert (found.exit_code, "characters too long" in found.stdout) == (1, True)
    (tmp_path / "main.txt").write_bytes("Arrête".encode("latin-1"))
    found = line.run("text", "check")
    assert (found.exit_code, f"{tmp_path}/main.txt:1: expected UTF-8" in found.stderr) == (78, True)
    (tmp_path / "main.txt").write_text("")
    found = line.run("text", "check")
    assert (found.exit_code, "is empty: nobody is answered" in found.stdout) == (0, True)


def test_the_configuration_in_force_has_the_texts(tmp_path: Path) -> None:
    """The daemon's status keeps them after a change of the file.

    `config show` names the file.
    """
    line = configured(tmp_path, f"{ONE}\n---\n{TWO}")
    config = load(line.config)
    shown = line.run("config", "show").stdout
    assert f"text_file: {tmp_path}/main.txt" in shown
    assert ONE not in shown
    obeyed = parse(configuration.in_force(config), line.config).answer
    assert (obeyed.steps, obeyed.text_file) == (((ONE, TWO),), None)
    (tmp_path / "main.txt").write_text("")
    obeyed = parse(configuration.in_force(load(line.config)), line.config).answer
    assert (obeyed.steps, obeyed.text_file) == ((), tmp_path / "main.txt")


# ---- without a text


def test_commands_without_a_daemon_say_that_nobody_is_answered(tmp_path: Path) -> None:
    """Figures assume no answer; `doctor` reports it first."""
    line = configured(tmp_path, "")
    assert "nobody is answered" in line.run("limits").stdout
    limits = json.loads(line.run("limits", "--json").stdout)
    assert limits["answers"] == []
    assert {window["new_in_seconds"] for window in limits["windows"].values()} == {None}
    outlook = json.loads(line.run("show", KEVIN, "--json").stdout)["next"]
    assert (outlook["answer"], outlook["reason"], outlook["in_seconds"]) == (False, "no_answer_text", None)
    first = json.loads(line.run("doctor", "--json").stdout.splitlines()[0])
    assert (first["check"], first["verdict"]) == ("answer", "fail")
    assert "nobody is answered" in first["seen"]
    (tmp_path / "main.txt").write_text(ONE)
    first = json.loads(line.run("doctor", "--json").stdout.splitlines()[0])
    assert (first["check"], first["verdict"]) == ("answer", "ok")


# ---- the daemon


@pytest.fixture(name="line")
def _line(line: Line) -> Line:
    """Give a line whose answer is in a file."""
    line.configure(answer={"text": None, "text_file": "main.txt"})
    return line


def write(line: Line, text: str | bytes) -> None:
    """Replace the answer's file at once, as an editor does."""
    new = line.folder / "main.txt.new"
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    new.replace(line.folder / "main.txt")


def reload(line: Line, *, until: Callable[[dict[str, Any]], object]) -> None:
    """Make the daemon reload its configuration."""
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: until(line.status()), "the reload")


def codes(line: Line) -> list[str]:
    """Return the codes of the troubles in `status`."""
    return [each["code"] for each in json.loads(line.cli("status", "--json", check=False))["trouble"]]


def test_changed_limit_is_not_in_force_before_a_reload(line: Line) -> None:
    """`status` names the key; the daemon's limit is shown."""

    def shown() -> tuple[list[str], int, int]:
        status = json.loads(line.cli("status", "--json", check=False))
        limits = json.loads(line.cli("limits", "--json"))
        words = [each["words"] for each in status["trouble"] if each["code"] == "config_differs"]
        return words, status["budgets"]["day"]["limit"], limits["windows"]["day"]["limit"]

    write(line, ONE)
    line.configure(limits={"segments": {"day": 12}})
    line.start()
    line.wait_state("ready")
    assert shown() == ([], 12, 12)

    line.configure(limits={"segments": {"day": 50}})

    words = "The configuration was changed, and the daemon does not go by it yet: limits.segments.day."
    assert shown() == ([words], 12, 12)
    line.reload()
    assert shown() == ([], 50, 50)


def texted(line: Line, number: str, text: str = "") -> tuple[str, str]:
    """Send a new text from a number; return verdict and reason."""
    judged = "SELECT count(*) FROM contacts WHERE verdict IS NOT NULL"
    before = line.count(judged)
    line.sim.do("deliver", from_=number, text=text or f"coucou {before}")
    wait_until(lambda: line.count(judged) > before and line.settled(), "the verdict")
    return line.rows("SELECT verdict, reason FROM contacts ORDER BY id DESC LIMIT 1")[0]  # type: ignore[return-value]


def given_to(line: Line) -> list[tuple[str, str]]:
    """Return each recipient with the text sent."""
    return [(sent["recipient"], sent["text"]) for sent in line.submitted()]


SENT_AS = ONE.replace("’", "'")


def test_an_emptied_file_answers_nobody_and_counts_nothing(line: Line) -> None:
    """Queued answers are cancelled; the next text is a first contact."""
    write(line, ONE)
    line.start()
    assert texted(line, PAUL) == ("answer", "first_contact")
    line.cli("pause")
    line.sim.do("deliver", from_=KEVIN, text="coucou")
    wait_until(lambda: line.count("SELECT count(*) FROM answers") == 2)
    write(line, "\n")
    reload(line, until=lambda status: ONE not in status["in_force"])
    assert codes(line) == ["no_answer_text", "paused"]
    line.cli("resume")
    wait_until(line.settled)
    assert line.rows("SELECT state, reason FROM answers ORDER BY id")[1:] == [("cancelled", "no_answer_text")]
    assert texted(line, KEVIN) == ("suppress", "no_answer_text")
    assert texted(line, PAUL) == ("suppress", "no_answer_text")  # even during a cooldown
    assert texted(line, LEA, "stop") == ("suppress", "opted_out")
    wrong = json.loads(line.cli("status", "--json", check=False))["trouble"][0]
    assert wrong["words"] == f"{line.folder}/main.txt is empty: nobody is answered."
    assert f"`sudo nano {line.folder}/main.txt`" in wrong["cure"]
    assert given_to(line) == [(PAUL, SENT_AS)]
    write(line, TWO)
    assert codes(line) == ["no_answer_text"]
    reload(line, until=lambda status: TWO in status["in_force"])
    assert codes(line) == []
    assert texted(line, KEVIN) == ("answer", "first_contact")
    assert line.count("SELECT count(*) FROM contacts WHERE reason = 'no_answer_text'") == 2
    assert "no text for it" in line.cli("stats")


def test_numbers_of_a_country_with_a_text_of_its_own_are_answered(line: Line) -> None:
    """An empty file concerns the others only."""
    write(line, "")
    line.configure(answer={"by_country": {"NL": THREE}})
    line.start()
    assert texted(line, GRETA) == ("answer", "first_contact")
    assert texted(line, PAUL) == ("suppress", "no_answer_text")
    assert given_to(line) == [(GRETA, THREE)]
    wrong = json.loads(line.cli("status", "--json", check=False))["trouble"][0]
    assert wrong["words"].endswith("nobody is answered. Numbers of NL have a text of their own.")


@pytest.mark.parametrize("spoil", [b"Arr\xeate", b"", None], ids=["another encoding", "a lone separator", "no file"])
def test_an_unusable_file_leaves_the_old_text_until_a_restart(line: Line, spoil: bytes | None) -> None:
    """A trouble says before that nobody will be answered then."""
    write(line, ONE)
    line.start()
    line.wait_state("ready")
    if spoil is None:
        (line.folder / "main.txt").unlink()
    else:
        write(line, spoil or b"---")
    assert codes(line) == ["answer_differs"]
    reload(line, until=lambda status: status["trouble"])
    assert codes(line) == ["answer_refused"]
    (wrong,) = json.loads(line.cli("status", "--json", check=False))["trouble"]
    assert wrong["words"].startswith(f"{line.folder}/main.txt:1: ")
    assert wrong["words"].endswith(". What is in force stays, and after a restart this line answers nobody.")
    assert wrong["since"]
    assert texted(line, PAUL) == ("answer", "first_contact")
    assert line.stop() == 0
    line.start()
    line.wait_state("ready")
    assert codes(line) == ["no_answer_text"]
    assert texted(line, KEVIN) == ("suppress", "no_answer_text")
    assert "nobody is answered, for the answer's file cannot be used" in line.log_path.read_text()
    reload(line, until=lambda status: status["trouble"])
    assert codes(line) == ["no_answer_text"]
    write(line, TWO)
    reload(line, until=lambda status: TWO in status["in_force"])
    assert codes(line) == []


def test_a_reload_is_all_or_nothing(line: Line) -> None:
    """A text too long for a new limit keeps the old limit.

    The old text is still sent.
    """
    long = "Non ! " * 40
    write(line, long)
    line.start()
    line.wait_state("ready")
    line.configure(answer={"max_segments": 1})
    reload(line, until=lambda status: status["trouble"])
    assert codes(line) == ["answer_refused"]
    assert texted(line, PAUL) == ("answer", "first_contact")
    assert given_to(line) == [(PAUL, long.strip())]


def test_a_changed_file_without_a_reload_is_shown(line: Line) -> None:
    """`status` still ends with 0; `doctor` reports it first."""
    write(line, ONE)
    line.start()
    line.wait_state("ready")
    assert codes(line) == []
    write(line, f"\n{ONE}\n")  # the same text
    assert codes(line) == []
    write(line, TWO)
    shown = line.cli("status")
    assert f"{line.folder}/main.txt is not what is in force" in shown
    first = json.loads(line.cli("doctor", "--json", check=False).splitlines()[0])
    assert (first["check"], first["verdict"]) == ("answer", "warn")
    assert texted(line, PAUL) == ("answer", "first_contact")
    assert given_to(line) == [(PAUL, SENT_AS)]
    write(line, "")
    assert "after a reload or a restart, nobody is answered" in line.cli("status")


def test_requests_without_a_text_are_refused(line: Line) -> None:
    """`send --answer` and `requeue` are refused in the same words."""
    write(line, ONE)
    line.start()
    assert texted(line, PAUL) == ("answer", "first_contact")
    line.cli("pause")
    line.sim.do("deliver", from_=KEVIN, text="coucou")
    wait_until(lambda: line.count("SELECT count(*) FROM answers") == 2)
    line.cli("cancel", "2")
    line.cli("resume")
    write(line, "")
    reload(line, until=lambda status: ONE not in status["in_force"])
    refused = [asked(line, "send", "--answer", LEA), asked(line, "requeue", "2")]
    assert refused[0] == refused[1]
    assert refused[0] == (75, "Error: Refused: the answer has no text.\nHint: Write one: `hotlined")
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    assert asked(line, "send", LEA, "Tout va bien.")[0] in (0, 1)
    assert given_to(line)[0] == (PAUL, SENT_AS)
    assert line.rows("SELECT state FROM answers WHERE contact_id = 2") == [("cancelled",)]


def asked(line: Line, *words: str) -> tuple[int, str]:
    """Run a command; return its exit code and the beginning of its error."""
    from running import CliRunner  # noqa: PLC0415  for this alone

    from hotlined.cli import main  # noqa: PLC0415  the same

    result = CliRunner().invoke(main, ["--config", str(line.config), *words])
    return result.exit_code, result.stderr.partition(" --config")[0]


def test_a_stored_answer_is_sent_again_unchanged(line: Line) -> None:
    """The present content of the file does not matter."""
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    write(line, ONE)
    line.start()
    line.sim.do("deliver", from_=PAUL, text="coucou")
    wait_until(lambda: line.rows("SELECT state FROM answers") == [("unconfirmed",)])
    write(line, "")
    reload(line, until=lambda status: ONE not in status["in_force"])
    line.cli("requeue", "1")
    wait_until(lambda: line.rows("SELECT state FROM answers") == [("sent",)])
    assert given_to(line)[-1] == (PAUL, SENT_AS)


def test_a_former_answer_is_recognised_as_an_echo(line: Line) -> None:
    """No text need be in force any more."""
    write(line, ONE)
    line.start()
    assert texted(line, PAUL) == ("answer", "first_contact")
    write(line, "")
    reload(line, until=lambda status: ONE not in status["in_force"])
    assert texted(line, KEVIN, ONE) == ("suppress", "loop")


# ---- rights to read it


@needs_root
@pytest.mark.parametrize("in_force", [ONE, ""])
def test_a_member_who_cannot_read_the_file_sees_the_daemons_word(in_force: str) -> None:
    """No difference is reported; `nobody is answered` still is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        line = configured(folder, in_force, answer={"max_segments": 1})
        config = load(line.config)
        give(folder)
        say(line, config, modem=ModemStatus("ready"))
        (folder / "main.txt").write_text(TWO)
        (folder / "main.txt").chmod(0o600)
        found = json.loads(MEMBER.hotlined(line.config, "status", "--json").stdout)
        assert [each["code"] for each in found["trouble"]] == ([] if in_force else ["no_answer_text"])
        (folder / "main.txt").chmod(0o640)
        found = json.loads(MEMBER.hotlined(line.config, "status", "--json").stdout)
        assert [each["code"] for each in found["trouble"]] == ["answer_differs" if in_force else "no_answer_text"]
        (folder / "main.txt").chmod(0o600)
        (folder / "run/main/status.json").unlink()
        found = json.loads(MEMBER.hotlined(line.config, "status", "--json").stdout)
        assert [each["code"] for each in found["trouble"]] == ["not_running"]


def test_the_file_is_read_anew_for_each_report(tmp_path: Path) -> None:
    """A desk that stays open reports the same as `status`."""
    line = configured(tmp_path, ONE)
    config = load(line.config)
    (tmp_path / "main.txt").write_text(TWO)
    say(line, load(line.config), modem=ModemStatus("ready"))
    assert report_line(in_force.current(config)).maybe("answer_differs") is None
    (tmp_path / "main.txt").write_text(THREE)
    assert report_line(in_force.current(config)).maybe("answer_differs")


def say(line: Filled, config: configuration.Config, **more: Any) -> None:
    """Write the status file of a living daemon that obeys a configuration."""
    path = line.folder / "run/main/status.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {
        "pid": os.getpid(),
        "config": str(line.config),
        "database": str(line.database),
        "pass_boottime": boottime(),
        "in_force": configuration.in_force(config),
    }
    path.write_text(DaemonStatus(**said | more).to_json())  # type: ignore[arg-type]
