"""Finds causes for everything that a line did not do in a year: contacts without an answer, and the reasons for that.

The oracle says what was done wrong; a line that answers nobody does nothing wrong. This reads a record and its year,
nothing else, and like the oracle it gives the line the benefit of every doubt.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property

import oracle
import year
from year import DAY, HOUR, MINUTE, Call, Record, Settings, Submission, Text, Year

SLACK = 10 * MINUTE  # for work in progress when the contact came
ROOM = 4  # segments: two of this answer, and two of another one
TRIALS = 3  # after an outage: one in an hour, and hardly ever two fail
OURS = (year.FIRST_TEXT, year.SECOND_TEXT, year.LATER_TEXT)


class Causes:
    """A year, the record that a line made of it, and the possible causes."""

    def __init__(self, played: Year, record: Record) -> None:
        self.played = played
        self.record = record
        self.contacts = played.contacts
        self._may_have_left = [
            each for each in record.submissions if each.outcome != "refused" or each.cause in oracle.PROVES_NOTHING
        ]
        self.left = dict(year.by_contact(self._may_have_left))
        self.reloads = [each for each in played.operations if isinstance(each, year.Reload)]
        self._reloaded_at = [each.at for each in self.reloads]
        self.history: dict[str, list[Text | Call]] = {}
        for each in self.contacts.values():
            self.history.setdefault(each.number, []).append(each)

    def settings(self, at: int) -> Settings:
        """Return the configuration that was in force."""
        return self.reloads[bisect_right(self._reloaded_at, at) - 1].settings

    def lost(self, begin: int, end: int) -> int:
        """Return the most seconds that the line's clock lost between two moments: an hour for each power cut."""
        return SLACK + HOUR * sum(begin <= each <= end + DAY for each in self._cuts)

    @cached_property
    def _restarts(self) -> list[year.Restart]:
        return [each for each in self.played.operations if isinstance(each, year.Restart)]

    @cached_property
    def _cuts(self) -> list[int]:
        planned = [each.at for each in self._restarts if each.seconds_off]
        return planned + [each.at for each in self.record.submissions if each.outcome == "power_cut"]

    def missing(self) -> Iterator[str]:
        """Yield the answers that the line did not give without a known cause."""
        for contact in self.contacts.values():
            verdict, reason = self.record.verdicts.get(contact.contact, ("none", "none"))
            if verdict == "answer":
                tried = self._tried.get(contact.contact)
                if tried is None and not self._may_be_unanswered(contact):
                    yield f"contact {contact.contact}, {contact.at} s: its answer never left"
                if tried is not None and not self._may_be_late(contact, tried):
                    yield f"contact {contact.contact}, {contact.at} s: its answer left at {tried} s"
            elif verdict == "none" or not SUPPRESSIONS.get(reason, Causes._never)(self, contact):
                yield f"contact {contact.contact}, {contact.at} s: it is not answered for {reason}"

    # ---- causes of a missing answer

    @cached_property
    def _tried(self) -> dict[int, int]:
        """Return the time of each answer's first try."""
        return {each.contact: each.at for each in reversed(self.record.submissions)}

    def _earlier(self, contact: Text | Call) -> list[Text | Call]:
        return [each for each in self.history[contact.number] if each.contact < contact.contact]

    def _answers(self, contact: Text | Call) -> list[list[Submission]]:
        return [
            left
            for each in self._earlier(contact)
            if (left := [s for s in self.left.get(each.contact, []) if s.at <= contact.at + SLACK])
        ]

    def _never(self, _contact: Text | Call) -> bool:
        return False

    def _is_in_no_country(self, contact: Text | Call) -> bool:
        codes = tuple(f"+{oracle.CALLING_CODES[name]}" for name in self.settings(contact.at).answer_countries)
        return contact.number.startswith("+") and not contact.number.startswith(codes)

    def _is_no_number(self, contact: Text | Call) -> bool:
        return not contact.number.startswith("+")

    def _has_opted_out(self, contact: Text | Call) -> bool:
        words = self.settings(contact.at).opt_out_words
        said = [each for each in (*self._earlier(contact), contact) if isinstance(each, Text)]
        return any(oracle.opts_out(each.text, words) for each in said)

    def _is_blocked(self, contact: Text | Call) -> bool:
        return any(at <= contact.at + SLACK for at in self._decided("block", contact.number))

    def _decided(self, verb: str, number: str = "") -> list[int]:
        return self._decisions.get((verb, number), [])

    @cached_property
    def _decisions(self) -> dict[tuple[str, str], list[int]]:
        found: dict[tuple[str, str], list[int]] = {}
        for each in self.played.operations:
            if isinstance(each, year.Decision):
                found.setdefault((each.verb, each.number), []).append(each.at)
            elif isinstance(each, year.Forget):
                found.setdefault(("forget", each.number), []).append(each.at)
        return found

    def _comes_back(self, contact: Text | Call) -> bool:
        assert isinstance(contact, Text)
        earlier = [each for each in self._earlier(contact) if isinstance(each, Text) and each.text == contact.text]
        return bool(earlier) or any(text in contact.text for text in OURS)

    def _has_had_enough(self, contact: Text | Call) -> bool:
        return len(self._answers(contact)) >= self.settings(contact.at).per_number

    def _is_cooling_down(self, contact: Text | Call) -> bool:
        answers = self._answers(contact)
        if not answers:
            return False
        cooldowns = self.settings(contact.at).cooldowns
        last = max(min(s.at for s in left if s.attempt == left[-1].attempt) for left in answers)
        cooldown = cooldowns[min(len(answers), len(cooldowns)) - 1]
        return contact.at - last < cooldown + self.lost(last, contact.at)

    def _has_one_coming(self, contact: Text | Call) -> bool:
        return any(self._is_open(each, contact.at) for each in self._earlier(contact))

    def _is_open(self, contact: Text | Call, at: int) -> bool:
        """Tell whether an answer may have been under way at a moment: queued, and not yet ended."""
        if self.record.verdicts.get(contact.contact, ("", ""))[0] != "answer":
            return False
        asked = [at for verb, which, at in self.record.granted if (verb, which) == ("requeue", contact.contact)]
        begun = max([contact.at, *(each for each in asked if each <= at)])
        if at - begun > self.settings(at).max_age + self.lost(begun, at):
            return False
        done = [s for s in self.left.get(contact.contact, []) if begun <= s.at < at - SLACK]
        return not (done and (done[-1].outcome != "taken" or done[-1].sequence == done[-1].total))

    def _may_be_unanswered(self, contact: Text | Call) -> bool:
        """Tell whether something kept an answer from leaving, at its end or all its life."""
        end = contact.at + self.settings(contact.at + contact.delay).max_age
        later = (each for each in self.history[contact.number] if contact.at <= each.at <= end)
        words = Settings().opt_out_words
        return (
            any(isinstance(each, Text) and oracle.opts_out(each.text, words) for each in later)
            or any(
                contact.at <= at <= end for verb in ("block", "forget") for at in self._decided(verb, contact.number)
            )
            or self._reloaded(contact, end)
            or self._was_off(contact)
            or any(begin <= end + SLACK and end <= until for begin, until in self._full)
            or any(begin <= end <= until for begin, until in self._outages)
            or any(begin <= end <= until for begin, until in self._pauses)
        )

    def _was_off(self, contact: Text | Call) -> bool:
        """Tell whether an answer was stale when the power came back, by the centre's time stamp."""
        age = self.settings(contact.at).max_age
        return any(
            contact.at <= each.at <= contact.at + contact.delay + SLACK
            and contact.delay + (each.seconds_off or 0) + SLACK > age
            for each in self._restarts
        )

    def _may_be_late(self, contact: Text | Call, at: int) -> bool:
        """Tell whether something held an answer back between its due time and its leaving."""
        due = contact.at + contact.delay
        return (
            at - due <= self.lost(contact.at, at)
            or any(begin <= at and due <= until for begin, until in self._full)
            or any(begin <= at and due <= until for begin, until in self._outages)
            or any(begin <= at and due <= end for begin, end in self._pauses)
            or self._reloaded(contact, at)
            or ("requeue", contact.contact) in {each[:2] for each in self.record.granted}
        )

    @cached_property
    def _outages(self) -> list[tuple[int, int]]:
        """Return the times in which nothing leaves, up to the successful trial, which may also fail by itself."""
        taken = [each.at for each in self.record.submissions if each.outcome == "taken"]
        last = [HOUR * TRIALS + each.end for each in self.played.outages]
        return [
            (each.begin, SLACK + next((at for at in taken if each.end <= at <= most), most))
            for each, most in zip(self.played.outages, last, strict=True)
        ]

    @cached_property
    def _pauses(self) -> list[tuple[int, int]]:
        return list(zip(self._decided("pause"), self._decided("resume"), strict=True))

    def _reloaded(self, contact: Text | Call, end: int) -> bool:
        """Tell whether another list of countries came while an answer waited."""
        spans = [each.settings for each in self.reloads if contact.at <= each.at <= end]
        spans.append(self.settings(contact.at + contact.delay))
        codes = [tuple(f"+{oracle.CALLING_CODES[name]}" for name in each.answer_countries) for each in spans]
        return not all(contact.number.startswith(each) for each in codes)

    @cached_property
    def _full(self) -> list[tuple[int, int]]:
        """Return the times in which a window had little more than no room, for known numbers or for all."""
        found: list[tuple[int, int]] = []
        left = self._may_have_left
        for name, seconds in oracle.WINDOWS.items():
            first = 0
            for nth, each in enumerate(left):
                settings = self.settings(each.at)
                while left[first].at <= each.at - seconds - self.lost(each.at - seconds, each.at):
                    first += 1
                limit = getattr(settings, name)
                most = max(1, limit - limit * settings.reserve_percent // 100 - ROOM)
                if nth - first + 1 >= most:
                    oldest = left[nth + 1 - most].at
                    until = oldest + seconds + self.lost(oldest, each.at)
                    if found and found[-1][0] <= each.at <= found[-1][1]:  # thousands overlap, and each is queried
                        found[-1] = found[-1][0], max(found[-1][1], until)
                    else:
                        found.append((each.at, until))
        return found


SUPPRESSIONS: dict[str, Callable[[Causes, Text | Call], bool]] = {
    "not_answerable": Causes._is_no_number,
    "country": Causes._is_in_no_country,
    "opted_out": Causes._has_opted_out,
    "blocked": Causes._is_blocked,
    "loop": Causes._comes_back,
    "per_number": Causes._has_had_enough,
    "cooldown": Causes._is_cooling_down,
    "pending": Causes._has_one_coming,
}
