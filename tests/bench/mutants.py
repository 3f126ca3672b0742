"""Breaks the rules of the money path on purpose, one at a time, and runs the tests of their rooms: `scripts/mutants`.

A mutant is a text in a module and its replacement. Mutants that no test finds are printed: there have to be none. A
missing text ends the program before anything runs: a change of a rule needs a change of its mutant.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).parents[2]
TESTS = {
    "policy.py": ("test_policy.py", "store/test_rules.py", "store/test_store.py", "store/test_money.py"),
    "clock.py": ("store/test_store.py", "store/test_money.py"),
    "breaker.py": ("test_breaker.py", "daemon/test_outages.py", "store/test_rules.py", "store/test_money.py"),
    "recognition.py": ("test_recognition.py", "test_policy.py", "alerts/test_words_met.py"),
    "gsm/responses.py": ("gsm/test_responses.py", "doctor/test_doctor.py", "gsm/test_habits.py", "gsm/test_answers.py"),
    "store/answers/windows.py": ("store/test_counting.py", "store/test_rules.py", "cli/test_cli_limits.py"),
    "store/answers/queue.py": (
        "store/test_rules.py",
        "store/test_store.py",
        "store/test_asked_again.py",
        "daemon/test_sending_played.py",
    ),
    "store/answers/gate.py": ("store/test_rules.py", "store/test_store.py", "store/test_asked_again.py"),
    "store/answers/fates.py": ("store/test_rules.py", "store/test_store.py", "store/test_asked_again.py"),
    "store/line/reception.py": ("daemon/test_texting_itself.py", "reports/test_selftest.py"),
    "daemon/judging.py": ("daemon/test_sending_played.py",),
    "daemon/requesting.py": ("daemon/test_sending_played.py",),
    "daemon/sending.py": ("daemon/test_sending_played.py",),
}
"""For each module of hotlined: the tests that have to find its mutants, the quickest first."""


class Mutant(NamedTuple):
    """A text of a module, and its replacement."""

    module: str
    before: str
    after: str


def _of(module: str, *changes: tuple[str, str]) -> Iterator[Mutant]:
    return (Mutant(module, before, after) for before, after in changes)


MUTANTS = (
    *_of(
        "policy.py",
        ("LONG_TEXT = 40", "LONG_TEXT = 400"),
        ("SAME_SHORT_TEXTS = 3", "SAME_SHORT_TEXTS = 4"),
        ('"day": 86400.0', '"day": 8640.0'),
        ("        (not _is_answered(contact.kind, rules), Reason.NOT_TEXT),\n", ""),
        (
            "        (identity.originator in rules.own_numbers, Reason.OWN_NUMBER),\n        (identity.e164",
            "        (identity.e164",
        ),
        ("or identity.line_type not in ANSWERABLE_LINES", ""),
        (
            "        (_blocked(identity.originator, history, rules), Reason.BLOCKED),\n        (history.opted_out or",
            "        (history.opted_out or",
        ),
        ("history.opted_out or contact.opts_out", "history.opted_out"),
        ("        (is_loop(contact.text, history, rules), Reason.LOOP),\n", ""),
        ("        (contact.age > rules.max_age, Reason.STALE),\n", ""),
        ("        (history.pending, Reason.PENDING),\n", ""),
        ("        (history.answers >= rules.limits.per_number", "        (history.answers > rules.limits.per_number"),
        ("history.opted_out and not answer.by_hand", "history.opted_out and answer.by_hand"),
        ("answer.age > rules.max_age and not answer.begun", "answer.age > rules.max_age"),
        ("fresh and answer.segments > rules.max_segments", "fresh and answer.segments >= rules.max_segments"),
        ("        (fresh and history.answers >= rules.limits.per_number, Reason.PER_NUMBER),\n", ""),
        ("        (fresh and cooldown_left(history, rules.limits, now) > 0, Reason.COOLDOWN),\n", ""),
        ("    if history.hidden:\n", "    if False:\n"),
        ("    if line is LineHold.PAUSED:\n", "    if False:\n"),
        ("if line is not None and not answer.by_hand:", "if line is not None:"),
        ("known = history.known or answer.known", "known = history.known"),
        ("    if answer.begun:\n        return Pass(known)\n", ""),
        ("spent[name].total + segments > limit", "spent[name].total + segments >= limit"),
        ("if known and spent[name].known", "if not known and spent[name].known"),
        ("math.floor(limit", "math.ceil(limit"),
        ("len(limits.cooldown)) - 1]", "len(limits.cooldown)) - 2]"),
        ("self.before_payload or any(", "any("),
        ("range(1, 128)} - {38})", "range(1, 128)})"),
        ("EITHERS = frozenset({1, 21,", "EITHERS = frozenset({21,"),
        ("MODEM_REFUSED = range(300, 332)", "MODEM_REFUSED = range(300, 600)"),
        ("counted > MOST_REFUSALS", "counted >= MOST_REFUSALS"),
        ("self.counted + self.others_left", "self.counted + 1"),
        ("not {number, history.other}", "not {number}"),
        ("AtFault.RECIPIENT:\n        return Fate.FAILED", "AtFault.RECIPIENT:\n        return Fate.RETRY"),
    ),
    *_of(
        "clock.py",
        ("max(since_arrival, now.newest - scts)", "since_arrival"),
        ("self._known = now.newest", "self._known = now.utc"),
    ),
    *_of(
        "breaker.py",
        ("ROW = 3\n", "ROW = 4\n"),
        ("AMONG, FAILURES = 10, 6", "AMONG, FAILURES = 10, 8"),
        ("TRIALS_AT_ONCE = 3", "TRIALS_AT_ONCE = 2"),
        ("SHARED_FROM = 3", "SHARED_FROM = 30"),
        ("self.refused > 0 and now < self.due", "self.refused > 0"),
        ("now >= self.last_trial + gap)", "now >= self.last_trial)"),
        ("every - {Outcome.DECLINED} if taken_lately else every", "every"),
        ("len({attempt.recipient for attempt in run}) >= ROW", "len(run) >= ROW"),
        ("2 * sum(attempt.barred", "4 * sum(attempt.barred"),
        ("len(last) == AMONG and all(", "len(last) == AMONG and any("),
        ("latest.setdefault(attempt.answer_id, attempt)", "latest[attempt.answer_id] = attempt"),
        ("max(0, breaker.rounds - 1), due=now)", "max(0, breaker.rounds - 1))"),
        ("certainly_not_sent and refused < TRIALS_AT_ONCE", "refused < TRIALS_AT_ONCE"),
        ("else max(now, breaker.last_trial + gap)", "else now"),
    ),
    *_of(
        "recognition.py",
        ("SHARED_RUN = 24", "SHARED_RUN = 48"),
        ('.replace("œ", "oe")', ""),
        ("opted or word in wanted", "True"),
        ("((*_OPT_OUT, *more_words), _POLITE)", "(tuple(more_words) or _OPT_OUT, _POLITE)"),
        ("filter(str.isalpha, _decomposed", "filter(str.isalnum, _decomposed"),
        (" or sought in letters]", "]"),
        ('"Mn", "Me", "Cf", "Sk"', '"Mn", "Me", "Sk"'),
        ("bool(ours) and text == ours", "bool(ours) and ours in text"),
    ),
    *_of(
        "gsm/responses.py",
        ("BUSY = frozenset({314, 515})", "BUSY = frozenset({314})"),
        ("    3: Registration.DENIED,\n", "    3: Registration.SEARCHING,\n"),
        ("return max(one, other, key=", "return min(one, other, key="),
        ("int(rssi) <= 31 else None", "int(rssi) <= 99 else None"),
        ("return entry if _has_its_length(entry) else None", "return entry"),
        ('match["wants"] == "1"', 'match["wants"] != "0"'),
        ("int(services or VOICE) & VOICE", "VOICE"),
        ("& 3 == 1 else 1", "& 3 == 0 else 1"),
        (r"\d\s*,\s*[23]", r"\d\s*,\s*[3]"),
    ),
    *_of(
        "store/answers/windows.py",
        ("FILTER (WHERE at > :hour AND is_known)", "FILTER (WHERE at > :hour)"),
        ("FILTER (WHERE at > :day) AS day", "FILTER (WHERE at > :hour) AS day"),
        ("WHERE s.state = '{SegmentState.WAITING}'\n", "WHERE false\n"),
        ("            if segments > most:\n                return math.inf\n", ""),
        ("            self.known += [at] * segments\n", "            pass\n"),
    ),
    *_of(
        "store/answers/queue.py",
        ("age_limit DESC, id DESC", "age_limit, id"),
        ("age_limit DESC, id DESC", "age_limit DESC, id"),
        ("age_limit DESC, id DESC", "due_limit DESC, id DESC"),
        ("ORDER BY due_limit, id LIMIT 1", "ORDER BY due_limit DESC, id DESC LIMIT 1"),
        ("share = '{{0}}' AND due_limit <= :now", "share = '{{0}}' AND :now"),
        (') AND NOT {breakers.WAITS_BY_ITSELF}"\n    " {2}', ')"\n    " {2}'),
        (
            "AND share IN {states.listed(Share)} AND age_limit < ?",
            "AND share IN {states.listed(Share)} AND due_limit < ?",
        ),
    ),
    *_of(
        "store/answers/gate.py",
        ("excepted = self.trial or rest_of_trial", "excepted = self.trial"),
        ('known=row["left_before"] or row["by_hand"] == ByHand.ANSWER', 'known=row["left_before"]'),
        ('skips_number_limits=row["asked_by"] is not None', "skips_number_limits=False"),
        ("compose(history.answers,", "compose(0,"),
        ("Share.KNOWN if passed.known else Share.NEW", "Share.NEW"),
        ("now, more=before)", "now)"),
        ('if moment and not answer["asked_by"] else None', "if moment else None"),
        (', other=row["other_originator"])', ")"),
    ),
    *_of(
        "store/answers/fates.py",
        ('fate is Fate.RETRY and not answer["by_hand"]', "fate is Fate.RETRY"),
        (" and not lifecycle.has_left(db, begun.attempt_id)\n", "\n"),
        ("if is_recipients or result.fault is policy.AtFault.RECIPIENT:", "if is_recipients:"),
        ("Outcome.DECLINED if result.by_network else Outcome.REFUSED", "Outcome.REFUSED"),
        ("goes_on = again and half_sent", "goes_on = again"),
        ("AND a.recipient <> ?", "AND (1 OR a.recipient = ?)"),
        ("Outcome.NO_EVIDENCE if same_boot else Outcome.UNCONFIRMED", "Outcome.UNCONFIRMED"),
        ("<= late_within", "<= 1e9"),
        ("return another is not None", "return False"),
        ("AND id <> ? AND submitted_limit > ?", "AND id <> ? AND submitted_limit <> ?"),
        ("        AttemptCause.CRASHED,\n    )\n    return another", "        None,\n    )\n    return another"),
        ("if len(unconfirmed) == 1 else None", "if unconfirmed else None"),
        ("    if later or erased:\n", "    if erased:\n"),
        ("digits >= 7", "digits >= 1"),
    ),
    *_of("store/answers/queue.py", ("now.newest - max_age", "now.known - 2 * max_age")),
    *_of("store/answers/queue.py", ("(a.due_limit <= ? OR a.refusals > 0)", "(a.due_limit <= ? OR 1)")),
    *_of(
        "store/line/reception.py",
        ("if test.lost_at is None or test.back_at is None:", "if test.lost_at is None:"),
        ("timing.selftest_again, every.total_seconds())", "timing.selftest_again, timing.selftest_again)"),
        ("        SelftestObstacle.NO_ANSWER: not has_text,\n", ""),
        ("    if full:\n        yield SelftestObstacle.FULL\n", ""),
    ),
    *_of("daemon/judging.py", ("uniform(shortest.total_seconds(),", "uniform(0.0,")),
    *_of("daemon/requesting.py", ("Reason.PER_NUMBER, Reason.COOLDOWN}", "Reason.COOLDOWN, Reason.OPTED_OUT}")),
    *_of(
        "daemon/sending.py",
        ("segment_id is None or fates.awaits_another_result(db, segment_id, db.now(), within)", "segment_id is None"),
        (
            "elif not (isinstance(result, policy.Refused) and result.before_payload):\n",
            "elif isinstance(result, policy.Refused):\n",
        ),
        ("if isinstance(result, policy.Unknown):\n", "if settled.fate is policy.Fate.UNCONFIRMED:\n"),
    ),
)


def text_of(mutant: Mutant) -> str:
    """Return the unchanged text of a mutant's module."""
    return (ROOT / "hotlined" / mutant.module).read_text()


