"""TLS of the HTTP and OTLP listeners: the same certificates as for Forward, and with a client CA nobody without one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

import pytest

from stream.receivers import tls as tls_module
from stream.receivers.testing import Certificates, RunningReceiver, make_certificates

LISTENERS = {"http": "127.0.0.1:0", "otlp": "127.0.0.1:0"}
PATHS = {"http": "/v1/ingest", "otlp": "/v1/logs"}
BODIES = {
    "http": b'{"log": "in TLS"}',
    "otlp": b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "in TLS"}}]}]}]}',
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def post(receiver: RunningReceiver, listener: str, trust: ssl.SSLContext) -> int:
    """Send one body over TLS, whatever name the certificate has; return the status."""
    trust.check_hostname = False
    connection = HTTPSConnection(*receiver.address(listener), timeout=10, context=trust)
    try:
        connection.request("POST", PATHS[listener], BODIES[listener], {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def trusting(made: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=made.ca)


@pytest.mark.parametrize("listener", LISTENERS)
def test_bodies_are_taken_over_tls(tmp_path: Path, made: Certificates, listener: str) -> None:
    tls = {"certificate": made.server, "key": made.server_key}
    with RunningReceiver(tmp_path, tls=tls, **LISTENERS) as receiver:
        assert post(receiver, listener, trusting(made)) == 200
    (row,) = receiver.records()
    assert "in TLS" in row["record"].values()


@pytest.mark.parametrize("listener", LISTENERS)
def test_with_a_client_ca_who_has_no_certificate_is_cut_off_and_who_has_one_is_known_by_it(
    tmp_path: Path, made: Certificates, listener: str
) -> None:
    tls = {"certificate": made.server, "key": made.server_key, "client_ca": made.ca}
    known = trusting(made)
    known.load_cert_chain(made.client, made.client_key)
    with RunningReceiver(tmp_path, tls=tls, **LISTENERS) as receiver:
        with pytest.raises((OSError, HTTPException)):  # TLS 1.3 tells a client only when it reads
            post(receiver, listener, trusting(made))
        assert post(receiver, listener, known) == 200
    assert receiver.status().refused == {"tls": 1}
    (row,) = receiver.records()
    assert row["agent"] == "agent-7"


def test_a_client_that_does_not_know_the_ca_sends_nothing(tmp_path: Path, made: Certificates) -> None:
    tls = {"certificate": made.server, "key": made.server_key}
    with RunningReceiver(tmp_path, tls=tls, **LISTENERS) as receiver:
        stranger = ssl.create_default_context()
        with pytest.raises(ssl.SSLError):
            post(receiver, "http", stranger)
    assert receiver.records() == []


def resident() -> int:
    """Bytes of memory that this process, the receiver's own, has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_handshakes_that_do_not_end_cost_little_and_their_places_come_back(
    tmp_path: Path, made: Certificates
) -> None:
    tls = {"certificate": made.server, "key": made.server_key}
    count = 300
    with (
        RunningReceiver(
            tmp_path, tls=tls, handshake_seconds=3, max_connections=count + 1, **LISTENERS
        ) as receiver,
        contextlib.ExitStack() as held,
    ):
        assert post(receiver, "http", trusting(made)) == 200
        before = resident()
        half = [
            held.enter_context(socket.create_connection(receiver.address("http"), 10)) for _ in range(count)
        ]
        for connection in half:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100)
        assert post(receiver, "http", trusting(made)) == 200
        assert resident() - before < count * 160 * 1024
        assert all(connection.recv(64) == b"" for connection in half)
    assert receiver.status().refused == {"tls": count}


def test_a_client_that_does_not_answer_the_end_gives_its_place_back(
    tmp_path: Path, made: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_module, "_CLOSING_SECONDS", 0.3)
    tls = {"certificate": made.server, "key": made.server_key}
    trust = trusting(made)
    trust.check_hostname = False
    with (
        RunningReceiver(tmp_path, tls=tls, handshake_seconds=0.5, max_connections=1, **LISTENERS) as receiver,
        trust.wrap_socket(socket.create_connection(receiver.address("http"), 10)),
    ):
        time.sleep(2)  # it says nothing and reads nothing
        assert post(receiver, "http", trust) == 200
    assert receiver.status().refused == {"no_request": 1}
