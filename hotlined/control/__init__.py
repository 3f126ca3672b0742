"""The decisions of people about a line, and the control program, which carries them out for other users.

Only the line's user writes its database. That user decides directly; everybody else asks the control program at one of
its sockets, where the kernel says which user asks. Both ways run the same functions of the store, with or without a
daemon. NAME.sock is the socket for members, NAME-desk.sock for the desk's user, NAME-fleet.sock for the exchange. A
request has `verb`, `arguments` and `database` (the file that it is about); it may have `who`, and `language`, which is
the language of a refusal.
"""

from hotlined.errors import RefusedError
from hotlined.language import _

DESKS_SOCKET = "desk"
"""The ending of the name of the desk's socket, after a hyphen."""

FLEETS_SOCKET = "fleet"
"""The ending of the name of the exchange's socket. Requests there have no `database`: the exchange knows none."""

OTHER_LINE = "other line"
"""The kind of the error that a request names another database than the one that this program serves."""

LONG = frozenset({"forget", "purge", "rebuild"})
"""The verbs that may take minutes, because they rewrite the database: both ends of the socket wait longer for them."""

LONG_SECONDS = 15 * 60.0
"""How long each end waits for the other with one of these verbs."""


def not_allowed(name: str) -> RefusedError:
    """Return the error for a user who may not decide for a line."""
    return RefusedError(
        _("{name} may not decide for this line.", name=name),
        _("Members of its group may, and so may a person who types `sudo hotlined`. New members have to log in again."),
    )
