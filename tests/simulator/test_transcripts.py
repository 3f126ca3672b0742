r"""Answers of the simulated modem to each command: transcripts (tests/data/transcripts), to compare with a manual.

A transcript is a promise with the steps that test it. Its lines begin so:

    == the promise                      > a command, typed with its carriage return
    fresh: not yet initialised          >> a payload, typed with its Ctrl-Z
    with {"me_size": 3}: options        ! {"do": ...}: a message to the control socket
    ~ 5: the seconds that pass          < an expected line; all lines of the modem, in order

`\x1b` is an octet without a letter; a line that ends in … is the beginning of the expected one.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal, lines

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts"
CTRL_Z = "\x1a"
MARKS = ("> ", ">> ", "! ", "~ ")


@dataclass
class Transcript:
    """A promise with its steps: each action, with its line in the file, and the expected lines."""

    name: str
    promise: str
    options: dict[str, Any] = field(default_factory=dict)
    is_fresh: bool = False
    steps: list[tuple[int, str, list[str]]] = field(default_factory=list)


def read(path: Path) -> Iterator[Transcript]:
    """Yield the transcripts of a file; ValueError names an invalid line."""
    transcript = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("== "):
            if transcript:
                yield transcript
            transcript = Transcript(f"{path.stem}:{number}", line[3:])
        elif not line or not transcript:
            continue
        elif line == "fresh":
            transcript.is_fresh = True
        elif line.startswith("with "):
            transcript.options = json.loads(line[5:])
        elif line.startswith("< ") and transcript.steps:
            transcript.steps[-1][2].append(line[2:])
        elif f"{line} ".startswith(MARKS):
            transcript.steps.append((number, line, []))
        else:
            raise ValueError(f"{path.name}:{number} is no line of a transcript: {line}")
    if transcript:
        yield transcript


ALL = [transcript for path in sorted(TRANSCRIPTS.glob("*.txt")) for transcript in read(path)]


def typed(text: str) -> bytes:
    """Return the octets of a line in a transcript."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda octet: chr(int(octet[1], 16)), text).encode("latin-1")


def do(terminal: Terminal, step: str) -> list[str]:
    """Take a step; return the modem's lines."""
    mark, _, words = step.partition(" ")
    match mark:
        case ">":
            said = lines(terminal.type(typed(words) + b"\r"))
        case ">>":
            said = lines(terminal.type(typed(words if words == "\\x1b" else words + CTRL_Z)))
        case "~":
            said = terminal.later(float(words))
        case _:
            message = json.loads(words)
            terminal.do(message.pop("do"), **message)
            said = lines(terminal.hear())
    return [line.rstrip() for line in said]


def agrees(said: list[str], expected: list[str]) -> bool:
    """Tell whether the modem's lines are those of the transcript."""
    return len(said) == len(expected) and all(
        line.startswith(wanted[:-1]) if wanted.endswith("…") else line == wanted
        for line, wanted in zip(said, expected, strict=True)
    )


def play(transcript: Transcript, folder: Path) -> None:
    """Connect a modem and take each step; AssertionError names the first different one."""
    terminal = Terminal(folder, **transcript.options)
    try:
        if not transcript.is_fresh:
            terminal.initialise()
        for number, step, expected in transcript.steps:
            said = do(terminal, step)
            assert agrees(said, expected), f"line {number}, {step}: {said}, not {expected}"
    finally:
        terminal.close()


@pytest.mark.parametrize("transcript", ALL, ids=lambda transcript: transcript.name)
def test_the_modem_answers_as_the_transcript_says(transcript: Transcript, tmp_path: Path) -> None:
    """The modem's lines are exactly those of the transcript, in order."""
    play(transcript, tmp_path)


SPOILT = {
    "another line": ("> AT+CSQ\n< +CSQ: 17,99\n< OK", "+CSQ: 18,99"),
    "a line too many": ("> AT+CSQ\n< +CSQ: 18,99\n< OK\n< OK", "+CSQ: 18,99"),
    "a line too few": ("> AT+CSQ\n< +CSQ: 18,99", "+CSQ: 18,99"),
    "another order": ("> AT+CSQ\n< OK\n< +CSQ: 18,99", "+CSQ: 18,99"),
    "another beginning": ("> AT+CSQ\n< +CSX…\n< OK", "+CSQ: 18,99"),
    "silence": ("> AT+CSQ", "+CSQ: 18,99"),
    "no silence": ('! {"do": "signal", "rssi": 9}\n< OK', "rssi"),
}
"""Wrong steps, each with the words of its failure."""


@pytest.mark.parametrize("name", SPOILT)
def test_a_wrong_transcript_fails(name: str, tmp_path: Path) -> None:
    """A transcript with any different line fails."""
    steps, named = SPOILT[name]
    path = tmp_path / "spoilt.txt"
    path.write_text(f"== It cannot be so.\n{steps}\n")
    (transcript,) = read(path)

    with pytest.raises(AssertionError, match=re.escape(named)):
        play(transcript, tmp_path)


def test_an_invalid_line_is_refused(tmp_path: Path) -> None:
    """A mistyped line of a transcript is no skipped step."""
    path = tmp_path / "slip.txt"
    path.write_text("== A promise.\nAT+CSQ\n")
    with pytest.raises(ValueError, match=re.escape("slip.txt:2")):
        list(read(path))
