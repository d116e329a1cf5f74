-- Documents, in the order of their keys. `indexes` lists the entries of record_index that belong to the document.
CREATE TABLE record (
    kind TEXT NOT NULL,
    key BLOB NOT NULL,
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    indexes BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- Secondary indexes. `key` is the index key followed by the document's key.
CREATE TABLE record_index (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    key BLOB NOT NULL,
    record_key BLOB NOT NULL,
    PRIMARY KEY (kind, name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    topic TEXT NOT NULL,
    seq INTEGER NOT NULL,
    appended_at INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (topic, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_age ON outbox (appended_at);

CREATE TABLE subscriber (
    topic TEXT NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (topic, name)
) STRICT, WITHOUT ROWID;

-- `due`, in milliseconds since 1970: when the entry can be claimed, or when the lease of the worker that holds it ends.
-- `token` is 0 while nobody holds the entry.
CREATE TABLE queue_entry (
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    payload BLOB NOT NULL,
    due INTEGER NOT NULL,
    position INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    token INTEGER NOT NULL,
    worker TEXT NOT NULL,
    PRIMARY KEY (queue, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_entry_due ON queue_entry (queue, due, position);

-- The last number handed out by next_number().
CREATE TABLE number (last INTEGER NOT NULL) STRICT;
INSERT INTO number (last) VALUES (0);
