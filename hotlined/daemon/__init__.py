"""The daemon of one line: one thread, one loop that owns the port and the database.

`opening` opens the database, or waits until it can be opened; `database_outage` knows whether it can be used. `loop`
runs the passes. `starting` finds and starts the modem, `connection` holds its state, `recovery` has the steps against
its failures. `receiving` records texts and reports, `calls` records calls, `judging` gives verdicts, `sending` sends
answers, `requesting` carries out people's requests, `status` writes the status file. All share a `Line`: its
configuration and its database.
"""

from hotlined.daemon.loop import Daemon, serve

__all__ = ["Daemon", "serve"]
