"""The ground of the store: the database, the line's one row, and what is kept of no text: events, requests, PINs."""
