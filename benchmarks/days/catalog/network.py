"""Names, routes and wires."""

from __future__ import annotations

from benchmarks.days.faults import CALLED, Fault, Say

FAULTS = (
    Fault("name does not resolve", "outage", CALLED, breaks=0.97, seen_as="name"),
    Fault(
        "port is closed by a firewall rule",
        "outage",
        CALLED,
        breaks=0.97,
        seen_as="timeout",
        change=("config", "firewall"),
        often=0.7,
    ),
    Fault(
        "connections are refused",
        "outage",
        CALLED,
        breaks=0.96,
        seen_as="refused",
        mute=0.9,
        muted="requests",
    ),
    Fault(
        "packets are lost",
        "partial",
        CALLED,
        breaks=0.3,
        seen_as="reset",
        slow=6.0,
        says=(Say("WARN", "retransmits to {ip} at {range:8:40} %", 0.1, "callers"),),
    ),
    Fault(
        "one zone is cut off",
        "major",
        CALLED,
        breaks=0.45,
        seen_as="timeout",
        says=(Say("ERROR", "no route to host {ip} (zone b)", 0.4, "callers"),),
    ),
    Fault(
        "large answers never arrive",
        "partial",
        ("app", "store"),
        breaks=0.25,
        seen_as="timeout",
        change=("config", "overlay mtu"),
        often=0.8,
        says=(Say("WARN", "path MTU to {ip} fell to 1280, fragment needed", 0.15, "callers"),),
    ),
    Fault("connections are reset in the middle", "major", CALLED, breaks=0.6, seen_as="reset"),
)
