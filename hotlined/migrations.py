"""The schema, as migrations: all pending ones are applied in one transaction, which also records their names.

sqlite-utils in Debian has no `Migrations` yet, so this module applies them itself. It records their names in the table
that later versions of sqlite-utils use. A migration is never edited after its release. Known to be wrong: sqlite-utils
stays in the memory of a process that applied a migration, so the first daemon of a new version needs 5 MiB more, until
it is started again.
"""

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

from hotlined.machine.clock import here, rfc3339

PAGE_OCTETS = 2048
"""Small, because SQLite writes a whole page to the -wal for each small change, and a text changes some forty pages."""

_CONTACT = """c.id, c.line, c.kind, c.originator, c.other_originator, c.text, c.segments_received, c.segments_total,
      c.scts, c.received_at, c.repeats, c.tags, c.verdict, c.reason, c.elsewhere"""
_BY_HAND = "'h' || a.id AS id, a.recipient, a.by_hand AS kind, a.asked_by"
# An answer as people see it: when it is due by the calendar, and the first reason that holds it back now. The windows
# count all segments of an answer when its first one leaves, so no window holds back the rest of a half-sent answer. The
# one row of line_state is read in sub-queries: with a join SQLite would compute the whole view before its first row.
_LIMIT_NOW = "(julianday('now') - 2440587.5) * 86400 - (SELECT limit_epoch FROM line_state)"
_LOG = f"""
    CREATE VIEW {{name}} AS
    SELECT
      {{columns}},
      a.id AS answer_id, a.state AS answer_state, a.reason AS answer_reason, a.text AS answer_text,
      a.encoding AS answer_encoding, a.segments AS answer_segments,
      (SELECT count(*) FROM answer_segments s WHERE s.attempt_id = (SELECT max(t.id) FROM attempts t
        WHERE t.answer_id = a.id) AND s.state IN ('sent', 'delivered', 'undelivered')) AS answer_segments_sent,
      CASE WHEN a.state <> 'queued' OR a.state IS NULL THEN NULL
        WHEN a.refusals = 0 AND a.due_limit > {_LIMIT_NOW} THEN 'due'
        ELSE (SELECT CASE
          WHEN l.hold = 'held' OR l.key_lost_at IS NOT NULL THEN 'held'
          WHEN l.paused_at IS NOT NULL THEN 'paused'
          WHEN l.hold IS NOT NULL THEN l.hold
          WHEN l.breaker_cause IS NOT NULL AND a.by_hand IS NULL THEN l.breaker_cause
          WHEN EXISTS (SELECT 1 FROM contacts k JOIN country_outages o ON o.country = k.country
            WHERE k.id = a.contact_id) THEN 'country_outage'
          WHEN a.due_limit > {_LIMIT_NOW} THEN 'retry'
          WHEN EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id
            WHERE t.answer_id = a.id AND s.state = 'waiting') THEN 'send_interval'
          WHEN a.share = 'new' THEN coalesce(l.hold_new, 'send_interval')
          WHEN a.share = 'known' THEN coalesce(l.hold_known, 'send_interval')
          ELSE 'send_interval' END FROM line_state l)
      END AS answer_waiting_for,
      a.queued_at AS answer_queued_at,
      CASE WHEN a.state = 'queued' THEN strftime('%Y-%m-%dT%H:%M:%fZ',
        2440587.5 + (a.due_limit + (SELECT limit_epoch FROM line_state)) / 86400)
        ELSE strftime('%Y-%m-%dT%H:%M:%fZ', a.queued_at, (a.due_limit - a.queued_limit) || ' seconds')
        END AS answer_due_at,
      a.sent_at AS answer_sent_at, a.reported_at AS answer_reported_at
    FROM {{source}}
    """

