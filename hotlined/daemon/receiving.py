"""Takes in what comes: lists each storage, commits what it holds, deletes what was committed; direct deliveries; calls.

A notification is a hint, a scan is the truth. A deletion is only ever for an entry of the listing that was just made.
"""

import logging
import time
from dataclasses import dataclass

from hotlined.clock import Now
from hotlined.config import Calls
from hotlined.daemon.connection import Connection
from hotlined.daemon.line import Line
from hotlined.errors import ModemError, ModemSilentError
from hotlined.gsm import address
from hotlined.gsm.at import Unsolicited
from hotlined.gsm.modem import Modem
from hotlined.store import inbound

log = logging.getLogger("hotlined")

DELETE_PAUSES = (30.0, 120.0, 600.0, 3600.0)  # before a deletion that was refused is tried again
CLIP_SECONDS = 1.5  # how long a first RING waits for its number
LAST_RING_SECONDS = 3.0  # a ring that comes so long after a call has ended is another call's
MOST_BROKEN_LISTINGS = 3
RING_GAP_SECONDS = 10.0  # networks ring every 5 or 6 s: a longer gap is the end of the call


@dataclass(slots=True)
class Call:
    """A call that rings, or has ended (`ended`: when)."""

    began: float
    last_ring: float
    number: address.Address | None = None
    recorded: bool = False
    ended: float | None = None


@dataclass(slots=True)
class Refusal:
    """A deletion that the modem refused: when it is tried again."""

    tries: int
    not_before: float


