"""Phrases that say what kind of trouble a line speaks of. Whole words in any case; the first row that fits decides.

`SURE` holds phrases that hardly ever mean anything else, special kinds first: what breaks a certificate also breaks a
connection, and the cause is the better word. `VAGUE` holds words that say it only where no better one stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _listed(rows: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    return {category: tuple(phrase.strip() for phrase in row.split(",")) for category, row in rows.items()}


SURE: Final = _listed(
    {
        "privacy": (
            "patient name, date of birth, birth date, personal data, personally identifiable, protected health, "
            "unmasked, unredacted, pii, phi, gdpr, hipaa, redaction failed, masking disabled, data leak"
        ),
        "certificate": (
            "certificate, certificates, x509, cert, certs, ssl handshake, tls handshake, handshake failure, handshake failed, "
            "not yet valid, self signed, unknown authority, unknown ca, bad certificate, keystore, truststore, trust anchor, "
            "pkix, ocsp, issuer, chain of trust, peer not verified, sslv3 alert, sslexception, sslhandshakeexception"
        ),
        "clock": (
            "clock skew, clock drift, clock, ntp, chrony, chronyd, time drift, not synchronized, timestamp in the future, "
            "in the future, time jumped, time went backwards, time moved backwards, from the future, leap second, system time, "
            "issued in the future, used before issued, clock offset, time sync, timesync, timesyncd, stratum"
        ),
        "security": (
            "brute force, injection, intrusion, exploit, malware, suspicious, privilege escalation, too many failed logins, "
            "blocked address, signature mismatch, tampered, tampering, unauthorized sudo, credential stuffing, forged, forgery, "
            "mass export, bulk export, exfiltration, port scan, path traversal, directory traversal, invalid user, "
            "possible break in, break in attempt, attack, attacker, rate limit for login, account locked, locked out, lockout, "
            "forbidden role, csrf, xss, waf, blocklist, blacklisted, replayed token, impossible travel, new device, "
            "root login, sudoers, privileged account, admin rights, export of records, "
            "audit trail disabled, auditing disabled, audit disabled, audit off, auditing off, auditing stopped, audit log cleared, "
            "logging disabled, audit trail is off"
        ),
        "crash_loop": (
            "exited with, exit code, exit status, exiting, exited, crash, crashed, crashes, crashloop, crashloopbackoff, "
            "back off restarting, restarting failed, restarting, restart counter, restarted, segmentation fault, segfault, sigsegv, "
            "core dumped, dumped core, aborted core, panic, terminated unexpectedly, unrecoverable, shutting down after, "
            "start request repeated too quickly, main process exited, died, worker died, killed by signal, boot failed, "
            "failed to start, could not start, cannot start, refuses to start, startup failed, fatal signal, supervisor restarted, "
            "liveness probe failed, respawning, unclean shutdown, shutting down, "
            "error while loading shared libraries, loading shared library, "
            "terminated by signal, server process terminated, giving up on start, cannot boot"
        ),
        "flapping": (
            "flapping, flaps, flapped, not the leader, not leader, no longer leader, no longer the leader, "
            "notleaderforpartitionexception, notleaderorfollowerexception, leader changed, leader changes, leader change, "
            "lost leadership, leadership lost, lost the leadership, stepping down, stepped down, leader election, new election, "
            "election timeout, election started, failing over, failed over, failover to, switchover to, rejoining group, "
            "group is rebalancing, rebalancing, goes up and down"
        ),
        "resource_exhaustion": (
            "out of memory, oom, oom killed, oomkilled, outofmemoryerror, heap space, gc overhead, cannot allocate, memory limit, "
            "memory pressure, pool exhausted, pool is exhausted, exhausted, exhaustion, no space left, disk full, disk is full, "
            "disk usage, enospc, emfile, too many open files, too many connections, too many clients, remaining connection slots, "
            "no free connection, no connection available, connection is not available, no idle connection, pool timeout, "
            "waiting for connection, waiting for a connection, unable to acquire, could not acquire connection, connection pool, "
            "quota exceeded, over quota, queue full, queue is full, buffer full, buffers full, rejected execution, "
            "rejectedexecutionexception, thread pool, threads busy, all workers busy, workers busy, no worker available, saturated, "
            "saturation, replication lag, lag, lagging, backlog, backpressure, back pressure, watermark exceeded, high watermark, "
            "maxmemory, evicted, inodes, swap, throttled, throttling, file descriptors, pool size, tablespace, "
            "consumer is behind, replica is, standby is, behind primary, behind the primary, behind the leader, slots left, "
            "heap, leak, gc pause, full gc, cpu limit, load average, limit reached, capacity"
        ),
        "retry_storm": (
            "retry storm, retries exhausted, retry budget, retry attempt, retrying, retry, retries, giving up after, "
            "resubmitting, resubmitted, thundering herd, backoff, back off, requeued again, redelivered, redelivery, "
            "duplicate delivery, delivered again, delivered twice, sent again, seen before, still unconfirmed, "
            "attempt <NUM> of, attempts exhausted, duplicate request, too many retries, too many attempts"
        ),
        "configuration": (
            "misconfigured, misconfiguration, configuration, config, missing setting, missing property, missing key, "
            "unknown option, unknown setting, unknown key, environment variable, invalid setting, invalid value for, "
            "unrecognized option, unrecognized setting, feature flag, no such file, no such directory, not a directory, "
            "read only file system, read only filesystem, is not writable, not writable, cannot append, unknown database, "
            "does not exist relation, no such table, unknown column, no such column, undefined column, relation does not exist, "
            "column does not exist, schema mismatch, schema version, not configured, wrong endpoint, unknown bucket, "
            "no such bucket, unknown queue, unknown exchange, unknown topic, unsupported protocol, bad setting, property"
        ),
        "authentication": (
            "authentication, authenticate, unauthenticated, unauthorized, unauthorised, login failed, failed login, log in failed, "
            "logon failure, sign in failed, invalid token, token expired, expired token, token rejected, token is invalid, jwt, "
            "jwks, invalid signature, invalid credentials, bad credentials, wrong password, password, not authenticated, "
            "access denied, session expired, oauth, oidc, saml, sso, ldap, kerberos, bearer, identity provider, "
            "credentials, credential, api key, invalid client, bind failed, signing key, key id"
        ),
        "network": (
            "name resolution, resolve, resolving, resolved, no such host, unknown host, unknownhostexception, nxdomain, servfail, "
            "dns, lookup, getaddrinfo, eai again, unreachable, connection refused, refused, econnrefused, connection reset, "
            "reset by peer, econnreset, broken pipe, epipe, no route, no route to host, ehostunreach, enetunreach, network, "
            "host not found, socket closed, socket hang up, packet loss, packets lost, link is down, link down, carrier, "
            "partition, partitioned, split brain, mtu, retransmit, retransmits, server misbehaving, connection lost, "
            "lost connection, connection closed unexpectedly, connection dropped, connect failed, could not connect, "
            "cannot connect, unable to connect, failed to connect, arp, interface down, peer is gone, lost contact, "
            "connection aborted, unexpected eof, eof, no healthy endpoint, no healthy upstream, not there, not reachable, could not reach, "
            "cannot reach"
        ),
        "dependency_timeout": (
            "timeout, timed out, timeouts, time out, timeoutexception, deadline exceeded, deadline, etimedout, "
            "sockettimeoutexception, readtimeout, no answer, did not answer, no response, not responding, does not respond, "
            "did not respond, no reply, silent for, no word from, too slow, slow, hangs, hung, stuck, still waiting, waited, upstream, "
            "service unavailable, bad gateway, gateway timeout, circuit breaker, circuit open, breaker, "
            "fallback answer, default answer, breaker open, circuit is open, "
            "took too long, not answered, unanswered, overdue, lock wait, lock timeout, statement timeout"
        ),
        "application_error": (
            "null pointer, nullpointerexception, typeerror, valueerror, keyerror, attributeerror, indexerror, "
            "zerodivisionerror, classcastexception, illegalargumentexception, illegalstateexception, "
            "arrayindexoutofboundsexception, indexoutofboundsexception, numberformatexception, assertion, assertionerror, "
            "is not a function, undefined is not, cannot read property, cannot read properties, cannot read field, nil pointer, "
            "invalid memory address, index out of range, division by zero, divide by zero, traceback, unhandled, "
            "unhandled exception, uncaught, stack trace, internal server error, deserialization, deserialize, "
            "cannot deserialize, unmarshal, malformed response, serialization failed, jsondecodeerror, parse error, "
            "deadlock, deadlock detected, assignment to entry in nil map, nil map, "
            "constraint violation, violates, duplicate key, nosuchmethoderror, nosuchelementexception, "
            "concurrentmodificationexception, unexpected token, negative amount, rounding"
        ),
    }
)
VAGUE: Final = _listed(
    {
        "configuration": "permission denied, not permitted, setting, settings, flag, profile, path",
        "security": "denied, forbidden, privilege, privileges, audit alert",
        "authentication": "login, token, session, user",
        "resource_exhaustion": "standby, replica, wal, spill, "
        "pool, memory, disk, queue, quota, behind, waiting, full, limit, depth, pending, buffer",
        "crash_loop": "killed, starting, started, boot, startup, listening on",
        "network": "connection, connect, socket, host, peer, link",
        "dependency_timeout": "delay, delayed, latency, unavailable, not available, wait",
        "application_error": (
            "exception, internal error, unexpected, invalid, error, errors, failed, failure, fails, fail, cannot, could not, "
            "unable, fatal, broke, broken, bug, illegal, wrong, rejected, corrupt, corrupted, missing, inconsistent"
        ),
    }
)
