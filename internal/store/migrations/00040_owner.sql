-- Whose the database is: a text that only the keyring opens that all else is sealed under.

-- +goose Up
CREATE TABLE owner (
    id    TEXT NOT NULL PRIMARY KEY, -- 'central': there is one
    proof BLOB NOT NULL
);

-- +goose Down
DROP TABLE owner;
