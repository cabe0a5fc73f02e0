-- Care of the home. `archived`, `deleted` and `purged` are the ledger entries that made a run so; of a deleted run only its row is left.
ALTER TABLE runs ADD COLUMN archived BIGINT;
ALTER TABLE runs ADD COLUMN deleted BIGINT;
ALTER TABLE runs ADD COLUMN purged BIGINT;

-- what holds for the whole home, such as its budget
CREATE TABLE settings (name VARCHAR PRIMARY KEY, value JSON, changed BIGINT, changed_by VARCHAR, seq BIGINT);

-- entries that came from the ledger of another home; `applied` is false where they only stand here
CREATE TABLE imports (home VARCHAR, origin_seq BIGINT, origin_hash VARCHAR, verb VARCHAR, applied BOOLEAN, seq BIGINT);
