"""Decisions of people on the command line, obeyed by the running daemon."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from conftest import ANSWER, ANSWERS, PATIENCE_SECONDS, SPENT, Line, listens, wait_until
from filled import LEA, Filled
from promised import run
from test_docs import COMMANDS

from hotlined import config as configuration
from hotlined.reports import decided
from hotlined.rules.policy import Reason, WaitingFor
from hotlined.states import Refusal
from hotlined.store.line.line_row import row_of
from hotlined.words.requests import REFUSALS, refusal_in_words, result_in_words
from hotlined.words.times import moment

NUMBER = "+32470123456"


def test_send_goes_through_the_daemon_and_waits_for_the_result(line: Line) -> None:
    """The command ends once the network has taken the text."""
    line.start()
    line.wait_state("ready")

    assert run(line, "send", "0470 12 34 56", "Tout va bien.") == (0, "The text to +32470123456 was sent.\n")
    assert [(sent["recipient"], sent["text"]) for sent in line.submitted()] == [(NUMBER, "Tout va bien.")]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"limits": {"segments": {"hour": 0}}}, "Refused: there is no room in the hour's budget."),
        ({"numbers": {"blocked": [NUMBER]}}, "Refused: the number is blocked."),
        ({"numbers": {"blocked": [NUMBER]}}, "or names the other line or the configuration that has it blocked."),
        ({"answer": {"max_segments": 1}}, "text check` says what a text takes"),
    ],
)
def test_send_is_refused_by_limits(line: Line, settings: dict[str, object], words: str) -> None:
    """The refusal comes at once, with 75 and the reason."""
    line.configure(**settings)
    line.start()
    line.wait_state("ready")
    code, output = run(line, "send", NUMBER, "x" * 200 if "answer" in settings else "x")

    assert code == 75
    assert words in " ".join(output.split())
    assert line.submitted() == []


def test_unblock_says_when_nothing_was_to_lift(line: Line) -> None:
    """Blocks and opt-outs have different words; no event is recorded."""
    line.start()
    line.wait_state("ready")

    assert line.cli("unblock", NUMBER) == f"{NUMBER} was not blocked.\n"
    assert line.cli("unblock", "--opted-out", "--yes", NUMBER) == f"{NUMBER} had not opted out: nothing has changed.\n"
    assert line.rows("SELECT * FROM numbers") == []
    assert line.rows("SELECT kind FROM events WHERE kind IN ('unblock', 'optout_lifted')") == []
    line.cli("block", NUMBER)
    assert line.cli("unblock", NUMBER) == f"{NUMBER} is not blocked any more.\n"


def test_a_number_blocked_in_the_configuration_stays_blocked(tmp_path: Path) -> None:
    """`unblock` says only that, without contradicting itself."""
    filled = Filled(tmp_path, numbers={"blocked": [NUMBER]})
    with filled.db:
        filled.run("block", NUMBER)
        said = filled.run("unblock", NUMBER).stdout

    assert said == f"{NUMBER} is still blocked: it is in numbers.blocked of the configuration.\n"


def opted_out(folder: Path) -> Filled:
    """Return a line whose number has opted out."""
    filled = Filled(folder)
    filled.judge(filled.text("STOP"))
    return filled


def test_unblocking_leaves_an_opt_out_and_says_so(tmp_path: Path) -> None:
    """The output names the command that lifts the opt-out."""
    filled = opted_out(tmp_path)
    with filled.db:
        filled.run("block", NUMBER)
        said = filled.run("unblock", NUMBER).stdout

        assert said == (
            f"{NUMBER} is not blocked any more. It has opted out, and stays so: `hotlined --config {filled.config}"
            f" unblock --opted-out {NUMBER}` lifts that.\n"
        )
        assert filled.judge(filled.text()).reason is Reason.OPTED_OUT


def test_an_opt_out_is_lifted_when_somebody_says_yes_and_it_is_recorded(tmp_path: Path) -> None:
    """`--yes` confirms without a terminal; a block stays."""
    filled = opted_out(tmp_path)
    with filled.db:
        filled.run("block", NUMBER)
        asked = filled.run("unblock", "--opted-out", NUMBER)
        assert asked.exit_code == 2
        assert "unblock --opted-out NUMBER --yes` does not ask." in asked.stderr
        assert filled.run("show", NUMBER).stdout.count("; opted out, ") == 1
        lifted = filled.run("unblock", "--opted-out", "--yes", NUMBER)

        assert lifted.stdout == (
            f"The opt-out of {NUMBER} is lifted. It is still blocked: `hotlined --config {filled.config}"
            f" unblock {NUMBER}` ends that.\n"
        )
        events = json.loads(filled.run("export", NUMBER, "--json").stdout)["events"]
        (event,) = (each for each in events if each["kind"] == "optout_lifted")
        assert event["who"]
        filled.run("unblock", NUMBER)
        assert filled.judge(filled.text()).reason is Reason.FIRST_CONTACT


@pytest.mark.parametrize(("typed", "lifted"), [("oui", True), ("non", False)])
def test_lifting_an_opt_out_asks(tmp_path: Path, typed: str, *, lifted: bool) -> None:
    """Any answer but yes leaves the opt-out, on a terminal."""
    filled = opted_out(tmp_path)
    ours, theirs = pty.openpty()
    os.write(ours, f"{typed}\n".encode())
    command = [sys.executable, "-m", "hotlined", "--config", str(filled.config), "unblock", "--opted-out", NUMBER]
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(theirs)

    assert f"{NUMBER} asked not to be answered any more. Answer it again? [y/N]" in done.stdout
    with filled.db:
        assert (filled.judge(filled.text()).reason is Reason.FIRST_CONTACT) is lifted


def test_requeue_sends_a_text_by_hand_again(line: Line) -> None:
    """The text keeps its ID, and is counted again."""
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    line.start()
    line.wait_state("ready")
    code, said = run(line, "send", NUMBER, "Tout va bien.")
    assert (code, "Error: perhaps sent" in said) == (1, True), said
    assert line.rows("SELECT state FROM answers") == [("unconfirmed",)]
    assert line.cli("requeue", "h1") == "The text h1 is queued again.\n"
    wait_until(lambda: line.rows("SELECT state FROM answers") == [("sent",)])

    assert [message["text"] for message in line.submitted()] == ["Tout va bien."] * 2
    assert line.count(SPENT) == 2
    assert run(line, "requeue", "h1")[0] == 75


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((NUMBER,), "Give a TEXT, or --answer."),
        ((NUMBER, " "), "Give a TEXT, or --answer."),
        ((NUMBER, "un", "--answer"), "give no TEXT"),
        (("--answer",), "NUMBER"),
    ],
)
def test_send_takes_a_text_or_the_answer_not_both(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """`send --answer` takes none; a blank one, such as an unset variable of a script, would cost as much as any."""
    filled = Filled(tmp_path)
    filled.db.close()
    done = filled.run("send", *words)

    assert done.exit_code == 2
    assert said in done.stderr


def test_a_balance_without_a_code_names_the_key(line: Line) -> None:
    """The hint says which key to set, whatever the budgets."""
    line.start()
    line.wait_state("ready")
    code, output = run(line, "sim", "balance")

    assert code == 75
    assert "Refused: credit.ussd is not configured." in output
    assert re.search(r"Hint: .*credit\.ussd", output)
    assert "hotlined status" not in output


def test_every_refusal_has_words_and_a_cure() -> None:
    """The codes differ from those of verdicts and waits."""
    assert set(REFUSALS) == set(Refusal)
    assert not {*Refusal} & {*Reason, *WaitingFor}
    values = json.dumps({"state": "failed", "reason": "cms_38", "segments": 4, "most": 3, "problem": "it is no number"})
    for refusal in Refusal:
        words, cure = refusal_in_words(refusal, values)
        assert words == result_in_words(refusal, values)
        assert not {"{", "…"} & set(words)
        assert cure.endswith(".")
    assert refusal_in_words("too_many_segments", values)[0] == "4 segments, and answer.max_segments is 3"


@pytest.mark.parametrize("command", [("send", NUMBER, "x"), ("selftest",), ("sim", "balance")])
def test_send_without_a_daemon_is_refused(line: Line, command: tuple[str, ...]) -> None:
    """Nothing is left that a later start would send."""
    line.configure(line_number=NUMBER, credit={"ussd": "*100#"})
    line.start()
    line.wait_state("ready")
    line.stop()

    assert run(line, *command)[0] == 69
    assert line.count("SELECT count(*) FROM requests") == 0


def interrupted(line: Line, until: Callable[[], object], *command: str) -> tuple[int, str]:
    """Run a command, press Ctrl-C once a condition holds; return its exit code and everything it printed."""
    typed = [sys.executable, "-m", "hotlined", "--config", str(line.config), *command]
    with subprocess.Popen(typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as waiting:
        wait_until(until)
        waiting.send_signal(signal.SIGINT)
        output, _ = waiting.communicate(timeout=PATIENCE_SECONDS)
    return waiting.returncode, " ".join(output.split())


@pytest.mark.parametrize("command", [("send", NUMBER, "x"), ("send", "--answer", NUMBER), ("selftest",)])
def test_ctrl_c_withdraws_a_text_not_yet_begun(line: Line, command: tuple[str, ...]) -> None:
    """A daemon that was stopped does not send it later."""
    line.configure(line_number="+32460209399")
    line.start()
    line.wait_state("ready")
    assert line.daemon
    line.daemon.send_signal(signal.SIGSTOP)
    said = interrupted(line, lambda: line.count("SELECT count(*) FROM requests WHERE state = 'open'"), *command)
    line.daemon.send_signal(signal.SIGCONT)

    assert said == (130, "Withdrawn: nothing has left.")
    assert run(line, "send", "+32470999999", "y")[0] == 0
    assert [sent["recipient"] for sent in line.submitted()] == ["+32470999999"]


@pytest.mark.parametrize(
    ("text", "left", "said"),
    [("x", 0, "Withdrawn: nothing has left."), ("y" * 200, 1, "Withdrawn; a part of it has left.")],
)
def test_ctrl_c_withdraws_a_text_that_waits_or_is_half_sent(line: Line, text: str, left: int, said: str) -> None:
    """The command says whether a part has left."""
    line.configure(modem={"send_interval": "10m"})
    line.start()
    line.wait_state("ready")
    assert left or run(line, "send", "+32470999999", "first")[0] == 0
    queued = "SELECT count(*) FROM answers WHERE state IN ('queued', 'sending') AND recipient = ?"
    waits = f"{queued} AND {left} = (SELECT count(*) FROM answer_segments WHERE state = 'sent') * {int(bool(left))}"

    assert interrupted(line, lambda: line.count(waits, NUMBER), "send", NUMBER, text) == (130, said)
    assert line.rows("SELECT state, reason FROM answers WHERE recipient = ?", NUMBER) == [
        ("failed" if left else "cancelled", "person")
    ]
    assert len(line.submitted()) == 1


def test_ctrl_c_waits_for_a_slow_control_program(line: Line) -> None:
    """No request may stay unknown to the command."""
    line.start()
    line.wait_state("ready")
    assert line.daemon
    line.daemon.send_signal(signal.SIGSTOP)
    path = line.folder / "run-control" / "main.sock"
    path.parent.mkdir()
    typed = [sys.executable, "-m", "hotlined", "--config", str(line.config)]
    with subprocess.Popen([*typed, "control", "--socket", str(path)]) as control:
        wait_until(lambda: listens(path))
        control.send_signal(signal.SIGSTOP)
        with subprocess.Popen([*typed, "send", NUMBER, "x"], stderr=subprocess.PIPE, text=True) as sending:
            wait_until(lambda: int(_status(sending.pid)["SigBlk"], 16) & 1 << signal.SIGINT - 1)
            sending.send_signal(signal.SIGINT)
            control.send_signal(signal.SIGCONT)
            _, said = sending.communicate(timeout=PATIENCE_SECONDS)
        control.terminate()
    line.daemon.send_signal(signal.SIGCONT)

    assert (sending.returncode, said) == (130, "Withdrawn: nothing has left.\n")
    assert line.rows("SELECT state FROM requests") == [("expired",)]


def _status(pid: int) -> dict[str, str]:
    """Return the kernel's status of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


