"""The storages of a modem: chooses those to use, selects and lists them, deletes entries, knows how full they are.

A storage is a numbered list of texts, on the SIM (SM) or in the modem (ME). This module has the commands about storages
(27.005 3.2.2, 3.4) and no others. `modem` hands in two checks: that the modem has not restarted, and that its SIM is
the same. The caller decides which storage to list, and when.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from hotlined.causes import CauseCode
from hotlined.errors import ModemBusyError, ModemError, ModemRefusedError, ModemSilentError
from hotlined.gsm import responses
from hotlined.gsm.at import Final, Information, Response
from hotlined.gsm.exchange import Exchange, refused
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


def used_of(offered: Sequence[Sequence[str]]) -> list[str]:
    """Return which of a modem's storages to use; texts are to come into the first.

    SM and ME, else their union, else the first that is offered; SM if the modem does not say. The union is used, too,
    if only it shows one of the two: Cinterion's PHS8 lists ME, while texts come into SM.
    """
    listed = [name for name in offered[0] if name != REPORTS]
    separate = [name for name in SEPARATE if name in listed]
    named = {name for role in offered for name in role}
    if UNION in listed and (not separate or named & set(SEPARATE) > set(separate)):
        return [UNION]
    return separate or listed[:1] or [SEPARATE[0]]


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
    def unknown(self) -> Mapping[str, str]:
        """Storages that the modem offers and then does not know, with its answer: no text was ever seen in them."""
        return {name: final.text for name, final in self._refused.items() if name not in self.unread}

    @property
    def scan_order(self) -> tuple[str, ...]:
        """The storages in the order of a scan: the selected one first, which saves a selection."""
        return tuple(sorted(self._uses, key=lambda name: name != self._session.selected))

    # ---- selection

    def choose(self) -> None:
        """Ask for the storages and select each one to use; raises ModemRefusedError if none can be selected."""
        self._offered = responses.offered(self._exchange.ask("AT+CPMS=?", "+CPMS:", seconds=self._waits.slow_command))
        self._session.note_selection("")  # each storage is selected in turn
        self._uses, self._aliases, self._refused = {}, set(), {}
        self._named, self._pending = set(), set()
        self._roles, self._receiving = {}, ()
        for name in used_of(self._offered):
            self._select(name)
        if not self._uses:  # only the union was tried
            for name in {*SEPARATE} & {*self._offered[0]} - self._refused.keys():
                self._select(name)
        if not self._uses:
            raise _nothing_selected(next(iter(self._refused.values())))
        self.confirm()
        self._take_in(self._pending)

    def confirm(self) -> None:
        """Ask which storages are selected; if the one for incoming texts is not used, note it for `retry_refused`."""
        self._note_roles(self._exchange.run("AT+CPMS?", "+CPMS:", seconds=self._waits.slow_command))

    def _note_roles(self, response: Response) -> None:
        roles = responses.roles_of(response)
        if roles and roles[0] not in self._uses:
            log.warning("the modem does not keep the storage that was chosen for texts")
        for receiving in roles[2:3]:
            self.note(receiving)

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
        self._uses[name] = StorageUse(name, *(counts or self._uses.get(name, (name, 0, 0))[1:]))
        if asked:
            self._note_roles(asked)

    def note(self, name: str) -> None:
        """Note a storage that texts come into, by a notification or by AT+CPMS?, for `retry_refused`.

        Some sticks put texts into a storage that they do not offer in AT+CPMS=?.
        """
        if name in KNOWN and not self._covers(name):
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

    # ---- listing

    def list(self, name: str) -> Listing:
        """List all entries of a storage; `complete` is False if one cannot be read even alone: it is left out.

        If the modem falls silent, the entries so far are returned as incomplete, and the modem is out of step; the
        caller brings it back. Raises ModemRefusedError if the modem refuses the listing, or echoes again, which means
        that it has restarted.
        """
        if self._session.selected != name or self._session.has_sim_moved:
            self.require_selection(name)
        self._exchange.take_echoed()  # drop older echoes: only one of the listing itself shows a restart
        try:
            response = self._exchange.run(
                "AT+CMGL=4", "+CMGL:", seconds=self._waits.first_line, line_seconds=self._waits.next_line, payload=True
            )
        except ModemSilentError:
            log.warning("the listing of %s broke off after %d entries", name, len(self._exchange.information))
            entries_so_far = map(responses.entry_of, self._exchange.information)
            return Listing(name, tuple(entry for entry in entries_so_far if entry), complete=False)
        self._require_no_echo()
        if response.final.cms in responses.EMPTY and not response.lines and self._confirm_empty(name):
            return Listing(name, (), complete=True)
        if not response.final.ok:
            answer = response.final.text
            raise ModemRefusedError(CauseCode.NOT_LISTED, answer, storage=name, answer=answer)
        entries = [entry for line in response.lines if (entry := responses.entry_of(line) or self._read_alone(line))]
        complete = len(entries) == len(response.lines)
        self._uses[name] = StorageUse(name, len(entries), self._uses[name].total)
        return Listing(name, tuple(entries), complete)

    def _confirm_empty(self, name: str) -> bool:
        """Select a storage again, and return whether the modem counts no entry in it."""
        self.require_selection(name)
        return self._uses[name].total > 0 and self._uses[name].used == 0

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

    def list_slots(self, name: str) -> Listing:
        """Read a storage slot by slot, because the modem hangs when it lists the storage.

        A slot that makes it hang ends the listing, and is skipped from then on.
        """
        self.require_selection(name)
        entries = []
        for index in range(self._uses[name].total + 1):  # indexes begin with 0 or 1
            if (name, index) in self._hanging_slots:
                continue
            try:
                entry = self.read(index)
            except ModemSilentError:
                log.warning("the modem hangs on slot %d of %s: passed over from now on", index, name)
                self._hanging_slots.add((name, index))
                break
            if entry:
                entries.append(entry)
        complete = not any(name == hanging for hanging, _slot in self._hanging_slots)
        return Listing(name, tuple(entries), complete)

    # ---- deletion

    def holds_listing(self, name: str) -> bool:
        """Return whether this storage is still selected, so that the indexes of its listing are valid."""
        return self._exchange.in_step and self._session.selected == name

    def delete(self, name: str, index: int) -> bool:
        """Delete one entry of the latest listing; return whether the modem did.

        Raises ModemError if the modem has restarted since, or has another SIM: then an index may be another text's.
        """
        if not self._confirm_same_sim():
            self._session.note_selection("")
        if self._session.selected != name:
            raise ModemError(CauseCode.STARTED_ANEW, storage=name)
        return self._exchange.run(f"AT+CMGD={index}", seconds=self._waits.slow_command).final.ok

    def forget_deleted(self, name: str, entries: int) -> None:
        """Subtract this number of deleted entries from the storage's use."""
        use = self._uses[name]
        self._uses[name] = use._replace(used=max(0, use.used - entries))


def _nothing_selected(final: Final) -> ModemRefusedError:
    """Return the error for a modem that lets no storage be selected."""
    if responses.is_busy(final):
        return ModemBusyError(CauseCode.SIM_BUSY, final.text, answer=final.text)
    return ModemRefusedError(CauseCode.NO_STORAGE, final.text, answer=final.text)
