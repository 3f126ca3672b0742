"""What a person brings to the police about one number: a page to read and to print, its data, and the sum of each file.

It shows what the database holds and says where each figure comes from, what is missing and what cannot be known. It
proves nothing by itself: whoever owns the machine could have written anything. What others can check is named.
"""
