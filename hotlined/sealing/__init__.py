"""Sealed backups: all that a line needs to begin again on a new card, in one file that the key on paper alone opens."""
