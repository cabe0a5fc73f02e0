-- Long curves in short: of a metric with 65,536 finite points or more its points by ranges of 2^shift steps, so that 2,048 rows are the most that
-- it has. `shift` is the least that does. A row is about the finite points with step >> shift = chunk; ts, attempt, writer and line are
-- those of the point that `last` is from. What a metric's rows are depends on its points alone, not on when they came.
CREATE TABLE curve_chunks (
  run_id VARCHAR, key VARCHAR, shift BIGINT, chunk BIGINT, first_step BIGINT, last_step BIGINT, first_ts BIGINT, last_ts BIGINT,
  min DOUBLE, max DOUBLE, last DOUBLE, ts BIGINT, attempt BIGINT, writer VARCHAR, line BIGINT
);
-- the same of metrics, given as two lists, from their points
CREATE MACRO chunks_of_points(runs, keys) AS TABLE
WITH named AS (SELECT unnest(runs) AS run_id, unnest(keys) AS key),
p AS (SELECT m.* FROM metric_points m SEMI JOIN named n ON m.run_id = n.run_id AND m.key = n.key WHERE isfinite(m.value)),
extents AS (
  SELECT run_id, key, list_filter(range(54), lambda s: (max(step) >> s)::HUGEINT - (min(step) >> s) < 2048)[1] AS shift FROM p GROUP BY run_id, key
),
parts AS (
  SELECT run_id, key, shift, step >> shift AS chunk, min(step) AS first_step, max(step) AS last_step, min(ts) AS first_ts, max(ts) AS last_ts,
    min(value) + 0.0 AS min, max(value) + 0.0 AS max
  FROM p JOIN extents USING (run_id, key) GROUP BY ALL
),
ends AS (
  SELECT p.run_id, p.key, p.step, arg_max(row(value, ts, attempt, writer, line), row(ts, attempt, writer, line)) AS point
  FROM p SEMI JOIN parts ON parts.run_id = p.run_id AND parts.key = p.key AND parts.last_step = p.step GROUP BY p.run_id, p.key, p.step
)
SELECT parts.*, point[1] + 0.0 AS last, point[2] AS ts, point[3] AS attempt, point[4] AS writer, point[5] AS line
FROM parts JOIN ends ON ends.run_id = parts.run_id AND ends.key = parts.key AND ends.step = parts.last_step;
INSERT INTO curve_chunks SELECT * FROM chunks_of_points(
  (SELECT list(run_id ORDER BY run_id, key) FROM last_values WHERE count - nans - infs >= 65536),
  (SELECT list(key ORDER BY run_id, key) FROM last_values WHERE count - nans - infs >= 65536)
) ORDER BY run_id, key, chunk;
