"""Sealed backups: everything that a line needs on a new card, in one file that only the key on paper opens."""
