"""The daemon's own calls with a played clock and modem; `test_faults.py` has a call from the modem to the answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import year_now
from year import Settings

from hotlined.config import Calls
from hotlined.gsm.at import Unsolicited

HERS, HIS = "+32470000001", "+32470000002"
BEGIN = 100
RING_FOR = 25
"""The usual `modem.ring_for`, in seconds."""


@dataclass
class Phone:
    """A line whose modem reports calls; each step lasts a second, and `hung_up` has the moments of hanging up."""

    line: year_now.Line
    at: int = BEGIN
    hung_up: list[int] = field(default_factory=list)

    def hang_up(self) -> None:
        """Note that the daemon hangs up."""
        self.hung_up.append(self.at)

    def ring(self, number: str | None) -> None:
        """Let the modem report a ring, with its number or a withheld one, and pass a second."""
        self.report("RING")
        self.report("+CLIP", f'+CLIP: "{number}",145' if number else '+CLIP: "",128')
        self.wait(1)

    def report(self, code: str, text: str = "") -> None:
        """Let the modem report a code."""
        self.line.daemon.calls.act_on(Unsolicited(code, text or code))

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self.line.daemon.calls.update(self)  # type: ignore[arg-type]
            self.at += 1
            self.line.to(self.at)

    def callers(self) -> list[str | None]:
        """Return the originators of the calls that were recorded."""
        return [row["originator"] for row in self.line.db.all("SELECT originator FROM contacts ORDER BY id")]

    def have(self, calls: Calls) -> None:
        """Configure what becomes of calls."""
        config = self.line.daemon.line.config
        self.line.daemon.line.config = config._replace(modem=replace(config.modem, calls=calls))


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    """Give a line that has just started."""
    with year_now.line(tmp_path) as line:
        line.start(0, Settings(texts=("Non.",)))
        line.to(BEGIN)
        yield Phone(line)


@pytest.mark.parametrize(("calls", "moments"), [("ring", [BEGIN + RING_FOR]), ("hang_up", [BEGIN]), ("ignore", [])])
def test_call_is_one_contact_and_ends_as_configured(phone: Phone, calls: str, moments: list[int]) -> None:
    """A ring that comes just after its end is its own."""
    phone.have(Calls(calls))
    while not phone.hung_up and phone.at < BEGIN + 30:
        phone.ring(HERS)
    phone.ring(HERS)

    assert (phone.callers(), phone.hung_up) == ([HERS], moments)


def test_second_caller_is_recorded_where_the_first_just_rang(phone: Phone) -> None:
    """No end of the first call was reported, and no ring was missing."""
    phone.have(Calls.IGNORE)
    for number in (HERS, HERS, HIS, HIS):
        phone.ring(number)

    assert phone.callers() == [HERS, HIS]


def test_call_that_rings_before_and_after_a_crash_is_one_contact(phone: Phone) -> None:
    """A minute later the same caller is another one, and so is another caller at once."""
    phone.ring(HERS)
    phone.line.again(None, 2)
    phone.at += 2
    phone.ring(HERS)
    assert phone.callers() == [HERS]
    phone.line.again(None, 2)
    phone.at += 2
    phone.ring(HIS)
    assert phone.callers() == [HERS, HIS]
    phone.line.again(None, 60)
    phone.at += 60
    phone.ring(HIS)

    assert phone.callers() == [HERS, HIS, HIS]


def test_withheld_call_that_rings_before_and_after_a_crash_is_one_contact(phone: Phone) -> None:
    """Two that withhold their numbers cannot be told apart: within a call's length they are one."""
    phone.ring(None)
    phone.wait(2)
    assert phone.callers() == [None]
    phone.line.again(None, 2)
    phone.at += 2
    phone.ring(None)
    phone.wait(2)

    assert phone.callers() == [None]


def test_withheld_caller_is_recorded_when_no_number_comes(phone: Phone) -> None:
    """A number that comes within a moment is the call's."""
    phone.ring(None)
    assert phone.callers() == []
    phone.wait(2)
    assert phone.callers() == [None]
    phone.wait(12)
    phone.report("RING")
    phone.wait(1)
    phone.ring(HERS)

    assert phone.callers() == [None, HERS]


@pytest.mark.parametrize(("seconds", "calls"), [(5, 1), (10, 2)])
def test_long_gap_between_two_rings_begins_another_call(phone: Phone, seconds: int, calls: int) -> None:
    """Networks ring every five or six seconds."""
    phone.ring(HERS)
    phone.wait(seconds)
    phone.ring(HERS)

    assert phone.callers() == [HERS] * calls


@pytest.mark.parametrize(("seconds", "calls"), [(2, 1), (4, 2)])
def test_ring_soon_after_the_end_of_a_call_is_its_last_one(phone: Phone, seconds: int, calls: int) -> None:
    """A later one belongs to the next call."""
    phone.ring(HERS)
    phone.report("NO CARRIER")
    phone.wait(seconds)
    phone.ring(HERS)

    assert phone.callers() == [HERS] * calls


def test_repeated_calls_of_one_caller_queue_one_answer(phone: Phone) -> None:
    """Each call is a contact; withheld ones get no answer."""
    for contact, caller in enumerate((HERS, HERS, HERS, None), 1):
        phone.ring(caller)
        phone.wait(15)
        phone.line.know(contact, delay=3600)
        phone.line.judge_all(phone.at)
    reasons = [row["reason"] for row in phone.line.db.all("SELECT reason FROM contacts ORDER BY id")]

    assert reasons == ["first_contact", "pending", "pending", "not_answerable"]
    assert phone.line.db.value("SELECT count(*) FROM answers") == 1
