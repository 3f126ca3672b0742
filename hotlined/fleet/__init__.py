"""The hub of a fleet, and the exchange, the program that asks it: it has a network and no database.

A fleet is several lines that share who is blocked, who opted out and who was answered. The hub is a PostgreSQL with one
schema and one function of ours (hub.sql), the only one that a line may call. The exchange takes a question from the
line's control program to that function, and brings the answer back. The meaning of questions and answers is in
`hotlined.store.fleet`.
"""
