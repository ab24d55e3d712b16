"""Signed HTTP among people who mean no good: odd bodies, bodies that never come, and requests without end."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
from slack_rig import Rig, settings_for

from bot.slack.connections import CONNECTIONS
from bot.slack.http import SignedHttp
from bot.workspace.signing import signed_headers
from models.clock import system_clock

pytest_plugins = ("bot.workspace.fixture",)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
HEAD = b"POST /slack/events HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def http(rig: Rig) -> Iterator[SignedHttp]:
    """A listener that waits one second for what does not come."""
    bot = rig.start(transport="http", http_port=0)
    assert bot._http is not None
    settings = settings_for(rig.workspace, http_port=0)
    secret = rig.workspace.keys.signing_secret
    made = SignedHttp(bot._http._app, rig.db, rig.center, settings, secret, system_clock, patience=1)
    made.start()
    yield made
    made.stop()


def post(rig: Rig, http: SignedHttp, body: bytes, kind: str = FORM, secret: str = "") -> int:
    parts = urlsplit(http.url)
    headers = signed_headers(secret or rig.workspace.keys.signing_secret, int(time.time()), body, kind)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request("POST", parts.path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def opened(http: SignedHttp, sent: bytes) -> socket.socket:
    parts = urlsplit(http.url)
    connection = socket.create_connection((str(parts.hostname), parts.port or 0), timeout=10)
    connection.sendall(sent)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side hangs up."""
    found = b""
    try:
        while part := connection.recv(4096):
            found += part
    except ConnectionResetError:
        pass
    return found


def payload(value: object) -> bytes:
    return urlencode({"payload": json.dumps(value)}).encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 50_000, JSON),
        (b'{"a":' * 50_000, JSON),
        (b"[]", JSON),
        (b"1", JSON),
        (b"\xff", JSON),
        (b"payload=" + b"%5B" * 20_000, FORM),
        (payload(None), FORM),
        (payload(1), FORM),
        (payload([]), FORM),
        (payload({"type": "block_actions", "user": {"id": "U0ONCALL"}, "actions": []}), FORM),
        (payload({"type": "block_actions", "user": {"id": "U0ONCALL"}, "actions": 5}), FORM),
        (payload({"type": "block_actions", "team": 5, "authorizations": 5}), FORM),
    ],
    ids=range(12),
)
def test_what_is_signed_and_not_what_slack_sends_is_400_with_a_refusal(
    rig: Rig, http: SignedHttp, body: bytes, kind: str
) -> None:
    assert post(rig, http, body, kind) == 400
    assert rig.refused() == ["bad_interaction"]


def test_forged_requests_without_end_leave_a_few_entries(rig: Rig, http: SignedHttp) -> None:
    for number in range(100):
        assert post(rig, http, b"x%d" % number, secret="another") == 401
    assert 1 <= len(rig.refused()) <= 3  # three where a minute ended meanwhile


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (HEAD + b"Content-Length: 1000\r\n\r\nabc", b"HTTP/1.1 408"),
        (HEAD, b""),
        (b"", b""),
    ],
    ids=["body", "head", "nothing"],
)
def test_what_never_comes_is_not_waited_for(rig: Rig, http: SignedHttp, sent: bytes, answer: bytes) -> None:
    with opened(http, sent) as connection:
        assert read_all(connection).startswith(answer)
    assert rig.refused() == (["too_slow"] if answer else [])


def test_whoever_sends_a_request_is_served_however_many_never_do(rig: Rig) -> None:
    bot = rig.start(transport="http", http_port=0)
    assert bot._http is not None
    half = HEAD + b"Content-Length: 1000\r\n\r\nabc"
    held = [opened(bot._http, half if number % 2 else HEAD) for number in range(3 * CONNECTIONS)]
    try:
        assert post(rig, bot._http, urlencode({"ssl_check": 1}).encode()) == 200
        assert len(bot._http._server.server_state.connections) <= CONNECTIONS
    finally:
        for connection in held:
            connection.close()
