"""Somebody does what nobody should."""

from __future__ import annotations

from benchmarks.days.faults import APPS, Fault, Say

FAULTS = (
    Fault(
        "passwords are guessed",
        "major",
        ("guard",),
        says=(
            Say("WARN", "invalid login for {user} from {outside}: wrong password", 2.2),
            Say("WARN", "account {user} locked after 5 tries", 0.15),
        ),
    ),
    Fault(
        "one account takes everything away",
        "exposed",
        APPS,
        says=(
            Say("INFO", "op-7731 exported {range:4000:20000} {things} as csv", 0.12),
            Say("INFO", "download {uuid}.csv by op-7731, {range:200:900} MB", 0.1),
        ),
    ),
    Fault(
        "administrator rights given outside the process",
        "major",
        ("guard", "app", "store"),
        says=(
            Say("INFO", "role superuser granted to {user} by op-1009", 0.05),
            Say("WARN", "permission check skipped for {user}: superuser", 0.3),
        ),
    ),
    Fault(
        "paths are probed",
        "partial",
        ("edge",),
        says=(
            Say(
                "INFO",
                "GET /{pick:.env|wp-login.php|../../etc/passwd|admin/console|actuator/env|.git/config} 404 from {outside}",
                2.5,
            ),
        ),
        minutes=(5, 9),
    ),
    Fault(
        "injection into search fields",
        "major",
        ("app", "edge"),
        says=(
            Say("WARN", "suspicious input in parameter q: ' OR 1=1 -- from {outside}", 0.7),
            Say("ERROR", 'syntax error at or near "UNION" in {thing} search', 0.3),
        ),
    ),
    Fault(
        "revoked keys are tried",
        "partial",
        ("guard", "edge", "app"),
        says=(Say("WARN", "api key ak_{hex} was revoked and is still presented by {outside}", 1.0),),
    ),
    Fault(
        "auditing is switched off by hand",
        "exposed",
        ("store", "app", "guard"),
        says=(
            Say("WARN", "audit trail disabled by op-4410", 0.03),
            Say("INFO", "sudo: op-4410 : USER=root ; COMMAND=/usr/bin/vi /etc/{self}.conf", 0.04),
        ),
    ),
    Fault(
        "records of persons opened out of curiosity",
        "exposed",
        ("app",),
        says=(Say("WARN", "emergency access used by {pick:op-6120|op-6121} on {person} {big}", 0.35),),
    ),
)
