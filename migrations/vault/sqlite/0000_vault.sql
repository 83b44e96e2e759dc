CREATE TABLE `persons` (
  `id` text PRIMARY KEY,
  `key_id` text NOT NULL UNIQUE,
  `wrapped_key` text NOT NULL,
  `is_confirmed` integer NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `persons_unconfirmed` ON `persons` (`id`) WHERE `is_confirmed` = 0;
--> statement-breakpoint
CREATE TABLE `credentials` (
  `person_id` text PRIMARY KEY REFERENCES `persons` (`id`) ON DELETE CASCADE,
  `password_hash` text NOT NULL,
  `changed_at` text NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `sessions` (
  `id` text PRIMARY KEY,
  `person_id` text NOT NULL REFERENCES `persons` (`id`) ON DELETE CASCADE,
  `refresh_hash` text NOT NULL,
  `started_at` text NOT NULL,
  `expires_at` text NOT NULL,
  `ended_at` text
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `sessions_by_person` ON `sessions` (`person_id`);
--> statement-breakpoint
CREATE INDEX `sessions_by_end` ON `sessions` (`ended_at`) WHERE `ended_at` IS NOT NULL;
--> statement-breakpoint
CREATE TABLE `answers` (
  `command_id` text PRIMARY KEY,
  `person_id` text REFERENCES `persons` (`id`) ON DELETE CASCADE,
  `request_digest` text NOT NULL,
  `sealed` text NOT NULL,
  `expires_at` text NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `answers_by_expiry` ON `answers` (`expires_at`);
--> statement-breakpoint
CREATE TABLE `secrets` (
  `name` text PRIMARY KEY,
  `wrapped` text NOT NULL
) STRICT, WITHOUT ROWID;
