-- Documents, in the order of their keys. `indexes` lists the entries of record_index that belong to the document.
CREATE TABLE record (
    kind TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    revision BIGINT NOT NULL,
    version BIGINT NOT NULL,
    indexes BYTEA NOT NULL,
    value BYTEA NOT NULL,
    PRIMARY KEY (kind, key)
);

-- Secondary indexes. `key` is the index key followed by the document's key.
CREATE TABLE record_index (
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    record_key BYTEA NOT NULL,
    PRIMARY KEY (kind, name, key)
);

CREATE TABLE outbox (
    topic TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    appended_at BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    PRIMARY KEY (topic, seq)
);

CREATE INDEX outbox_age ON outbox (appended_at);

CREATE TABLE subscriber (
    topic TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (topic, name)
);

-- `due`, in milliseconds since 1970: when the entry can be claimed, or when the lease of the worker that holds it ends.
-- `token` is 0 while nobody holds the entry.
CREATE TABLE queue_entry (
    queue TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    payload BYTEA NOT NULL,
    due BIGINT NOT NULL,
    position BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    token BIGINT NOT NULL,
    worker TEXT NOT NULL,
    PRIMARY KEY (queue, id)
);

CREATE INDEX queue_entry_due ON queue_entry (queue, due, position);

CREATE SEQUENCE number;

CREATE FUNCTION next_number() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$ SELECT nextval('number') $$;

-- Declared stable, so that it can bound an index scan: one value per statement is what the statements want.
CREATE FUNCTION clock_millis() RETURNS BIGINT LANGUAGE sql STABLE AS
$$ SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) $$;

-- Outbox numbers are made of the transaction's id and the entry's place in the transaction. Ids are handed out in the
-- order in which transactions first write, not in which they commit; so an entry is settled, and can be delivered,
-- when no transaction of a lower id is still running. No lock is needed, and writers do not wait for each other.
-- `base` grows when a database is restored into a cluster whose transaction ids are lower (see schema.rs).
CREATE TABLE outbox_base (base BIGINT NOT NULL);
INSERT INTO outbox_base (base) VALUES (0);

CREATE FUNCTION outbox_number(n BIGINT) RETURNS BIGINT LANGUAGE sql VOLATILE AS
$$ SELECT base + (CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT) << 20) + n FROM outbox_base $$;

CREATE FUNCTION outbox_settled() RETURNS BIGINT LANGUAGE sql STABLE AS
$$ SELECT base + (CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT) << 20) FROM outbox_base $$;
