"""Rules for several keys together: a value of one key may forbid or require values of others."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path

from hotlined.config.problems import quoted
from hotlined.config.values import format_duration
from hotlined.errors import TextError
from hotlined.gsm.alphabet import Plan, plan
from hotlined.language import N_, _, ngettext

_BOTH_SET = N_("{one} and {other} are both set; keep one of them")


def _judge_places(text: str | None, steps: tuple[tuple[str, ...], ...], file: Path | None) -> Iterator[str]:
    """Check that exactly one key has the answer: `text_file`, `text` or `texts`."""
    stated = {"answer.text_file": file, "answer.text": text, "answer.texts": steps or None}
    keys = [key for key, value in stated.items() if value is not None]
    if not keys:
        yield _("is missing, and it alone has no default: set it, or answer.text_file")
    if len(keys) > 1:
        yield _(
            "{keys} are set, and one alone may be: take {others} out, or else {first}",
            keys=", ".join(keys),
            others=", ".join(keys[1:]),
            first=keys[0],
        )


def _judge_cost(
    text: str | None, steps: tuple[tuple[str, ...], ...], encoding: str, max_segments: int
) -> Iterator[str]:
    return judge_each(chain(*steps) if text is None else (text,), encoding, max_segments)


def _judge_cost_by_country(
    by_country: tuple[tuple[str, tuple[str, ...]], ...], encoding: str, max_segments: int
) -> Iterator[str]:
    return judge_each(chain(*(variants for _country, variants in by_country)), encoding, max_segments)


def judge_each(texts: Iterable[str], encoding: str, max_segments: int) -> Iterator[str]:
    """Yield why texts cannot be sent: characters that the encoding lacks, or characters too many."""
    for candidate in texts:
        try:
            planned = plan(candidate, encoding)
        except TextError as error:
            yield error.message
            continue
        if planned.segments > max_segments:
            yield _too_long(candidate, planned, max_segments)


def _too_long(text: str, planned: Plan, max_segments: int) -> str:
    places = {
        "text": quoted(text),
        "length": len(planned.text),
        "room": planned.room(max_segments),
        "encoding": planned.encoding,
        "excess": planned.beyond(max_segments),
    }
    if not planned.forcing:
        return ngettext(
            "{text} has {length} characters; {number} segment holds {room} in {encoding}: {excess} too many. See"
            " `hotlined text check`",
            "{text} has {length} characters; {number} segments (answer.max_segments) hold {room} in {encoding}:"
            " {excess} too many. See `hotlined text check`",
            max_segments,
            **places,
        )
    return ngettext(
        "{text} has {length} characters; {number} segment holds {room} in {encoding}, because of {forcing}: {excess}"
        " too many. See `hotlined text check`",
        "{text} has {length} characters; {number} segments (answer.max_segments) hold {room} in {encoding}, because"
        " of {forcing}: {excess} too many. See `hotlined text check`",
        max_segments,
        forcing=", ".join(f"{character!r} (U+{ord(character):04X})" for character in planned.forcing),
        **places,
    )


def _judge_delay(delay: tuple[timedelta, ...], max_age: timedelta) -> Iterator[str]:
    if delay[-1] >= max_age:
        yield _(
            "expected less than answer.max_age ({max_age}): every answer would be stale",
            max_age=format_duration(max_age),
        )


def _judge_pin(pin: str | None, pin_file: Path | None) -> Iterator[str]:
    if pin is not None and pin_file is not None:
        yield _(_BOTH_SET, one="modem.pin", other="modem.pin_file")


def _judge_retention(keep_texts: timedelta, keep_numbers: timedelta) -> Iterator[str]:
    if keep_texts > keep_numbers:
        yield _("expected at most privacy.keep_numbers ({keep_numbers})", keep_numbers=format_duration(keep_numbers))


def _judge_backup(folder: Path | None, recipients: tuple[str, ...]) -> Iterator[str]:
    if folder and not recipients:
        yield _("is set, and backup.recipients names nobody: `hotlined db key` makes a key")


# the keys of each rule, and the function that judges their values; a rule is skipped if one of its keys has a problem
RULES: tuple[tuple[tuple[str, ...], Callable[..., Iterator[str]]], ...] = (
    (("modem.pin", "modem.pin_file"), _judge_pin),
    (("answer.text", "answer.texts", "answer.text_file"), _judge_places),
    (("answer.text", "answer.texts", "answer.encoding", "answer.max_segments"), _judge_cost),
    (("answer.by_country", "answer.encoding", "answer.max_segments"), _judge_cost_by_country),
    (("answer.delay", "answer.max_age"), _judge_delay),
    (("backup.folder", "backup.recipients"), _judge_backup),
    (("privacy.keep_texts", "privacy.keep_numbers"), _judge_retention),
)
