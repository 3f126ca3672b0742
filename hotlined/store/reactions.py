"""What a reaction is: a text within a day after an answer was sent to its originator; an answer, not a text by hand.

The listing of what is to be tagged and the figures both ask here. What is a text is theirs to say: figures count other
contacts apart.
"""

REACTION_HOURS = 24


def reaction_ends(sent_at: str) -> str:
    """Return as SQL the last moment at which a text is a reaction to an answer; `sent_at` is SQL too."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {sent_at}, '+{REACTION_HOURS} hours')"


# (sent_at, sent_at + 24 h]
IS_REACTION = (
    "EXISTS (SELECT 1 FROM answers a WHERE a.recipient = c.originator AND a.by_hand IS NULL"
    f" AND a.sent_at < c.received_at AND c.received_at <= {reaction_ends('a.sent_at')})"
)
"""The condition on a text `c` of `contacts`: it came later than an answer, and no more than a day later."""
