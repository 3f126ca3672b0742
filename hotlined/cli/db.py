"""`hotlined db`: checks the database, copies it, makes and restores sealed backups, and makes and checks their key."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import click

from hotlined import agekey, files, language
from hotlined.cli.group import Group
from hotlined.cli.output import FILE, STANDARD_OUTPUT, output_to, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import answer_octets
from hotlined.errors import ConfigError, SealError, StoreError, UsageError
from hotlined.language import _, in_digits
from hotlined.states import DatabaseState
from hotlined.store import backup, integrity
from hotlined.store.database_files import KEY, beside
from hotlined.store.opening import open_to_read, require_current
from hotlined.store.trouble import TROUBLES
from hotlined.words.sealing import key_on_paper, service_of
from hotlined.words.times import moment

_PIECE = 1024 * 1024
_LARGEST_KEY_FILE = 4096  # characters
PATIENCE_SECONDS = 1.0  # a task that takes longer shows its progress
_ANSWER = ".answer"
"""What the copy of the answer's file is called, after that of the database."""


@click.group(cls=Group)
def db() -> None:
    """Check the database or copy it, while the daemon runs or not.

    Example: hotlined db check
    """


@db.command
@click.option("--full", is_flag=True, help="Check indexes, foreign keys and the rows as well.")
@pass_settings
def check(settings: Settings, full: bool) -> None:
    """Say whether the database is whole; this changes nothing in it.

    The quick check, which the daemon makes at each start, finds what SQLite cannot read. The full check also finds rows
    that contradict each other. If anything is wrong, the command lists it, and the exit code is 1.

    Example: hotlined db check --full
    """
    path = settings.config().database
    with open_to_read(path) as connection, _progress(_("checking")) as show:
        if full:
            require_current(path, connection)
        damage = list(integrity.damage(connection, full=full, tick=show))
        contradictions = list(integrity.contradictions(connection, show)) if full and not damage else []
    for problem in (*damage, *contradictions):
        print_wrapped(problem)
    if damage:
        raise StoreError(_("{database} is damaged.", database=path), _(TROUBLES[DatabaseState.DAMAGED].hint))
    if contradictions:
        raise StoreError(
            _("{database} can be read, but its rows contradict each other.", database=path),
            _("Somebody has changed it by hand, or hotlined has a bug: report it. A backup from before puts it right."),
        )
    print_wrapped(_("{database} is whole.", database=path))


