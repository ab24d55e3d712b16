"""Processes that end soon after each start."""

from __future__ import annotations

from benchmarks.days.faults import APPS, CALLED, Fault, Say

FAULTS = (
    Fault(
        "exits after reading its state",
        "major",
        CALLED,
        breaks=0.9,
        seen_as="refused",
        mute=0.95,
        says=(
            Say("INFO", "{self} {small}.{n} starting, pid {pid}", 0.05),
            Say("FATAL", "state file damaged at byte {big}, exit 3", 0.05),
        ),
    ),
    Fault(
        "panics at start",
        "major",
        APPS,
        breaks=0.85,
        seen_as="refused",
        mute=0.9,
        change=("deploy", ""),
        often=0.9,
        says=(
            Say("INFO", "booting build {hex}", 0.06),
            Say("ERROR", "assignment to entry in nil map", 0.06, trace=True),
        ),
    ),
    Fault(
        "killed for its memory again and again",
        "major",
        APPS,
        breaks=0.6,
        seen_as="reset",
        mute=0.6,
        says=(
            Say(
                "ERROR",
                "kernel: Memory cgroup out of memory: Killed process {pid} ({self}) total-vm:{huge}kB",
                0.04,
            ),
            Say("INFO", "systemd: {self}.service: Scheduled restart job, restart counter is at {n}.", 0.04),
        ),
    ),
    Fault(
        "migration fails at every start",
        "major",
        APPS,
        breaks=0.9,
        seen_as="refused",
        mute=0.95,
        change=("migration", ""),
        often=1.0,
        says=(
            Say(
                "ERROR", 'schema step {small} failed: column "{thing}_no" already exists; shutting down', 0.05
            ),
            Say("INFO", "applying {small} schema steps", 0.05),
        ),
    ),
    Fault(
        "probe ends the process too early",
        "partial",
        APPS,
        breaks=0.4,
        seen_as="refused",
        mute=0.5,
        change=("config", "liveness"),
        often=0.9,
        says=(
            Say("WARN", "kubelet: Liveness probe failed for {self}, container will be restarted", 0.05),
            Say("INFO", "received SIGTERM, draining {n} requests", 0.05),
        ),
    ),
    Fault(
        "a library is missing",
        "major",
        APPS,
        breaks=0.9,
        seen_as="refused",
        mute=0.97,
        change=("deploy", "base image"),
        often=1.0,
        says=(
            Say(
                "FATAL",
                "error while loading shared libraries: lib{thing}.so.2: cannot open shared object file",
                0.07,
            ),
        ),
    ),
    Fault(
        "segmentation faults",
        "partial",
        ("app", "store"),
        breaks=0.45,
        seen_as="reset",
        mute=0.4,
        says=(
            Say("ERROR", "kernel: {self}[{pid}]: segfault at {hex} ip {longhex} sp {longhex} error 4", 0.04),
            Say("INFO", "server process terminated by signal 11, restarting", 0.04),
        ),
    ),
)
