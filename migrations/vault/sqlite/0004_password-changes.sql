-- Which passwords have changed of late, and by which command if that can come again: the log is told afterwards, at
-- the next start if need be, which confirms it.
CREATE TABLE `password_changes` (
  `id` text PRIMARY KEY,
  `person_id` text NOT NULL REFERENCES `persons` (`id`) ON DELETE CASCADE,
  `command_id` text,
  `fingerprint` text,
  `changed_at` text NOT NULL,
  `expires_at` text NOT NULL,
  `is_confirmed` integer NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `password_changes_by_person` ON `password_changes` (`person_id`);
--> statement-breakpoint
CREATE UNIQUE INDEX `password_changes_by_command` ON `password_changes` (`command_id`) WHERE `command_id` IS NOT NULL;
--> statement-breakpoint
CREATE INDEX `password_changes_unconfirmed` ON `password_changes` (`changed_at`) WHERE `is_confirmed` = 0;
--> statement-breakpoint
CREATE INDEX `password_changes_by_expiry` ON `password_changes` (`expires_at`);
