"""Regular expressions for numbers between two bounds, for who can compare no numbers: ECMA 262's, and Python's too."""

from collections.abc import Iterator, Mapping
from datetime import timedelta


def between(least: int, most: int, places: int) -> str:
    """Return a pattern of whole numbers from `least` to `most`, with leading zeros up to so many places in all."""
    parts = "|".join(_parts(str(least), str(min(most, 10**places - 1))))
    return f"(?=[0-9]{{1,{places}}}(?![0-9]))0*(?:{parts})"


def _parts(least: str, most: str) -> Iterator[str]:
    """Yield a pattern for each length that a number between two may have."""
    for length in range(len(least), len(most) + 1):
        first = least if length == len(least) else "1" + "0" * (length - 1)
        last = most if length == len(most) else "9" * length
        yield _same_length(first, last)


def _same_length(least: str, most: str) -> str:
    if not least:
        return ""
    if set(least) == {"0"} and set(most) == {"9"}:
        return "[0-9]" + (f"{{{len(least)}}}" if len(least) > 1 else "")
    if least[0] == most[0]:
        return least[0] + _same_length(least[1:], most[1:])
    rest = len(least) - 1
    low, high, middle = int(least[0]), int(most[0]), []
    if least[1:] != "0" * rest:
        middle.append(least[0] + _same_length(least[1:], "9" * rest))
        low += 1
    ends = [] if most[1:] == "9" * rest else [most[0] + _same_length("0" * rest, most[1:])]
    high -= len(ends)
    if low <= high:
        digit = f"[{low}-{high}]" if low < high else str(low)
        middle.append(digit + ("[0-9]" + (f"{{{rest}}}" if rest > 1 else "") if rest else ""))
    parts = [*middle, *ends]
    return f"(?:{'|'.join(parts)})" if len(parts) > 1 else parts[0]


def durations(least: timedelta, most: timedelta, units: Mapping[str, int], places: int) -> str:
    """Return a pattern of durations: a count of one unit within the bounds, or counts of several, whatever they make.

    `units` are lengths in seconds, the longest first.
    """
    counts = {
        unit: (-(-least // timedelta(seconds=size)), min(most // timedelta(seconds=size), 10**places - 1))
        for unit, size in units.items()
    }
    single = [f"{between(*bounds, places)}{unit}" for unit, bounds in counts.items() if bounds[0] <= bounds[1]]
    several = "".join(f"(?:[0-9]{{1,{places}}}{unit})?" for unit in units)
    return f"^(?:{'|'.join(single)}|(?=(?:[0-9]+[a-z]){{2}}){several})$"
