-- The index: derived from ledger and run folders, and nothing else. Times are UTC milliseconds; `seq` is a ledger sequence number.
-- No secondary indexes; a primary key only where an upsert needs one. Tables that change often have none: their rows are deleted and
-- appended, which costs a fifth of an upsert, and a checkpoint can then give the space back.

CREATE TABLE meta (name VARCHAR PRIMARY KEY, value VARCHAR);

-- ledger -----------------------------------------------------------------------------------------------------------
CREATE TABLE ledger (
  seq BIGINT, time BIGINT, actor VARCHAR, verb VARCHAR, subject VARCHAR, data JSON, why VARCHAR, key VARCHAR, more BOOLEAN, hash VARCHAR
);
CREATE TABLE keys (key VARCHAR PRIMARY KEY, seq BIGINT, reply JSON);

-- projects and data ------------------------------------------------------------------------------------------------
CREATE TABLE projects (name VARCHAR PRIMARY KEY, dir VARCHAR, added BIGINT, removed BIGINT, seq BIGINT);
CREATE TABLE data_versions (
  project VARCHAR, source VARCHAR, version BIGINT, snapshot VARCHAR, manifest VARCHAR, "rows" BIGINT, files BIGINT, schema_version BIGINT,
  min_event_time BIGINT, max_event_time BIGINT, created BIGINT, run_id VARCHAR, seq BIGINT
);
CREATE TABLE version_files (
  project VARCHAR, source VARCHAR, version BIGINT, path VARCHAR, sha256 VARCHAR, "rows" BIGINT, bytes BIGINT, stored VARCHAR, admitted BIGINT,
  min_event_time BIGINT, max_event_time BIGINT
);
CREATE TABLE batches (
  project VARCHAR, source VARCHAR, path VARCHAR, sha256 VARCHAR, version BIGINT, "rows" BIGINT, bytes BIGINT, stored VARCHAR, admitted BIGINT,
  min_event_time BIGINT, max_event_time BIGINT, run_id VARCHAR, seq BIGINT
);
CREATE TABLE schemas (project VARCHAR, source VARCHAR, version BIGINT, columns JSON, diff JSON, created BIGINT, seq BIGINT);
CREATE TABLE quarantine (
  project VARCHAR, source VARCHAR, path VARCHAR, sha256 VARCHAR, bytes BIGINT, reason VARCHAR, kept VARCHAR, rows_path VARCHAR, details JSON,
  state VARCHAR, created BIGINT, decided BIGINT, decided_by VARCHAR, seq BIGINT
);

-- runs: submitted, stop_seq, resumed, settled and settled_state come from the ledger, all else from the folder -----------------
CREATE TABLE runs (
  run_id VARCHAR PRIMARY KEY, kind VARCHAR, name VARCHAR, project VARCHAR, experiment VARCHAR, model VARCHAR, actor VARCHAR, state VARCHAR,
  created BIGINT, started BIGINT, ended BIGINT, exit_code BIGINT, signal BIGINT, duration_ms BIGINT, attempts BIGINT, reason VARCHAR,
  proposal_id VARCHAR, recipe_hash VARCHAR, project_dir VARCHAR, path VARCHAR, metric VARCHAR, direction VARCHAR,
  pins JSON, request JSON, after JSON,
  submitted BIGINT, stop_seq BIGINT, resumed BIGINT, settled BIGINT, settled_state VARCHAR
);
CREATE TABLE param_log (run_id VARCHAR, key VARCHAR, value JSON, text VARCHAR, number DOUBLE, attempt BIGINT, writer VARCHAR, line BIGINT);
CREATE TABLE params (run_id VARCHAR, key VARCHAR, value JSON, text VARCHAR, number DOUBLE, attempt BIGINT, writer VARCHAR, line BIGINT);
CREATE TABLE tags (run_id VARCHAR, key VARCHAR, value VARCHAR, attempt BIGINT, writer VARCHAR, line BIGINT, PRIMARY KEY (run_id, key));
CREATE TABLE metric_points (
  run_id VARCHAR, key VARCHAR, step BIGINT, ts BIGINT, value DOUBLE, attempt BIGINT, writer VARCHAR, line BIGINT
);
CREATE TABLE last_values (
  run_id VARCHAR, key VARCHAR, count BIGINT, nans BIGINT, infs BIGINT,
  last DOUBLE, last_step BIGINT, last_ts BIGINT, last_attempt BIGINT, last_writer VARCHAR, last_line BIGINT,
  min DOUBLE, min_step BIGINT, max DOUBLE, max_step BIGINT
);
CREATE TABLE artifacts (
  run_id VARCHAR, path VARCHAR, size BIGINT, sha256 VARCHAR, attempt BIGINT, writer VARCHAR, line BIGINT, PRIMARY KEY (run_id, path)
);
CREATE TABLE stage_events (
  run_id VARCHAR, attempt BIGINT, stage VARCHAR, state VARCHAR, ts BIGINT, info JSON, writer VARCHAR, line BIGINT
);
CREATE VIEW stages AS
SELECT run_id, attempt, stage, arg_max(state, row(ts, writer, line)) AS state, min(ts) FILTER (state = 'started') AS started,
  max(ts) FILTER (state <> 'started') AS ended, arg_max(info, row(ts, writer, line)) AS info, min(ts) AS first_ts
