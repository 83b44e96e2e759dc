CREATE SCHEMA IF NOT EXISTS "read_model";
--> statement-breakpoint
CREATE TABLE "read_model"."checkpoints" (
	"projection" text COLLATE "C" PRIMARY KEY NOT NULL,
	"version" bigint NOT NULL,
	"position" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "read_model"."parked_events" (
	"projection" text COLLATE "C" NOT NULL,
	"position" bigint NOT NULL,
	"stream" text COLLATE "C" NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	"time" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	CONSTRAINT "parked_events_projection_position_pk" PRIMARY KEY("projection","position")
);
--> statement-breakpoint
CREATE TABLE "read_model"."users" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"email" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"role" text COLLATE "C" NOT NULL,
	"search_email" text COLLATE "C" NOT NULL,
	"search_name" text COLLATE "C" NOT NULL,
	"version" bigint NOT NULL,
	"position" bigint NOT NULL,
	"created_at" text COLLATE "C" NOT NULL,
	"updated_at" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "read_model"."products" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"sku" text COLLATE "C" NOT NULL,
	"price_cents" bigint NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"search_name" text COLLATE "C" NOT NULL,
	"search_sku" text COLLATE "C" NOT NULL,
	"version" bigint NOT NULL,
	"position" bigint NOT NULL,
	"created_at" text COLLATE "C" NOT NULL,
	"updated_at" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "read_model"."messages" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"room" text COLLATE "C" NOT NULL,
	"author_id" text COLLATE "C" NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"is_withdrawn" boolean NOT NULL,
	"version" bigint NOT NULL,
	"position" bigint NOT NULL,
	"created_at" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "read_model"."notifications" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"user_id" text COLLATE "C" NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"data" text COLLATE "C" NOT NULL,
	"is_read" boolean NOT NULL,
	"version" bigint NOT NULL,
	"position" bigint NOT NULL,
	"created_at" text COLLATE "C" NOT NULL,
	"updated_at" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "users_by_position" ON "read_model"."users" USING btree ("position");--> statement-breakpoint
CREATE INDEX "users_by_name" ON "read_model"."users" USING btree ("search_name");--> statement-breakpoint
CREATE INDEX "products_by_position" ON "read_model"."products" USING btree ("position");--> statement-breakpoint
CREATE INDEX "messages_by_room" ON "read_model"."messages" USING btree ("room","position");--> statement-breakpoint
CREATE INDEX "notifications_by_user" ON "read_model"."notifications" USING btree ("user_id","position");--> statement-breakpoint
CREATE INDEX "notifications_unread" ON "read_model"."notifications" USING btree ("user_id","is_read","position");