"""The database as a file: opened, locked, checked, copied, and rewritten without erased content."""
