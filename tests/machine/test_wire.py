"""One line of JSON each way: a reply, or an error that explains itself."""

import socket
import time

import pytest

from hotlined.machine import wire

ASKED = {"verb": "pause"}


def asked(answer: bytes) -> dict[str, object]:
    """Ask at a socket whose other end sends these bytes and closes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        return wire.ask(ours, ASKED, time.monotonic() + 20)


def test_a_reply_is_returned_unchanged() -> None:
    """A result and an error with its words are replies."""
    assert asked(b'{"result": 3}\n') == {"result": 3}
    assert asked(b'{"error": {"kind": "UsageError", "message": "No."}}\n')["error"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"[1]\n",
        b'"so"\n',
        b"null\n",
        b'{"error": "no"}\n',
        b'{"error": null}\n',
        b"[" * 200_000 + b"\n",
        b"\xff\n",
    ],
    ids=["nothing", "no end", "a list", "a text", "null", "an error without words", "no error", "too deep", "no UTF-8"],
)
def test_anything_but_a_reply_is_an_error(answer: bytes) -> None:
    """Any other bytes from the other end raise ValueError, and nothing else."""
    with pytest.raises(ValueError, match=r"."):
        asked(answer)
