"""Personal data: all that is stored of a person, its erasure and retention, evidence for the police, and backups."""
