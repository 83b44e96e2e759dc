ALTER TABLE `products` ADD `image_key` text;--> statement-breakpoint
ALTER TABLE `products` ADD `image_type` text;--> statement-breakpoint
ALTER TABLE `products` ADD `image_width` integer;--> statement-breakpoint
ALTER TABLE `products` ADD `image_height` integer;--> statement-breakpoint
ALTER TABLE `products` ADD `image_bytes` integer;--> statement-breakpoint
CREATE INDEX `products_by_image` ON `products` (`image_key`);