"""Answers that owners of modems posted are read correctly in every framing."""

from typing import Any

import extent
import models
import pytest
from answers import CHATTER, DATA, PAIRS, UNASKED, asked, framings, is_final, play

from hotlined.gsm.at import Late, OutOfStep, Response


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['model']} {pair['command']}")
def test_a_posted_answer_is_the_answer_in_every_framing(pair: dict[str, Any]) -> None:
    """Framing and chunking change neither an answer's lines nor its end."""
    finals = [line for line in pair["answer"] if is_final(line)]
    if pair["command"] == UNASKED or not finals:
        command = None if pair["command"] == UNASKED else asked(pair["command"])
        octets = "".join(f"\r\n{line}\r\n" for line in pair["answer"])
        for singly in (False, True):
            assert not [
                event for event in play(command, octets, singly=singly) if isinstance(event, Response | OutOfStep)
            ]
        return
    read = set()
    for name, octets in framings(pair):
        for chatter in CHATTER if extent.WHOLE else CHATTER[:2]:
            whole, singly = (play(asked(pair["command"]), octets + chatter, singly=singly) for singly in (False, True))
            assert repr(whole) == repr(singly), name
            answer, *others = [event for event in whole if isinstance(event, Response)]
            assert not others, name
            assert answer.final.text == finals[0], name
            late = [event for event in whole if isinstance(event, Late | OutOfStep)]
            assert bool(late) == (len(finals) > 1), (name, late)
            read.add(tuple(line.text for line in answer.lines))
    assert len(read) == 1, read


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("ZTE MF710", "ZTE CORPORATION"),
        ("Onda DM4000 (Marvell)", "Marvell"),
        ("OpenLuat Air724UG (UNISOC 8910)", "Air724UG"),
        ("Fibocom L850-GL", "Fibocom"),
        ("Quectel M26 (FOXCOM)", "FOXCOM MODEM / Quectel_M26"),
    ],
)
def test_the_name_of_a_modem_is_its_own(model: str, said: str) -> None:
    """The command's name, quotes, and text before the echo are left out."""
    answers = {
        pair["command"]: answer for pair in PAIRS if pair["model"] == model and (answer := models.maybe_answer(pair))
    }

    assert models.read(answers)[0] == said


def test_the_page_of_models_is_up_to_date() -> None:
    """docs/models.md is the current output of `scripts/run models`."""
    assert models.PAGE.read_text() == models.page()


def test_a_recording_becomes_pairs() -> None:
    """Each answered command is paired with the lines of its answer."""
    text = (DATA.parent / "sticks/zte-k3565-z.txt").read_text(encoding="ascii")
    pairs = {pair["command"]: pair["answer"] for pair in models.pairs_of(text, "ZTE K3565-Z", "a recording")}

    assert pairs["AT+CGMI"][-1] == "OK"
    assert all(is_final(answer[-1]) for answer in pairs.values())
