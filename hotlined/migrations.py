"""The schema, as migrations that sqlite-utils applies, each in one transaction with its own record.

`python -m hotlined.migrations DATABASE` applies what is pending, and ends with SQLite's result code where that fails.
The daemon runs it as a process of its own: sqlite-utils costs 17 MiB that a daemon has no use for afterwards. `names`
needs no sqlite-utils. A migration that has been released is never edited.
"""

import sqlite3
import sys
from pathlib import Path

INITIAL = (
    # one text or call that asks for an answer; times as text in UTC, limit times in seconds of the limit clock
    """
    CREATE TABLE contacts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      line TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('text', 'call', 'mms', 'data', 'service', 'unreadable')),
      originator TEXT,
      country TEXT,
      line_type TEXT NOT NULL,
      text TEXT,
      segments_received INTEGER NOT NULL CHECK (segments_received >= 0),
      segments_total INTEGER NOT NULL CHECK (segments_total >= 0),
      concatenation TEXT,
      scts TEXT,
      received_at TEXT NOT NULL,
      received_limit REAL NOT NULL,
      repeats INTEGER NOT NULL DEFAULT 0,
      tags TEXT NOT NULL DEFAULT '[]',
      verdict TEXT CHECK (verdict IN ('answer', 'suppress')),
      reason TEXT,
      CHECK ((verdict IS NULL) = (reason IS NULL))
    ) STRICT
    """,
    "CREATE INDEX contacts_originator ON contacts (originator, id)",
    "CREATE INDEX contacts_received_at ON contacts (received_at)",
    "CREATE INDEX contacts_received_limit ON contacts (received_limit)",
    "CREATE INDEX contacts_unjudged ON contacts (received_limit) WHERE verdict IS NULL",
    "CREATE INDEX contacts_concatenation ON contacts (concatenation, id) WHERE concatenation IS NOT NULL",
    # every entry ever read from a storage or handed over, raw; deleted_at is NULL while it may still be in the storage
    """
    CREATE TABLE segments (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      contact_id INTEGER REFERENCES contacts (id) ON DELETE CASCADE,
      answer_segment_id INTEGER REFERENCES answer_segments (id) ON DELETE SET NULL,
      kind TEXT NOT NULL CHECK (kind IN ('deliver', 'status_report', 'unreadable')),
      sequence INTEGER,
      pdu TEXT NOT NULL,
      tpdu_length INTEGER,
      problem TEXT,
      repeat INTEGER NOT NULL DEFAULT 0 CHECK (repeat IN (0, 1)),
      imsi TEXT NOT NULL,
      storage TEXT,
      storage_index INTEGER,
      scts TEXT,
      received_at TEXT NOT NULL,
      deleted_at TEXT
    ) STRICT
    """,
    "CREATE INDEX segments_contact ON segments (contact_id)",
    "CREATE INDEX segments_answer_segment ON segments (answer_segment_id)",
    "CREATE INDEX segments_pdu ON segments (pdu)",
    "CREATE INDEX segments_undeleted ON segments (imsi, storage) WHERE deleted_at IS NULL",
    """
    CREATE TABLE answers (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      contact_id INTEGER UNIQUE REFERENCES contacts (id) ON DELETE CASCADE,
      recipient TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unconfirmed', 'cancelled',
        'shadowed', 'delivered', 'undelivered')),
      reason TEXT,
      waiting_for TEXT CHECK (waiting_for IN ('due', 'send_interval', 'budget_hour', 'budget_day', 'budget_month',
        'reserve', 'network', 'credit', 'paused', 'retry')),
      text TEXT,
      encoding TEXT NOT NULL CHECK (encoding IN ('gsm7', 'ucs2')),
      segments INTEGER NOT NULL CHECK (segments > 0),
      reference INTEGER NOT NULL CHECK (reference BETWEEN 0 AND 255),
      answered_before INTEGER NOT NULL CHECK (answered_before IN (0, 1)),
      shadow INTEGER NOT NULL DEFAULT 0 CHECK (shadow IN (0, 1)),
      by_person INTEGER NOT NULL DEFAULT 0 CHECK (by_person IN (0, 1)),
      attempts INTEGER NOT NULL DEFAULT 0,
      queued_at TEXT NOT NULL,
      queued_limit REAL NOT NULL,
      due_at TEXT NOT NULL,
      due_limit REAL NOT NULL,
      counted_limit REAL,
      sent_at TEXT,
      reported_at TEXT,
      CHECK (state = 'queued' OR waiting_for IS NULL)
    ) STRICT
    """,
    "CREATE INDEX answers_recipient ON answers (recipient)",
    "CREATE INDEX answers_queue ON answers (state, answered_before, due_limit)",
    # counted_limit is when a segment counts for the windows; NULL: it counts for nothing
    """
    CREATE TABLE answer_segments (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      answer_id INTEGER NOT NULL REFERENCES answers (id) ON DELETE CASCADE,
      sequence INTEGER NOT NULL CHECK (sequence > 0),
      current INTEGER NOT NULL DEFAULT 1 CHECK (current IN (0, 1)),
      state TEXT NOT NULL CHECK (state IN ('waiting', 'submitting', 'sent', 'failed', 'unconfirmed', 'shadowed',
        'delivered', 'undelivered')),
      pdu TEXT,
      tpdu_length INTEGER NOT NULL,
      counted_limit REAL,
      answered_before INTEGER NOT NULL CHECK (answered_before IN (0, 1)),
      shadow INTEGER NOT NULL CHECK (shadow IN (0, 1)),
      mr INTEGER,
      cause TEXT,
      submitted_at TEXT,
      sent_at TEXT,
      report_status INTEGER,
      reported_at TEXT,
      discharged_at TEXT
    ) STRICT
    """,
    "CREATE UNIQUE INDEX answer_segments_current ON answer_segments (answer_id, sequence) WHERE current = 1",
    "CREATE INDEX answer_segments_answer ON answer_segments (answer_id)",
    """
    CREATE INDEX answer_segments_counted ON answer_segments (counted_limit, shadow, answered_before)
      WHERE counted_limit IS NOT NULL
    """,
    "CREATE INDEX answer_segments_mr ON answer_segments (mr, id)",
    # what people decided about a number
    """
    CREATE TABLE numbers (
      number TEXT PRIMARY KEY,
      blocked_at TEXT,
      opted_out_at TEXT,
      changed_by TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # what the command line asks of the running daemon; expiry runs on the boot's own clock
    """
    CREATE TABLE requests (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      verb TEXT NOT NULL,
      arguments TEXT NOT NULL,
      who TEXT NOT NULL,
      created_at TEXT NOT NULL,
      boot_id TEXT NOT NULL,
      expires_boottime REAL NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('open', 'begun', 'done', 'refused', 'expired')),
      answer_id INTEGER REFERENCES answers (id) ON DELETE SET NULL,
      result TEXT,
      ended_at TEXT
    ) STRICT
    """,
    "CREATE INDEX requests_state ON requests (state)",
    """
    CREATE TABLE events (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      kind TEXT NOT NULL,
      detail TEXT NOT NULL DEFAULT '',
      contact_id INTEGER REFERENCES contacts (id) ON DELETE SET NULL
    ) STRICT
    """,
    "CREATE INDEX events_kind ON events (kind, id)",
    "CREATE INDEX events_contact ON events (contact_id) WHERE contact_id IS NOT NULL",
    # one row: the line's own state
    """
    CREATE TABLE line_state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      limit_time REAL NOT NULL DEFAULT 0,
      boot_id TEXT NOT NULL DEFAULT '',
      boottime REAL NOT NULL DEFAULT 0,
      paused_at TEXT,
      paused_by TEXT,
      own_number TEXT,
      alerts_event INTEGER,
      unwell_limit REAL
    ) STRICT
    """,
    "INSERT INTO line_state (id) VALUES (1)",
    # what was told of each condition (level 0: it is over); taken_at is NULL while a channel is owed it
    """
    CREATE TABLE alerts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      condition TEXT NOT NULL,
      level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 100),
      at TEXT NOT NULL,
      at_limit REAL NOT NULL,
      title TEXT NOT NULL,
      text TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE alert_deliveries (
      alert_id INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
      channel TEXT NOT NULL,
      tries INTEGER NOT NULL DEFAULT 0,
      taken_at TEXT,
      PRIMARY KEY (alert_id, channel)
    ) STRICT, WITHOUT ROWID
    """,
    # a PIN is tried once per value and SIM; the value only as a salted digest
    """
    CREATE TABLE pin_tries (
      sim TEXT NOT NULL,
      pin TEXT NOT NULL,
      tried_at TEXT NOT NULL,
      accepted INTEGER CHECK (accepted IN (0, 1)),
      PRIMARY KEY (sim, pin)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE VIEW log AS
    SELECT
      c.id, c.line, c.kind, c.originator, c.text, c.segments_received, c.segments_total, c.scts, c.received_at,
      c.repeats, c.tags, c.verdict, c.reason,
      a.id AS answer_id, a.state AS answer_state, a.reason AS answer_reason, a.text AS answer_text,
      a.encoding AS answer_encoding, a.segments AS answer_segments,
      (SELECT count(*) FROM answer_segments s WHERE s.answer_id = a.id AND s.current = 1
        AND s.state IN ('sent', 'delivered', 'undelivered')) AS answer_segments_sent,
      a.waiting_for AS answer_waiting_for, a.queued_at AS answer_queued_at, a.due_at AS answer_due_at,
      a.sent_at AS answer_sent_at, a.reported_at AS answer_reported_at
    FROM contacts c LEFT JOIN answers a ON a.contact_id = c.id
    """,
)

KEEPING = (
    # a person exempts a contact from erasure by age
    "ALTER TABLE contacts ADD COLUMN kept_at TEXT",
    "ALTER TABLE contacts ADD COLUMN kept_by TEXT",
    # whether received_at was written while the calendar could be trusted: only then it tells an age
    "ALTER TABLE contacts ADD COLUMN synchronised INTEGER NOT NULL DEFAULT 0 CHECK (synchronised IN (0, 1))",
    # the limit clock tells the age of what belongs to no contact
    "ALTER TABLE segments ADD COLUMN received_limit REAL NOT NULL DEFAULT 0",
    "ALTER TABLE numbers ADD COLUMN changed_limit REAL NOT NULL DEFAULT 0",
    "ALTER TABLE requests ADD COLUMN created_limit REAL NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN at_limit REAL NOT NULL DEFAULT 0",
    # tells whether the key beside the database is the one that its pseudonyms were made with
    "ALTER TABLE line_state ADD COLUMN key_digest TEXT",
    # whether something was erased that the file may still hold a copy of
    "ALTER TABLE line_state ADD COLUMN rebuild_owed INTEGER NOT NULL DEFAULT 0 CHECK (rebuild_owed IN (0, 1))",
    # the stick and the SIM that the line is served with; others are not answered from
    "ALTER TABLE line_state ADD COLUMN imei TEXT",
    "ALTER TABLE line_state ADD COLUMN imsi TEXT",
)

SCHEMA = (("initial", INITIAL), ("keeping", KEEPING))
"""Every migration: its name and its statements, in the order in which they are applied."""


def names() -> tuple[str, ...]:
    """Return the names of all migrations that this version knows."""
    return tuple(name for name, _ in SCHEMA)


def applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the names of the migrations that a database has; empty for a new one."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone():
        return ()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'hotlined' ORDER BY rowid")
    return tuple(name for (name,) in rows)


def apply(path: Path) -> None:
    """Apply every pending migration to the database at `path`, each wholly or not at all."""
    import sqlite_utils  # noqa: PLC0415  # 17 MiB, wanted only here

    migrations = sqlite_utils.Migrations("hotlined")

    for name, statements in SCHEMA:

        def migrate(db: "sqlite_utils.Database", statements: tuple[str, ...] = statements) -> None:
            for statement in statements:
                db.execute(statement)

        migrations(name=name)(migrate)
    db = sqlite_utils.Database(path)
    try:
        db.execute("PRAGMA synchronous = FULL")
        with db.atomic():  # a crash between its table and the index of it would leave it without one
            migrations.ensure_migrations_table(db)
        migrations.apply(db)
    finally:
        db.close()


if __name__ == "__main__":
    try:
        apply(Path(sys.argv[1]))
    except sqlite3.Error as error:
        sys.stderr.write(f"{sys.argv[1]}: {error}\n")
        sys.exit(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF)  # the primary code fits a process
