-- One row per account.
CREATE TABLE users (
    id            TEXT   NOT NULL PRIMARY KEY, -- UUID v4, hyphenated lower-case
    email         TEXT   NOT NULL UNIQUE,      -- as email.rs normalises it
    password_hash TEXT   NOT NULL,             -- bcrypt in modular crypt format: $2b$COST$SALT+DIGEST
    created_at    BIGINT NOT NULL              -- milliseconds since the Unix epoch
);
