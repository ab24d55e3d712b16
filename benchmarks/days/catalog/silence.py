"""Lines that should be there and are not."""

from __future__ import annotations

from benchmarks.days.faults import Fault

FAULTS = (
    Fault("says nothing at all any more", "major", ("app", "worker", "guard"), mute=1.0),
    Fault(
        "store stops logging and answering", "outage", ("store",), mute=1.0, breaks=0.95, seen_as="timeout"
    ),
    Fault("one of the hosts is silent", "partial", ("app", "guard", "store", "edge"), mute=1.0, muted="host"),
    Fault("work has stopped, the process lives", "major", ("worker", "app"), mute=1.0, muted="requests"),
    Fault("heartbeats stay away", "partial", ("worker", "app", "store"), mute=1.0, muted="beats"),
    Fault("traffic no longer arrives", "outage", ("edge",), traffic=0.04),
    Fault(
        "a function is no longer called",
        "major",
        ("app",),
        traffic=0.03,
        change=("config", "route table"),
        often=0.6,
    ),
)
