"""Questions that people ask of the database, by name: `mayday sql --question NAME`, `docs/cookbook.sql.md`.

Each is one SELECT over the published views, so it runs in the sandbox and on the live copy alike. Times are UTC,
durations seconds unless a column says minutes. Change the numbers as you need: they are meant as a beginning.
"""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """A named question: what it asks, and the SQL that answers."""

    name: str
    asks: str
    sql: str


QUESTIONS: tuple[Question, ...] = (
    Question(
        "open-incidents",
        "Which incidents are open, the worst and oldest first?",
        """SELECT id, severity, status, service, title, detected_at, commander,
  round((epoch(now()) - epoch(detected_at)) / 60, 1) AS open_min
FROM incident
WHERE status NOT IN ('resolved', 'closed')
ORDER BY severity, detected_at""",
    ),
    Question(
        "times-by-severity",
        "How fast do we acknowledge and resolve, by severity, service and week?",
        """SELECT CAST(date_trunc('week', detected_at AT TIME ZONE 'UTC') AS DATE) AS week, severity, service,
  count(*) AS incidents,
  round(avg(tta_s)) AS mean_tta_s, round(median(tta_s)) AS median_tta_s,
  round(avg(mttr_s)) AS mttr_s, round(max(mttr_s)) AS slowest_s
FROM incident_times
GROUP BY ALL
ORDER BY week DESC, severity, service""",
    ),
    Question(
        "slowest-acknowledgements",
        "Which incidents waited longest for somebody to take them, in the last 30 days?",
        """SELECT id, severity, service, title, detected_at, acknowledged_by, round(tta_s) AS tta_s
FROM incident_times
WHERE detected_at > now() - INTERVAL 30 DAY AND tta_s IS NOT NULL
ORDER BY tta_s DESC
LIMIT 20""",
    ),
    Question(
        "who-acknowledged",
        "Who acknowledged how many incidents, and how fast?",
        """SELECT acknowledged_by, count(*) AS incidents, round(median(tta_s)) AS median_tta_s,
  count(*) FILTER (severity = 1) AS sev1
FROM incident_times
WHERE acknowledged_by IS NOT NULL
GROUP BY acknowledged_by
ORDER BY incidents DESC""",
    ),
    Question(
        "missed-targets",
        "Which SEV1 incidents missed a target: acknowledged in 2, responded in 5, resolved in 30 minutes?",
        """SELECT id, service, title, detected_at, round(tta_s) AS tta_s, round(ttr_s) AS ttr_s, round(mttr_s) AS mttr_s
FROM incident_times
WHERE severity = 1 AND (tta_s > 120 OR ttr_s > 300 OR mttr_s > 1800)
ORDER BY detected_at DESC""",
    ),
    Question(
        "incidents-per-day",
        "How many incidents a day, and is it getting better (mean of seven days)?",
        """WITH daily AS (
  SELECT CAST(detected_at AT TIME ZONE 'UTC' AS DATE) AS day, count(*) AS incidents,
    count(*) FILTER (severity <= 2) AS severe
  FROM incident
  GROUP BY day)
SELECT day, incidents, severe,
  round(avg(incidents) OVER (ORDER BY day RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW), 1) AS mean_7_days
FROM daily
ORDER BY day DESC""",
    ),
    Question(
        "reopened-incidents",
        "Which incidents came back after they were resolved, and how often?",
        """SELECT incident_id, count(*) AS times, max(ts) AS last_time, any_value(i.service) AS service,
  any_value(i.title) AS title
FROM incident_event e JOIN incident i ON i.id = e.incident_id
WHERE e.kind = 'status' AND (e.data->>'from') IN ('resolved', 'closed')
  AND (e.data->>'to') NOT IN ('resolved', 'closed')
GROUP BY incident_id
ORDER BY times DESC, last_time DESC""",
    ),
    Question(
        "severity-changes",
        "Which incidents changed severity, who changed it, and how?",
        """SELECT incident_id, ts, actor, e.data->>'from' AS was, e.data->>'to' AS became, text
FROM incident_event e
WHERE kind = 'severity'
ORDER BY ts DESC""",
    ),
    Question(
        "newest-timeline",
        "What happened in the newest incident, step by step?",
        """SELECT incident_id, seq, ts, actor, kind, text
FROM incident_event
WHERE incident_id = (SELECT id FROM incident ORDER BY detected_at DESC, id DESC LIMIT 1)
ORDER BY seq""",
    ),
    Question(
        "top-templates",
        "Which error templates are busiest in the last hour, against the same hour on the seven days before?",
        """WITH recent AS (
  SELECT service, template_id, sum(count)::BIGINT AS lines
  FROM pattern_minute
  WHERE day >= current_date - 1 AND minute > now() - INTERVAL 1 HOUR AND level >= 17
  GROUP BY ALL),
before AS (
  SELECT service, template_id, sum(count) / 7.0 AS lines
  FROM pattern_minute
  WHERE day >= current_date - 8 AND level >= 17 AND minute <= now() - INTERVAL 1 HOUR
    AND minute > now() - INTERVAL 169 HOUR
    AND (epoch(now()) - epoch(minute))::BIGINT % 86400 < 3600
  GROUP BY ALL)
SELECT r.service, r.lines, round(coalesce(b.lines, 0), 1) AS usual,
  round(r.lines / greatest(coalesce(b.lines, 0), 1), 1) AS times_usual, p.template
FROM recent r
LEFT JOIN before b USING (service, template_id)
LEFT JOIN error_pattern p USING (template_id)
ORDER BY r.lines DESC
LIMIT 20""",
    ),
    Question(
        "new-patterns",
        "Which error templates were seen for the first time today?",
        """SELECT first_seen, service, level, template, distinct_parameters
FROM error_pattern
WHERE first_seen >= date_trunc('day', now()) AND level >= 17
ORDER BY first_seen DESC""",
    ),
    Question(
        "patterns-by-service",
        "How many templates does each service have, and how many of them are errors?",
        """SELECT service, count(*) AS templates, count(*) FILTER (level >= 17) AS error_templates,
  max(first_seen) AS newest
FROM error_pattern
GROUP BY service
ORDER BY templates DESC""",
    ),
    Question(
        "errors-around-changes",
        "What did each change of the last seven days do to the errors of its service (15 minutes either side)?",
        """SELECT c.id, c.service, c.kind, c.version, c.ts,
  coalesce(sum(m.count) FILTER (m.minute < c.ts), 0)::BIGINT AS errors_before,
  coalesce(sum(m.count) FILTER (m.minute >= c.ts), 0)::BIGINT AS errors_after
FROM change_marker c
LEFT JOIN pattern_minute m
  ON m.service = c.service AND m.level >= 17 AND m.day >= current_date - 8
  AND m.minute BETWEEN c.ts - INTERVAL 15 MINUTE AND c.ts + INTERVAL 15 MINUTE
WHERE c.ts > now() - INTERVAL 7 DAY
GROUP BY ALL
ORDER BY errors_after - errors_before DESC""",
    ),
    Question(
        "change-before-incident",
        "Which change of the same service came last before each incident, and how long before?",
        """SELECT i.id, i.service, i.detected_at, c.id AS change_id, c.kind, c.version, c.ts AS changed_at,
  round((epoch(coalesce(i.fault_at, i.detected_at)) - epoch(c.ts)) / 60, 1) AS minutes_before
FROM (SELECT id, service, detected_at, fault_at, coalesce(fault_at, detected_at) AS began FROM incident) i
ASOF LEFT JOIN change_marker c ON i.service = c.service AND i.began >= c.ts
ORDER BY i.detected_at DESC""",
    ),
    Question(
        "changes-without-incident",
        "Which changes of the last 30 days were followed by no incident of their service within an hour?",
        """SELECT c.ts, c.service, c.kind, c.version, c.recorded_by
FROM change_marker c
WHERE c.ts > now() - INTERVAL 30 DAY
  AND NOT EXISTS (SELECT 1 FROM incident i
    WHERE i.service = c.service AND i.detected_at BETWEEN c.ts AND c.ts + INTERVAL 1 HOUR)
ORDER BY c.ts DESC""",
    ),
    Question(
        "noisiest-services",
        "Which services log most, and what share of it is errors, in the last 24 hours?",
        """SELECT service, sum(lines)::BIGINT AS lines, sum(errors)::BIGINT AS errors,
  round(100.0 * sum(errors) / sum(lines), 2) AS error_percent
FROM service_traffic
WHERE day >= current_date - 1 AND minute > now() - INTERVAL 24 HOUR
GROUP BY service
ORDER BY lines DESC""",
    ),
    Question(
        "silent-services",
        "Which services have logged in the last two days but not in the last ten minutes?",
        """SELECT service, max(last_ts) AS last_line, round((epoch(now()) - epoch(max(last_ts))) / 60, 1) AS silent_min
FROM service_traffic
WHERE day >= current_date - 2
GROUP BY service
HAVING max(last_ts) < now() - INTERVAL 10 MINUTE
ORDER BY silent_min DESC""",
    ),
    Question(
        "lines-per-hour",
        "How many lines and errors came in each hour of the last two days?",
        """SELECT time_bucket(INTERVAL 1 HOUR, minute) AS hour, sum(lines)::BIGINT AS lines, sum(errors)::BIGINT AS errors
FROM service_traffic
WHERE day >= current_date - 2
GROUP BY hour
ORDER BY hour DESC""",
    ),
    Question(
        "error-hosts",
        "Which hosts log the most errors of each template in the last hour?",
        """SELECT service, host, template_id, sum(count)::BIGINT AS errors, min(ts) AS first_line, max(last_ts) AS last_line
FROM error_event
WHERE day >= current_date - 1 AND ts > now() - INTERVAL 1 HOUR
GROUP BY service, host, template_id
ORDER BY errors DESC
LIMIT 50""",
    ),
    Question(
        "ingest-lag",
        "How long does a line take from receipt to the database, minute by minute, in the last hour?",
        """SELECT minute, reports, round(lag_sum / reports, 2) AS mean_lag_s, round(lag_max, 2) AS max_lag_s
FROM ingest_minute
WHERE day >= current_date - 1 AND minute > now() - INTERVAL 1 HOUR
ORDER BY minute DESC""",
    ),
    Question(
        "late-and-quarantined",
        "How many lines came after their minute was closed, and how many messages could not be decoded, by day?",
        """SELECT day, sum(late)::BIGINT AS late_lines, sum(quarantined)::BIGINT AS quarantined_messages
FROM ingest_minute
GROUP BY day
HAVING sum(late) + sum(quarantined) > 0
ORDER BY day DESC""",
    ),
    Question(
        "signals",
        "What did the stream report in the last day, and what became of it?",
        """SELECT ts, kind, service, round(score, 2) AS score, verdict, reason, incident_id, template
FROM signal
WHERE ts > now() - INTERVAL 1 DAY
ORDER BY ts DESC
LIMIT 100""",
    ),
    Question(
        "actions-by-person",
        "Who did what, and when last? (Add `WHERE actor = 'oncall'` for one person.)",
        """SELECT actor, action, count(*) AS times, min(ts) AS first_time, max(ts) AS last_time
FROM audit_log
GROUP BY actor, action
ORDER BY last_time DESC""",
    ),
    Question(
        "refusals",
        "What was refused to whom in the last 30 days, and why?",
        """SELECT ts, actor, action, data
FROM audit_log
WHERE ts > now() - INTERVAL 30 DAY AND action = 'refused'
ORDER BY ts DESC
LIMIT 100""",
    ),
)


