"""The computer, and who uses it: clocks, waits, files, persons, sockets, systemd."""