def test_ctrl_c_says_when_a_text_has_left(line: Line) -> None:
    """A text on its way and a sent self-test go on."""
    line.configure(line_number="+32460209399")
    line.start()
    line.wait_state("ready")
    line.sim.do("fault", kind="no_result", count=1)
    submitting = "SELECT count(*) FROM answer_segments WHERE state = 'submitting'"
    said = interrupted(line, lambda: line.count(submitting), "send", NUMBER, "x")
    assert said == (130, "The text h1 is being sent. It cannot be withdrawn any more.")

    wait_until(lambda: line.rows("SELECT state FROM answers") == [("unconfirmed",)])
    code, output = interrupted(
        line, lambda: line.count("SELECT count(*) FROM answers WHERE state = 'sent'"), "selftest"
    )
    assert code == 130
    assert "It has left: `hotlined --config" in output or "was sent. It cannot be withdrawn any more." in output


@pytest.mark.parametrize(
    "command", [("send", NUMBER, "x"), ("send", "--answer", NUMBER), ("sim", "balance"), ("selftest",)]
)
def test_a_command_that_needs_the_modem_ends_at_once_without_one(line: Line, command: tuple[str, ...]) -> None:
    """The output has the trouble and its cure."""
    line.configure(line_number=NUMBER, credit={"ussd": "*100#"})
    line.sim.do("unplug")
    line.start()
    line.wait_state("absent")
    code, output = run(line, *command)

    assert code == 69
    assert "The modem is not plugged in, or does not answer." in output
    assert "Hint: Plug the stick in again" in output
    assert line.count("SELECT count(*) FROM requests") == 0


