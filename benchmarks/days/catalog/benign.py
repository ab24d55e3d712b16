"""What looks like trouble and is none."""

from __future__ import annotations

from benchmarks.days.faults import ANY, APPS, Fault, Say

LOAD = (
    Fault("three times the traffic, all served", "none", ("edge",), traffic=3.0, minutes=(6, 11)),
    Fault("a campaign doubles one function's traffic", "none", ("app",), traffic=4.0, minutes=(6, 11)),
    Fault(
        "import runs through a worker",
        "none",
        ("worker",),
        says=(Say("INFO", "imported row block {big} ({n} {things})", 3.0),),
    ),
    Fault("nightly report reads a lot", "none", ("store",), traffic=1.6, slow=2.0),
    Fault(
        "logins at the change of shift",
        "none",
        ("guard",),
        says=(Say("INFO", "login {user} from {ip} ok via {pick:password|badge}", 2.0),),
        shape="fading",
    ),
    Fault(
        "cache is filled ahead of a sale",
        "none",
        ("app", "redis"),
        says=(Say("INFO", "prefetched {thing} {big}", 4.0),),
        minutes=(3, 7),
    ),
)

BURST = (
    Fault(
        "batch job warns about every skipped row",
        "none",
        ("worker", "app"),
        says=(Say("WARN", "row {big} skipped: no change since last run", 3.0),),
        minutes=(2, 4),
    ),
    Fault(
        "rolling restart, clients reconnect",
        "none",
        ("app", "guard", "store"),
        change=("deploy", ""),
        often=1.0,
        minutes=(1, 2.5),
        shape="fading",
        says=(
            Say("WARN", "connection to {self} went away, dialling again", 1.2, "callers"),
            Say("INFO", "shutdown requested, finishing {n} open requests", 0.1),
            Say("INFO", "listening on :8443 after {range:800:4000} ms", 0.08),
        ),
    ),
    Fault(
        "health check retries while a node is patched",
        "none",
        ANY,
        minutes=(2, 4),
        says=(
            Say("WARN", "probe of {host} missed, trying again", 0.8),
            Say("INFO", "probe of {host} fine again", 0.05),
        ),
    ),
    Fault(
        "planned failover rehearsed",
        "none",
        ("store",),
        change=("config", "failover drill"),
        often=1.0,
        minutes=(1.5, 3),
        shape="fading",
        says=(
            Say("WARN", "planned switch to standby in progress", 0.3),
            Say("ERROR", "write attempt {big} repeated on new primary, done", 0.8, "callers"),
        ),
    ),
    Fault(
        "authorised scan by the security team",
        "none",
        ("edge", "guard"),
        minutes=(3, 5),
        says=(
            Say(
                "WARN",
                "scanner 10.46.250.7 (approved, ticket SEC-{big}): {pick:GET|POST} /probe/{n} 404",
                2.0,
            ),
        ),
    ),
    Fault(
        "cache emptied on purpose",
        "none",
        ("redis", "app"),
        minutes=(1.5, 3),
        shape="fading",
        says=(Say("WARN", "cache cold, {thing} {big} read from store", 3.0),),
    ),
    Fault(
        "partner sends one bad file",
        "none",
        ("worker",),
        minutes=(1, 2),
        says=(
            Say("ERROR", "line {n} of partner file: date not understood, line ignored", 1.2),
            Say("INFO", "file done: {n} lines taken, {n} ignored", 0.02),
        ),
    ),
)

NOVELTY = (
    Fault(
        "healthy release says new things",
        "none",
        ANY,
        change=("deploy", ""),
        often=1.0,
        says=(
            Say("INFO", "{thing} {big} scored {ratio} by ranker v2", 0.8),
            Say("INFO", "ranker v2 warmed in {ms} ms", 0.05),
        ),
    ),
    Fault(
        "release announces a deprecation",
        "none",
        ANY,
        change=("deploy", ""),
        often=1.0,
        says=(Say("WARN", "header X-{Thing}-Old will go away in the next major version", 0.4),),
    ),
    Fault(
        "new background task",
        "none",
        APPS,
        change=("deploy", "compaction"),
        often=1.0,
        says=(
            Say("INFO", "compacted {n} {things} into {small} segments", 0.3),
            Say("INFO", "compaction round {big} took {ms} ms", 0.1),
        ),
    ),
    Fault(
        "flag turns on an experiment",
        "none",
        ("app", "edge"),
        change=("flag", "experiment b"),
        often=1.0,
        says=(Say("INFO", "variant {pick:control|b} assigned to {user}", 0.9),),
    ),
    Fault(
        "more detail in the log for a while",
        "none",
        ANY,
        change=("config", "log level debug"),
        often=1.0,
        says=(
            Say("DEBUG", "entering {anymethod} for {thing} {big}", 2.0),
            Say("DEBUG", "lock {hex} taken and released in {small} us", 1.0),
        ),
    ),
    Fault(
        "new version counts its retries at WARN",
        "none",
        APPS,
        change=("deploy", ""),
        often=1.0,
        says=(Say("WARN", "{thing} {big} stored at second try", 0.25),),
    ),
)
