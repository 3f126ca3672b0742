"""The checks of a machine, a stick, a SIM and a line, each with a cure for an admin.

Each check is a function in one table. While the daemon runs, its status answers and the port is left alone; otherwise
the modem itself is asked, on a port that no other program holds. Nothing here prints, and the PIN is never sent.
"""
