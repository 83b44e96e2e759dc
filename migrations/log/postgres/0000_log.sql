CREATE TABLE "log"."events" (
  "position" bigint PRIMARY KEY CHECK ("position" > 0),
  "id" text NOT NULL,
  "stream" text COLLATE "C" NOT NULL,
  "version" integer NOT NULL CHECK ("version" > 0),
  "type" text COLLATE "C" NOT NULL,
  "schema_version" integer NOT NULL CHECK ("schema_version" > 0),
  "data" text NOT NULL,
  "meta" text NOT NULL,
  "time" text COLLATE "C" NOT NULL,
  "hash" text NOT NULL,
  UNIQUE ("stream", "version")
);
--> statement-breakpoint
CREATE FUNCTION "log"."refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events are never %', CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END;
END $$;
--> statement-breakpoint
CREATE TRIGGER "events_are_never_changed" BEFORE UPDATE OR DELETE OR TRUNCATE ON "log"."events"
FOR EACH STATEMENT EXECUTE FUNCTION "log"."refuse_change"();
--> statement-breakpoint
ALTER TABLE "log"."events" ENABLE ALWAYS TRIGGER "events_are_never_changed";
--> statement-breakpoint
-- The newest event. Whoever appends holds this row until the commit, so that positions are contiguous and in
-- the order of the commits. Most of its page stays free: each append leaves an old row behind in it.
CREATE TABLE "log"."head" (
  "is_only" boolean PRIMARY KEY DEFAULT true CHECK ("is_only"),
  "position" bigint NOT NULL,
  "hash" text NOT NULL,
  "time" text COLLATE "C" NOT NULL
) WITH (fillfactor = 10);
--> statement-breakpoint
INSERT INTO "log"."head" ("position", "hash", "time") VALUES (0, repeat('0', 64), '');
--> statement-breakpoint
CREATE TABLE "log"."claims" (
  "kind" text COLLATE "C" NOT NULL,
  "key" text COLLATE "C" NOT NULL,
  "stream" text COLLATE "C" NOT NULL,
  PRIMARY KEY ("kind", "key")
);
--> statement-breakpoint
CREATE TABLE "log"."commands" (
  "id" text COLLATE "C" PRIMARY KEY,
  "position" bigint NOT NULL,
  "stream" text NOT NULL,
  "version" integer NOT NULL,
  "time" text NOT NULL,
  "fingerprint" text
);
--> statement-breakpoint
-- What becomes of one append of a batch. For a refusal because of a version, `version` is the actual one.
CREATE TYPE "log"."outcome" AS (
  "append" integer,
  "result" text,
  "position" bigint,
  "version" integer,
  "time" text,
  "stream" text,
  "kind" text
);
--> statement-breakpoint
-- The last batch of each process that writes: whoever has lost the connection asks again and learns.
CREATE TABLE "log"."writers" (
  "id" uuid PRIMARY KEY,
  "batch" bigint NOT NULL,
  "outcomes" "log"."outcome"[] NOT NULL,
  "at" timestamptz NOT NULL
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE "log"."follower_checkpoints" (
  "follower" text PRIMARY KEY,
  "position" bigint NOT NULL
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE "log"."leases" (
  "name" text PRIMARY KEY,
  "owner" text NOT NULL,
  "epoch" bigint NOT NULL,
  "expires_at" timestamptz NOT NULL
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE FUNCTION "log"."next_hash"("hash" text, "start" text, "event" text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN encode(sha256(convert_to(coalesce(hash, start) || E'\n' || event, 'UTF8')), 'hex');
END $$;
--> statement-breakpoint
-- Over a window of events: the hash of each, which covers those before it.
CREATE AGGREGATE "log"."chained"("start" text, "event" text) (
  SFUNC = "log"."next_hash",
  STYPE = text
);
--> statement-breakpoint
-- Appends a batch. The arrays stand for four tables: appends, their writes, the events of these, and claims
-- to take or release; rows point to each other by their number, from 1. Appends that may be judged
-- side by side form a group, which ends at an append of `group_ends`: within one, no append depends on what
-- another does. An expected version of -1 is any, of -2 any but none.
--
-- The head is locked before anything is read, so each statement here sees everything committed before and
-- nobody else appends meanwhile: no append can spoil another or wait for one in a circle.
CREATE FUNCTION "log"."append"(
  writer uuid, writer_batch bigint, group_ends integer[],
  command_ids text[], fingerprints text[], metas text[], times text[],
  event_counts integer[], first_writes integer[],
  write_appends integer[], write_streams text[], write_expected integer[], write_counts integer[],
  event_writes integer[], event_ordinals integer[], event_ids text[], event_types text[],
  event_schema_versions integer[], event_data text[],
  take_appends integer[], take_kinds text[], take_keys text[], take_streams text[],
  release_appends integer[], release_kinds text[], release_keys text[], release_streams text[],
  release_keeps_one integer[]
) RETURNS SETOF "log"."outcome" LANGUAGE plpgsql
-- The plans are made once, from tables that may be empty yet: never a scan of what will be large, nor a
-- product of what belongs to the batch.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_nestloop = off
SET search_path = pg_catalog
AS $$
DECLARE
  before log.head;
  tip log.head;
  known log.writers;
  outcomes log.outcome[] := '{}';
  group_outcomes log.outcome[];
  first_append integer := 1;
  last_append integer;
BEGIN
  IF current_setting('synchronous_commit') IN ('off', 'local') THEN
    SET LOCAL synchronous_commit = on;
  END IF;
  SELECT * INTO STRICT before FROM log.head FOR UPDATE;
  SELECT * INTO known FROM log.writers AS w WHERE w.id = writer;
  IF known.batch = writer_batch THEN
    RETURN QUERY SELECT * FROM unnest(known.outcomes);
    RETURN;
  END IF;
  IF known.batch > writer_batch THEN
    RAISE EXCEPTION 'batch % came after batch %', writer_batch, known.batch;
  END IF;
  tip := before;

  FOREACH last_append IN ARRAY group_ends LOOP
    WITH appends AS (
      SELECT a.*
      FROM unnest(command_ids, fingerprints, metas, times, event_counts, first_writes)
        WITH ORDINALITY AS a(command_id, fingerprint, meta, "time", events, first_write, number)
      WHERE a.number BETWEEN first_append AND last_append
    ), writes AS MATERIALIZED (
      SELECT w.*, coalesce(newest.version, 0) AS actual
      FROM unnest(write_appends, write_streams, write_expected, write_counts)
        WITH ORDINALITY AS w(append, stream, expected, events, number)
      LEFT JOIN LATERAL (
        SELECT e.version FROM log.events AS e WHERE e.stream = w.stream COLLATE "C"
        ORDER BY e.version DESC LIMIT 1
      ) AS newest ON true
      WHERE w.append BETWEEN first_append AND last_append
    ), wrong AS (
      SELECT DISTINCT ON (w.append) w.append, w.stream, w.actual FROM writes AS w
      WHERE CASE w.expected
        WHEN -1 THEN false WHEN -2 THEN w.actual = 0 ELSE w.actual <> w.expected END
      ORDER BY w.append, w.number
    ), taken AS (
      SELECT DISTINCT ON (t.append) t.append, t.kind
      FROM unnest(take_appends, take_kinds, take_keys, take_streams)
        WITH ORDINALITY AS t(append, kind, key, stream, number)
      JOIN LATERAL (
        SELECT c.stream FROM log.claims AS c
        WHERE c.kind = t.kind COLLATE "C" AND c.key = t.key COLLATE "C" LIMIT 1
      ) AS held ON held.stream <> t.stream
      WHERE t.append BETWEEN first_append AND last_append
      ORDER BY t.append, t.number
    ), last_of_kind AS (
      SELECT DISTINCT ON (r.append) r.append, r.kind
      FROM unnest(release_appends, release_kinds, release_keys, release_keeps_one)
        WITH ORDINALITY AS r(append, kind, key, keeps_one, number)
      LEFT JOIN LATERAL (
        SELECT c.key FROM log.claims AS c
        WHERE c.kind = r.kind COLLATE "C" AND c.key <> r.key COLLATE "C" LIMIT 1
      ) AS other ON true
      WHERE r.keeps_one = 1 AND other.key IS NULL AND r.append BETWEEN first_append AND last_append
      ORDER BY r.append, r.number
    ), judged AS MATERIALIZED (
      SELECT a.*, repeated.position AS repeated_position, repeated.version AS repeated_version,
        repeated.time AS repeated_time, repeated.stream AS repeated_stream,
        wrong.stream AS wrong_stream, wrong.actual AS wrong_version,
        coalesce(taken.kind, last_of_kind.kind) AS kind,
        CASE
          WHEN repeated.fingerprint <> a.fingerprint THEN 'command-reused'
          WHEN repeated.id IS NOT NULL THEN 'repeated'
          WHEN wrong.append IS NOT NULL THEN 'version'
          WHEN taken.append IS NOT NULL THEN 'claim-taken'
          WHEN last_of_kind.append IS NOT NULL THEN 'last-claim'
          ELSE 'stored'
        END AS result
      FROM appends AS a
      LEFT JOIN LATERAL (
        SELECT c.* FROM log.commands AS c WHERE c.id = a.command_id COLLATE "C" LIMIT 1
      ) AS repeated ON true
      LEFT JOIN wrong ON wrong.append = a.number
      LEFT JOIN taken ON taken.append = a.number
      LEFT JOIN last_of_kind ON last_of_kind.append = a.number
    ), placed AS MATERIALIZED (
      SELECT j.number, j.command_id, j.fingerprint, j.meta, w.stream,
        tip.position + sum(j.events) OVER so_far AS "position",
        w.actual + w.events AS version,
        greatest(tip.time, max(j.time COLLATE "C") OVER so_far) AS "time"
      FROM judged AS j JOIN writes AS w ON w.number = j.first_write
      WHERE j.result = 'stored'
      WINDOW so_far AS (ORDER BY j.number)
    ), inserted AS (
      INSERT INTO log.events
        ("position", id, stream, version, type, schema_version, data, meta, "time", hash)
      SELECT n.position, n.id, n.stream, n.version, n.type, n.schema_version, n.data, n.meta, n.time,
        log.chained(tip.hash, n.position || E'\n' || n.id || E'\n' || n.stream || E'\n' || n.version
          || E'\n' || n.type || E'\n' || n.schema_version || E'\n' || n.time || E'\n' || n.meta
          || E'\n' || n.data) OVER (ORDER BY n.position)
      FROM (
        SELECT tip.position + row_number() OVER (ORDER BY e.number) AS "position", e.id, w.stream,
          w.actual + e.ordinal AS version, e.type, e.schema_version, e.data, p.meta, p.time
        FROM unnest(event_writes, event_ordinals, event_ids, event_types, event_schema_versions,
          event_data)
          WITH ORDINALITY AS e("write", ordinal, id, type, schema_version, data, number)
        JOIN writes AS w ON w.number = e.write
        JOIN placed AS p ON p.number = w.append
      ) AS n
      RETURNING "position", hash
    ), remembered AS (
      INSERT INTO log.commands (id, "position", stream, version, "time", fingerprint)
      SELECT p.command_id, p.position, p.stream, p.version, p.time, p.fingerprint
      FROM placed AS p WHERE p.command_id IS NOT NULL
    )
    SELECT
      array_agg(ROW(
        j.number,
        j.result,
        coalesce(p.position, j.repeated_position),
        CASE j.result WHEN 'version' THEN j.wrong_version
          ELSE coalesce(p.version, j.repeated_version) END,
        coalesce(p.time, j.repeated_time),
        CASE j.result WHEN 'version' THEN j.wrong_stream ELSE j.repeated_stream END,
        j.kind
      )::log.outcome ORDER BY j.number),
      coalesce(max(p.position), tip.position),
      coalesce((SELECT i.hash FROM inserted AS i ORDER BY i.position DESC LIMIT 1), tip.hash),
      coalesce(max(p.time COLLATE "C"), tip.time)
    INTO group_outcomes, tip.position, tip.hash, tip.time
    FROM judged AS j LEFT JOIN placed AS p ON p.number = j.number;
    outcomes := outcomes || group_outcomes;

    IF cardinality(release_appends) > 0 THEN
      DELETE FROM log.claims AS c
      USING unnest(release_appends, release_kinds, release_keys, release_streams)
        AS r(append, kind, key, stream), unnest(group_outcomes) AS j
      WHERE r.append = j.append AND j.result = 'stored'
        AND c.kind = r.kind COLLATE "C" AND c.key = r.key COLLATE "C" AND c.stream = r.stream;
    END IF;
    IF cardinality(take_appends) > 0 THEN
      INSERT INTO log.claims (kind, key, stream)
      SELECT DISTINCT ON (t.kind, t.key) t.kind, t.key, t.stream
      FROM unnest(take_appends, take_kinds, take_keys, take_streams)
        WITH ORDINALITY AS t(append, kind, key, stream, number), unnest(group_outcomes) AS j
      WHERE t.append = j.append AND j.result = 'stored'
      ORDER BY t.kind, t.key, t.number DESC
      ON CONFLICT (kind, key) DO UPDATE SET stream = excluded.stream;
    END IF;
    first_append := last_append + 1;
  END LOOP;

  IF tip IS DISTINCT FROM before THEN
    UPDATE log.head SET "position" = tip.position, hash = tip.hash, "time" = tip.time;
  END IF;
  INSERT INTO log.writers AS w (id, batch, outcomes, at)
  VALUES (writer, writer_batch, outcomes, now())
  ON CONFLICT (id) DO UPDATE
    SET batch = excluded.batch, outcomes = excluded.outcomes, at = excluded.at;
  RETURN QUERY SELECT * FROM unnest(outcomes);
END $$;
