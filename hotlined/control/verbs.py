"""What can be decided about a line: each verb, the arguments that it takes, and the functions of the store for it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any

from hotlined import recognition
from hotlined.clock import Now
from hotlined.config import Config
from hotlined.control.arguments import (
    are_placed,
    are_placed_answered,
    are_sent,
    are_texts,
    is_flag,
    is_hub,
    is_id,
    is_list,
    is_maybe_answered,
    is_maybe_claim,
    is_moment,
    is_name,
    is_number,
    is_place,
    is_request,
    is_word,
)
from hotlined.errors import UsageError
from hotlined.language import _
from hotlined.store import (
    answers,
    claims,
    decisions,
    erasing,
    evidence,
    fleet,
    fleet_answers,
    fleet_erasure,
    purging,
    rebuilding,
    requests,
)
from hotlined.store.database import Database
from hotlined.store.history import history_of

Arguments = Mapping[str, Any]
Result = bool | int | str | dict[str, Any] | None

_PURGE_SECONDS = 2.0  # then whoever waits for the purge hears how far it is
_TAKE_SECONDS = 2.0  # then others are heard at the control socket, and the exchange goes on where it was


@dataclass(frozen=True, slots=True)
class Decision:
    """What one decision has to work with."""

    db: Database
    arguments: Arguments
    who: str
    now: Now
    config: Callable[[], Config]
    """Reads the configuration: only `purge`, `forget` and what a fleet exchanges obey it."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: what carries it out, and the arguments that it takes, each with the test that its value has to pass."""

    act: Callable[[Decision], Result]
    takes: Mapping[str, Callable[[Any], bool]]

    def require(self, arguments: Arguments) -> None:
        """Raise UsageError unless these are the arguments, each of its kind."""
        fits = arguments.keys() == self.takes.keys()
        if not fits or not all(fit(arguments[name]) for name, fit in self.takes.items()):
            raise no_decision()


def no_decision() -> UsageError:
    """Return the error for a verb that is not in the table, or arguments that are not its."""
    return UsageError(
        _("This is no decision that the line knows."),
        _(
            "The command and the control program are of different versions: `systemctl restart hotlined-control@NAME`,"
            " where NAME is `main` or the line's."
        ),
    )


def _fleet_begin(decision: Decision) -> None:
    said = decision.arguments
    highest = claims.Claim(*said["highest"]) if said["highest"] else None
    exchanged, key = decision.config().fleet.decisions, claims.key_of(decision.db.path)
    fleet.begin_exchange(decision.db, said["hub"], said["top"], highest, exchanged, key)


def _fleet_unsent(decision: Decision) -> dict[str, Any]:
    """Return the rows of decisions that the hub lacks, signed."""
    rows = fleet.unsent_rows(decision.db, decision.config().fleet.decisions, claims.key_of(decision.db.path))
    return {"rows": [list(astuple(each)) for each in rows]}


def _fleet_take(decision: Decision) -> int:
    """Return how many rows are not believed, of those up to the place that the hub is read to now."""
    said = decision.arguments
    placed = [claims.Placed(place, claims.Claim(*claim)) for place, claim in said["placed"]]
    exchanged, key = decision.config().fleet.decisions, claims.key_of(decision.db.path)
    consequences = fleet_erasure.LocalConsequences(decision.db, decision.now, _opts_out(decision))
    refused, since, deadline = 0, said["since"], time.monotonic() + _TAKE_SECONDS
    while True:  # each transaction carries out one order of erasure at most
        left = [each for each in placed if each.place > since]
        refused += fleet.take(decision.db, (since, said["until"]), left, exchanged, key, consequences)
        member = fleet.maybe_membership(decision.db)
        if member is None or not since < member.cursor < said["until"] or time.monotonic() > deadline:
            return refused
        since = member.cursor
        time.sleep(purging.PAUSE_SECONDS)


def _fleet_rebuild(decision: Decision) -> bool:
    """Return whether no file contains a copy of what was erased any more; if so, record that orders are carried out."""
    done = rebuilding.rebuild(decision.db)
    with decision.db.transaction():
        fleet.confirm(decision.db)
    return done


