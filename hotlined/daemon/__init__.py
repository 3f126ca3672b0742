"""The daemon of one line: one thread, one loop that owns the port and the database.

`opening` opens the database and waits until that works, and `database_outage` knows whether it can be used; `loop` runs
the passes; `starting` finds and starts the modem, `connection` holds its state, `recovery` has the ladder of what is
done about one that fails; `receiving` records texts and reports, `calls` records calls; `judging` gives verdicts,
`sending` sends answers; `requesting` does what people ask for; `status` writes how the daemon is. They share a `Line`:
its configuration and its database.
"""

from hotlined.daemon.loop import Daemon, serve

__all__ = ["Daemon", "serve"]
