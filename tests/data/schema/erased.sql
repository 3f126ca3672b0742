BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'hotlined','first','2026-11-26 11:01:50.156417+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'hotlined','pins','2026-11-26 11:01:50.156417+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'hotlined','line','2026-11-26 13:10:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'hotlined','totals','2026-11-26 14:29:01.412977+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'hotlined','refusals','2026-11-26 19:06:59.596465+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'hotlined','topups','2026-11-26 19:30:23.751246+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'hotlined','wordings','2026-11-26 19:48:31.800472+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'hotlined','words_met','2026-11-26 19:48:31.900472+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'hotlined','sums','2026-11-26 22:25:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'hotlined','since','2026-11-26 23:00:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'hotlined','stretches','2026-11-26 23:14:14.337637+00:00');
INSERT INTO "_sqlite_migrations" VALUES(12,'hotlined','fleet','2026-11-26 23:22:07.104221+00:00');
INSERT INTO "_sqlite_migrations" VALUES(13,'hotlined','sealed','2026-11-26 23:00:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(14,'hotlined','answers_sent','2026-11-27 02:08:03.094325+00:00');
INSERT INTO "_sqlite_migrations" VALUES(15,'hotlined','erasures','2026-11-27 00:00:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(16,'hotlined','fleet_answers','2026-11-27 02:26:15.080604+00:00');
INSERT INTO "_sqlite_migrations" VALUES(17,'hotlined','unsent','2026-11-27 02:25:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(18,'hotlined','former','2026-11-27 02:17:41.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(19,'hotlined','erased','2026-11-27 06:21:28.000000+00:00');
CREATE TABLE alert_deliveries (
      alert_id INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
      channel TEXT NOT NULL,
      tries INTEGER NOT NULL DEFAULT 0,
      taken_at TEXT,
      PRIMARY KEY (alert_id, channel)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "alert_deliveries" VALUES(1,'abcdef',0,NULL);
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
INSERT INTO "alerts" VALUES(1,'flood',1,'2026-11-24T22:10:00.000Z',6.00000071182999818e+02,'a flood of texts','x');
CREATE TABLE answer_segments (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      attempt_id INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
      sequence INTEGER NOT NULL CHECK (sequence > 0),
      state TEXT NOT NULL CHECK (state IN ('waiting', 'submitting', 'sent', 'refused', 'unconfirmed', 'cancelled',
        'shadowed', 'delivered', 'undelivered')),
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
    ;
INSERT INTO "answer_segments" VALUES(1,1,1,'sent','0071000B912374103254F60000A7A0050003A902019C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E77490FBED76819C6F370B343E95E7',154,'2026-11-24T22:03:00.000Z',1.80000071182999818e+02,7,NULL,NULL,'2026-11-24T22:04:00.000Z',NULL,NULL,NULL);
INSERT INTO "answer_segments" VALUES(2,1,2,'sent','0071000B912374103254F60000A72E050003A90202E820F7DBED0239DF6E16687C2ACFE920F7DBED0239DF6E16687C2ACFE920F7DBED0201',55,'2026-11-24T22:05:00.000Z',3.00000071182999818e+02,8,NULL,NULL,'2026-11-24T22:06:00.000Z',NULL,NULL,NULL);
CREATE TABLE answers (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      contact_id INTEGER UNIQUE REFERENCES contacts (id) ON DELETE CASCADE,
      recipient TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unconfirmed', 'cancelled',
        'shadowed', 'delivered', 'undelivered')),
      reason TEXT,
      -- a text of a person's own, which is no answer; and who asked for it, or for an answer once more
      by_hand TEXT CHECK (by_hand IN ('send', 'try')),
      asked_by TEXT,
      -- stored, for the queue is asked by it in every pass and a flood makes the queue long
      share TEXT NOT NULL CHECK (share IN ('new', 'known', 'by_hand')),
      draw INTEGER NOT NULL,
      text TEXT,
      encoding TEXT CHECK (encoding IN ('gsm7', 'ucs2')),
      segments INTEGER CHECK (segments > 0),
      -- since the last requeue: refusals, those that count towards its end, and the last one
      refusals INTEGER NOT NULL DEFAULT 0,
      refusals_counted INTEGER NOT NULL DEFAULT 0,
      refused_limit REAL,
      queued_at TEXT NOT NULL,
      queued_limit REAL NOT NULL,
      -- from when its age runs: its contact's arrival, or when a person asked for it
      age_limit REAL NOT NULL,
      due_at TEXT NOT NULL,
      due_limit REAL NOT NULL,
      sent_at TEXT,
      reported_at TEXT,
      CHECK ((text IS NULL) OR (encoding IS NOT NULL AND segments IS NOT NULL))
    ) STRICT
    ;
INSERT INTO "answers" VALUES(1,1,'+32470123456','sent',NULL,NULL,NULL,'new',889596747,'Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. Non, c''est non. ','gsm7',2,0,0,NULL,'2026-11-24T22:02:00.000Z',1.20000071182999818e+02,6.00000711829998181e+01,'2026-11-24T22:02:00.000Z',1.20000071182999818e+02,'2026-11-24T22:06:00.000Z',NULL);
CREATE TABLE attempts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      answer_id INTEGER NOT NULL REFERENCES answers (id) ON DELETE CASCADE,
      begun_at TEXT NOT NULL,
      begun_limit REAL NOT NULL,
      step INTEGER NOT NULL CHECK (step >= 0),
      variant INTEGER NOT NULL,
      country TEXT,
      asked_by TEXT,
      share TEXT NOT NULL CHECK (share IN ('new', 'known')),
      trial INTEGER NOT NULL CHECK (trial IN (0, 1)),
      -- in which boot its latest segment was handed over: a stick may take the machine down
      boot_id TEXT NOT NULL DEFAULT '',
      reference INTEGER NOT NULL CHECK (reference BETWEEN 0 AND 255),
      outcome TEXT CHECK (outcome IN ('taken', 'refused', 'unconfirmed', 'recipient', 'interrupted')),
      cause TEXT,
      ended_limit REAL
    , wording TEXT) STRICT
    ;
INSERT INTO "attempts" VALUES(1,1,'2026-11-24T22:03:00.000Z',1.80000071182999818e+02,0,0,NULL,NULL,'new',0,'82429f72-2b34-499a-adf1-da5a6730e8c4',169,'taken',NULL,3.60000071182999818e+02,NULL);
CREATE TABLE clock_steps (contact_id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE contacts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      line TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('text', 'call', 'mms', 'data', 'service', 'unreadable')),
      originator TEXT,
      country TEXT,
      line_type TEXT NOT NULL,
      -- of an MMS notification: the address that the contact does not go by, TP-OA where From is believed, else From
      other_originator TEXT,
      text TEXT,
      segments_received INTEGER NOT NULL CHECK (segments_received >= 0),
      segments_total INTEGER NOT NULL CHECK (segments_total >= 0),
      concatenation TEXT,
      scts TEXT,
      received_at TEXT NOT NULL,
      received_limit REAL NOT NULL,
      -- whether received_at was written while the calendar could be trusted: only then it tells an age
      synchronised INTEGER NOT NULL DEFAULT 0 CHECK (synchronised IN (0, 1)),
      repeats INTEGER NOT NULL DEFAULT 0,
      tags TEXT NOT NULL DEFAULT '[]',
      verdict TEXT CHECK (verdict IN ('answer', 'suppress')),
      reason TEXT,
      -- a person exempts a contact from erasure by age
      kept_at TEXT,
      kept_by TEXT,
      CHECK ((verdict IS NULL) = (reason IS NULL))
    ) STRICT
    ;
INSERT INTO "contacts" VALUES(1,'fr','text','+32470123456','BE','mobile',NULL,'Salut, ça va ?',1,1,NULL,'2026-11-24T22:00:00+00:00','2026-11-24T22:01:00.000Z',6.00000711829998181e+01,0,0,'["insult"]','answer','first_contact',NULL,NULL);
INSERT INTO "contacts" VALUES(2,'fr','call','+33612345678','FR','mobile',NULL,NULL,0,0,NULL,NULL,'2026-11-24T22:07:00.000Z',4.20000071182999818e+02,0,0,'[]',NULL,NULL,NULL,NULL);
INSERT INTO "contacts" VALUES(3,'fr','text','+32471000001','BE','mobile',NULL,'STOP',1,1,NULL,'2026-11-24T22:08:00+00:00','2026-11-24T22:09:00.000Z',5.40000071182999818e+02,0,0,'[]',NULL,NULL,NULL,NULL);
CREATE TABLE earlier_contacts (
      contact_id INTEGER PRIMARY KEY,
      earlier_id INTEGER NOT NULL
    ) STRICT
    ;
CREATE TABLE earlier_counts (
      stretch INTEGER PRIMARY KEY,
      earlier INTEGER NOT NULL CHECK (earlier >= 0),
      near INTEGER NOT NULL CHECK (near >= 0)
    ) STRICT
    ;
CREATE TABLE elsewhere (
      contact_id INTEGER PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
      line TEXT NOT NULL
    ) STRICT
    ;
CREATE TABLE events (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      at_limit REAL NOT NULL DEFAULT 0,
      kind TEXT NOT NULL,
      detail TEXT NOT NULL DEFAULT '',
      contact_id INTEGER REFERENCES contacts (id) ON DELETE SET NULL
    , line TEXT) STRICT
    ;
INSERT INTO "events" VALUES(1,'2026-11-24T22:10:00.000Z',6.00000071182999818e+02,'block','+3247…002 by pi',NULL,NULL);
INSERT INTO "events" VALUES(2,'2026-11-24T22:10:00.000Z',6.00000071182999818e+02,'tag','insult by pi',1,NULL);
INSERT INTO "events" VALUES(3,'2026-11-24T22:10:00.000Z',6.00000071182999818e+02,'pause','by pi',NULL,NULL);
INSERT INTO "events" VALUES(4,'2026-11-24T21:50:00.000Z',650.0,'pause','by marie',NULL,NULL);
INSERT INTO "events" VALUES(5,'2026-11-24T21:55:00.000Z',655.0,'resume','by marie',NULL,NULL);
INSERT INTO "events" VALUES(6,'2026-11-24T22:11:00.000Z',611.0,'mode_live','',NULL,NULL);
INSERT INTO "events" VALUES(7,'2026-11-24T22:12:00.000Z',612.0,'mode_shadow','',NULL,NULL);
INSERT INTO "events" VALUES(8,'2026-11-24T22:13:00.000Z',613.0,'flood_begin','69 contacts in 600 s',NULL,NULL);
INSERT INTO "events" VALUES(9,'2026-11-24T22:14:00.000Z',614.0,'balance','9.20',NULL,NULL);
INSERT INTO "events" VALUES(10,'2026-11-24T22:15:00.000Z',615.0,'balance_low','3.20',NULL,NULL);
INSERT INTO "events" VALUES(11,'2026-11-24T22:16:00.000Z',616.0,'backup','',NULL,NULL);
INSERT INTO "events" VALUES(12,'2026-11-24T22:17:00.000Z',617.0,'pause','by pi',NULL,NULL);
INSERT INTO "events" VALUES(13,'2026-11-24T22:18:00.000Z',618.0,'pause','by luc',NULL,NULL);
INSERT INTO "events" VALUES(14,'2026-11-24T22:19:00.000Z',619.0,'forget_elsewhere','by nl',NULL,'nl');
INSERT INTO "events" VALUES(15,'2026-11-24T22:20:00.000Z',620.0,'forget_elsewhere','by be',NULL,'be');
INSERT INTO "events" VALUES(16,'2026-11-24T22:21:00.000Z',621.0,'forget','a person was erased',NULL,NULL);
INSERT INTO "events" VALUES(17,'2026-11-24T22:22:00.000Z',622.0,'forget_elsewhere','by nl',NULL,'nl');
INSERT INTO "events" VALUES(18,'2026-11-24T22:23:00.000Z',623.0,'forget','by fr',NULL,NULL);
INSERT INTO "events" VALUES(19,'2026-11-24T23:00:00.000Z',660.0,'flood_end','69 contacts',NULL,NULL);
INSERT INTO "events" VALUES(20,'2026-11-24T23:01:00.000Z',661.0,'flood_begin','1 contacts in 600 s',NULL,NULL);
INSERT INTO "events" VALUES(21,'2026-11-24T23:02:00.000Z',662.0,'flood_end','1 contacts',NULL,NULL);
INSERT INTO "events" VALUES(22,'2026-11-24T23:03:00.000Z',663.0,'balance','9.20',NULL,NULL);
INSERT INTO "events" VALUES(23,'2026-11-24T23:04:00.000Z',664.0,'credit_out','the balance is 0.02',NULL,NULL);
INSERT INTO "events" VALUES(24,'2026-11-24T23:05:00.000Z',665.0,'credit_ok','an answer was taken',NULL,NULL);
INSERT INTO "events" VALUES(25,'2026-11-24T23:06:00.000Z',666.0,'outage_begin','answers to different numbers were not taken, one after the other',NULL,NULL);
INSERT INTO "events" VALUES(26,'2026-11-24T23:07:00.000Z',667.0,'outage_end','an answer was taken',NULL,NULL);
INSERT INTO "events" VALUES(27,'2026-11-24T23:08:00.000Z',668.0,'untag','insult by pi',1,NULL);
INSERT INTO "events" VALUES(28,'2026-11-24T23:09:00.000Z',669.0,'keep','by marie',1,NULL);
INSERT INTO "events" VALUES(29,'2026-11-24T23:10:00.000Z',670.0,'unkeep','by luc',1,NULL);
INSERT INTO "events" VALUES(30,'2026-11-24T23:11:00.000Z',671.0,'cancel','by pi',1,NULL);
INSERT INTO "events" VALUES(31,'2026-11-24T23:12:00.000Z',672.0,'requeue','by pi',1,NULL);
INSERT INTO "events" VALUES(32,'2026-11-24T23:13:00.000Z',673.0,'look','by anna',1,NULL);
INSERT INTO "events" VALUES(33,'2026-11-24T23:14:00.000Z',674.0,'look','+3247…002 by anna',NULL,NULL);
INSERT INTO "events" VALUES(34,'2026-11-24T23:15:00.000Z',675.0,'look','log by anna',NULL,NULL);
INSERT INTO "events" VALUES(35,'2026-11-24T23:16:00.000Z',676.0,'look','texts by hand by anna',NULL,NULL);
INSERT INTO "events" VALUES(36,'2026-11-24T23:17:00.000Z',677.0,'look','last contacts by anna',NULL,NULL);
INSERT INTO "events" VALUES(37,'2026-11-24T23:18:00.000Z',678.0,'look','a number by bea',NULL,NULL);
INSERT INTO "events" VALUES(38,'2026-11-24T23:19:00.000Z',679.0,'unblock','+3247…002 by pi',NULL,NULL);
INSERT INTO "events" VALUES(39,'2026-11-24T23:20:00.000Z',680.0,'optin','… by pi',NULL,NULL);
INSERT INTO "events" VALUES(40,'2026-11-24T23:21:00.000Z',681.0,'optout','+3247…001',NULL,NULL);
INSERT INTO "events" VALUES(41,'2026-11-24T23:22:00.000Z',682.0,'optout','a number',NULL,NULL);
INSERT INTO "events" VALUES(42,'2026-11-24T23:23:00.000Z',683.0,'block','a number by pi',NULL,NULL);
INSERT INTO "events" VALUES(43,'2026-11-24T23:24:00.000Z',684.0,'block','+3247…002 by nl',NULL,NULL);
INSERT INTO "events" VALUES(44,'2026-11-24T23:25:00.000Z',685.0,'evidence','A… by pi',NULL,NULL);
INSERT INTO "events" VALUES(45,'2026-11-24T23:26:00.000Z',686.0,'tag','à_voir by pi',1,NULL);
INSERT INTO "events" VALUES(46,'2026-11-24T23:27:00.000Z',687.0,'set_aside','contact 1: this cannot be read by hotlined',1,NULL);
INSERT INTO "events" VALUES(47,'2026-11-24T23:28:00.000Z',688.0,'set_aside','answer 1: no text by that number',1,NULL);
INSERT INTO "events" VALUES(48,'2026-11-24T23:29:00.000Z',689.0,'requeue','the answer to contact 1 by pi',NULL,NULL);
INSERT INTO "events" VALUES(49,'2026-11-24T23:30:00.000Z',690.0,'sim_adopted','by pi',NULL,NULL);
INSERT INTO "events" VALUES(50,'2026-11-24T23:31:00.000Z',691.0,'key_new','by pi',NULL,NULL);
INSERT INTO "events" VALUES(51,'2026-11-24T23:32:00.000Z',692.0,'topup','2026-11-24T10:00:00.000Z by pi',NULL,NULL);
INSERT INTO "events" VALUES(52,'2026-11-24T23:33:00.000Z',693.0,'topup','the balance rose from 3.20 to 13.20',NULL,NULL);
INSERT INTO "events" VALUES(53,'2026-11-24T23:34:00.000Z',694.0,'resume','by uid 1003',NULL,NULL);
INSERT INTO "events" VALUES(54,'2026-11-24T23:35:00.000Z',695.0,'modem_ready','',NULL,NULL);
INSERT INTO "events" VALUES(55,'2026-11-24T23:36:00.000Z',696.0,'modem_absent','No modem is found by its port.',NULL,NULL);
INSERT INTO "events" VALUES(56,'2026-11-24T23:37:00.000Z',697.0,'recovery','reset: silent',NULL,NULL);
INSERT INTO "events" VALUES(57,'2026-11-24T23:38:00.000Z',698.0,'undervoltage','UNDER-VOLTAGE WARNNING',NULL,NULL);
INSERT INTO "events" VALUES(58,'2026-11-24T23:39:00.000Z',699.0,'delete_refused','SM 2',NULL,NULL);
INSERT INTO "events" VALUES(59,'2026-11-24T23:40:00.000Z',700.0,'restored','from the backup of 2026-11-24T22:16:00.000Z; 2 answers that waited are unconfirmed',NULL,NULL);
INSERT INTO "events" VALUES(60,'2026-11-24T23:41:00.000Z',701.0,'pause_restored','of 2026-11-24T22:18:00.000Z by luc',NULL,NULL);
INSERT INTO "events" VALUES(61,'2026-11-24T23:42:00.000Z',702.0,'unconfirmed','1 found at start',NULL,NULL);
INSERT INTO "events" VALUES(62,'2026-11-24T23:43:00.000Z',703.0,'forget','a person was erased',NULL,NULL);
INSERT INTO "events" VALUES(63,'2026-11-24T23:44:00.000Z',704.0,'key_lost','hotlined.key',NULL,NULL);
INSERT INTO "events" VALUES(64,'2026-11-24T23:45:00.000Z',705.0,'database_full','since 2026-11-24T22:16:00.000Z, until now',NULL,NULL);
INSERT INTO "events" VALUES(65,'2026-11-24T23:46:00.000Z',706.0,'modem_starting','hotlined 0.1.0',NULL,NULL);
INSERT INTO "events" VALUES(66,'2026-11-24T23:47:00.000Z',707.0,'mode_live','',NULL,NULL);
INSERT INTO "events" VALUES(67,'2026-11-24T23:48:00.000Z',708.0,'flood_end','many contacts',NULL,NULL);
INSERT INTO "events" VALUES(68,'2026-11-24T23:49:00.000Z',709.0,'pause','',NULL,NULL);
CREATE TABLE fleet_answers (
      person TEXT NOT NULL CHECK (person GLOB '~[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
      line TEXT NOT NULL,
      version INTEGER NOT NULL CHECK (version > 0),
      answers INTEGER NOT NULL CHECK (answers > 0),
      last_limit REAL NOT NULL,
      PRIMARY KEY (person, line)
    ) STRICT, WITHOUT ROWID
    ;
CREATE TABLE fleet_answers_line (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      sharing INTEGER NOT NULL CHECK (sharing IN (0, 1)),
      hub TEXT NOT NULL,
      version INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0),
      cursor INTEGER NOT NULL DEFAULT 0 CHECK (cursor >= 0),
      recall INTEGER NOT NULL DEFAULT 0 CHECK (recall >= 0)
    ) STRICT
    ;
CREATE TABLE fleet_answers_own (
      person TEXT NOT NULL CHECK (person GLOB '~[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]') PRIMARY KEY,
      version INTEGER NOT NULL CHECK (version > 0),
      answers INTEGER NOT NULL CHECK (answers >= 0),
      last_limit REAL NOT NULL,
      sent INTEGER NOT NULL DEFAULT 0 CHECK (sent >= 0)
    ) STRICT, WITHOUT ROWID
    ;
CREATE TABLE fleet_kept (
      contact_id INTEGER PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE
    ) STRICT
    ;
CREATE TABLE fleet_line (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      line TEXT NOT NULL,
      hub TEXT,
      version INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0),
      cursor INTEGER NOT NULL DEFAULT 0 CHECK (cursor >= 0),
      recall INTEGER NOT NULL DEFAULT 0 CHECK (recall >= 0),
      shared TEXT NOT NULL DEFAULT '[]',
      unclaimed INTEGER NOT NULL DEFAULT 0 CHECK (unclaimed IN (0, 1))
    , confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed >= 0)) STRICT
    ;