def test_pause_holds_and_resume_lets_go(line: Line) -> None:
    """Texts are recorded and judged while paused, and not answered."""
    line.start()
    line.wait_state("ready")
    line.cli("pause")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS) == [("queued", None, "paused")])
    assert line.submitted() == []
    said = line.cli("resume")
    assert re.match(r"1 answer waits, since [^:]+ [0-9:]+: it goes out\. .*\nAnswers go out again\.\n", said)
    wait_until(lambda: line.rows(ANSWERS) == [("sent", None, None)])
    assert line.cli("resume") == "It was not paused.\n"
    line.cli("pause")
    line.stop()
    assert line.cli("resume") == "The daemon does not run. Answers go out again when you start it.\n"


@pytest.mark.parametrize(("typed", "goes"), [("oui", True), ("non", False)])
def test_resume_says_how_many_wait_since_when_and_asks(tmp_path: Path, typed: str, *, goes: bool) -> None:
    """Any answer but yes leaves the pause, on a terminal; what is too old to leave is not counted."""
    filled = Filled(tmp_path)
    with filled.db:
        for sender in (NUMBER, "+32470123457", LEA):
            filled.judge(filled.text(sender=sender))
        with filled.db.transaction():
            filled.db.execute("UPDATE answers SET age_limit = age_limit - 90000 WHERE id = 1")
        since = moment(filled.db.value("SELECT queued_at FROM answers WHERE id = 2"))
        filled.run("pause")
        ours, theirs = pty.openpty()
        os.write(ours, f"{typed}\n".encode())
        command = [sys.executable, "-m", "hotlined", "--config", str(filled.config), "resume"]
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)
        os.close(ours)
        os.close(theirs)

        shown = " ".join(done.stdout.split())
        assert shown.startswith(f"2 answers wait, the first since {since}: they go out. ")
        assert f"`hotlined --config {filled.config} resume --cancel` drops them." in shown
        assert "Let answers go out again? [y/N]" in shown
        assert done.stderr == ("" if goes else "Nothing has changed.\n")
        assert row_of(filled.db).is_paused is not goes
        assert [row["answer"]["state"] for row in filled.log()] == ["queued"] * 3