@db.command("backup")
@click.argument("file", required=False, type=FILE)
@pass_settings
def back_up(settings: Settings, file: Path | None) -> None:
    """Copy the database to FILE, which must not exist yet; without FILE, make a sealed backup off the card.

    FILE may be - for the standard output. The daemon may run and write meanwhile. The key of the pseudonyms goes to
    FILE.key, if there is one, and the answer's file to FILE.answer; the standard output has neither. docs/backup.md
    says how to put a copy back.

    A sealed backup is encrypted for backup.recipients, and contains all that a new card needs. It goes to backup.folder
    and, with backup.send, to another machine. The exit code is 75 if it does not arrive there.

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
    with contextlib.ExitStack() as opened:
        opened.enter_context(output_to(file, "hotlined db backup - > hotlined-backup.db"))
        for path, octets in ((key_file, key), (answer_file, answer)):
            if is_named and octets is not None:
                opened.enter_context(files.create(path)).write(octets)
        with _progress(_("copying")) as show:
            copy = opened.enter_context(backup.copied(database, show))
        size = 0
        while piece := copy.read(_PIECE):
            click.echo(piece, nl=False)
            size += len(piece)
    print_wrapped(_("This is a whole copy of the database ({octets} octets).", octets=in_digits(size)), err=True)
    if key:
        lies = key_file if is_named else beside(database, KEY)
        print_wrapped(_("The key of its pseudonyms is not in it, but in {file}: keep both.", file=lies), err=True)
    if answer is not None and is_named:
        print_wrapped(_("{file} is a copy of the answer's file.", file=answer_file), err=True)


def _seal(settings: Settings) -> None:
    """Make a sealed backup of the line in the folder that the configuration names."""
    from hotlined.sealing import making  # noqa: PLC0415  hashes and tar, which no other command needs

    made = making.make(settings.config())
    holds = ", ".join(made.holds)
    for place in made.places:
        print_wrapped(_("{path} is sealed: {holds}. The key on paper opens it.", path=place, holds=holds))


@db.command
@click.argument("place", metavar="FILE|FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--identity",
    metavar="FILE",
    type=click.File(),
    help="A file with the key, or - for the input. Without it you type the key.",
)
@pass_settings
def restore(settings: Settings, place: Path, identity: TextIO | None) -> None:
    """Put a sealed backup back: a FILE, or the newest in a FOLDER.

    The line has to be stopped. The command puts database, configuration and secrets into their places, and moves what
    was there aside. Nobody is answered twice: answers that waited in the backup become `perhaps sent`. If the
    configuration in the backup is broken, it is put back as it is, and the exit code is 78.

    Example: hotlined db restore fr-000001.age
    """
    from hotlined.sealing import restoring  # noqa: PLC0415  as above

    path = settings.place()
    file = restoring.find(place, None if settings.line is None else settings.line)
    print_wrapped(_("This opens {file}.", file=file))
    with file.open("rb") as sealed:
        restored = restoring.restore(sealed, _identity(identity), path)
    language.speak(restored.config.language)
    made_at = moment(restored.made_at, dated=True)
    print_wrapped(_("Line {line} is restored, as it was {moment}.", line=restored.line, moment=made_at))
    for each in restored.written:
        print_wrapped(str(each), _("written"))
    for each in restored.aside:
        print_wrapped(str(each), _("moved aside"))
    if path not in restored.written:
        print_wrapped(_("{path} is as it was.", path=path))
    if restored.problem:
        hint = _("Correct it, then start the line: `sudo systemctl start {unit}`.", unit=service_of(restored.name))
        raise ConfigError(restored.problem.message, restored.problem.problems, hint)
    print_wrapped(_("Start it: `sudo systemctl start {unit}`.", unit=service_of(restored.name)))


@db.command
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
    from hotlined.sealing import age  # noqa: PLC0415  as above

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
    """Return the key from a file, or as a person types it; raises UsageError if it is mistyped."""
    if file is None and sys.stdin.isatty():
        text = ""
        print_wrapped(_("Type the key from the paper, line by line; blanks and capitals do not matter."))
        while agekey.length_of(text)[0] < agekey.length_of(text)[1]:
            line = click.prompt(">", prompt_suffix=" ", default="", show_default=False)
            if not line.strip():
                break
            text += f"{line}\n"
    else:
        lines = (file or sys.stdin).read(_LARGEST_KEY_FILE).splitlines()
        text = "".join(line for line in lines if not line.startswith("#"))  # as age-keygen writes its files
    if found := agekey.maybe_identity(text):
        return found
    typed, whole = agekey.length_of(text)
    if typed != whole:
        words = _("This is not the whole key: {typed} of {whole} characters.", typed=typed, whole=whole)
    elif group := agekey.maybe_mistyped_group(text):
        words = _("The key is mistyped in the group {group}.", group=group)
    else:
        words = _("The key is mistyped in several places.")
    raise UsageError(words, _("Compare it with the paper, group by group; nothing was changed."))


def _maybe_octets(text: Path | None) -> bytes | None:
    """Return what stands in the answer's file; None where there is none, or it cannot be read."""
    with contextlib.suppress(OSError):
        return answer_octets(text) if text else None
    return None


@contextlib.contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that takes (done, total); on a terminal a bar shows the progress after a second."""
    from rich.console import Console  # noqa: PLC0415  it takes a tenth of a second
    from rich.progress import Progress  # noqa: PLC0415  the same

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
