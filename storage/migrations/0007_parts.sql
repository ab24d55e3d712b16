-- What a shard says about a block may come in parts: up to which part of its newest block it is in.

ALTER TABLE applied ADD COLUMN "part" BIGINT DEFAULT 0;
ALTER TABLE applied ALTER COLUMN "part" SET NOT NULL;
COMMENT ON COLUMN applied."part" IS 'Newest part of that block applied; a report that is too long for one message comes in several, from 0 [number]';
