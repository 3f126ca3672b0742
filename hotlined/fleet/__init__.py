"""The hub of a fleet, and the exchange, the program that reads and writes there: it has a network and no database.

A fleet is several lines that share whom they refuse: who opted out, and who is blocked. The hub is a PostgreSQL with
tables of ours (hub.sql): each line writes its own list there, and reads those of the others. What the lists mean is in
`hotlined.store.lists`.
"""
