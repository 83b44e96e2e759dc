ALTER TABLE "read_model"."products" ADD COLUMN "image_key" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "read_model"."products" ADD COLUMN "image_type" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "read_model"."products" ADD COLUMN "image_width" bigint;--> statement-breakpoint
ALTER TABLE "read_model"."products" ADD COLUMN "image_height" bigint;--> statement-breakpoint
ALTER TABLE "read_model"."products" ADD COLUMN "image_bytes" bigint;--> statement-breakpoint
CREATE INDEX "products_by_image" ON "read_model"."products" USING btree ("image_key");