-- Counts of log records by level and time are read from this index alone.
CREATE INDEX logs_by_severity ON logs (severity, time_ns);
