"""The daemon of one line: one thread, one loop that owns the port and the database.

`waiting` opens the database, however long that takes, and `outage` knows whether it can be used; `loop` runs the
passes; `connection` brings the modem up and back, by the ladder of `recovery`; `receiving` takes in texts, reports and
calls; `sending` judges and answers; `requesting` does what people ask for; `status` says how the daemon is. They share
a `Line`: its configuration and its database.
"""

from hotlined.daemon.loop import Daemon, serve

__all__ = ["Daemon", "serve"]