def mutated(mutant: Mutant) -> str:
    """Return the text of a module with a mutant in it; raise click.ClickException unless its text occurs once."""
    text = text_of(mutant)
    if (many := text.count(mutant.before)) != 1:
        raise click.ClickException(
            f"{mutant.module} has {mutant.before!r} {many} times: change the mutant with the rule."
        )
    return text.replace(mutant.before, mutant.after)


def passes(module: str, text: str, folder: Path) -> bool:
    """Tell whether the tests of a room pass with a text as their module, in a copy of the project below a folder.

    Raises click.ClickException if the tests did not run.
    """
    copy = folder / "project"
    for name in ("hotlined", "tests", "setup.cfg", "config.yaml", "docs"):
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, copy / name)
    (copy / "hotlined" / module).write_text(text)
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout-method=thread"]
    words += [f"--basetemp={folder / 'temporary'}", *(f"tests/{each}" for each in TESTS[module])]
    environment = os.environ | {"PYTHONPATH": str(copy), "HOTLINED_SEED": "0"}
    done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    # a test that hangs ends the process with 1 at its time limit; 2 is a module that cannot be imported any more
    if done.returncode not in {0, 1, 2}:
        raise click.ClickException(f"the tests of {module} did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


@click.command()
@click.option("--only", default="", metavar="WORDS", help="Those alone whose module or text has these words.")
def main(only: str) -> None:
    """Break each rule of the money path, and print what no test finds.

    Example: scripts/mutants --only breaker
    """
    chosen = [each for each in MUTANTS if only in f"{each.module} {each.before}"]
    texts = {each: mutated(each) for each in MUTANTS}
    began = time.monotonic()

    def tried(module: str, text: str) -> bool:
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            return passes(module, text, Path(name))

    survivors = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rooms = {each.module: text_of(each) for each in chosen}
        for module, is_whole in zip(rooms, pool.map(tried, rooms, rooms.values()), strict=True):
            if not is_whole:
                raise click.ClickException(f"the tests of {module} fail without a mutant: mend that first.")
        found = pool.map(lambda each: tried(each.module, texts[each]), chosen)
        for mutant, survives in zip(chosen, found, strict=True):
            if survives:
                survivors += 1
                click.echo(f"SURVIVES: {mutant.module}: {mutant.before!r} as {mutant.after!r}")
    click.echo(f"{len(chosen)} mutants, {survivors} survivors, {time.monotonic() - began:.0f} s")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
