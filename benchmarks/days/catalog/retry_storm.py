"""Everybody tries again, and that is the trouble."""

from __future__ import annotations

from benchmarks.days.faults import APPS, CALLED, Fault, Say

FAULTS = (
    Fault(
        "callers retry without pause",
        "major",
        CALLED,
        breaks=0.5,
        seen_as="error",
        traffic=2.5,
        slow=5.0,
        says=(Say("WARN", "attempt {range:3:40} for {thing} {big}, no backoff", 2.5, "callers"),),
    ),
    Fault(
        "poisoned message comes back for ever",
        "partial",
        ("worker", "app"),
        says=(
            Say("WARN", "redelivery {range:20:900} of message {hex}: handler failed", 2.0),
            Say("ERROR", "cannot handle message {hex}: unsupported {thing} type", 1.0),
        ),
        mute=0.5,
        muted="requests",
    ),
    Fault(
        "jobs are queued again faster than they end",
        "partial",
        ("worker",),
        shape="ramp",
        grows=(40, 120),
        gauge=(90, 7000),
        says=(Say("INFO", "requeue job {big} (try {range:4:99})", 3.0),),
    ),
    Fault(
        "everyone comes back at once",
        "major",
        ("guard", "store", "app"),
        traffic=3.0,
        breaks=0.4,
        seen_as="timeout",
        slow=15.0,
        says=(Say("INFO", "reconnect storm: {range:200:900} new sessions in 1 s", 0.4),),
    ),
    Fault(
        "webhooks are sent again by a partner",
        "partial",
        ("app", "edge"),
        says=(Say("WARN", "webhook {hex} seen before ({range:5:80} times), still unconfirmed", 2.2),),
        slow=4.0,
    ),
    Fault(
        "retry budget used up",
        "major",
        APPS,
        breaks=0.5,
        seen_as="error",
        says=(
            Say("WARN", "retry {pick:2|3|4|5}/5 towards store in {range:5:50} ms", 2.5),
            Say("ERROR", "retries exhausted for {thing} {big}", 0.6),
        ),
        change=("config", "retry policy"),
        often=0.7,
    ),
)
