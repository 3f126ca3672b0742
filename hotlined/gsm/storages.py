"""The storages of a modem: chooses those to use, selects and lists them, deletes entries, knows how full they are.

A storage is a numbered list of texts, on the SIM (SM) or in the modem (ME). It has three witnesses: the modem's count
of it (+CPMS), its listing (+CMGL) and its slots (+CMGR). The largest is believed: where a listing shows less than the
modem counts, or is refused, the slots are read, and `hidden` says what is not found there either. Texts are directed
into a storage with room. This module has the commands about storages (27.005 3.2.2, 3.4) and no others. `modem` hands
in two checks: that the modem has not restarted, and that its SIM is the same. The caller decides when to scan.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hotlined.causes import CauseCode
from hotlined.errors import ModemBusyError, ModemError, ModemRefusedError, ModemSilentError
from hotlined.gsm import responses
from hotlined.gsm.at import Final, Information, Response
from hotlined.gsm.dialogue import Exchange, refused
from hotlined.gsm.responses import Entry, Listing, StorageUse

log = logging.getLogger(__name__)

SEPARATE = ("SM", "ME")
"""The SIM's storage and the modem's own; the first is preferred for incoming texts."""
UNION = "MT"
"""SM and ME together. Never listed beside them: an index freed under one name may be another text's under the other."""
REPORTS = "SR"
"""The storage for status reports of some makes; selected only after a notification has named it."""
KNOWN = frozenset({*SEPARATE, UNION, REPORTS, "TA", "SM_P", "ME_P"})
"""The possible names of storages (27.005 3.1, and Alcatel's): another name is noise on the line."""
BROKEN_LISTINGS = 2  # after this many in a row that broke off, the storage is read slot by slot
PLACES_TO_RETURN = 2  # free places of the preferred storage before texts are directed into it again


@dataclass(slots=True)
class Shortfall:
    """The entries that the modem counts in a storage beyond those that its listing shows.

    The slots are read for them: once, and again if they become more, but not before `again_at` (monotonic seconds).
    """

    missing: int = 0
    """How many were found nowhere."""
    alone: set[int] = field(default_factory=set)
    """The slots that showed one of them, until it is deleted."""
    left: deque[int] = field(default_factory=deque)
    """The slots that are still to be read."""
    is_due: bool = False
    again_at: float = 0.0
    is_harmless: bool = False
    """True if other texts of the storage came and were read while it stayed the same."""

    @property
    def excess(self) -> int:
        """The number of entries that are known to be counted and not listed."""
        return self.missing + len(self.alone)


def used_of(offered: Sequence[Sequence[str]]) -> list[str]:
    """Return which of a modem's storages to use; texts are to come into the first.

    SM and ME, else their union, else the first that is offered; SM if the modem does not say. The union is used, too,
    if only it shows one of the two: Cinterion's PHS8 lists ME, while texts come into SM. SM and ME are both tried, even
    if only one is offered: some modems put texts into the other.
    """
    listed = [name for name in offered[0] if name != REPORTS]
    separate = [name for name in SEPARATE if name in listed]
    named = {name for role in offered for name in role}
    if UNION in listed and (not separate or named & set(SEPARATE) > set(separate)):
        return [UNION]
    return list(dict.fromkeys([*(separate or listed[:1]), *SEPARATE]))


