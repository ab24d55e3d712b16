"""Things that come and go every minute or two: one incident, not twenty."""

from __future__ import annotations

from benchmarks.days.faults import CALLED, Fault, Say

_LONG = (10.0, 17.0)

FAULTS = (
    Fault(
        "goes in and out of the pool",
        "partial",
        CALLED,
        shape="pulse",
        minutes=_LONG,
        breaks=0.6,
        seen_as="refused",
        period=150,
        says=(Say("WARN", "health of {host}: DOWN", 0.06, "callers"),),
    ),
    Fault(
        "leader changes all the time",
        "partial",
        ("kafka", "rabbit", "postgres"),
        shape="pulse",
        minutes=_LONG,
        breaks=0.5,
        seen_as="error",
        period=120,
        says=(Say("WARN", "stepping down, term {n}", 0.06), Say("INFO", "elected leader for term {n}", 0.05)),
        fails=(("ERROR", "not the leader any more"),),
    ),
    Fault(
        "link goes up and down",
        "partial",
        ("app", "store", "edge"),
        shape="pulse",
        minutes=_LONG,
        breaks=0.55,
        seen_as="timeout",
        period=110,
        says=(
            Say("ERROR", "kernel: eth0: NIC Link is Down", 0.04),
            Say("INFO", "kernel: eth0: NIC Link is Up 10 Gbps", 0.04),
        ),
    ),
    Fault(
        "breaker opens and closes",
        "partial",
        ("app", "guard"),
        shape="pulse",
        minutes=_LONG,
        breaks=0.5,
        seen_as="error",
        period=100,
        says=(
            Say("WARN", "breaker {things}: CLOSED -> OPEN", 0.05),
            Say("INFO", "breaker {things}: HALF_OPEN -> CLOSED", 0.04),
        ),
    ),
    Fault(
        "broker connection lost and found",
        "partial",
        ("worker", "app"),
        shape="pulse",
        minutes=_LONG,
        mute=0.8,
        muted="requests",
        period=130,
        says=(
            Say("WARN", "connection to broker lost, next try in {small} s", 0.12),
            Say("INFO", "connection to broker re-established", 0.04),
        ),
    ),
    Fault(
        "cache fails over back and forth",
        "partial",
        ("redis", "app"),
        shape="pulse",
        minutes=_LONG,
        breaks=0.4,
        seen_as="reset",
        period=140,
        says=(
            Say("WARN", "+failover-state-reconf-slaves master main {ip} {port}", 0.05),
            Say("INFO", "+switch-master main {ip} {port} {ip} {port}", 0.04),
        ),
    ),
)
