"""Where alerts go: Apprise URLs of the configuration or of a file, and a URL that hears that all is well.

A URL may hold a password, so no message shows one: a channel has a name and a key instead.
"""

import contextlib
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hotlined.config import Config
from hotlined.errors import HotlinedError, reason_of
from hotlined.language import _

PING_LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Channel:
    """Where alerts go. `key` tells channels apart in the database without giving an address away."""

    key: str
    name: str
    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a channel; level 0 means that a problem is over."""

    title: str
    text: str
    level: int


def of(urls: Iterable[tuple[str, str]]) -> list[Channel]:
    """Return the channels of URLs, each with its name; one that is there twice has its first name."""
    named: dict[str, str] = {}
    for url, name in urls:
        named.setdefault(url, name)
    # 24 bits of a digest tell URLs apart, and are too few to confirm a guess of what is secret in one
    return [Channel(hashlib.sha256(url.encode()).hexdigest()[:6], name, url) for url, name in named.items()]


def configured(config: Config) -> list[tuple[str, str]]:
    """Return the URLs of the configuration, each with its name."""
    return [(url, _("alerts.urls entry {number}", number=entry)) for entry, url in enumerate(config.alerts.urls, 1)]


def read(path: Path, name: str) -> list[tuple[str, str]]:
    """Read a file of URLs, one a line, each with its name; raises HotlinedError, which calls the file by a name."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else _("it is no text")
        raise HotlinedError(
            _("{name}: {path} cannot be read: {reason}.", name=name, path=path, reason=reason),
            _("Whoever sends alerts reads it, or systemd hands it over."),
        ) from error
    urls = ((number, line.strip()) for number, line in enumerate(lines, 1))
    return [
        (url, _("{name} line {number}", name=name, number=number))
        for number, url in urls
        if url and not url.startswith("#")
    ]


def post(channel: Channel, message: Message) -> None:
    """Hand a message to Apprise; raises HotlinedError, without the URL, where it is not taken."""
    import apprise  # noqa: PLC0415  large, and wanted only when something is to be told

    service = apprise.Apprise()
    kind = apprise.NotifyType.WARNING if message.level else apprise.NotifyType.SUCCESS
    taken = None
    with contextlib.suppress(Exception):  # a plugin may raise anything, and its words may hold the URL
        if service.add(channel.url or ""):
            # said to be plain, or what a mail makes of its lines is one
            taken = service.notify(message.text, message.title, kind, body_format=apprise.NotifyFormat.TEXT)
    if not taken:
        raise HotlinedError(_not_taken(channel.name, is_known=taken is not None))


def _not_taken(name: str, *, is_known: bool) -> str:
    if is_known:
        return _("{channel} did not take an alert; it is tried again by the next run.", channel=name)
    return _("{channel} is no URL that Apprise knows; it is tried again by the next run.", channel=name)


def ping(url: str) -> None:
    """Ask the URL that hears that all is well; raises HotlinedError, without the URL, where it does not answer well."""
    request = urllib.request.Request(url, headers={"User-Agent": "hotlined"})  # noqa: S310  # http or https: config
    try:
        with urllib.request.urlopen(request, timeout=PING_LIMIT_SECONDS):  # noqa: S310  # the same
            return
    except urllib.error.HTTPError as error:
        error.close()
        reason = _("status {code}", code=error.code)
    except (OSError, ValueError, http.client.HTTPException):  # their words may hold the URL
        reason = _("no answer")
    raise HotlinedError(_("alerts.ping was not heard ({reason}); it is tried again by the next run.", reason=reason))
