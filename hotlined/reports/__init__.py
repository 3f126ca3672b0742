"""Reports: what is known of a line at one moment, put together from its configuration, its daemon and its database.

Commands print them and alerts are sent by them. Nothing here prints, writes or decides.
"""