def test_an_answer_that_was_asked_for_again_waits_since_then(tmp_path: Path) -> None:
    """The figures before `resume` do not name the time at which it was first queued."""
    filled = Filled(tmp_path)
    with filled.db:
        contact = filled.judge(filled.text())
        assert contact.answer
        filled.send([None])
        filled.run("pause")
        filled.run("requeue", "1")
        again = filled.db.value("SELECT at FROM events WHERE kind = 'requeue'")

        assert filled.run("resume").stdout.startswith(f"1 answer waits, since {moment(again)}: it goes out.")


@pytest.mark.parametrize(
    ("hour", "sim_changed_at", "words"),
    [(0, None, "0 of 0 segments are spent"), (9, "2026-11-24T22:00:00Z", "Another stick or SIM is in")],
)
def test_resume_says_what_goes_on_holding_answers_back(
    tmp_path: Path, hour: int, sim_changed_at: str | None, words: str
) -> None:
    """The figures and the result promise nothing while another SIM is in, or a window is full."""
    filled = Filled(tmp_path, limits={"segments": {"hour": hour}})
    with filled.db:
        filled.judge(filled.text())
        with filled.db.transaction():
            filled.db.execute("UPDATE line_state SET sim_changed_at = ?", sim_changed_at)
        filled.daemon_runs(sim_changed=bool(sim_changed_at))
        filled.run("pause")
        before, after = filled.run("resume").stdout.splitlines()

    assert before.startswith(f"1 answer waits. {words}")
    assert after.startswith(words)


