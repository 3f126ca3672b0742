"""The database as a file: opened, locked, checked, copied, and written again without what was erased."""
