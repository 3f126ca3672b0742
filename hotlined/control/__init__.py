"""People's decisions: what a person may decide about a line, and the small program that carries it out for others.

Only the line's user writes its database. Whoever is that user decides directly; everybody else asks the control program
at its socket, which knows from the kernel who asks. Both ways run the same functions of the store, with a daemon or
without one.
"""
