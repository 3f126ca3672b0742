"""Words that people read: conditions of a line, reasons, states, amounts, times.

This room looks nothing up and prints nothing. Codes come from `policy` and `states`, which are pure; every room above
may use it.
"""
