"""The state of one line in SQLite. This package holds every SQL statement of hotlined.

Its five wings, from the ground up, are `line`, `file`, `answers`, `reading` and `people`; a wing imports only those
before it in this list. The table of the store in CONTRIBUTING.md names each module with its subject. Nothing here knows
of serial ports. `policy` decides what is sent and when, inside the transaction that acts on its decision.
"""
