"""What several lines exchange through a hub, one PostgreSQL: each writes there what it decided, and reads the others.

A program of its own does it, with a network; the daemon imports nothing of this room.
"""
