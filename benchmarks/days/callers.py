"""What callers say when a service they need fails, by the way it fails. `{callee}` is the one called."""

from __future__ import annotations

from collections.abc import Mapping

CALLERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "refused": (
        ("ERROR", "dial tcp {callee}:{port}: connect: connection refused"),
        ("ERROR", "java.net.ConnectException: Connection refused: {callee}/10.44.0.9:8443"),
        ("ERROR", "could not reach {callee}: ECONNREFUSED"),
        ("WARN", "no healthy endpoint for {callee}, giving up on {thing} {big}"),
        ("ERROR", "{callee} is not there; request {rid} aborted"),
    ),
    "timeout": (
        ("ERROR", "call to {callee} exceeded its deadline of {small} s"),
        ("ERROR", "rpc error: code = DeadlineExceeded desc = {callee} took too long"),
        ("WARN", "read from {callee} timed out after {small}000 ms, serving partial {things}"),
        ("ERROR", "java.net.SocketTimeoutException: Read timed out ({callee})"),
        ("ERROR", "waited {small}.{small} s for {callee} and stopped waiting"),
    ),
    "error": (
        ("ERROR", "{callee} answered 500 for {thing} {big}"),
        ("ERROR", "upstream {callee} returned an internal error, rid={rid}"),
        ("WARN", "bad response from {callee}: status=500"),
        ("ERROR", "HttpServerErrorException: 500 from {callee}"),
        ("ERROR", "rpc error: code = Internal desc = {callee} failed"),
    ),
    "name": (
        ("ERROR", "getaddrinfo ENOTFOUND {callee}"),
        ("ERROR", "UnknownHostException: {callee}.svc"),
        ("ERROR", "lookup {callee}.svc on 10.40.0.10:53: no such host"),
        ("ERROR", "Temporary failure in name resolution ({callee})"),
    ),
    "tls": (
        ("ERROR", "tls: failed to verify certificate of {callee}: x509 error"),
        ("ERROR", "SSLHandshakeException while talking to {callee}"),
        ("ERROR", "[SSL: CERTIFICATE_VERIFY_FAILED] {callee}"),
        ("ERROR", "handshake with {callee} aborted by us"),
    ),
    "denied": (
        ("ERROR", "{callee} rejected our credentials (401)"),
        ("WARN", "{callee} says unauthorized for {user}"),
        ("ERROR", "Unauthenticated: {callee} did not accept the token"),
        ("ERROR", "access to {callee} denied, request {rid} ended"),
    ),
    "reset": (
        ("ERROR", "read tcp: connection reset by peer ({callee})"),
        ("ERROR", "broken pipe while writing to {callee}"),
        ("WARN", "lost the connection to {callee} in the middle of {thing} {big}"),
        ("ERROR", "unexpected EOF from {callee}"),
    ),
}

STATUS: Mapping[str, tuple[int, ...]] = {
    "refused": (502, 503),
    "timeout": (504,),
    "error": (500, 502),
    "name": (502, 503),
    "tls": (502, 525),
    "denied": (401, 403, 500),
    "reset": (502,),
}
"""What the edge answers then."""