LINE = (
    # one text or call that asks for an answer; times are UTC as text, limit times are seconds of the limit clock
    """
    CREATE TABLE contacts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      line TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('text', 'call', 'mms', 'data', 'service', 'unreadable')),
      originator TEXT,
      country TEXT,
      line_type TEXT NOT NULL,
      -- of an MMS notification, which has two addresses: TP-OA if the originator is From, and From if it is TP-OA
      other_originator TEXT,
      text TEXT,
      segments_received INTEGER NOT NULL CHECK (segments_received >= 0),
      segments_total INTEGER NOT NULL CHECK (segments_total >= 0),
      concatenation TEXT,
      scts TEXT,
      received_at TEXT NOT NULL,
      received_limit REAL NOT NULL,
      -- whether the calendar could be trusted at received_at: if not, the age of the contact is not computed from it
      synchronised INTEGER NOT NULL DEFAULT 0 CHECK (synchronised IN (0, 1)),
      repeats INTEGER NOT NULL DEFAULT 0,
      tags TEXT NOT NULL DEFAULT '[]',
      verdict TEXT CHECK (verdict IN ('answer', 'suppress')),
      reason TEXT,
      -- as JSON: the lines of the fleet whose decisions or answers are the reason why this contact gets no answer
      elsewhere TEXT,
      -- since when it is exempt from erasure by age, and the person who decided that
      kept_at TEXT,
      kept_by TEXT,
      CHECK ((verdict IS NULL) = (reason IS NULL))
    ) STRICT
    """,
    "CREATE INDEX contacts_originator ON contacts (originator, id)",
    "CREATE INDEX contacts_other_originator ON contacts (other_originator, id) WHERE other_originator IS NOT NULL",
    "CREATE INDEX contacts_received_at ON contacts (received_at)",
    "CREATE INDEX contacts_tagged ON contacts (received_at) WHERE tags <> '[]'",
    "CREATE INDEX contacts_received_limit ON contacts (received_limit)",
    "CREATE INDEX contacts_kept ON contacts (id) WHERE kept_at IS NOT NULL",
    # texts that a person can still read and has not tagged
    """
    CREATE INDEX contacts_unread ON contacts (originator, received_at)
      WHERE kind = 'text' AND tags = '[]' AND text IS NOT NULL
    """,
    "CREATE INDEX contacts_unjudged ON contacts (received_limit) WHERE verdict IS NULL",
    "CREATE INDEX contacts_concatenation ON contacts (concatenation, id) WHERE concatenation IS NOT NULL",
    # each entry that was read from a storage or handed over by the modem, unchanged; deleted_at is NULL while the entry
    # may still be in the storage
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
      received_limit REAL NOT NULL DEFAULT 0,
      deleted_at TEXT
    ) STRICT
    """,
    "CREATE INDEX segments_contact ON segments (contact_id)",
    "CREATE INDEX segments_answer_segment ON segments (answer_segment_id) WHERE answer_segment_id IS NOT NULL",
    "CREATE INDEX segments_pdu ON segments (pdu)",
    "CREATE INDEX segments_undeleted ON segments (imsi, storage) WHERE deleted_at IS NULL",
    # text, encoding and segments are NULL until the gate composes the text; windows and cooldowns count the rows of
    # answer_segments, not these
    """
    CREATE TABLE answers (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      contact_id INTEGER UNIQUE REFERENCES contacts (id) ON DELETE CASCADE,
      recipient TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unconfirmed', 'cancelled',
        'delivered', 'undelivered')),
      reason TEXT,
      -- the command of a text by hand, NULL for an answer; and the person who asked for it, or for an answer once more
      by_hand TEXT CHECK (by_hand IN ('send', 'answer')),
      asked_by TEXT,
      -- stored, not computed: each pass looks for the first answer of each share, and in a flood the queue is long
      share TEXT NOT NULL CHECK (share IN ('new', 'known', 'by_hand')),
      draw INTEGER NOT NULL,
      text TEXT,
      encoding TEXT CHECK (encoding IN ('gsm7', 'ucs2')),
      segments INTEGER CHECK (segments > 0),
      -- since the last requeue: refusals, those that count towards a failure, and the time of the last one
      refusals INTEGER NOT NULL DEFAULT 0,
      refusals_counted INTEGER NOT NULL DEFAULT 0,
      refused_limit REAL,
      queued_at TEXT NOT NULL,
      queued_limit REAL NOT NULL,
      -- when its age begins: when its contact came, or when a person asked for it
      age_limit REAL NOT NULL,
      due_limit REAL NOT NULL,
      sent_at TEXT,
      reported_at TEXT,
      CHECK ((text IS NULL) OR (encoding IS NOT NULL AND segments IS NOT NULL))
    ) STRICT
    """,
    "CREATE INDEX answers_recipient ON answers (recipient)",
    "CREATE INDEX answers_queue ON answers (state, share, due_limit)",
    # the newest of a share that is due: those that are not due yet are passed over within the index
    "CREATE INDEX answers_age ON answers (share, age_limit, id, due_limit) WHERE state = 'queued'",
    # for the figures of a period: without the index they would read every answer since the line began
    "CREATE INDEX answers_sent ON answers (sent_at) WHERE sent_at IS NOT NULL",
    # a row for each time that the gate let an answer out; outcome is its evidence about the line, NULL until it ends
    """
    CREATE TABLE attempts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      answer_id INTEGER NOT NULL REFERENCES answers (id) ON DELETE CASCADE,
      begun_at TEXT NOT NULL,
      begun_limit REAL NOT NULL,
      step INTEGER NOT NULL CHECK (step >= 0),
      variant INTEGER NOT NULL,
      -- the country for whose numbers its text was chosen, NULL for any; and the country of its recipient, which stays
      -- when the number of the recipient is erased
      country TEXT,
      recipient_country TEXT,
      asked_by TEXT,
      share TEXT NOT NULL CHECK (share IN ('new', 'known')),
      -- the breaker that it tries, the line's or that of a country; NULL if it is not a trial
      trial TEXT CHECK (trial IN ('line', 'country')),
      -- the boot in which its latest segment was handed to the modem: if it is found unfinished in another boot, the
      -- stick may have crashed the machine
      boot_id TEXT NOT NULL DEFAULT '',
      reference INTEGER NOT NULL CHECK (reference BETWEEN 0 AND 255),
      outcome TEXT CHECK (outcome IN ('taken', 'declined', 'refused', 'unconfirmed', 'recipient', 'no_evidence')),
      cause TEXT,
      ended_limit REAL
    ) STRICT
    """,
    "CREATE INDEX attempts_answer ON attempts (answer_id)",
    "CREATE INDEX attempts_ended ON attempts (ended_limit) WHERE outcome IS NOT NULL",
    # leaves out refusals by the network: there may be thousands between two attempts that are evidence about the line
    "CREATE INDEX attempts_undeclined ON attempts (ended_limit) WHERE outcome <> 'declined'",
    "CREATE INDEX attempts_taken ON attempts (ended_limit, recipient_country) WHERE outcome = 'taken'",
    """
    CREATE TABLE answer_segments (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      attempt_id INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
      sequence INTEGER NOT NULL CHECK (sequence > 0),
      state TEXT NOT NULL CHECK (state IN ('waiting', 'submitting', 'sent', 'refused', 'unconfirmed', 'cancelled',
        'delivered', 'undelivered')),
      pdu TEXT,
      tpdu_length INTEGER NOT NULL,
      submitted_at TEXT,
      submitted_limit REAL,
      mr INTEGER,
      cause TEXT,
      detail TEXT,
      sent_at TEXT,
      report_status INTEGER,
      reported_at TEXT,
      discharged_at TEXT,
      UNIQUE (attempt_id, sequence)
    ) STRICT
    """,
    # partial indexes, only with the rows that a query needs: a full one would be written for each segment
    "CREATE INDEX answer_segments_submitted ON answer_segments (submitted_limit) WHERE submitted_limit IS NOT NULL",
    "CREATE INDEX answer_segments_waiting ON answer_segments (attempt_id) WHERE state = 'waiting'",
    "CREATE INDEX answer_segments_mr ON answer_segments (mr) WHERE mr IS NOT NULL",
    "CREATE INDEX answer_segments_unconfirmed ON answer_segments (attempt_id) WHERE state = 'unconfirmed'",
    # the decisions of people about a number
    """
    CREATE TABLE numbers (
      number TEXT PRIMARY KEY,
      blocked_at TEXT,
      -- an opt-out comes from the number itself, so it has no person; the person who lifts it is in an event
      blocked_by TEXT,
      opted_out_at TEXT,
      changed_limit REAL NOT NULL DEFAULT 0,
      -- the pseudonym under the fleet's key, of a number that is a pseudonym of the line already
      fleet_pseudonym TEXT,
      CHECK ((blocked_at IS NULL) = (blocked_by IS NULL))
    ) STRICT, WITHOUT ROWID
    """,
    # requests of the command line to the daemon; they expire by the time since boot, and with the boot
    """
    CREATE TABLE requests (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      verb TEXT NOT NULL,
      arguments TEXT NOT NULL,
      who TEXT NOT NULL,
      created_at TEXT NOT NULL,
      created_limit REAL NOT NULL DEFAULT 0,
      boot_id TEXT NOT NULL,
      expires_boottime REAL NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('open', 'begun', 'done', 'refused', 'expired')),
      answer_id INTEGER REFERENCES answers (id) ON DELETE SET NULL,
      -- of a refused request: the code of the reason, and as JSON the values in its sentence
      result TEXT,
      detail TEXT,
      ended_at TEXT
    ) STRICT
    """,
    "CREATE INDEX requests_state ON requests (state)",
    """
    CREATE TABLE events (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      at_limit REAL NOT NULL DEFAULT 0,
      kind TEXT NOT NULL,
      contact_id INTEGER REFERENCES contacts (id) ON DELETE SET NULL,
      -- the person who caused the event; the masked number that it concerns; a tag, or the name of a list that was read
      who TEXT,
      number TEXT,
      word TEXT,
      -- further values by name: an object in JSON. No function of JSON tests it: the SQLite of bookworm takes those for
      -- unsafe in a schema that is not trusted, as that of a backup, and would refuse each restore
      detail TEXT CHECK (detail GLOB '{*}')
    ) STRICT
    """,
    "CREATE INDEX events_kind ON events (kind, id)",
    "CREATE INDEX events_contact ON events (contact_id) WHERE contact_id IS NOT NULL",
    # one row: the line's own state. Limit times are seconds of the limit clock
    """
    CREATE TABLE line_state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      -- the last anchor of the limit clock (see `hotlined.machine.clock`)
      limit_time REAL NOT NULL DEFAULT 0,
      boot_id TEXT NOT NULL DEFAULT '',
      boottime REAL NOT NULL DEFAULT 0,
      -- the latest calendar time that could be trusted, in seconds since 1970
      known_time REAL NOT NULL DEFAULT 0,
      -- the calendar time at which the limit clock was 0, in seconds since 1970: due times are shown as dates with it
      limit_epoch REAL NOT NULL DEFAULT 0,
      -- the first pause since the last resume; and whether the pause came with a restored backup
      paused_at TEXT,
      paused_by TEXT,
      paused_limit REAL,
      pause_restored INTEGER NOT NULL DEFAULT 0 CHECK (pause_restored IN (0, 1)),
      flood_limit REAL,
      -- the stick and the SIM that the line is bound to (no others send its answers); and when others were plugged in
      imei TEXT,
      imsi TEXT,
      own_number TEXT,
      sim_changed_at TEXT,
      -- the texts of the line to itself, on this SIM: their number; when the last one was asked for, on both clocks, by
      -- which request, and when it left; how many there were since the last text; when it was found that the first of
      -- these did not come back; and when one came back last
      selftest_number TEXT,
      selftest_at TEXT,
      selftest_at_limit REAL NOT NULL DEFAULT 0,
      selftest_request_id INTEGER,
      selftest_left_limit REAL,
      selftest_tries INTEGER NOT NULL DEFAULT 0 CHECK (selftest_tries BETWEEN 0 AND 3),
      selftest_lost_at TEXT,
      selftest_back_at TEXT,
      -- when the modem became ready; NULL while it is not; a daemon that starts records it anew
      ready_limit REAL,
      -- why answers wait, as the daemon last found: all of them, those of the shares new and known
      hold TEXT CHECK (hold IN ('held', 'network')),
      hold_new TEXT CHECK (hold_new IN ('budget_month', 'budget_day', 'budget_hour', 'reserve')),
      hold_known TEXT CHECK (hold_known IN ('budget_month', 'budget_day', 'budget_hour', 'reserve')),
      breaker_cause TEXT CHECK (breaker_cause IN ('outage', 'credit')),
      breaker_since TEXT,
      breaker_failed_from REAL NOT NULL DEFAULT 0,
      breaker_rounds INTEGER NOT NULL DEFAULT 0,
      breaker_refused INTEGER NOT NULL DEFAULT 0,
      breaker_due REAL NOT NULL DEFAULT 0,
      breaker_last_trial REAL,
      breaker_trial_requested INTEGER NOT NULL DEFAULT 0 CHECK (breaker_trial_requested IN (0, 1)),
      breaker_closed_at_attempt INTEGER NOT NULL DEFAULT 0,
      breaker_closed_limit REAL NOT NULL DEFAULT -1e9,
      balance TEXT,
      balance_low INTEGER NOT NULL DEFAULT 0 CHECK (balance_low IN (0, 1)),
      balance_at TEXT,
      -- the balance that the next one is compared with; NULL if there is none
      balance_before TEXT,
      -- the last top-up of the SIM, and who reported it; NULL if it was inferred, because the balance rose
      topped_up_at TEXT,
      topped_up_by TEXT,
      topped_up_from TEXT,
      topped_up_to TEXT,
      -- the limit clock at that moment; and the boot, if the calendar could not be trusted: in the same boot the date
      -- is corrected once it can be
      topped_up_boot TEXT,
      topped_up_limit REAL,
      -- the digest of the key of the pseudonyms; since when it cannot be used, and whether its file exists but is not
      -- readable
      key_digest TEXT,
      -- the digest of the key of the line's fleet
      fleet_key_digest TEXT,
      key_lost_at TEXT,
      key_denied INTEGER NOT NULL DEFAULT 0 CHECK (key_denied IN (0, 1)),
      -- the number of erasures whose data the file may contain, and the number at the beginning of the last rebuild:
      -- an erasure during a rebuild makes another one due
      erasures INTEGER NOT NULL DEFAULT 0 CHECK (erasures >= 0),
      erasures_rebuilt INTEGER NOT NULL DEFAULT 0,
      -- in a copy of the database: when it was made. The first daemon that opens the copy removes the time
      copied_at TEXT,
      -- the last sealed backup: its time on both clocks and its name; why and when a later try failed
      sealed_at TEXT,
      sealed_limit REAL,
      sealed_as TEXT,
      seal_failure TEXT CHECK (seal_failure IN
        ('absent', 'full', 'read_only', 'denied', 'lost', 'altered', 'no_age', 'database')),
      seal_failed_at TEXT,
      alerts_event INTEGER,
      alerts_since TEXT NOT NULL DEFAULT '{}'
    ) STRICT
    """,
    "INSERT INTO line_state (id) VALUES (1)",
    # countries whose answers wait while answers to other countries leave: since when, and the state of their trials
    """
    CREATE TABLE country_outages (
      country TEXT PRIMARY KEY,
      since TEXT NOT NULL,
      since_limit REAL NOT NULL,
      rounds INTEGER NOT NULL DEFAULT 0,
      refused INTEGER NOT NULL DEFAULT 0,
      due REAL NOT NULL,
      last_trial REAL
    ) STRICT, WITHOUT ROWID
    """,
    # the alerts, each about one condition (level 0: it is over), and their channels: taken_at is NULL until the channel
    # has taken the alert
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
    # each PIN is tried once on each SIM, because a SIM locks itself after three wrong ones; the PIN is a digest under a
    # secret in another file
    """
    CREATE TABLE pin_tries (
      sim TEXT NOT NULL,
      pin TEXT NOT NULL,
      tried_at TEXT NOT NULL,
      accepted INTEGER CHECK (accepted IN (0, 1)),
      PRIMARY KEY (sim, pin)
    ) STRICT, WITHOUT ROWID
    """,
)

WORDS_MET = (
    # texts that had a word of alerts.words when they came in: the words, and whether an alert has named the text
    """
    CREATE TABLE words_met (
      contact_id INTEGER PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
      words TEXT NOT NULL,
      alerted INTEGER NOT NULL DEFAULT 0 CHECK (alerted IN (0, 1))
    ) STRICT
    """,
    "CREATE INDEX words_met_unalerted ON words_met (contact_id) WHERE NOT alerted",
)

FLEET = (
    # one row if the line is in a fleet; the docstring of `store.fleet` says what each number is for
    """
    CREATE TABLE fleet (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      line TEXT NOT NULL,
      -- of this line's list: its number at the hub, the mark of the one that was sent last, the digest of the one there
      number INTEGER NOT NULL DEFAULT 0,
      mark TEXT,
      arrived TEXT,
      trouble TEXT CHECK (trouble IN ('other_key', 'refused')),
      trouble_at TEXT
    ) STRICT
    """,
    # the number of each other line's list that was taken in last
    "CREATE TABLE fleet_lists (line TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    # whom other lines refuse (1: opted out, 2: blocked), by the fleet's pseudonym; and under this line's own name what
    # the hub had of it, and a restore had lost
    """
    CREATE TABLE fleet_refused (
      person TEXT NOT NULL,
      line TEXT NOT NULL,
      kinds INTEGER NOT NULL CHECK (kinds BETWEEN 1 AND 3),
      PRIMARY KEY (person, line)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX fleet_refused_line ON fleet_refused (line)",
)

