"""Delivery of alerts: by the sender if its socket is there, otherwise by this process.

If there is a socket, a failure of the sender is an error, and this process does not send instead: it may have no
network.
"""

import os
import socket
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hotlined.alerts import channels
from hotlined.alerts.channels import Channel, Message
from hotlined.config import Config
from hotlined.errors import HotlinedError, UnavailableError, reason_of
from hotlined.language import _, spoken
from hotlined.machine import wire

_ANSWER_SECONDS = 120.0  # a slow server, after a Pi Zero that had to load Apprise


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of a line's alerts. `problem` says why some channels, or all if not `usable`, cannot be used."""

    sender: Path | None
    """The socket of the sender; None: this process sends."""
    channels: list[Channel]
    problem: HotlinedError | None
    usable: bool
    ping_url: str | None

    @property
    def pings(self) -> bool:
        """True if a URL is asked while all is well."""
        return self.ping_url is not None

    def post(self, channel: Channel, message: Message) -> None:
        """Send a message to a channel."""
        if self.sender is None:
            channels.post(channel, message)
            return
        told = {"title": message.title, "text": message.text, "level": message.level}
        _ask(self.sender, {"do": "post", "key": channel.key, "name": channel.name, "url": channel.url, **told})

    def ping(self) -> None:
        """Ask the URL for which all must be well."""
        assert self.ping_url
        if self.sender is None:
            channels.ping(self.ping_url)
        else:
            _ask(self.sender, {"do": "ping", "url": self.ping_url})


def find(config: Config) -> Delivery:
    """Return the delivery of a line's alerts; raises UnavailableError if the sender does not answer."""
    path = wire.socket_path(config.runtime_dir, "alerts", config.name)
    sender = path if path.exists() else None
    found = channels.of(channels.configured(config))
    problem: HotlinedError | None = None
    try:
        found += [each for each in _kept(config, sender) if each.key not in {one.key for one in found}]
    except UnavailableError:
        raise
    except HotlinedError as error:
        problem = error
    handed = config.path.with_suffix(".urls")
    if sender and config.alerts.urls_file not in (None, handed):
        problem = HotlinedError(_("alerts.urls_file: the sender of alerts reads {path} alone.", path=handed))
    usable = not found or find_spec("apprise") is not None
    if not usable:
        problem = HotlinedError(
            _("alerts.urls needs Apprise, which is missing: {command}.", command="sudo apt install apprise")
        )
    return Delivery(sender, found, problem, usable, config.alerts.ping)


def _kept(config: Config, sender: Path | None) -> list[Channel]:
    """Return the channels of alerts.urls_file; if there is a sender, only the sender knows their URLs."""
    if sender:
        return [Channel(key, name) for key, name in _ask(sender, {"do": "channels"})]
    path = config.alerts.urls_file
    return channels.of(channels.read(path, "alerts.urls_file")) if path else []


def _ask(path: Path, request: dict[str, object]) -> Any:
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(os.fspath(path))
            answer = wire.ask(channel, request | {"language": spoken()}, time.monotonic() + _ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else _("it ended")
        raise UnavailableError(
            _(
                "The sender of alerts at {path} does not answer: {reason}; it is tried again by the next run.",
                path=path,
                reason=reason,
            )
        ) from error
    if "error" in answer:
        raise wire.to_error(answer["error"])
    return answer.get("result")
