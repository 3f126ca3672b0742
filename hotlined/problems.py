"""Every sentence that the database keeps of a problem, in English: `segments.problem` and `answer_segments.detail`.

Each is made here alone, by filling in its places; `words.problems` knows it by that and says it in the language in
force. What a modem itself says stands beside them as it came.
"""

from enum import StrEnum
from typing import Final

from hotlined.language import N_


class PduProblem(StrEnum):
    """Why there is no message to be had from octets; `field` is a PduField."""

    TRUNCATED = N_("truncated in {field}")
    NOISE = N_("neither the address nor the time is one")
    NOT_HEXADECIMAL = N_("not an even number of hexadecimal digits")
    WRONG_DIRECTION = N_("message type {type} makes no sense in this direction")


class PduField(StrEnum):
    """A field of a TPDU (3GPP TS 23.040 9.2.2), or the service centre in front of it."""

    SERVICE_CENTRE = N_("the service centre")
    FIRST_OCTET = N_("the first octet")
    ORIGINATOR = N_("the originator")
    RECIPIENT = N_("the recipient")
    PROTOCOL_IDENTIFIER = N_("the protocol identifier")
    CODING_SCHEME = N_("the data coding scheme")
    TIME_STAMP = N_("the time stamp")
    USER_DATA_LENGTH = N_("the user data length")
    MESSAGE_REFERENCE = N_("the message reference")
    DISCHARGE_TIME = N_("the discharge time")
    STATUS = N_("the status")
    PARAMETER_INDICATOR = N_("the parameter indicator")


class StateProblem(StrEnum):
    """A change of state that is none; `to` and `state` are codes of `states`, or the latter is NOT_THERE."""

    ANSWER = N_("answer {answer} cannot become {to}: it is {state}")
    SEGMENT = N_("segment {segment} cannot become {to}: it is {state}")


NOT_THERE: Final = N_("not there")


class SubmitProblem(StrEnum):
    """Why a segment was not taken, or nobody knows, where the modem itself says nothing of it."""

    OUT_OF_STEP = N_("out of step")
    NO_PROMPT = N_("no prompt came")
    NO_RESPONSE = N_("The modem did not answer in {seconds} s.")
    PORT_LOST = N_("The port {port} went away ({cause}).")


PROBLEMS: Final = (*PduProblem, *StateProblem, *SubmitProblem)
