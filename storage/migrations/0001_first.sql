-- The first schema. A column's comment is its meaning, with the unit in square brackets at the end; the reference
-- is generated from it. Never edit this file once it is released: its checksum is kept in every database.

CREATE TABLE system_snapshot(
  "id" VARCHAR PRIMARY KEY,
  "targets" JSON NOT NULL,
  "manifest" VARCHAR NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL,
  "seconds" DOUBLE NOT NULL,
  "verified_at" TIMESTAMPTZ,
  "hold" BOOLEAN NOT NULL
);
COMMENT ON TABLE system_snapshot IS 'One verified state of a set of targets that can be gone back to.';
COMMENT ON COLUMN system_snapshot."id" IS 'Name of the snapshot [SNP-n]';
COMMENT ON COLUMN system_snapshot."targets" IS 'What it holds [JSON list of target names]';
COMMENT ON COLUMN system_snapshot."manifest" IS 'Hashes, tool versions and sizes [JSON object]';
COMMENT ON COLUMN system_snapshot."created_at" IS 'When it was begun [UTC]';
COMMENT ON COLUMN system_snapshot."seconds" IS 'How long it took [s]';
COMMENT ON COLUMN system_snapshot."verified_at" IS 'When every byte was last verified, NULL if never [UTC]';
COMMENT ON COLUMN system_snapshot."hold" IS 'Kept whatever the retention says [true or false]';

CREATE TABLE system_restoration(
  "id" VARCHAR PRIMARY KEY,
  "snapshot_id" VARCHAR NOT NULL,
  "change_id" VARCHAR,
  "targets" JSON NOT NULL,
  "operator" VARCHAR NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL,
  "ended_at" TIMESTAMPTZ,
  "healthy" BOOLEAN
);
COMMENT ON TABLE system_restoration IS 'One restore of a snapshot, in whole or in part.';
COMMENT ON COLUMN system_restoration."id" IS 'Name of the restoration [id]';
COMMENT ON COLUMN system_restoration."snapshot_id" IS 'What was restored [SNP-n]';
COMMENT ON COLUMN system_restoration."change_id" IS 'Change request it belongs to, NULL for none [CHG-n]';
COMMENT ON COLUMN system_restoration."targets" IS 'What was restored [JSON list of target names]';
COMMENT ON COLUMN system_restoration."operator" IS 'Who started it [operator id]';
COMMENT ON COLUMN system_restoration."started_at" IS 'When it began [UTC]';
COMMENT ON COLUMN system_restoration."ended_at" IS 'When it ended, NULL while it runs [UTC]';
COMMENT ON COLUMN system_restoration."healthy" IS 'Whether the health checks passed afterwards, NULL before [true or false]';

CREATE TABLE change_request(
  "id" VARCHAR PRIMARY KEY,
  "kind" VARCHAR NOT NULL,
  "title" VARCHAR NOT NULL,
  "service" VARCHAR NOT NULL,
  "risk" VARCHAR NOT NULL,
  "status" VARCHAR NOT NULL,
  "requester" VARCHAR NOT NULL,
  "incident_id" VARCHAR,
  "plan_hash" VARCHAR NOT NULL,
  "need_level" BIGINT NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL,
  "updated_at" TIMESTAMPTZ NOT NULL,
  "version" BIGINT NOT NULL
);
COMMENT ON TABLE change_request IS 'Current state of one change; its history stands in change_event.';
COMMENT ON COLUMN change_request."id" IS 'Name of the change [CHG-n]';
COMMENT ON COLUMN change_request."kind" IS 'How it is handled [standard, normal, emergency]';
COMMENT ON COLUMN change_request."title" IS 'What it is about [safe text]';
COMMENT ON COLUMN change_request."service" IS 'Service it touches [service name]';
COMMENT ON COLUMN change_request."risk" IS 'Risk class [LOW, MEDIUM, HIGH, CRITICAL]';
COMMENT ON COLUMN change_request."status" IS 'Step of its lifecycle [draft, pending, approved, implementing, validating, done, rejected, cancelled, rolled_back]';
COMMENT ON COLUMN change_request."requester" IS 'Who asked for it [operator id]';
COMMENT ON COLUMN change_request."incident_id" IS 'Incident that caused it, NULL for none [INC-n]';
COMMENT ON COLUMN change_request."plan_hash" IS 'Hash of the plan that approvals are given to [hex]';
COMMENT ON COLUMN change_request."need_level" IS 'Approval level it needs [1..4]';
COMMENT ON COLUMN change_request."created_at" IS 'When it was submitted [UTC]';
COMMENT ON COLUMN change_request."updated_at" IS 'When it last changed [UTC]';
COMMENT ON COLUMN change_request."version" IS 'Grows by one with each change; guards simultaneous writers [number]';

