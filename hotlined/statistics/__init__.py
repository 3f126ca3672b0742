"""Figures of a period, for a person, a script or a page: counted, told in sentences, drawn. Nothing here prints."""