def test_resume_can_drop_what_waits(tmp_path: Path) -> None:
    """Each answer ends as if this person had cancelled it; what was received can be answered again."""
    filled = Filled(tmp_path)
    with filled.db:
        for sender in (NUMBER, LEA):
            filled.judge(filled.text(sender=sender))
        filled.run("pause")
        done = filled.run("resume", "--cancel")

        assert done.stdout == (
            "2 answers that waited are cancelled. The daemon does not run. Answers go out again when you start it.\n"
        )
        assert [(row["answer"]["state"], row["answer"]["reason"]) for row in filled.log()] == [
            ("cancelled", "person")
        ] * 2
        assert [row["contact_id"] for row in filled.db.all("SELECT contact_id FROM events WHERE kind = 'cancel'")] == [
            1,
            2,
        ]
        assert not row_of(filled.db).is_paused
        assert filled.judge(filled.text()).reason is Reason.FIRST_CONTACT


def test_a_line_that_is_not_paused_drops_nothing(tmp_path: Path) -> None:
    """Its answers only wait for their time; `resume --cancel` says that there was no pause, and how many wait."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.judge(filled.text())

        said = filled.run("resume", "--cancel").stdout
        assert said == "It was not paused. Nothing is cancelled: 1 answer waits for its time.\n"
        assert [row["answer"]["state"] for row in filled.log()] == ["queued"]


def test_a_block_cancels_what_is_queued_and_unblock_undoes_it(line: Line) -> None:
    """A later text is answered once the number is unblocked."""
    line.configure(answer={"delay": "2s"})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS))
    line.cli("block", NUMBER)
    wait_until(lambda: line.rows(ANSWERS) == [("cancelled", "blocked", None)])
    line.cli("unblock", NUMBER)
    line.sim.do("deliver", from_=NUMBER, text="deux")
    wait_until(lambda: [message["text"] for message in line.submitted()] == [ANSWER])


def test_requeue_sends_an_unconfirmed_answer_again(line: Line) -> None:
    """The whole answer goes; its first count stays.

    The decision is recorded.
    """
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS) and line.rows(ANSWERS)[0][0] == "unconfirmed")
    line.cli("requeue", "1")
    wait_until(lambda: line.rows(ANSWERS)[0][0] == "sent")

    assert len(line.submitted()) == 2
    assert line.count(SPENT) == 2
    assert line.count("SELECT count(*) FROM events WHERE kind = 'requeue'") == 1
    assert run(line, "requeue", "1")[0] == 75


def test_requeue_since_says_how_many_and_asks(tmp_path: Path) -> None:
    """`--yes` does it where nobody can be asked; whom it leaves out is counted."""
    filled = Filled(tmp_path)
    with filled.db:
        for sender in (NUMBER, "+32470123457"):
            filled.judge(filled.text(sender=sender))
            filled.send([None])
        filled.run("block", "+32470123457")
        asked = filled.run("requeue", "--since", "2026-11-24")
        assert asked.exit_code == 2
        assert "requeue --since WHEN --yes` does not ask." in asked.stderr
        assert [row["answer"]["state"] for row in filled.log()] == ["unconfirmed"] * 2
        done = filled.run("requeue", "--since", "2026-11-24", "--yes")

        assert done.stdout == "1 answer is queued again. Left out: 1 number that is blocked.\n"
        assert [row["answer"]["state"] for row in filled.log()] == ["queued", "unconfirmed"]
        nothing = filled.run("requeue", "--since", "2026-11-24")
        assert nothing.stdout == (
            "Nothing that was perhaps sent since then can be sent again. Left out: 1 number that is blocked.\n"
        )
        assert [filled.run(*words).exit_code for words in (["requeue"], ["requeue", "1", "--since", "1h"])] == [2, 2]


def test_requeue_since_tells_a_person_what_it_may_do(tmp_path: Path) -> None:
    """The question says how many, from when, and that some may have arrived; no is an answer."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.judge(filled.text(sender=NUMBER))
        filled.send([None])
        question = " ".join(decided.requeue_question(decided.perhaps_sent(configuration.load(filled.config), "2026")))

        assert re.fullmatch(
            r"1 answer was perhaps sent, at 24 Nov.*: it is sent again\. It may have arrived: then its recipient"
            r" gets it twice\. Send it again\?",
            question,
        )


