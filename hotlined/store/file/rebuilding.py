"""Writes the database anew, so that none of its files holds a copy of what was erased.

Known to be wrong: a flash card may keep old blocks out of anyone's reach.
"""

import time

from hotlined.store.line import line
from hotlined.store.line.database import Database

CHECKPOINT_SECONDS = 30.0
"""How long a rebuild waits for readers, and for the checkpoint of somebody else: a Pi writes 20 MB a second."""
MOST_REBUILDS = 5
"""How often in a row the database is written anew because somebody else erased meanwhile; a later rebuild ends it."""
_LOOK_SECONDS = 0.05  # between two looks whether the checkpoint was made


def rebuild(db: Database) -> bool:
    """Write the database anew, so that no page and no WAL holds what was erased; False where one of them still may.

    SQLite overwrites deleted content at once (`PRAGMA secure_delete`, which `opening` sets), but leaves copies where it
    moved rows about: of two rows in a thousand (tried), and only VACUUM takes them away. Others can read meanwhile and
    wait with writing; a reader whose transaction stays open keeps a copy. Nothing is done where nothing was erased
    since the last time.
    """
    if not line.needs_rebuild(db):
        return True
    for _time in range(MOST_REBUILDS):
        before = line.erasures(db)
        db.connection.execute("VACUUM")
        deadline = time.monotonic() + CHECKPOINT_SECONDS
        while not (done := _checkpoint(db)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        if not done:
            return False
        with db.transaction():
            line.note_rebuilt(db, before)
            # of what somebody else erased meanwhile the file may hold a copy
            again = line.needs_rebuild(db)
        if not again:
            return True
    return False


def _checkpoint(db: Database) -> bool:
    """Move the whole WAL into the database and cut it off; False while somebody else is at it.

    SQLite does not wait for another checkpoint, as that of the daemon whose commit came right behind the VACUUM.
    """
    row = db.one("PRAGMA wal_checkpoint(TRUNCATE)")
    return row is not None and not row["busy"]
