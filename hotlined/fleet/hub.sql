-- The hub of a fleet: one row per line and person, written by that line. Run this once, in one transaction, in a
-- database of PostgreSQL 15 or later, as a role that may create roles. A line LINE logs in as role hotlined_LINE and
-- may call hotlined.exchange; nobody else gets a right here. The rules are in the head of hotlined/store/fleet.py.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hotlined') THEN
    CREATE ROLE hotlined NOLOGIN;
  END IF;
  -- no role may fill the disk with temporary tables or large objects, or hold locks until nobody can log in any more
  EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE (SELECT string_agg(format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure), ';')
    FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
      AND (proname LIKE 'lo\_%' OR proname LIKE 'pg\_%advisory\_%'
        OR proname IN ('loread', 'lowrite', 'pg_logical_emit_message')));
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT pg_signal_backend, pg_read_all_stats TO hotlined;

CREATE SCHEMA hotlined AUTHORIZATION hotlined;
SET LOCAL ROLE hotlined;
-- one row, made by the first invitation; `place` is the last position given to a row of `said`. Writers lock this row,
-- so that places have the order of commits, and a line that reads on from a place misses nothing.
CREATE TABLE hotlined.hub (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  place bigint NOT NULL DEFAULT 0,
  key text NOT NULL CHECK (key ~ '^[0-9a-f]{64}$')  -- SHA-256 of the fleet's key; the hub never has the key
);
CREATE TABLE hotlined.lines (
  line text PRIMARY KEY CHECK (line ~ '^[a-z0-9][a-z0-9_]{0,21}$'),
  seen_at timestamptz,
  figures text CHECK (octet_length(figures) <= 2000)
);
-- the times that lines accept; a row that a line refuses would stop all later rows
CREATE DOMAIN hotlined.moment AS timestamptz CHECK (VALUE BETWEEN '1970-01-01T00:00Z' AND '9000-01-01T00:00Z');
CREATE TABLE hotlined.said (
  line text NOT NULL REFERENCES hotlined.lines,
  person text NOT NULL CHECK (person ~ '^~[0-9a-f]{12}$'),
  version bigint NOT NULL CHECK (version BETWEEN 1 AND 1::bigint << 60),
  opted_out_at hotlined.moment,
  blocked_at hotlined.moment,
  asked bigint CHECK (asked BETWEEN 1 AND 1::bigint << 60),  -- the version in which it asked to erase this person
  asked_at hotlined.moment CHECK ((asked IS NULL) = (asked_at IS NULL)),
  answers int NOT NULL CHECK (answers BETWEEN 0 AND 1000000),
  answered_at timestamptz,  -- the time of the last answer, by the hub's clock
  place bigint NOT NULL UNIQUE,
  PRIMARY KEY (line, person)
);
CREATE INDEX said_version ON hotlined.said (line, version DESC);