INSERT INTO "fleet_line" VALUES(1,'fr','hub',3,0,0,'[]',0,0);
CREATE TABLE fleet_own (
      person TEXT NOT NULL CHECK (person GLOB '~[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]') PRIMARY KEY,
      version INTEGER NOT NULL CHECK (version > 0),
      opted_out INTEGER CHECK (opted_out > 0),
      blocked INTEGER CHECK (blocked > 0),
      undone TEXT NOT NULL DEFAULT '{}',
      sent INTEGER NOT NULL DEFAULT 0 CHECK (sent >= 0)
    , erased INTEGER CHECK (erased > 0), erased_at TEXT) STRICT, WITHOUT ROWID
    ;
CREATE TABLE fleet_persons (
      person TEXT NOT NULL CHECK (person GLOB '~[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
      line TEXT NOT NULL,
      opted_out INTEGER CHECK (opted_out > 0),
      blocked INTEGER CHECK (blocked > 0),
      opted_out_undone INTEGER NOT NULL DEFAULT 0,
      blocked_undone INTEGER NOT NULL DEFAULT 0, erased INTEGER CHECK (erased > 0),
      PRIMARY KEY (person, line)
    ) STRICT, WITHOUT ROWID
    ;
CREATE TABLE line_state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      limit_time REAL NOT NULL DEFAULT 0,
      boot_id TEXT NOT NULL DEFAULT '',
      boottime REAL NOT NULL DEFAULT 0,
      -- what the calendar said when the limit clock stood at 0, in seconds since 1970: tells when something is due
      limit_epoch REAL NOT NULL DEFAULT 0,
      paused_at TEXT,
      paused_by TEXT,
      -- the stick and the SIM that the line is served with; others are not answered from
      imei TEXT,
      imsi TEXT,
      own_number TEXT,
      -- what the daemon finds to hold answers back: all of them, or those of one share
      hold TEXT CHECK (hold IN ('held', 'network')),
      hold_half TEXT CHECK (hold_half IN ('held')),
      hold_new TEXT CHECK (hold_new IN ('budget_month', 'budget_day', 'budget_hour', 'reserve')),
      hold_known TEXT CHECK (hold_known IN ('budget_month', 'budget_day', 'budget_hour', 'reserve')),
      breaker_cause TEXT CHECK (breaker_cause IN ('outage', 'credit')),
      breaker_since TEXT,
      breaker_rounds INTEGER NOT NULL DEFAULT 0,
      breaker_refused INTEGER NOT NULL DEFAULT 0,
      breaker_due REAL NOT NULL DEFAULT 0,
      breaker_last_trial REAL,
      breaker_called INTEGER NOT NULL DEFAULT 0 CHECK (breaker_called IN (0, 1)),
      breaker_void INTEGER NOT NULL DEFAULT 0,
      breaker_void_limit REAL NOT NULL DEFAULT -1e9,
      -- tells whether the key beside the database is the one that its pseudonyms were made with
      key_digest TEXT,
      key_lost_at TEXT,
      -- whether something was erased that the file may still hold a copy of
      alerts_event INTEGER,
      unwell_limit REAL
    , paused_limit REAL, pause_restored INTEGER NOT NULL DEFAULT 0 CHECK (pause_restored IN (0, 1)), shadow_at TEXT, shadow_limit REAL, flood_limit REAL, balance TEXT, balance_low INTEGER NOT NULL DEFAULT 0 CHECK (balance_low IN (0, 1)), balance_at TEXT, copied_at TEXT, synchronised INTEGER NOT NULL DEFAULT 0 CHECK (synchronised IN (0, 1)), topped_up_at TEXT, topped_up_by TEXT, topped_up_from TEXT, topped_up_to TEXT, topped_up_boot TEXT, topped_up_limit REAL, balance_before TEXT, ready_limit REAL, sim_changed_at TEXT, key_denied INTEGER NOT NULL DEFAULT 0 CHECK (key_denied IN (0, 1)), sealed_at TEXT, sealed_limit REAL, sealed_as TEXT, seal_failed_at TEXT, seal_failure TEXT CHECK (seal_failure IN
      ('absent', 'full', 'read_only', 'denied', 'lost', 'altered', 'no_age', 'database', 'unsent')), erasures INTEGER NOT NULL DEFAULT 0 CHECK (erasures >= 0), erasures_rebuilt INTEGER NOT NULL DEFAULT 0) STRICT
    ;
