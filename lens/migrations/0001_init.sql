-- One file, three signals. Rows are appended in arrival order, so that retention deletes from the low end of each rowid:
-- the id of a span or log record is its arrival in milliseconds since the epoch, times 2^20, plus a running number.
-- Times of spans and log records are nanoseconds, of samples and exemplars milliseconds, since the Unix epoch, UTC.
-- Trace ids are 16 bytes, span ids 8. Attribute columns hold one JSON object with OpenTelemetry's dotted keys.

PRAGMA application_id = 1279610451;             -- "LENS": a database of another program is refused

-- seen_ms: arrival of the latest span or log record, to the minute. A resource not seen within the retention has no rows
-- left; finding that out from the rows would scan both tables. Metrics do not touch it: their identity is in series.labels.
CREATE TABLE resources (
    id                  INTEGER PRIMARY KEY,
    service_name        TEXT NOT NULL,
    service_namespace   TEXT NOT NULL,
    service_instance_id TEXT NOT NULL,
    attributes          TEXT NOT NULL UNIQUE,     -- canonical: keys sorted
    seen_ms             INTEGER NOT NULL
);

-- A retried request brings the same span again; the unique index makes storing it twice harmless.
-- is_entry: the span has no parent, or its kind is SERVER or CONSUMER. Searching for traces searches these.
CREATE TABLE spans (
    id             INTEGER PRIMARY KEY,
    trace_id       BLOB NOT NULL,
    span_id        BLOB NOT NULL,
    parent_span_id BLOB,
    resource_id    INTEGER NOT NULL REFERENCES resources (id),
    scope          TEXT NOT NULL,
    name           TEXT NOT NULL,
    kind           INTEGER NOT NULL,              -- OTLP SpanKind, 0 to 5
    start_ns       INTEGER NOT NULL,
    duration_ns    INTEGER NOT NULL,
    status         INTEGER NOT NULL,              -- OTLP StatusCode: 0 unset, 1 ok, 2 error
    status_message TEXT NOT NULL,
    is_entry       INTEGER NOT NULL,
    http_route     TEXT,
    http_status    INTEGER,
    attributes     TEXT NOT NULL,
    events         TEXT,                          -- JSON array, or NULL when there are none
    links          TEXT                           -- JSON array, or NULL when there are none
);
CREATE UNIQUE INDEX spans_by_id ON spans (trace_id, span_id);
CREATE INDEX spans_entry ON spans (start_ns) WHERE is_entry = 1;

CREATE TABLE logs (
    id            INTEGER PRIMARY KEY,
    time_ns       INTEGER NOT NULL,
    trace_id      BLOB,
    span_id       BLOB,
    resource_id   INTEGER NOT NULL REFERENCES resources (id),
    scope         TEXT NOT NULL,
    severity      INTEGER NOT NULL,               -- OTLP SeverityNumber, 0 to 24
    severity_text TEXT NOT NULL,
    event_name    TEXT NOT NULL,
    body          TEXT NOT NULL,
    attributes    TEXT NOT NULL
);
CREATE INDEX logs_by_trace ON logs (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX logs_by_time ON logs (time_ns);

-- metric is the sample's own name, as remote write has it: http_server_request_duration_seconds_bucket.
CREATE TABLE series (
    id     INTEGER PRIMARY KEY,
    metric TEXT NOT NULL,
    labels TEXT NOT NULL UNIQUE                   -- canonical JSON object with __name__, keys sorted
);
CREATE INDEX series_by_metric ON series (metric);

CREATE TABLE samples (
    series_id INTEGER NOT NULL,
    time_ms   INTEGER NOT NULL,
    value     REAL,                               -- NULL is Prometheus's stale marker, or a NaN
    PRIMARY KEY (series_id, time_ms)
) WITHOUT ROWID;

CREATE TABLE exemplars (
    series_id INTEGER NOT NULL,
    time_ms   INTEGER NOT NULL,
    value     REAL NOT NULL,
    trace_id  BLOB NOT NULL,
    span_id   BLOB NOT NULL,
    PRIMARY KEY (series_id, time_ms, trace_id, span_id)
) WITHOUT ROWID;

-- Requests taken in lately. A sender that saw no answer sends the same bytes again; they are acknowledged, not stored twice.
CREATE TABLE received (
    digest  BLOB PRIMARY KEY,
    time_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX received_by_time ON received (time_ms);
