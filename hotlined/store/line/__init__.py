"""The ground of the store: the database, the line's one row, events, requests, and PINs; no texts of people."""