INSERT INTO "line_state" VALUES(1,5.40000071182999818e+02,'82429f72-2b34-499a-adf1-da5a6730e8c4',9813.206398794,1.79555759999992871e+09,'2026-11-24T22:10:00.000Z','pi',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0.0,NULL,0,0,-1000000000.0,NULL,NULL,NULL,NULL,617.0,0,'2026-11-24T22:12:00.000Z',612.0,613.0,'3.20',1,'2026-11-24T22:15:00.000Z','2026-11-24T22:16:00.000Z',0,NULL,NULL,NULL,NULL,NULL,NULL,'3.20',NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,1,0);
CREATE TABLE numbers (
      number TEXT PRIMARY KEY,
      blocked_at TEXT,
      opted_out_at TEXT,
      changed_by TEXT NOT NULL,
      changed_limit REAL NOT NULL DEFAULT 0
    , former INTEGER NOT NULL DEFAULT 0 CHECK (former IN (0, 1))) STRICT, WITHOUT ROWID
    ;
INSERT INTO "numbers" VALUES('+32471000002','2026-11-24T22:10:00.000Z',NULL,'pi',6.00000071182999818e+02,0);
CREATE TABLE pin_tries (
      sim TEXT NOT NULL,
      pin TEXT NOT NULL,
      tried_at TEXT NOT NULL,
      accepted INTEGER CHECK (accepted IN (0, 1)),
      PRIMARY KEY (sim, pin)
    ) STRICT, WITHOUT ROWID
    ;
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
      result TEXT,
      ended_at TEXT
    , detail TEXT) STRICT
    ;
