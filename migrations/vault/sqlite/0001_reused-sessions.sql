ALTER TABLE `sessions` ADD COLUMN `was_reused` integer NOT NULL DEFAULT 0;
--> statement-breakpoint
CREATE INDEX `sessions_reused` ON `sessions` (`id`) WHERE `was_reused` = 1;
