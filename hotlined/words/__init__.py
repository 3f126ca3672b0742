"""What people read, word for word: conditions of a line, reasons, states, amounts, times.

It looks nothing up and prints nothing. Codes come from `policy` and `states`, which are pure; every room above may ask
it for their words.
"""
