CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`room` text NOT NULL,
	`author_id` text NOT NULL,
	`text` text NOT NULL,
	`is_withdrawn` integer NOT NULL,
	`version` integer NOT NULL,
	`position` integer NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `messages_by_room` ON `messages` (`room`,`position`);--> statement-breakpoint
CREATE TABLE `checkpoints` (
	`projection` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`position` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `parked_events` (
	`projection` text NOT NULL,
	`position` integer NOT NULL,
	`stream` text NOT NULL,
	`type` text NOT NULL,
	`time` text NOT NULL,
	`reason` text NOT NULL,
	PRIMARY KEY(`projection`, `position`)
);
--> statement-breakpoint
CREATE TABLE `products` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`sku` text NOT NULL,
	`price_cents` integer NOT NULL,
	`created_by` text NOT NULL,
	`search_name` text NOT NULL,
	`search_sku` text NOT NULL,
	`version` integer NOT NULL,
	`position` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `products_by_position` ON `products` (`position`);--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`email` text NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`search_email` text NOT NULL,
	`search_name` text NOT NULL,
	`version` integer NOT NULL,
	`position` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `users_by_position` ON `users` (`position`);