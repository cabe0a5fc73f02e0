-- Runs that are over, each packed into one row: what a list shows of a run is otherwise spread over seven tables, and of each a list that is
-- sorted by a metric would read nearly all. `k` is the number that the first half of the run's id is: finding a hundred numbers among 100,000
-- takes a tenth of finding as many texts. `pack` is a `Pack` (packs.py) in JSON. What is packed here follows from the other tables.
CREATE TABLE run_packs (k UBIGINT, run_id VARCHAR, pack BLOB);
