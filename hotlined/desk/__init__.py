"""The desk: the line in a browser. Pages that show what commands show, and acts that ask what commands ask.

It reads through the rooms that the commands read through, writes nothing, and decides through the control socket. It
has no SQL and no rule of its own. Flask, Jinja2 and waitress are imported in this room alone.
"""
