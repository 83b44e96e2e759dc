CREATE TABLE `events` (
  `position` integer PRIMARY KEY AUTOINCREMENT,
  `id` text NOT NULL,
  `stream` text NOT NULL,
  `version` integer NOT NULL CHECK (`version` > 0),
  `type` text NOT NULL,
  `schema_version` integer NOT NULL CHECK (`schema_version` > 0),
  `data` text NOT NULL,
  `meta` text NOT NULL,
  `time` text NOT NULL,
  `hash` text NOT NULL,
  UNIQUE (`stream`, `version`)
) STRICT;
--> statement-breakpoint
CREATE TRIGGER `events_are_never_updated` BEFORE UPDATE ON `events`
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
--> statement-breakpoint
CREATE TRIGGER `events_are_never_deleted` BEFORE DELETE ON `events`
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
--> statement-breakpoint
CREATE TABLE `claims` (
  `kind` text NOT NULL,
  `key` text NOT NULL,
  `stream` text NOT NULL,
  PRIMARY KEY (`kind`, `key`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `recent_claims` (
  `sequence` integer PRIMARY KEY,
  `kind` text NOT NULL,
  `key` text NOT NULL,
  `stream` text NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `commands` (
  `id` text PRIMARY KEY,
  `position` integer NOT NULL,
  `stream` text NOT NULL,
  `version` integer NOT NULL,
  `time` text NOT NULL
) STRICT, WITHOUT ROWID;
