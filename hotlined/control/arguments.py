"""Checks of the arguments of a verb: any member of the line's group can send anything to the control socket.

These functions check only the form of a value. The store checks whether a contact exists.
"""

import re
from typing import Any

from hotlined.machine.clock import parse_rfc3339, rfc3339
from hotlined.store.line.requests import RequestVerb

_LONGEST_TEXT = 255 * 153  # characters: a concatenated text has at most 255 segments
_LARGEST = 2**63 - 1  # SQLite's largest integer


def is_number(value: Any) -> bool:
    """Tell whether it is a number in E.164."""
    return isinstance(value, str) and re.fullmatch(r"\+[0-9]{4,15}", value) is not None


def is_name(value: Any) -> bool:
    """Tell whether it is a number, a sender's name or a pseudonym, as the log shows it."""
    # JSON can contain half of a surrogate pair, which the database cannot store
    return isinstance(value, str) and re.fullmatch(r"[^\ud800-\udfff]{1,40}", value) is not None


def is_id(value: Any) -> bool:
    """Tell whether it may be the ID of a row, such as a contact or a request."""
    return type(value) is int and 0 < value <= _LARGEST


def is_flag(value: Any) -> bool:
    """Tell whether it is true or false."""
    return isinstance(value, bool)


def is_word(value: Any) -> bool:
    """Tell whether it is a tag."""
    return isinstance(value, str) and re.fullmatch(r"[^\W_][\w-]{0,39}", value) is not None


def are_tags(value: Any) -> bool:
    """Tell whether these are the tags that a person saw on a contact; None if they do not matter."""
    return value is None or (isinstance(value, list) and all(map(is_word, value)))


def is_request(value: Any) -> bool:
    """Tell whether it is the verb of a request to the daemon."""
    return isinstance(value, str) and value in list(RequestVerb)


def is_moment_or_now(value: Any) -> bool:
    """Tell whether it is a moment in RFC 3339, in UTC; None means now."""
    return value is None or is_moment(value)


def is_moment(value: Any) -> bool:
    """Tell whether it is a moment in RFC 3339, in UTC."""
    try:
        return isinstance(value, str) and rfc3339(parse_rfc3339(value)) == value
    except (ValueError, OverflowError):
        return False


def is_brought(value: Any) -> bool:
    """Tell whether the exchange may bring this from the hub; None: nothing yet. The store checks its content."""
    return value is None or isinstance(value, dict)


def are_texts(value: Any) -> bool:
    """Tell whether these are the arguments of a request to the daemon: a number, a text, both or none."""
    return (
        isinstance(value, dict)
        and value.keys() <= {"number", "text"}
        and is_number(value.get("number", "+0000"))
        and isinstance(text := value.get("text", ""), str)
        and len(text) <= _LONGEST_TEXT
    )
