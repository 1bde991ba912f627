-- What was asked, hour by hour, by whom and of which target.

-- +goose Up
CREATE TABLE usage_hours (
    hour        BIGINT NOT NULL, -- since 1970
    user_name   TEXT   NOT NULL,
    target      TEXT   NOT NULL, -- '' for queries as a whole
    queries     BIGINT NOT NULL,
    scheduled   BIGINT NOT NULL, -- of the queries, those that schedules asked
    failed      BIGINT NOT NULL, -- and those without a complete answer
    rows_out    BIGINT NOT NULL,
    bytes_read  BIGINT NOT NULL,
    events_read BIGINT NOT NULL,
    PRIMARY KEY (hour, user_name, target)
);

-- +goose Down
DROP TABLE usage_hours;