class Storages:
    """The storages of the modem at one exchange.

    `require_no_echo` raises ModemRefusedError if the modem has restarted since it was set up. `confirm_same_sim`
    returns whether the SIM is still the one from before the last hint at another SIM.
    """

    def __init__(
        self, exchange: Exchange, require_no_echo: Callable[[], None], confirm_same_sim: Callable[[], bool]
    ) -> None:
        self._exchange = exchange
        self._session = exchange.session
        self._waits = exchange.waits
        self._require_no_echo = require_no_echo
        self._confirm_same_sim = confirm_same_sim
        self._offered: list[list[str]] = [[]]
        self._uses: dict[str, StorageUse] = {}
        self._aliases: set[str] = set()  # other names of used storages
        self._refused: dict[str, Final] = {}  # storages that could not be selected
        self._named: set[str] = set()  # storages that the modem has named, and that are not used
        self._pending: set[str] = set()  # those of `_named` that are still to be selected
        self._roles: dict[str, tuple[str, ...]] = {}  # for each storage, the form of AT+CPMS that the modem accepted
        self._receiving: tuple[str, ...] = ()  # the form for the storage that texts come into
        self._said_to_receive = ""  # the storage that texts come into by the modem's word
        self._due: set[str] = set()  # storages to be listed in the next scan, beside the one that texts come into
        self._said: dict[str, int] = {}  # the modem's counts since the last listing of each storage, or deletion there
        self._uncounted: set[str] = set()  # storages that are selected anew for their next listing, which counts them
        self._counting: set[str] = set()  # storages that the modem has counted
        self._shortfalls: dict[str, Shortfall] = {}
        self._kept: dict[str, int] = {}  # how many shown entries stay in each storage: drafts, and what is not deleted
        self._had_deletions: set[str] = set()  # storages in which entries were deleted since their last comparison
        self._undirected: set[str] = set()  # storages into which the modem does not let texts be directed
        self._broke_off: Counter[str] = Counter()  # how many listings of a storage broke off in a row
        self._hanging_slots: set[tuple[str, int]] = set()  # slots that make the modem hang when they are read

    @property
    def names(self) -> tuple[str, ...]:
        """The storages that can be selected, in the order of their first selection."""
        return tuple(self._uses)

    @property
    def uses(self) -> tuple[StorageUse, ...]:
        """How full each storage is, by the modem's word."""
        return tuple(self._uses.values())

    @property
    def unread(self) -> Mapping[str, str]:
        """Storages that may have texts and cannot be selected, with the modem's answer.

        A storage that was only offered is left out if the modem's answer means that it does not know it.
        """
        return {
            name: final.text
            for name, final in self._refused.items()
            if name in self._named or not responses.is_unsupported(final)
        }

    @property
    def hidden(self) -> Mapping[str, int]:
        """How many texts the modem counts in a storage and shows nowhere, unless others have been read meanwhile."""
        return {
            name: shortfall.missing
            for name, shortfall in self._shortfalls.items()
            if shortfall.missing and not shortfall.left and not shortfall.is_harmless
        }

    @property
    def full(self) -> StorageUse | None:
        """The storage that texts come into, if it has no room for another (see `direct_texts`); else None."""
        name = next((name for name in (self._said_to_receive, *self._receiving) if name in self._uses), None)
        return self._uses[name] if name and self.room(name) <= 0 else None

    @property
    def unknown(self) -> Mapping[str, str]:
        """Storages that the modem offers and then does not know, with its answer: no text was ever seen in them."""
        return {name: final.text for name, final in self._refused.items() if name not in self.unread}

    @property
    def scan_order(self) -> tuple[str, ...]:
        """The storages of the next scan, the selected one first, which saves a selection.

        These are the one that texts come into, what a notification has named since, and all after `confirm`: some makes
        write each selection to their flash.
        """
        due = self._due | {*self._receiving[:1], self._said_to_receive}
        names = [name for name in self._uses if name in due] or list(self._uses)
        return tuple(sorted(names, key=lambda name: name != self._session.selected))

    # ---- selection

    def choose(self) -> None:
        """Ask for the storages and select each one to use; raises ModemRefusedError if none can be selected."""
        self._offered = responses.offered(self._exchange.ask("AT+CPMS=?", "+CPMS:", seconds=self._waits.slow_command))
        self._session.note_selection("")  # each storage is selected in turn
        self._uses, self._aliases, self._refused = {}, set(), {}
        self._named, self._pending = set(), set()
        self._roles, self._receiving = {}, ()
        self._said, self._counting, self._shortfalls, self._kept = {}, set(), {}, {}
        self._had_deletions, self._undirected = set(), set()
        offered = {name for role in self._offered for name in role}
        for name in used_of(self._offered):
            is_guess = bool(self._uses) and name not in offered
            self._select(name)
            if is_guess and (name in self._refused or not self._uses[name].total):
                self._refused.pop(name, None)  # it is not asked for again
                self._uses.pop(name, None)
        if not self._uses:  # only the union was tried
            for name in {*SEPARATE} & {*self._offered[0]} - self._refused.keys():
                self._select(name)
        if not self._uses:
            raise _nothing_selected(next(iter(self._refused.values())))
        self.confirm()
        self._take_in(self._pending)

    def confirm(self) -> None:
        """Ask which storages are selected, and make all due for a scan.

        If the one for incoming texts is not used, it is noted for `retry_refused`.
        """
        self._note_roles(self._exchange.run("AT+CPMS?", "+CPMS:", seconds=self._waits.slow_command))
        self._due.update(self._uses)

    def _note_roles(self, response: Response) -> None:
        roles = responses.roles_of(response)
        if roles and roles[0].name not in self._uses:
            log.warning("the modem does not keep the storage that was chosen for texts")
        for use in roles:
            if use.name in self._uses:
                self._note_count(use)
        for receiving in roles[2:3]:
            self._said_to_receive = receiving.name
            self.note(receiving.name)

    def _note_count(self, use: StorageUse) -> None:
        self._uses[use.name] = use
        self._said[use.name] = use.used
        self._counting.add(use.name)

    def require_selection(self, name: str) -> None:
        """Select the storage that is then listed and deleted from; raises ModemRefusedError if the modem refuses."""
        self._session.note_selection("")
        response = self._select(name)
        if not response.final.ok:
            raise refused("AT+CPMS", response.final)
        self._session.note_selection(name)

    def _select(self, name: str) -> Response:
        """Select a storage in the form accepted before, else in the first form that is accepted; note a refusal."""
        for roles in self._forms(name):
            quoted = ",".join(f'"{role}"' for role in roles)
            response = self._exchange.run(f"AT+CPMS={quoted}", "+CPMS:", seconds=self._waits.slow_command)
            if response.final.ok or responses.is_busy(response.final):
                break  # while the SIM is busy, every form would be refused
        if response.final.ok:
            self._roles[name] = roles
            if not self._receiving or self._receiving[0] == name:
                self._receiving = roles
            self._note_use(name, response)
            self._refused.pop(name, None)
            return response
        if not responses.is_busy(response.final):
            self._roles.pop(name, None)  # next time, try every form
        if name not in self._uses:
            self._refused[name] = response.final
        return response

    def _forms(self, name: str) -> Sequence[tuple[str, ...]]:
        """Return the forms of AT+CPMS to try for a storage, in order.

        AT+CPMS names up to three storages: for reading, for writing, for receiving. The first storage selected since
        `choose` gets as many of these roles as the modem accepts, so that texts come into it, even if it was refused
        meanwhile. Other storages are only read.
        """
        if name in self._roles:
            return [self._roles[name]]
        if not self._receiving or self._receiving[0] == name:
            return [(name,) * count for count in (3, 2, 1)]
        wide = (name, *self._receiving[1:])
        return list(dict.fromkeys([(name,), wide, (name,) * len(wide)]))

    def _note_use(self, name: str, response: Response) -> None:
        """Note how full the selected storage is; some makes say it only when asked (27.005 3.2.2)."""
        asked = None
        if (counts := responses.counts(response)) is None:
            asked = self._exchange.run("AT+CPMS?", "+CPMS:", seconds=self._waits.slow_command)
            counts = responses.counts(asked)
        self._uses.setdefault(name, StorageUse(name, 0, 0))
        if counts:
            self._note_count(StorageUse(name, *counts))
        if asked:
            self._note_roles(asked)

    def note(self, name: str) -> None:
        """Note a storage that texts come into, by a notification or by AT+CPMS?, for `retry_refused`.

        Some sticks put texts into a storage that they do not offer in AT+CPMS=?.
        """
        if name in KNOWN:
            self._due.add(name)
            if not self._covers(name):
                self._named.add(name)
                self._pending.add(name)

    def _covers(self, name: str) -> bool:
        """Return whether the texts of a storage are listed: under its name, the union's, or the names of its parts.

        If a modem never names ME, the union has only the SIM's storage.
        """
        listed = self._uses.keys() | self._aliases
        parts = {part for role in self._offered for part in role if part in SEPARATE} | {SEPARATE[0]}
        return name in listed or (name in SEPARATE and UNION in listed) or (name == UNION and parts <= listed)

    def retry_refused(self) -> None:
        """Select each storage that was named since, and each that was refused and may have texts."""
        self._take_in({*self._pending, *self.unread})

    def retry_unknown(self) -> None:
        """Select each storage that the modem offers and did not know before."""
        self._take_in(self.unknown)

    def _take_in(self, names: Iterable[str]) -> None:
        """Select these; if one is refused, or is the union, use the union alone where possible.

        The texts of a storage that cannot be selected may still be seen in the union. SM and ME are then not used any
        more: an index deleted under one of two names may be another text's under the other (see `UNION`).
        """
        for name in sorted(names):
            # first, so that a storage that makes the modem hang is not selected again and again
            self._pending.discard(name)
            self._session.note_selection("")
            if name != UNION and self._select(name).final.ok:
                log.info("%s can be read now", name)
            elif self._may_be_in_union(name) and self._select(UNION).final.ok:
                log.info("MT is read alone: it shows what no other storage does")
                for part in SEPARATE:
                    self._uses.pop(part, None)
                    self._refused.pop(part, None)

    def _may_be_in_union(self, name: str) -> bool:
        """Return whether the modem has said that texts come into a storage, and the union may show them."""
        return name in self._named and (name == UNION or (name in SEPARATE and UNION in self._offered[0]))

    def drop_alias(self, name: str) -> None:
        """Stop using a storage that is another name of a listed one."""
        del self._uses[name]
        self._aliases.add(name)

    # ---- room

    def note_kept(self, name: str, entries: int) -> None:
        """Note how many of a storage's shown entries stay there: drafts, and those that the modem does not delete."""
        self._kept[name] = entries

    def room(self, name: str) -> float:
        """Return how many texts a storage has places for, apart from those that are still to be deleted."""
        if name not in self._counting:
            return float("inf")
        shortfall = self._shortfalls.get(name)
        return self._uses[name].total - self._kept.get(name, 0) - (shortfall.missing if shortfall else 0)

    def direct_texts(self) -> None:
        """Let texts come into a storage that has room: the preferred one, else another."""
        own = [name for name in self._uses if name in SEPARATE and name not in self._undirected]
        if not self._receiving or (now := self._receiving[0]) not in own:
            return
        if self.room(now) <= 0:
            target = next((name for name in own if self.room(name) > 0), now)
        else:
            target = own[0] if self.room(own[0]) >= PLACES_TO_RETURN else now
        if target == now:
            return
        log.warning("texts come into %s now: %s has %g free places", target, now, self.room(now))
        before, self._receiving = self._receiving, ()
        for name in (now, target):
            self._roles.pop(name, None)
        self._session.note_selection("")
        if self._select(target).final.ok:
            self._said_to_receive = target  # until `confirm` knows better: with fewer than three names it may not be so
        else:
            self._undirected.add(target)
            self._receiving = before

    # ---- listing

    def list(self, name: str) -> Listing:
        """List all entries of a storage; what the modem counts beyond them is then to be read by `read_next_slot`.

        `unseen` has the entries that cannot be read even alone, and those that only their slots show; `complete` is
        False if one of them has no index, or if slots are to be read. If the modem falls silent, the entries so far are
        returned as incomplete, and the modem is out of step; the caller brings it back. After BROKEN_LISTINGS of these,
        only the slots are read. Raises ModemRefusedError if the modem refuses the listing and does not count the
        storage, or echoes again, which means that it has restarted.
        """
        if self._session.selected != name or self._session.has_sim_moved or name in self._uncounted:
            self.require_selection(name)
        self._uncounted.discard(name)
        self._due.discard(name)
        if self._broke_off[name] >= BROKEN_LISTINGS:
            if name not in self._said:
                self.require_selection(name)
            return self._compared(Listing(name, (), complete=True))
        self._exchange.take_echoed()  # drop older echoes: only one of the listing itself shows a restart
        try:
            response = self._exchange.run(
                "AT+CMGL=4", "+CMGL:", seconds=self._waits.first_line, line_seconds=self._waits.next_line, payload=True
            )
        except ModemSilentError:
            self._broke_off[name] += 1
            log.warning("the listing of %s broke off after %d entries", name, len(self._exchange.information))
            entries_so_far = map(responses.entry_of, self._exchange.information)
            return Listing(name, tuple(entry for entry in entries_so_far if entry), complete=False)
        self._broke_off[name] = 0
        self._require_no_echo()
        if not response.final.ok:
            self._require_count(name, response.final)
        unseen: set[int | None] = set()
        each_once: dict[tuple[int, str], Entry] = {}  # in case a modem lists one twice
        for line in response.lines:
            if entry := responses.entry_of(line) or self._read_alone(line):
                each_once[entry.index, entry.pdu] = entry
            else:
                unseen.add(responses.maybe_index(line.text))
        return self._compared(Listing(name, tuple(each_once.values()), None not in unseen, frozenset(unseen)))

    def _require_count(self, name: str, final: Final) -> None:
        """Have the modem count a storage whose listing it refused; raises ModemRefusedError if that says nothing.

        Some makes do not know AT+CMGL in PDU mode, and some refuse to list an empty storage.
        """
        is_about_sim = responses.may_be_another_sim(final) and not responses.is_unsupported(final)
        if not responses.is_busy(final) and not is_about_sim:
            if name not in self._said:
                self.require_selection(name)
            if name in self._said and self._uses[name].total:
                return
        raise ModemRefusedError(CauseCode.NOT_LISTED, final.text, storage=name, answer=final.text)

    def _compared(self, listing: Listing) -> Listing:
        """Compare a listing with the modem's count, if it counted since the last one, and note a shortfall."""
        name, shown = listing.storage, {entry.index for entry in listing.entries}
        shortfall = self._shortfalls.setdefault(name, Shortfall())
        if (said := self._said.pop(name, None)) is not None:
            self._note_excess(name, shortfall, max(0, said - len(shown)), shown)
            self._had_deletions.discard(name)
        self._uses[name] = self._uses[name]._replace(used=len(shown) + shortfall.excess)
        counted = said is not None or name not in self._counting
        complete, unseen = listing.complete and not shortfall.left, listing.unseen | shortfall.alone
        if shortfall.alone and not shortfall.left and time.monotonic() >= shortfall.again_at:
            shortfall.left.extend(sorted(shortfall.alone))  # their deletion may succeed by now
        return listing._replace(complete=complete, unseen=unseen, counted=counted)

    def _note_excess(self, name: str, shortfall: Shortfall, excess: int, shown: set[int]) -> None:
        """Note how many entries the modem counts beyond those shown; if they are more than before, read the slots."""
        if excess == shortfall.excess:
            was_read = shortfall.missing > 0 and not shortfall.left
            shortfall.is_harmless |= was_read and name in self._had_deletions
        else:
            shortfall.is_due = excess > 0 and (shortfall.is_due or excess > shortfall.excess)
            shortfall.is_harmless &= excess > 0 and not shortfall.is_due
            if excess < len(shortfall.alone):
                shortfall.left.extend(sorted(shortfall.alone))  # they show which of them are still there
                shortfall.alone.clear()
            shortfall.missing = excess - len(shortfall.alone)
            if not shortfall.missing:
                shortfall.left.clear()
        if shortfall.is_due and time.monotonic() >= shortfall.again_at:
            shortfall.is_due = False
            indexes = range(self._uses[name].total + 1)  # they begin with 0 or 1
            passed = shown | shortfall.alone
            shortfall.left = deque(i for i in indexes if i not in passed and (name, i) not in self._hanging_slots)
            log.warning("%s counts %d texts more than its listing shows: its slots are read", name, excess)

    def have_counted(self, name: str) -> None:
        """Have the modem count a storage for its next listing."""
        self._uncounted.add(name)

    def has_slots_to_read(self, name: str) -> bool:
        """Return whether slots of a storage are to be read, because its listing shows less than the modem counts."""
        return name in self._shortfalls and bool(self._shortfalls[name].left)

    def read_next_slot(self, name: str) -> Entry | None:
        """Read the next slot of the selected storage; None if it is empty or its text is not shown.

        Raises ModemSilentError if the modem hangs on it: it is passed over from then on; and ModemRefusedError if the
        modem has restarted.
        """
        shortfall = self._shortfalls[name]
        index = shortfall.left.popleft()
        self._exchange.take_echoed()
        try:
            entry = self.read(index)
        except ModemSilentError:
            log.warning("the modem hangs on slot %d of %s: passed over from now on", index, name)
            self._hanging_slots.add((name, index))
            raise
        self._require_no_echo()
        if entry is None:
            shortfall.alone.discard(index)
        elif index not in shortfall.alone:
            shortfall.alone.add(index)
            shortfall.missing -= 1
            if not shortfall.missing:
                shortfall.left.clear()
        if not shortfall.left:
            shortfall.again_at = time.monotonic() + self._waits.slots_again
        if not shortfall.left and shortfall.missing:
            log.warning("%s has %d texts that it shows neither in a listing nor alone", name, shortfall.missing)
        return entry

    def _read_alone(self, line: Information) -> Entry | None:
        """Read one entry by its index, because its line in the listing was garbled.

        None if the slot is empty after all, or the modem does not show its text: such an entry is never deleted.
        """
        if (index := responses.maybe_index(line.text)) is None:
            return None
        entry = self.read(index)
        if entry is None:
            log.warning("slot %d is listed, but empty", index)
        return entry

    def read(self, index: int) -> Entry | None:
        """Read one slot of the selected storage; None if it is empty or its text is not shown."""
        self._exchange.unrecognised.clear()  # the PDU comes there if a make writes it as a separate line
        response = self._exchange.run(f"AT+CMGR={index}", "+CMGR:", payload=True, seconds=self._waits.slow_command)
        if not response.final.ok or not response.lines:
            return None
        return responses.slot(index, response.lines[0], self._exchange.unrecognised)

    # ---- deletion

    def holds_listing(self, name: str) -> bool:
        """Return whether this storage is still selected, so that the indexes of its listing are valid."""
        return self._exchange.in_step and self._session.selected == name

    def delete(self, name: str, index: int) -> bool:
        """Delete one entry of the latest listing; return whether the modem says so: the next listing shows if it did.

        Raises ModemError if the modem has restarted since, or has another SIM: then an index may be another text's.
        """
        if not self._confirm_same_sim():
            self._session.note_selection("")
        if self._session.selected != name:
            raise ModemError(CauseCode.STARTED_ANEW, storage=name)
        is_accepted = self._exchange.run(f"AT+CMGD={index}", seconds=self._waits.slow_command).final.ok
        self._said.pop(name, None)  # it was counted with this entry
        if is_accepted:
            self._had_deletions.add(name)
            if shortfall := self._shortfalls.get(name):
                shortfall.alone.discard(index)
                shortfall.again_at = 0.0  # its slots show what its listing does not
        return is_accepted


def _nothing_selected(final: Final) -> ModemRefusedError:
    """Return the error for a modem that lets no storage be selected."""
    if responses.is_busy(final):
        return ModemBusyError(CauseCode.SIM_BUSY, final.text, answer=final.text)
    return ModemRefusedError(CauseCode.NO_STORAGE, final.text, answer=final.text)
