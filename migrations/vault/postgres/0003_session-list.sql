-- When a session ends however often it is used, the token before the present one and when it was exchanged, and
-- what the session was started with, sealed under the key of its person.
ALTER TABLE "vault"."sessions"
  ADD COLUMN "ends_at" text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN "previous_hash" text,
  ADD COLUMN "rotated_at" text COLLATE "C",
  ADD COLUMN "device" text;
--> statement-breakpoint
UPDATE "vault"."sessions" SET "ends_at" = to_char(
  ("started_at"::timestamptz + interval '720 hours') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
);
