-- How many log records there are of each second and severity, so that bars over hours are read from thousands of rows instead
-- of a million index entries. The writer adds in the transaction that stores the records; what is deleted is taken off here.
CREATE TABLE log_counts (
    second   INTEGER NOT NULL,                    -- of the record's time, since the Unix epoch
    severity INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (second, severity)
) WITHOUT ROWID;
INSERT INTO log_counts SELECT time_ns / 1000000000, severity, count(*) FROM logs GROUP BY 1, 2;
CREATE TRIGGER logs_uncounted AFTER DELETE ON logs BEGIN
    UPDATE log_counts SET count = count - 1 WHERE second = old.time_ns / 1000000000 AND severity = old.severity;
    DELETE FROM log_counts WHERE second = old.time_ns / 1000000000 AND severity = old.severity AND count = 0;
END;
-- What this index was for is read from there.
DROP INDEX logs_by_severity;
