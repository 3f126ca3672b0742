"""The hub of a fleet, and the program that asks it: it has a network and no database.

The hub is a PostgreSQL with one schema and one function of ours (hub.sql), which is all that a line may call. The
exchange takes a question of the line's control program to that function, and brings its answer back. What a question
says, and what an answer means for the line, stands in `hotlined.store.fleet`.
"""
