"""The problems of segments in words, by the code that the database has for each."""

from hotlined.language import N_, Phrases
from hotlined.states import PduProblem, SubmitProblem

_PROBLEMS: Phrases[str] = Phrases(
    {
        PduProblem.TRUNCATED: N_("truncated"),
        PduProblem.NOISE: N_("neither the address nor the time is one"),
        PduProblem.NOT_HEXADECIMAL: N_("not an even number of hexadecimal digits"),
        PduProblem.WRONG_DIRECTION: N_("a type of message that only goes out"),
        PduProblem.CONTRADICTS: N_("the report does not fit the state of its segment"),
        SubmitProblem.OUT_OF_STEP: N_("out of step"),
        SubmitProblem.NO_PROMPT: N_("no prompt came"),
        SubmitProblem.NO_RESPONSE: N_("no answer came"),
        SubmitProblem.PORT_LOST: N_("the port went away"),
    }
)


def problem_in_words(stored: str | None) -> str | None:
    """Return a stored problem in words; an answer of the modem, which has no code, is returned unchanged."""
    return _PROBLEMS.get(stored, stored) if stored else None
