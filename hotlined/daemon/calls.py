"""Records calls: a ringing call becomes a contact when its number is known, and is hung up when its time is over.

A modem reports RING every few seconds; after the first RING it may report the number (+CLIP), or never. A call is over
when the modem reports NO CARRIER, which only some makes do, or when no RING comes for some time. Known to be wrong: two
calls from the same number count as one if the gap between them is not longer than between two rings. A call that rings
while the database cannot be used may become two contacts, the first with a withheld number.
"""

import logging
import time
from dataclasses import dataclass

from hotlined.config import Calls
from hotlined.daemon.shared import Line
from hotlined.gsm import address
from hotlined.gsm.at import Unsolicited
from hotlined.gsm.modem import Modem
from hotlined.store.answers import contacts

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RingingCall:
    """A call that rings or has ended; times are in monotonic seconds, and `ended` is None while it rings."""

    began: float
    last_ring: float
    number: address.Address | None = None
    recorded: bool = False
    ended: float | None = None


class CallReceiver:
    """Handles the calls of one line; `call` is the one that rings, or None."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.timing = line.timing
        self.call: RingingCall | None = None
        self._has_recorded = False
        """Whether a call was recorded since the start of the modem; the first may have been recorded before a crash."""

    def forget(self) -> None:
        """Forget the call, because the modem is being started again."""
        self.call = None
        self._has_recorded = False

    def act_on(self, event: Unsolicited) -> None:
        """Note a ring, the caller's number, or the end of the call."""
        if event.code == "NO CARRIER":
            if self.call:
                self.call.ended = time.monotonic()
        else:
            self._ring(event)

    def update(self, modem: Modem) -> None:
        """Record the call when its number is known, hang up when its time is over, forget it when it has ended."""
        call = self.call
        if call is None:
            return
        now = time.monotonic()
        if call.number or call.ended or now - call.began >= self.timing.clip:
            self._record(call)
        rings_for = {Calls.HANG_UP: 0.0, Calls.RING: self.line.config.modem.ring_for.total_seconds()}.get(
            self.line.config.modem.calls
        )
        if call.recorded and not call.ended and rings_for is not None and now - call.began >= rings_for:
            modem.hang_up()
            call.ended = time.monotonic()
        if call.recorded and now - call.last_ring > self.timing.ring_gap:
            self.call = None

    def _record(self, call: RingingCall) -> None:
        """Commit a call as a contact, once.

        After a start the database is asked, too: a call may still ring that was recorded before a crash.
        """
        if call.recorded:
            return
        now, identity = self.line.db.now(), self.line.identify(call.number)
        if self._has_recorded or not contacts.has_call(self.line.db, identity, now.limit - self.timing.call_longest):
            contact_id = contacts.record_call(self.line.db, self.line.config.line, identity, now)
            log.info("contact %d: a call from %s", contact_id, address.mask(identity.originator))
        call.recorded = self._has_recorded = True

    def _ring(self, event: Unsolicited) -> None:
        """Note a RING or a +CLIP, which belongs to the present call or begins the next one."""
        now = time.monotonic()
        number = _calling_number(event.text) if event.code == "+CLIP" else None
        call = self.call
        if call and (
            now - call.last_ring > self.timing.ring_gap
            or (call.ended is not None and now - call.ended > self.timing.last_ring)
            or (number and call.number and number != call.number)
        ):
            self._record(call)
            call = None
        if call is None:
            call = self.call = RingingCall(began=now, last_ring=now)
        call.last_ring = now
        call.number = call.number or number


def _calling_number(text: str) -> address.Address | None:
    """Read +CLIP: "<number>",<type> (27.007 7.6); return None if the number is withheld."""
    number, _, rest = text.partition(":")[2].partition(",")
    digits = number.strip().strip('"').removeprefix("+")
    kind = rest.partition(",")[0].strip()
    if not digits:
        return None
    ton = address.Ton((int(kind) >> 4) & 7) if kind.isdecimal() else address.Ton.UNKNOWN
    return address.Address(digits, ton, 1)
