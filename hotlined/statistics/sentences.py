"""The figures of a period in sentences that can be read out to a journalist."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from hotlined.language import _, in_digits, ngettext
from hotlined.statistics.periods import WEEK
from hotlined.statistics.plain import (
    FEW,
    calendar,
    day_in_words,
    lasts,
    length,
    rate,
    share,
    wait_in_sentence,
)
from hotlined.statistics.summary import Summary
from hotlined.store.reading import figures
from hotlined.words.amounts import in_money
from hotlined.words.tags import tagged_in_words

_MOST_PARTS = 5  # tags beyond this number are summed up as others
_MOST_WEEKS = 6  # in a longer period no week is named
_NEAR = 1.5  # a week is named only if it has this many times the texts that it would have if all weeks had the same


def sentences(summary: Summary) -> Iterator[str]:
    """Yield the sentences; each says which period it is about."""
    counts, start, end = summary.total.counts, summary.period.start, summary.period.end
    time = _("{length} ({calendar})", length=length(start, end), calendar=calendar(start, end))
    if counts.texts:
        yield _texts(counts.texts, time, rate(counts.texts, *lasts(start, end)))
        yield from _busiest(summary)
    else:
        yield _("No text in {time}.", time=time)
    if counts.calls:
        yield ngettext("{number} call in the same time.", "{number} calls in the same time.", counts.calls)
    if counts.mms:
        yield ngettext(
            "{number} photo message in the same time.", "{number} photo messages in the same time.", counts.mms
        )
    yield from _people(counts, is_whole_life=summary.began is not None and summary.began >= start)
    yield from _answers(summary.total)
    if counts.segments and (price := summary.limits.price_per_segment) is not None:
        yield ngettext(
            "Estimated cost: {cost} ({number} billed text, at {price}).",
            "Estimated cost: {cost} ({number} billed texts, at {price} each).",
            counts.segments,
            cost=in_money(counts.segments * price, summary.limits.currency),
            price=_price(price, summary.limits.currency),
        )
    yield from _reactions(summary.total)
    if summary.total.other_tags:
        parts = (tagged_in_words((tag,), number) for tag, number in summary.total.other_tags.items())
        yield _("In other texts: {parts}.", parts=", ".join(parts))
    if summary.before and summary.before_start:
        yield _texts_before(summary.before.counts.texts, summary.before_start, start)
    elif summary.began:
        local = summary.began.astimezone()
        yield _(
            "The line's records begin on {day} at {time}.", day=day_in_words(local.date()), time=format(local, "%H:%M")
        )


def _texts(number: int, time: str, often: str | None) -> str:
    if often is None:
        return ngettext("{number} text in {time}.", "{number} texts in {time}.", number, time=time)
    return ngettext(
        "{number} text in {time}, {often}.", "{number} texts in {time}, {often}.", number, time=time, often=often
    )


def _texts_before(number: int, start: datetime, end: datetime) -> str:
    named = {"length": length(start, end).removeprefix("one "), "calendar": calendar(start, end)}
    if not number:
        return _("In the {length} before ({calendar}): no text.", **named)
    return ngettext(
        "In the {length} before ({calendar}): {number} text.",
        "In the {length} before ({calendar}): {number} texts.",
        number,
        **named,
    )


def _price(price: Decimal, currency: str) -> str:
    """Write the price of a segment with all its decimals, at least two."""
    exact = price.normalize()
    return in_money(exact, currency, max(2, -int(exact.as_tuple().exponent)))


def _busiest(summary: Summary) -> Iterator[str]:
    """Yield the week with far more than its share of the texts, if there is one, and the day with the most texts."""
    yield from _busiest_week(summary)
    day, texts = summary.busiest_day, summary.total.counts.texts
    if day and day.texts < texts > FEW:
        yield ngettext(
            "The busiest day was {day}, with {number} text.",
            "The busiest day was {day}, with {number} texts.",
            day.texts,
            day=day_in_words(day.date),
        )


def _busiest_week(summary: Summary) -> Iterator[str]:
    total, weeks = summary.total.counts.texts, sorted(summary.weeks, key=lambda week: -week.texts)
    if total <= FEW or not 2 <= len(weeks) <= _MOST_WEEKS or weeks[0].texts == weeks[1].texts:
        return
    most = weeks[0]
    if most.texts / total >= _NEAR * (WEEK / (summary.period.end - summary.period.start)):
        when = calendar(most.start, most.end)
        if most.texts == total:
            yield _("All of them came in the week from {calendar}.", calendar=when)
            return
        told = _("{share} of them came in the week from {calendar}.", share=share(most.texts, total), calendar=when)
        yield f"{told[0].upper()}{told[1:]}"


def _people(counts: figures.Counts, *, is_whole_life: bool) -> Iterator[str]:
    """Yield how many numbers texted or called; names and short codes do not count.

    How many of them are new is left out if the period is the line's whole life, because then all are.
    """
    numbers = counts.new + counts.returning
    named = {"number": in_digits(numbers), "new": in_digits(counts.new)}
    if numbers == 1 and is_whole_life:
        yield _("1 telephone number texted or called.")
    elif numbers == 1 and counts.new:
        yield _("1 telephone number texted or called, for the first time.")
    elif numbers == 1:
        yield _("1 telephone number texted or called, not for the first time.")
    elif numbers and is_whole_life:
        yield _("{number} different telephone numbers texted or called.", **named)
    elif counts.new == numbers > 0:
        yield _("{number} different telephone numbers texted or called, all of them for the first time.", **named)
    elif numbers and not counts.new:
        yield _("{number} different telephone numbers texted or called, none of them for the first time.", **named)
    elif numbers:
        yield _("{number} different telephone numbers texted or called, {new} of them for the first time.", **named)
    if counts.withheld:
        yield ngettext(
            "{number} text or call came from a withheld number.",
            "{number} texts or calls came from a withheld number.",
            counts.withheld,
        )


def _answers(tally: figures.Tally) -> Iterator[str]:
    """Yield how often the line answered and how soon, and how many answers perhaps never left."""
    answers, unconfirmed = tally.counts.answers, tally.counts.unconfirmed
    if not answers:
        return
    if tally.seconds_to_answer:
        yield ngettext(
            "The line answered once, after {wait}.",
            "The line answered {number} times, half of them within {wait}.",
            answers,
            wait=wait_in_sentence(tally.seconds_to_answer[1]),
        )
    else:
        yield ngettext("The line answered once.", "The line answered {number} times.", answers)
    if unconfirmed and answers == 1:
        yield _("Nobody knows whether that answer left.")
    elif unconfirmed == answers:
        yield _("Nobody knows whether these answers left.")
    elif unconfirmed:
        yield ngettext(
            "Of {number} of these answers nobody knows whether it left.",
            "Of {number} of these answers nobody knows whether they left.",
            unconfirmed,
        )


def _reactions(tally: figures.Tally) -> Iterator[str]:
    """Yield how many reactions came, their tags, and how many were erased unread."""
    if tally.reactions:
        yield _tagged(tally)
    if tally.unread:
        yield ngettext(
            "{number} reaction was erased before anybody tagged it.",
            "{number} reactions were erased before anybody tagged them.",
            tally.unread,
        )


def _tagged(tally: figures.Tally) -> str:
    tagged = tally.reactions - tally.untagged - tally.unread
    if not tagged:
        return ngettext(
            "{number} reaction to the answer, which nobody has read and tagged.",
            "{number} reactions to the answer, which nobody has read and tagged.",
            tally.reactions,
        )
    reactions = ngettext("{number} reaction to the answer", "{number} reactions to the answer", tally.reactions)
    parts = ", ".join(_parts(tally))
    if tagged == tally.reactions:
        return _("{reactions}: {parts}.", reactions=reactions, parts=parts)
    return ngettext(
        "Of {reactions} {number} has been read and tagged: {parts}.",
        "Of {reactions} {number} have been read and tagged: {parts}.",
        tagged,
        reactions=reactions,
        parts=parts,
    )


def _parts(tally: figures.Tally) -> Iterator[str]:
    """Yield the tags of reactions with their counts, the most frequent first; the rarest are summed up as others."""
    tagged = [each for each in tally.by_tags if each.tags]
    kept = tagged if len(tagged) <= _MOST_PARTS else tagged[: _MOST_PARTS - 1]
    for each in kept:
        yield tagged_in_words(each.tags, each.reactions)
    if others := sum(each.reactions for each in tagged[len(kept) :]):
        yield _("{number} with other tags", number=in_digits(others))