def _opts_out(decision: Decision) -> Callable[[str], bool]:
    return lambda text: recognition.opts_out(text, decision.config().numbers.opt_out_words)


def _fleet_answers_begin(decision: Decision) -> None:
    said = decision.arguments
    highest = fleet_answers.Answered(*said["highest"]) if said["highest"] else None
    exchanged, key = decision.config().fleet.answers, claims.key_of(decision.db.path)
    fleet_answers.begin_exchange(decision.db, said["hub"], said["top"], highest, key, exchanged=exchanged)


def _fleet_answers_unsent(decision: Decision) -> dict[str, Any]:
    """Return the rows of answers that the hub lacks, signed."""
    rows = fleet_answers.unsent_rows(decision.db, claims.key_of(decision.db.path), decision.now)
    return {"rows": [list(astuple(each)) for each in rows]}


def _fleet_answers_take(decision: Decision) -> int:
    """Return how many rows are not believed."""
    said = decision.arguments
    placed = [claims.Placed(place, fleet_answers.Answered(*row)) for place, row in said["placed"]]
    span = said["since"], said["until"]
    return fleet_answers.take(decision.db, span, placed, claims.key_of(decision.db.path), decision.now)


def _was(decision: Decision, state: str) -> bool:
    history = history_of(decision.db, decision.arguments["number"], shadow=False)
    return bool(getattr(history, state) or getattr(history, f"{state}_elsewhere"))


def _block(decision: Decision) -> int:
    return decisions.block(decision.db, decision.arguments["number"], decision.who, decision.now)


def _unblock(decision: Decision) -> bool:
    was = _was(decision, "blocked")
    decisions.unblock(decision.db, decision.arguments["number"], decision.who, decision.now)
    return was


def _lift_opt_out(decision: Decision) -> bool:
    was = _was(decision, "opted_out")
    decisions.lift_opt_out(decision.db, decision.arguments["number"], decision.who, decision.now)
    return was


def _forget(decision: Decision) -> dict[str, Any] | None:
    """Return what was erased of a person, and whether no file holds a copy of it any more; None: an answer is sent."""
    name, keep = decision.arguments["name"], decision.arguments["keep_opt_out"]
    erased = erasing.forget(
        decision.db,
        name,
        decision.now,
        keep_opt_out=keep,
        opts_out=_opts_out(decision),
    )
    return {"erased": asdict(erased), "rebuilt": rebuilding.rebuild(decision.db)} if erased else None


def _purge(decision: Decision) -> dict[str, Any] | None:
    """Erase of what is old enough as much as a few seconds allow; None once nothing is left."""
    kept = decision.config().privacy
    until = time.monotonic() + _PURGE_SECONDS
    texts = numbers = left = 0
    for batch in purging.purge(decision.db, kept.keep_texts, kept.keep_numbers, decision.now):
        texts, numbers, left = texts + batch.texts, numbers + batch.numbers, batch.left
        if time.monotonic() > until:
            break
        time.sleep(purging.PAUSE_SECONDS)
    return asdict(purging.Batch(texts, numbers, left)) if texts or numbers else None


def _on_contact(act: Callable[[Database, int, str, Now], Any]) -> Callable[[Decision], Any]:
    return lambda decision: act(decision.db, decision.arguments["contact_id"], decision.who, decision.now)


def _on_text_by_hand(act: Callable[[Database, int, str, Now], Any]) -> Callable[[Decision], Any]:
    return lambda decision: act(decision.db, decision.arguments["answer_id"], decision.who, decision.now)


def _on_tag(act: Callable[[Database, int, str, str, Now], bool | None]) -> Callable[[Decision], bool | None]:
    return lambda decision: act(
        decision.db, decision.arguments["contact_id"], decision.arguments["word"], decision.who, decision.now
    )


_NUMBER = {"number": is_number}
_CONTACT = {"contact_id": is_id}