def cookbook() -> str:
    """Return `docs/cookbook.sql.md`: every question with its SQL. `python -m storage.questions` prints it."""
    parts = [
        "# SQL cookbook",
        "",
        "Questions that people ask of the database. Run one with `mayday sql --question NAME` (fresh as of the last",
        'commit), or any SELECT with `mayday sql "..."`. For a client of your own, `mayday sql --attach` prints the lines',
        "that open the live copy, at most about ten seconds old, in any DuckDB: Python, the command line, an editor.",
        "The copy is replaced every few seconds and an open one stays as it was: the same lines again open the newest.",
        "",
        "Times are UTC. `FROM dictionary` lists every column with its unit and meaning. Filter `error_event`,",
        "`pattern_minute` and `service_traffic` on `day` as well as on time: `day` selects files. Two columns are named",
        "otherwise than in the records, because SQL reserves the words: `at` is `ts` and `check` is `check_name`.",
        "",
        "`mayday sql` takes one SELECT over the published views: CTEs, joins, windows and the usual functions work;",
        "recursion, PIVOT, other table functions, and functions that make one value of any size do not. The live copy",
        "in a client of your own has none of these limits.",
        "",
    ]
    for question in QUESTIONS:
        parts += [f"## {question.name}", "", question.asks, "", "```sql", question.sql, "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    print(cookbook(), end="")
