BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'hotlined','initial','2026-11-25 04:04:54.102654+00:00');
CREATE TABLE alert_deliveries (
      alert_id INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
      channel TEXT NOT NULL,
      tries INTEGER NOT NULL DEFAULT 0,
      taken_at TEXT,
      PRIMARY KEY (alert_id, channel)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "alert_deliveries" VALUES(1,'mail:1',0,NULL);
CREATE TABLE alerts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      condition TEXT NOT NULL,
      level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 100),
      at TEXT NOT NULL,
      at_limit REAL NOT NULL,
      title TEXT NOT NULL,
      text TEXT NOT NULL
    ) STRICT
    ;
INSERT INTO "alerts" VALUES(1,'modem',1,'2026-11-24T22:23:00.000Z',1.38000002300400046e+03,'the modem is lost','Plug it in.');
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
    ;
INSERT INTO "answer_segments" VALUES(1,1,1,1,'sent','0071000B912374103254F60000A7A0050003C102019C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E7',154,1.80000023004000468e+02,0,0,7,NULL,'2026-11-24T22:03:00.000Z','2026-11-24T22:04:00.000Z',NULL,NULL,NULL);
INSERT INTO "answer_segments" VALUES(2,1,2,1,'sent','0071000B912374103254F60000A72E050003C10202E820F7DBED0239DF6E16687C2ACFE920F7DBED0239DF6E16687C2ACFE920F7DBED0201',55,3.00000023004000468e+02,0,0,8,NULL,'2026-11-24T22:05:00.000Z','2026-11-24T22:06:00.000Z',NULL,NULL,NULL);
INSERT INTO "answer_segments" VALUES(3,2,1,1,'sent','0071000B913316325476F80000A7A0050003AE02019C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E7',154,6.00000023004000468e+02,0,0,9,NULL,'2026-11-24T22:10:00.000Z','2026-11-24T22:11:00.000Z',NULL,NULL,NULL);
INSERT INTO "answer_segments" VALUES(4,2,2,1,'waiting','0071000B913316325476F80000A72E050003AE0202E820F7DBED0239DF6E16687C2ACFE920F7DBED0239DF6E16687C2ACFE920F7DBED0201',55,6.00000023004000468e+02,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
    ;
INSERT INTO "answers" VALUES(1,1,'+32470123456','sent',NULL,NULL,'Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. ','gsm7',2,193,0,0,0,0,'2026-11-24T22:02:00.000Z',1.20000023004000468e+02,'2026-11-24T22:02:00.000Z',1.20000023004000468e+02,1.80000023004000468e+02,'2026-11-24T22:06:00.000Z',NULL);
INSERT INTO "answers" VALUES(2,2,'+33612345678','sending',NULL,NULL,'Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. ','gsm7',2,174,0,0,0,0,'2026-11-24T22:09:00.000Z',5.40000023004000468e+02,'2026-11-24T22:09:00.000Z',5.40000023004000468e+02,6.00000023004000468e+02,NULL,NULL);
INSERT INTO "answers" VALUES(3,3,'+32471223344','queued',NULL,'due','Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. ','gsm7',2,245,0,0,0,0,'2026-11-24T22:13:00.000Z',7.80000023004000468e+02,'2026-11-24T22:13:00.000Z',7.80000023004000468e+02,NULL,NULL,NULL);
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
    ;
INSERT INTO "contacts" VALUES(1,'fr','text','+32470123456','BE','mobile','T''es où ? 😍',1,1,NULL,'2026-11-24T22:00:00+00:00','2026-11-24T22:01:00.000Z',6.0000023004000468e+01,0,'[]','answer','first_contact');
INSERT INTO "contacts" VALUES(2,'fr','text','+33612345678','FR','mobile','Allô ?',1,1,NULL,'2026-11-24T22:07:00+00:00','2026-11-24T22:08:00.000Z',4.80000023004000468e+02,0,'[]','answer','first_contact');
INSERT INTO "contacts" VALUES(3,'fr','call','+32471223344','BE','mobile',NULL,0,0,NULL,NULL,'2026-11-24T22:12:00.000Z',7.20000023004000468e+02,0,'[]','answer','first_contact');
INSERT INTO "contacts" VALUES(4,'fr','text','+32470123456','BE','mobile','STOP',1,1,NULL,'2026-11-24T22:14:00+00:00','2026-11-24T22:15:00.000Z',9.00000023004000468e+02,0,'[]','suppress','opted_out');
INSERT INTO "contacts" VALUES(5,'fr','text','+32475555666','BE','mobile','xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',2,2,'+32475555666/252/8/2','2026-11-24T22:17:00+00:00','2026-11-24T22:18:00.000Z',1.08000002300400046e+03,0,'[]',NULL,NULL);
INSERT INTO "contacts" VALUES(6,'fr','unreadable',NULL,NULL,'withheld',NULL,1,1,NULL,NULL,'2026-11-24T22:19:00.000Z',1.14000002300400046e+03,0,'[]',NULL,NULL);
INSERT INTO "contacts" VALUES(7,'fr','text','8850',NULL,'short_code','8850',1,1,NULL,'2026-11-24T22:20:00+00:00','2026-11-24T22:21:00.000Z',1.26000002300400046e+03,0,'[]','suppress','not_answerable');
CREATE TABLE events (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      kind TEXT NOT NULL,
      detail TEXT NOT NULL DEFAULT '',
      contact_id INTEGER REFERENCES contacts (id) ON DELETE SET NULL
    ) STRICT
    ;
INSERT INTO "events" VALUES(1,'2026-11-24T22:16:00.000Z','optout','+3247…456',NULL);
INSERT INTO "events" VALUES(2,'2026-11-24T22:23:00.000Z','block','+3249…766 by somebody',NULL);
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
    ;
INSERT INTO "line_state" VALUES(1,1.26000002300400046e+03,'00000000-0000-0000-0000-000000000000',1000.0,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE numbers (
      number TEXT PRIMARY KEY,
      blocked_at TEXT,
      opted_out_at TEXT,
      changed_by TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "numbers" VALUES('+32470123456',NULL,'2026-11-24T22:16:00.000Z','its owner');
INSERT INTO "numbers" VALUES('+32499887766','2026-11-24T22:23:00.000Z',NULL,'somebody');
CREATE TABLE pin_tries (
      sim TEXT NOT NULL,
      pin TEXT NOT NULL,
      tried_at TEXT NOT NULL,
      accepted INTEGER CHECK (accepted IN (0, 1)),
      PRIMARY KEY (sim, pin)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "pin_tries" VALUES('8932000000000000001','abababababababababababababababab','2026-11-24T22:23:00.000Z',0);
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
    ;
INSERT INTO "requests" VALUES(1,'send','{"number": "+33612345678", "text": "Bonjour"}','somebody','2026-11-24T22:23:00.000Z','00000000-0000-0000-0000-000000000000',1120.0,'open',NULL,NULL,NULL);
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
    ;
INSERT INTO "segments" VALUES(1,1,NULL,'deliver',1,'07912374151616F6040B912374103254F60008621142220000001800540027006500730020006F00F90020003F0020D83DDE0D',51,NULL,0,'206012345678901','SM',1,'2026-11-24T22:00:00+00:00','2026-11-24T22:01:00.000Z','2026-11-24T22:01:00.000Z');
INSERT INTO "segments" VALUES(2,2,NULL,'deliver',1,'07912374151616F6040B913316325476F80008621142227000000C0041006C006C00F40020003F',39,NULL,0,'206012345678901','SM',1,'2026-11-24T22:07:00+00:00','2026-11-24T22:08:00.000Z','2026-11-24T22:08:00.000Z');
INSERT INTO "segments" VALUES(3,4,NULL,'deliver',1,'07912374151616F6040B912374103254F60000621142224100000453EA130A',31,NULL,0,'206012345678901','SM',1,'2026-11-24T22:14:00+00:00','2026-11-24T22:15:00.000Z','2026-11-24T22:15:00.000Z');
INSERT INTO "segments" VALUES(4,5,NULL,'deliver',1,'07912374151616F6440B912374555566F6000062114222710000A0050003FC0201F0783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1',167,NULL,0,'206012345678901','SM',1,'2026-11-24T22:17:00+00:00','2026-11-24T22:18:00.000Z','2026-11-24T22:18:00.000Z');
INSERT INTO "segments" VALUES(5,5,NULL,'deliver',2,'07912374151616F6440B912374555566F600006211422271000036050003FC0202F0783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC7E3F1783C1E8FC703',75,NULL,0,'206012345678901','SM',2,'2026-11-24T22:17:00+00:00','2026-11-24T22:18:00.000Z','2026-11-24T22:18:00.000Z');
INSERT INTO "segments" VALUES(6,6,NULL,'unreadable',NULL,'00',1,'truncated in the first octet',0,'206012345678901','SM',1,NULL,'2026-11-24T22:19:00.000Z','2026-11-24T22:19:00.000Z');
INSERT INTO "segments" VALUES(7,7,NULL,'deliver',1,'07912374151616F6040481880500006211422202000004385C0D06',27,NULL,0,'206012345678901','SM',1,'2026-11-24T22:20:00+00:00','2026-11-24T22:21:00.000Z','2026-11-24T22:21:00.000Z');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX contacts_originator ON contacts (originator, id);
CREATE INDEX contacts_received_at ON contacts (received_at);
CREATE INDEX contacts_received_limit ON contacts (received_limit);
CREATE INDEX contacts_unjudged ON contacts (received_limit) WHERE verdict IS NULL;
CREATE INDEX contacts_concatenation ON contacts (concatenation, id) WHERE concatenation IS NOT NULL;
CREATE INDEX segments_contact ON segments (contact_id);
CREATE INDEX segments_answer_segment ON segments (answer_segment_id);
CREATE INDEX segments_pdu ON segments (pdu);
CREATE INDEX segments_undeleted ON segments (imsi, storage) WHERE deleted_at IS NULL;
CREATE INDEX answers_recipient ON answers (recipient);
CREATE INDEX answers_queue ON answers (state, answered_before, due_limit);
CREATE UNIQUE INDEX answer_segments_current ON answer_segments (answer_id, sequence) WHERE current = 1;
CREATE INDEX answer_segments_answer ON answer_segments (answer_id);
CREATE INDEX answer_segments_counted ON answer_segments (counted_limit, shadow, answered_before)
      WHERE counted_limit IS NOT NULL
    ;
CREATE INDEX answer_segments_mr ON answer_segments (mr, id);
CREATE INDEX requests_state ON requests (state);
CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX events_contact ON events (contact_id) WHERE contact_id IS NOT NULL;
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
    FROM contacts c LEFT JOIN answers a ON a.contact_id = c.id;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('contacts',7);
INSERT INTO "sqlite_sequence" VALUES('segments',7);
INSERT INTO "sqlite_sequence" VALUES('answers',3);
INSERT INTO "sqlite_sequence" VALUES('answer_segments',4);
INSERT INTO "sqlite_sequence" VALUES('events',2);
INSERT INTO "sqlite_sequence" VALUES('requests',1);
INSERT INTO "sqlite_sequence" VALUES('alerts',1);
COMMIT;
