ALTER TABLE `claims` RENAME TO `claims_before`;
--> statement-breakpoint
CREATE TABLE `claims` (
  `sequence` integer PRIMARY KEY,
  `kind` text NOT NULL,
  `key` text NOT NULL,
  `stream` text NOT NULL
) STRICT;
--> statement-breakpoint
INSERT INTO `claims` (`kind`, `key`, `stream`)
SELECT `kind`, `key`, `stream` FROM `claims_before`
WHERE (`kind`, `key`) NOT IN (SELECT `kind`, `key` FROM `recent_claims`)
UNION ALL
SELECT `kind`, `key`, `stream`
FROM (SELECT `kind`, `key`, `stream`, max(`sequence`) FROM `recent_claims` GROUP BY `kind`, `key`)
WHERE `stream` <> '';
--> statement-breakpoint
CREATE TABLE `claim_index` (
  `kind` text NOT NULL,
  `prefix` text NOT NULL,
  `sequence` integer NOT NULL,
  PRIMARY KEY (`kind`, `prefix`, `sequence`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO `claim_index` (`kind`, `prefix`, `sequence`)
SELECT `kind`, substr(`key`, 1, 9), `sequence` FROM `claims` ORDER BY 1, 2, 3;
--> statement-breakpoint
CREATE TABLE `claims_indexed` (
  `id` integer PRIMARY KEY CHECK (`id` = 1),
  `through` integer NOT NULL
) STRICT;
--> statement-breakpoint
INSERT INTO `claims_indexed` (`id`, `through`) SELECT 1, coalesce(max(`sequence`), 0) FROM `claims`;
--> statement-breakpoint
DROP TABLE `claims_before`;
--> statement-breakpoint
DROP TABLE `recent_claims`;