@pytest.mark.parametrize("command", ["requeue", "cancel"])
def test_an_unknown_contact_differs_from_one_without_an_answer(tmp_path: Path, command: str) -> None:
    """The first ends with 1, the second with 75."""
    filled = Filled(tmp_path)
    contact = filled.text("Ma liste", sender="8850")
    with filled.db:
        filled.judge(contact)

    missing, unanswered = filled.run(command, "99"), filled.run(command, str(contact))
    assert (missing.exit_code, unanswered.exit_code) == (1, 75)
    assert "There is no contact 99." in missing.stderr
    assert f"Contact {contact} has no answer." in unanswered.stderr
    assert f"Hint: `hotlined --config {filled.config} show {contact}` says why." in unanswered.stderr


def test_pause_says_how_it_ends_and_what_becomes_stale(tmp_path: Path) -> None:
    """A second pause says who paused first, and since when."""
    filled = Filled(tmp_path)
    with filled.db:
        first, second = filled.run("pause"), filled.run("pause")

    for said in (first, second):
        assert f"`hotlined --config {filled.config} resume` ends the pause." in said.output
        assert "1d after its text came is cancelled" in said.output
    assert first.output.startswith("Paused: nothing is sent")
    assert re.match("It was paused already since [0-9]+ [A-Z][a-z]+ [0-9:]+, by .+: nothing", second.output)


def test_a_text_without_quotes_is_refused_with_advice(tmp_path: Path) -> None:
    """Such a text is several arguments: the error shows it quoted."""
    filled = Filled(tmp_path)
    filled.db.close()
    said = filled.run("send", "0470123456", "coucou", "l'ami")

    assert said.exit_code == 2
    assert f"""Hint: `hotlined --config {filled.config} send 0470123456 "coucou l'ami"`""" in said.stderr


@pytest.mark.parametrize(("typed", "erased"), [("oui", True), ("J", True), ("y", True), ("non", False), ("", False)])
def test_yes_may_be_said_in_the_languages_of_the_line(tmp_path: Path, typed: str, *, erased: bool) -> None:
    """`forget` takes o, oui, j, ja and y; all else means no."""
    filled = Filled(tmp_path)
    filled.text()
    ours, theirs = pty.openpty()
    os.write(ours, f"{typed}\n".encode())
    command = [sys.executable, "-m", "hotlined", "--config", str(filled.config), "forget", NUMBER]
    subprocess.run(command, stdin=theirs, capture_output=True, check=False)
    os.close(ours)
    os.close(theirs)

    with filled.db:
        assert (filled.log() == []) is erased


