"""Check of what a line needs to exchange with its fleet; one that is in none needs nothing."""

from ctypes.util import find_library
from importlib.util import find_spec

from hotlined import clock
from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.scene import DATABASE_UNREADABLE, NO_CONFIGURATION, Scene
from hotlined.language import _
from hotlined.reports import fleet as report
from hotlined.words.conditions import HUB_AWAY


def fleet(scene: Scene) -> Finding:
    """Check that psycopg and libpq are there, the clock fits certificates, and exchanges come to their end."""
    if scene.config is None or scene.report is None:
        return unknown(_(NO_CONFIGURATION))
    if not report.is_joined(scene.config):
        return ok(_("none joined"))
    if find_spec("psycopg") is None or find_library("pq") is None:
        missing = _("psycopg or libpq is missing, so nothing is exchanged")
        return fail(missing, _("On Debian: `apt install libpq5`; then `pip install 'hotlined[fleet]'`."))
    if scene.report.stored is None or scene.report.stored.fleet is None:
        return unknown(_(DATABASE_UNREADABLE))
    found = scene.report.stored.fleet
    if found.is_hub_away:
        return warn(HUB_AWAY.words.rstrip("."), HUB_AWAY.cure)
    words = _("hub {words}", words=report.hub_in_words(found))
    if not clock.synchronised():
        return warn(
            _("{words}; the clock is not synchronised, and certificates go by it", words=words),
            _("`sudo timedatectl set-ntp true`; without a network it stays so."),
        )
    return ok(words)
