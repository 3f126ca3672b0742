"""The certificates of a fleet that meets over TCP: an authority beside the keys, the hub's certificate, those of lines.

The program openssl makes them. They are valid for a hundred years, because nobody would be there to renew them; a
line's becomes void when its role at the hub is removed.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path

from hotlined import files
from hotlined.errors import HotlinedError, UsageError
from hotlined.language import _

AUTHORITY = "fleet-ca.key"
"""The authority's key, and its certificate: whoever has it can be any line, or the hub."""
AUTHORITY_CERTIFICATE = "fleet-ca.crt"
HUB = "fleet-hub.pem"
"""The hub's certificate, and its key."""
SETTINGS = (
    "listen_addresses = '*'",
    "ssl = on",
    "ssl_cert_file = '{hub}'",
    "ssl_key_file = '{hub}'",
    "ssl_ca_file = '{authority}'",
)
"""The settings of postgresql.conf that name them."""
_PRIVATE = 0o600
_PUBLIC = 0o644
_DAYS = 36500
_SECONDS = 60
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.DOTALL)
_KEY = re.compile("-----BEGIN PRIVATE KEY-----\n.*?-----END PRIVATE KEY-----\n", re.DOTALL)
_SIGNED = ("subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid")


@dataclass(frozen=True, slots=True)
class Certificates:
    """As PEM: the authority's certificate, which proves the hub, and the certificate and key that prove the line."""

    authority: str
    certificate: str
    key: str = field(repr=False)


def read(said: Mapping[str, object]) -> Certificates:
    """Read certificates as they were written; raises UsageError if one is missing or is no PEM."""
    found = [str(said.get(each.name)) for each in fields(Certificates)]
    patterns = (_CERTIFICATE, _CERTIFICATE, _KEY)
    if not all(pattern.fullmatch(pem) for pattern, pem in zip(patterns, found, strict=True)):
        raise _unreadable()
    return Certificates(*found)


def for_line(folder: Path, role: str) -> Certificates:
    """Return a new certificate for a role, signed by the authority in a folder; the first call makes the authority."""
    authority = _have_authority(folder)
    usage = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")
    made = _made(role, (*usage, "extendedKeyUsage=clientAuth", *_SIGNED), folder / AUTHORITY)
    return Certificates(_found(_CERTIFICATE, authority), _found(_CERTIFICATE, made), _found(_KEY, made))


def have_hub(folder: Path, hosts: Iterable[str]) -> bool:
    """Make a certificate for the hub with these hosts, unless the folder has one; return whether it was made now.

    Raises UsageError for a host whose name no certificate can contain.
    """
    _have_authority(folder)
    path = folder / HUB
    known = _named(_private(path)) if os.path.lexists(path) else set()
    named = {_subject(host) for host in hosts}
    if named <= known:
        return False
    subjects = sorted(named | known)
    usage = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")
    names = f"subjectAltName={', '.join(subjects)}"
    made = _made("hotlined hub", (*usage, "extendedKeyUsage=serverAuth", names, *_SIGNED), folder / AUTHORITY)
    files.replace(path, f"{' '.join(subjects)}\n{made}".encode(), _PRIVATE, durable=True)
    return True


def _have_authority(folder: Path) -> str:
    path = folder / AUTHORITY
    if os.path.lexists(path):
        authority = _private(path)
    else:
        usage = ("basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign")
        authority = _made("hotlined fleet", (*usage, "subjectKeyIdentifier=hash"))
        files.replace(path, authority.encode(), _PRIVATE, durable=True)
    public = _found(_CERTIFICATE, authority)
    files.replace(folder / AUTHORITY_CERTIFICATE, public.encode(), _PUBLIC, durable=True)
    return authority


def _subject(host: str) -> str:
    try:
        return f"IP:{ip_address(host)}"
    except ValueError:
        if not _HOST.fullmatch(host):
            raise UsageError(_("{host} is no name or address of a host.", host=host)) from None
    return f"DNS:{host.lower()}"


def _named(made: str) -> set[str]:
    """Return the hosts in a certificate that was made here: they are written above it."""
    return set(made.partition("-----")[0].split())


def _private(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise UsageError(
            _("{path} can be read by others: it holds keys.", path=path),
            _("chmod 600 {path}; if others could read it for long, have new keys made.", path=path),
        )
    return files.read(path)


def _found(pattern: re.Pattern[str], pem: str) -> str:
    match = pattern.search(pem)
    if match is None:
        raise _unreadable()
    return match[0]


def _unreadable() -> UsageError:
    return UsageError(_("The certificates of the fleet cannot be read."), _("Copy the file again, whole."))


def _made(name: str, extensions: Iterable[str], authority: Path | None = None) -> str:
    """Return a new key and its certificate, signed by an authority or by itself."""
    # without the machine's configuration: that would make every signed certificate an authority
    settings = ["[req]", "distinguished_name = name", "prompt = no", "x509_extensions = extensions"]
    settings += ["[name]", f"CN = {name}", "[extensions]", *extensions]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"]
    command += ["-days", str(_DAYS), "-config", "/dev/stdin", "-keyout", "-", "-out", "-"]
    if authority is not None:
        command += ["-CA", str(authority), "-CAkey", str(authority)]
    given = "\n".join([*settings, ""])
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except FileNotFoundError as error:
        raise HotlinedError(
            _("Certificates need the program openssl, which is missing."), _("On Debian: `apt install openssl`.")
        ) from error
    except subprocess.SubprocessError as error:
        said = " ".join(str(getattr(error, "stderr", None) or error).split())
        raise HotlinedError(_("openssl makes no certificate: {reason}", reason=said)) from error
    return done.stdout
