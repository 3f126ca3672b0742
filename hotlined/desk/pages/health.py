"""`/healthz`: tells programs whether the line works, and nothing else."""

from flask import Response

from hotlined.desk.routes import Page
from hotlined.desk.visit import line_report


def show() -> Response:
    """Answer 200 if the line is ready, otherwise 503."""
    return Response(status=200 if line_report().ready else 503)


PAGES = (Page("/healthz", "healthz", None, show),)
