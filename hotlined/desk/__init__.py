"""The desk: the line in a browser. Its pages show what commands show, and offer the decisions that commands offer.

It reads through the packages that the commands use, writes nothing itself, and decides through the control socket. It
has no SQL and no rule of its own. Only this package imports Flask, Jinja2 and waitress.
"""
