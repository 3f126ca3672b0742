"""The daemon of one line: one thread, one loop that owns the port and the database.

`loop` runs the passes; `connection` brings the modem up and back; `receiving` takes in texts, reports and calls;
`sending` judges and answers; `status` says how it all is. They share a `Line`: its configuration and its database.
"""

from hotlined.daemon.loop import Daemon

__all__ = ["Daemon"]
