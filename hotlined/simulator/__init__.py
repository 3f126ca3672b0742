"""A simulated modem, SIM and network on a pseudo-terminal: the peer of the tests and of the demo.

`python -m hotlined.simulator --help` says how to run it and lists the messages of its control socket. The daemon never
imports it, and the two share no protocol code: submitted texts are read with python-gsmmodem's decoder. It knows PDU
mode only, and no packet data. It cannot see who opens and closes the port. One process simulates one modem.
"""
