-- One row per family of refresh tokens: the one that is good now, each of the others was rotated away.
CREATE TABLE refresh_families (
    id         TEXT    NOT NULL PRIMARY KEY,    -- UUID v4, part of each token of the family
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB    NOT NULL,                -- SHA-256 of the token
    expires_at INTEGER NOT NULL                 -- milliseconds since the Unix epoch
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_families_user_id ON refresh_families (user_id);
CREATE INDEX refresh_families_expires_at ON refresh_families (expires_at);
