"""The state of one line in SQLite: every SQL statement of hotlined stands in this package.

Its wings, from the ground up: `line`, `file`, `answers`, `reading`, `people`; one imports those before it, never one
behind it. The table of the store in CONTRIBUTING.md names each module with its subject. Nothing here knows of serial
ports. What is sent and when is decided by `policy`, inside the transaction that acts on its decision.
"""
