"""The storages of a modem: which are used, which is selected, how full each is; lists them, deletes an entry.

It has the commands about storages (27.005 3.2.2, 3.4) and no others. `modem` hands in two checks: that the modem has
not started anew, and that its SIM is the same. The caller decides what is listed, and when.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from hotlined.causes import CauseCode
from hotlined.errors import ModemBusyError, ModemError, ModemRefusedError, ModemSilentError
from hotlined.gsm import responses
from hotlined.gsm.at import Final, Information, Response
from hotlined.gsm.exchange import SLOW_COMMAND_SECONDS, Exchange, refused
from hotlined.gsm.responses import Entry, Listing, StorageUse

log = logging.getLogger(__name__)

FIRST_LINE_SECONDS = 15.0  # before the first line of a listing
NEXT_LINE_SECONDS = 10.0  # between two lines of a listing

SEPARATE = ("SM", "ME")
"""The SIM's storage and the modem's own, in the order in which texts are wanted there."""
UNION = "MT"
"""SM and ME together. It is never listed beside them: an index that was deleted by one name may be another text's."""
REPORTS = "SR"
"""Where some makes keep status reports: selected once a notification names it."""
KNOWN = frozenset({*SEPARATE, UNION, REPORTS, "TA", "SM_P", "ME_P"})
"""What a storage may be called (27.005 3.1, and Alcatel's): another name is noise on the line."""


def used_of(offered: Sequence[Sequence[str]]) -> list[str]:
    """Return which of the storages that a modem offers are used, the one that texts are to come to first.

    SM and ME, else their union, else the first that is offered; SM where the modem does not say what it has. The union
    is used, too, where it alone shows one of the two: Cinterion's PHS8 lists ME, and has texts come into SM.
    """
    listed = [name for name in offered[0] if name != REPORTS]
    separate = [name for name in SEPARATE if name in listed]
    named = {name for role in offered for name in role}
    if UNION in listed and (not separate or named & set(SEPARATE) > set(separate)):
        return [UNION]
    return separate or listed[:1] or [SEPARATE[0]]


