-- Keys and password hashes that were deleted or replaced should leave their pages soon, so these two tables are
-- vacuumed each time the server looks after it.
CREATE TABLE "vault"."persons" (
  "id" text COLLATE "C" PRIMARY KEY,
  "key_id" text COLLATE "C" NOT NULL UNIQUE,
  "wrapped_key" text NOT NULL,
  "is_confirmed" boolean NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
--> statement-breakpoint
CREATE INDEX "persons_unconfirmed" ON "vault"."persons" ("id") WHERE NOT "is_confirmed";
--> statement-breakpoint
CREATE TABLE "vault"."credentials" (
  "person_id" text COLLATE "C" PRIMARY KEY REFERENCES "vault"."persons" ("id") ON DELETE CASCADE,
  "password_hash" text NOT NULL,
  "changed_at" text NOT NULL
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
--> statement-breakpoint
CREATE TABLE "vault"."sessions" (
  "id" text COLLATE "C" PRIMARY KEY,
  "person_id" text COLLATE "C" NOT NULL REFERENCES "vault"."persons" ("id") ON DELETE CASCADE,
  "refresh_hash" text NOT NULL,
  "started_at" text COLLATE "C" NOT NULL,
  "expires_at" text COLLATE "C" NOT NULL,
  "ended_at" text COLLATE "C",
  "was_reused" boolean NOT NULL DEFAULT false
);
--> statement-breakpoint
CREATE INDEX "sessions_by_person" ON "vault"."sessions" ("person_id");
--> statement-breakpoint
CREATE INDEX "sessions_by_end" ON "vault"."sessions" ("ended_at") WHERE "ended_at" IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "sessions_by_expiry" ON "vault"."sessions" ("expires_at");
--> statement-breakpoint
CREATE INDEX "sessions_reused" ON "vault"."sessions" ("id") WHERE "was_reused";
--> statement-breakpoint
CREATE TABLE "vault"."answers" (
  "command_id" text COLLATE "C" PRIMARY KEY,
  "person_id" text COLLATE "C" REFERENCES "vault"."persons" ("id") ON DELETE CASCADE,
  "request_digest" text NOT NULL,
  "sealed" text NOT NULL,
  "expires_at" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "answers_by_expiry" ON "vault"."answers" ("expires_at");
--> statement-breakpoint
CREATE INDEX "answers_by_person" ON "vault"."answers" ("person_id") WHERE "person_id" IS NOT NULL;
--> statement-breakpoint
CREATE TABLE "vault"."secrets" (
  "name" text COLLATE "C" PRIMARY KEY,
  "wrapped" text NOT NULL
);
