-- The catalogue, in SQL that SQLite and PostgreSQL both read: TEXT, BIGINT and BYTEA only (to
-- SQLite a BYTEA column has no affinity for bytes and keeps them as they come).
-- Times are RFC 3339 in UTC with milliseconds, dates ISO 8601: both sort as text. Truth is 0 or 1.

CREATE TABLE documents (
    id          TEXT PRIMARY KEY,
    collection  TEXT NOT NULL,
    -- Where a file came from (its absolute path): the next bytes from there are the next version.
    source_key  TEXT,
    -- Given by a person; NULL: the version's own title, then its file's name.
    title       TEXT,
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    deleted_at  TEXT
);
CREATE UNIQUE INDEX documents_source ON documents (collection, source_key)
    WHERE source_key IS NOT NULL AND deleted_at IS NULL;

-- No row for a document: open to everyone.
CREATE TABLE document_groups (
    document_id TEXT NOT NULL REFERENCES documents (id),
    name        TEXT NOT NULL,
    PRIMARY KEY (document_id, name)
);

CREATE TABLE versions (
    id                TEXT PRIMARY KEY,
    document_id       TEXT NOT NULL REFERENCES documents (id),
    number            BIGINT NOT NULL CHECK (number > 0),
    -- The document's, repeated here for the index over bytes.
    collection        TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('received', 'parsed', 'indexed', 'active',
                          'rejected', 'superseded', 'retired', 'deleted')),
    -- Set before the first point goes to the index, cleared after the last has left it.
    in_index          BIGINT NOT NULL DEFAULT 0 CHECK (in_index IN (0, 1)),
    attempts          BIGINT NOT NULL DEFAULT 0,
    sha256            TEXT NOT NULL CHECK (length(sha256) = 64),
    byte_size         BIGINT NOT NULL,
    file_name         TEXT NOT NULL,
    media_type        TEXT,
    title             TEXT,
    language          TEXT,
    page_count        BIGINT,
    passage_count     BIGINT NOT NULL DEFAULT 0,
    warnings          BYTEA,
    effective_from    TEXT,
    effective_to      TEXT,
    created_at        TEXT NOT NULL,
    activated_at      TEXT,
    superseded_at     TEXT,
    rejection_code    TEXT,
    rejection_message TEXT,
    UNIQUE (document_id, number),
    CHECK (effective_from IS NULL OR effective_to IS NULL OR effective_from <= effective_to)
);
CREATE UNIQUE INDEX versions_one_active ON versions (document_id) WHERE state = 'active';
CREATE UNIQUE INDEX versions_bytes ON versions (collection, sha256)
    WHERE state NOT IN ('rejected', 'deleted');
CREATE INDEX versions_sha256 ON versions (sha256);
CREATE INDEX versions_state ON versions (state);
-- What a question must not see is asked before every search: these three keep it to a few rows.
CREATE INDEX versions_in_index ON versions (state) WHERE in_index = 1;
CREATE INDEX versions_from ON versions (effective_from) WHERE effective_from IS NOT NULL;
CREATE INDEX versions_to ON versions (effective_to) WHERE effective_to IS NOT NULL;

CREATE TABLE passages (
    id         TEXT PRIMARY KEY,
    version_id TEXT NOT NULL REFERENCES versions (id),
    ordinal    BIGINT NOT NULL,
    language   TEXT NOT NULL,
    text       TEXT NOT NULL,
    -- Section path, segments and boxes; src/layout.rs says how.
    layout     BYTEA NOT NULL,
    UNIQUE (version_id, ordinal)
);

CREATE TABLE jobs (
    id          TEXT PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id),
    -- No reference: a job outlives the version that it was about.
    version_id  TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    step        TEXT NOT NULL,
    pages_done  BIGINT NOT NULL DEFAULT 0,
    pages_total BIGINT,
    code        TEXT,
    message     TEXT,
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    finished_at TEXT
);
CREATE INDEX jobs_version ON jobs (version_id);

CREATE TABLE feedback (
    id         TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    verdict    TEXT NOT NULL CHECK (verdict IN ('helpful', 'wrong', 'incomplete', 'unsafe')),
    comment    TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX feedback_request ON feedback (request_id);
