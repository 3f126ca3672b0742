"""What a reaction is: a text within a day after an answer was sent to its originator; an answer, not a text by hand.

The queue of the review and the figures ask here. Where two answers to a number are a day
apart or less, a text is a reaction to the later one. Whoever asks leaves contacts that are no texts out: figures count
them apart.
"""

from hotlined.states import ContactKind

REACTION_HOURS = 24


def reaction_ends(sent_at: str) -> str:
    """Return as SQL the last moment at which a text is a reaction to an answer; `sent_at` is SQL too."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {sent_at}, '+{REACTION_HOURS} hours')"


# '~' is after every date: there is no next one
SENT = f"""
  SELECT recipient, text, sent_at AS since, min({reaction_ends("sent_at")},
      ifnull(lead(sent_at) OVER (PARTITION BY recipient ORDER BY sent_at, id), '~')) AS until
  FROM answers"""
"""SQL that selects answers, each with the time in which a text is a reaction to it; texts by hand are left to exclude.

That time is a day, and ends with the next answer to the same number among those that are selected.
"""

IS_WITHIN = f"c.kind = '{ContactKind.TEXT}' AND c.received_at > s.since AND c.received_at <= s.until"
"""The condition on a contact `c` that it is a reaction to an answer `s`, of which `since` and `until` are known."""

# (sent_at, sent_at + 24 h]
IS_REACTION = (
    "EXISTS (SELECT 1 FROM answers a WHERE a.recipient = c.originator AND a.by_hand IS NULL"
    f" AND a.sent_at < c.received_at AND c.received_at <= {reaction_ends('a.sent_at')})"
)
"""The condition on a text `c` of `contacts`: it came later than an answer, and no more than a day later."""
