"""What an admin asks about a line: whether everything is there that it needs, and how what is wrong is cured.

Each check is a function in one table. While the daemon runs its status is asked, and the port is left alone; else the
modem itself is asked, on a port that nobody holds. Nothing here prints, and the PIN is never sent.
"""
