"""What the arguments of a verb have to be: whoever is in the line's group may send anything to the control socket.

These functions check the shape of a value alone. The store checks whether a contact exists and a signature is right.
"""

import re
from collections.abc import Callable
from typing import Any

from hotlined import pseudonym
from hotlined.clock import parse_rfc3339, rfc3339
from hotlined.store import claims, fleet, fleet_answers
from hotlined.store.requests import RequestVerb

_LONGEST_TEXT = 255 * 153  # characters: more segments than a concatenated text can have are never sent
_LARGEST = 2**63 - 1  # of SQLite


def is_number(value: Any) -> bool:
    """Tell whether it is a number in E.164."""
    return isinstance(value, str) and re.fullmatch(r"\+[0-9]{4,15}", value) is not None


def is_name(value: Any) -> bool:
    """Tell whether it is a number, a sender's name or a pseudonym, as the log shows it."""
    return isinstance(value, str) and 0 < len(value) <= 40


def is_list(value: Any) -> bool:
    """Tell whether it names a list that somebody looks through: small letters and blanks."""
    return isinstance(value, str) and re.fullmatch(r"[a-z][a-z ]{0,39}", value) is not None


def is_id(value: Any) -> bool:
    """Tell whether it may be the number of a row: of a contact, of a request."""
    return type(value) is int and 0 < value <= _LARGEST


def is_flag(value: Any) -> bool:
    """Tell whether it is true or false."""
    return isinstance(value, bool)


def is_word(value: Any) -> bool:
    """Tell whether it is a tag."""
    return isinstance(value, str) and re.fullmatch(r"[^\W_][\w-]{0,39}", value) is not None


def is_request(value: Any) -> bool:
    """Tell whether it is something that the daemon is asked."""
    return isinstance(value, str) and value in list(RequestVerb)


def is_moment(value: Any) -> bool:
    """Tell whether it is a moment in RFC 3339, in UTC; None is now."""
    if value is None:
        return True
    try:
        return isinstance(value, str) and rfc3339(parse_rfc3339(value)) == value
    except (ValueError, OverflowError):
        return False


def are_texts(value: Any) -> bool:
    """Tell whether these are the arguments of a request: a number, a text, both or none."""
    return (
        isinstance(value, dict)
        and value.keys() <= {"number", "text"}
        and is_number(value.get("number", "+0000"))
        and isinstance(text := value.get("text", ""), str)
        and len(text) <= _LONGEST_TEXT
    )


def _is_version(value: Any) -> bool:
    return type(value) is int and 0 < value <= claims.HIGHEST


def is_place(value: Any) -> bool:
    """Tell whether it is a place at the hub: the number that it gives to a row."""
    return type(value) is int and 0 <= value <= claims.HIGHEST


def is_hub(value: Any) -> bool:
    """Tell whether a value is the UUID of a hub."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value) is not None


def _is_person(value: Any) -> bool:
    return isinstance(value, str) and pseudonym.is_one(value)


def are_sent(value: Any) -> bool:
    """Tell whether these are persons, each with the version of it that the hub has."""
    return _are_rows(value, (_is_person, _is_version))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= fleet_answers.MOST_ANSWERS


def _is_age(value: Any) -> bool:
    return type(value) is int and 0 <= value <= fleet_answers.OLDEST


def is_maybe_answered(value: Any) -> bool:
    """Tell whether it is how often a line answered a person, as a list; or nothing."""
    return value is None or _are_rows([value], _ANSWERED)


def are_placed_answered(value: Any) -> bool:
    """Tell whether these are places at the hub, each with how often a line answered a person."""
    return _are_rows(value, (is_place, lambda row: _are_rows([row], _ANSWERED)))


def _is_claim(value: Any) -> bool:
    """Tell whether this is what a line says of a person, as a list; its signature is looked at later."""
    return _are_rows([value], _CLAIM)


def is_maybe_claim(value: Any) -> bool:
    """Tell whether it is what a line says of a person, as a list; or nothing."""
    return value is None or _is_claim(value)


def are_placed(value: Any) -> bool:
    """Tell whether these are places at the hub, each with what a line says."""
    return _are_rows(value, (is_place, _is_claim))


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
    *(_is_maybe_version, is_moment, _is_signature),
)
_ANSWERED = (_is_line, _is_person, _is_version, _is_count, _is_signature, _is_age)
