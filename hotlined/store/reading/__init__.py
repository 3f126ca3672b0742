"""What people read: the log, figures, forecasts, what waits to be sorted. Nothing here decides."""
