-- How many rows or groups each node has sent.

-- +goose Up
ALTER TABLE tasks ADD COLUMN sent_rows BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE tasks DROP COLUMN sent_rows;
