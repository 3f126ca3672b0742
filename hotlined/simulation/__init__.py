"""A flood in virtual time, through the real policy and the real store, in a temporary database.

Only the clock, the modem (it takes every segment at once) and the flood are simulated. Nothing here prints.
"""
