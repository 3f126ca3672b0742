"""`hotlined db`: checks and copies the database, makes and opens sealed backups, makes and checks their key."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import TextIO

import click

from hotlined import agekey, migrations
from hotlined.cli.group import Group
from hotlined.cli.output import FILE, STANDARD_OUTPUT, json_line, output_to, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import answer_octets, kept_by_root
from hotlined.database_files import FLEET, KEY, beside
from hotlined.errors import SealError, StoreError, UsageError
from hotlined.language import _, in_digits
from hotlined.machine import files
from hotlined.states import DatabaseState
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_to_read, require_current, require_own
from hotlined.store.file.trouble import TROUBLES
from hotlined.store.people import backup
from hotlined.words.sealing import KEPT_BY_ROOT, key_on_paper, lacking

_PIECE = 1024 * 1024
_LARGEST_KEY_FILE = 4096  # characters
PATIENCE_SECONDS = 1.0  # a longer task shows its progress
_ANSWER = ".answer"
"""The copy of the answer's file is named after the copy of the database, with this ending."""


@click.group(cls=Group)
def db() -> None:
    """Check the database or copy it, while the daemon runs or not.

    Example: hotlined db check
    """


@db.command()
@click.option("--full", is_flag=True, help="Check indexes, foreign keys and the data as well.")
@pass_settings
def check(settings: Settings, full: bool) -> None:
    """Say whether the database is whole; this changes nothing in it.

    The quick check, which the daemon makes at each start, finds what SQLite cannot read, and tables, views and triggers
    that hotlined did not make. The full check also finds data that contradict each other. If anything is wrong, the
    command lists it, and the exit code is 1, or 78 if somebody changed the tables.

    Example: hotlined db check --full
    """
    path = settings.config().database
    with open_to_read(path) as connection, _progress(_("checking")) as show:
        if full:
            require_current(path, connection)
        damage = list(integrity.damage(connection, full=full, tick=show))
        is_known = {*migrations.applied(connection)} <= {*migrations.names()}
        indexes = require_own(path, connection) if is_known and not damage else ()
        contradictions = list(integrity.contradictions(connection, show)) if full and not damage else []
    for problem in (*damage, *contradictions):
        print_wrapped(problem)
    if damage:
        raise StoreError(_("{database} is damaged.", database=path), TROUBLES[DatabaseState.DAMAGED].cure(path))
    if contradictions:
        raise StoreError(
            _("{database} can be read, but its entries contradict each other.", database=path),
            _("Somebody has changed it by hand, or hotlined has a bug: report it. A backup from before puts it right."),
        )
    for name in indexes:
        print_wrapped(_("The index {name} is not as hotlined makes it.", name=name))
    print_wrapped(_("{database} is whole.", database=path))


@db.command("backup")
@click.argument("file", required=False, type=FILE)
@pass_settings
def back_up(settings: Settings, file: Path | None) -> None:
    """Copy the database to FILE, which must not exist yet; without FILE, make a sealed backup.

    FILE may be - for the standard output. The daemon may run and write meanwhile. The key of the pseudonyms goes to
    FILE.key, if there is one, that of the line's fleet to FILE.fleet, and the answer's file to FILE.answer; the
    standard output has none of them. docs/backup.md says how to put a copy back.

    A sealed backup is encrypted for backup.recipients, and contains all that a new card needs. What only root reads
    (the PIN, the addresses of alerts) is in those of the daily timer alone, and the command says so. It goes to
    backup.folder; if that is on the card, a program of yours has to carry it elsewhere.

    Example: hotlined db backup - > hotlined-backup.db
    """
    if file is None:
        _seal(settings)
        return
    config = settings.config()
    database = config.database
    backup.require_another_file(database, file)
    is_named = file != STANDARD_OUTPUT
    key, answer = backup.maybe_key(database), _maybe_octets(config.answer.text_file)
    key_file, answer_file = Path(f"{file}{KEY}"), Path(f"{file}{_ANSWER}")
    fleet_key, fleet_file = backup.maybe_key(database, FLEET), Path(f"{file}{FLEET}")
    beside_it = {key_file: key, fleet_file: fleet_key, answer_file: answer}
    with contextlib.ExitStack() as opened:
        opened.enter_context(output_to(file, "hotlined db backup - > hotlined-backup.db"))
        for path, octets in beside_it.items():
            if is_named and octets is not None:
                opened.enter_context(files.create(path)).write(octets)
        with _progress(_("copying")) as show:
            copy = opened.enter_context(backup.copied(database, show))
        size = 0
        while piece := copy.read(_PIECE):
            click.echo(piece, nl=False)
            size += len(piece)
    print_wrapped(_("This is a whole copy of the database ({octets} bytes).", octets=in_digits(size)), err=True)
    if key:
        lies = key_file if is_named else beside(database, KEY)
        print_wrapped(_("The key of its pseudonyms is not in it, but in {file}: keep both.", file=lies), err=True)
    if fleet_key:
        lies = fleet_file if is_named else beside(database, FLEET)
        print_wrapped(_("The key of its fleet is in {file}: keep that, too.", file=lies), err=True)
    if answer is not None and is_named:
        print_wrapped(_("{file} is a copy of the answer's file.", file=answer_file), err=True)
    apart = [_("the answer's file")] if answer is not None and not is_named else []
    words = lacking([_("the configuration"), *apart, *(KEPT_BY_ROOT[name] for name in kept_by_root(config))])
    print_wrapped(f"{words} " + _("A sealed backup has them: see docs/backup.md."), err=True)


