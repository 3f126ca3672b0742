"""A flood in virtual time, through the real policy and the real store, on a database to throw away.

Only the clock, the modem (it takes every segment at once) and the flood are made up. Nothing here prints.
"""
