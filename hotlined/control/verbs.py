"""What can be decided about a line: each verb, its arguments, and the functions of the store that carry it out."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any

from hotlined import policy, pseudonym
from hotlined.clock import Now, parse_rfc3339, rfc3339
from hotlined.config import Config
from hotlined.errors import UsageError
from hotlined.language import _
from hotlined.store import (
    answered,
    answers,
    attempts,
    claims,
    decisions,
    erasure,
    evidence,
    fleet,
    privacy,
    requests,
)
from hotlined.store.database import Database

Arguments = Mapping[str, Any]
Result = bool | int | str | dict[str, Any] | None

_LONGEST_TEXT = 255 * 153  # characters: more segments than a concatenated text can have are never sent
_LARGEST = 2**63 - 1  # of SQLite
_PURGE_SECONDS = 2.0  # then whoever waits for the purge hears how far it is
_TAKE_SECONDS = 2.0  # then others are heard at the control socket, and the exchange goes on where it was
REQUESTS = frozenset({"send", "try", "balance", "adopt"})
"""What is asked of the daemon, which owns the modem: the verb `ask` writes it down for it."""


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
    """A verb: what carries it out, and the arguments that it takes, each with what it has to be.

    `long` is what may take minutes.
    """

    act: Callable[[Decision], Result]
    takes: Mapping[str, Callable[[Any], bool]]
    long: bool = False

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


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\+[0-9]{4,15}", value) is not None


def _is_name(value: Any) -> bool:
    """Tell whether it is a number, a sender's name or a pseudonym, as the log shows it."""
    return isinstance(value, str) and 0 < len(value) <= 40


def _is_list(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z][a-z ]{0,39}", value) is not None


def _is_contact(value: Any) -> bool:
    return type(value) is int and 0 < value <= _LARGEST


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[^\W_][\w-]{0,39}", value) is not None


def _is_request(value: Any) -> bool:
    return isinstance(value, str) and value in REQUESTS


def _is_moment(value: Any) -> bool:
    """Tell whether it is a moment in RFC 3339, in UTC; None is now."""
    if value is None:
        return True
    try:
        return isinstance(value, str) and rfc3339(parse_rfc3339(value)) == value
    except (ValueError, OverflowError):
        return False


def _are_texts(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"number", "text"}
        and _is_number(value.get("number", "+0000"))
        and isinstance(text := value.get("text", ""), str)
        and len(text) <= _LONGEST_TEXT
    )


def _is_version(value: Any) -> bool:
    return type(value) is int and 0 < value <= claims.HIGHEST


def _is_place(value: Any) -> bool:
    return type(value) is int and 0 <= value <= claims.HIGHEST


def _is_hub(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value) is not None


def _is_person(value: Any) -> bool:
    return isinstance(value, str) and pseudonym.is_one(value)


def _are_sent(value: Any) -> bool:
    """Tell whether these are persons, each with the version of it that the hub has."""
    return _are_rows(value, (_is_person, _is_version))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= answered.MOST_ANSWERS


def _is_age(value: Any) -> bool:
    return type(value) is int and 0 <= value <= answered.OLDEST


def _is_maybe_answered(value: Any) -> bool:
    return value is None or _are_rows([value], _ANSWERED)


def _are_placed_answered(value: Any) -> bool:
    """Tell whether these are places at the hub, each with how often a line answered a person."""
    return _are_rows(value, (_is_place, lambda row: _are_rows([row], _ANSWERED)))


def _is_claim(value: Any) -> bool:
    """Tell whether this is what a line says of a person, as a list; its signature is looked at later."""
    return _are_rows([value], _CLAIM)


def _is_maybe_claim(value: Any) -> bool:
    return value is None or _is_claim(value)


def _are_placed(value: Any) -> bool:
    """Tell whether these are places at the hub, each with what a line says."""
    return _are_rows(value, (_is_place, _is_claim))


def _is_undone(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= claims.LONGEST_UNDONE


def _is_signature(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,21}", value) is not None


def _is_maybe_version(value: Any) -> bool:
    return value is None or _is_version(value)


def _are_rows(value: Any, fits: tuple[Callable[[Any], bool], ...]) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= fleet.MOST_ROWS
        and all(
            isinstance(row, list)
            and len(row) == len(fits)
            and all(fit(field) for fit, field in zip(fits, row, strict=True))
            for row in value
        )
    )


_CLAIM = (
    *(_is_line, _is_person, _is_version, _is_maybe_version, _is_maybe_version, _is_undone),
    *(_is_maybe_version, _is_moment, _is_signature),
)
_ANSWERED = (_is_line, _is_person, _is_version, _is_count, _is_signature, _is_age)


