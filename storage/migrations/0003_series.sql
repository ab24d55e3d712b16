-- Block numbers stand for the same block only within one series: the one that a writer of the spool began when it was
-- opened. What was applied before series were written down belongs to the series with no name.

ALTER TABLE applied RENAME TO applied_before;
CREATE TABLE applied(
  "series" VARCHAR NOT NULL,
  "shard" BIGINT NOT NULL,
  "block" BIGINT NOT NULL,
  "applied_at" TIMESTAMPTZ NOT NULL,
  PRIMARY KEY ("series", "shard")
);
INSERT INTO applied SELECT '', "shard", "block", "applied_at" FROM applied_before;
DROP TABLE applied_before;
COMMENT ON TABLE applied IS 'Newest block of each series and shard whose facts are in; what is not newer is ignored, so a replay changes nothing.';
COMMENT ON COLUMN applied."series" IS 'Series the block is numbered in, or the stream that counts what it handed over [hex, empty for the first]';
COMMENT ON COLUMN applied."shard" IS 'Shard of the stream; 64 for the stream itself [0..64]';
COMMENT ON COLUMN applied."block" IS 'Newest block applied, for shard 64 the newest delivery [number]';
COMMENT ON COLUMN applied."applied_at" IS 'When [UTC]';
