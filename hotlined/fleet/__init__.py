"""What several lines exchange over a hub, one PostgreSQL: each claims what was decided there, and reads the others.

A program of its own does it, with a network; the daemon imports nothing of this room.
"""