INSERT INTO "requests" VALUES(1,'balance','{}','pi','2026-11-24T22:10:00.000Z',6.00000071182999818e+02,'82429f72-2b34-499a-adf1-da5a6730e8c4',9393.250176297,'open',NULL,NULL,NULL,NULL);
INSERT INTO "requests" VALUES(2,'send','{"number": "+32470000002", "text": "x"}','pi','2026-11-24T22:10:00.000Z',6.00000071182999818e+02,'82429f72-2b34-499a-adf1-da5a6730e8c4',9393.250176297,'refused',NULL,'not_sent','2026-11-24T23:50:00.000Z','{"fate": "failed: cms_38"}');
INSERT INTO "requests" VALUES(3,'send','{"number": "+32470000002", "text": "x"}','pi','2026-11-24T22:10:00.000Z',6.00000071182999818e+02,'82429f72-2b34-499a-adf1-da5a6730e8c4',9393.250176297,'refused',NULL,'not_sent','2026-11-24T23:50:00.000Z','{"fate": "cancelled"}');
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
    ;
INSERT INTO "segments" VALUES(1,1,NULL,'deliver',1,'07912374151616F6040B912374103254F60008621142220000001C00530061006C00750074002C002000E700610020007600610020003F',55,NULL,0,'206012345678901','SM',1,'2026-11-24T22:00:00+00:00','2026-11-24T22:01:00.000Z',6.00000711829998181e+01,'2026-11-24T22:01:00.000Z');
INSERT INTO "segments" VALUES(2,3,NULL,'deliver',1,'07912374151616F6040B912374010000F10000621142228000000453EA130A',31,NULL,0,'206012345678901','SM',1,'2026-11-24T22:08:00+00:00','2026-11-24T22:09:00.000Z',5.40000071182999818e+02,'2026-11-24T22:09:00.000Z');
CREATE TABLE sums (
      name TEXT NOT NULL,
      kind TEXT NOT NULL,
      verdict TEXT NOT NULL,
      reason TEXT NOT NULL,
      state TEXT NOT NULL,
      total INTEGER NOT NULL CHECK (total >= 0),
      PRIMARY KEY (name, kind, verdict, reason, state)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "sums" VALUES('answers','','','','sent',1);
INSERT INTO "sums" VALUES('contacts','text','answer','first_contact','',1);
INSERT INTO "sums" VALUES('segments','','','','',2);
CREATE TABLE totals (
      hour TEXT NOT NULL,
      name TEXT NOT NULL CHECK (name IN ('contacts', 'answers', 'segments')),
      kind TEXT NOT NULL DEFAULT '',
      verdict TEXT NOT NULL DEFAULT '',
      reason TEXT NOT NULL DEFAULT '',
      state TEXT NOT NULL DEFAULT '',
      total INTEGER NOT NULL DEFAULT 0 CHECK (total >= 0),
      held INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (hour, name, kind, verdict, reason, state)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "totals" VALUES('','answers','','','','sent',1,0);
INSERT INTO "totals" VALUES('','contacts','text','answer','first_contact','',1,0);
INSERT INTO "totals" VALUES('','segments','','','','',2,0);
INSERT INTO "totals" VALUES('2026-11-24T22:00:00.000Z','contacts','text','answer','first_contact','',0,1);
CREATE TABLE words_met (
      contact_id INTEGER PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
      words TEXT NOT NULL,
      told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
    ) STRICT
    ;
INSERT INTO "words_met" VALUES(1,'["mort"]',1);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX contacts_originator ON contacts (originator, id);
CREATE INDEX contacts_other_originator ON contacts (other_originator, id) WHERE other_originator IS NOT NULL;
CREATE INDEX contacts_received_at ON contacts (received_at);
CREATE INDEX contacts_received_limit ON contacts (received_limit);
CREATE INDEX contacts_unjudged ON contacts (received_limit) WHERE verdict IS NULL;
CREATE INDEX contacts_concatenation ON contacts (concatenation, id) WHERE concatenation IS NOT NULL;
CREATE INDEX segments_contact ON segments (contact_id);
CREATE INDEX segments_answer_segment ON segments (answer_segment_id);
CREATE INDEX segments_pdu ON segments (pdu);
CREATE INDEX segments_undeleted ON segments (imsi, storage) WHERE deleted_at IS NULL;
CREATE INDEX answers_recipient ON answers (recipient);
CREATE INDEX answers_queue ON answers (state, share, due_limit);
CREATE INDEX answers_age ON answers (age_limit) WHERE state = 'queued';
CREATE INDEX attempts_answer ON attempts (answer_id);
CREATE INDEX attempts_begun ON attempts (begun_limit);
CREATE INDEX attempts_ended ON attempts (ended_limit) WHERE outcome IS NOT NULL;
CREATE INDEX answer_segments_submitted ON answer_segments (submitted_limit, state)
      WHERE submitted_limit IS NOT NULL
    ;
CREATE INDEX answer_segments_waiting ON answer_segments (attempt_id) WHERE state = 'waiting';
CREATE INDEX answer_segments_submitting ON answer_segments (attempt_id) WHERE state = 'submitting';
CREATE INDEX answer_segments_mr ON answer_segments (mr, id);
CREATE INDEX answer_segments_unconfirmed ON answer_segments (attempt_id) WHERE state = 'unconfirmed';
CREATE INDEX requests_state ON requests (state);
CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX events_contact ON events (contact_id) WHERE contact_id IS NOT NULL;
CREATE VIEW log_by_hand AS
    SELECT
      a.recipient, a.by_hand AS kind, a.asked_by,
      a.id AS answer_id, a.state AS answer_state, a.reason AS answer_reason, a.text AS answer_text,
      a.encoding AS answer_encoding, a.segments AS answer_segments,
      (SELECT count(*) FROM answer_segments s WHERE s.attempt_id = (SELECT max(t.id) FROM attempts t
        WHERE t.answer_id = a.id) AND s.state IN ('sent', 'delivered', 'undelivered')) AS answer_segments_sent,
      CASE WHEN a.state <> 'queued' OR a.state IS NULL THEN NULL
        WHEN a.refusals = 0 AND a.due_limit > (julianday('now') - 2440587.5) * 86400 - (SELECT limit_epoch FROM line_state) THEN 'due'
        ELSE (SELECT CASE
          WHEN l.hold = 'held' OR l.key_lost_at IS NOT NULL THEN 'held'
          WHEN l.paused_at IS NOT NULL THEN 'paused'
          WHEN l.hold IS NOT NULL THEN l.hold
          WHEN l.breaker_cause IS NOT NULL AND a.by_hand IS NULL THEN l.breaker_cause
          WHEN a.due_limit > (julianday('now') - 2440587.5) * 86400 - (SELECT limit_epoch FROM line_state) THEN 'retry'
          WHEN EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id
            WHERE t.answer_id = a.id AND s.state = 'waiting') THEN coalesce(l.hold_half, 'send_interval')
          WHEN a.share = 'new' THEN coalesce(l.hold_new, 'send_interval')
          WHEN a.share = 'known' THEN coalesce(l.hold_known, 'send_interval')
          ELSE 'send_interval' END FROM line_state l)
      END AS answer_waiting_for,
      a.queued_at AS answer_queued_at,
      CASE WHEN a.state = 'queued' THEN strftime('%Y-%m-%dT%H:%M:%fZ',
        2440587.5 + (a.due_limit + (SELECT limit_epoch FROM line_state)) / 86400)
        ELSE a.due_at END AS answer_due_at,
      a.sent_at AS answer_sent_at, a.reported_at AS answer_reported_at
    FROM answers a WHERE a.by_hand IS NOT NULL;
CREATE INDEX contacts_withheld ON contacts (received_at, kind) WHERE originator IS NULL;
CREATE INDEX contacts_not_text ON contacts (originator, id) WHERE kind <> 'text';
CREATE INDEX contacts_tagged ON contacts (received_at) WHERE tags <> '[]';
CREATE TRIGGER contacts_insert AFTER INSERT ON contacts BEGIN
      INSERT INTO earlier_contacts SELECT new.id, id FROM contacts
        WHERE originator = new.originator AND id < new.id ORDER BY id DESC LIMIT 1;
      INSERT INTO earlier_contacts SELECT id, new.id FROM contacts
        WHERE originator = new.originator AND id > new.id ORDER BY id LIMIT 1
        ON CONFLICT DO UPDATE SET earlier_id = excluded.earlier_id;
      INSERT INTO clock_steps SELECT new.id WHERE new.received_at <
        (SELECT received_at FROM contacts WHERE id < new.id ORDER BY id DESC LIMIT 1) ON CONFLICT DO NOTHING;
      INSERT INTO clock_steps SELECT id FROM
        (SELECT id, received_at FROM contacts WHERE id > new.id ORDER BY id LIMIT 1)
        WHERE received_at < new.received_at ON CONFLICT DO NOTHING;
    END;
CREATE TRIGGER contacts_insert_judged AFTER INSERT ON contacts WHEN new.verdict IS NOT NULL BEGIN
      INSERT INTO totals (hour, name, kind, verdict, reason, total, held)
        VALUES (substr(new.received_at, 1, 13) || ':00:00.000Z', 'contacts', new.kind, new.verdict, new.reason, new.synchronised, 1)
        ON CONFLICT DO UPDATE SET total = total + excluded.total, held = held + 1;
      INSERT INTO totals (hour, name, kind, verdict, reason, total)
        SELECT '', 'contacts', new.kind, new.verdict, new.reason, 1 WHERE NOT new.synchronised
        ON CONFLICT DO UPDATE SET total = total + 1;
    END;
CREATE TRIGGER contacts_judged AFTER UPDATE OF verdict ON contacts
      WHEN old.verdict IS NULL AND new.verdict IS NOT NULL BEGIN
      INSERT INTO totals (hour, name, kind, verdict, reason, total, held)
        VALUES (substr(new.received_at, 1, 13) || ':00:00.000Z', 'contacts', new.kind, new.verdict, new.reason, new.synchronised, 1)
        ON CONFLICT DO UPDATE SET total = total + excluded.total, held = held + 1;
      INSERT INTO totals (hour, name, kind, verdict, reason, total)
        SELECT '', 'contacts', new.kind, new.verdict, new.reason, 1 WHERE NOT new.synchronised
        ON CONFLICT DO UPDATE SET total = total + 1;
    END;
CREATE TRIGGER contacts_changed AFTER UPDATE OF kind, verdict, reason, received_at ON contacts
      WHEN old.verdict IS NOT NULL AND (old.kind, old.verdict, old.reason, old.received_at)
        IS NOT (new.kind, new.verdict, new.reason, new.received_at) BEGIN
      UPDATE totals SET held = held - 1 WHERE hour = substr(old.received_at, 1, 13) || ':00:00.000Z' AND name = 'contacts' AND kind = old.kind
        AND verdict = old.verdict AND reason = old.reason AND state = '';
      INSERT INTO totals (hour, name, kind, verdict, reason, held)
        SELECT substr(new.received_at, 1, 13) || ':00:00.000Z', 'contacts', new.kind, new.verdict, new.reason, 1 WHERE new.verdict IS NOT NULL
        ON CONFLICT DO UPDATE SET held = held + 1;
    END;
CREATE TRIGGER contacts_moved AFTER UPDATE OF received_at ON contacts
      WHEN old.received_at <> new.received_at BEGIN
      INSERT INTO clock_steps SELECT new.id WHERE new.received_at <
        (SELECT received_at FROM contacts WHERE id < new.id ORDER BY id DESC LIMIT 1) ON CONFLICT DO NOTHING;
      INSERT INTO clock_steps SELECT id FROM
        (SELECT id, received_at FROM contacts WHERE id > new.id ORDER BY id LIMIT 1)
        WHERE received_at < new.received_at ON CONFLICT DO NOTHING;
    END;
CREATE TRIGGER contacts_renamed AFTER UPDATE OF originator ON contacts
      WHEN old.originator IS NOT new.originator BEGIN
      DELETE FROM earlier_contacts WHERE contact_id = (SELECT id FROM contacts WHERE originator = old.originator AND id > old.id ORDER BY id LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM earlier_contacts WHERE contact_id = old.id);
      UPDATE earlier_contacts SET earlier_id = (SELECT earlier_id FROM earlier_contacts WHERE contact_id = old.id)
        WHERE contact_id = (SELECT id FROM contacts WHERE originator = old.originator AND id > old.id ORDER BY id LIMIT 1);
      DELETE FROM earlier_contacts WHERE contact_id = old.id;
      INSERT INTO earlier_contacts SELECT new.id, id FROM contacts
        WHERE originator = new.originator AND id < new.id ORDER BY id DESC LIMIT 1;
      INSERT INTO earlier_contacts SELECT id, new.id FROM contacts
        WHERE originator = new.originator AND id > new.id ORDER BY id LIMIT 1
        ON CONFLICT DO UPDATE SET earlier_id = excluded.earlier_id;
    END;
CREATE TRIGGER contacts_delete AFTER DELETE ON contacts BEGIN
      DELETE FROM earlier_contacts WHERE contact_id = (SELECT id FROM contacts WHERE originator = old.originator AND id > old.id ORDER BY id LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM earlier_contacts WHERE contact_id = old.id);
      UPDATE earlier_contacts SET earlier_id = (SELECT earlier_id FROM earlier_contacts WHERE contact_id = old.id)
        WHERE contact_id = (SELECT id FROM contacts WHERE originator = old.originator AND id > old.id ORDER BY id LIMIT 1);
      DELETE FROM earlier_contacts WHERE contact_id = old.id;
      INSERT INTO clock_steps SELECT id FROM
        (SELECT id, received_at FROM contacts WHERE id > old.id ORDER BY id LIMIT 1)
        WHERE received_at < (SELECT received_at FROM contacts WHERE id < old.id ORDER BY id DESC LIMIT 1)
        ON CONFLICT DO NOTHING;
    END;
CREATE TRIGGER contacts_delete_judged AFTER DELETE ON contacts WHEN old.verdict IS NOT NULL BEGIN
      UPDATE totals SET held = held - 1 WHERE hour = substr(old.received_at, 1, 13) || ':00:00.000Z' AND name = 'contacts' AND kind = old.kind
        AND verdict = old.verdict AND reason = old.reason AND state = '';
    END;
CREATE TRIGGER answers_insert AFTER INSERT ON answers BEGIN
      INSERT INTO totals (hour, name, state, total) VALUES (iif((SELECT synchronised FROM line_state), strftime('%Y-%m-%dT%H:00:00.000Z', 'now'), ''), 'answers', new.state, 1)
        ON CONFLICT DO UPDATE SET total = total + 1;
    END;
CREATE TRIGGER answers_state AFTER UPDATE OF state ON answers WHEN old.state <> new.state BEGIN
      INSERT INTO totals (hour, name, state, total) VALUES (iif((SELECT synchronised FROM line_state), strftime('%Y-%m-%dT%H:00:00.000Z', 'now'), ''), 'answers', new.state, 1)
        ON CONFLICT DO UPDATE SET total = total + 1;
    END;
CREATE TRIGGER answer_segments_insert AFTER INSERT ON answer_segments WHEN new.state IN ('sent', 'delivered', 'undelivered') BEGIN
      INSERT INTO totals (hour, name, total) VALUES (iif((SELECT synchronised FROM line_state), strftime('%Y-%m-%dT%H:00:00.000Z', 'now'), ''), 'segments', 1)
        ON CONFLICT DO UPDATE SET total = total + 1;
    END;
CREATE TRIGGER answer_segments_state AFTER UPDATE OF state ON answer_segments
      WHEN old.state NOT IN ('sent', 'delivered', 'undelivered') AND new.state IN ('sent', 'delivered', 'undelivered') BEGIN
      INSERT INTO totals (hour, name, total) VALUES (iif((SELECT synchronised FROM line_state), strftime('%Y-%m-%dT%H:00:00.000Z', 'now'), ''), 'segments', 1)
        ON CONFLICT DO UPDATE SET total = total + 1;
    END;
CREATE INDEX words_met_untold ON words_met (contact_id) WHERE NOT told;
CREATE TRIGGER totals_insert AFTER INSERT ON totals WHEN new.total > 0 BEGIN
      INSERT INTO sums VALUES (new.name, new.kind, new.verdict, new.reason, new.state, new.total)
        ON CONFLICT DO UPDATE SET total = total + excluded.total;
    END;
CREATE TRIGGER totals_rise AFTER UPDATE OF total ON totals WHEN new.total > old.total BEGIN
      INSERT INTO sums VALUES (new.name, new.kind, new.verdict, new.reason, new.state, new.total - old.total)
        ON CONFLICT DO UPDATE SET total = total + excluded.total;
    END;
CREATE INDEX earlier_contacts_far ON earlier_contacts (earlier_id)
      WHERE contact_id / 1024 <> earlier_id / 1024
    ;
CREATE TRIGGER earlier_contacts_insert AFTER INSERT ON earlier_contacts BEGIN
      INSERT INTO earlier_counts VALUES (new.contact_id / 1024, 1, new.contact_id / 1024 = new.earlier_id / 1024)
        ON CONFLICT DO UPDATE SET earlier = earlier + 1, near = near + excluded.near;
    END;
CREATE TRIGGER earlier_contacts_changed AFTER UPDATE OF earlier_id ON earlier_contacts
      WHEN (old.contact_id / 1024 = old.earlier_id / 1024) <> (new.contact_id / 1024 = new.earlier_id / 1024) BEGIN
      UPDATE earlier_counts SET near = near + (new.contact_id / 1024 = new.earlier_id / 1024) - (old.contact_id / 1024 = old.earlier_id / 1024) WHERE stretch = new.contact_id / 1024;
    END;
CREATE TRIGGER earlier_contacts_delete AFTER DELETE ON earlier_contacts BEGIN
      UPDATE earlier_counts SET earlier = earlier - 1, near = near - (old.contact_id / 1024 = old.earlier_id / 1024) WHERE stretch = old.contact_id / 1024;
    END;
CREATE INDEX contacts_kept ON contacts (id) WHERE kept_at IS NOT NULL;
CREATE INDEX fleet_own_owed ON fleet_own (version) WHERE sent < version;
CREATE VIEW log AS
    SELECT
      c.id, c.line, c.kind, c.originator, c.text, c.segments_received, c.segments_total, c.scts,
      c.received_at, c.repeats, c.tags, c.verdict, c.reason,
      (SELECT e.line FROM elsewhere e WHERE e.contact_id = c.id) AS elsewhere,
      a.id AS answer_id, a.state AS answer_state, a.reason AS answer_reason, a.text AS answer_text,
      a.encoding AS answer_encoding, a.segments AS answer_segments,
      (SELECT count(*) FROM answer_segments s WHERE s.attempt_id = (SELECT max(t.id) FROM attempts t
        WHERE t.answer_id = a.id) AND s.state IN ('sent', 'delivered', 'undelivered')) AS answer_segments_sent,
      CASE WHEN a.state <> 'queued' OR a.state IS NULL THEN NULL
        WHEN a.refusals = 0 AND a.due_limit > (julianday('now') - 2440587.5) * 86400 - (SELECT limit_epoch FROM line_state) THEN 'due'
        ELSE (SELECT CASE
          WHEN l.hold = 'held' OR l.key_lost_at IS NOT NULL THEN 'held'
          WHEN l.paused_at IS NOT NULL THEN 'paused'
          WHEN l.hold IS NOT NULL THEN l.hold
          WHEN l.breaker_cause IS NOT NULL AND a.by_hand IS NULL THEN l.breaker_cause
          WHEN a.due_limit > (julianday('now') - 2440587.5) * 86400 - (SELECT limit_epoch FROM line_state) THEN 'retry'
          WHEN EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id
            WHERE t.answer_id = a.id AND s.state = 'waiting') THEN coalesce(l.hold_half, 'send_interval')
          WHEN a.share = 'new' THEN coalesce(l.hold_new, 'send_interval')
          WHEN a.share = 'known' THEN coalesce(l.hold_known, 'send_interval')
          ELSE 'send_interval' END FROM line_state l)
      END AS answer_waiting_for,
      a.queued_at AS answer_queued_at,
      CASE WHEN a.state = 'queued' THEN strftime('%Y-%m-%dT%H:%M:%fZ',
        2440587.5 + (a.due_limit + (SELECT limit_epoch FROM line_state)) / 86400)
        ELSE a.due_at END AS answer_due_at,
      a.sent_at AS answer_sent_at, a.reported_at AS answer_reported_at
    FROM contacts c LEFT JOIN answers a ON a.contact_id = c.id;
CREATE INDEX answers_sent ON answers (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX fleet_answers_owed ON fleet_answers_own (version) WHERE sent < version;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('contacts',3);
INSERT INTO "sqlite_sequence" VALUES('segments',2);
INSERT INTO "sqlite_sequence" VALUES('answers',1);
INSERT INTO "sqlite_sequence" VALUES('attempts',1);
INSERT INTO "sqlite_sequence" VALUES('answer_segments',2);
INSERT INTO "sqlite_sequence" VALUES('events',68);
INSERT INTO "sqlite_sequence" VALUES('requests',3);
INSERT INTO "sqlite_sequence" VALUES('alerts',1);
COMMIT;
