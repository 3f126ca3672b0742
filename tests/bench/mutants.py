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
    "rules/policy.py": ("rules/test_policy.py", "store/test_rules.py", "store/test_store.py", "store/test_money.py"),
    "machine/clock.py": ("store/test_store.py", "store/test_money.py"),
    "rules/breaker.py": (
        "rules/test_breaker.py",
        "daemon/test_outages.py",
        "store/test_rules.py",
        "store/test_money.py",
    ),
    "rules/recognition.py": ("rules/test_recognition.py", "rules/test_policy.py", "alerts/test_words_met.py"),
    "gsm/responses.py": ("gsm/test_responses.py", "doctor/test_doctor.py", "gsm/test_habits.py", "gsm/test_answers.py"),
    "store/answers/windows.py": ("store/test_counting.py", "store/test_rules.py", "cli/test_cli_limits.py"),
    "store/answers/queue.py": (
        "store/test_rules.py",
        "store/test_store.py",
        "store/test_asked_again.py",
        "daemon/test_sending_played.py",
    ),
    "store/answers/gate.py": (
        "store/test_rules.py",
        "store/test_store.py",
        "store/test_asked_again.py",
        "daemon/test_sending_played.py",
    ),
    "store/answers/breakers.py": ("daemon/test_outages.py",),
    "store/lists.py": ("store/test_fleet.py", "store/test_fleet_model.py"),
    "store/answers/fates.py": ("store/test_rules.py", "store/test_store.py", "store/test_asked_again.py"),
    "store/line/line_row.py": ("store/test_store.py",),
    "store/line/reception.py": ("daemon/test_texting_itself.py", "reports/test_selftest.py"),
    "store/answers/contacts.py": (
        "store/test_store.py",
        "daemon/test_calls.py",
        "store/test_mms_addresses.py",
        "store/test_privacy.py",
    ),
    "daemon/calls.py": ("daemon/test_calls.py",),
    "daemon/receiving.py": ("daemon/test_receiving_played.py",),
    "daemon/judging.py": ("daemon/test_sending_played.py",),
    "daemon/requesting.py": ("daemon/test_sending_played.py",),
    "daemon/sending.py": (
        "daemon/test_sending_played.py",
        "daemon/test_promises_played.py",
        "daemon/test_outages.py::test_reload_without_a_country_ends_its_outage",
    ),
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
        "rules/policy.py",
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
        "machine/clock.py",
        ("max(since_arrival, now.newest - scts)", "since_arrival"),
        ("self._known = now.newest", "self._known = now.utc"),
    ),
    *_of("store/line/line_row.py", ("if state.copied_at and boot != boot_id():", "if False:")),
    *_of(
        "rules/breaker.py",
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
        "rules/recognition.py",
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
    *_of(
        "daemon/calls.py",
        ("or (number and call.number and number != call.number)", ""),
        ("self._has_recorded or not contacts.has_call(", "True or not contacts.has_call("),
        ("now.limit - self.timing.call_longest)", "0.0)"),
        ("call.number or call.ended or now - call.began >= self.timing.clip", "call.number or call.ended"),
        ("        if call.recorded:\n            return\n", ""),
        ("now - call.last_ring > self.timing.ring_gap\n            or", "False\n            or"),
        ("now - call.ended > self.timing.last_ring", "False"),
        ("Calls.HANG_UP: 0.0", "Calls.HANG_UP: 5.0"),
        ("            call.ended = time.monotonic()\n        if call.recorded and", "        if call.recorded and"),
        ("and now - call.began >= rings_for", "and now - call.last_ring >= rings_for"),
        ("        call.number = call.number or number\n", "        call.number = number\n"),
    ),
    *_of(
        "daemon/receiving.py",
        ("entry.status < 2]", "entry.status < 4]"),
        ("LOST_AFTER = 3 ", "LOST_AFTER = 30 "),
        ("                self._count_refused_deletion(listing.storage, contacts", "                _ = (contacts"),
        ("if listing.storage not in modem.storages.hidden:", "if True:"),
        ("if refusal and time.monotonic() < refusal.not_before:", "if False:"),
        ("            self._compare_deletions(listing)\n", ""),
        ("elif listing.complete and place[0] == listing.storage and", "elif listing.complete and"),
        ("if now and now.pdu == scan.shown[entry.index]:", "if now:"),
        ("if left and scan.shown == left:", "if left:"),
        ("if event is self._last_direct:", "if False:"),
        ("        self._last_direct = event\n        modem.acknowledge()\n", "        self._last_direct = event\n"),
        ("            modem.storages.direct_texts()\n", ""),
        ("note_kept(scan.storage, scan.drafts + refused)", "note_kept(scan.storage, scan.drafts)"),
        ("        self._promised.clear()\n", ""),
        ("            if not modem.storages.holds_listing(self._scanning.storage):\n", "            if False:\n"),
        ("            scan.error = self._count_refused_listing(", "            self._count_refused_listing("),
        ("if each.answer and storage in modem.storages.names", "if each.answer == storage"),
        ("        return seconds >= max(least,", "        return seconds >= min(0.0,"),
        ("self._scanning.deletable and not self._deletions_first.is_due()", "self._scanning.deletable"),
        ("            self._settings_check.make_due()\n", "            pass\n"),
        ("and entry.index not in listing.unseen and entry not in still_there", "and entry not in still_there"),
    ),
    *_of(
        "store/answers/contacts.py",
        ("if complete else []", "if True else []"),
        ("row.storage == source.storage and row.index not in unseen", "row.storage == source.storage"),
        ('" ORDER BY storage IS ? DESC, id"', '" ORDER BY storage IS ?, id"'),
        ("return same.pop() if same else None", "return same[-1] if same else None"),
        ("        known.append(Recorded(row.segment_id, entry.index))\n", ""),
        ("WHERE imsi = ? AND deleted_at IS NULL", "WHERE imsi = ?"),
        ("else pseudonyms.names(db, pdu)", "else (pdu,)"),
        (" AND imsi = :imsi AND (contact_id", " AND :imsi AND (contact_id"),
        ('earlier["storage"] not in (None, source.storage)', 'earlier["storage"] not in (None,)'),
        ("repeats = repeats + 1", "repeats = repeats + 0"),
        ("and min(distances)[0] <= SAME_MESSAGE_WITHIN", ""),
        ("s.contact_id = c.id AND s.sequence = ?", "s.contact_id = c.id AND false AND ?"),
        (
            "            message.originator,\n            concatenation.reference,",
            "            concatenation.reference,",
        ),
        ("segments_received >= segments_total OR", "true OR"),
        (" OR received_limit <= ?)", " OR received_limit < 0 * ?)"),
        ("deleted_at=None if source.storage else now.rfc3339", "deleted_at=None"),
        ("if line_type is not LineType.SHORT_CODE and not is_known:", "if False:"),
        ("        return None, PduProblem.CONTRADICTS\n", "        raise\n"),
        ("received_limit > ? AND kind = ? AND originator IS ?", "received_limit > ? AND kind = ? AND originator = ?"),
        ("if recent >= FLOOD_CONTACTS / 2:", "if recent >= FLOOD_CONTACTS:"),
    ),
    *_of("store/answers/gate.py", ('elif row["state"] == AnswerState.SENDING:', "elif False:")),
    *_of(
        "store/answers/breakers.py",
        ("    _void_refusals(db, since, now, country)\n", "    _void_refusals(db, since, now)\n"),
        ('failed["failed_from"], now, pauses)', "now.limit, now, pauses)"),
        ("if state.is_open:\n        trial", "if True:\n        trial"),
        ("due_limit = min(due_limit, :now), ", ""),
        ("not self.ever_taken and now.limit", "now.limit"),
        ("if country not in countries]", "if False]"),
    ),
    *_of(
        "store/lists.py",
        ('if known is None or found.number > known["number"]:  # S1', "if True:"),
        ('if there > state["number"]:  # S2', "if False:"),
        ('if there == state["number"] and _digest', "if _digest"),
        ('if found.mark and found.mark == state["mark"]:', "if False:"),
        ('    if found.number <= state["number"]:\n        return False\n', ""),
        ('if brought.written and brought.written.mark == state["mark"]:', "if brought.written:"),
        ("if found.key != line_row.key_digests_of(db.connection)[1]:", "if False:"),
        ("if others + len(persons) > MOST_REFUSED:", "if False:"),
        ("if len(numbers) > MOST_LINES:", "if False:"),
        ("if len(octets) % _OCTETS or len", "if len"),
        ("Kinds(persons.get(person, 0) | kinds)", "Kinds(kinds)"),
        ("for person in before.keys() - persons.keys():", "for person in ():"),
        ("if lost := kinds & ~own.get(person, Kinds(0)):", "if lost := kinds:"),
        ("kinds = kinds | excluded.kinds", "kinds = excluded.kinds"),
        ("trouble_at = NULL, arrived = NULL", "trouble_at = NULL"),
        ("arrived = iif(arrived IS NULL, NULL, ?)", "arrived = ?"),
        ('        )\n        db.execute("DELETE FROM fleet_lists")\n', "        )\n"),
        ("if known not in (None, digest) or db.one", "if db.one"),
        ('("fleet", "fleet_lists", "fleet_refused")', '("fleet", "fleet_lists")'),
        ("            _note(db, None, now)\n", "            pass\n"),
        ("not isinstance(value, int) or isinstance(value, bool) or not", "not isinstance(value, int) or not"),
        ("0 <= value <= _LARGEST", "0 <= value"),
        ("form.fullmatch(value)", "form.match(value)"),
        (", validate=True)", ")"),
        ("if name != me and number", "if number"),
        ("WHERE trouble IS NOT ?", "WHERE 1 OR ?"),
        ("_KINDS = Kinds.OPTED_OUT | Kinds.BLOCKED", "_KINDS = Kinds.OPTED_OUT"),
        ("    beside(db.path, FLEET).unlink(missing_ok=True)\n", ""),
        ("SET fleet_pseudonym = NULL WHERE fleet_pseudonym IS NOT NULL", "SET fleet_pseudonym = NULL WHERE false"),
    ),
    *_of(
        "daemon/judging.py",
        ("uniform(shortest.total_seconds(),", "uniform(0.0,"),
        ("            if ended == queue.SWEPT_AT_ONCE:\n", "            if False:\n"),
        ("            if concerns_database(error):\n", "            if False:\n"),
        ("if by_calendar or (oldest is not None", "if (oldest is not None"),
        ("if by_calendar or (oldest is not None", "if by_calendar and (oldest is not None"),
        ("oldest < db.now().limit - longest", "oldest > db.now().limit - longest"),
    ),
    *_of("daemon/requesting.py", ("Reason.PER_NUMBER, Reason.COOLDOWN}", "Reason.COOLDOWN, Reason.OPTED_OUT}")),
    *_of(
        "daemon/sending.py",
        ("segment_id is None or fates.awaits_another_result(db, segment_id, db.now(), within)", "segment_id is None"),
        (
            "elif not (isinstance(result, policy.Refused) and result.before_payload):\n",
            "elif isinstance(result, policy.Refused):\n",
        ),
        ("if isinstance(result, policy.Unknown):\n", "if settled.fate is policy.Fate.UNCONFIRMED:\n"),
        ("self._begin_interval()  # before submitting", "pass  # before submitting"),
        ("self._begin_interval()  # again, after the result", "pass  # again, after the result"),
        (
            "        if self._note_and_apply_hold(row):\n            return None\n",
            "        self._note_and_apply_hold(row)\n",
        ),
        ("        if self._pending_write:\n            self._pending_write()\n", "        pass\n"),
        ("        self._pending_write = None  # it is on the disk", "        pass  # it is on the disk"),
        ("SHARE_PAUSE_SECONDS = 5.0", "SHARE_PAUSE_SECONDS = 500.0"),
        (
            "            queue.requeue_half_sent(self.line.db)\n        return self._all_wait",
            "            pass\n        return self._all_wait",
        ),
        ("        if self.connection.mismatch:\n            return WaitingFor.HELD\n", ""),
        ("if self.connection.modem is None or not self.connection.can_send:", "if self.connection.modem is None:"),
        ("if self.connection.modem is None or not self.connection.can_send:", "if not self.connection.can_send:"),
        ("            gate.set_aside(db, turn.answer_id, repr(error), now)\n", ""),
        ("            if concerns_database(error):\n", "            if False:\n"),
        ("        self.breaker_watch.forget_registration()", "        pass"),
        ("                if result.waiting_for in policy.FULL_WINDOWS:\n", "                if False:\n"),
        ("            self._note_share_wait(turn.share, None, row)\n", "            pass\n"),
        ("                trial=turn.trial,\n", "                trial=False,\n"),
        ("        self.forget_marks()\n        self._texts = None\n", "        self._texts = None\n"),
        ("        self.forget_marks()\n        self._texts = None\n", "        self.forget_marks()\n"),
        ("        breakers.keep_countries(self.line.db, self.line.config.numbers.answer_countries)\n", ""),
        ("AttemptCause.STOPPED if stopping else AttemptCause.NO_RESULT", "AttemptCause.NO_RESULT"),
        ("report=self.line.config.modem.delivery_reports", "report=False"),
        ("validity=self.line.config.answer.validity", "validity=None"),
        ("if isinstance(result, policy.Refused) and result.cms == CMS_SMSC_UNKNOWN:", "if False:"),
        ("if isinstance(result, policy.Refused) and result.fault is policy.AtFault.LINE:", "if False:"),
        ("if written != self._looked_at:", "if self._looked_at is None:"),
        (
            "if time.monotonic() < self.next_segment_at or not modem.in_step:",
            "if time.monotonic() < self.next_segment_at:",
        ),
        ("if time.monotonic() < self.next_segment_at or not modem.in_step:", "if not modem.in_step:"),
        ("        self.breaker_watch.note_registration(now, registered=self.connection.registered)\n", ""),
        ("        self._commit_fate(withdraw)\n", "        withdraw()\n"),
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


def failure(module: str, text: str, folder: Path) -> str:
    """Return what pytest says at the end, where a room's tests fail with a text as their module; "" where they pass.

    They run in a copy of the project below a folder. Raises click.ClickException if the tests did not run.
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
    return done.stdout[-2000:] if done.returncode else ""


@click.command()
@click.option("--only", default="", metavar="WORDS", help="Those alone whose module or text has these words.")
def main(only: str) -> None:
    """Break each rule of the money path, and print what no test finds.

    Example: scripts/mutants --only breaker
    """
    chosen = [each for each in MUTANTS if only in f"{each.module} {each.before}"]
    if not chosen:
        raise click.UsageError(f"no mutant has {only!r} in its module or text.")
    texts = {each: mutated(each) for each in MUTANTS}
    began = time.monotonic()

    def tried(module: str, text: str) -> str:
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            return failure(module, text, Path(name))

    survivors = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rooms = {each.module: text_of(each) for each in chosen}
        for module, failed in zip(rooms, pool.map(tried, rooms, rooms.values()), strict=True):
            if failed:
                raise click.ClickException(f"the tests of {module} fail without a mutant: mend that first.\n{failed}")
        found = pool.map(lambda each: tried(each.module, texts[each]), chosen)
        for mutant, failed in zip(chosen, found, strict=True):
            if not failed:
                survivors += 1
                click.echo(f"SURVIVES: {mutant.module}: {mutant.before!r} as {mutant.after!r}")
    click.echo(f"{len(chosen)} mutants, {survivors} survivors, {time.monotonic() - began:.0f} s")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