CREATE TABLE change_approval(
  "change_id" VARCHAR NOT NULL,
  "operator" VARCHAR NOT NULL,
  "level" BIGINT NOT NULL,
  "approved" BOOLEAN NOT NULL,
  "plan_hash" VARCHAR NOT NULL,
  "reason" VARCHAR,
  "ts" TIMESTAMPTZ NOT NULL,
  PRIMARY KEY ("change_id", "operator", "plan_hash")
);
COMMENT ON TABLE change_approval IS 'One person''s decision on one plan of one change.';
COMMENT ON COLUMN change_approval."change_id" IS 'The change [CHG-n]';
COMMENT ON COLUMN change_approval."operator" IS 'Who decided [operator id]';
COMMENT ON COLUMN change_approval."level" IS 'Approval level the decision was made at [1..4]';
COMMENT ON COLUMN change_approval."approved" IS 'The decision [true or false]';
COMMENT ON COLUMN change_approval."plan_hash" IS 'Hash of the plan that was decided on [hex]';
COMMENT ON COLUMN change_approval."reason" IS 'What the person gave as reason, NULL for none [safe text]';
COMMENT ON COLUMN change_approval."ts" IS 'When [UTC]';

CREATE TABLE change_implementation(
  "change_id" VARCHAR NOT NULL,
  "step" BIGINT NOT NULL,
  "action" VARCHAR NOT NULL,
  "operator" VARCHAR NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL,
  "ended_at" TIMESTAMPTZ,
  "outcome" VARCHAR,
  PRIMARY KEY ("change_id", "step")
);
COMMENT ON TABLE change_implementation IS 'One step of a change being carried out.';
COMMENT ON COLUMN change_implementation."change_id" IS 'The change [CHG-n]';
COMMENT ON COLUMN change_implementation."step" IS 'Which step, from 1 [number]';
COMMENT ON COLUMN change_implementation."action" IS 'What was done [safe text]';
COMMENT ON COLUMN change_implementation."operator" IS 'Who did it [operator id]';
COMMENT ON COLUMN change_implementation."started_at" IS 'When it began [UTC]';
COMMENT ON COLUMN change_implementation."ended_at" IS 'When it ended, NULL while it runs [UTC]';
COMMENT ON COLUMN change_implementation."outcome" IS 'How it ended, NULL before [word]';

