"""The exchange between lines: each writes its rows to a hub, a PostgreSQL, and reads there those of the others.

A program of its own exchanges them, because it needs a network; the daemon imports nothing from here.
"""
