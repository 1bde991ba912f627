-- Schedules, what came of them, and queries that were saved.

-- +goose Up
CREATE TABLE schedules (
    id       TEXT    NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    owner    TEXT    NOT NULL, -- in whose name it asks
    paused   INTEGER NOT NULL,
    created  BIGINT  NOT NULL,
    changed  BIGINT  NOT NULL,
    targets  TEXT    NOT NULL, -- JSON array of names; [] for all that the owner may ask
    timing   TEXT    NOT NULL, -- JSON
    last_due BIGINT  NOT NULL, -- up to here all that was due is settled
    next_due BIGINT  NOT NULL, -- 0 for never
    sealed   BLOB    NOT NULL  -- what is asked
);

CREATE INDEX schedules_by_due ON schedules (next_due);

CREATE TABLE schedule_runs (
    id          TEXT   NOT NULL PRIMARY KEY, -- also of the query
    schedule_id TEXT   NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    due         BIGINT NOT NULL,
    began       BIGINT NOT NULL, -- 0 while it waits
    ended       BIGINT NOT NULL, -- 0 before
    state       TEXT   NOT NULL,
    by_user     TEXT   NOT NULL, -- who wanted it now; '' for the schedule
    result_rows BIGINT NOT NULL,
    from_time   BIGINT NOT NULL,
    to_time     BIGINT NOT NULL,
    sealed      BLOB   NOT NULL, -- why it came to nothing
    UNIQUE (schedule_id, due, by_user)
);

CREATE INDEX schedule_runs_open ON schedule_runs (ended);

-- Who of several centrals does what only one may do.
CREATE TABLE leases (
    name    TEXT   NOT NULL PRIMARY KEY,
    holder  TEXT   NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE saved_queries (
    id      TEXT   NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL UNIQUE,
    owner   TEXT   NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    targets TEXT   NOT NULL, -- JSON array of names; [] for all
    sealed  BLOB   NOT NULL
);

ALTER TABLE queries ADD COLUMN schedule_id TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE queries DROP COLUMN schedule_id;
DROP TABLE saved_queries;
DROP TABLE leases;
DROP TABLE schedule_runs;
DROP TABLE schedules;
