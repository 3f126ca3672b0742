"""Feeds mutated PDUs to the codec, a real database and the log, as hostile networks would; scripts/run fuzz, at length.

The only exception is the codec's own, which becomes the entry's `problem`; every PDU is recorded once and unchanged;
each contact is a line of JSON. A run depends on its seed alone.
"""

import json
import random
import resource
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import click

from hotlined.cli.output import json_line
from hotlined.gsm.address import identify
from hotlined.store.answers import contacts
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.reading import log

CORPUS = Path(__file__).parents[1] / "data" / "pdus.jsonl"
LISTING = 50  # entries: a SIM with room for many
MOST_CHANGES = 4  # of one PDU
LONGEST = 400  # bytes: twice the size of a TPDU
Mutation = Callable[[random.Random, bytearray, bytes], None]


def _flip_a_bit(chance: random.Random, pdu: bytearray, _: bytes) -> None:
    pdu[chance.randrange(len(pdu))] ^= 1 << chance.randrange(8)


def _set_an_octet(chance: random.Random, pdu: bytearray, _: bytes) -> None:
    pdu[chance.randrange(len(pdu))] = chance.choice((0x00, 0x01, 0x7F, 0x80, 0xFF, chance.randrange(256)))


def _change_a_length(chance: random.Random, pdu: bytearray, _: bytes) -> None:
    at = chance.randrange(len(pdu))
    pdu[at] = (pdu[at] + chance.choice((-8, -2, -1, 1, 2, 8))) % 256


def _truncate(chance: random.Random, pdu: bytearray, _: bytes) -> None:
    del pdu[chance.randrange(len(pdu)) :]


def _remove(chance: random.Random, pdu: bytearray, _: bytes) -> None:
    at = chance.randrange(len(pdu))
    del pdu[at : at + chance.randint(1, 8)]


def _insert(chance: random.Random, pdu: bytearray, _: bytes) -> None:
    at = chance.randrange(len(pdu))
    pdu[at:at] = chance.randbytes(chance.randint(1, 8))


def _repeat(chance: random.Random, pdu: bytearray, _: bytes) -> None:
    at = chance.randrange(len(pdu))
    pdu[at:at] = pdu[at : at + chance.randint(1, 16)]


def _splice(chance: random.Random, pdu: bytearray, other: bytes) -> None:
    pdu[chance.randrange(len(pdu)) :] = other[chance.randrange(len(other)) :]


MUTATIONS: tuple[Mutation, ...] = (
    _flip_a_bit, _flip_a_bit, _set_an_octet, _change_a_length, _truncate, _remove, _insert, _repeat, _splice,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a run; memory is the peak of the process so far, in MiB, before and after."""

    pdus: int
    problems: int
    contacts: int
    repeats: int
    seconds: float
    mib_before: float
    mib_after: float


def corpus() -> list[bytes]:
    """Return the bytes of every recorded short message, with a service centre in front."""
    records = map(json.loads, CORPUS.read_text(encoding="ascii").splitlines())
    return [
        bytes.fromhex(record["pdu"] if record["smsc_prefix"] else f"00{record['pdu']}")
        for record in records
        if record["kind"] == "sms" and record["pdu"] and not set(record["pdu"]) - set(string.hexdigits)
        and len(record["pdu"]) % 2 == 0
    ]  # fmt: skip


def mutants(seed: int) -> Iterator[str]:
    """Yield mutated PDUs without end, as a modem lists them; one in a hundred is not hexadecimal."""
    chance, originals = random.Random(seed), corpus()
    while True:
        pdu = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, MOST_CHANGES)):
            if pdu:
                chance.choice(MUTATIONS)(chance, pdu, chance.choice(originals))
        written = pdu[:LONGEST].hex().upper()
        if written and chance.random() < 0.01:
            at = chance.randrange(len(written))
            written = written[:at] + chance.choice(("", "Z", " ", "\x00", "é")) + written[at + 1 :]
        yield written


def fuzz(count: int, seed: int, folder: Path, report: Callable[[int], object] = lambda _: None) -> Figures:
    """Record this number of mutants in listings and render the contacts; raise any exception that is not allowed.

    `report` is called now and then with the number recorded so far.
    """
    began, before = time.monotonic(), _peak_mib()
    with open_for_daemon(folder / "fuzz.db") as db:
        db.connection.execute("PRAGMA synchronous = OFF")
        source = contacts.Source("fr", "206012345678901", "SM", partial(identify, country="BE"))
        feed, problems, octets = islice(mutants(seed), count), 0, 0
        for number in range(0, count, LISTING):
            entries = [contacts.read(pdu, len(pdu) // 2, index) for index, pdu in enumerate(islice(feed, LISTING), 1)]
            now = db.now()
            kept = contacts.record_listing(db, source, entries, now, complete=True)
            assert sorted(entry.index for entry in kept) == list(range(1, len(entries) + 1))
            contacts.confirm_deleted(db, "SM", [entry.segment_id for entry in kept], now)
            problems += sum(entry.problem is not None for entry in entries)
            octets += sum(len(entry.pdu.encode()) for entry in entries)
            report(number + len(entries))
        assert tuple(
            db.connection.execute("SELECT count(*), sum(length(CAST(pdu AS BLOB))) FROM segments").fetchone()
        ) == (
            count,
            octets,
        )
        shown = 0
        for contact in log.entries(db, log.Filter()):
            line = json_line(contact)
            assert line.isascii()
            assert json.loads(line)["text"] == contact.text
            shown += 1
        (repeats,) = db.connection.execute("SELECT sum(repeat) FROM segments").fetchone()
    return Figures(count, problems, shown, repeats, time.monotonic() - began, before, _peak_mib())


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@click.command()
@click.option("--count", default=1_000_000, show_default=True, help="So many mutants.")
@click.option("--seed", default=1, show_default=True, help="What they depend on.")
def main(count: int, seed: int) -> None:
    """Feed mutated PDUs to the codec, a database and the log, and print the figures."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        figures = fuzz(count, seed, Path(folder))
    click.echo(
        f"{figures.pdus:,} PDUs (seed {seed}): {figures.problems:,} kept with a problem, {figures.repeats:,} repeats,"
        f" {figures.contacts:,} contacts, {figures.seconds:.0f} s, peak {figures.mib_before:.0f} MiB before and"
        f" {figures.mib_after:.0f} MiB after"
    )


if __name__ == "__main__":
    main()