-- Answers one question of the line that is logged in, in one transaction.
CREATE FUNCTION hotlined.exchange(q jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  me text := substr(session_user, length('hotlined_') + 1);
  asks_from bigint := (q->>'cursor')::bigint;
  h hotlined.hub;
  highest bigint;
  fits bool;
  is_full bool := false;
  found jsonb;
BEGIN
  IF session_user NOT LIKE 'hotlined\_%' OR octet_length(q::text) > 262144 OR jsonb_array_length(q->'rows') > 200 THEN
    RAISE EXCEPTION 'this is no question of a line';
  END IF;
  SELECT * INTO STRICT h FROM hotlined.hub;
  fits := coalesce(h.id::text = q->>'hub' AND asks_from <= h.place, false);
  IF fits AND q->'rows' <> '[]' THEN
    -- a line that keeps a transaction open would keep the lock, and block all others
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND usename LIKE 'hotlined\_%' AND pid <> pg_backend_pid()
        AND xact_start < clock_timestamp() - interval '10 seconds';
    SELECT * INTO STRICT h FROM hotlined.hub FOR UPDATE;  -- other lines with rows wait here until the commit
    h.place := greatest(h.place, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    SELECT coalesce(max(version), 0) INTO highest FROM hotlined.said WHERE line = me;
    is_full := 50000 < (SELECT count(*) FROM hotlined.said WHERE line = me)
      + (SELECT count(*) FROM jsonb_to_recordset(q->'rows') AS r (person text)
        WHERE NOT EXISTS (SELECT FROM hotlined.said s WHERE s.line = me AND s.person = r.person));
    IF highest = (q->>'base')::bigint AND NOT is_full THEN
      INSERT INTO hotlined.said AS s
        SELECT me, r.person, r.version, r.opted_out_at, r.blocked_at, r.asked, r.asked_at, r.answers,
          clock_timestamp() - r.age * interval '1 second', h.place + row_number() OVER (ORDER BY r.version)
        FROM jsonb_to_recordset(q->'rows') AS r (person text, version bigint, opted_out_at timestamptz,
          blocked_at timestamptz, asked bigint, asked_at timestamptz, answers int, age bigint)
        WHERE r.version < 1::bigint << 59  -- higher versions are reserved for `lift`
        ON CONFLICT (line, person) DO UPDATE SET version = excluded.version, opted_out_at = excluded.opted_out_at,
          blocked_at = excluded.blocked_at, asked = excluded.asked, asked_at = excluded.asked_at,
          answers = excluded.answers, answered_at = excluded.answered_at, place = excluded.place
          WHERE s.version < excluded.version;
      UPDATE hotlined.hub SET place = h.place + jsonb_array_length(q->'rows');
    END IF;
  END IF;
  SELECT coalesce(max(version), 0) INTO highest FROM hotlined.said WHERE line = me;
  fits := fits AND highest IN ((q->>'base')::bigint, (q->>'upto')::bigint);
  IF q ? 'figures' THEN
    UPDATE hotlined.lines SET seen_at = clock_timestamp(), figures = q->>'figures' WHERE line = me;
  END IF;
  SELECT coalesce(jsonb_agg(to_jsonb(s) - 'answered_at' || jsonb_build_object('age',
      extract(epoch FROM clock_timestamp() - answered_at)::bigint) ORDER BY place), '[]') INTO found
    FROM (SELECT * FROM hotlined.said WHERE place > asks_from ORDER BY place LIMIT 200) s WHERE fits;
  RETURN jsonb_build_object('hub', h.id, 'key', h.key, 'fits', fits, 'full', is_full, 'highest', highest,
    'now', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    'rows', found, 'more', jsonb_array_length(found) = 200,
    'lines', CASE WHEN q ? 'figures' THEN (SELECT jsonb_agg(jsonb_build_object('line', line, 'away',
      extract(epoch FROM clock_timestamp() - seen_at)::bigint, 'figures', figures) ORDER BY line)
      FROM hotlined.lines JOIN pg_roles ON rolname = 'hotlined_' || line AND rolcanlogin) END,
    'echo', q - 'rows' - 'figures');
END $$;

-- Blanks the rows of a removed line, about one person or all; returns the numbers of opt-outs and blocks that this
-- lifts. The rows are blanked and not deleted, because the other lines would not notice a deletion.
CREATE FUNCTION hotlined.lift(whose text, whom text DEFAULT NULL, OUT opt_outs bigint, OUT blocks bigint)
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  top bigint;
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'hotlined_' || whose AND rolcanlogin) THEN
    RAISE EXCEPTION 'line % is not struck off', whose;
  END IF;
  SELECT greatest(place, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) INTO STRICT top
    FROM hotlined.hub FOR UPDATE;
  SELECT count(opted_out_at), count(blocked_at) INTO opt_outs, blocks
    FROM hotlined.said WHERE line = whose AND (whom IS NULL OR person = whom);
  UPDATE hotlined.said s SET version = version + 1, opted_out_at = NULL, blocked_at = NULL, asked = NULL,
      asked_at = NULL, answers = 0, answered_at = NULL, place = top + n.n
    FROM (SELECT person, row_number() OVER (ORDER BY version) AS n FROM hotlined.said
      WHERE line = whose AND (whom IS NULL OR person = whom)) n WHERE s.line = whose AND s.person = n.person;
  UPDATE hotlined.hub SET place = top + (SELECT count(*) FROM hotlined.said WHERE line = whose);
END $$;
REVOKE ALL ON FUNCTION hotlined.exchange, hotlined.lift FROM PUBLIC;
RESET ROLE;
