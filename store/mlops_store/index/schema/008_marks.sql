-- What people say of runs, each word of it, as the ledger has it: who says something writes a row and looks for none. The last word on a tag
-- counts, and where that one is `cleared` the journals' own tag is shown; `key` is NULL where it is a note, of which the last one counts, too.
-- The index costs the writer little, as nothing is ever changed or removed, and finds what was said of a few runs among any number.
-- A program fills the table from the entries of the ledger (apply_marks.py).
CREATE TABLE mark_log (run_id VARCHAR, key VARCHAR, value VARCHAR, cleared BOOLEAN, seq BIGINT);
CREATE INDEX mark_log_runs ON mark_log (run_id);
DROP VIEW tags;
DROP TABLE run_tags;
ALTER TABLE runs DROP COLUMN note;
CREATE VIEW run_tags AS
SELECT run_id, key, value, seq FROM (
  SELECT run_id, key, arg_max_null(value, seq) AS value, arg_max(cleared, seq) AS cleared, max(seq) AS seq FROM mark_log
  WHERE key IS NOT NULL GROUP BY run_id, key
) WHERE NOT cleared;
CREATE VIEW notes AS
SELECT run_id, note FROM (SELECT run_id, arg_max_null(value, seq) AS note FROM mark_log WHERE key IS NULL GROUP BY run_id) WHERE note IS NOT NULL;
CREATE VIEW tags AS
SELECT run_id, key, value FROM journal_tags j WHERE NOT EXISTS (SELECT 1 FROM run_tags p WHERE p.run_id = j.run_id AND p.key = j.key)
UNION ALL SELECT run_id, key, value FROM run_tags WHERE value IS NOT NULL;
-- all of it as text, to be searched
CREATE VIEW marks AS SELECT run_id, value FROM tags UNION ALL SELECT run_id, note FROM notes;
