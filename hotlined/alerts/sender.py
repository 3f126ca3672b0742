"""The sender of alerts: it posts a text to the address that comes with it, or to one from its own file.

Only the line's user may connect to its socket. A request has `do` (channels, post, ping) and `language`. To post it
also has `title`, `text`, `level`, the `name` of the channel, and either its `url` or the `key` of one that only this
program knows; to ping, `url`.
"""

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hotlined.alerts import channels
from hotlined.alerts.channels import Channel, Message
from hotlined.errors import HotlinedError, UsageError
from hotlined.language import Language, _, speak
from hotlined.machine import wire

IDLE_SECONDS = 10.0
_SEND_SECONDS = 120.0  # for the connected program to take the answer
_LONGEST = 4096  # characters of a title, a text or an address


class AlertSender:
    """A server at a listening socket, which also knows the addresses of a file that it alone can read."""

    def __init__(self, kept: Path | None, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._kept = kept
        self._idle_seconds = idle_seconds

    def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Serve until no request has come for some time."""
        wire.serve(listeners, self._idle_seconds, self._answer)

    def _answer(self, _door: socket.socket, asking: socket.socket, octets: bytes) -> None:
        speak(Language.ENGLISH)
        try:
            answer = {"result": self._do(wire.parse(octets))}
        except HotlinedError as error:
            answer = wire.from_error(error)
        except ValueError:
            answer = wire.from_error(_malformed())
        wire.send(asking, answer, time.monotonic() + _SEND_SECONDS)

    def _do(self, request: Any) -> Any:
        if isinstance(request, dict) and request.get("language") in list(Language):
            speak(Language(request["language"]))
        match request:
            case {"do": "channels"}:
                return [[channel.key, channel.name] for channel in self._channels()]
            case {"do": "ping", "url": str(url)} if url.startswith(("http://", "https://")) and len(url) <= _LONGEST:
                channels.ping(url)
            case {
                "do": "post",
                "name": str(name),
                "url": str() | None as url,
                "key": str(key),
                "title": str(title),
                "text": str(text),
                "level": int(level),
            } if max(map(len, (url or "", title, text))) <= _LONGEST:
                channels.post(Channel(key, name, url or self._url(key)), Message(title, text, level))
            case _:
                raise _malformed()
        return None

    def _url(self, key: str) -> str | None:
        """Return the address for a key from `channels`; raises UsageError for any other key."""
        for channel in self._channels():
            if channel.key == key:
                return channel.url
        raise _malformed()

    def _channels(self) -> list[Channel]:
        return channels.of(channels.read(self._kept, _("the credential urls"))) if self._kept else []


def _malformed() -> UsageError:
    return UsageError("The request is malformed.")
