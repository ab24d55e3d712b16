-- Planned work: what fails meanwhile in the services it is about wakes nobody.

CREATE TABLE maintenance_window(
  "id" VARCHAR PRIMARY KEY,
  "services" JSON NOT NULL,
  "with_callers" BOOLEAN NOT NULL,
  "starts_at" TIMESTAMPTZ NOT NULL,
  "ends_at" TIMESTAMPTZ NOT NULL,
  "reason" VARCHAR NOT NULL,
  "added_by" VARCHAR NOT NULL,
  "added_at" TIMESTAMPTZ NOT NULL,
  "ended_by" VARCHAR,
  "ended_at" TIMESTAMPTZ
);
COMMENT ON TABLE maintenance_window IS 'Planned work on services: signals of them in that time open no incident.';
COMMENT ON COLUMN maintenance_window."id" IS 'Name of the window [MNT-n]';
COMMENT ON COLUMN maintenance_window."services" IS 'Services that are worked on [JSON list of service names]';
COMMENT ON COLUMN maintenance_window."with_callers" IS 'Whether services that call them are meant as well [true or false]';
COMMENT ON COLUMN maintenance_window."starts_at" IS 'When the work begins [UTC]';
COMMENT ON COLUMN maintenance_window."ends_at" IS 'When it was planned to end [UTC]';
COMMENT ON COLUMN maintenance_window."reason" IS 'What is done [safe text]';
COMMENT ON COLUMN maintenance_window."added_by" IS 'Who planned it [operator id]';
COMMENT ON COLUMN maintenance_window."added_at" IS 'When that was [UTC]';
COMMENT ON COLUMN maintenance_window."ended_by" IS 'Who ended it before its time, NULL for nobody [operator id]';
COMMENT ON COLUMN maintenance_window."ended_at" IS 'When it was ended before its time, NULL if it was not [UTC]';

ALTER TABLE signal ADD COLUMN "maintenance_id" VARCHAR;
COMMENT ON COLUMN signal."verdict" IS 'What became of it [opened, joined, reopened, echo, held, ignored, silenced]';
COMMENT ON COLUMN signal."maintenance_id" IS 'Maintenance window it fell into, NULL for none [MNT-n]';