VIEWS = (
    _LOG.format(name="log", columns=_CONTACT, source="contacts c LEFT JOIN answers a ON a.contact_id = c.id"),
    # texts that people sent by hand: no contact asked for them
    _LOG.format(name="log_by_hand", columns=_BY_HAND, source="answers a WHERE a.by_hand IS NOT NULL"),
)

_RECORDS = """
    CREATE TABLE IF NOT EXISTS _sqlite_migrations (
      id INTEGER PRIMARY KEY,
      migration_set TEXT,
      name TEXT,
      applied_at TEXT,
      UNIQUE (migration_set, name)
    )
    """
_RECORD = "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hotlined', ?, ?)"

FIRST = (*LINE, *WORDS_MET, *FLEET, *VIEWS)

SCHEMA = (
    (f"first {zlib.crc32(''.join(FIRST).encode()):08x}", FIRST),
)  # fmt: skip
"""Every migration, in the order in which they are applied: its name and its statements.

The first is named by its content: before the first release it changes, and no version takes another one's database.
"""


def names() -> tuple[str, ...]:
    """Return the names of all migrations that this version knows."""
    return tuple(name for name, _ in SCHEMA)


def applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the names of the migrations that a database has; empty for a new one."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone():
        return ()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'hotlined' ORDER BY rowid")
    return tuple(name for (name,) in rows)


