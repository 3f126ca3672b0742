"""What the variants of the answer brought, side by side, and whether chance alone may have done it.

Only variants that are in force are compared: each began with its last edit. They were drawn at random, so what differs
between them is chance or the wording. Known to be wrong: whoever looks often enough sees what chance does seldom.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import exp, lgamma

from hotlined.config import AnswerConfig, Wording
from hotlined.language import _
from hotlined.store import wordings
from hotlined.store.wordings import WordingCounts
from hotlined.words.tags import tag_in_words
from hotlined.words.wordings import place_in_words

_ALIKE = 1e-7  # logarithms that differ by less are of equal numbers, as in R
_SELDOM = 0.05  # what chance does less often than that is called a difference


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant, counted from 1, and what came of its answers."""

    variant: int
    counts: WordingCounts


@dataclass(frozen=True, slots=True)
class Reaction:
    """What some wrote back: its name, and how many answers of each variant brought it, in the order of the variants."""

    name: str
    answers: list[int]


@dataclass(frozen=True, slots=True)
class ComparedVariants:
    """The variants of one place, at least two: its name, and each that differs from those before it."""

    name: str
    variants: tuple[Variant, ...]

    @property
    def tags(self) -> list[str]:
        """All tags, the most frequent first."""
        total = wordings.together(each.counts for each in self.variants).tags
        return sorted(total, key=lambda tag: (-total[tag], tag))

    @property
    def reactions(self) -> list[Reaction]:
        """What came back: first a text at all, then each tag of such texts."""
        counts = [each.counts for each in self.variants]
        tagged = [Reaction(tag_in_words(tag), [each.tags[tag] for each in counts]) for tag in self.tags]
        return [Reaction(_("wrote back"), [each.wrote_back for each in counts]), *tagged]


def compare(answer: AnswerConfig, found: Mapping[wordings.Wording, WordingCounts]) -> tuple[ComparedVariants, ...]:
    """Return what the variants in force brought, of each place that has several."""
    last = len(answer.steps) - 1
    places = groupby(answer.wordings, key=lambda wording: (wording.step, wording.country))
    compared = []
    for (step, country), group in places:
        variants: dict[str, Variant] = {}
        for each in group:
            digest = wordings.digest_of(each.text, answer.encoding)
            if digest not in variants:
                variants[digest] = Variant(each.variant + 1, _counts(each, digest, last, found))
        if len(variants) > 1:
            name = place_in_words(step, 0, country, only_step=last == 0, several=False)
            compared.append(ComparedVariants(name, tuple(variants.values())))
    return tuple(compared)


def _counts(wording: Wording, digest: str, last: int, found: Mapping[wordings.Wording, WordingCounts]) -> WordingCounts:
    """Add up what came of a wording at its place: at every step for a country, and the last repeats."""
    return wordings.together(
        counts
        for (step, country, its_digest), counts in found.items()
        if its_digest == digest
        and country == wording.country
        and (wording.step is None or wording.step == min(step, last))
    )


def verdict(place: ComparedVariants) -> Iterator[str]:
    """Say which variants differ by more than chance, or that nothing can be told, in sentences."""
    answers = [each.counts.answers for each in place.variants]
    # of two variants one says it all; the more comparisons, the likelier chance parts one of them
    compared = place.variants[: 1 if len(place.variants) == 2 else None]
    tables = [
        (reaction.name, at, *_table(reaction.answers, answers, at))
        for reaction in place.reactions
        if sum(reaction.answers)
        for at in range(len(compared))
    ]
    if not any(_least(*table) * len(tables) < _SELDOM for _name, _at, *table in tables):
        yield _("So few tell nothing yet: however they fell, it may be chance.")
        return
    told = [
        _(
            "Variant {variant} stands out: {kind} {hits} of {of}, the others {others} of {of_others}. Chance alone"
            " seldom does that.",
            variant=place.variants[at].variant,
            kind=name,
            hits=hits,
            of=of,
            others=others,
            of_others=of_others,
        )
        for name, at, hits, of, others, of_others in tables
        if chance(hits, of, others, of_others) * len(tables) < _SELDOM
    ]
    yield from told or [_("What differs between them may well be chance.")]


def _table(hits: Sequence[int], answers: Sequence[int], at: int) -> tuple[int, int, int, int]:
    """Return the hits and answers of one variant, and those of all others together."""
    return hits[at], answers[at], sum(hits) - hits[at], sum(answers) - answers[at]


def chance(hits: int, of: int, others: int, of_others: int) -> float:
    """Return how often chance alone parts so many hits at least so unevenly: Fisher's exact test, both sides."""
    whole = hits + others
    first, last = max(0, whole - of_others), min(of, whole)
    logs = [_log_ways(of, each) + _log_ways(of_others, whole - each) for each in range(first, last + 1)]
    most, mine = max(logs), logs[hits - first] + _ALIKE
    ways = [exp(each - most) for each in logs]
    return sum(way for way, its_log in zip(ways, logs, strict=True) if its_log <= mine) / sum(ways)


def _log_ways(of: int, hits: int) -> float:
    """Return the logarithm of the number of ways to hit: of thousands the number itself has thousands of digits."""
    return lgamma(of + 1) - lgamma(hits + 1) - lgamma(of - hits + 1)


def _least(hits: int, of: int, others: int, of_others: int) -> float:
    """Return what the most uneven parting of so many hits would have: no other is less likely to be chance."""
    whole = hits + others
    ends = (max(0, whole - of_others), min(of, whole))
    return min(chance(end, of, whole - end, of_others) for end in ends)
