-- Times are nanoseconds since 1970 in UTC.

-- +goose Up
CREATE TABLE users (
    name                 TEXT    NOT NULL PRIMARY KEY,
    password             TEXT    NOT NULL, -- Argon2id, as PHC text
    must_change_password INTEGER NOT NULL,
    created              BIGINT  NOT NULL
);

CREATE TABLE grants (
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    role      TEXT NOT NULL,
    target    TEXT NOT NULL, -- '' for all
    PRIMARY KEY (user_name, role, target)
);

CREATE TABLE sessions (
    id        TEXT   NOT NULL PRIMARY KEY,
    user_name TEXT   NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    address   TEXT   NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_expiry ON sessions (expires);

-- +goose Down
DROP TABLE sessions;
DROP TABLE grants;
DROP TABLE users;