# ANALYZE makes tables with names of SQLite's own. A trigger has such a name if somebody wrote it into the file by hand.
_OBJECTS = """
    SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type <> 'table' OR name NOT LIKE 'sqlite^_%' ESCAPE '^'
    """


def differing(connection: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    """Return type and name of what a database has otherwise than the migrations that it records make it, or lacks."""
    known = applied(connection)
    with closing(sqlite3.connect(":memory:")) as made:
        for name, statements in SCHEMA:
            if name in known:
                for statement in (*statements, _RECORDS):
                    made.execute(statement)
        found, wanted = ({tuple(row) for row in each.execute(_OBJECTS)} for each in (connection, made))
    return tuple(sorted({(kind, name) for kind, name, *_ in found ^ wanted}))


def apply(path: Path) -> None:
    """Apply the pending migrations to the database at `path`: all of them or, on any error, none."""
    import sqlite_utils  # noqa: PLC0415  # 17 MiB, needed only here

    db = sqlite_utils.Database(path)
    try:
        db.execute(f"PRAGMA page_size = {PAGE_OCTETS}")  # sets it for a new file only
        db.execute("PRAGMA synchronous = FULL")
        with db.conn:
            db.execute("BEGIN IMMEDIATE")  # a second process waits here, and then finds them applied
            known = applied(db.conn)
            for name, statements in SCHEMA:
                if name not in known:
                    for statement in (*statements, _RECORDS):
                        db.execute(statement)
                    db.execute(_RECORD, (name, rfc3339(here())))
    finally:
        db.conn.close()
