-- What failed lately is asked for on every overview; failures are few, so the index is small and costs ingest nothing else.
CREATE INDEX spans_failed ON spans (start_ns) WHERE is_entry = 1 AND status = 2;
