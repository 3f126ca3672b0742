"""A modem, a SIM and a network on a pseudo-terminal: the peer of the tests and of the demo.

`python -m hotlined.simulator --help` says how to run it and lists the messages of its control
socket. It is no part of the daemon, which never imports it, and it shares no protocol code with
it: what is submitted is read with python-gsmmodem's decoder. It does PDU mode only, and packet data are
missing. Who opens and closes the port it cannot see. Several modems at once are several processes.
"""
