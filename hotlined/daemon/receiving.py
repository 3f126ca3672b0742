"""Records texts and reports: lists each storage, commits its entries, then deletes them.

A notification only makes a scan due; the scan decides what is recorded. Only entries of the latest listing are deleted.
A scan takes one or more passes: deletions stop after some seconds and go on in the next pass, which may list new texts
first. Texts that the modem delivers directly (+CMT) are committed, then acknowledged. An entry that the modem says it
has deleted is gone once a listing no longer shows it at its place: some SIMs answer OK and keep it.
Known to be wrong: while texts come faster than a slow SIM deletes them, other storages wait.
"""

import logging
import math
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hotlined.causes import CauseCode
from hotlined.config import Config
from hotlined.daemon.alert_request import AlertRequest
from hotlined.daemon.calls import CallReceiver
from hotlined.daemon.connection import Connection
from hotlined.daemon.shared import Line
from hotlined.errors import ModemError, ModemRefusedError, ModemSilentError
from hotlined.gsm import profiles
from hotlined.gsm.at import Unsolicited
from hotlined.gsm.dialogue import PROBES
from hotlined.gsm.modem import Modem
from hotlined.gsm.profiles import Meaning
from hotlined.gsm.responses import Listing
from hotlined.machine.clock import Now
from hotlined.machine.timing import Backoff, Interval
from hotlined.rules import recognition
from hotlined.states import EventKind
from hotlined.store.answers import contacts
from hotlined.store.line import events

log = logging.getLogger(__name__)

_VOLTAGES = {Meaning.UNDERVOLTAGE: EventKind.UNDERVOLTAGE, Meaning.OVERVOLTAGE: EventKind.OVERVOLTAGE}
CALL_CODES = frozenset({"RING", "+CRING", "+CLIP", "NO CARRIER"})
_STORAGE = re.compile(r'"(\w+)"')  # in +CMTI and +CDSI
_NOWHERE = re.compile(r'\+CMTI:\s*(?:"\w*")?\s*,\s*-\d')  # a SIM7000G reports this for a text that it could not store
_ANNOUNCED = re.compile(r'\+CMTI:\s*"(\w+)"\s*,\s*(\d{1,5})\b')  # more digits are glued to it
FEW_PROBES = 2  # after a listing without entries: if the modem hangs altogether, the recovery deals with that later
LOST_AFTER = 3  # announcements that nothing follows; one may be noise on the line


@dataclass(slots=True)
class Postponed:
    """A deletion or a listing that the modem refused; it is tried again at `not_before` (monotonic seconds).

    `answer` is that of the modem, once such a listing no longer ends the scan.
    """

    backoff: Backoff
    not_before: float = 0.0
    answer: str = ""

    def count(self) -> None:
        """Count one more refusal and set the next try."""
        self.not_before = time.monotonic() + self.backoff.next()


@dataclass(slots=True)
class Scan:
    """A scan in progress: `storages` are still to be listed, `storage` was listed last.

    `shown` has the PDUs of the last listing by index, `drafts` counts those that are not ours; `deletable` has the
    committed ones that are still to be deleted.
    """

    storages: deque[str]
    storage: str = ""
    deletable: deque[contacts.Recorded] = field(default_factory=deque)
    shown: dict[int, str] = field(default_factory=dict)
    drafts: int = 0
    error: ModemError | None = None
    listing_seconds: float = 0.0


