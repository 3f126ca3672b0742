"""Reports: the state of a line at one moment, put together from its configuration, its daemon and its database.

Commands print reports, and alerts are made from them. Nothing here prints, writes or decides.
"""
