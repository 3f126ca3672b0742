"""The figures of a period in sentences that can be read to a journalist."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from hotlined.language import _, in_digits, ngettext, pgettext
from hotlined.policy import Limits
from hotlined.statistics.periods import WEEK
from hotlined.statistics.plain import (
    FEW,
    calendar,
    day_in_words,
    lasts,
    length,
    number_in_words,
    rate,
    share,
    shares,
    wait_in_sentence,
)
from hotlined.statistics.summary import Summary
from hotlined.store import figures
from hotlined.words.amounts import in_money, money
from hotlined.words.tags import tag_in_words

_MOST_PARTS = 5  # of a whole that are named one by one
_MOST_WEEKS = 6
_NEAR = 1.5  # times its even share: what a week has to have to be named


def sentences(summary: Summary) -> Iterator[str]:
    """Yield what can be read to a journalist, sentence by sentence: each with the period that it is about."""
    counts, start, end = summary.total.counts, summary.period.start, summary.period.end
    time = _("{length} ({calendar})", length=length(start, end), calendar=calendar(start, end))
    if counts.texts:
        yield _texts(counts.texts, time, rate(counts.texts, *lasts(start, end)))
        yield from _busiest(summary)
    else:
        yield _("No text in {time}.", time=time)
    if counts.calls:
        yield ngettext("{number} call in the same time.", "{number} calls in the same time.", counts.calls)
    yield from _people(counts)
    yield from _answers(summary.total)
    if counts.segments:
        yield ngettext(
            "In all the SIM spent {spent}: {number} segment at {price}.",
            "In all the SIM spent {spent}: {number} segments at {price} each.",
            counts.segments,
            spent=money(counts.segments, summary.limits),
            price=_price(summary.limits),
        )
    yield from _reactions(summary.total)
    if summary.total.other_tags:
        tags = ", ".join(f"{tag_in_words(tag)} {in_digits(number)}" for tag, number in summary.total.other_tags.items())
        yield _("Tags on what is no reaction to an answer: {tags}.", tags=tags)
    if summary.before and summary.before_start:
        yield _texts_before(summary.before.counts.texts, summary.before_start, start)
    elif summary.began and summary.began < end:
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


def _price(limits: Limits) -> str:
    """Write the price of a segment with all its places, and at least two of them."""
    exact = limits.price_per_segment.normalize()
    return in_money(exact, limits.currency, max(2, -int(exact.as_tuple().exponent)))


def _busiest(summary: Summary) -> Iterator[str]:
    """Yield the week that had far more than its share of the texts, if there is one."""
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


def _people(counts: figures.Counts) -> Iterator[str]:
    """Yield how many senders texted or called; a name or a short code is a sender too."""
    numbers = counts.new + counts.returning
    named = {"number": in_digits(numbers), "new": in_digits(counts.new)}
    if numbers == 1 and counts.new:
        yield _("1 sender texted or called, for the first time.")
    elif numbers == 1:
        yield _("1 sender texted or called, not for the first time.")
    elif counts.new == numbers > 0:
        yield _("{number} senders texted or called, all of them for the first time.", **named)
    elif numbers and not counts.new:
        yield _("{number} senders texted or called, none of them for the first time.", **named)
    elif numbers:
        yield _("{number} senders texted or called, {new} of them for the first time.", **named)
    if counts.withheld:
        yield ngettext(
            "{number} text or call came without a number.",
            "{number} texts or calls came without a number.",
            counts.withheld,
        )


def _answers(tally: figures.Tally) -> Iterator[str]:
    """Yield how many went out and how soon, and how many of them the network did not confirm."""
    answers, unconfirmed = tally.counts.answers, tally.counts.unconfirmed
    if not answers:
        return
    yield _went_out(tally)
    if unconfirmed and answers == 1:
        yield _("The network did not confirm it.")
    elif unconfirmed == answers:
        yield _("The network did not confirm any of them.")
    elif unconfirmed:
        yield _("The network did not confirm {number} of them.", number=in_digits(unconfirmed))


def _went_out(tally: figures.Tally) -> str:
    answers = tally.counts.answers
    if not tally.seconds_to_answer:
        return ngettext("{number} answer went out.", "{number} answers went out.", answers)
    wait = wait_in_sentence(tally.seconds_to_answer[1])
    if tally.timed == answers:
        return ngettext(
            "{number} answer went out, within {wait}.",
            "{number} answers went out, half of them within {wait}.",
            answers,
            wait=wait,
        )
    return ngettext(
        "{answers} answers went out; of {number} it is known how soon, within {wait}.",
        "{answers} answers went out; of {number} it is known how soon, half of these within {wait}.",
        tally.timed,
        answers=in_digits(answers),
        wait=wait,
    )


def _reactions(tally: figures.Tally) -> Iterator[str]:
    """Yield what people wrote back, each reaction once, by all of its tags."""
    if not tally.reactions:
        return
    reactions = ngettext("{number} reaction to the answer", "{number} reactions to the answer", tally.reactions)
    parts = _parts(tally)
    if len(parts) == 1:
        yield _alike(reactions, parts[0][0], is_one=tally.reactions == 1, is_untagged=bool(tally.untagged))
        return
    clauses = []
    for part, (words, number) in zip(shares([number for _words, number in parts]), parts, strict=True):
        is_one = number == 1 and part == number_in_words(1)
        clauses.append(
            _("{part} is {words}", part=part, words=words)
            if is_one
            else _("{part} are {words}", part=part, words=words)
        )
    together = any(len(tagged.tags) > 1 for tagged in tally.by_tags)
    yield _("Of {reactions}, {clauses}.", reactions=reactions, clauses=_listed(clauses, long=together))


def _alike(reactions: str, words: str, *, is_one: bool, is_untagged: bool) -> str:
    """Say of reactions that all have the same tags what these are."""
    named = {"reactions": reactions, "words": words}
    if not is_untagged:
        return _("{reactions}, {words}.", **named) if is_one else _("{reactions}, all of them {words}.", **named)
    return (
        _("{reactions}, not tagged yet.", reactions=reactions)
        if is_one
        else _("{reactions}, none tagged yet.", reactions=reactions)
    )


def _parts(tally: figures.Tally) -> list[tuple[str, int]]:
    """Return the parts of the reactions by their tags, in words; the rarest are one part where there are many."""
    together = {tag for tagged in tally.by_tags if len(tagged.tags) > 1 for tag in tagged.tags}
    parts = []
    for tagged in tally.by_tags:
        tags = _listed([*map(tag_in_words, tagged.tags)]) if tagged.tags else ""
        if not tagged.tags:
            words = _("not tagged yet")
        elif len(tagged.tags) > 1:
            words = _("tagged {tags} together", tags=tags)
        elif tagged.tags[0] in together:
            words = _("tagged {tag} alone", tag=tags)
        else:
            words = _("tagged {tag}", tag=tags)
        parts.append((words, tagged.reactions))
    parts += [(pgettext("reactions", "erased unread"), tally.unread)] if tally.unread else []
    if len(parts) <= _MOST_PARTS:
        return parts
    tagged_parts = len(parts) - bool(tally.untagged) - bool(tally.unread)
    kept = _MOST_PARTS - 1 - (len(parts) - tagged_parts)
    others = sum(part for _words, part in parts[kept:tagged_parts])
    return [*parts[:kept], (_("tagged otherwise"), others), *parts[tagged_parts:]]


def _listed(words: Sequence[str], *, long: bool = False) -> str:
    """Write a list; where its items are `long` there is a comma before the last."""
    if len(words) == 1:
        return words[0]
    named = {"listed": ", ".join(words[:-1]), "last": words[-1]}
    return _("{listed}, and {last}", **named) if long else _("{listed} and {last}", **named)
