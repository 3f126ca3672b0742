"""The sender of alerts: posts what a line's alerts ask it to, to the addresses that it alone knows; then it ends.

Only who may connect can ask: the socket is the line's user's. A request holds `do` (channels, post, ping) and, to post,
`key`, `title`, `text` and `level`. It never takes an address from whoever asks: a daemon without a network gets none.
"""

import socket
import time
from collections.abc import Sequence
from typing import Any

from hotlined import wire
from hotlined.alerts.channels import Message
from hotlined.alerts.delivery import FromHere
from hotlined.errors import HotlinedError, UsageError

IDLE_SECONDS = 10.0
_SEND_SECONDS = 120.0  # until who asked hears what came of it
_LONGEST = 4096  # characters of a title or a text


class AlertSender:
    """Serves the addresses of one line at a listening socket."""

    def __init__(self, delivery: FromHere, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._delivery = delivery
        self._channels = {channel.key: channel for channel in delivery.channels}
        self._idle_seconds = idle_seconds

    def serve(self, doors: Sequence[socket.socket]) -> None:
        """Serve until nobody has asked for some time."""
        wire.serve(doors, self._idle_seconds, self._answer)

    def _answer(self, _door: socket.socket, asking: socket.socket, octets: bytes) -> None:
        try:
            answer = {"result": self._do(wire.parse(octets))}
        except HotlinedError as error:
            answer = wire.from_error(error)
        except ValueError:
            answer = wire.from_error(UsageError("The request is malformed."))
        wire.send(asking, answer, time.monotonic() + _SEND_SECONDS)

    def _do(self, request: Any) -> Any:
        match request:
            case {"do": "channels"}:
                problem = self._delivery.problem
                return {
                    "channels": [[channel.key, channel.name] for channel in self._channels.values()],
                    "ping": self._delivery.pings,
                    "usable": self._delivery.usable,
                    "problem": problem.message if problem else None,
                }
            case {"do": "ping"} if self._delivery.pings:
                self._delivery.ping()
            case {"do": "post", "key": str(key), "title": str(title), "text": str(text), "level": int(level)} if (
                key in self._channels and len(title) <= _LONGEST and len(text) <= _LONGEST
            ):
                self._delivery.post(self._channels[key], Message(title, text, level))
            case _:
                raise UsageError("The request is malformed.")
        return None
