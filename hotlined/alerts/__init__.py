"""People's phones: where alerts go, and the program that sends them for the part that decides what is due.

What is due is found out by the line's user, without a network. The sender is a user of its own with a network, which
reads no database: it takes the addresses from the configuration that systemd hands it, and is told texts alone. Where
there is no sender (a laptop, the demo), alerts are sent by whoever found them due.
"""