FROM stage_events GROUP BY run_id, attempt, stage;
CREATE TABLE offsets (
  run_id VARCHAR, file VARCHAR, bytes BIGINT, lines BIGINT, bad_lines BIGINT, unknown_lines BIGINT, dropped BIGINT, head VARCHAR, tail VARCHAR,
  replaced BOOLEAN
);
-- origin: record (attempts/<n>/error.json and damaged records), param (write-once parameters), journal (replaced files)
CREATE TABLE errors (
  run_id VARCHAR, origin VARCHAR, attempt BIGINT, code VARCHAR, message VARCHAR, hint VARCHAR, stage VARCHAR, file VARCHAR, line BIGINT
);
CREATE TABLE outcomes (run_id VARCHAR, attempt BIGINT, kind VARCHAR, json JSON);
CREATE TABLE evaluations (
  run_id VARCHAR, project VARCHAR, model VARCHAR, version BIGINT, evaluation_key VARCHAR, evaluation_rows BIGINT, clusters BIGINT,
  metrics JSON, slices JSON, baseline_version BIGINT, baseline_metrics JSON, difference JSON, created BIGINT
);
CREATE TABLE drift (
  run_id VARCHAR, project VARCHAR, model VARCHAR, source VARCHAR, version BIGINT, champion_version BIGINT, new_rows BIGINT,
  mature_labelled_rows BIGINT, alarm BOOLEAN, major BOOLEAN, chunk_start BIGINT, chunk_end BIGINT, batches JSON, json JSON, created BIGINT
);

-- features and models ----------------------------------------------------------------------------------------------
CREATE TABLE views (
  project VARCHAR, view VARCHAR, version BIGINT, definition VARCHAR, source VARCHAR, record JSON, created BIGINT, seq BIGINT
);
CREATE TABLE directions (project VARCHAR, metric VARCHAR, direction VARCHAR, seq BIGINT, PRIMARY KEY (project, metric));
CREATE TABLE models (
  project VARCHAR, model VARCHAR, metric VARCHAR, direction VARCHAR, latest_version BIGINT, created BIGINT, seq BIGINT, PRIMARY KEY (project, model)
);
CREATE TABLE model_versions (
  project VARCHAR, model VARCHAR, version BIGINT, run_id VARCHAR, digest VARCHAR, tree VARCHAR, metrics JSON, metric VARCHAR, direction VARCHAR,
  gate JSON, verdict VARCHAR, feature_service JSON, manifest JSON, python VARCHAR, pins JSON, training_rows BIGINT, created BIGINT, actor VARCHAR,
  seq BIGINT
);
CREATE TABLE aliases (
  project VARCHAR, model VARCHAR, alias VARCHAR, version BIGINT, moved BIGINT, seq BIGINT, PRIMARY KEY (project, model, alias)
);
CREATE TABLE alias_moves (
  seq BIGINT, time BIGINT, actor VARCHAR, project VARCHAR, model VARCHAR, alias VARCHAR, from_version BIGINT, to_version BIGINT,
  verdict_id VARCHAR, why VARCHAR, "rollback" BOOLEAN
);
-- split_by: time | key_hash; batches: sha256s of the files that the judging rows are from
CREATE TABLE looks (
  project VARCHAR, model VARCHAR, evaluation_key VARCHAR, look BIGINT, run_id VARCHAR, split_by VARCHAR, batches JSON, time BIGINT, seq BIGINT
);
CREATE TABLE verdicts (
  verdict_id VARCHAR, project VARCHAR, model VARCHAR, version BIGINT, run_id VARCHAR, verdict VARCHAR, gate JSON, created BIGINT, seq BIGINT
);
CREATE TABLE waivers (
  project VARCHAR, model VARCHAR, version BIGINT, verdict_id VARCHAR, "check" VARCHAR, name VARCHAR, reason VARCHAR, expires BIGINT,
  created BIGINT, seq BIGINT
);
CREATE TABLE predictions (
  run_id VARCHAR, project VARCHAR, model VARCHAR, version BIGINT, input VARCHAR, input_sha256 VARCHAR, output VARCHAR, output_sha256 VARCHAR,
  "rows" BIGINT, feature_service JSON, snapshots JSON, statuses JSON, created BIGINT, seq BIGINT
);

-- the loop -----------------------------------------------------------------------------------------------------------
CREATE TABLE proposals (
  id VARCHAR PRIMARY KEY, project VARCHAR, model VARCHAR, state VARCHAR, revision BIGINT, reasons JSON, evidence JSON, created BIGINT,
  updated BIGINT, expires BIGINT, until BIGINT, decision VARCHAR, decided BIGINT, decided_by VARCHAR, decision_reason VARCHAR, pins JSON,
  run_id VARCHAR, verdict VARCHAR, data JSON, seq BIGINT
);
CREATE TABLE firings (
  firing_id VARCHAR, project VARCHAR, model VARCHAR, rule VARCHAR, kind VARCHAR, inputs JSON, proposal_id VARCHAR, time BIGINT, seq BIGINT
);
CREATE TABLE policies (
  project VARCHAR, model VARCHAR, auto_approve BOOLEAN, auto_promote VARCHAR, changed BIGINT, changed_by VARCHAR, seq BIGINT,
  PRIMARY KEY (project, model)
);
