"""What kind of trouble it is, by words in the templates of the lines that show it. Pure.

A reader can see why: the first row of the table, of which a phrase stands in a template, names that
template's category, and the category with the most lines wins. It is a first guess for people to sort by; it
knows no context, and a template that names a cause only in passing is taken at its word. Configuration may
add phrases of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

UNKNOWN = "unknown"
SILENCE = "silence"
FLAPPING = "flapping"

PHRASES: Mapping[str, tuple[str, ...]] = {
    category: tuple(phrase.strip() for phrase in listed.split(","))
    for category, listed in {
        # Specific kinds first: what breaks a certificate also breaks a connection, and the cause is the
        # better word.
        "privacy": (
            "patient name, date of birth, birth date, personal data, protected health, unmasked, pii"
        ),
        "certificate": (
            "certificate, x509, cert expired, tls handshake, ssl handshake, not yet valid, self signed"
        ),
        "clock": ("clock skew, clock drift, clock, ntp, in the future, time drift, not synchronized"),
        "security": (
            "brute force, injection, intrusion, exploit, malware, suspicious, privilege escalation, too "
            "many failed logins, blocked address, signature mismatch, tampered"
        ),
        "resource_exhaustion": (
            "out of memory, oom, pool exhausted, pool is exhausted, exhausted, no space left, disk full, "
            "too many open files, too many connections, no free connection, no connection available, "
            "pool, heap, quota, queue full, queue is full, memory limit, replication lag, lag, saturated"
        ),
        "crash_loop": (
            "exited with, exit code, exited, crash, crashed, crashloop, back off restarting, restarting, "
            "restarted, segmentation fault, core dumped, panic, killed, terminated unexpectedly"
        ),
        "configuration": (
            "configuration, config, misconfigured, missing setting, missing key, unknown option, "
            "environment variable, invalid setting, no such file, not a directory, read only file system"
        ),
        "authentication": (
            "authentication, unauthorized, login failed, failed login, invalid token, token expired, "
            "invalid credentials, password, not authenticated, access denied, session expired"
        ),
        "network": (
            "name resolution, resolve, no such host, dns, unreachable, connection refused, connection "
            "reset, broken pipe, no route, network, host not found, socket closed, packet loss"
        ),
        "retry_storm": ("retry storm, retries exhausted, retrying, retry, giving up after, reconnecting"),
        "dependency_timeout": (
            "timeout, timed out, deadline exceeded, deadline, upstream, no answer, not responding, too "
            "slow, hangs, backlog, service unavailable, bad gateway"
        ),
        "application_error": (
            "exception, traceback, null pointer, assertion, unhandled, internal error, unexpected, "
            "invalid, error, failed, failure, cannot, could not, fatal"
        ),
    }.items()
}
CATEGORIES: frozenset[str] = frozenset({*PHRASES, SILENCE, FLAPPING, UNKNOWN})
_SPLIT = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=4096)
def words(text: str) -> str:
    """Return `text` as lower-case words with one space around each, so that a phrase is found as whole words.

    >>> words("PoolExhausted: no free-connection after <NUM> ms")
    ' pool exhausted no free connection after num ms '
    """
    return f" {' '.join(_SPLIT.split(_CAMEL.sub(' ', text).lower()))} ".replace("  ", " ")


def of_template(template: str, more: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the category that `template` speaks of; "unknown" if it uses no phrase of the table.

    Phrases in `more` are asked before the table, in the order they are given.

    >>> of_template("connection pool exhausted after <NUM> ms")
    'resource_exhaustion'
    >>> of_template("slot <NUM> vanished", {"application_error": ["vanished"]})
    'application_error'
    """
    text = words(template)
    for table in (more or {}, PHRASES):
        for category, phrases in table.items():
            if any(words(phrase) in text for phrase in phrases):
                return category
    return UNKNOWN


def of_evidence(
    templates: Iterable[tuple[str, int]], *, silent: bool, more: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return the category of an incident from its `(template, lines)` pairs; `silent` says a service went
    quiet.

    Generic trouble ("failed") gives way to any more specific kind, whatever the counts.

    >>> of_evidence([("bill failed", 90), ("connection pool exhausted", 10)], silent=False)
    'resource_exhaustion'
    >>> of_evidence([], silent=True)
    'silence'
    """
    lines: dict[str, int] = {}
    for template, count in templates:
        category = of_template(template, more)
        lines[category] = lines.get(category, 0) + count
    lines.pop(UNKNOWN, None)
    generic = lines.pop("application_error", None)
    if lines:
        rank = {category: place for place, category in enumerate([*(more or {}), *PHRASES])}
        return max(lines, key=lambda category: (lines[category], -rank[category]))
    if silent:
        return SILENCE
    return UNKNOWN if generic is None else "application_error"