VERBS: Mapping[str, Verb] = {
    "block": Verb(_block, _NUMBER),
    "unblock": Verb(_unblock, _NUMBER),
    "lift_opt_out": Verb(_lift_opt_out, _NUMBER),
    "pause": Verb(lambda decision: decisions.pause(decision.db, decision.who, decision.now), {}),
    "resume": Verb(lambda decision: decisions.resume(decision.db, decision.who, decision.now), {}),
    "topup": Verb(
        lambda decision: decisions.top_up(decision.db, decision.arguments["at"], decision.who, decision.now),
        {"at": is_moment},
    ),
    "requeue": Verb(_on_contact(answers.requeue), _CONTACT),
    "requeue_by_hand": Verb(_on_text_by_hand(answers.requeue_by_hand), {"answer_id": is_id}),
    "cancel": Verb(_on_contact(answers.cancel), _CONTACT),
    "cancel_by_hand": Verb(_on_text_by_hand(answers.cancel_by_hand), {"answer_id": is_id}),
    "tag": Verb(_on_tag(decisions.tag), _CONTACT | {"word": is_word}),
    "untag": Verb(_on_tag(decisions.untag), _CONTACT | {"word": is_word}),
    "keep": Verb(_on_contact(decisions.keep), _CONTACT),
    "evidence": Verb(
        lambda decision: evidence.keep_all(decision.db, decision.arguments["name"], decision.who, decision.now),
        {"name": is_name},
    ),
    "keep_no_more": Verb(_on_contact(decisions.keep_no_more), _CONTACT),
    "look": Verb(_on_contact(decisions.note_look), _CONTACT),
    "look_up": Verb(
        lambda decision: decisions.note_look_up(
            decision.db, decision.arguments["originator"], decision.who, decision.now
        ),
        {"originator": is_name},
    ),
    "look_through": Verb(
        lambda decision: decisions.note_look_through(
            decision.db, decision.arguments["listed"], decision.who, decision.now
        ),
        {"listed": is_list},
    ),
    "ask": Verb(
        lambda decision: requests.ask(
            decision.db,
            requests.RequestVerb(decision.arguments["request"]),
            decision.arguments["arguments"],
            decision.who,
            decision.now,
        ),
        {"request": is_request, "arguments": are_texts},
    ),
    "expire": Verb(
        lambda decision: requests.expire(decision.db, decision.arguments["request_id"], decision.now),
        {"request_id": is_id},
    ),
    "forget": Verb(_forget, {"name": is_name, "keep_opt_out": is_flag}),
    "purge": Verb(_purge, {}),
    "fleet_met": Verb(_fleet_begin, {"hub": is_hub, "top": is_place, "highest": is_maybe_claim}),
    "fleet_owed": Verb(_fleet_unsent, {}),
    "fleet_sent": Verb(
        lambda decision: fleet.acknowledge(decision.db, map(tuple, decision.arguments["sent"])), {"sent": are_sent}
    ),
    "fleet_take": Verb(_fleet_take, {"since": is_place, "until": is_place, "placed": are_placed}),
    "fleet_rebuild": Verb(_fleet_rebuild, {}),
    "fleet_answers_met": Verb(_fleet_answers_begin, {"hub": is_hub, "top": is_place, "highest": is_maybe_answered}),
    "fleet_answers_owed": Verb(_fleet_answers_unsent, {}),
    "fleet_answers_sent": Verb(
        lambda decision: fleet_answers.acknowledge(decision.db, map(tuple, decision.arguments["sent"])),
        {"sent": are_sent},
    ),
    "fleet_answers_take": Verb(
        _fleet_answers_take, {"since": is_place, "until": is_place, "placed": are_placed_answered}
    ),
    "rebuild": Verb(lambda decision: rebuilding.rebuild(decision.db), {}),
}
"""Every decision by its name."""

DESK = frozenset(
    {
        *("block", "unblock", "cancel", "pause", "resume", "requeue"),
        *("tag", "untag", "keep", "keep_no_more", "look", "look_up", "look_through"),
    }
)
"""The decisions that a page of the desk can take."""

FLEET = frozenset(verb for verb in VERBS if verb.startswith("fleet_"))
"""What the program that exchanges with a hub hands in, and nobody else but root and the line's own user."""
