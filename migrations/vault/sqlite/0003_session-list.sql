-- When a session ends however often it is used, the token before the present one and when it was exchanged, and
-- what the session was started with, sealed under the key of its person.
ALTER TABLE `sessions` ADD COLUMN `ends_at` text NOT NULL DEFAULT '';
--> statement-breakpoint
UPDATE `sessions` SET `ends_at` = strftime('%Y-%m-%dT%H:%M:%fZ', `started_at`, '+30 days');
--> statement-breakpoint
ALTER TABLE `sessions` ADD COLUMN `previous_hash` text;
--> statement-breakpoint
ALTER TABLE `sessions` ADD COLUMN `rotated_at` text;
--> statement-breakpoint
ALTER TABLE `sessions` ADD COLUMN `device` text;
