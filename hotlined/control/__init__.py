"""People's decisions: what a person may decide about a line, and the small program that carries it out for others.

Only the line's user writes its database. Whoever is that user decides directly; everybody else asks the control program
at a door of its, which knows from the kernel who asks. Both ways run the same functions of the store, with a daemon or
without one. NAME.sock is the members' door, NAME-desk.sock that of the desk's user, NAME-fleet.sock the exchange's.
A request holds `verb`, `arguments`, `database` (the file that is meant), perhaps `who`, and perhaps `language`: the one
that a refusal is read in.
"""

from hotlined.errors import RefusedError
from hotlined.language import _

DESKS_DOOR = "desk"
"""The desk's door: what stands behind the hyphen in the name of its socket."""

FLEETS_DOOR = "fleet"
"""The same of the exchange's door. No `database` is said there: the exchange has none, and the door is a line's own."""

OTHER_LINE = "other line"
"""The kind of the error that says: the database that is meant is not the one that is served here."""

LONG = frozenset({"forget", "purge", "rebuild"})
"""The verbs that may take minutes, because they write a database anew: both ends of the socket wait longer for them."""

LONG_SECONDS = 15 * 60.0
"""How long each end waits for the other where a verb is one of these."""


def not_allowed(name: str) -> RefusedError:
    """Return the error for somebody who may not decide for a line."""
    return RefusedError(
        _("{name} may not decide for this line.", name=name),
        _("Members of its group may, and who types `sudo hotlined`. Whoever joined it has to log in again."),
    )
