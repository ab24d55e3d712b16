"""Something a service waits for does not come in time."""

from __future__ import annotations

from benchmarks.days.faults import APPS, Fault, Say

FAULTS = (
    Fault(
        "a partner outside hangs",
        "partial",
        ("worker", "app"),
        gauge=(40, 900),
        shape="ramp",
        grows=(40, 120),
        says=(Say("ERROR", "partner endpoint silent for {range:10:60} s, {thing} {big} put back", 0.4),),
        mute=0.5,
        muted="requests",
    ),
    Fault(
        "reads time out",
        "major",
        ("app", "guard", "store"),
        breaks=0.55,
        seen_as="timeout",
        slow=30.0,
    ),
    Fault(
        "only latencies tell",
        "partial",
        ("app", "store"),
        slow=25.0,
        says=(Say("INFO", "request {rid} took {range:2200:9000} ms", 0.2, "callers"),),
    ),
    Fault(
        "deadline exceeded towards the rate service",
        "partial",
        APPS,
        breaks=0.4,
        seen_as="timeout",
        slow=8.0,
        fails=(("ERROR", "context deadline exceeded while asking the external {thing} registry"),),
    ),
    Fault(
        "lock waits in the store",
        "major",
        ("postgres", "mysql"),
        breaks=0.5,
        seen_as="timeout",
        slow=40.0,
        change=("migration", "index on {things}"),
        often=0.6,
        fails=(("ERROR", "canceling statement due to statement timeout"),),
        says=(
            Say(
                "INFO",
                "process {pid} still waiting for AccessExclusiveLock on relation {big} after {range:1000:60000}.{hundreds} ms",
                0.2,
            ),
        ),
    ),
    Fault(
        "circuit open, fallback answers",
        "partial",
        ("app",),
        breaks=0.0,
        says=(
            Say("WARN", "breaker '{things}-ext' is OPEN, default answer given for {thing} {big}", 0.8),
            Say("WARN", "slow call rate {range:60:100} % over threshold", 0.05),
        ),
    ),
    Fault(
        "broker acknowledges late",
        "partial",
        ("kafka", "rabbit"),
        slow=60.0,
        breaks=0.3,
        seen_as="timeout",
        shape="ramp",
        grows=(30, 120),
        says=(Say("WARN", "producer confirm outstanding for {grow:2:45} s", 0.2),),
    ),
)
