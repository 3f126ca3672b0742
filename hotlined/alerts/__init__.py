"""People's phones: where alerts go, and the program that sends them for the part that decides what is due.

The line's user decides what is due, without a network. The sender is a user of its own with a network, which reads no
database: it takes the addresses from the configuration that systemd hands it, and gets the texts alone. Where there is
no sender (a laptop, the demo), the same process decides and sends.
"""
