-- The hub of a fleet: a row for each line, with the whole list of those whom it refuses. A line LINE logs in as role
-- hotlined_LINE; it reads every row, and writes its own. Run this as often as you like, in a database of PostgreSQL 15 or
-- later, as a superuser; after a restore it has to be, because a dump has no roles, and so no rights and no policies.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hotlined-lines') THEN CREATE ROLE "hotlined-lines"; END IF;
  EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS hotlined;
-- the SHA-256 of the fleet's key, from the first invitation; the hub never has the key
CREATE TABLE IF NOT EXISTS hotlined.key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$')
);
CREATE TABLE IF NOT EXISTS hotlined.lists (
  line text PRIMARY KEY CHECK (line ~ '^[a-z0-9][a-z0-9_]{0,21}$'),
  number bigint NOT NULL DEFAULT 0,
  mark text CHECK (length(mark) <= 32),  -- drawn by the line for each list: whether the one under way has arrived
  -- 7 octets a person, sorted: the pseudonym, and what was decided (1: opted out, 2: blocked)
  persons bytea NOT NULL DEFAULT '' CHECK (octet_length(persons) % 7 = 0 AND octet_length(persons) <= 350000),
  seen_at timestamptz CHECK (seen_at BETWEEN '1970-01-01T00:00Z' AND '9000-01-01T00:00Z')
);
-- NEW.number is the number that the line knows; a hub that was put back may be below it. It counts for a day ahead of
-- the hub's clock at most, so that nobody who has a line's login can use the numbers up.
CREATE OR REPLACE FUNCTION hotlined.number_it() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE now bigint := extract(epoch FROM clock_timestamp()) * 1000000;
BEGIN
  NEW.number := greatest(OLD.number, least(NEW.number, now + 86400000000), now) + 1;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER number_it BEFORE UPDATE OF number, mark, persons ON hotlined.lists
  FOR EACH ROW EXECUTE FUNCTION hotlined.number_it();

ALTER TABLE hotlined.lists ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS read ON hotlined.lists;
DROP POLICY IF EXISTS write ON hotlined.lists;
CREATE POLICY read ON hotlined.lists FOR SELECT TO "hotlined-lines" USING (true);
CREATE POLICY write ON hotlined.lists FOR UPDATE TO "hotlined-lines" USING ('hotlined_' || line = current_user);
GRANT USAGE ON SCHEMA hotlined TO "hotlined-lines";
GRANT SELECT ON hotlined.key, hotlined.lists TO "hotlined-lines";
GRANT UPDATE (number, mark, persons, seen_at) ON hotlined.lists TO "hotlined-lines";
