-- What people say of runs, by the ledger: tags that stand over those of the journals (NULL takes one away), and a note.
ALTER TABLE tags RENAME TO journal_tags;
CREATE TABLE run_tags (run_id VARCHAR, key VARCHAR, value VARCHAR, seq BIGINT, PRIMARY KEY (run_id, key));
CREATE VIEW tags AS
SELECT run_id, key, value FROM journal_tags j WHERE NOT EXISTS (SELECT 1 FROM run_tags p WHERE p.run_id = j.run_id AND p.key = j.key)
UNION ALL SELECT run_id, key, value FROM run_tags WHERE value IS NOT NULL;
ALTER TABLE runs ADD COLUMN note VARCHAR;
