CREATE TABLE `jobs` (
  `id` text PRIMARY KEY,
  `name` text NOT NULL,
  `data` text NOT NULL,
  `state` text NOT NULL DEFAULT 'waiting' CHECK (`state` IN ('waiting', 'active', 'done', 'dead')),
  `attempts` integer NOT NULL DEFAULT 0,
  `deaths` integer NOT NULL DEFAULT 0,
  `enqueued_at` text NOT NULL,
  `due_at` text NOT NULL,
  `finished_at` text,
  `reason` text
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `jobs_due` ON `jobs` (`due_at`) WHERE `state` = 'waiting';
--> statement-breakpoint
CREATE INDEX `jobs_active` ON `jobs` (`id`) WHERE `state` = 'active';
--> statement-breakpoint
CREATE INDEX `jobs_finished` ON `jobs` (`state`, `finished_at`) WHERE `finished_at` IS NOT NULL;
