"""Headline and text of each alert: of every condition as it begins, gets worse or ends.

What stands between braces is filled in. All of it is in GSM-7, so that a text message takes it.
"""

from collections.abc import Mapping

from hotlined import policy
from hotlined.states import HoldReason, SendingState
from hotlined.words import conditions
from hotlined.words.conditions import HOLDS


def _as_it_is(condition: conditions.Condition) -> tuple[str, str]:
    return condition.title, f"{condition.words} {condition.cure}"


TEXTS = {
    ("modem", 1): ("{title}", "{cure}"),
    ("modem", 2): ("{title}", "{cure}"),
    ("modem", 0): ("the modem is ready", "Texts are received and answered again."),
    ("flood", 1): (
        "a flood of texts",
        "{detail}. The limits bound what it can cost; 'hotlined pause' stops all answers.",
    ),
    ("flood", 0): ("the flood is over", "It brought {detail}."),
    ("credit", 1): _as_it_is(HOLDS[SendingState.TRIAL, HoldReason.CREDIT]),
    ("credit", 0): ("the SIM can pay again", "Answers go out: {detail}."),
    ("outage", 1): _as_it_is(HOLDS[SendingState.TRIAL, HoldReason.OUTAGE]),
    ("outage", 0): ("answers go out again", "What waited goes out by itself: {detail}."),
    ("balance", 1): ("the balance is low", "{detail} is left. Top the SIM up."),
    ("balance", 0): ("the balance is fine again", "{detail} is left."),
    ("key", 1): _as_it_is(HOLDS[SendingState.HELD, HoldReason.KEY_LOST]),
    ("key", 2): _as_it_is(HOLDS[SendingState.HELD, HoldReason.KEY_DENIED]),
    ("key", 0): ("a key can be used again", "Answers go out again."),
    ("paused", 1): ("{title}", "Since {since}: {words} {cure}"),
    ("paused", 0): ("the pause is over", "Answers go out again."),
    ("shadow", 1): ("{title}", "Nobody is answered since {since}. {cure}"),
    ("shadow", 0): ("shadow mode is over", "Answers go out again."),
    ("disk", 1): (
        "the disk is nearly full",
        "{free} MB are left where the database is. Make room: once it is full, nothing is answered.",
    ),
    ("disk", 0): ("the disk has room again", "{free} MB are free where the database is."),
    ("config", 1): (
        conditions.CONFIG_BROKEN.title,
        conditions.CONFIG_BROKEN.cure.format(then="reload the daemon, or start it"),
    ),
    ("config", 0): ("the configuration can be used again", "Nothing is wrong with it any more."),
    ("database", 1): ("{title}", "{words}"),
    ("database", 0): ("the database is fine again", "Texts are received and answered again."),
    ("sim_life", 1): ("{title}", "On {end} its number is lost. {cure}"),
    ("sim_life", 2): ("{title}", "On {end} its number is lost. {cure}"),
    ("sim_life", 3): ("{title}", "On {end} its number is lost. {cure}"),
    ("sim_life", 4): ("{title}", "{cure}"),
    ("sim_life", 0): ("the SIM's life counts anew", "{words}"),
    ("test", 0): ("a test", "Alerts of this line arrive here."),
} | {
    (f"budget_{window}", level): (f"{level} % of the {window}'s budget", words)
    for window in policy.WINDOW_SECONDS
    for level, words in (
        (50, "{used} of {limit} segments are spent. 'hotlined log' shows on whom."),
        (80, "{used} of {limit} segments are spent. 'hotlined pause' stops all answers."),
        (
            100,
            "{used} of {limit} segments are spent. Answers wait until the window has room, or are cancelled as stale.",
        ),
    )
}
TEXTS |= {
    (f"budget_{window}", 0): (f"the {window}'s budget has room again", "{used} of {limit} segments are spent.")
    for window in policy.WINDOW_SECONDS
}
"""By condition and level; 0: it is over. `title`, `words` and `cure` are those of a condition of the catalogue."""


def alert_in_words(condition: str, level: int, filling: Mapping[str, object]) -> tuple[str, str]:
    """Return an alert's headline and text; GSM-7 has no backticks, so commands stand in quotes."""
    title, text = (words.format_map(filling).replace("`", "'") for words in TEXTS[condition, level])
    return title, text
