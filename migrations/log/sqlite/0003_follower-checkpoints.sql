CREATE TABLE `follower_checkpoints` (
  `follower` text PRIMARY KEY,
  `position` integer NOT NULL
) STRICT, WITHOUT ROWID;
