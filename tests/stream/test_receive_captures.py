"""What Fluent Bit really sent, played against a real receiver and a real spool, and read back."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from stream.forward_client import ClientOptions, Refused, connect
from stream.receivers.testing import Certificates, RunningReceiver, make_certificates

pytestmark = pytest.mark.shared

SHARED = Path(os.environ.get("MAYDAY_SHARED") or Path(__file__).parents[3] / "shared")
CAPTURES = SHARED / "datasets" / "fluent-bit"
SECRETS = {"KEY": "clinic-demo-key", "PASSWORD": "demo-pass-1"}
KEY = {"shared_key": "env:KEY"}
USERS = KEY | {"users": {"svc-forward": "env:PASSWORD"}}

if not (CAPTURES / "index.json").exists():
    pytest.skip("the captures do not lie beside the project", allow_module_level=True)


def cases(profile: str) -> list[dict[str, Any]]:
    """Every case for a receiver set up as `profile`, with its folder under `at`."""
    index = json.loads((CAPTURES / "index.json").read_text("utf-8"))["cases"]
    return [
        json.loads((CAPTURES / one["case"] / "expected.json").read_text("utf-8"))
        | {"at": CAPTURES / one["case"]}
        for one in index
        if one["profile"] == profile
    ]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def messages(case: dict[str, Any]) -> Iterator[list[tuple[bytes, dict[str, Any]]]]:
    """The messages of each connection, as bytes and as the data set describes them."""
    for connection in case["connections"]:
        data = (case["at"] / connection["client"]).read_bytes()
        yield [(data[one["offset"] : one["offset"] + one["length"]], one) for one in connection["messages"]]


def play(receiver: RunningReceiver, case: dict[str, Any], options: ClientOptions) -> None:
    """Send every message of every connection; each that asks for an acknowledgement gets it in one read."""
    for sent in messages(case):
        with connect(receiver.address(), options) as connection:
            for raw, about in sent:
                connection.sendall(raw)
                if about["chunk"] is not None:
                    assert msgpack.unpackb(connection.recv(65_536)) == {"ack": about["chunk"]}
            connection.settimeout(0.05)
            with pytest.raises(TimeoutError):
                connection.recv(1)  # nothing that was not asked for, and not closed
            if options.tls is None:
                connection.settimeout(10)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(1) == b""


def canonical(row: dict[str, Any]) -> str:
    return json.dumps(
        {
            "metadata": row.get("metadata") or {},
            "group": row.get("group"),
            "ts": row["ts"],
            "record": row["record"],
        },
        sort_keys=True,
    )


def expected_forward(found: list[dict[str, Any]], *, times: int) -> Counter[tuple[str, str | None, str]]:
    """Messages with a chunk id stand once however often they were sent, those without as often as they were sent."""
    rows: Counter[tuple[str, str | None, str]] = Counter()
    seen: set[tuple[str, str]] = set()
    for case in found:
        for connection in case["connections"]:
            for message in connection["messages"]:
                key = message.get("tag", ""), message["chunk"]
                if message["chunk"] is not None and key in seen:
                    continue
                seen.add(key)
                for record in message["records"]:
                    rows[*key, canonical(record)] += 1 if message["chunk"] is not None else times
    return rows


def stored_forward(receiver: RunningReceiver) -> Counter[tuple[str, str | None, str]]:
    return Counter((row["tag"], row["chunk"], canonical(row)) for row in receiver.records())


@pytest.mark.parametrize(
    ("profile", "settings", "client"),
    [
        ("plain", {}, {}),
        ("key", KEY, {"shared_key": "clinic-demo-key", "self_hostname": "agent-1"}),
        (
            "users",
            USERS,
            {
                "shared_key": "clinic-demo-key",
                "self_hostname": "agent-1",
                "username": "svc-forward",
                "password": "demo-pass-1",
            },
        ),
        ("tls", {"tls": True}, {"tls": True}),
        (
            "tls+key",
            {"tls": True} | KEY,
            {"tls": True, "shared_key": "clinic-demo-key", "self_hostname": "agent-1"},
        ),
    ],
)
def test_what_agents_sent_twice_by_forward_reads_back_as_the_data_set_says(
    tmp_path: Path,
    certificates: Certificates,
    profile: str,
    settings: dict[str, Any],
    client: dict[str, Any],
) -> None:
    if settings.get("tls"):
        settings = settings | {"tls": {"certificate": certificates.server, "key": certificates.server_key}}
        client = client | {
            "tls": ssl.create_default_context(cafile=certificates.ca),
            "server_hostname": "rx.test",
        }
    accepted = [
        case
        for case in cases(profile)
        if all(one.get("handshake", {}).get("accepted", True) for one in case["connections"])
    ]
    with RunningReceiver(tmp_path, forward="127.0.0.1:0", environ=SECRETS, **settings) as receiver:
        for _ in range(2):
            for case in accepted:
                play(receiver, case, ClientOptions(**client))
    assert sum(case["records_total"] for case in accepted) > 0
    assert stored_forward(receiver) == expected_forward(accepted, times=2)
    agents = {row["agent"] for row in receiver.records()}
    assert agents == {client.get("username") or client.get("self_hostname") or "127.0.0.1"}


def test_metrics_are_acknowledged_counted_and_no_log_records(tmp_path: Path) -> None:
    (case,) = (case for case in cases("plain") if case["case"] == "fwd_metrics")
    with RunningReceiver(tmp_path, forward="127.0.0.1:0") as receiver:
        play(receiver, case, ClientOptions())
    assert receiver.records() == []
    assert receiver.status().non_log == 1


@pytest.mark.parametrize("name", ["fwd_key_wrong", "fwd_key_wrong_keepconn"])
def test_a_refused_client_is_cut_off_and_none_of_its_data_is_stored(tmp_path: Path, name: str) -> None:
    (case,) = (case for case in cases("key") if case["case"] == name)
    wrong = ClientOptions(shared_key=case["client"]["shared_key"], self_hostname="agent-1")
    with RunningReceiver(tmp_path, forward="127.0.0.1:0", environ=SECRETS, **KEY) as receiver:
        with pytest.raises(Refused):
            connect(receiver.address(), wrong)
        for sent in messages(case):
            for raw, _ in sent:
                with socket.create_connection(receiver.address(), 10) as connection:
                    assert msgpack.unpackb(connection.recv(65_536), raw=True)[0] == b"HELO"
                    connection.sendall(raw)  # data in the place of a PING
                    assert connection.recv(65_536) == b""
    assert receiver.records() == []
    assert receiver.status().failed_handshakes >= 1


def offer(address: tuple[str, int], options: ClientOptions, raw: bytes) -> bytes:
    """Send one message and return the answer; ConnectionError when there is none."""
    with connect(address, options) as connection:
        connection.sendall(raw)  # TLS 1.3 tells a client that its certificate is missing only when it reads
        answer = connection.recv(65_536)
        if not answer:
            raise ConnectionError
        return answer


def test_a_client_certificate_names_the_agent_and_without_one_nothing_is_taken(
    tmp_path: Path, certificates: Certificates
) -> None:
    (case,) = cases("tls")
    tls = {"certificate": certificates.server, "key": certificates.server_key, "client_ca": certificates.ca}
    known = ssl.create_default_context(cafile=certificates.ca)
    known.load_cert_chain(certificates.client, certificates.client_key)
    unknown = ssl.create_default_context(cafile=certificates.ca)
    with RunningReceiver(tmp_path, forward="127.0.0.1:0", tls=tls) as receiver:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            offer(
                receiver.address(),
                ClientOptions(tls=unknown, server_hostname="rx.test"),
                next(messages(case))[0][0],
            )
        play(receiver, case, ClientOptions(tls=known, server_hostname="rx.test"))
    assert stored_forward(receiver) == expected_forward([case], times=1)
    assert {row["agent"] for row in receiver.records()} == {"agent-7"}
    assert (receiver.status().failed_handshakes, receiver.status().refused) == (1, {"tls": 1})


def post(address: tuple[str, int], captured: bytes, *more: bytes) -> int:
    """Send a request as it was captured (with another Host), return the status."""
    head, _, body = captured.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"host:", b"connection:"))]
    with socket.create_connection(address, 10) as connection:
        connection.sendall(
            b"\r\n".join([*lines, b"Host: rx.test", b"Connection: close", *more]) + b"\r\n\r\n" + body
        )
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return int(answer.split(b" ", 2)[1])


def comparable(row: dict[str, Any], protocol: str) -> str:
    """One expected record, or one stored row, in the terms that the data set has for its protocol."""
    if protocol == "otlp-http":
        return json.dumps([row["ts"], row["body"]["stringValue"] if "body" in row else row["record"]["body"]])
    return json.dumps(row["json"] if "json" in row else row["record"], sort_keys=True)


@pytest.mark.parametrize(("profile", "listener"), [("http", "http"), ("otlp", "otlp"), ("otlp", "http")])
def test_bodies_posted_twice_are_stored_once_and_read_back_as_the_data_set_says(
    tmp_path: Path, profile: str, listener: str
) -> None:
    found = cases(profile)
    expected: Counter[str] = Counter()
    bodies: set[tuple[str | None, bytes]] = set()
    with RunningReceiver(tmp_path, http="127.0.0.1:0", otlp="127.0.0.1:0") as receiver:
        for _ in range(2):
            for case in found:
                for request in case["requests"]:
                    captured = (case["at"] / request["file"]).read_bytes()
                    assert post(receiver.address(listener), captured) == 200
                    key = (
                        request["headers"].get("x-agent-id"),
                        hashlib.sha256(captured.partition(b"\r\n\r\n")[2]).digest(),
                    )
                    if key not in bodies:
                        bodies.add(key)
                        expected.update(comparable(record, case["protocol"]) for record in request["records"])
    protocol = found[0]["protocol"]
    assert Counter(comparable(row, protocol) for row in receiver.records()) == expected
    assert receiver.status().duplicates == len(bodies)


def test_bodies_of_entries_keep_nanoseconds_metadata_and_tag(tmp_path: Path) -> None:
    (case,) = (case for case in cases("http") if case["case"] == "http_msgpack")
    with RunningReceiver(tmp_path, http="127.0.0.1:0") as receiver:
        assert post(receiver.address("http"), (case["at"] / "req1.http").read_bytes()) == 200
    rows = receiver.records()
    assert [canonical(row) for row in rows] == [
        canonical(record) for record in case["requests"][0]["records"]
    ]
    assert {row["tag"] for row in rows} == {"clinic.app"}
