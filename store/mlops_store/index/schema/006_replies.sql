-- What was answered to a command stands with its last entry, and has no table of its own: the writer knows which idempotency keys there are
-- (keys.py), so that a new one needs no index to be looked up in.
ALTER TABLE ledger ADD COLUMN reply JSON;
UPDATE ledger SET reply = keys.reply FROM keys WHERE ledger.key = keys.key AND ledger.seq = keys.seq;
DROP TABLE keys;
