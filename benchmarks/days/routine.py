"""What healthy services say, by kind of service, and what they complain about all the time without anything being wrong.

`{thing}` is one of the domain's things. Weights are left to the world that picks some of these for every service.
"""

from __future__ import annotations

from collections.abc import Mapping

HOPS: Mapping[str, tuple[str, ...]] = {
    "app": (
        "{thing} {big} loaded in {ms} ms",
        "Loaded {thing} {big} ({n} fields, {ms} ms)",
        "{things} page {small} rendered with {n} rows after {ms} ms",
        "Stored {thing} {big} revision {small} [{rid}]",
        "finished {anymethod} for {thing} {big} in {ms}ms",
        "{thing} {uuid} moved to state {pick:open|held|closed|ready}",
        "Answering {user} with {n} {things}, took {ms} ms",
        "request {rid} done after {ms} ms",
        "{thing} lookup by {user}: hit",
        "validated {thing} {big} against {n} rules",
        "computed {amount} for {thing} {big}",
        "{n} {things} matched filter {hex}",
    ),
    "guard": (
        "session of {user} accepted, {n} min left",
        "issued access token for {user} scope={pick:read|write|read write}",
        "Principal {user} resolved from cache in {ms} ms",
        "introspected token {hex}: active",
        "login {user} from {ip} ok via {pick:password|badge|webauthn}",
    ),
    "postgres": (
        "duration: {ms}.{hundreds} ms  bind st_{small}: SELECT * FROM {things} WHERE id = $1",
        "duration: {ms}.{hundreds} ms  parse <unnamed>: UPDATE {things} SET touched = now() WHERE id = $1",
        "duration: {ms}.{hundreds} ms  execute c_{small}: INSERT INTO {things}_log VALUES ($1, $2)",
    ),
    "mysql": (
        "Query {big} on {things} returned {n} rows in {ms} ms",
        "Query {big} on {things}_history returned {n} rows in {ms} ms",
    ),
    "redis": ("GET {thing}:{big} {ms} us", "SETEX {thing}:{big} {hundreds} {ms} us"),
    "kafka": (
        "Appended {n} records to {things}-{small} at offset {huge}",
        "Fetch for partition {things}-{small} served {n} records in {ms} ms",
    ),
    "rabbit": (
        "delivered message {big} of queue {things} tag={n}",
        "confirmed publish to exchange {things} seq={big} in {ms} ms",
    ),
    "worker": (
        "Job {big} for {thing} {big} finished in {ms} ms",
        "processed {n} {things} in {ms} ms",
        "picked {thing} {big} from queue",
        "handed {thing} {big} over to {pick:archive|partner|printer}",
    ),
}

IDLE: Mapping[str, tuple[str, ...]] = {
    "app": (
        "Reloaded {n} settings from the configuration server",
        "Evicted {n} entries from the local cache",
        "refresh of {things} table took {ms} ms",
        "connection pool: {small} active, {small} idle",
        "GC pause {ms} ms",
        "flushed {n} metrics",
        "sweep removed {n} expired {things}",
        "feature flags unchanged (etag {hex})",
        "Rebalanced {small} shards",
        "snapshot {big} written, {mb} MB",
        "watch on {things} renewed",
        "leader lease renewed for {n} s",
        "sampled {n} spans",
        "warm-up of {things} complete in {ms} ms",
    ),
    "edge": (
        "config generation {big} is current",
        "upstream set of {small} endpoints unchanged",
        "TLS session tickets rotated",
        "rate limiter buckets: {n} in use",
        "GET /healthz 200 {small}ms",
        "drained {small} idle keep-alive connections",
    ),
    "guard": (
        "key set refreshed, {small} keys",
        "purged {n} expired grants",
        "directory sync: {n} entries, {small} changed",
        "password policy loaded",
    ),
    "postgres": (
        "checkpoint complete: wrote {big} buffers ({pct}.{small}%); sync={ms} ms",
        "checkpoint starting: time",
        'automatic vacuum of table "main.{things}": index scans: {small}',
        'automatic analyze of table "main.{things}_log" system usage: {ms} ms',
        "connection authorized: user={things}_rw database=main",
        "disconnection: session time: 0:00:{n} user={things}_rw",
    ),
    "mysql": (
        "page_cleaner: {hundreds} pages flushed in {ms} ms",
        "buffer pool dump completed ({n} MB)",
        "purged binary log up to bin.{big}",
    ),
    "redis": (
        "{n} changes in 60 seconds. Saving...",
        "Background saving started by pid {pid}",
        "DB saved on disk",
        "RDB: {small} MB of memory used by copy-on-write",
    ),
    "kafka": (
        "Rolled new log segment at offset {huge} in {ms} ms",
        "Deleted {small} segments below the retention limit",
        "Preferred leader election done for {n} partitions",
    ),
    "rabbit": (
        "accepting AMQP connection {ip}:{port}",
        "closing AMQP connection {ip}:{port} (client closed)",
        "mirrored queue {things} in sync with {small} peers",
    ),
    "worker": (
        "poll returned {n} items",
        "sleeping {n} s until the next run",
        "lock on {things} renewed",
        "spool directory holds {n} files",
        "acknowledged up to {big}",
    ),
}

