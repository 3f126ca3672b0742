"""The state of one line in SQLite: every SQL statement of hotlined stands in this package.

`database` opens and locks it, `inbound` records what came, `outbound` carries answers from state to state,
`people` holds what persons decided and asked for, `reading` serves the command line. Nothing here knows of
serial ports; what is decided is decided by `policy`, inside the transaction that acts on it.
"""