def _seal(settings: Settings) -> None:
    """Make a sealed backup of the line in the folder that the configuration names."""
    from hotlined.sealing import making  # noqa: PLC0415  imports hashes and tar, which no other command needs

    config = settings.config()
    made = making.make(config)
    holds = ", ".join(made.holds)
    print_wrapped(_("{path} is sealed: {holds}. The key on paper opens it.", path=made.path, holds=holds))
    if made.is_on_card:
        print_wrapped(_("It is only on this card, until you carry it elsewhere: see docs/backup.md."), err=True)
    if made.lacks:
        words = lacking(KEPT_BY_ROOT[name] for name in made.lacks)
        unit = f"hotlined-offcard@{config.name}"
        cure = _("`sudo systemctl start {unit}` makes one with what only root reads.", unit=unit)
        print_wrapped(f"{words} {cure}", err=True)


@db.command(hidden=True)
@click.option("--plain", is_flag=True, help="The input is a copy of the database, which is not sealed.")
@pass_settings
def unpack(settings: Settings, plain: bool) -> None:
    """Open the backup on standard input for `hotlined-setup restore`, and stage its database and keys.

    The key is read from systemd's credential `key`. No file of the line is replaced yet. The other contents of the
    backup go to standard output as JSON: `hotlined-setup`, which runs as root, writes them to their places.
    """
    from hotlined.sealing import restoring  # noqa: PLC0415  imports hashes and tar

    path = settings.place()
    sealed = sys.stdin.buffer
    if plain:
        found = restoring.unpack_plain(sealed, path)
    else:
        key_file = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / "key"
        with key_file.open(encoding="utf-8", errors="replace") as file:
            identity = _identity_in(file)
        found = restoring.unpack(sealed, identity, path)
    click.echo(json_line(found))


@db.command(hidden=True)
@click.option("--discard", is_flag=True, help="Remove what is staged instead.")
@pass_settings
def place(settings: Settings, discard: bool) -> None:
    """Replace the line's database and keys with those that `unpack` staged, and print as JSON what is left behind.

    The former ones are kept beside them. After an interruption, run `unpack` and `place` once more.
    """
    from hotlined.sealing import restoring  # noqa: PLC0415  imports hashes and tar

    path = settings.place()
    if discard:
        restoring.discard(path)
    else:
        click.echo(json_line({"said": restoring.place(path)}))


@db.command()
@click.option("--check", "checking", is_flag=True, help="Type a key from paper, to know whether it is the right one.")
@click.option(
    "--identity", metavar="FILE", type=click.File(), help="With --check: a file with the key, or - for the input."
)
@pass_settings
def key(settings: Settings, checking: bool, identity: TextIO | None) -> None:
    """Make a key for sealed backups, to be kept on paper; this machine keeps nothing of it.

    The command prints the key, and the lines for the configuration. Copy the key by hand or print it. Then type it with
    --check before you rely on it.

    Example: hotlined db key
    """
    from hotlined.sealing import age  # noqa: PLC0415  imports hashes

    if not checking:
        settings.speak_early()
        made, recipient = age.make_identity()
        for line in key_on_paper(made, recipient):
            click.echo(line)
        return
    recipients = settings.config().backup.recipients
    recipient = age.recipient_of(_identity(identity))
    if recipient not in recipients:
        raise SealError(
            _("This is a key, but not that of these backups: it is the one of {recipient}.", recipient=recipient),
            _("backup.recipients has the recipients of the right ones."),
        )
    print_wrapped(_("This is the right key: it opens the backups of the line."))


def _identity(file: TextIO | None) -> str:
    """Return the key from a file, or from a person who types it; raises UsageError if it is mistyped."""
    if file is None and sys.stdin.isatty():
        text = ""
        print_wrapped(_("Type the key from the paper, line by line; blanks and capitals do not matter."))
        while agekey.length_of(text)[0] < agekey.length_of(text)[1]:
            line = click.prompt(">", prompt_suffix=" ", default="", show_default=False)
            if not line.strip():
                break
            text += f"{line}\n"
    else:
        return _identity_in(file or sys.stdin)
    return _whole(text)


def _identity_in(file: TextIO) -> str:
    """Return the key from a file, with or without the lines that `age-keygen` and `db key` print around it."""
    lines = [line.strip() for line in file.read(_LARGEST_KEY_FILE).splitlines() if not line.startswith("#")]
    begins = next((place for place, line in enumerate(lines) if line.lower().startswith(agekey.IDENTITY)), 0)
    alone = "".join(takewhile(bool, lines[begins:]))
    return agekey.maybe_identity(alone) or _whole("".join(lines))


def _whole(text: str) -> str:
    """Return a typed key; raises UsageError if it is mistyped."""
    if found := agekey.maybe_identity(text):
        return found
    typed, whole = agekey.length_of(text)
    words = _("The key is mistyped.")
    if typed != whole:
        words = _("This is not the whole key: {typed} of {whole} characters.", typed=typed, whole=whole)
    raise UsageError(words, _("Compare it with the paper, group by group; nothing was changed."))


def _maybe_octets(text: Path | None) -> bytes | None:
    """Return the bytes of the answer's file; None if there is none, or it cannot be read."""
    with contextlib.suppress(OSError):
        return answer_octets(text) if text else None
    return None


@contextlib.contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with (done, total); a terminal shows a bar if the task takes longer than a second."""
    from rich.console import Console  # noqa: PLC0415  importing it takes a tenth of a second
    from rich.progress import Progress  # noqa: PLC0415  slow to import, too

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True)
    task = bar.add_task(title, total=None)
    began = time.monotonic()

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        if console.is_interactive and time.monotonic() - began > PATIENCE_SECONDS:
            bar.start()

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
