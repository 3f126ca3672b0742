"""What keys owe each other: rules over the values of several."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path

from hotlined.config.problems import quoted
from hotlined.config.values import format_duration
from hotlined.errors import TextError
from hotlined.gsm.alphabet import plan


def _judge_texts(text: str | None, steps: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    if text is None and not steps:
        yield "is missing, and it alone has no default"
    if text is not None and steps:
        yield "answer.text and answer.texts are both set; keep one of them"


def _judge_cost(
    text: str | None, steps: tuple[tuple[str, ...], ...], encoding: str, max_segments: int
) -> Iterator[str]:
    return _judge_each(chain(*steps) if text is None else (text,), encoding, max_segments)


def _judge_cost_by_country(
    by_country: tuple[tuple[str, tuple[str, ...]], ...], encoding: str, max_segments: int
) -> Iterator[str]:
    return _judge_each(chain(*(variants for _, variants in by_country)), encoding, max_segments)


def _judge_each(texts: Iterable[str], encoding: str, max_segments: int) -> Iterator[str]:
    for candidate in texts:
        try:
            planned = plan(candidate, encoding)
        except TextError as error:
            yield error.message
            continue
        if planned.segments > max_segments:
            forcing = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in planned.forcing)
            because = f", because of {forcing}" if forcing else ""
            most = "1 segment holds" if max_segments == 1 else f"{max_segments} segments (answer.max_segments) hold"
            yield (
                f"{quoted(candidate)} has {len(planned.text)} characters; {most} {planned.room(max_segments)} in "
                f"{planned.encoding}{because}: {planned.beyond(max_segments)} too many. See `hotlined text check`"
            )


def _judge_delay(delay: tuple[timedelta, ...], max_age: timedelta) -> Iterator[str]:
    if delay[-1] >= max_age:
        yield f"expected less than answer.max_age ({format_duration(max_age)}): every answer would be stale"


def _judge_pin(pin: str | None, pin_file: Path | None) -> Iterator[str]:
    if pin is not None and pin_file is not None:
        yield "modem.pin and modem.pin_file are both set; keep one of them"


def _judge_retention(keep_texts: timedelta, keep_numbers: timedelta) -> Iterator[str]:
    if keep_texts > keep_numbers:
        yield f"expected at most privacy.keep_numbers ({format_duration(keep_numbers)})"


# what keys owe each other: their paths, and a judge of their values; not asked where one is wrong itself
RULES: tuple[tuple[tuple[str, ...], Callable[..., Iterator[str]]], ...] = (
    (("modem.pin", "modem.pin_file"), _judge_pin),
    (("answer.text", "answer.texts"), _judge_texts),
    (("answer.text", "answer.texts", "answer.encoding", "answer.max_segments"), _judge_cost),
    (("answer.by_country", "answer.encoding", "answer.max_segments"), _judge_cost_by_country),
    (("answer.delay", "answer.max_age"), _judge_delay),
    (("privacy.keep_texts", "privacy.keep_numbers"), _judge_retention),
)
