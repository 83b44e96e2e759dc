-- Which passwords have changed of late, and by which command if that can come again: the log is told afterwards, at
-- the next start if need be, which confirms it.
CREATE TABLE "vault"."password_changes" (
  "id" text COLLATE "C" PRIMARY KEY,
  "person_id" text COLLATE "C" NOT NULL REFERENCES "vault"."persons" ("id") ON DELETE CASCADE,
  "command_id" text COLLATE "C",
  "fingerprint" text,
  "changed_at" text COLLATE "C" NOT NULL,
  "expires_at" text COLLATE "C" NOT NULL,
  "is_confirmed" boolean NOT NULL DEFAULT false
);
--> statement-breakpoint
CREATE INDEX "password_changes_by_person" ON "vault"."password_changes" ("person_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "password_changes_by_command" ON "vault"."password_changes" ("command_id")
  WHERE "command_id" IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "password_changes_unconfirmed" ON "vault"."password_changes" ("changed_at") WHERE NOT "is_confirmed";
--> statement-breakpoint
CREATE INDEX "password_changes_by_expiry" ON "vault"."password_changes" ("expires_at");
