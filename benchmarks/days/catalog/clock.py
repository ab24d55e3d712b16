"""Hosts whose clocks are wrong."""

from __future__ import annotations

from benchmarks.days.faults import ANY, Fault, Say

FAULTS = (
    Fault(
        "one host is hours ahead",
        "partial",
        ANY,
        ahead=(7200, 10800, 3600),
        says=(Say("WARN", "certificate not yet valid here, clock suspected", 0.05, "callers"),),
    ),
    Fault(
        "one host is minutes behind",
        "partial",
        ANY,
        ahead=(-240, -900, -420),
        says=(Say("WARN", "entry of {host} is {range:200:900} s old, order uncertain", 0.15, "callers"),),
    ),
    Fault(
        "time daemon lost its sources",
        "partial",
        ANY,
        ahead=(-150, 310, 480),
        says=(
            Say("WARN", "timed: no selectable source, root dispersion {grow:1:40} s", 0.08),
            Say("INFO", "timed: system clock stepped by {small}.{big} s", 0.02),
        ),
    ),
    Fault(
        "tokens from the future are refused",
        "partial",
        ("guard", "app"),
        ahead=(180, 420, 600),
        fails=(("WARN", "token iat lies {range:120:600} s in the future"),),
        breaks=0.3,
        seen_as="denied",
    ),
    Fault(
        "host came back with local time",
        "minor",
        ANY,
        ahead=(3600, 7200, -3600),
        says=(Say("INFO", "kernel: rtc_cmos: setting system clock to hardware time", 0.02),),
    ),
    Fault(
        "replicas disagree about the time",
        "partial",
        ("store", "app"),
        ahead=(-300, 260, 700),
        says=(
            Say(
                "ERROR",
                "timestamp of {thing} {big} is ahead of local clock by {range:200:700}000 ms, write refused",
                0.3,
            ),
        ),
    ),
)
