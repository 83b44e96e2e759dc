-- Up to which position of the log everybody who was erased is gone from here. It goes back with a backup of this
-- file that is restored, and so whoever has been erased since is removed again.
CREATE TABLE `erasures` (
  `id` integer PRIMARY KEY CHECK (`id` = 1),
  `through` integer NOT NULL
) STRICT;
