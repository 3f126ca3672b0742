"""The figures of a period for people, scripts and pages: counted, put into sentences, drawn. Nothing here prints."""
