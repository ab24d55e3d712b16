"""TLS certificates: expired, for another name, from a stranger, revoked, or about to end."""

from __future__ import annotations

from benchmarks.days.faults import CALLED, Fault, Say

FAULTS = (
    Fault(
        "server certificate expired",
        "outage",
        CALLED,
        says=(Say("WARN", "remote error: tls: expired certificate ({ip}:{port})", 0.4),),
        breaks=0.95,
        seen_as="tls",
    ),
    Fault(
        "new certificate has another name",
        "major",
        CALLED,
        breaks=0.8,
        seen_as="tls",
        says=(Say("INFO", "TLS handshake from {ip} ended by the client: bad_certificate", 0.5),),
        change=("config", "certificate renewed"),
        often=1.0,
    ),
    Fault(
        "chain without its intermediate",
        "partial",
        ("app", "guard", "edge"),
        fails=(("ERROR", "x509: certificate signed by unknown authority"),),
        breaks=0.5,
        seen_as="tls",
        change=("config", "ca bundle"),
        often=0.9,
    ),
    Fault(
        "client certificate revoked",
        "partial",
        ("app", "worker"),
        says=(Say("ERROR", "partner closed the session: certificate_revoked serial={longhex}", 0.3),),
        mute=0.4,
        muted="requests",
    ),
    Fault(
        "keystore cannot be opened after rotation",
        "major",
        ("app", "guard"),
        fails=(("ERROR", "java.io.IOException: keystore was tampered with or its secret is wrong"),),
        breaks=0.85,
        seen_as="reset",
        change=("config", "keystore"),
        often=0.9,
        trace=True,
    ),
    Fault(
        "a certificate ends within hours",
        "minor",
        ("edge", "app", "guard"),
        says=(
            Say("WARN", "certificate CN={self}.svc is valid for {range:2:9} more hours; renewal failed", 0.1),
        ),
        minutes=(6, 12),
    ),
    Fault(
        "revocation responder gives old answers",
        "partial",
        ("edge", "guard"),
        fails=(("WARN", "stapled OCSP response is outdated, peer {ip} turned away"),),
        breaks=0.35,
        seen_as="tls",
    ),
)
