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
from hotlined.store.reading import figures
from hotlined.words.amounts import maybe_price


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
        "price_per_segment": _cost(1, summary.limits),
        "total": _ends_json(period.start, period.end) | _tally_json(summary.total, summary.limits),
        "before": _ends_json(summary.before_start, period.start) | _tally_json(summary.before, summary.limits)
        if summary.before_start and summary.before
        else None,
        "bins": list(bins(summary)),
        "week": summary.week,
        "week_days": summary.week_days,
        "busiest_day": {"day": summary.busiest_day.date.isoformat(), "texts": summary.busiest_day.texts}
        if summary.busiest_day
        else None,
        "weeks": [_ends_json(week.start, week.end) | {"texts": week.texts} for week in summary.weeks],
        "modem_seconds": modem_seconds(summary),
        "words": list(sentences(summary)),
    }


def bins(summary: Summary) -> Iterator[dict[str, Any]]:
    """Yield the bins as `stats --json` and `stats --csv` have them."""
    for part in summary.bins:
        yield _ends_json(part.start, part.end) | _counts_json(part.counts, summary.limits)


def _ends_json(start: datetime, end: datetime) -> dict[str, Any]:
    return {"since": rfc3339(start), "until": rfc3339(end)}


def _counts_json(counts: figures.Counts, limits: Limits) -> dict[str, Any]:
    return asdict(counts) | {"cost": _cost(counts.segments, limits)}


def _tally_json(tally: figures.Tally, limits: Limits) -> dict[str, Any]:
    more = asdict(tally)
    more["reasons"] = {"suppressed": more.pop("suppressed"), "cancelled": more.pop("cancelled")}
    del more["counts"]
    return _counts_json(tally.counts, limits) | more


def _cost(segments: int, limits: Limits) -> float | None:
    price = maybe_price(segments, limits)
    return None if price is None else float(price)
