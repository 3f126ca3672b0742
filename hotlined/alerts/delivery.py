"""How alerts leave: through the sender where its socket is there, else from here.

Where there is a socket, its failure is an error and never a reason to send beside it: there may be no network here.
"""

import os
import socket
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hotlined import wire
from hotlined.alerts import channels
from hotlined.alerts.channels import Channel, Message
from hotlined.config import Config
from hotlined.errors import HotlinedError, UnavailableError, reason_of
from hotlined.language import _

_ANSWER_SECONDS = 120.0  # a server that takes its time, after a Pi Zero that had to load Apprise


def find(config: Config) -> "Delivery":
    """Return how alerts of a line leave; raises UnavailableError where the sender does not say where they go."""
    path = wire.socket_path(config.runtime_dir, "alerts", config.name)
    return _through(path) if path.exists() else from_here(config)


def from_here(config: Config) -> "FromHere":
    """Return how alerts leave from this process."""
    problem, more = None, list[tuple[str, str]]()
    try:
        more = channels.more_urls(config)
    except HotlinedError as error:
        problem = error
    configured = channels.configured(config, more)
    usable = not configured or find_spec("apprise") is not None
    if not usable:
        problem = HotlinedError(
            _("alerts.urls needs Apprise, which is missing: {command}.", command="sudo apt install apprise")
        )
    return FromHere(configured, bool(config.alerts.ping), problem, usable, config.alerts.ping)


@dataclass(frozen=True, slots=True)
class FromHere:
    """Sends from this process. `problem` is why channels cannot be used: all, where they are not `usable`."""

    channels: list[Channel]
    pings: bool
    problem: HotlinedError | None
    usable: bool
    url: str | None

    def post(self, channel: Channel, message: Message) -> None:
        """Send a message to a channel."""
        channels.post(channel, message)

    def ping(self) -> None:
        """Say that all is well."""
        channels.ping(self.url or "")


@dataclass(frozen=True, slots=True)
class ThroughSender:
    """Sends through the sender, which alone knows the addresses."""

    path: Path
    channels: list[Channel]
    pings: bool
    problem: HotlinedError | None
    usable: bool

    def post(self, channel: Channel, message: Message) -> None:
        """Send a message to a channel."""
        fields = {"title": message.title, "text": message.text, "level": message.level}
        _ask(self.path, {"do": "post", "key": channel.key, **fields})

    def ping(self) -> None:
        """Say that all is well."""
        _ask(self.path, {"do": "ping"})


Delivery = FromHere | ThroughSender
"""How alerts reach people: the channels that there are, whether a ping is configured, and how both are sent."""


def _through(path: Path) -> ThroughSender:
    reply = _ask(path, {"do": "channels"})
    problem = HotlinedError(str(reply["problem"])) if reply.get("problem") else None
    channels = [Channel(key, name) for key, name in reply["channels"]]
    return ThroughSender(path, channels, reply["ping"], problem, reply["usable"])


def _ask(path: Path, request: dict[str, Any]) -> Any:
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(os.fspath(path))
            answer = wire.ask(channel, request, time.monotonic() + _ANSWER_SECONDS)
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
