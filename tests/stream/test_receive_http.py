"""Promises of the HTTP and OTLP receivers: which status, when, and what is stored."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import cramjam
import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stream.receivers.testing import RunningReceiver
from stream.spool import Kind, SpoolReader, SpoolSettings
from stream.spool.testing import FragileDisk

HTTP = {"http": "127.0.0.1:0", "otlp": "127.0.0.1:0"}
SECRETS = {"SHARED": "token of all", "OWN": "token of one"}
BODY = b'{"date":1700000000.25,"log":"line 1"}\n{"date":1700000000.5,"log":"line 2"}\n'


def post(
    receiver: RunningReceiver,
    body: bytes = BODY,
    path: str = "/v1/ingest",
    *,
    to: str = "http",
    method: str = "POST",
    **headers: str,
) -> HTTPResponse:
    connection = HTTPConnection(*receiver.address(to), timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Content-Type": "application/x-ndjson"} | named)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def hold(disk: FragileDisk, receiver: RunningReceiver) -> None:
    """Make the next sync wait, once nothing else is on its way to the disk."""
    assert post(receiver, b'{"log":"line 0"}').status == 200
    disk.gate.clear()
    disk.waiting.clear()


def otlp() -> bytes:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "billing"
    scope = resource.scope_logs.add()
    record = scope.log_records.add(time_unix_nano=1_700_000_000_000_000_001, severity_number=17)
    record.body.string_value = "claim queue exhausted"
    return request.SerializeToString()


def logs(receiver: RunningReceiver) -> list[str]:
    return [row["record"].get("log", row["record"].get("body")) for row in receiver.records()]


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstandard.compress),
        ("snappy", lambda body: bytes(cramjam.snappy.compress_raw(body))),
        ("identity", bytes),
    ],
)
def test_a_body_is_stored_as_it_came_and_decoded_later(tmp_path: Path, encoding: str, pack) -> None:
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        assert post(receiver, pack(BODY), Content_Encoding=encoding, X_Fluent_Tag="app.x").status == 200
        assert post(receiver, pack(BODY), Content_Encoding=encoding, X_Fluent_Tag="app.x").status == 200
    assert logs(receiver) == ["line 1", "line 2"]
    assert {row["tag"] for row in receiver.records()} == {"app.x"}
    assert receiver.records()[0]["ts"] == {"sec": 1_700_000_000, "nsec": 250_000_000}


def test_equal_bodies_that_mean_something_else_are_all_stored(tmp_path: Path) -> None:
    body = b'{"log":"same"}'
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        for _ in range(2):  # each is known when it comes again
            assert post(receiver, body, X_Fluent_Tag="svc.a").status == 200
            assert post(receiver, body, X_Fluent_Tag="svc.b").status == 200
            assert post(receiver, body, X_Fluent_Tag="svc.b", Content_Type="text/plain").status == 200
            assert post(receiver, body, X_Fluent_Tag="svc.b", X_Agent_Id="agent-2").status == 200
            packed = gzip.compress(body, mtime=0)
            assert post(receiver, packed, X_Fluent_Tag="svc.c", Content_Encoding="gzip").status == 200
            assert post(receiver, packed, "/v1/logs", Content_Type="application/x-protobuf").status == 200
    with SpoolReader(receiver.layout.spool, receiver.ring) as reader:
        stored = [
            entry for block in reader.read(100) for entry in block.entries if entry.kind != Kind.CONTROL
        ]
    assert [entry.tag for entry in stored] == ["svc.a", "svc.b", "svc.b", "svc.b", "svc.c", ""]
    assert receiver.status().duplicates == 6


@pytest.mark.parametrize("to", ["http", "otlp"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_otlp_logs_are_taken_on_both_listeners(tmp_path: Path, to: str, encoding: str) -> None:
    body = {"identity": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[encoding](otlp())
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        answer = post(
            receiver,
            body,
            "/v1/logs",
            to=to,
            Content_Type="application/x-protobuf",
            Content_Encoding=encoding,
        )
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-protobuf")
    (row,) = receiver.records()
    assert row["record"] == {"body": "claim queue exhausted"}
    assert row["ts"] == {"sec": 1_700_000_000, "nsec": 1}
    assert row["metadata"] == {"otlp": {"severity_number": 17}}
    assert row["group"]["attributes"]["resource"]["attributes"] == {"service.name": "billing"}


OTLP_JSON = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "billing"}}]},
            "scopeLogs": [
                {
                    "scope": {"name": "clinic"},
                    "logRecords": [
                        {
                            "timeUnixNano": "1700000000000000001",
                            "severityNumber": 17,
                            "body": {"stringValue": "claim queue exhausted"},
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "eee19b7ec3c1b174",
                            "fieldOfALaterVersion": 1,
                        }
                    ],
                }
            ],
        }
    ]
}


@pytest.mark.parametrize("to", ["http", "otlp"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_otlp_is_taken_as_json_too(tmp_path: Path, to: str, pack) -> None:
    encoding = "identity" if pack is bytes else "gzip"
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        connection = HTTPConnection(*receiver.address(to), timeout=10)
        headers = {"Content-Type": "application/json; charset=utf-8", "Content-Encoding": encoding}
        connection.request("POST", "/v1/logs", pack(json.dumps(OTLP_JSON).encode()), headers)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Type"], answer.read()) == (
            200,
            "application/json",
            b"{}",
        )
        connection.close()
    (row,) = receiver.records()
    assert row["record"] == {"body": "claim queue exhausted"}
    assert row["ts"] == {"sec": 1_700_000_000, "nsec": 1}
    assert row["metadata"] == {
        "otlp": {
            "severity_number": 17,
            "trace_id": "5b8efff798038103d269b633813fc60c",
            "span_id": "eee19b7ec3c1b174",
        }
    }
    assert row["group"]["attributes"]["resource"]["attributes"] == {"service.name": "billing"}


def answers_to(receiver: RunningReceiver, request: bytes) -> bytes:
    """Send bytes and return everything up to the end of the connection."""
    with socket.create_connection(receiver.address("http"), 20) as connection:
        connection.sendall(request)
        found = b""
        while part := connection.recv(65_536):
            found += part
        return found


HEADS = {
    "Connection: close": b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 11\r\n\r\n",
    "HTTP/1.0": b"POST /v1/ingest HTTP/1.0\r\nContent-Length: 11\r\n\r\n",
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("more", [b"", b"\n", b"\r\n", b"x" * 100_000, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_what_follows_the_last_request_of_a_connection_changes_nothing(
    tmp_path: Path, head: str, more: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        answer = answers_to(receiver, HEADS[head] + b'{"log":"x"}' + more)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert logs(receiver) == ["x"]
    assert receiver.status().refused == {}
    assert caplog.records == []


def test_what_is_no_request_behind_one_is_answered_behind_it(tmp_path: Path) -> None:
    one = b'POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{"log":"x"}'
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        answer = answers_to(receiver, one + b"\x16\x03\x01 no request\r\n\r\n")
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]
    assert logs(receiver) == ["x"]


def test_a_head_is_answered_without_a_body_and_the_connection_goes_on(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        connection = HTTPConnection(*receiver.address("http"), timeout=10)
        for method, path, status in (
            ("HEAD", "/", 404),
            ("HEAD", "/v1/ingest", 405),
            ("POST", "/v1/ingest", 200),
        ):
            connection.request(method, path, b'{"log":"x"}' if method == "POST" else None)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, b"")
        connection.close()
    assert receiver.status().connections == 1


def test_who_does_not_read_answers_loses_its_place(tmp_path: Path) -> None:
    many = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" * 1000
    with RunningReceiver(tmp_path, message_seconds=0.2, max_connections=1, **HTTP) as receiver:
        with socket.socket() as greedy:
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            greedy.settimeout(20)
            greedy.connect(receiver.address("http"))
            with pytest.raises(ConnectionError):
                send_for_ever(greedy, many)
        assert post(receiver).status == 200
    assert receiver.status().refused["answers_not_read"] == 1


def send_for_ever(connection: socket.socket, data: bytes) -> None:
    """Send and never read; ends with the error of a connection that was closed."""
    while True:
        connection.sendall(data)


def test_200_is_sent_only_after_the_sync(tmp_path: Path) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, files=disk, tick_seconds=3600, **HTTP) as receiver:
        connection = HTTPConnection(*receiver.address("http"), timeout=10)
        hold(disk, receiver)
        connection.request("POST", "/v1/ingest", BODY, {"Content-Type": "application/x-ndjson"})
        assert disk.waiting.wait(10)
        connection.sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.sock.recv(1, socket.MSG_PEEK)
        connection.sock.settimeout(10)
        disk.gate.set()
        assert connection.getresponse().status == 200
        connection.close()
    assert logs(receiver) == ["line 0", "line 1", "line 2"]


def test_one_connection_carries_many_requests_also_after_a_refusal(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        connection = HTTPConnection(*receiver.address("http"), timeout=10)
        for path, status in (("/v1/ingest", 200), ("/elsewhere", 404), ("/v1/ingest", 200)):
            connection.request("POST", path, b'{"log":"%d"}' % status, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
        connection.close()
    assert receiver.status().connections == 1


def test_requests_sent_without_waiting_are_answered_in_order(tmp_path: Path) -> None:
    one = b'POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{"log":"%d"}'
    with (
        RunningReceiver(tmp_path, **HTTP) as receiver,
        socket.create_connection(receiver.address("http"), 10) as connection,
    ):
        connection.sendall(b"".join(one % number for number in range(3)))
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 3:
            part = connection.recv(65_536)
            assert part
            answers += part
    assert logs(receiver) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("one", "answer"),
    [
        (b'POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{"log":"x"}', b"HTTP/1.1 200"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404"),
    ],
)
def test_thousands_of_equal_requests_at_once_are_all_answered(
    tmp_path: Path, one: bytes, answer: bytes
) -> None:
    """All but the first are known already and answered in the same moment."""
    count = 2000
    with (
        RunningReceiver(tmp_path, **HTTP) as receiver,
        socket.create_connection(receiver.address("http"), 10) as connection,
    ):
        sender = threading.Thread(target=connection.sendall, args=(one * count,))
        sender.start()
        answers = b""
        while answers.count(answer) < count:
            part = connection.recv(65_536)
            assert part, f"closed after {answers.count(answer)} answers"
            answers += part
        sender.join()
    assert len(logs(receiver)) == (answer == b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/nowhere", {}, 404),
        ("GET", "/v1/ingest", {}, 405),
        ("PUT", "/v1/logs", {}, 405),
        ("POST", "/v1/ingest", {"Content_Length": str(17 << 20)}, 413),
        ("POST", "/v1/ingest", {"X_Fluent_Tag": "t" * 2000}, 400),
        ("HEAD", "/v1/ingest", {}, 405),
        ("HEAD", "/", {}, 404),
        ("POST", "/v1/logs", {"Content_Type": "text/plain"}, 415),
        ("POST", "/v1/ingest", {"Content_Encoding": "br"}, 415),
        ("POST", "/v1/ingest", {"Content_Type": "image/png"}, 415),
        ("POST", "/v1/ingest", {"Content_Encoding": "gzip, gzip"}, 415),
        ("POST", "/v1/logs", {"Content_Type": "application/json", "Content_Encoding": "deflate"}, 415),
    ],
)
def test_what_can_never_be_taken_is_said_so_and_stored_nowhere(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        answer = post(receiver, BODY, path, method=method, **headers)
    assert answer.status == status
    assert status != 405 or answer.headers["Allow"] == "POST"
    assert receiver.records() == []
    assert receiver.status().refused == {f"http_{status}": 1}


def test_a_body_without_a_length_is_411_and_chunks_are_taken(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        with socket.create_connection(receiver.address("http"), 10) as connection:
            connection.sendall(b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 411 ")
        with socket.create_connection(receiver.address("http"), 10) as connection:
            connection.sendall(
                b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
            )
            assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
            connection.sendall(b'6\r\n{"log"\r\n5\r\n:"x"}\r\n0\r\n\r\n')
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert logs(receiver) == ["x"]


def test_a_chunked_body_beyond_the_limit_is_413_and_not_kept(tmp_path: Path) -> None:
    with (
        RunningReceiver(tmp_path, max_message_bytes=1024, **HTTP) as receiver,
        socket.create_connection(receiver.address("http"), 10) as connection,
    ):
        connection.sendall(b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")
    assert receiver.records() == []


@pytest.mark.parametrize("status", [401, 503])
def test_a_wrong_token_is_refused_with_the_configured_status(tmp_path: Path, status: int) -> None:
    tokens = [{"token": "env:SHARED"}, {"token": "env:OWN", "agent": "agent-9"}]
    with RunningReceiver(
        tmp_path, environ=SECRETS, tokens=tokens, unauthorised_status=status, **HTTP
    ) as receiver:
        assert post(receiver).status == status
        assert post(receiver, Authorization="Bearer wrong").status == status
        assert post(receiver, Authorization="Basic dG9rZW4gb2YgYWxs").status == status
        assert (
            post(receiver, b'{"log":"a"}', Authorization="Bearer token of all", X_Agent_Id="agent-1").status
            == 200
        )
        assert (
            post(receiver, b'{"log":"a"}', Authorization="bearer token of one", X_Agent_Id="agent-1").status
            == 200
        )
        assert post(receiver, b'{"log":"a"}', Authorization="Bearer token of all").status == 200
    assert sorted(row["agent"] for row in receiver.records()) == ["127.0.0.1", "agent-1", "agent-9"]
    assert receiver.status().failed_handshakes == 3


def test_a_spool_without_room_is_503_on_http_and_a_wait_on_otlp(tmp_path: Path) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, files=disk, tick_seconds=3600, **HTTP) as receiver:
        disk.space = 0
        assert post(receiver).status == 503  # the write fails
        assert post(receiver).status == 503  # there is no room
        waiting = HTTPConnection(*receiver.address("otlp"), timeout=10)
        waiting.request("POST", "/v1/logs", otlp(), {"Content-Type": "application/x-protobuf"})
        waiting.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.sock.recv(1, socket.MSG_PEEK)
        waiting.sock.settimeout(10)
        disk.space = None
        assert waiting.getresponse().status == 200
        waiting.close()
    assert logs(receiver) == ["claim queue exhausted"]


def test_stopping_answers_what_is_in_flight_and_refuses_half_a_body(tmp_path: Path) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, files=disk, tick_seconds=3600, **HTTP) as receiver:
        half = socket.create_connection(receiver.address("http"), 10)
        half.sendall(b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        whole = HTTPConnection(*receiver.address("http"), timeout=10)
        hold(disk, receiver)
        whole.request("POST", "/v1/ingest", BODY)
        assert disk.waiting.wait(10)
        receiver.begin_to_stop()
        assert half.recv(65_536).startswith(b"HTTP/1.1 503 ")
        half.close()
        disk.gate.set()
        assert whole.getresponse().status == 200
        whole.close()
    assert logs(receiver) == ["line 0", "line 1", "line 2"]


def test_an_empty_body_is_fine_and_stores_nothing(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **HTTP) as receiver:
        assert post(receiver, b"").status == 200
    assert receiver.status().messages == 0


def test_bodies_that_wait_for_the_disk_are_bounded_and_all_answered(tmp_path: Path) -> None:
    spool = SpoolSettings(min_free_bytes=0, max_pending_bytes=1 << 30)
    bodies = [b'{"log":"%s"}' % (b"%d" % number * 20_000) for number in range(10, 40)]
    disk = FragileDisk()
    with RunningReceiver(
        tmp_path, files=disk, spool=spool, tick_seconds=3600, max_in_flight_bytes=200_000, **HTTP
    ) as receiver:
        hold(disk, receiver)
        connections = [HTTPConnection(*receiver.address("http"), timeout=20) for _ in bodies]
        for connection, body in zip(connections, bodies, strict=True):
            connection.request("POST", "/v1/ingest", body)
        assert disk.waiting.wait(10)
        disk.gate.set()
        assert {connection.getresponse().status for connection in connections} == {200}
        for connection in connections:
            connection.close()
    assert sorted(logs(receiver))[:-1] == sorted(str(number) * 20_000 for number in range(10, 40))
    assert (
        receiver.status().most_in_flight_bytes < 200_000 + 300_000
    )  # the limit, and a read of one connection
