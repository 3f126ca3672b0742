"""Problems as people read them: what the database keeps of one in English, in the language in force."""

from collections.abc import Mapping
from typing import Any

from hotlined.language import Phrases, _, recognised, unfilled
from hotlined.problems import PROBLEMS, StateProblem
from hotlined.words.reasons import SEGMENT_STATES, STATES

_STATES: dict[str, Phrases[Any]] = {StateProblem.ANSWER: STATES, StateProblem.SEGMENT: SEGMENT_STATES}


def problem_in_words(stored: str | None) -> str | None:
    """Return a stored problem in the language in force; what the modem said, or another version, as it stands."""
    known = recognised(stored, PROBLEMS) if stored else None
    if known is None:
        return stored
    message, places = known
    states: Mapping[str, str] = _STATES.get(message, {})
    return _(message, **{name: states.get(value, unfilled(value)) for name, value in places.items()})