def _fleet_met(decision: Decision) -> None:
    said = decision.arguments
    highest = claims.Claim(*said["highest"]) if said["highest"] else None
    shared, key = decision.config().fleet.decisions, claims.key_of(decision.db.path)
    fleet.met(decision.db, said["hub"], said["top"], highest, shared, key)


def _fleet_owed(decision: Decision) -> dict[str, Any]:
    """Return what this line says and the hub has not, signed."""
    owed = fleet.owed(decision.db, decision.config().fleet.decisions, claims.key_of(decision.db.path))
    return {"rows": [list(astuple(each)) for each in owed]}


def _fleet_take(decision: Decision) -> int:
    """Return how many rows are not believed, of those up to which the hub was read now."""
    said = decision.arguments
    placed = [claims.Placed(place, claims.Claim(*claim)) for place, claim in said["placed"]]
    share, key = decision.config().fleet.decisions, claims.key_of(decision.db.path)
    here = erasure.Here(decision.db, decision.now, _opts_out(decision))
    refused, since, deadline = 0, said["since"], time.monotonic() + _TAKE_SECONDS
    while True:  # of whom others erased one goes in each transaction
        left = [each for each in placed if each.place > since]
        refused += fleet.take(decision.db, (since, said["until"]), left, share, key, here)
        member = fleet.maybe_membership(decision.db)
        if member is None or not since < member.cursor < said["until"] or time.monotonic() > deadline:
            return refused
        since = member.cursor
        time.sleep(privacy.PAUSE_SECONDS)


def _fleet_rebuild(decision: Decision) -> bool:
    """Return whether no file holds a copy of what was erased any more; then what the hub said is carried out."""
    done = privacy.rebuild(decision.db)
    with decision.db.transaction():
        fleet.confirm(decision.db)
    return done


def _opts_out(decision: Decision) -> Callable[[str], bool]:
    return lambda text: policy.opts_out(text, decision.config().rules())


def _fleet_answers_met(decision: Decision) -> None:
    said = decision.arguments
    highest = answered.Answered(*said["highest"]) if said["highest"] else None
    share, key = decision.config().fleet.answers, claims.key_of(decision.db.path)
    answered.met(decision.db, said["hub"], said["top"], highest, key, share=share)


def _fleet_answers_owed(decision: Decision) -> dict[str, Any]:
    """Return whom this line answered and the hub does not know of, signed."""
    owed = answered.owed(decision.db, claims.key_of(decision.db.path), decision.now)
    return {"rows": [list(astuple(each)) for each in owed]}


def _fleet_answers_take(decision: Decision) -> int:
    """Return how many rows are not believed."""
    said = decision.arguments
    placed = [claims.Placed(place, answered.Answered(*row)) for place, row in said["placed"]]
    span = said["since"], said["until"]
    return answered.take(decision.db, span, placed, claims.key_of(decision.db.path), decision.now)


def _was(decision: Decision, state: str) -> bool:
    history = attempts.history_of(decision.db, decision.arguments["number"], shadow=False)
    return bool(getattr(history, state) or getattr(history, f"{state}_elsewhere"))


def _block(decision: Decision) -> int:
    return decisions.block(decision.db, decision.arguments["number"], decision.who, decision.now)


def _unblock(decision: Decision) -> bool:
    was = _was(decision, "blocked")
    decisions.unblock(decision.db, decision.arguments["number"], decision.who, decision.now)
    return was


def _opt_in(decision: Decision) -> bool:
    was = _was(decision, "opted_out")
    decisions.opt_in(decision.db, decision.arguments["number"], decision.who, decision.now)
    return was


def _forget(decision: Decision) -> dict[str, Any] | None:
    """Return what was erased of a person, and whether no file holds a copy of it any more; None: an answer is sent."""
    name, keep = decision.arguments["name"], decision.arguments["keep_opt_out"]
    erased = privacy.forget(
        decision.db,
        name,
        decision.now,
        keep_opt_out=keep,
        opts_out=_opts_out(decision),
    )
    return {"erased": asdict(erased), "rebuilt": privacy.rebuild(decision.db)} if erased else None


def _purge(decision: Decision) -> dict[str, Any] | None:
    """Erase of what is old enough as much as a few seconds allow; None once nothing is left."""
    kept = decision.config().privacy
    until = time.monotonic() + _PURGE_SECONDS
    texts = numbers = left = 0
    for batch in privacy.purge(decision.db, kept.keep_texts, kept.keep_numbers, decision.now):
        texts, numbers, left = texts + batch.texts, numbers + batch.numbers, batch.left
        if time.monotonic() > until:
            break
        time.sleep(privacy.PAUSE_SECONDS)
    return asdict(privacy.Batch(texts, numbers, left)) if texts or numbers else None


