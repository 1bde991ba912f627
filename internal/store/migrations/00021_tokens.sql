-- Tokens of machines.

-- +goose Up
CREATE TABLE machine_tokens (
    id        TEXT   NOT NULL PRIMARY KEY,
    name      TEXT   NOT NULL UNIQUE,
    hash      BLOB   NOT NULL, -- SHA-256 of the secret, which is random
    owner     TEXT   NOT NULL, -- who made it
    scopes    TEXT   NOT NULL, -- permissions separated by spaces; '' for those of the roles
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    last_used BIGINT NOT NULL  -- 0 for never
);

CREATE TABLE token_grants (
    token_id   TEXT NOT NULL REFERENCES machine_tokens (id) ON DELETE CASCADE,
    role       TEXT NOT NULL,
    target     TEXT NOT NULL, -- '' for all, or for those of the group
    group_name TEXT NOT NULL, -- '' for none
    PRIMARY KEY (token_id, role, target, group_name)
);

-- +goose Down
DROP TABLE token_grants;
DROP TABLE machine_tokens;