class Receiver:
    """The receiving side of one line."""

    def __init__(self, line: Line, connection: Connection) -> None:
        self.line = line
        self.connection = connection
        self.due = 0.0
        self.last_scan: Now | None = None
        self.call: Call | None = None
        self._refused: dict[int, Refusal] = {}
        self._broken = 0

    def begin(self) -> None:
        """Forget what belonged to a modem that went away: its call, its refusals; scan at once."""
        self.due = 0.0
        self.call = None
        self._refused.clear()

    def hear(self, event: Unsolicited, modem: Modem) -> None:
        """Act on an unsolicited code: most are hints that something is to be looked at."""
        if event.code in ("+CMTI", "+CDSI"):
            self.due = 0.0
        elif event.code in ("+CMT", "+CDS") and event.payload:
            self._take_direct(event, modem)
        elif event.code in ("RING", "+CRING", "+CLIP"):
            self._ring(event)
        elif event.code == "NO CARRIER" and self.call:
            self.call.ended = time.monotonic()

    def scan(self, modem: Modem) -> None:
        """List each storage, commit what it holds, then delete what was committed, before the next storage.

        A storage that cannot be listed does not keep the others from it. Raises ModemError if one could not, after all.
        """
        trouble: ModemError | None = None
        left: set[tuple[int, str]] = set()
        for storage in tuple(modem.storages):
            if self.line.stopping:
                return
            try:
                entries = self._scan_storage(modem, storage)
            except ModemError as error:
                trouble = error
                if not modem.in_step:
                    break
                continue
            if left and entries == left:
                log.warning("%s is another name of a storage that was listed before: left alone from now on", storage)
                del modem.storages[storage]
            left = self._still_there(entries)
        self.due = time.monotonic() + self.line.config.modem.poll_interval.total_seconds()
        if trouble:
            self._broken += 1
            raise trouble
        self._broken = 0
        self.last_scan = self.line.db.now()

    @property
    def broken(self) -> bool:
        """Whether listings have failed so often in a row that the modem has to be set up again."""
        return self._broken >= MOST_BROKEN_LISTINGS

    def _scan_storage(self, modem: Modem, storage: str) -> set[tuple[int, str]]:
        """Record and empty one storage; return what its listing showed."""
        listing = modem.list(storage)
        readings = [
            inbound.read(entry.pdu, entry.tpdu_length, entry.index)
            for entry in listing.entries
            if entry.status < 2  # drafts are not ours (27.005 3.1: 2 unsent, 3 sent)
        ]
        kept = inbound.record_listing(
            self.line.db, self._source(storage), readings, self.line.db.now(), complete=listing.complete
        )
        if not modem.in_step:  # it broke off: what was seen may go all the same, if the modem was not reset since
            modem.resynchronise()
            modem.verify()
            modem.require_selection(storage)
            self._delete(modem, storage, kept)
            raise ModemSilentError(f"The listing of {storage} broke off.", "It is made again.")
        self._delete(modem, storage, kept)
        return {(entry.index, entry.pdu) for entry in listing.entries}

    def _still_there(self, entries: set[tuple[int, str]]) -> set[tuple[int, str]]:
        """Return the entries of a listing if deletions were refused: another storage that shows them is the same."""
        return entries if self._refused else set()

    def tend_call(self, modem: Modem) -> None:
        """Record a call once its number has come, hang up when it is time, forget it when it is over."""
        call = self.call
        if call is None:
            return
        now = time.monotonic()
        if call.number or call.ended or now - call.began >= CLIP_SECONDS:
            self._record(call)
        rings_for = {Calls.HANG_UP: 0.0, Calls.RING: self.line.config.modem.ring_for.total_seconds()}.get(
            self.line.config.modem.calls
        )
        if call.recorded and not call.ended and rings_for is not None and now - call.began >= rings_for:
            modem.hang_up()
            call.ended = time.monotonic()
        if call.recorded and now - call.last_ring > RING_GAP_SECONDS:
            self.call = None

    def _record(self, call: Call) -> None:
        if not call.recorded:
            identity = self.line.identify(call.number)
            contact_id = inbound.record_call(self.line.db, self.line.config.line, identity, self.line.db.now())
            log.info("contact %d: a call from %s", contact_id, address.mask(identity.originator))
            call.recorded = True

    def _take_direct(self, event: Unsolicited, modem: Modem) -> None:
        assert event.payload is not None
        length = event.text.rpartition(",")[2].rpartition(":")[2].strip()
        reading = inbound.read(event.payload, int(length) if length.isdecimal() and len(length) < 4 else None, None)
        inbound.record(self.line.db, self._source(None), [reading], self.line.db.now())
        modem.acknowledge()

    def _source(self, storage: str | None) -> inbound.Source:
        return inbound.Source(self.line.config.line, self.connection.identification.imsi, storage, self.line.identify)

    def _delete(self, modem: Modem, storage: str, kept: list[inbound.Kept]) -> None:
        """Delete what is on the disk; what the modem refuses to delete is tried again with growing pauses."""
        deleted = []
        try:
            for entry in kept:
                refusal = self._refused.get(entry.segment_id)
                if self.line.stopping or not modem.in_step or (refusal and time.monotonic() < refusal.not_before):
                    continue
                if modem.delete(storage, entry.index):
                    deleted.append(entry.segment_id)
                    self._refused.pop(entry.segment_id, None)
                    continue
                tries = refusal.tries + 1 if refusal else 0
                pause = DELETE_PAUSES[min(tries, len(DELETE_PAUSES) - 1)]
                self._refused[entry.segment_id] = Refusal(tries, time.monotonic() + pause)
                if not refusal:
                    log.warning("%s does not delete entry %d; it is recorded all the same", storage, entry.index)
        finally:
            if deleted:
                inbound.confirm_deleted(self.line.db, deleted, self.line.db.now())
                use = modem.storages[storage]
                modem.storages[storage] = type(use)(storage, max(0, use.used - len(deleted)), use.total)

    def _ring(self, event: Unsolicited) -> None:
        """Take in a RING or its +CLIP: of the call that rings, or of the next one."""
        now = time.monotonic()
        number = _calling_number(event.text) if event.code == "+CLIP" else None
        call = self.call
        if call and (
            now - call.last_ring > RING_GAP_SECONDS
            or (call.ended is not None and now - call.ended > LAST_RING_SECONDS)
            or (number and call.number and number != call.number)
        ):
            self._record(call)
            call = None
        if call is None:
            call = self.call = Call(began=now, last_ring=now)
        call.last_ring = now
        call.number = call.number or number


def _calling_number(text: str) -> address.Address | None:
    """Read +CLIP: "<number>",<type> (27.007 7.11); None where the number is withheld."""
    number, _, rest = text.partition(":")[2].partition(",")
    digits = number.strip().strip('"').removeprefix("+")
    kind = rest.partition(",")[0].strip()
    if not digits:
        return None
    ton = address.Ton((int(kind) >> 4) & 7) if kind.isdecimal() else address.Ton.UNKNOWN
    return address.Address(digits, ton, 1)
