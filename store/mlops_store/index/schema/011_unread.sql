-- Outcomes that an older program read lack the fields that came since: those records are read again, which the daemon does with ended runs of
-- which it is not known what they waited for. How far the ledger is applied is what stands in `ledger`, and nothing else.
UPDATE runs SET after = NULL WHERE deleted IS NULL AND run_id IN (SELECT run_id FROM outcomes);
DELETE FROM meta WHERE name <> 'schema_version';
