"""People's decisions: what a person may decide about a line, and the small program that carries it out for others.

Only the line's user writes its database. Whoever is that user decides directly; everybody else asks the control program
at its socket, which knows from the kernel who asks. Both ways run the same functions of the store, with a daemon or
without one.
A request holds `verb`, `arguments`, `database` (the file that is meant), perhaps `who`, and perhaps `language`: the one
that a refusal is read in.
"""

OTHER_LINE = "other line"
"""The kind of the error that says: the database that is meant is not the one that is served here."""

LONG = frozenset({"forget", "purge", "rebuild"})
"""The verbs that may take minutes, because they write a database anew: both ends of the socket wait longer for them."""

LONG_SECONDS = 15 * 60.0
"""How long each end waits for the other where a verb is one of these."""
