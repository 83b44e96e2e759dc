-- Which commands have changed a password: the log is told afterwards, at the next start if need be.
CREATE TABLE "vault"."password_changes" (
  "command_id" text COLLATE "C" PRIMARY KEY,
  "person_id" text COLLATE "C" NOT NULL REFERENCES "vault"."persons" ("id") ON DELETE CASCADE,
  "fingerprint" text,
  "changed_at" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "password_changes_by_person" ON "vault"."password_changes" ("person_id");
