-- Times are nanoseconds since 1970 in UTC, 0 for never. Columns called sealed_*
-- are encrypted: nothing that comes from an event or a query is kept in clear.

-- +goose Up
CREATE TABLE targets (
    name    TEXT   NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL
);

CREATE TABLE nodes (
    id        TEXT   NOT NULL PRIMARY KEY,
    target    TEXT   NOT NULL REFERENCES targets (name),
    keys      BLOB   NOT NULL, -- public ones, as envelope.Public writes them
    version   TEXT   NOT NULL DEFAULT '',
    state     TEXT   NOT NULL,
    last_seen BIGINT NOT NULL DEFAULT 0,
    created   BIGINT NOT NULL
);

CREATE INDEX nodes_by_target ON nodes (target);

-- A query's id is a UUIDv7, so ids sort by age.
CREATE TABLE queries (
    id             TEXT    NOT NULL PRIMARY KEY,
    user_name      TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    live           INTEGER NOT NULL, -- 1 until it has ended and its result is kept
    targets        TEXT    NOT NULL, -- JSON array of names
    from_time      BIGINT  NOT NULL,
    to_time        BIGINT  NOT NULL,
    row_limit      BIGINT  NOT NULL,
    created        BIGINT  NOT NULL,
    started        BIGINT  NOT NULL,
    ended          BIGINT  NOT NULL,
    deadline       BIGINT  NOT NULL,
    expires        BIGINT  NOT NULL, -- when query and result are deleted
    result_rows    BIGINT  NOT NULL,
    seal_key       TEXT    NOT NULL, -- the name of the key of all that is sealed for it
    sealed_text    BLOB    NOT NULL,
    sealed_outcome BLOB    NOT NULL
);

CREATE INDEX queries_live ON queries (live, id);
CREATE INDEX queries_by_expiry ON queries (expires);

CREATE TABLE tasks (
    query_id     TEXT   NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    node_id      TEXT   NOT NULL,
    target       TEXT   NOT NULL,
    attempt      BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    progress     DOUBLE PRECISION NOT NULL,
    events_read  BIGINT NOT NULL,
    bytes_read   BIGINT NOT NULL,
    frame_bytes  BIGINT NOT NULL,
    frames       BIGINT NOT NULL,
    queued       BIGINT NOT NULL,
    delivered    BIGINT NOT NULL,
    started      BIGINT NOT NULL,
    ended        BIGINT NOT NULL,
    sealed_error BLOB   NOT NULL,
    PRIMARY KEY (query_id, node_id)
);

-- Partial results as nodes sent them; they go when the query has ended.
CREATE TABLE frames (
    query_id    TEXT   NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    node_id     TEXT   NOT NULL,
    attempt     BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    kind        BIGINT NOT NULL,
    sealed_body BLOB   NOT NULL,
    PRIMARY KEY (query_id, node_id, attempt, number)
);

-- The result: runs of rows, compressed, then sealed.
CREATE TABLE chunks (
    query_id    TEXT   NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    first_row   BIGINT NOT NULL,
    row_count   BIGINT NOT NULL,
    sealed_rows BLOB   NOT NULL,
    PRIMARY KEY (query_id, first_row)
);

-- +goose Down
DROP TABLE chunks;
DROP TABLE frames;
DROP TABLE tasks;
DROP TABLE queries;
DROP TABLE nodes;
DROP TABLE targets;
