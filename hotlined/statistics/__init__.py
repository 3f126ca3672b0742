"""Figures of a period, for a person, a script or a page: counted, put into sentences, drawn. Nothing here prints."""
