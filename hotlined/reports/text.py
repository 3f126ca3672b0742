"""The cost of a text, the characters that force UCS-2 in it, and its place among the line's texts."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from hotlined.config import Config, Wording
from hotlined.forms import extended
from hotlined.gsm.alphabet import Encoding, Plan, Replacement, plan
from hotlined.language import _, character_name, ngettext
from hotlined.words.amounts import maybe_price, segments_and_price
from hotlined.words.columns import inner

_UNIT_OCTETS = {Encoding.GSM7: 1, Encoding.UCS2: 2}  # bytes of a body for one septet or one UCS-2 unit


@dataclass(frozen=True, slots=True)
class ForcingCharacter:
    """A character that forces UCS-2, how often it occurs, and how many segments the text takes without it."""

    character: str
    name: str
    count: int
    segments_without: int


@dataclass(frozen=True, slots=True)
class TextCost:
    """The cost of a text: `units` are septets in gsm7 and units of 16 bits in ucs2; `text` is the text that is sent."""

    text: str
    encoding: Encoding
    characters: int
    units: int
    segments: int
    max_segments: int
    fits: bool
    """True if it takes at most `max_segments`."""
    characters_too_many: int
    """The number of characters at the end that do not fit into `max_segments`."""
    price: Decimal | None
    """Null if limits.price_per_segment is not set."""
    currency: str
    replaced: tuple[Replacement, ...]
    to_blame: tuple[ForcingCharacter, ...]
    """The characters that force UCS-2."""
    segments_without_blamed: int
    """The number of segments without any of these characters."""


@dataclass(frozen=True, slots=True)
class CheckedText(TextCost):
    """A line of text check --json: the cost of a text, and its place among the line's texts, counted from 1.

    `answer` is null for a text for a country, because it serves every answer; all three are null for a typed text.
    """

    answer: int | None
    """1 for the first answer to a number, 2 for the second, and so on."""
    country: str | None
    variant: int | None


def checked(text_cost: TextCost, wording: Wording | None) -> CheckedText:
    """Return the cost of a text as `text check --json` has it; `wording` is None for a typed text."""
    if wording is None:
        return extended(CheckedText, text_cost, answer=None, country=None, variant=None)
    answer = None if wording.step is None else wording.step + 1
    return extended(CheckedText, text_cost, answer=answer, country=wording.country, variant=wording.variant + 1)


def cost(text: str, config: Config) -> TextCost:
    """Return the cost of a text; raises TextError for a text that cannot be sent."""
    planned = plan(text, config.answer.encoding)
    most = config.answer.max_segments
    return TextCost(
        text=planned.text,
        encoding=planned.encoding,
        characters=len(planned.text),
        units=sum(map(len, planned.bodies)) // _UNIT_OCTETS[planned.encoding],
        segments=planned.segments,
        max_segments=most,
        fits=planned.segments <= most,
        characters_too_many=planned.beyond(most),
        price=maybe_price(planned.segments, config.limits),
        currency=config.limits.currency,
        replaced=planned.replaced,
        to_blame=tuple(_forcing(character, text, config) for character in planned.forcing),
        segments_without_blamed=_without(text, planned.forcing, config).segments,
    )


def as_it_leaves(name: str, text: str, config: Config) -> Iterator[tuple[str, str]]:
    """Yield a text's cost, its look on a phone and the replaced characters: labels (the first is empty) and values."""
    planned = plan(text, config.answer.encoding)
    places = {
        "name": name,
        "segments": segments_and_price(planned.segments, config.limits),
        "encoding": planned.encoding,
    }
    if planned.forcing:
        takes = _(
            "{name} takes {segments} in {encoding} because of {characters}.",
            characters=" ".join(planned.forcing),
            **places,
        )
    else:
        takes = _("{name} takes {segments} in {encoding}.", **places)
    joined = _("The phone joins them and shows:") if planned.segments > 1 else _("The phone shows:")
    yield "", f"{takes} {joined}"
    yield inner(_("text")), planned.text
    yield inner(_("replaced")), ", ".join(map(replacement_in_words, planned.replaced)) or _("nothing")


def wording_in_words(wording: Wording, steps: int) -> str:
    """Name a text of a configuration by its place; `steps` is the number of successive answers to a number."""
    return place_in_words(
        wording.step,
        wording.variant,
        wording.country,
        only_step=steps == 1,
        several=wording.several,
    )


def place_in_words(
    step: int | None, variant: int, country: str | None, *, only_step: bool = False, several: bool = True
) -> str:
    """Name a text by its place: `Answer 2, variant 1`, `The answer for NL`. `step` and `variant` count from 0.

    `only_step`: every answer to a number has the same texts. `several`: the text is one of several variants.
    """
    if country is not None:
        name = _("The answer for {country}", country=country)
    elif only_step or step is None:
        name = _("The answer")
    else:
        name = _("Answer {number}", number=step + 1)
    return _("{name}, variant {number}", name=name, number=variant + 1) if several else name


def _forcing(character: str, text: str, config: Config) -> ForcingCharacter:
    return ForcingCharacter(
        character,
        unicodedata.name(character, f"U+{ord(character):04X}"),
        unicodedata.normalize("NFC", text).count(character),
        _without(text, (character,), config).segments,
    )


def _without(text: str, characters: tuple[str, ...], config: Config) -> Plan:
    composed = unicodedata.normalize("NFC", text) if characters else text
    return plan(composed.translate(dict.fromkeys(map(ord, characters))), config.answer.encoding)


def replacement_in_words(replaced: Replacement) -> str:
    """Write which character was replaced by what, and how often."""
    character, by = replaced.original, replaced.replacement
    return ngettext(
        "{original} by {by}, {number} time",
        "{original} by {by}, {number} times",
        replaced.count,
        original=_("a {name}", name=character_name(character)) if character.isspace() else character,
        by=_("a blank") if by == " " else repr(by),
    )
