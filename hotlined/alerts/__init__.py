"""People's phones: what alerts say and to whom, and the program that sends them for the part that decides that.

The line's user decides what is due, without a network. The sender is a user of its own with a network, which reads no
database and no configuration: it is handed the address with each text. It knows by itself only the addresses of a file
that the line's user does not read. Where there is no sender (a laptop, the demo), the same process decides and sends.
"""
