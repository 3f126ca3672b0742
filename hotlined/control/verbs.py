"""The decisions about a line: each verb with its arguments and the functions of the store that carry it out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hotlined.config import Config
from hotlined.control.arguments import (
    are_tags,
    are_texts,
    is_brought,
    is_flag,
    is_id,
    is_moment,
    is_moment_or_now,
    is_name,
    is_number,
    is_request,
    is_word,
)
from hotlined.errors import UsageError
from hotlined.language import _
from hotlined.machine.clock import Now
from hotlined.rules import recognition
from hotlined.store import lists
from hotlined.store.answers import correspondents, decisions, tells, verdicts
from hotlined.store.line import requests
from hotlined.store.line.database import Database
from hotlined.store.people import erasing, purging

Arguments = Mapping[str, Any]
Result = bool | int | str | dict[str, object] | None

_PURGE_SECONDS = 2.0  # of erasing in a decision, so that the command can show its progress
_PURGE_SHARE = 10  # times as long as it took to find what is old, or a purge would mostly be looking


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision to be carried out: the verb's arguments, the person and the moment."""

    db: Database
    arguments: Arguments
    who: str
    now: Now
    config: Callable[[], Config]
    """Reads the configuration, which only some verbs need."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: the function that carries it out, and the names of its arguments, each with the check of its value."""

    act: Callable[[Decision], Result]
    takes: Mapping[str, Callable[[Any], bool]]

    def require(self, arguments: Arguments) -> None:
        """Raise UsageError unless these are the verb's arguments, and every value passes its check."""
        fits = arguments.keys() == self.takes.keys()
        if not fits or not all(fit(arguments[name]) for name, fit in self.takes.items()):
            raise no_decision()


def no_decision() -> UsageError:
    """Return the error for a verb that is not in the table, or for wrong arguments."""
    return UsageError(
        _("The line does not know this decision."),
        _(
            "The command and the control program are of different versions: `sudo systemctl restart"
            " hotlined-control@NAME`, where NAME is the line's."
        ),
    )


def _whom(decision: Decision) -> str:
    """Return the number or name that a decision is about; raises UsageError for a name that the line does not know."""
    name: str = decision.arguments["number"]
    if not is_number(name) and correspondents.maybe_identity(decision.db, name) is None:
        raise no_decision()
    return name


def _block(decision: Decision) -> int:
    return decisions.block(decision.db, _whom(decision), decision.who, decision.now)


def _unblock(decision: Decision) -> bool:
    return decisions.unblock(decision.db, _whom(decision), decision.who, decision.now)


def _lift_opt_out(decision: Decision) -> bool:
    return decisions.lift_opt_out(decision.db, _whom(decision), decision.who, decision.now)


def _resume(decision: Decision) -> dict[str, object]:
    """Return what `decisions.Resumed` has."""
    drops = decision.arguments["drops"]
    return decisions.resume(decision.db, decision.who, decision.now, drops=drops)._asdict()


def _forget(decision: Decision) -> dict[str, object] | None:
    """Return the counts of erased data, and whether no file has a copy of it; None while an answer is being sent."""
    erased = erasing.forget(
        decision.db,
        decision.arguments["name"],
        decision.who,
        decision.now,
        opts_out=lambda text: recognition.opts_out(text, decision.config().numbers.opt_out_words),
    )
    return {"erased": asdict(erased), "rebuilt": erasing.rebuild(decision.db)} if erased else None


def _purge(decision: Decision) -> dict[str, object] | None:
    """Erase old texts and numbers for some seconds, and return the counts; None if there was nothing to erase."""
    kept = decision.config().privacy
    began, until = time.monotonic(), None
    texts = numbers = left = 0
    for batch in purging.purge(decision.db, kept.keep_texts, kept.keep_numbers, decision.now):
        texts, numbers, left = texts + batch.texts, numbers + batch.numbers, batch.left
        until = until or time.monotonic() + max(_PURGE_SECONDS, _PURGE_SHARE * (time.monotonic() - began))
        if time.monotonic() > until:
            break
        time.sleep(purging.PAUSE_SECONDS)
    return asdict(purging.Batch(texts, numbers, left)) if texts or numbers else None


def _requeue(decision: Decision) -> str | None:
    blocked = decision.config().numbers.blocked
    return verdicts.requeue(decision.db, decision.arguments["contact_id"], decision.who, decision.now, blocked=blocked)


