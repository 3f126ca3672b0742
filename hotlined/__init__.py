"""An SMS hotline on a Raspberry Pi: one USB GSM modem, one SIM, one database, bounded spending."""

__version__ = "0.1.0"
