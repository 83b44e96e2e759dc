-- Tickets that have not been used yet, which any node may be shown: by their SHA-256, for half a minute.
CREATE TABLE "vault"."tickets" (
  "digest" text COLLATE "C" PRIMARY KEY,
  "holder" text NOT NULL,
  "expires_at" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "tickets_by_expiry" ON "vault"."tickets" ("expires_at");
