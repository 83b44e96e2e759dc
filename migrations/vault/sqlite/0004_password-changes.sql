-- Which commands have changed a password: the log is told afterwards, at the next start if need be.
CREATE TABLE `password_changes` (
  `command_id` text PRIMARY KEY,
  `person_id` text NOT NULL REFERENCES `persons` (`id`) ON DELETE CASCADE,
  `fingerprint` text,
  `changed_at` text NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `password_changes_by_person` ON `password_changes` (`person_id`);
