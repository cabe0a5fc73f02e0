-- A training has the data versions that it used, and a program of one's own the metric that it names: the records of all trainings are read again,
-- which the daemon does with those whose data versions are not known.
UPDATE runs SET pins = NULL WHERE kind = 'train' AND deleted IS NULL;