BATCHES: tuple[str, ...] = (
    "cron {things}_rollup: aggregated {big} rows in {n} s",
    "Scheduled job 'expire-{things}' removed {n} rows",
    "report of the last quarter hour written ({mb} MB)",
    "reconciliation pass over {big} {things} complete, {small} corrected",
    "exported {n} {things} to the data lake part {small}",
    "backup increment {big} uploaded, {mb} MB in {n} s",
)

HEARTBEATS: tuple[str, ...] = (
    "heartbeat seq={big} ok",
    "alive, uptime {big} s",
    "watchdog: all {small} loops ticking",
    "still here (lag {small} ms)",
    "node {small} reports ready",
)

NOISE: tuple[tuple[str, str], ...] = (
    ("ERROR", "peer {ip} closed the socket before the answer was sent"),
    ("ERROR", "Optional plugin '{things}-extras' not found, continuing without"),
    ("ERROR", "cannot send usage statistics: disabled by administrator"),
    ("ERROR", "Ignoring unknown field '{pick:colour|legacyRef|x_hint}' in {thing} payload"),
    ("ERROR", "bad request from {ip}: body is not JSON"),
    ("ERROR", "Avatar of {user} could not be fetched, showing initials"),
    ("ERROR", "failed to parse User-Agent of {ip}, counted as other"),
    ("ERROR", "stale handle {hex} reopened"),
    ("ERROR", "metric push rejected: duplicate sample"),
    ("ERROR", "thumbnail for {thing} {big} missing; placeholder used"),
    ("ERROR", "write to closed websocket {n}"),
    ("ERROR", "Exception while closing idle session {hex}: already closed"),
    ("WARN", "slow {thing} query: {hundreds} ms"),
    ("WARN", "Deprecated option 'v1_{things}' still set"),
    ("WARN", "clock step of {small} ms corrected"),
    ("WARN", "cache miss ratio {pct} %"),
    ("WARN", "{thing} {big} has no owner, default used"),
    ("WARN", "retrying {thing} {big} after version conflict (attempt 1)"),
    ("WARN", "response larger than {n} kB was truncated in the trace"),
    ("WARN", "using a fallback translation for locale {pick:xx|yy|zz}"),
    ("WARN", "throttled client {ip} for {small} s"),
    ("WARN", "duplicate delivery of {thing} {big} ignored"),
    ("WARN", "invalid login for {user}: wrong password"),
    ("WARN", "queue {things} longer than usual: {n}"),
)
"""Harmless, and there all day: many a minute or once in half an hour."""

GAUGES: Mapping[str, tuple[tuple[str, float, float], ...]] = {
    "app": (
        ("heap in use {gauge} %", 42, 58),
        ("worker threads busy: {gauge} of 100", 12, 30),
        ("open descriptors {gauge} of 1024", 210, 290),
    ),
    "edge": (("active connections: {gauge}", 80, 160), ("accept queue {gauge}", 1, 6)),
    "guard": (("session table at {gauge} %", 30, 44), ("memory {gauge} % of limit", 45, 60)),
    "postgres": (("{gauge} of 200 backends in use", 35, 60), ("standby replay is {gauge} ms late", 20, 80)),
    "mysql": (("Threads_connected={gauge}", 25, 50), ("replica is {gauge} ms behind source", 15, 70)),
    "redis": (("used_memory {gauge} % of maxmemory", 50, 62),),
    "kafka": (("log dir usage {gauge} %", 48, 60), ("under-fetched followers lag {gauge}", 10, 60)),
    "rabbit": (("memory watermark at {gauge} %", 30, 45), ("ready messages {gauge}", 20, 90)),
    "worker": (("backlog {gauge}", 5, 40), ("volume /spool {gauge} % full", 44, 58)),
}
"""Values that are told regularly: text, and the healthy range."""
