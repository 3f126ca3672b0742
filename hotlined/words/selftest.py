"""Words for the texts that the line sends to itself: the result of the last one, and the obstacles to the next."""

from hotlined import conditions
from hotlined.conditions import HOLDS
from hotlined.language import N_, Phrases
from hotlined.states import HoldReason, SelftestObstacle

OBSTACLES = Phrases(
    {
        SelftestObstacle.NO_NUMBER: N_("the line does not know its own number: set line_number"),
        SelftestObstacle.NEVER_BACK: N_(
            "no text to itself came back on this SIM yet: `hotlined selftest`, or set line_number"
        ),
        SelftestObstacle.NO_ANSWER: N_("its answer has no text"),
        SelftestObstacle.NOT_RUNNING: conditions.NOT_RUNNING.title_message,
        SelftestObstacle.MODEM_NOT_READY: N_("the modem is not ready"),
        SelftestObstacle.PAUSED: HOLDS[HoldReason.PERSON].title_message,
        SelftestObstacle.CREDIT: HOLDS[HoldReason.CREDIT].title_message,
        SelftestObstacle.OUTAGE: HOLDS[HoldReason.OUTAGE].title_message,
        SelftestObstacle.HELD: N_("the line holds all answers back"),
        SelftestObstacle.FULL: N_("the budget is spent"),
    }
)
"""The obstacles to a self-test."""

NONE_YET = N_("none yet")
BACK = N_("came back, sent {at}")
LOST = N_("did not come back, sent {at}")
ON_ITS_WAY = N_("on its way, sent {at}")
NOT_SENT = N_("not sent yet, asked for {at}")
OTHERS_CAME = N_("sent {at}; a text from somebody else came since")
DUE = N_("{last}; no next one: {obstacle}")
