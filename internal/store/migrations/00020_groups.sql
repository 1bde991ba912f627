-- Groups of targets, and grants on them.

-- +goose Up
CREATE TABLE target_groups (
    name    TEXT   NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL
);

CREATE TABLE target_group_members (
    group_name TEXT NOT NULL REFERENCES target_groups (name) ON DELETE CASCADE,
    target     TEXT NOT NULL REFERENCES targets (name) ON DELETE CASCADE,
    PRIMARY KEY (group_name, target)
);

CREATE TABLE user_grants (
    user_name  TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    role       TEXT NOT NULL,
    target     TEXT NOT NULL, -- '' for all, or for those of the group
    group_name TEXT NOT NULL, -- '' for none
    PRIMARY KEY (user_name, role, target, group_name)
);

INSERT INTO user_grants (user_name, role, target, group_name) SELECT user_name, role, target, '' FROM grants;
DROP TABLE grants;

-- +goose Down
CREATE TABLE grants (
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    role      TEXT NOT NULL,
    target    TEXT NOT NULL,
    PRIMARY KEY (user_name, role, target)
);
INSERT INTO grants (user_name, role, target) SELECT user_name, role, target FROM user_grants WHERE group_name = '';
DROP TABLE user_grants;
DROP TABLE target_group_members;
DROP TABLE target_groups;
