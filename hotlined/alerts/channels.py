"""Channels of alerts: Apprise URLs from the configuration or a file, and a URL that is asked while all is well.

A URL may contain a password, so messages show a channel's name, never its URL.
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
    """A receiver of alerts. `key` tells channels apart in the database without giving an address away."""

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
    """Return the channels of (URL, name) pairs; a URL that occurs twice keeps its first name."""
    named: dict[str, str] = {}
    for url, name in urls:
        named.setdefault(url, name)
    # 24 bits of a digest tell URLs apart, and are too few to confirm a guess of a secret in one
    return [Channel(hashlib.sha256(url.encode()).hexdigest()[:6], name, url) for url, name in named.items()]


def configured(config: Config) -> list[tuple[str, str]]:
    """Return the URLs of the configuration, each with its name."""
    return [(url, _("alerts.urls entry {number}", number=entry)) for entry, url in enumerate(config.alerts.urls, 1)]


def read(path: Path, name: str) -> list[tuple[str, str]]:
    """Read a file of URLs, one a line, and name each; raises HotlinedError, which calls the file by `name`."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else _("it is not text")
        raise HotlinedError(
            _("{name}: {path} cannot be read: {reason}.", name=name, path=path, reason=reason),
            _("The program that sends alerts reads it, or systemd hands it over."),
        ) from error
    urls = ((number, line.strip()) for number, line in enumerate(lines, 1))
    return [
        (url, _("{name} line {number}", name=name, number=number))
        for number, url in urls
        if url and not url.startswith("#")
    ]


def post(channel: Channel, message: Message) -> None:
    """Hand a message to Apprise; raises HotlinedError, without the URL, if Apprise does not take it."""
    import apprise  # noqa: PLC0415  large, and needed only to send

    service = apprise.Apprise()
    kind = apprise.NotifyType.WARNING if message.level else apprise.NotifyType.SUCCESS
    taken = None
    with contextlib.suppress(Exception):  # a plugin may raise anything, and its words may contain the URL
        if service.add(channel.url or ""):
            # declared as plain text: a mail would otherwise join its lines into one
            taken = service.notify(message.text, message.title, kind, body_format=apprise.NotifyFormat.TEXT)
    if not taken:
        raise HotlinedError(_not_taken(channel.name, is_known=taken is not None))


def _not_taken(name: str, *, is_known: bool) -> str:
    if is_known:
        return _("{channel} did not take an alert; it is tried again by the next run.", channel=name)
    return _("{channel} is not a URL that Apprise knows; the next run tries it again.", channel=name)


def ping(url: str) -> None:
    """Request the URL that is asked while all is well; raises HotlinedError, without the URL, if that fails."""
    request = urllib.request.Request(url, headers={"User-Agent": "hotlined"})  # noqa: S310  # config: only http(s)
    try:
        with urllib.request.urlopen(request, timeout=PING_LIMIT_SECONDS):  # noqa: S310  # config: only http(s)
            return
    except urllib.error.HTTPError as error:
        error.close()
        reason = _("status {code}", code=error.code)
    except (OSError, ValueError, http.client.HTTPException):  # their words may contain the URL
        reason = _("no answer")
    raise HotlinedError(_("alerts.ping was not heard ({reason}); it is tried again by the next run.", reason=reason))
