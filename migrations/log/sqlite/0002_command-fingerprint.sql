ALTER TABLE `commands` ADD COLUMN `fingerprint` text;
