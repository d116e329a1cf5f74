-- Documents in a table of their own order, found by a unique index: in a table WITHOUT ROWID the values stand between
-- the keys, and each step of a look-up copies the whole value that it passes, however large.
CREATE TABLE record_2 (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key BLOB NOT NULL,
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    indexes BLOB NOT NULL,
    value BLOB NOT NULL
) STRICT;

INSERT INTO record_2 (kind, key, revision, version, indexes, value)
    SELECT kind, key, revision, version, indexes, value FROM record;

DROP TABLE record;
ALTER TABLE record_2 RENAME TO record;
CREATE UNIQUE INDEX record_key ON record (kind, key);
