"""`hotlined db`: whether the database is whole, and a copy of it, both while the daemon runs."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from hotlined import owner
from hotlined.cli.group import Group
from hotlined.cli.output import print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.errors import StoreError
from hotlined.language import _, in_digits
from hotlined.store import backup, integrity, owning
from hotlined.store.opening import open_to_read, require_current
from hotlined.store.trouble import TROUBLES

_PIECE = 1024 * 1024
PATIENCE_SECONDS = 1.0  # what takes longer shows how far it is


@click.group(cls=Group)
def db() -> None:
    """Check the database or copy it, while the daemon runs or not.

    Example: hotlined db check
    """


@db.command
@click.option("--full", is_flag=True, help="Check indexes, foreign keys and the rows as well.")
@pass_settings
def check(settings: Settings, full: bool) -> None:
    """Say whether the database is whole. Nothing in it is changed.

    The quick check, which the daemon makes at each start, finds what SQLite cannot read. The full one also finds rows
    that contradict each other. If anything is wrong, it is listed, and the exit code is 1.

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
        raise StoreError(_("{database} is damaged.", database=path), _(TROUBLES["damaged"].hint))
    if contradictions:
        raise StoreError(
            _("{database} can be read, but its rows contradict each other.", database=path),
            _("Somebody has changed it by hand, or hotlined has a bug: report it. A backup from before puts it right."),
        )
    print_wrapped(_("{database} is whole.", database=path))


@db.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--database", type=click.Path(path_type=Path), help="Copy this database; no configuration is read.")
@pass_settings
def back_up(settings: Settings, file: Path, database: Path | None) -> None:
    """Copy the database to FILE, whole or not at all.

    The daemon may run and write. The key of the pseudonyms goes to FILE.key, if there is one. An existing FILE is
    replaced once the copy is checked and on the disk. docs/backup.md says how to put a copy back.

    Example: hotlined db backup hotlined-backup.db
    """
    with _progress(_("copying")) as show:
        octets, key = _copied(settings, database, file, show)
    size = in_digits(octets)
    if key:
        said = _(
            "{file} is a whole copy of the database ({octets} octets), and {key} one of the key of its pseudonyms.",
            file=file,
            octets=size,
            key=key,
        )
    else:
        said = _("{file} is a whole copy of the database ({octets} octets).", file=file, octets=size)
    print_wrapped(said)


def _copied(settings: Settings, database: Path | None, file: Path, show: backup.Progress) -> tuple[int, Path | None]:
    """Copy the database as the line's user; root's part of the work is only to write FILE."""
    database = database or settings.loaded().database
    if os.geteuid():
        key = backup.make(database, file, show)
        return file.stat().st_size, key
    backup.require_possible(database, file.resolve())
    with contextlib.ExitStack() as opened:
        copy = opened.enter_context(owner.written(file))
        key_path = file.with_name(file.name + ".key")
        key_copy = opened.enter_context(owner.written(key_path))
        if owner.become(database):
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="backup-", dir=database.parent))
            made = Path(folder) / "copy.db"
            key = backup.make(database, made, show)
            octets = _pour(made, copy)
            if key:
                _pour(key, key_copy)
            return octets, key_path if key else None
    key = backup.make(database, file, show)
    return file.stat().st_size, key


def _pour(made: Path, copy: owner.Written) -> int:
    with made.open("rb") as file:
        while octets := file.read(_PIECE):
            copy.write(octets)
    copy.finish()
    return made.stat().st_size


@db.command(hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="The folder of the line.")
@click.option("--database", type=click.Path(path_type=Path), required=True, help="Its database.")
def own(folder: Path, database: Path) -> None:
    """Make folder and database the line's user's alone; the installer runs it as that user, with the daemon stopped.

    Example: hotlined db own --folder /var/lib/hotlined --database /var/lib/hotlined/hotlined.db
    """
    for sentence in owning.own(folder, database):
        print_wrapped(sentence)


@contextlib.contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that takes the progress; on a terminal it is shown after a second."""
    from rich.console import Console  # noqa: PLC0415  it takes a tenth of a second
    from rich.progress import Progress  # noqa: PLC0415  the same

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True)
    task = bar.add_task(title, total=None)
    began = time.monotonic()

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        if console.is_terminal and time.monotonic() - began > PATIENCE_SECONDS:
            bar.start()

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
