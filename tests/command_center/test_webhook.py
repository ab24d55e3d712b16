"""The webhook for changes: who may, what fits, how often; over a real socket on loopback."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from center_rig import GATE, Rig

from command_center.connections import CONNECTIONS
from command_center.settings import WebhookSettings
from command_center.webhook import ChangeWebhook, Meter, WebhookServer
from models.errors import BadInput
from storage.records import ChangeMarker

TOKEN, OTHER, UNKNOWN = "pipeline-token", "viewer-token", "no-such-token"
BODY = {"change_id": "build-812", "service": "billing", "kind": "deploy", "version": "3.8.0"}
MARK = "Grace Mustermann"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


SETTINGS = WebhookSettings(
    listen="127.0.0.1:0",
    tokens={"pipeline": digest(TOKEN), "viewer": digest(OTHER)},
    per_minute=30,
    max_bytes=2000,
)


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class Hook:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.server = WebhookServer(
            ChangeWebhook(rig.center, GATE, rig.directory, SETTINGS, rig.clock), "127.0.0.1:0"
        )
        self.server.start()

    def call(
        self,
        body: bytes | dict[str, Any],
        token: str | None = TOKEN,
        *,
        scheme: str = "Bearer",
        content_type: str = "application/json",
        method: str = "POST",
        path: str = "/v1/changes",
        coding: str | None = None,
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}{path}", data=raw, method=method
        )
        request.add_header("Content-Type", content_type)
        if coding is not None:
            request.add_header("Content-Encoding", coding)
        if token is not None:
            request.add_header("Authorization", f"{scheme} {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, json.loads(answer.read()), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                raw = error.read()
                plain = not error.headers.get("Content-Type", "").startswith("application/json")
                return Answer(error.code, {} if plain else json.loads(raw), dict(error.headers))


@pytest.fixture
def hook(rig: Rig) -> Iterator[Hook]:
    made = Hook(rig)
    yield made
    made.server.stop()


@pytest.fixture
def stern_hook(shared_rig: Rig) -> Iterator[Hook]:
    """For calls that record nothing: the store behind it is shared by all of them."""
    made = Hook(shared_rig)
    yield made
    made.server.stop()


def recorded(rig: Rig) -> list[ChangeMarker]:
    return rig.db.read(lambda reader: reader.rows(ChangeMarker, "true ORDER BY id"))


def test_a_change_is_recorded_once_however_often_it_is_told(hook: Hook) -> None:
    first, again = hook.call(BODY), hook.call(BODY)
    assert (first.status, first.body["recorded"], first.body["change_id"]) == (201, True, "build-812")
    assert (again.status, again.body["recorded"]) == (200, False)
    (marker,) = recorded(hook.rig)
    assert (marker.service, marker.version, marker.recorded_by) == ("billing", "3.8.0", "pipeline")
    assert (
        marker.id == GATE.name("build-812", "tag") != "build-812"
    )  # an id may be anything, so it is kept as a token


@pytest.mark.parametrize(
    ("token", "scheme", "status"),
    [
        (TOKEN, "Bearer", 201),
        (TOKEN, "bearer", 201),
        (TOKEN, "Basic", 401),
        (UNKNOWN, "Bearer", 401),
        (TOKEN + "x", "Bearer", 401),
        (TOKEN[:-1], "Bearer", 401),
        ("", "Bearer", 401),
        (digest(TOKEN), "Bearer", 401),
        (None, "", 401),
        (OTHER, "Bearer", 403),
    ],
    ids=["right", "scheme in small letters", "other scheme", "unknown", "longer", "shorter", "empty", "the hash itself",
         "none", "viewer"],
)  # fmt: skip
def test_only_a_known_token_of_somebody_who_may_records(
    hook: Hook, token: str | None, scheme: str, status: int
) -> None:
    assert hook.call(BODY, token, scheme=scheme).status == status
    assert len(recorded(hook.rig)) == (status == 201)
    assert len(hook.rig.audit("refused")) == (status in (401, 403))


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"service": ""}, ["service"]),
        ({"service": None}, ["service"]),
        ({"service": "  \t"}, ["service"]),
        ({"service": "\u0000"}, ["service"]),
        ({"version": "\u202e\u200b "}, ["version"]),
        ({"service": "x" * 201}, ["service"]),
        ({"kind": MARK}, ["kind"]),
        ({"version": 3}, ["version"]),
        ({"at": "yesterday"}, ["at"]),
        ({"at": "2026-03-02T03:00:00"}, ["at"]),
        ({"note": ["a"]}, ["note"]),
        ({"change_id": MARK}, ["change_id"]),
        ({"change_id": "a" * 65}, ["change_id"]),
        ({MARK: "x"}, []),
    ],
)
def test_a_body_that_does_not_fit_names_the_field_and_repeats_nothing(
    stern_hook: Hook, change: dict[str, Any], fields: list[str]
) -> None:
    answer = stern_hook.call({**BODY, **change})
    assert (answer.status, answer.body["error"], answer.body["fields"]) == (422, "bad_input", fields)
    assert MARK not in json.dumps(answer.body)
    assert recorded(stern_hook.rig) == []


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'"' + b"a" * 1000 + b'"'])
def test_garbage_is_one_clear_sentence(stern_hook: Hook, raw: bytes) -> None:
    answer = stern_hook.call(raw)
    assert answer.status == 422
    assert answer.body["message"] == "The body is not one JSON object."


def test_a_body_that_is_too_large_or_no_json_is_refused(stern_hook: Hook) -> None:
    assert stern_hook.call({**BODY, "note": "a" * 1990}).status == 413
    assert stern_hook.call(BODY, content_type="text/plain").status == 415


def test_other_methods_and_paths_are_not_there(stern_hook: Hook) -> None:
    assert stern_hook.call(BODY, method="PUT").status == 405
    assert stern_hook.call(BODY, path="/v1/other").status == 404


def test_texts_pass_the_gate(hook: Hook) -> None:
    assert hook.call({**BODY, "note": f"asked for by {MARK}, mrn 12345678"}).status == 201
    (marker,) = recorded(hook.rig)
    assert marker.note is not None
    assert "Mustermann" not in marker.note
    assert "12345678" not in marker.note


def test_a_time_in_the_future_is_refused(stern_hook: Hook) -> None:
    answer = stern_hook.call({**BODY, "at": "2036-01-01T00:00:00Z"})
    assert (answer.status, answer.body["error"]) == (422, "in_the_future")


def test_too_many_calls_wait_and_are_let_in_again(hook: Hook) -> None:
    answers = [hook.call({**BODY, "change_id": f"build-{number}"}) for number in range(31)]
    assert [each.status for each in answers] == [201] * 30 + [429]
    assert answers[-1].headers["Retry-After"] == "2"
    hook.rig.clock.move(2)
    assert hook.call({**BODY, "change_id": "build-30"}).status == 201


def test_refusals_do_not_flood_the_audit_trail(hook: Hook) -> None:
    statuses = [hook.call(BODY, UNKNOWN).status for _ in range(33)]
    assert statuses == [401] * 30 + [429] * 3
    assert len(hook.rig.audit("refused")) == 30
    assert hook.call(BODY).status == 201


def test_a_port_that_is_taken_is_said_in_one_sentence(rig: Rig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = WebhookServer(ChangeWebhook(rig.center, GATE, rig.directory, SETTINGS, rig.clock), address)
        with pytest.raises(BadInput, match="cannot be listened on"):
            server.start()
        server.stop()


def test_a_token_of_nobody_is_refused_at_the_start(rig: Rig) -> None:
    settings = WebhookSettings(tokens={"ghost": digest("x")})
    with pytest.raises(BadInput, match="belongs to nobody"):
        ChangeWebhook(rig.center, GATE, rig.directory, settings, rig.clock)


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "10.0.0.1:80", "example.org:80", "127.0.0.1"])
def test_only_loopback_can_be_listened_on(listen: str) -> None:
    with pytest.raises(ValueError, match="listen"):
        WebhookSettings(listen=listen)


def test_the_meter_forgets_callers_it_has_no_room_for(rig: Rig) -> None:
    meter = Meter(1, rig.clock)
    for number in range(3000):
        assert meter.wait(f"ip:{number}") == 0
    assert meter.wait("ip:2999") > 0
    assert len(meter) <= 1024


def test_a_clock_that_goes_back_gives_nobody_more_calls(rig: Rig) -> None:
    meter = Meter(2, rig.clock)
    assert [meter.wait("a") for _ in range(3)] == [0, 0, 30]
    rig.clock.move(-3600)
    assert meter.wait("a") > 0


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1999-12-31T23:59:59Z"])
def test_a_time_before_anything_was_deployed_is_refused_with_a_sentence(hook: Hook, at: str) -> None:
    answer = hook.call(BODY | {"at": at})
    assert (answer.status, answer.body["error"]) == (422, "too_long_ago")
    assert "before 2000" in answer.body["message"]
    assert hook.rig.db.read(lambda reader: reader.rows(ChangeMarker)) == []


def test_a_time_far_ahead_is_refused_with_a_sentence(hook: Hook) -> None:
    answer = hook.call(BODY | {"at": "9999-12-31T23:59:59-14:00"})
    assert (answer.status, answer.body["error"]) == (422, "in_the_future")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_is_not_packed_as_it_says_is_refused_with_a_sentence(hook: Hook, coding: str) -> None:
    answer = hook.call(b"this is not packed at all", coding=coding)
    assert (answer.status, answer.body["error"]) == (400, "bad_body")
    assert "Content-Encoding" in answer.body["message"]


@pytest.mark.parametrize("coding", ["br", "zstd", "rot13"])
def test_a_packing_that_is_not_known_is_refused(hook: Hook, coding: str) -> None:
    assert hook.call(b"this is not packed at all", coding=coding).status in (400, 422)


def test_a_packed_body_is_taken(hook: Hook) -> None:
    assert hook.call(gzip.compress(json.dumps(BODY).encode()), coding="gzip").status == 201


def test_a_packed_body_is_limited_by_what_it_unpacks_to(hook: Hook) -> None:
    assert hook.call(gzip.compress(b" " * 1_000_000), coding="gzip").status == 413


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass  # refused with a sentence, because there were too many before it
        return False
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/cha",
        b"POST /v1/changes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n"
        b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n{",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_connections_that_never_send_a_call_give_way_to_one_that_does(hook: Hook, sent: bytes) -> None:
    with ExitStack() as opened:
        idle = []
        for _ in range(3 * CONNECTIONS):
            each = opened.enter_context(socket.create_connection(("127.0.0.1", hook.server.port), timeout=10))
            each.sendall(sent)
            idle.append(each)
        assert hook.call(BODY).status in (201, 429)  # a call of which half has come counts
        assert sum(map(is_open, idle)) <= CONNECTIONS
