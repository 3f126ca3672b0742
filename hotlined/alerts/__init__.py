"""Alerts on people's phones: their content, their receivers, and the separate program that sends them.

The line's user decides which alerts are due, and has no network. The sender is another user with a network, which
reads neither the database nor the configuration: it receives the address together with each text. By itself it knows
only the addresses in a file that the line's user cannot read. Without a sender (a laptop, the demo) the same process
decides and sends.
"""
