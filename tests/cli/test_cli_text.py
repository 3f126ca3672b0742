"""`hotlined text check`: the cost of a text, and the characters that force UCS-2."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filled import ANSWER, Filled
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined import config as configuration
from hotlined.gsm.alphabet import plan
from hotlined.reports.text import cost

DEFAULTS = configuration.parse('answer: {text: "x"}', Path("main.yaml"))


@pytest.fixture
def line(tmp_path: Path) -> Filled:
    """Give a line with its configuration."""
    filled = Filled(tmp_path)
    filled.db.close()
    return filled


def check(line: Filled, text: str, **options: Any) -> tuple[dict[str, Any], int]:
    """Return the output of `text check --json`, and the exit code."""
    result = line.run("text", "check", "--json", text, **options)
    return json.loads(result.stdout), result.exit_code


def test_the_configured_answers_are_judged_without_a_text(line: Filled) -> None:
    """The price is named if one per segment is configured."""
    result = line.run("text", "check")

    assert result.exit_code == 0
    assert ANSWER.strip() in result.stdout
    assert "191 characters, 191 septets in gsm7" in result.stdout
    assert "segments: 2 of at most 2: fits" in result.stdout
    assert "price" not in result.stdout
    line.config.write_text(json.dumps(line.settings | {"limits": {"price_per_segment": 0.05}}))
    assert "price: 0.10 EUR" in line.run("text", "check").stdout


def test_replaced_characters_are_named(line: Filled) -> None:
    """Each character has its replacement by `smart`, and its count."""
    found, code = check(line, "c’est l’été, être…")

    assert code == 0
    assert found["replaced"] == [
        {"original": "’", "replacement": "'", "count": 2},
        {"original": "ê", "replacement": "e", "count": 1},
        {"original": "…", "replacement": "...", "count": 1},
    ]
    assert found["text"] == "c'est l'été, etre..."
    assert 'replaced: ’ by "\'", 2 times' in line.run("text", "check", "c’est l’été").stdout


def test_an_expensive_character_is_named_with_its_cost(line: Filled) -> None:
    """One emoji makes three segments of one; removing it saves them."""
    found, code = check(line, "a" * 150 + "😀")

    assert (found["encoding"], found["segments"], found["units"], found["fits"], code) == ("ucs2", 3, 152, False, 1)
    assert found["to_blame"] == [{"character": "😀", "name": "GRINNING FACE", "count": 1, "segments_without": 1}]
    assert found["segments_without_blamed"] == 1


def test_two_expensive_characters_save_only_together(line: Filled) -> None:
    """Removing one of two emoji saves nothing; removing both does."""
    shown = line.run("text", "check", "a" * 100 + "😀😀€★").stdout

    assert "forces ucs2: 😀 (GRINNING FACE), 2 times; without it: 2 segments" in shown
    assert "forces ucs2: ★ (BLACK STAR), 1 time; without it: 2 segments" in shown
    assert "without all of them: 1 segment\n" in shown


def test_one_of_each_unit_is_singular(line: Filled) -> None:
    """One character, septet, unit or segment is written in the singular."""
    assert "1 character, 1 septet in gsm7\n" in line.run("text", "check", "a").stdout
    assert "1 character, 1 unit of 16 bits in ucs2\n" in line.run("text", "check", "★").stdout
    assert 'replaced: ’ by "\'", 1 time\n' in line.run("text", "check", "’").stdout


@pytest.mark.parametrize("typed", ["", " ", "-"])
def test_a_blank_text_is_refused_as_in_the_configuration(line: Filled, typed: str) -> None:
    """The standard input can be blank, too."""
    result = line.run("text", "check", typed, input="\n")

    assert result.exit_code == 1
    assert "xpected a text that is not blank, got '" in result.stderr


def test_a_text_of_too_many_segments_is_1(line: Filled) -> None:
    """The exit code says whether the text fits answer.max_segments."""
    result = line.run("text", "check", "x" * 400)

    assert result.exit_code == 1
    assert "segments: 3 of at most 2: 94 characters too long\n" in result.stdout


def test_a_text_comes_from_the_standard_input_too(line: Filled) -> None:
    """The word `-` stands for it; its last newline is dropped."""
    assert check(line, "-", input="été\n")[0]["text"] == "été"
    assert line.run("text", "check", "-", input=b"\xff").exit_code == 1


def test_a_text_that_cannot_be_sent_is_a_sentence(line: Filled) -> None:
    """Half a character or over 255 segments give no traceback."""
    for text in ("x" * 50_000, "\udcff"):
        result = line.run("text", "check", text)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")


def test_a_text_is_judged_by_a_configuration_that_can_be_used(line: Filled) -> None:
    """Its mistakes are named instead."""
    line.config.write_text("answer:\n  text: 'C'est non'\n")
    for typed in ("text check", "text check Non."):
        result = line.run(*typed.split())
        assert (result.exit_code, "main.yaml:2: " in result.stderr) == (78, True)


@settings(deadline=None)
@given(st.text("a€é😀’", min_size=1, max_size=9), st.integers(60, 400), st.integers(1, 3))
def test_the_count_of_surplus_characters_is_exact(piece: str, length: int, most: int) -> None:
    """The text fits without them, and not with one of them."""
    text = (piece * length)[:length]
    planned = plan(text)
    kept = len(planned.text) - planned.beyond(most)

    assert plan(planned.text[:kept], planned.encoding).segments <= most
    if planned.beyond(most):
        assert plan(planned.text[: kept + 1], planned.encoding).segments > most


def test_a_hostile_text_is_escaped(line: Filled) -> None:
    """The judged text is shown escaped."""
    shown = line.run("text", "check", "\x1b[31m\u202e").stdout

    assert "\x1b" not in shown
    assert r"\x1b[31m\u202e" in shown


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=300))
def test_the_cost_is_that_of_the_sent_segments(text: str) -> None:
    """Segments, units and price come from the daemon's own plan.

    There is no price unless one per segment is configured.
    """
    priced = DEFAULTS._replace(limits=DEFAULTS.limits._replace(price_per_segment=Decimal("0.05")))
    found, planned = cost(text, priced), plan(text)

    assert found.segments == len(planned.bodies)
    assert found.price == Decimal("0.05") * found.segments
    assert cost(text, DEFAULTS).price is None
    assert found.units == (
        len(planned.text.encode("utf-16-be")) // 2 if planned.forcing else sum(map(len, planned.bodies))
    )
    assert all(each.count > 0 and each.segments_without <= found.segments for each in found.to_blame)
    assert found.segments_without_blamed <= found.segments