class Storages:
    """The storages of the modem at one exchange.

    `require_no_echo` raises ModemRefusedError where the modem has started anew since it was set up. `confirm_same_sim`
    returns whether the SIM is still the one that was there before the last hint at another.
    """

    def __init__(
        self, exchange: Exchange, require_no_echo: Callable[[], None], confirm_same_sim: Callable[[], bool]
    ) -> None:
        self._exchange = exchange
        self._session = exchange.session
        self._require_no_echo = require_no_echo
        self._confirm_same_sim = confirm_same_sim
        self._offered: list[list[str]] = [[]]
        self._uses: dict[str, StorageUse] = {}
        self._aliases: set[str] = set()  # other names of storages that are used
        self._refused: dict[str, Final] = {}  # storages that could not be selected
        self._named: set[str] = set()  # storages of which the modem has spoken, and that are not used
        self._pending: set[str] = set()  # those of them that are to be selected
        self._roles: dict[str, tuple[str, ...]] = {}  # by storage, the form of AT+CPMS that was taken
        self._receiving: tuple[str, ...] = ()  # the form of the storage that texts come to
        self._hanging_slots: set[tuple[str, int]] = set()  # slots at which the modem hangs when they are read

    @property
    def names(self) -> tuple[str, ...]:
        """The storages that can be selected, in the order in which they first were."""
        return tuple(self._uses)

    @property
    def uses(self) -> tuple[StorageUse, ...]:
        """How full each of them says that it is."""
        return tuple(self._uses.values())

    @property
    def unread(self) -> Mapping[str, str]:
        """The storages that texts may lie in and that cannot be selected, with the modem's words.

        One that is only offered is none of them if the modem refuses it as something that it does not know.
        """
        return {
            name: final.text
            for name, final in self._refused.items()
            if name in self._named or not responses.is_unsupported(final)
        }

    @property
    def unknown(self) -> Mapping[str, str]:
        """The storages that the modem offers and then does not know, with its words: nothing was ever seen in them."""
        return {name: final.text for name, final in self._refused.items() if name not in self.unread}

    @property
    def scan_order(self) -> tuple[str, ...]:
        """The storages in the order of a scan: the selected one first, which saves a selection."""
        return tuple(sorted(self._uses, key=lambda name: name != self._session.selected))

    # ---- selection

    def choose(self) -> None:
        """Ask which storages there are and select each that is used; raises ModemRefusedError where none can be."""
        self._offered = responses.offered(self._exchange.ask("AT+CPMS=?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS))
        self._session.note_selection("")  # each of them is selected in turn
        self._uses, self._aliases, self._refused = {}, set(), {}
        self._named, self._pending = set(), set()
        self._roles, self._receiving = {}, ()
        for name in used_of(self._offered):
            self._select(name)
        if not self._uses:  # the union alone was tried
            for name in {*SEPARATE} & {*self._offered[0]} - self._refused.keys():
                self._select(name)
        if not self._uses:
            raise _nothing_selected(next(iter(self._refused.values())))
        self.confirm()
        self._take_in(self._pending)

    def confirm(self) -> None:
        """Ask which storages are selected; note the one that texts come into for `retry_refused`, if it is not used."""
        self._note_roles(self._exchange.run("AT+CPMS?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS))

    def _note_roles(self, response: Response) -> None:
        roles = responses.roles_of(response)
        if roles and roles[0] not in self._uses:
            log.warning("the modem does not keep the storage that was chosen for texts")
        for receiving in roles[2:3]:
            self.note(receiving)

    def require_selection(self, name: str) -> None:
        """Make a storage the one that is listed and deleted from; raises ModemRefusedError where that is refused."""
        self._session.note_selection("")
        response = self._select(name)
        if not response.final.ok:
            raise refused("AT+CPMS", response.final)
        self._session.note_selection(name)

    def _select(self, name: str) -> Response:
        """Select a storage, in the form that the modem took before, else in the first that it takes; note a refusal."""
        for roles in self._forms(name):
            quoted = ",".join(f'"{role}"' for role in roles)
            response = self._exchange.run(f"AT+CPMS={quoted}", "+CPMS:", seconds=SLOW_COMMAND_SECONDS)
            if response.final.ok or responses.is_busy(response.final):
                break  # one that is busy would refuse every form
        if response.final.ok:
            self._roles[name] = roles
            if not self._receiving or self._receiving[0] == name:
                self._receiving = roles
            self._note_use(name, response)
            self._refused.pop(name, None)
            return response
        if not responses.is_busy(response.final):
            self._roles.pop(name, None)  # the next time in any form
        if name not in self._uses:
            self._refused[name] = response.final
        return response

    def _forms(self, name: str) -> Sequence[tuple[str, ...]]:
        """Return the forms of AT+CPMS in which a storage may be selected, in the order in which they are tried.

        The first storage that was selected since `choose` gets as many of the three roles as the modem takes: texts
        come to it, also when it was refused meanwhile. Others are only read.
        """
        if name in self._roles:
            return [self._roles[name]]
        if not self._receiving or self._receiving[0] == name:
            return [(name,) * count for count in (3, 2, 1)]
        wide = (name, *self._receiving[1:])
        return list(dict.fromkeys([(name,), wide, (name,) * len(wide)]))

    def _note_use(self, name: str, response: Response) -> None:
        """Note how full a storage is that was just selected; some makes say it only when asked (27.005 3.2.2)."""
        asked = None
        if (counts := responses.counts(response)) is None:
            asked = self._exchange.run("AT+CPMS?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS)
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
        """Tell whether what lies in a storage is listed: under its own name, that of the union, or those of its parts.

        The union of a modem that never names ME is the SIM's storage.
        """
        listed = self._uses.keys() | self._aliases
        parts = {part for role in self._offered for part in role if part in SEPARATE} | {SEPARATE[0]}
        return name in listed or (name in SEPARATE and UNION in listed) or (name == UNION and parts <= listed)

    def retry_refused(self) -> None:
        """Select each storage that was named since, and each that could not be selected and may hold texts."""
        self._take_in({*self._pending, *self.unread})

    def retry_unknown(self) -> None:
        """Select each storage that the modem offers and did not know before."""
        self._take_in(self.unknown)

    def _take_in(self, names: Iterable[str]) -> None:
        """Select these; where one is refused, or is the union, the union alone is used if it can be."""
        for name in sorted(names):
            # first: where the modem hangs when it is selected, that is not tried again and again
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
        """Tell whether texts lie in a storage, by the modem's word, that the union may show."""
        return name in self._named and (name == UNION or (name in SEPARATE and UNION in self._offered[0]))

    def drop_alias(self, name: str) -> None:
        """Use a storage no more: it is another name of one that is listed."""
        del self._uses[name]
        self._aliases.add(name)

    # ---- listing

    def list(self, name: str) -> Listing:
        """List all entries of a storage; incomplete, and without those that cannot be read even alone.

        Where the modem falls silent meanwhile, what came is returned, incomplete, and the modem is out of step: the
        caller brings it back. Raises ModemRefusedError where the modem does not list it, or echoes again: it has
        started anew by itself.
        """
        if self._session.selected != name or self._session.has_sim_moved:
            self.require_selection(name)
        self._exchange.take_echoed()  # only an echo of the listing itself shows that the modem has started anew
        try:
            response = self._exchange.run(
                "AT+CMGL=4", "+CMGL:", seconds=FIRST_LINE_SECONDS, line_seconds=NEXT_LINE_SECONDS, payload=True
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
        """Read one entry by its index because its line in the listing was garbled.

        None for a slot that is empty after all, or whose text the modem does not show: such an entry is never deleted.
        """
        if (index := responses.maybe_index(line.text)) is None:
            return None
        entry = self.read(index)
        if entry is None:
            log.warning("slot %d is listed, but empty", index)
        return entry

    def read(self, index: int) -> Entry | None:
        """Read one slot of the storage that was selected last; None where it is empty or does not show its text."""
        self._exchange.unrecognised.clear()  # a PDU that comes as a line of its own is looked for there
        response = self._exchange.run(f"AT+CMGR={index}", "+CMGR:", payload=True, seconds=SLOW_COMMAND_SECONDS)
        if not response.final.ok or not response.lines:
            return None
        return responses.slot(index, response.lines[0], self._exchange.unrecognised)

    def list_slots(self, name: str) -> Listing:
        """Read a storage slot by slot, because the modem hangs when it lists it.

        A slot at which it hangs ends the listing, and is skipped from then on.
        """
        self.require_selection(name)
        entries = []
        for index in range(self._uses[name].total + 1):  # the first is 0 or 1
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
        """Tell whether this storage was selected last, and the indexes of its listing still hold."""
        return self._exchange.in_step and self._session.selected == name

    def delete(self, name: str, index: int) -> bool:
        """Delete one entry of the listing that was just made; return whether the modem did.

        Raises ModemError if the modem has started anew since, or has another SIM: its indexes may be others.
        """
        if not self._confirm_same_sim():
            self._session.note_selection("")
        if self._session.selected != name:
            raise ModemError(CauseCode.STARTED_ANEW, storage=name)
        return self._exchange.run(f"AT+CMGD={index}", seconds=SLOW_COMMAND_SECONDS).final.ok

    def forget_deleted(self, name: str, entries: int) -> None:
        """Count so many deleted entries out of what a storage says that it holds."""
        use = self._uses[name]
        self._uses[name] = use._replace(used=max(0, use.used - entries))


def _nothing_selected(final: Final) -> ModemRefusedError:
    """Return the error of a modem that lets no storage be selected."""
    if responses.is_busy(final):
        return ModemBusyError(CauseCode.SIM_BUSY, final.text, answer=final.text)
    return ModemRefusedError(CauseCode.NO_STORAGE, final.text, answer=final.text)
