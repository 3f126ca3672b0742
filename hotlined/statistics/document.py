"""The figures of a period as machines read them: `stats --json` and `stats --csv`."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from hotlined.clock import rfc3339
from hotlined.policy import Limits
from hotlined.statistics.periods import zone
from hotlined.statistics.sentences import sentences
from hotlined.statistics.summary import Summary, modem_seconds
from hotlined.statistics.variants import ComparedVariants, verdict
from hotlined.store import figures
from hotlined.words.amounts import price


def as_json(summary: Summary) -> dict[str, Any]:
    """Return what `stats --json` prints: times in RFC 3339, durations in seconds, money in `currency`."""
    period = summary.period
    return {
        "line": summary.line,
        "currency": summary.limits.currency,
        "zone": zone(period),
        "by": period.by.value,
        "since": rfc3339(period.start),
        "until": rfc3339(period.end),
        "began": rfc3339(summary.began) if summary.began else None,
        "price_per_segment": float(price(1, summary.limits)),
        "total": _ends_json(period.start, period.end) | _tally_json(summary.total, summary.limits),
        "before": _ends_json(summary.before_start, period.start) | _tally_json(summary.before, summary.limits)
        if summary.before_start and summary.before
        else None,
        "bins": list(bins(summary)),
        "week": summary.week,
        "week_days": summary.week_days,
        "weeks": [_ends_json(week.start, week.end) | {"texts": week.texts} for week in summary.weeks],
        "modem_seconds": modem_seconds(summary),
        "variants": [_place_json(place) for place in summary.places],
        "words": list(sentences(summary)),
    }


def _place_json(place: ComparedVariants) -> dict[str, Any]:
    variants = [
        {
            "variant": each.variant,
            "answers": each.counts.answers,
            "wrote_back": each.counts.wrote_back,
            "tags": {tag: each.counts.tags[tag] for tag in place.tags if each.counts.tags[tag]},
        }
        for each in place.variants
    ]
    return {"name": place.name, "variants": variants, "words": list(verdict(place))}


def bins(summary: Summary) -> Iterator[dict[str, Any]]:
    """Yield the bins as `stats --json` and `stats --csv` have them."""
    for part in summary.bins:
        yield _ends_json(part.start, part.end) | _counts_json(part.counts, summary.limits)


def _ends_json(start: datetime, end: datetime) -> dict[str, Any]:
    return {"since": rfc3339(start), "until": rfc3339(end)}


def _counts_json(counts: figures.Counts, limits: Limits) -> dict[str, Any]:
    return asdict(counts) | {"cost": float(price(counts.segments, limits))}


def _tally_json(tally: figures.Tally, limits: Limits) -> dict[str, Any]:
    more = asdict(tally)
    more["reasons"] = {"suppressed": more.pop("suppressed"), "cancelled": more.pop("cancelled")}
    del more["counts"]
    return _counts_json(tally.counts, limits) | more
