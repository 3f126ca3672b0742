"""Evidence about one number for the police: a page to read and print, its data, and the checksum of each file.

It shows what is in the database and says where each figure comes from, what is missing and what cannot be known. It
proves nothing by itself: the owner of the machine could have written anything. It names what others can check.
"""
