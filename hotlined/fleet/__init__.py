"""What speaks to the hub of a fleet, and what the hub is."""
