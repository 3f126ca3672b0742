"""An SMS hotline on a Raspberry Pi: one USB GSM modem, one SIM, one database, bounded spending."""

__version__ = "0.1.0"
RELEASED = "2026-12-01"
"""The date of this version, UTC: no clock that is right shows an earlier one."""
