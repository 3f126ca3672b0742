"""Queries for people: the log, figures, forecasts, and the texts that wait to be sorted. Nothing here decides."""
