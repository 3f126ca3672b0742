"""Queries for people: the log, figures, forecasts, and the texts that wait for a tag. Nothing here decides."""
