"""Words about sealed backups: the page with their key, the parts that a backup lacks, the name of a service."""

from collections.abc import Iterable, Iterator

from hotlined import agekey
from hotlined.language import N_, Phrases, _

KEPT_BY_ROOT = Phrases({"pin": N_("the SIM's PIN"), "urls": N_("the addresses of alerts")})
"""The secrets of a line that only root can read, by the names of the unit's credentials."""


def key_on_paper(identity: str, recipient: str) -> Iterator[str]:
    """Yield the lines of the page with the key, which a person keeps, and the lines for the configuration."""
    yield _("KEY OF THE BACKUPS")
    yield ""
    yield _("A person who has this page can read every backup of the line. Without it nobody can.")
    yield _("Keep it where neither the Pi nor the backup sticks are. It is written nowhere else.")
    yield ""
    for line in agekey.on_paper(identity):
        yield f"    {line}"
    yield ""
    yield _("Below the first line there is no letter B, I or O, and no digit 1.")
    yield _("It opens what is sealed for:")
    yield f"    {recipient}"
    yield ""
    yield _("In the configuration:")
    yield ""
    yield "backup:"
    yield "  folder: /media/hotlined"
    yield f"  recipients: [{recipient}]"
    yield ""
    yield _("When it is on paper: `hotlined db key --check`.")


def lacking(names: Iterable[str]) -> str:
    """Return the line that names what a backup does not contain."""
    return _("Not in it: {names}.", names=", ".join(names))


def service_of(name: str) -> str:
    """Return the name of the daemon's service for systemctl."""
    return f"hotlined@{name}"
