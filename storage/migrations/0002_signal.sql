-- What the stream reported as a sign of trouble, and what became of it. Written by the command center in the
-- transaction that decides; small: signals are rare, lines are not kept here.

CREATE TABLE signal(
  "id" VARCHAR PRIMARY KEY,
  "kind" VARCHAR NOT NULL,
  "service" VARCHAR NOT NULL,
  "host" VARCHAR,
  "template_id" VARCHAR,
  "template" VARCHAR,
  "level" UTINYINT NOT NULL,
  "ts" TIMESTAMPTZ NOT NULL,
  "seen_at" TIMESTAMPTZ NOT NULL,
  "score" DOUBLE NOT NULL,
  "threshold" DOUBLE NOT NULL,
  "evidence" JSON NOT NULL,
  "lines" BIGINT NOT NULL,
  "verdict" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "incident_id" VARCHAR,
  "returned" BOOLEAN NOT NULL
);
COMMENT ON TABLE signal IS 'One sign of trouble from the stream, and what became of it.';
COMMENT ON COLUMN signal."id" IS 'Name of the signal, equal in a replay [id]';
COMMENT ON COLUMN signal."kind" IS 'What was noticed [new_error_template, error_burst, silence]';
COMMENT ON COLUMN signal."service" IS 'Service it was noticed in [service name]';
COMMENT ON COLUMN signal."host" IS 'Host it was noticed on, NULL for several or none [host name]';
COMMENT ON COLUMN signal."template_id" IS 'Template of the lines, NULL for silence [id]';
COMMENT ON COLUMN signal."template" IS 'The template as it was then, NULL for silence [safe text]';
COMMENT ON COLUMN signal."level" IS 'Severity number of the lines [OpenTelemetry, 17 error, 21 fatal]';
COMMENT ON COLUMN signal."ts" IS 'Event time [UTC]';
COMMENT ON COLUMN signal."seen_at" IS 'When the block that raised it was received [UTC]';
COMMENT ON COLUMN signal."score" IS 'How unusual it is [0..1]';
COMMENT ON COLUMN signal."threshold" IS 'Score from which it is reported [0..1]';
COMMENT ON COLUMN signal."evidence" IS 'Figures behind it [JSON object]';
COMMENT ON COLUMN signal."lines" IS 'Lines of the template counted for it [lines]';
COMMENT ON COLUMN signal."verdict" IS 'What became of it [opened, joined, reopened, echo, held, ignored]';
COMMENT ON COLUMN signal."reason" IS 'Why [word]';
COMMENT ON COLUMN signal."incident_id" IS 'Incident it belongs to, NULL for none [INC-n]';
COMMENT ON COLUMN signal."returned" IS 'Whether it came back after a pause; many returns are flapping [true or false]';
