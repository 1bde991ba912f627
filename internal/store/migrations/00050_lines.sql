-- Rows may be kept in several forms. Where a frame is a run of the result as it came, it
-- stays, and the chunk names it.

-- +goose Up
ALTER TABLE chunks ADD COLUMN form BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chunks ADD COLUMN frame_node TEXT NOT NULL DEFAULT ''; -- '' for none
ALTER TABLE chunks ADD COLUMN frame_attempt BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chunks ADD COLUMN frame_number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chunks ADD COLUMN frame_kind BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE chunks DROP COLUMN frame_kind;
ALTER TABLE chunks DROP COLUMN frame_number;
ALTER TABLE chunks DROP COLUMN frame_attempt;
ALTER TABLE chunks DROP COLUMN frame_node;
ALTER TABLE chunks DROP COLUMN form;
