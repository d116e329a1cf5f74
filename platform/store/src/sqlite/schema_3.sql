-- Entries are trimmed from the beginning of their topic; their ages need no index, which each append would have to write.
DROP INDEX outbox_age;
