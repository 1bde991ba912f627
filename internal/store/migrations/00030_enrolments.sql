-- How nodes come to be known, and stop to be. Times are nanoseconds since 1970 in
-- UTC, 0 for never.

-- +goose Up
CREATE TABLE enrolments (
    id         TEXT   NOT NULL PRIMARY KEY, -- the code's, which gives nothing away
    target     TEXT   NOT NULL REFERENCES targets (name),
    secret     BLOB   NOT NULL, -- a hash of the code's
    uses       BIGINT NOT NULL, -- how many nodes may join by it
    used       BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    created_by TEXT   NOT NULL
);

-- Public keys: what a node connects with, and those that it is about to change to.
ALTER TABLE nodes ADD COLUMN carrier_key BLOB NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN next_keys BLOB NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN next_carrier_key BLOB NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN enrolment TEXT NOT NULL DEFAULT ''; -- '' for one of central's own process
ALTER TABLE nodes ADD COLUMN revoked BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE nodes DROP COLUMN revoked;
ALTER TABLE nodes DROP COLUMN enrolment;
ALTER TABLE nodes DROP COLUMN next_carrier_key;
ALTER TABLE nodes DROP COLUMN next_keys;
ALTER TABLE nodes DROP COLUMN carrier_key;
DROP TABLE enrolments;