class Receiver:
    """Records the texts and reports of one line."""

    def __init__(self, line: Line, connection: Connection, calls: CallReceiver) -> None:
        self.line = line
        self.connection = connection
        self.timing = line.timing
        self.poll = Interval(line.config.modem.poll_interval.total_seconds())
        self._settings_check = Interval(0.0)
        self.apply(line.config)
        self.last_scan: Now | None = None
        self._scanning: Scan | None = None
        self._deletions_first = Interval(self.timing.deletions_first)
        self._calls = calls
        self._alert_request = AlertRequest(line)
        self._last_direct: Unsolicited | None = None
        """The last text that the modem handed over directly; it is committed once, even if acknowledging it fails."""
        self._refused: dict[tuple[str, contacts.Recorded], Postponed] = {}
        """The entries that the modem refused to delete, with their storage."""
        self._promised: dict[tuple[str, int], tuple[int, str]] = {}
        """The segment and the PDU at each place whose deletion the modem has accepted, and no listing confirmed yet."""
        self._read: dict[tuple[str, int], float] = {}
        """When each place last showed a text (monotonic seconds)."""
        self._announced: set[tuple[str, int]] = set()
        """The places that the modem has named for new texts, and that were not read since."""
        self._not_there: set[tuple[str, int]] = set()
        """Those of them at which the next listing showed nothing."""
        self._recorded_refusals: set[int] = set()
        """The segments whose refused deletion was recorded: one event each, however often the modem is started."""
        self._unlisted: dict[str, Postponed] = {}
        """The storages that the modem refused to list."""
        self._noted: dict[EventKind, Interval] = {}
        """The pause before a complaint of the modem is recorded again."""

    def start_anew(self) -> None:
        """Forget the call, the scan and the refusals of the former modem, and make a scan due."""
        self.poll.make_due()
        self._scanning = None
        self._settings_check.restart()
        self._calls.forget()
        self._refused.clear()
        self._unlisted.clear()
        self._promised.clear()
        self._read.clear()
        self._announced.clear()
        self._not_there.clear()

    def apply(self, config: Config) -> None:
        """Use the poll interval of a configuration; it is counted from the last poll."""
        self.poll.seconds = poll = config.modem.poll_interval.total_seconds()
        self._settings_check.seconds = max(poll, min(poll * self.timing.settings_polls, self.timing.settings_longest))

    def act_on(self, event: Unsolicited, modem: Modem) -> None:
        """Act on an unsolicited code: record the text that it brings, or make a scan or a check of the settings due."""
        meaning = profiles.meaning(event.text)
        if meaning in _VOLTAGES:
            self._note_complaint(_VOLTAGES[meaning], event.text)
        elif meaning is Meaning.RESET:
            self.poll.make_due()
            self._settings_check.make_due()
        elif event.code in ("+CMTI", "+CDSI"):
            self.poll.make_due()
            if _NOWHERE.match(event.text):
                self._note_complaint(EventKind.TEXT_LOST, event.text)
            if (named := _STORAGE.search(event.text)) is not None:
                modem.storages.note(named[1])
            if (announced := _ANNOUNCED.match(event.text)) is not None:
                place = announced[1], int(announced[2])
                is_late = time.monotonic() - self._read.get(place, -math.inf) <= self.timing.announced_late
                if place[0] in modem.storages.names and not is_late:
                    self._announced.add(place)
        elif event.code in ("+CMT", "+CDS") and event.payload:
            self._receive_direct(event, modem)
        elif event.code in CALL_CODES:
            self._calls.act_on(event)

    @property
    def is_scanning(self) -> bool:
        """Whether a scan goes on in the next pass."""
        return self._scanning is not None

    @property
    def seconds_left(self) -> float:
        """The seconds until the next scan, or until the next part of the present one."""
        return 0.0 if self._scanning else self.poll.seconds_left

    def begin_sending_turn(self) -> bool:
        """Begin a turn of sending, and return True; return False while a scan has to delete first.

        Deletions hold sending back for `timing.deletions_first` at most, slots that are still to be read do not.
        """
        if self._scanning and self._scanning.deletable and not self._deletions_first.is_due():
            return False
        self._deletions_first.restart()
        return True

    def scan_soon(self) -> None:
        """Make the next scan due now."""
        self.poll.make_due()

    def forget_listing(self) -> None:
        """End the scan and make another due: in an old listing, an index may now belong to another text."""
        if self._scanning:
            self._scanning = None
            self.poll.make_due()

    def scan(self, modem: Modem) -> None:
        """List each storage, commit its entries, then delete the committed entries, before the next storage.

        A scan goes on where the last pass ended, or begins again when the poll is due. If one storage cannot be listed,
        the others are listed all the same, and the ModemError is raised at the end of the scan. A storage that failed
        several times, while another can be listed, is tried only now and then, and its error is not raised.
        """
        if self._scanning:
            modem.exchange.listen(0.0)  # the modem may just have reported that it restarted
            if not modem.storages.holds_listing(self._scanning.storage):
                self.forget_listing()
        if is_new := self.poll.is_due():
            self._scanning = None
            self._verify(modem)
            modem.retry_refused()
            self._scanning = Scan(deque(modem.storages.scan_order))
            self.poll.restart()
        if (scan := self._scanning) is None:
            return
        try:
            is_over = self._advance(modem, scan)
        except BaseException:
            self.forget_listing()
            raise
        if is_over:
            self._scanning = None
            self.poll.restart()
            modem.storages.direct_texts()
            if scan.error:
                raise scan.error
        if not self.line.stopping:
            self.connection.scan_advanced()
            self.last_scan = self.line.db.now() if is_new or is_over else self.last_scan

    def _advance(self, modem: Modem, scan: Scan) -> bool:
        """Go on with a scan for one pass, and return whether it is over."""
        while not self.line.stopping:
            if not self._finish_storage(modem, scan):
                return False
            if not scan.storages:
                return True
            storage = scan.storages.popleft()
            if self._is_postponed(modem, storage):
                continue
            # undeletable entries stay in their storage: another one that lists the same entries is only a second name
            left = scan.shown if self._refused else {}
            try:
                self._list(modem, storage, scan)
            except ModemError as error:
                if not modem.in_step:
                    raise
                scan.error = self._count_refused_listing(modem, storage, error) or scan.error
                continue
            self._unlisted.pop(storage, None)
            if left and scan.shown == left:
                log.warning("%s is another name of a storage that was listed before: left alone from now on", storage)
                modem.storages.drop_alias(storage)
                scan.deletable.clear()
        return False

    @property
    def undeletable(self) -> int:
        """The number of entries that the modem refused to delete and that are still there."""
        return len(self._refused)

    def _verify(self, modem: Modem) -> None:
        """Check that the modem still has its settings: now and then, and at the next scan after a hint at a reset."""
        if self._settings_check.is_due():
            modem.verify()
            modem.storages.confirm()
            modem.storages.retry_unknown()
            self._settings_check.restart()

    def _count_refused_listing(self, modem: Modem, storage: str, error: ModemError) -> ModemError | None:
        """Count a refused listing; return its error, or None to postpone it, because another storage can be listed."""
        unlisted = self._unlisted.setdefault(storage, Postponed(Backoff(self.timing.list_pauses)))
        unlisted.count()
        at_once = self.timing.list_pauses.count(0.0)
        if unlisted.backoff.failures <= at_once or self._has_nothing_else(modem):
            return error
        if not unlisted.answer:
            log.warning("%s cannot be listed: tried again now and then", storage)
        unlisted.answer = error.final if isinstance(error, ModemRefusedError) else error.message
        return None

    def unlisted(self, modem: Modem) -> list[tuple[str, str]]:
        """Return the storages that the modem refuses to list while it lists another one, with its answer.

        One without room gets no texts; if they are to come into it, that is `storages.full`.
        """
        return [
            (storage, each.answer)
            for storage, each in self._unlisted.items()
            if each.answer and storage in modem.storages.names and modem.storages.room(storage) > 0
        ]

    def _is_postponed(self, modem: Modem, storage: str) -> bool:
        unlisted = self._unlisted.get(storage)
        return bool(unlisted and time.monotonic() < unlisted.not_before and not self._has_nothing_else(modem))

    def _has_nothing_else(self, modem: Modem) -> bool:
        """Tell whether every storage has refused to be listed."""
        return self._unlisted.keys() >= set(modem.storages.names)

    def _list(self, modem: Modem, storage: str, scan: Scan) -> None:
        """List one storage and commit its entries, which may then be deleted; raises ModemError."""
        began = time.monotonic()
        scan.storage, scan.shown, scan.drafts = "", {}, 0
        listing = modem.storages.list(storage)
        scan.storage, scan.listing_seconds = storage, time.monotonic() - began
        recorded = self._record(listing, scan)
        if listing.complete:
            self._forget_refusals(listing, recorded)
            self._judge_announcements(modem, listing)
        if not modem.in_step:
            self._delete_if_still_there(modem, scan, recorded)
            raise ModemSilentError(CauseCode.LISTING_BROKE_OFF, storage=storage)
        scan.deletable.extend(recorded)

    def _record(self, listing: Listing, scan: Scan) -> list[contacts.Recorded]:
        """Commit the entries of a listing, or of a slot, and return those that may be deleted."""
        texts = [entry for entry in listing.entries if entry.status < 2]
        scan.drafts += len(listing.entries) - len(texts)  # not ours (27.005 3.1: 2 unsent, 3 sent)
        scan.shown.update((entry.index, entry.pdu) for entry in listing.entries)
        places = {(listing.storage, entry.index) for entry in texts}
        self._read.update(dict.fromkeys(places, time.monotonic()))
        self._announced -= places
        if texts:
            self._not_there.clear()
        entries = [contacts.read(entry.pdu, entry.tpdu_length, entry.index) for entry in texts]
        source, now = self._source(listing.storage), self.line.db.now()
        with self.line.db.shared_commit():
            # before recording: a text that the network sent again must not match an entry that is already deleted
            self._compare_deletions(listing)
            recorded = contacts.record_listing(
                self.line.db, source, entries, now, complete=listing.complete, unseen=listing.unseen
            )
        if recorded:
            self._alert_request.make_if_due()
        return recorded

    def _compare_deletions(self, listing: Listing) -> None:
        """Count each deletion as refused that the modem accepted, and whose entry the listing shows at its place.

        If the listing is complete, commit that the others were deleted, except at the places that it does not show.
        """
        shown = {(listing.storage, entry.index): entry.pdu for entry in listing.entries}
        gone = []
        for place, (segment_id, pdu) in list(self._promised.items()):
            if shown.get(place) == pdu:
                del self._promised[place]
                self._count_refused_deletion(listing.storage, contacts.Recorded(segment_id, place[1]))
            elif listing.complete and place[0] == listing.storage and place[1] not in listing.unseen:
                del self._promised[place]
                gone.append(segment_id)
        if gone:
            contacts.confirm_deleted(self.line.db, listing.storage, gone, self.line.db.now())

    def _finish_storage(self, modem: Modem, scan: Scan) -> bool:
        """Delete in the storage listed last, and read the slots that are to be read; return whether all is done there.

        A slot's text is deleted before the next slot is read, because the modem may hang on that. After a moment, or
        when input of the modem waits, the rest is left to the next pass.
        """
        until = time.monotonic() + self.timing.slots_slice
        self._delete(modem, scan)
        while not (scan.deletable or self.line.stopping) and modem.storages.has_slots_to_read(scan.storage):
            if time.monotonic() >= until or modem.exchange.has_unsolicited:
                return False
            if entry := modem.storages.read_next_slot(scan.storage):
                scan.deletable.extend(self._record(Listing(scan.storage, (entry,), complete=False), scan))
                self._delete(modem, scan)
        if not scan.deletable and scan.storage:
            refused = sum(storage == scan.storage for storage, _ in self._refused)
            modem.storages.note_kept(scan.storage, scan.drafts + refused)
        return not scan.deletable

    def _judge_announcements(self, modem: Modem, listing: Listing) -> None:
        """Count the announcements of new texts at places where a complete listing shows none; several are an event.

        Without the modem's count such a listing proves nothing: then the next one is to have it. What the modem counts
        and does not show is unread, not lost.
        """
        absent = {place for place in self._announced if place[0] == listing.storage and place[1] not in listing.unseen}
        if absent and not listing.counted:
            modem.storages.have_counted(listing.storage)
            return
        self._announced -= absent
        if listing.storage not in modem.storages.hidden:
            self._not_there |= absent
        if len(self._not_there) >= LOST_AFTER:
            self._note_complaint(EventKind.TEXT_LOST, f'{len(self._not_there)} × +CMTI: "{listing.storage}"')
            self._not_there.clear()

    def _delete_if_still_there(self, modem: Modem, scan: Scan, kept: Sequence[contacts.Recorded]) -> None:
        """Delete the committed entries of a listing that broke off, each only if its slot still has the same PDU."""
        modem.reselect(scan.storage, len(PROBES) if kept else FEW_PROBES)
        for entry in kept:
            now = modem.storages.read(entry.index)
            if now and now.pdu == scan.shown[entry.index]:
                scan.deletable.append(entry)
                self._delete(modem, scan)

    def _forget_refusals(self, listing: Listing, still_there: Sequence[contacts.Recorded]) -> None:
        """Forget the refused deletions of entries that are no longer in their storage."""
        for storage, entry in list(self._refused):
            if storage == listing.storage and entry.index not in listing.unseen and entry not in still_there:
                del self._refused[storage, entry]

    def _note_complaint(self, kind: EventKind, words: str) -> None:
        """Record a complaint of the modem, at most once in `timing.complaint` seconds."""
        event_interval = self._noted.setdefault(kind, Interval(self.timing.complaint))
        if event_interval.is_due():
            event_interval.restart()
            log.warning("the modem complains (%s): %s", kind, words)
            with self.line.db.transaction():
                events.record(self.line.db, self.line.db.now(), kind, detail={"answer": words})

    def _receive_direct(self, event: Unsolicited, modem: Modem) -> None:
        """Commit a text that the modem handed over directly, then acknowledge it; no event is committed twice."""
        assert event.payload is not None
        if event is self._last_direct:
            return
        length = event.text.rpartition(",")[2].rpartition(":")[2].strip()
        entry = contacts.read(event.payload, int(length) if length.isdecimal() and len(length) < 4 else None, None)
        contacts.record(self.line.db, self._source(None), [entry], self.line.db.now())
        self._announced.clear()
        self._not_there.clear()
        self._alert_request.make_if_due()
        self._last_direct = event
        modem.acknowledge()

    def _source(self, storage: str | None) -> contacts.Source:
        imsi, words = self.connection.identification.imsi, self.line.config.alerts.words
        return contacts.Source(
            self.line.config.line,
            imsi,
            storage,
            self.line.identify,
            lambda text: recognition.words_met(text, words),
            self.line.config.numbers.mms_centres,
        )

    def _delete(self, modem: Modem, scan: Scan) -> None:
        """Delete committed entries, for one pass; a refused deletion is tried again after a pause."""
        began, storage, asked = time.monotonic(), scan.storage, False
        while scan.deletable and not self.line.stopping and modem.in_step:
            if asked and self._is_enough(modem, scan, time.monotonic() - began):
                break
            entry = scan.deletable.popleft()
            refusal = self._refused.get((storage, entry))
            if refusal and time.monotonic() < refusal.not_before:
                continue
            asked = True
            if modem.storages.delete(storage, entry.index):
                self._promised[storage, entry.index] = entry.segment_id, scan.shown[entry.index]
            else:
                self._count_refused_deletion(storage, entry)

    def _is_enough(self, modem: Modem, scan: Scan, seconds: float) -> bool:
        """Tell whether deletions end for this pass: after some seconds, or sooner if input of the modem waits.

        Deletions get at least as much time as the listing took. Otherwise a scan that begins again at each new text
        might never delete anything.
        """
        waits = self._calls.call or modem.exchange.has_unsolicited
        least = self.timing.delete_least if waits else self.timing.delete_slice
        return seconds >= max(least, scan.listing_seconds)

    def _count_refused_deletion(self, storage: str, entry: contacts.Recorded) -> None:
        """Postpone the deletion of an entry that the modem refused; the first refusal is logged and recorded."""
        self._refused.setdefault((storage, entry), Postponed(Backoff(self.timing.delete_pauses))).count()
        if entry.segment_id not in self._recorded_refusals:
            self._recorded_refusals.add(entry.segment_id)
            log.warning("%s does not delete entry %d; it is recorded all the same", storage, entry.index)
            detail = {"storage": storage, "index": entry.index}
            with self.line.db.transaction():
                events.record(self.line.db, self.line.db.now(), EventKind.DELETE_REFUSED, detail=detail)