CREATE TABLE change_validation(
  "change_id" VARCHAR NOT NULL,
  "check_name" VARCHAR NOT NULL,
  "passed" BOOLEAN NOT NULL,
  "ts" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE change_validation IS 'One check made after a change.';
COMMENT ON COLUMN change_validation."change_id" IS 'The change [CHG-n]';
COMMENT ON COLUMN change_validation."check_name" IS 'What was checked [safe text]';
COMMENT ON COLUMN change_validation."passed" IS 'Whether it held [true or false]';
COMMENT ON COLUMN change_validation."ts" IS 'When [UTC]';

CREATE TABLE error_event(
  "ts" TIMESTAMPTZ NOT NULL,
  "last_ts" TIMESTAMPTZ NOT NULL,
  "service" VARCHAR NOT NULL,
  "host" VARCHAR NOT NULL,
  "level" UTINYINT NOT NULL,
  "template_id" VARCHAR NOT NULL,
  "count" BIGINT NOT NULL,
  "shard" BIGINT NOT NULL,
  "block" BIGINT NOT NULL
);
COMMENT ON TABLE error_event IS 'Hot tail of error_event: error lines of one template of one service and host in one block of the stream. Older rows stand in segments.';
COMMENT ON COLUMN error_event."ts" IS 'Event time of the first line [UTC]';
COMMENT ON COLUMN error_event."last_ts" IS 'Event time of the last line [UTC]';
COMMENT ON COLUMN error_event."service" IS 'Service that logged [service name]';
COMMENT ON COLUMN error_event."host" IS 'Host that logged [host name]';
COMMENT ON COLUMN error_event."level" IS 'Severity number [OpenTelemetry, 17 error, 21 fatal]';
COMMENT ON COLUMN error_event."template_id" IS 'Template of the lines [id]';
COMMENT ON COLUMN error_event."count" IS 'Lines [lines]';
COMMENT ON COLUMN error_event."shard" IS 'Shard of the stream that counted [0..63]';
COMMENT ON COLUMN error_event."block" IS 'Block of the spool they came in [number]';

CREATE TABLE error_diagnosis(
  "id" VARCHAR PRIMARY KEY,
  "incident_id" VARCHAR NOT NULL,
  "rootCause" VARCHAR NOT NULL,
  "confidence" DOUBLE NOT NULL,
  "affectedComponents" JSON NOT NULL,
  "suggestedFixes" JSON NOT NULL,
  "ts" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE error_diagnosis IS 'What probably broke and how sure that is.';
COMMENT ON COLUMN error_diagnosis."id" IS 'Name of the diagnosis [id]';
COMMENT ON COLUMN error_diagnosis."incident_id" IS 'The incident [INC-n]';
COMMENT ON COLUMN error_diagnosis."rootCause" IS 'Most probable cause [safe text]';
COMMENT ON COLUMN error_diagnosis."confidence" IS 'How sure, calibrated [0..1]';
COMMENT ON COLUMN error_diagnosis."affectedComponents" IS 'What it touches [JSON list of names]';
COMMENT ON COLUMN error_diagnosis."suggestedFixes" IS 'What to do [JSON list of objects: action, priority (1 first), estimatedTime (minutes), risk, commands]';
COMMENT ON COLUMN error_diagnosis."ts" IS 'When it was made [UTC]';

CREATE TABLE error_pattern(
  "template_id" VARCHAR PRIMARY KEY,
  "service" VARCHAR NOT NULL,
  "template" VARCHAR NOT NULL,
  "level" UTINYINT NOT NULL,
  "first_seen" TIMESTAMPTZ NOT NULL,
  "last_seen" TIMESTAMPTZ NOT NULL,
  "distinct_parameters" BIGINT NOT NULL,
  "samples" JSON NOT NULL
);
COMMENT ON TABLE error_pattern IS 'One log template of one service, as the gate lets it be seen.';
COMMENT ON COLUMN error_pattern."template_id" IS 'Name of the template [id]';
COMMENT ON COLUMN error_pattern."service" IS 'Service that logs it [service name]';
COMMENT ON COLUMN error_pattern."template" IS 'The template, parameters as typed placeholders [safe text]';
COMMENT ON COLUMN error_pattern."level" IS 'Highest severity number seen [OpenTelemetry, 17 error, 21 fatal]';
COMMENT ON COLUMN error_pattern."first_seen" IS 'Event time of the first line [UTC]';
COMMENT ON COLUMN error_pattern."last_seen" IS 'Event time of the newest line when it was last reported [UTC]';
COMMENT ON COLUMN error_pattern."distinct_parameters" IS 'Distinct hashed parameter vectors, counted up to 5 [number]';
COMMENT ON COLUMN error_pattern."samples" IS 'At most three sanitised lines; never published [JSON list of safe texts]';

CREATE TABLE error_knowledge_base(
  "id" VARCHAR PRIMARY KEY,
  "title" VARCHAR NOT NULL,
  "category" VARCHAR NOT NULL,
  "symptom" VARCHAR NOT NULL,
  "resolution" VARCHAR NOT NULL,
  "preventive_measures" VARCHAR,
  "success_rate" DOUBLE,
  "minutes_to_resolve" BIGINT,
  "updated_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE error_knowledge_base IS 'One entry of the knowledge base: a known pattern and how it was resolved.';
COMMENT ON COLUMN error_knowledge_base."id" IS 'Name of the entry [id]';
COMMENT ON COLUMN error_knowledge_base."title" IS 'What it is about [safe text]';
COMMENT ON COLUMN error_knowledge_base."category" IS 'Error category [word]';
COMMENT ON COLUMN error_knowledge_base."symptom" IS 'How it shows [safe text]';
COMMENT ON COLUMN error_knowledge_base."resolution" IS 'What resolved it [safe text]';
COMMENT ON COLUMN error_knowledge_base."preventive_measures" IS 'What keeps it away, NULL for unknown [safe text]';
COMMENT ON COLUMN error_knowledge_base."success_rate" IS 'Share of uses that resolved the incident, NULL before the first [0..1]';
COMMENT ON COLUMN error_knowledge_base."minutes_to_resolve" IS 'Usual time to resolve, NULL for unknown [min]';
COMMENT ON COLUMN error_knowledge_base."updated_at" IS 'When it last changed [UTC]';

CREATE TABLE incident(
  "id" VARCHAR PRIMARY KEY,
  "title" VARCHAR NOT NULL,
  "severity" UTINYINT NOT NULL,
  "status" VARCHAR NOT NULL,
  "service" VARCHAR NOT NULL,
  "root_service" VARCHAR,
  "affected_services" JSON NOT NULL,
  "category" VARCHAR NOT NULL,
  "confidence" DOUBLE,
  "suspect_change" VARCHAR,
  "summary" VARCHAR,
  "opened_by" VARCHAR NOT NULL,
  "commander" VARCHAR,
  "fault_at" TIMESTAMPTZ,
  "detected_at" TIMESTAMPTZ NOT NULL,
  "acknowledged_at" TIMESTAMPTZ,
  "acknowledged_by" VARCHAR,
  "responded_at" TIMESTAMPTZ,
  "resolved_at" TIMESTAMPTZ,
  "closed_at" TIMESTAMPTZ,
  "updated_at" TIMESTAMPTZ NOT NULL,
  "last_signal_at" TIMESTAMPTZ,
  "signal_count" BIGINT NOT NULL,
  "version" BIGINT NOT NULL
);
COMMENT ON TABLE incident IS 'Current state of one incident; its timeline stands in incident_event.';
COMMENT ON COLUMN incident."id" IS 'Name of the incident [INC-n]';
COMMENT ON COLUMN incident."title" IS 'What it is about [safe text]';
COMMENT ON COLUMN incident."severity" IS '1 critical, 2 high, 3 medium, 4 low [1..4]';
COMMENT ON COLUMN incident."status" IS 'Step of its lifecycle [detected, acknowledged, investigating, identified, resolving, resolved, closed]';
COMMENT ON COLUMN incident."service" IS 'Service it was found in [service name]';
COMMENT ON COLUMN incident."root_service" IS 'Service that probably caused it, NULL for unknown [service name]';
COMMENT ON COLUMN incident."affected_services" IS 'Services with signals of it [JSON list of names]';
COMMENT ON COLUMN incident."category" IS 'Error category [word]';
COMMENT ON COLUMN incident."confidence" IS 'How sure the cause is, NULL before a diagnosis [0..1]';
COMMENT ON COLUMN incident."suspect_change" IS 'Change marker or request that probably caused it, NULL for none [id]';
COMMENT ON COLUMN incident."summary" IS 'What is known, NULL for nothing yet [safe text]';
COMMENT ON COLUMN incident."opened_by" IS 'What or who opened it [stream, health, or operator id]';
COMMENT ON COLUMN incident."commander" IS 'Who leads it, NULL for nobody yet [operator id]';
COMMENT ON COLUMN incident."fault_at" IS 'Event time of the first line that led to it, NULL when declared by hand [UTC]';
COMMENT ON COLUMN incident."detected_at" IS 'When it was opened [UTC]';
COMMENT ON COLUMN incident."acknowledged_at" IS 'When a person first took it, NULL before [UTC]';
COMMENT ON COLUMN incident."acknowledged_by" IS 'Who first took it, NULL before [operator id]';
COMMENT ON COLUMN incident."responded_at" IS 'When work on it began, NULL before [UTC]';
COMMENT ON COLUMN incident."resolved_at" IS 'When it was resolved, NULL before [UTC]';
COMMENT ON COLUMN incident."closed_at" IS 'When it was closed, NULL before [UTC]';
COMMENT ON COLUMN incident."updated_at" IS 'When it last changed [UTC]';
COMMENT ON COLUMN incident."last_signal_at" IS 'Event time of its newest signal, NULL for none [UTC]';
COMMENT ON COLUMN incident."signal_count" IS 'Signals that joined it [number]';
COMMENT ON COLUMN incident."version" IS 'Grows by one with each change; guards simultaneous writers [number]';

CREATE TABLE service_health(
  "service" VARCHAR NOT NULL,
  "status" VARCHAR NOT NULL,
  "response_ms" DOUBLE,
  "error_rate" DOUBLE,
  "ts" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE service_health IS 'Hot tail of service_health: health of one service at one time. Older rows stand in segments.';
COMMENT ON COLUMN service_health."service" IS 'The service [service name]';
COMMENT ON COLUMN service_health."status" IS 'State [HEALTHY, DEGRADED, DOWN, MAINTENANCE]';
COMMENT ON COLUMN service_health."response_ms" IS 'Response time of the check, NULL without an answer [ms]';
COMMENT ON COLUMN service_health."error_rate" IS 'Share of requests that failed, NULL for unknown [0..1]';
COMMENT ON COLUMN service_health."ts" IS 'When it was checked [UTC]';

CREATE TABLE change_marker(
  "id" VARCHAR PRIMARY KEY,
  "service" VARCHAR NOT NULL,
  "kind" VARCHAR NOT NULL,
  "version" VARCHAR NOT NULL,
  "ts" TIMESTAMPTZ NOT NULL,
  "note" VARCHAR,
  "recorded_by" VARCHAR NOT NULL
);
COMMENT ON TABLE change_marker IS 'Somebody or something changed a service: a fact kept beside the incidents.';
COMMENT ON COLUMN change_marker."id" IS 'Name of the marker; a pipeline''s own id makes a repeated call record it once [id]';
COMMENT ON COLUMN change_marker."service" IS 'Service that was changed [service name]';
COMMENT ON COLUMN change_marker."kind" IS 'What was changed [deploy, config, migration, flag]';
COMMENT ON COLUMN change_marker."version" IS 'What it was changed to [safe text]';
COMMENT ON COLUMN change_marker."ts" IS 'When it took effect [UTC]';
COMMENT ON COLUMN change_marker."note" IS 'What was said about it, NULL for nothing [safe text]';
COMMENT ON COLUMN change_marker."recorded_by" IS 'Who or what recorded it [operator id]';

CREATE TABLE incident_event(
  "incident_id" VARCHAR NOT NULL,
  "seq" BIGINT NOT NULL,
  "ts" TIMESTAMPTZ NOT NULL,
  "kind" VARCHAR NOT NULL,
  "actor" VARCHAR NOT NULL,
  "text" VARCHAR NOT NULL,
  "data" JSON NOT NULL,
  PRIMARY KEY ("incident_id", "seq")
);
COMMENT ON TABLE incident_event IS 'Timeline of the incidents; append-only.';
COMMENT ON COLUMN incident_event."incident_id" IS 'The incident [INC-n]';
COMMENT ON COLUMN incident_event."seq" IS 'Place in the incident''s timeline, from 1 [number]';
COMMENT ON COLUMN incident_event."ts" IS 'When [UTC]';
COMMENT ON COLUMN incident_event."kind" IS 'What happened [opened, signal, status, severity, note, card, change]';
COMMENT ON COLUMN incident_event."actor" IS 'Who or what did it [operator id, or stream]';
COMMENT ON COLUMN incident_event."text" IS 'What happened, in words [safe text]';
COMMENT ON COLUMN incident_event."data" IS 'Ids and numbers that belong to it [JSON object]';

CREATE TABLE change_event(
  "change_id" VARCHAR NOT NULL,
  "seq" BIGINT NOT NULL,
  "ts" TIMESTAMPTZ NOT NULL,
  "kind" VARCHAR NOT NULL,
  "actor" VARCHAR NOT NULL,
  "text" VARCHAR NOT NULL,
  "data" JSON NOT NULL,
  PRIMARY KEY ("change_id", "seq")
);
COMMENT ON TABLE change_event IS 'History of the change requests; append-only.';
COMMENT ON COLUMN change_event."change_id" IS 'The change [CHG-n]';
COMMENT ON COLUMN change_event."seq" IS 'Place in the change''s history, from 1 [number]';
COMMENT ON COLUMN change_event."ts" IS 'When [UTC]';
COMMENT ON COLUMN change_event."kind" IS 'What happened [word]';
COMMENT ON COLUMN change_event."actor" IS 'Who or what did it [operator id]';
COMMENT ON COLUMN change_event."text" IS 'What happened, in words [safe text]';
COMMENT ON COLUMN change_event."data" IS 'Ids and numbers that belong to it [JSON object]';

CREATE TABLE pattern_minute(
  "service" VARCHAR NOT NULL,
  "template_id" VARCHAR NOT NULL,
  "minute" TIMESTAMPTZ NOT NULL,
  "level" UTINYINT NOT NULL,
  "count" BIGINT NOT NULL
);
COMMENT ON TABLE pattern_minute IS 'Hot tail of pattern_minute: lines per template, level, service and minute of event time. Older rows stand in segments; a minute may have a row in both, so sum over both.';
COMMENT ON COLUMN pattern_minute."service" IS 'Service that logged [service name]';
COMMENT ON COLUMN pattern_minute."template_id" IS 'Template [id]';
COMMENT ON COLUMN pattern_minute."minute" IS 'Start of the minute of event time [UTC]';
COMMENT ON COLUMN pattern_minute."level" IS 'Severity number [OpenTelemetry]';
COMMENT ON COLUMN pattern_minute."count" IS 'Lines [lines]';

CREATE TABLE service_traffic(
  "service" VARCHAR NOT NULL,
  "minute" TIMESTAMPTZ NOT NULL,
  "lines" BIGINT NOT NULL,
  "errors" BIGINT NOT NULL,
  "last_ts" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE service_traffic IS 'Hot tail of service_traffic: lines and error lines per service and minute. Older rows stand in segments; sum over both.';
COMMENT ON COLUMN service_traffic."service" IS 'Service that logged [service name]';
COMMENT ON COLUMN service_traffic."minute" IS 'Start of the minute of the newest line of each block [UTC]';
COMMENT ON COLUMN service_traffic."lines" IS 'Lines [lines]';
COMMENT ON COLUMN service_traffic."errors" IS 'Lines of level error and above [lines]';
COMMENT ON COLUMN service_traffic."last_ts" IS 'Event time of the newest line [UTC]';

CREATE TABLE ingest_minute(
  "minute" TIMESTAMPTZ NOT NULL,
  "reports" BIGINT NOT NULL,
  "late" BIGINT NOT NULL,
  "quarantined" BIGINT NOT NULL,
  "lag_sum" DOUBLE NOT NULL,
  "lag_max" DOUBLE NOT NULL
);
COMMENT ON TABLE ingest_minute IS 'Hot tail of ingest_minute: how the stream is doing, per minute of receive time. Older rows stand in segments; sum over both.';
COMMENT ON COLUMN ingest_minute."minute" IS 'Start of the minute the blocks were received in [UTC]';
COMMENT ON COLUMN ingest_minute."reports" IS 'Reports of one shard on one block that were applied [number]';
COMMENT ON COLUMN ingest_minute."late" IS 'Lines that came after their minute had been closed [lines]';
COMMENT ON COLUMN ingest_minute."quarantined" IS 'Messages that could not be decoded and are kept sealed [messages]';
COMMENT ON COLUMN ingest_minute."lag_sum" IS 'Sum over the reports of receive to stored [s]';
COMMENT ON COLUMN ingest_minute."lag_max" IS 'Longest time from receive to stored [s]';

CREATE TABLE applied(
  "shard" BIGINT PRIMARY KEY,
  "block" BIGINT NOT NULL,
  "applied_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE applied IS 'Newest block of each shard whose facts are in; what is not newer is ignored, so a replay changes nothing.';
COMMENT ON COLUMN applied."shard" IS 'Shard of the stream [0..63]';
COMMENT ON COLUMN applied."block" IS 'Newest block applied [number]';
COMMENT ON COLUMN applied."applied_at" IS 'When [UTC]';

CREATE TABLE segment(
  "name" VARCHAR PRIMARY KEY,
  "bulk_table" VARCHAR NOT NULL,
  "epoch" BIGINT NOT NULL,
  "day" DATE NOT NULL,
  "rows" BIGINT NOT NULL,
  "bytes" BIGINT NOT NULL,
  "sha256" VARCHAR NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE segment IS 'Parquet files that hold the older rows of the bulk tables. Only files recorded here count.';
COMMENT ON COLUMN segment."name" IS 'Name of the file, without its directories [file name]';
COMMENT ON COLUMN segment."bulk_table" IS 'Which table''s rows it holds [table name]';
COMMENT ON COLUMN segment."epoch" IS 'Which key it is sealed with [number]';
COMMENT ON COLUMN segment."day" IS 'Day of event time of its rows [date, UTC]';
COMMENT ON COLUMN segment."rows" IS 'Rows in it [rows]';
COMMENT ON COLUMN segment."bytes" IS 'Size of the file [bytes]';
COMMENT ON COLUMN segment."sha256" IS 'SHA-256 of the file [hex]';
COMMENT ON COLUMN segment."created_at" IS 'When it was recorded [UTC]';

CREATE TABLE segment_replaced(
  "name" VARCHAR PRIMARY KEY,
  "bulk_table" VARCHAR NOT NULL,
  "epoch" BIGINT NOT NULL,
  "day" DATE NOT NULL,
  "replaced_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE segment_replaced IS 'Segments that compaction or retention took out of use; the file is kept for an hour, for readers of older live copies.';
COMMENT ON COLUMN segment_replaced."name" IS 'Name of the file, without its directories [file name]';
COMMENT ON COLUMN segment_replaced."bulk_table" IS 'Which table''s rows it held [table name]';
COMMENT ON COLUMN segment_replaced."epoch" IS 'Which key it is sealed with [number]';
COMMENT ON COLUMN segment_replaced."day" IS 'Day of event time of its rows [date, UTC]';
COMMENT ON COLUMN segment_replaced."replaced_at" IS 'When it went out of use [UTC]';

CREATE TABLE audit_log(
  "seq" BIGINT PRIMARY KEY,
  "payload" VARCHAR NOT NULL,
  "prev_hash" VARCHAR NOT NULL,
  "hash" VARCHAR NOT NULL
);
COMMENT ON TABLE audit_log IS 'Every action and every refusal, as a SHA-256 chain; append-only.';
COMMENT ON COLUMN audit_log."seq" IS 'Place in the chain, from 0 [number]';
COMMENT ON COLUMN audit_log."payload" IS 'The entry as it was hashed: seq, ts, actor, action, data [JSON object]';
COMMENT ON COLUMN audit_log."prev_hash" IS 'Hash of the entry before, 64 zeros for the first [hex]';
COMMENT ON COLUMN audit_log."hash" IS 'SHA-256 of prev_hash followed by payload [hex]';

CREATE TABLE audit_anchor(
  "seq" BIGINT PRIMARY KEY,
  "hash" VARCHAR NOT NULL,
  "anchored_at" TIMESTAMPTZ NOT NULL,
  "signature" VARCHAR NOT NULL
);
COMMENT ON TABLE audit_anchor IS 'Signed heads of the audit chain, as they were written to the anchor file too.';
COMMENT ON COLUMN audit_anchor."seq" IS 'Newest entry of the chain at that time [number]';
COMMENT ON COLUMN audit_anchor."hash" IS 'Its hash [hex]';
COMMENT ON COLUMN audit_anchor."anchored_at" IS 'When [UTC]';
COMMENT ON COLUMN audit_anchor."signature" IS 'Ed25519 signature of the anchor [hex]';

CREATE TABLE counter(
  "name" VARCHAR PRIMARY KEY,
  "value" BIGINT NOT NULL
);
COMMENT ON TABLE counter IS 'Counters that give the next INC-n, CHG-n and SNP-n.';
COMMENT ON COLUMN counter."name" IS 'Prefix of the ids [word]';
COMMENT ON COLUMN counter."value" IS 'Last number given [number]';

CREATE TABLE inbox(
  "id" VARCHAR PRIMARY KEY,
  "received_at" TIMESTAMPTZ NOT NULL,
  "source" VARCHAR NOT NULL,
  "kind" VARCHAR NOT NULL,
  "operator" VARCHAR,
  "action" JSON NOT NULL,
  "reply" JSON,
  "state" VARCHAR NOT NULL,
  "attempts" BIGINT NOT NULL DEFAULT 0,
  "started_at" TIMESTAMPTZ,
  "finished_at" TIMESTAMPTZ,
  "outcome" VARCHAR
);
COMMENT ON TABLE inbox IS 'What came in from people and is to be worked on, once each.';
COMMENT ON COLUMN inbox."id" IS 'Id of the delivery [id]';
COMMENT ON COLUMN inbox."received_at" IS 'When it came [UTC]';
COMMENT ON COLUMN inbox."source" IS 'Where from [slack, cli, webhook]';
COMMENT ON COLUMN inbox."kind" IS 'What it is [command, button, modal, event]';
COMMENT ON COLUMN inbox."operator" IS 'Who sent it, NULL for nobody known [operator id]';
COMMENT ON COLUMN inbox."action" IS 'The action, its texts past the gate [JSON object]';
COMMENT ON COLUMN inbox."reply" IS 'Where and how to answer, NULL for not at all [JSON object]';
COMMENT ON COLUMN inbox."state" IS 'How far it is [waiting, working, done, failed]';
COMMENT ON COLUMN inbox."attempts" IS 'Times it was begun [number]';
COMMENT ON COLUMN inbox."started_at" IS 'When it was last begun, NULL before [UTC]';
COMMENT ON COLUMN inbox."finished_at" IS 'When it was finished, NULL before [UTC]';
COMMENT ON COLUMN inbox."outcome" IS 'How it ended, NULL before [word]';

CREATE TABLE slack_message(
  "outbox_id" VARCHAR PRIMARY KEY,
  "incident_id" VARCHAR,
  "channel" VARCHAR NOT NULL,
  "ts" VARCHAR,
  "wanted_version" BIGINT NOT NULL,
  "shown_version" BIGINT,
  "state" VARCHAR NOT NULL,
  "attempts" BIGINT NOT NULL DEFAULT 0,
  "next_try_at" TIMESTAMPTZ,
  "posted_at" TIMESTAMPTZ,
  "updated_at" TIMESTAMPTZ
);
COMMENT ON TABLE slack_message IS 'One live message per incident: what it should show against what it shows.';
COMMENT ON COLUMN slack_message."outbox_id" IS 'Id that stands in the message''s metadata [id]';
COMMENT ON COLUMN slack_message."incident_id" IS 'The incident, NULL for other messages [INC-n]';
COMMENT ON COLUMN slack_message."channel" IS 'Slack channel [Slack id]';
COMMENT ON COLUMN slack_message."ts" IS 'Slack''s id of the message, NULL before it is known [Slack ts]';
COMMENT ON COLUMN slack_message."wanted_version" IS 'Version of the incident it should show [number]';
COMMENT ON COLUMN slack_message."shown_version" IS 'Version it shows, NULL before the first post [number]';
COMMENT ON COLUMN slack_message."state" IS 'How far it is [word]';
COMMENT ON COLUMN slack_message."attempts" IS 'Tries since the last success [number]';
COMMENT ON COLUMN slack_message."next_try_at" IS 'When to try again, NULL for at once [UTC]';
COMMENT ON COLUMN slack_message."posted_at" IS 'When it was posted, NULL before [UTC]';
COMMENT ON COLUMN slack_message."updated_at" IS 'When it was last updated, NULL before [UTC]';

CREATE TABLE seen(
  "key" VARCHAR PRIMARY KEY,
  "seen_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE seen IS 'Deliveries that were taken already, as hashes, so that a repeated one does nothing.';
COMMENT ON COLUMN seen."key" IS 'SHA-256 of the delivery''s identity [hex]';
COMMENT ON COLUMN seen."seen_at" IS 'When it was first seen [UTC]';

CREATE TABLE setting_value(
  "name" VARCHAR PRIMARY KEY,
  "value" VARCHAR NOT NULL
);
COMMENT ON TABLE setting_value IS 'Settings that are changed while Mayday runs.';
COMMENT ON COLUMN setting_value."name" IS 'Name of the setting [word]';
COMMENT ON COLUMN setting_value."value" IS 'Its value [JSON]';
