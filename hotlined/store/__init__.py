"""The state of one line in SQLite: every SQL statement of hotlined stands in this package.

The table of the store in CONTRIBUTING.md names each module with its subject. `opening` opens the database and locks it,
`answers` judges contacts, and `lifecycle` alone writes the state of an answer. Nothing here knows of serial ports. What
is sent and when is decided by `policy`, inside the transaction that acts on its decision.
"""