def _requeue_since(decision: Decision) -> dict[str, object]:
    """Return what `answers.PerhapsSent` has."""
    blocked, since = decision.config().numbers.blocked, decision.arguments["since"]
    return verdicts.requeue_since(decision.db, since, decision.who, decision.now, blocked=blocked)._asdict()


def _requeue_by_hand(decision: Decision) -> str | None:
    blocked = decision.config().numbers.blocked
    return verdicts.requeue_by_hand(
        decision.db, decision.arguments["answer_id"], decision.who, decision.now, blocked=blocked
    )


def _on_contact(act: Callable[[Database, int, str, Now], Any]) -> Callable[[Decision], Any]:
    return lambda decision: act(decision.db, decision.arguments["contact_id"], decision.who, decision.now)


def _on_text_by_hand(act: Callable[[Database, int, str, Now], Any]) -> Callable[[Decision], Any]:
    return lambda decision: act(decision.db, decision.arguments["answer_id"], decision.who, decision.now)


def _tag(decision: Decision) -> bool | str | None:
    given = decision.arguments
    return decisions.tag(decision.db, given["contact_id"], given["word"], decision.who, decision.now, given["seen"])


def _untag(decision: Decision) -> bool | None:
    given = decision.arguments
    return decisions.untag(
        decision.db, given["contact_id"], given["word"], decision.who, decision.now, undo=given["undo"]
    )


def _exchange(decision: Decision) -> dict[str, Any]:
    """Take in what the exchange brings from the hub; return what it does next, and the hub's URL if we have it."""
    following = lists.turn(decision.db, decision.arguments["brought"], decision.now)
    return following | {"hub": decision.config().fleet.hub}


_WHOM = {"number": is_name}
_CONTACT = {"contact_id": is_id}

VERBS: Mapping[str, Verb] = {
    "block": Verb(_block, _WHOM),
    "unblock": Verb(_unblock, _WHOM),
    "lift_opt_out": Verb(_lift_opt_out, _WHOM),
    "pause": Verb(lambda decision: decisions.pause(decision.db, decision.who, decision.now), {}),
    "resume": Verb(_resume, {"drops": is_flag}),
    "topup": Verb(
        lambda decision: decisions.top_up(decision.db, decision.arguments["at"], decision.who, decision.now),
        {"at": is_moment_or_now},
    ),
    "requeue": Verb(_requeue, _CONTACT),
    "requeue_since": Verb(_requeue_since, {"since": is_moment}),
    "requeue_by_hand": Verb(_requeue_by_hand, {"answer_id": is_id}),
    "cancel": Verb(_on_contact(verdicts.cancel), _CONTACT),
    "cancel_by_hand": Verb(_on_text_by_hand(verdicts.cancel_by_hand), {"answer_id": is_id}),
    "tag": Verb(_tag, _CONTACT | {"word": is_word, "seen": are_tags}),
    "untag": Verb(_untag, _CONTACT | {"word": is_word, "undo": is_flag}),
    "tell": Verb(_on_contact(tells.tell), _CONTACT),
    "seen": Verb(_on_contact(tells.see), _CONTACT),
    "keep": Verb(_on_contact(decisions.keep), _CONTACT),
    "evidence": Verb(
        lambda decision: decisions.keep_all(decision.db, decision.arguments["name"], decision.who, decision.now),
        {"name": is_name},
    ),
    "keep_no_more": Verb(_on_contact(decisions.keep_no_more), _CONTACT),
    "skip": Verb(_on_contact(decisions.skip), _CONTACT),
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
    "forget": Verb(_forget, {"name": is_name}),
    "purge": Verb(_purge, {}),
    "exchange": Verb(_exchange, {"brought": is_brought}),
    "rebuild": Verb(lambda decision: erasing.rebuild(decision.db), {}),
}
"""Every decision by its name."""

DESK = frozenset(
    {
        *("block", "unblock", "cancel", "pause", "resume", "requeue"),
        *("tag", "untag", "keep", "keep_no_more", "skip", "tell", "seen", "evidence"),
    }
)
"""The verbs at the desk's socket: the decisions that a page of the desk can take."""

EXCHANGE = frozenset({"exchange"})
"""The verbs at the exchange's socket. Members may not use them, because they could forge the lists of other lines."""
