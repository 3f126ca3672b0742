"""`/evidence/ID`: everything from the person of a contact, as a ZIP for the police; the act `evidence` keeps it."""

from io import BytesIO

from flask import redirect, send_file, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from hotlined.config import Role
from hotlined.desk.routes import CONTACT_ID, Page
from hotlined.desk.visit import line, looked_up, reading, visitor
from hotlined.evidence.facts import facts
from hotlined.evidence.files import zipped
from hotlined.reports.decided import no_contact
from hotlined.store.people import stored_evidence
from hotlined.store.reading import log


def show(contact_id: int) -> Response:
    """Send the file; its name has the SHA-256 that is to be written on paper."""
    with reading() as db:
        contact = log.maybe_contact(db, contact_id)
        if contact is None or contact.originator is None:
            raise NotFound(no_contact(contact_id).message)
        known = stored_evidence.of_number(db, contact.originator)
        now = db.now()
    if not known.contacts:  # the act `evidence` has not kept any contact of the person yet
        return redirect(url_for("act_evidence", contact_id=contact_id))
    looked_up(contact.originator)
    octets, sum_of_sums = zipped(facts(known, line().line, line().line_number, visitor().name, now))
    named = f"hotlined-{contact_id}-{sum_of_sums}.zip"
    return send_file(BytesIO(octets), "application/zip", as_attachment=True, download_name=named)


PAGES = (Page(f"/evidence/{CONTACT_ID}", "evidence", Role.ADMIN, show),)