def _on_contact(act: Callable[[Database, int, str, Now], Any]) -> Callable[[Decision], Any]:
    return lambda decision: act(decision.db, decision.arguments["contact_id"], decision.who, decision.now)


def _on_tag(act: Callable[[Database, int, str, str, Now], bool | None]) -> Callable[[Decision], bool | None]:
    return lambda decision: act(
        decision.db, decision.arguments["contact_id"], decision.arguments["word"], decision.who, decision.now
    )


_NUMBER = {"number": _is_number}
_CONTACT = {"contact_id": _is_contact}

VERBS: Mapping[str, Verb] = {
    "block": Verb(_block, _NUMBER),
    "unblock": Verb(_unblock, _NUMBER),
    "optin": Verb(_opt_in, _NUMBER),
    "pause": Verb(lambda decision: decisions.pause(decision.db, decision.who, decision.now), {}),
    "resume": Verb(lambda decision: decisions.resume(decision.db, decision.who, decision.now), {}),
    "topup": Verb(
        lambda decision: decisions.top_up(decision.db, decision.arguments["at"], decision.who, decision.now),
        {"at": _is_moment},
    ),
    "requeue": Verb(_on_contact(answers.requeue), _CONTACT),
    "cancel": Verb(_on_contact(answers.cancel), _CONTACT),
    "tag": Verb(_on_tag(decisions.tag), _CONTACT | {"word": _is_word}),
    "untag": Verb(_on_tag(decisions.untag), _CONTACT | {"word": _is_word}),
    "keep": Verb(_on_contact(privacy.keep), _CONTACT),
    "evidence": Verb(
        lambda decision: evidence.keep_all(decision.db, decision.arguments["name"], decision.who, decision.now),
        {"name": _is_name},
    ),
    "keep_no_more": Verb(_on_contact(privacy.keep_no_more), _CONTACT),
    "look": Verb(_on_contact(decisions.note_look), _CONTACT),
    "look_up": Verb(
        lambda decision: decisions.note_look_up(
            decision.db, decision.arguments["originator"], decision.who, decision.now
        ),
        {"originator": _is_name},
    ),
    "look_through": Verb(
        lambda decision: decisions.note_look_through(
            decision.db, decision.arguments["listed"], decision.who, decision.now
        ),
        {"listed": _is_list},
    ),
    "ask": Verb(
        lambda decision: requests.ask(
            decision.db, decision.arguments["request"], decision.arguments["arguments"], decision.who, decision.now
        ),
        {"request": _is_request, "arguments": _are_texts},
    ),
    "expire": Verb(
        lambda decision: requests.expire(decision.db, decision.arguments["request_id"], decision.now),
        {"request_id": _is_contact},
    ),
    "forget": Verb(_forget, {"name": _is_name, "keep_opt_out": _is_flag}, long=True),
    "purge": Verb(_purge, {}, long=True),
    "fleet_met": Verb(_fleet_met, {"hub": _is_hub, "top": _is_place, "highest": _is_maybe_claim}),
    "fleet_owed": Verb(_fleet_owed, {}),
    "fleet_sent": Verb(
        lambda decision: fleet.acknowledge(decision.db, map(tuple, decision.arguments["sent"])), {"sent": _are_sent}
    ),
    "fleet_take": Verb(_fleet_take, {"since": _is_place, "until": _is_place, "placed": _are_placed}),
    "fleet_rebuild": Verb(_fleet_rebuild, {}, long=True),
    "fleet_answers_met": Verb(_fleet_answers_met, {"hub": _is_hub, "top": _is_place, "highest": _is_maybe_answered}),
    "fleet_answers_owed": Verb(_fleet_answers_owed, {}),
    "fleet_answers_sent": Verb(
        lambda decision: answered.acknowledge(decision.db, map(tuple, decision.arguments["sent"])), {"sent": _are_sent}
    ),
    "fleet_answers_take": Verb(
        _fleet_answers_take, {"since": _is_place, "until": _is_place, "placed": _are_placed_answered}
    ),
    "rebuild": Verb(lambda decision: privacy.rebuild(decision.db), {}, long=True),
}
"""Every decision by its name."""

DESK = frozenset(
    {
        *("block", "unblock", "optin", "cancel", "pause", "resume", "requeue"),
        *("tag", "untag", "keep", "keep_no_more", "look", "look_up", "look_through"),
    }
)
"""The decisions that a page of the desk can take."""

FLEET = frozenset(verb for verb in VERBS if verb.startswith("fleet_"))
"""What the program that exchanges with a hub hands in, and nobody else but root and the line's own user."""
