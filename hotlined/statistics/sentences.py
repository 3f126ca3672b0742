"""The figures of a period in sentences that can be read to a journalist."""

from collections.abc import Iterator, Sequence

from hotlined.policy import Limits
from hotlined.statistics.periods import WEEK
from hotlined.statistics.plain import (
    FEW,
    NUMBERS,
    calendar,
    day_in_words,
    lasts,
    length,
    money,
    rate,
    share,
    shares,
    wait_in_sentence,
)
from hotlined.statistics.summary import Summary
from hotlined.store import figures
from hotlined.words.amounts import many

_MOST_PARTS = 5  # of a whole that are named one by one
_MOST_WEEKS = 6
_NEAR = 1.5  # times its even share: what a week has to have to be named
_UNTAGGED = "not tagged yet"


def sentences(summary: Summary) -> Iterator[str]:
    """Yield what can be read to a journalist, sentence by sentence: each with the period that it is about."""
    counts, start, end = summary.total.counts, summary.period.start, summary.period.end
    time = f"{length(start, end)} ({calendar(start, end)})"
    if counts.texts:
        often = rate(counts.texts, *lasts(start, end))
        yield f"{many(counts.texts, 'text')} in {time}{f', {often}' if often else ''}."
        yield from _busiest(summary)
    else:
        yield f"No text in {time}."
    if counts.calls:
        yield f"{many(counts.calls, 'call')} in the same time."
    yield from _people(counts)
    yield from _answers(summary.total)
    if counts.segments:
        each = f" at {_price(summary.limits)}{' each' if counts.segments > 1 else ''}"
        spent = money(counts.segments, summary.limits)
        yield f"In all the SIM spent {spent}: {many(counts.segments, 'segment')}{each}."
    yield from _reactions(summary.total)
    if summary.total.other_tags:
        tags = ", ".join(f"{tag} {number:,}" for tag, number in summary.total.other_tags.items())
        yield f"Tags on what is no reaction to an answer: {tags}."
    if summary.before and summary.before_start:
        was = summary.before.counts.texts
        earlier = length(summary.before_start, start).removeprefix("one ")
        when = f"In the {earlier} before ({calendar(summary.before_start, start)})"
        yield f"{when}: {many(was, 'text') if was else 'no text'}."
    elif summary.began and summary.began < end:
        local = summary.began.astimezone()
        yield f"The line's records begin on {day_in_words(local.date())} at {local:%H:%M}."


def _price(limits: Limits) -> str:
    """Write the price of a segment with all its places, and at least two of them."""
    exact = limits.price_per_segment.normalize()
    return f"{exact:f} {limits.currency}" if -int(exact.as_tuple().exponent) > 2 else money(1, limits)


def _busiest(summary: Summary) -> Iterator[str]:
    """Yield the week that had far more than its share of the texts, if there is one."""
    total, weeks = summary.total.counts.texts, sorted(summary.weeks, key=lambda week: -week.texts)
    if total <= FEW or not 2 <= len(weeks) <= _MOST_WEEKS or weeks[0].texts == weeks[1].texts:
        return
    most = weeks[0]
    if most.texts / total >= _NEAR * (WEEK / (summary.period.end - summary.period.start)):
        part = share(most.texts, total)
        yield f"{part[0].upper()}{part[1:]} of them came in the week from {calendar(most.start, most.end)}."


def _people(counts: figures.Counts) -> Iterator[str]:
    """Yield how many senders texted or called; a name or a short code is a sender too."""
    numbers = counts.new + counts.returning
    if numbers == 1:
        yield f"1 sender texted or called, {'' if counts.new else 'not '}for the first time."
    elif numbers:
        new = {numbers: "all", 0: "none"}.get(counts.new, f"{counts.new:,}")
        yield f"{numbers:,} senders texted or called, {new} of them for the first time."
    if counts.withheld:
        kinds = "text or call" if counts.withheld == 1 else "texts or calls"
        yield f"{counts.withheld:,} {kinds} came without a number."


def _answers(tally: figures.Tally) -> Iterator[str]:
    """Yield how many went out and how soon, and how many of them the network did not confirm."""
    answers, unconfirmed = tally.counts.answers, tally.counts.unconfirmed
    if not answers:
        return
    when = ""
    if tally.seconds_to_answer:
        wait = wait_in_sentence(tally.seconds_to_answer[1])
        if tally.timed == answers:
            when = f", within {wait}" if answers == 1 else f", half of them within {wait}"
        elif tally.timed == 1:
            when = f"; of 1 it is known how soon, within {wait}"
        else:
            when = f"; of {tally.timed:,} it is known how soon, half of these within {wait}"
    yield f"{many(answers, 'answer')} went out{when}."
    if unconfirmed:
        them = "it" if answers == 1 else "any of them" if unconfirmed == answers else f"{unconfirmed:,} of them"
        yield f"The network did not confirm {them}."


def _reactions(tally: figures.Tally) -> Iterator[str]:
    """Yield what people wrote back, each reaction once, by all of its tags."""
    if not tally.reactions:
        return
    reactions = f"{many(tally.reactions, 'reaction')} to the answer"
    parts = _parts(tally.by_tags)
    if len(parts) == 1:
        ((words, _),) = parts
        one = tally.reactions == 1
        if words == _UNTAGGED:
            yield f"{reactions}, {'not' if one else 'none'} tagged yet."
        else:
            yield f"{reactions}, {'' if one else 'all of them '}{words}."
        return
    clauses = [
        f"{part} {'is' if part == NUMBERS[1] else 'are'} {words}"
        for part, (words, _) in zip(shares([number for _, number in parts]), parts, strict=True)
    ]
    together = any(len(tagged.tags) > 1 for tagged in tally.by_tags)
    yield f"Of {reactions}, {_listed(clauses, ', and ' if together else ' and ')}."


def _parts(by_tags: Sequence[figures.Tagged]) -> list[tuple[str, int]]:
    """Return the parts of the reactions by their tags, in words; the rarest are one part where there are many."""
    together = {tag for tagged in by_tags if len(tagged.tags) > 1 for tag in tagged.tags}
    parts = []
    for tagged in by_tags:
        clause = f"tagged {_listed(tagged.tags)}" if tagged.tags else _UNTAGGED
        alone = len(tagged.tags) == 1 and tagged.tags[0] in together
        parts.append(
            (f"{clause}{' together' if len(tagged.tags) > 1 else ' alone' if alone else ''}", tagged.reactions)
        )
    if len(parts) <= _MOST_PARTS:
        return parts
    untagged = [part for part in parts if part[0] == _UNTAGGED]
    kept = _MOST_PARTS - 1 - len(untagged)
    others = sum(part for _, part in parts[kept : len(parts) - len(untagged)])
    return [*parts[:kept], ("tagged otherwise", others), *untagged]


def _listed(words: Sequence[str], last: str = " and ") -> str:
    return last.join(filter(None, (", ".join(words[:-1]), words[-1])))
