"""The state of one line in SQLite: every SQL statement of hotlined stands in this package.

`database` opens and locks it. `contacts` records what came, `answers` carries answers from state to state, `decisions`
holds what persons decided, `requests` what they asked of the daemon, `line` the state of the line itself; `log`,
`correspondents` and `queue` are read by the command line. Nothing here knows of serial ports. Whether and when
something is sent is decided by `policy`, inside the transaction that acts on its decision.
"""