def test_nothing_is_sent_to_a_short_code(tmp_path: Path) -> None:
    """The refusal says that short codes are never answered."""
    filled = Filled(tmp_path)
    filled.db.close()
    said = filled.run("send", "8850", "Bonjour")

    assert said.exit_code == 2
    assert "'8850' is a short code, no telephone number." in said.stderr
    assert "never answered" in said.stderr


def test_send_answer_to_a_number_whose_answer_waits_is_refused(line: Line) -> None:
    """The hint says that the waiting answer can be cancelled."""
    line.configure(answer={"delay": "1h"})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS))
    code, said = run(line, "send", "--answer", NUMBER)

    assert code == 75
    assert "Refused: an answer to this number is queued already." in said
    assert "cancel ID`" in said


def test_a_selftest_is_a_text_to_oneself_that_comes_back(line: Line) -> None:
    """The line does not answer it."""
    line.start()
    line.wait_state("ready")
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "selftest"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as selftest:
        (sent,) = wait_until(line.submitted)
        line.sim.do("deliver", from_=sent["recipient"], text=sent["text"])
        output, _ = selftest.communicate()

    assert selftest.returncode == 0
    assert "The line works" in output
    assert sent["recipient"] == "+32460209399"
    wait_until(lambda: line.rows("SELECT reason FROM contacts") == [("own_number",)])


def test_a_number_can_come_from_the_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command with a number reads its first line for `-`."""
    monkeypatch.chdir(tmp_path)  # where export and evidence make their file
    filled = Filled(tmp_path)
    with filled.db:
        filled.text()
    taking = {
        name: [argument.name for argument in command.params if isinstance(argument, click.Argument)]
        for name, command in COMMANDS.items()
        if any(isinstance(argument, click.Argument) and argument.name == "number" for argument in command.params)
    }
    assert len(taking) == 6
    optional = [name for name, command in COMMANDS.items() if any("--number" in each.opts for each in command.params)]
    assert optional == ["log", "show"]
    taking |= {"log --number": [""], "show --number": [""], "show": [""]}
    for name in sorted(taking):
        words = [*name.split(), "-", *["Bonjour"] * (len(taking[name]) - 1)]
        for typed, said in ((f"{NUMBER}\n", ""), ("", "no number in the first line"), ("\n", "no number in the first")):
            output = " ".join(filled.run(*words, input=typed).output.split())
            assert ("no number in the first" in output) == bool(said), (name, output)


@pytest.mark.parametrize(
    ("spelled", "third"),
    [
        ("0471222333", "+32471222333"),
        ("+4512345678", "+4512345678"),
        ("8888", "8888"),
        ("~0123456789a", LEA),
        ("withheld", LEA),
        ("-", LEA),
    ],
)
def test_a_name_that_spells_somebody_else_is_written_in_quotes(tmp_path: Path, spelled: str, third: str) -> None:
    """With them every command reaches the name, and without them never."""
    filled = Filled(tmp_path)
    with filled.db:
        other = filled.text("je suis un tiers", third)
        named = filled.text("menace sous un nom", name := f"“{spelled}”")

        def kept() -> list[int]:
            return [contact["id"] for contact in filled.log("--kept")]

        assert [contact["originator"] for contact in filled.log()] == [third, name]
        shown = json.loads(filled.run("show", "--json", "--number", name).stdout)
        assert [contact["id"] for contact in shown["history"]] == [named]
        assert [contact["id"] for contact in filled.log("--number", name)] == [named]
        assert f"{name} is blocked" in filled.run("block", name).stdout
        assert [row["number"] for row in filled.db.all("SELECT number FROM numbers")] == [name]
        exported = json.loads(filled.run("export", "--json", name).stdout)
        assert [contact["id"] for contact in exported["contacts"]] == [named]
        filled.evidence(name, tmp_path / "evidence")
        assert kept() == [named]
        filled.run("forget", "--yes", "--", spelled, input=spelled)
        assert kept() == [named]
        assert filled.run("forget", "--yes", name).exit_code == 0
        assert {contact["id"] for contact in filled.log()} <= {other}
