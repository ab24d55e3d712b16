"""The socket: who may do what, what comes back, and that nothing crooked gets in."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from command_center.access.operators import Directory, Operator, Role
from command_center.center import CommandCenter
from command_center.service import StoreService, bind_socket
from command_center.settings import CenterSettings
from models.clock import FrozenClock
from models.errors import BadInput, MaydayError
from models.levels import Level
from models.sanitizer.gate import Gate
from models.sanitizer.safe_text import stored
from models.sanitizer.vocabulary import Vocabulary
from storage.client import StoreClient
from storage.database import Database
from storage.errors import (
    BadPayload,
    DatabaseBusy,
    NotAllowed,
    QueryRefused,
    RemoteError,
    StoreTimeout,
    StoreUnavailable,
)
from storage.facts import BlockFacts, MinuteCount, Signal, SignalKind
from storage.layout import Layout
from storage.seal import KeyRing

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ME = os.getuid()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(Layout(tmp_path / "s"), KeyRing(bytes(32)), FrozenClock(NOW))
    yield database
    database.close()


@pytest.fixture
def serving(database: Database) -> Callable[..., Any]:
    """Serve with the real command center; yields the client of this Unix user."""

    @contextmanager
    def serving(*roles: Role, own_uid: int | None = None, head_s: float = 10.0) -> Iterator[StoreClient]:
        people = [Operator(id="me", name="On-call engineer", uid=ME, roles=roles)] if roles else []
        directory = Directory(people)
        gate = Gate(Vocabulary.base(), names=["billing", "records-db"])
        center = CommandCenter(database, gate, directory, CenterSettings(), database.clock)
        service = StoreService(
            center, database, directory, gate, database.layout, own_uid=own_uid, head_s=head_s
        )
        service.report("slack", lambda: "connected")
        service.start()
        try:
            yield StoreClient(database.layout.socket)
        finally:
            service.stop()

    return serving


def _audit(database: Database) -> list[tuple[str, str]]:
    rows = database.query("SELECT actor, action FROM audit_log ORDER BY seq").to_pylist()
    return [(row["actor"], row["action"]) for row in rows]


def _report(block: int, *, signals: tuple[Signal, ...] = ()) -> BlockFacts:
    count = MinuteCount(service=stored("billing"), template_id="t", minute=NOW, level=Level.ERROR, count=5)
    return BlockFacts(shard=0, block=block, received_at=NOW, counts=(count,), signals=signals)


def test_facts_are_applied_once_however_often_they_are_sent(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving() as client:
        assert client.send_facts([_report(1), _report(2)]) == {"new": 2, "ignored": 0, "incidents": []}
        assert client.send_facts([_report(2), _report(3)]) == {"new": 1, "ignored": 1, "incidents": []}
    assert database.query("SELECT sum(count)::BIGINT AS n FROM pattern_minute").to_pylist() == [{"n": 15}]


def test_a_signal_that_arrives_is_an_incident_that_can_be_asked_for_at_once(
    serving: Callable[..., Any],
) -> None:
    burst = Signal(
        id="s1", kind=SignalKind.ERROR_BURST, service=stored("billing"), template_id="t",
        template=stored("connection refused"), level=Level.ERROR, at=NOW, seen_at=NOW, score=0.99, threshold=0.8,
        evidence={"count": 400, "usual": 0.5, "window_s": 60},
    )  # fmt: skip
    with serving(Role.ENGINEER) as client:
        answer = client.send_facts([_report(1, signals=(burst,))])
        assert answer["incidents"] == ["INC-1"]
        rows = client.query(
            "SELECT id, service FROM incident WHERE severity <= $worst", {"worst": 4}
        ).to_pylist()
        assert rows == [{"id": "INC-1", "service": "billing"}]


def test_actions_are_carried_out_as_the_operator_of_the_unix_user(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving(Role.ENGINEER) as client:
        opened = client.perform(
            {"action": "declare", "title": "Errors in billing", "severity": 2, "service": "billing"}
        )
        assert opened["ok"], opened
        assert opened["incident"]["id"] == "INC-1"
        assert client.perform({"action": "ack", "incident": "INC-1"})["incident"]["acknowledged_by"] == "me"
        assert [each["id"] for each in client.perform({"action": "list", "which": "open"})["incidents"]] == [
            "INC-1"
        ]
        shown = client.perform({"action": "show", "incident": "INC-1"})
        assert [event["actor"] for event in shown["timeline"]] == ["me", "me"]
        change = {"action": "record_change", "service": "billing", "kind": "deploy", "version": "3.8.0"}
        assert client.perform(change)["marker"]["service"] == "billing"
        assert not client.perform({"action": "ack", "incident": "INC-9"})["ok"]
    assert {actor for actor, _ in _audit(database)} == {"me"}


def test_what_a_person_types_passes_the_gate_before_it_is_kept(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving(Role.ENGINEER) as client:
        client.perform({"action": "declare", "title": "Errors for Zorblax Quuxley", "service": "zorblaxd"})
        row = client.query("SELECT title, service FROM incident").to_pylist()[0]
    assert "Zorblax" not in row["title"]  # made-up name
    assert row["service"].startswith("svc-")


def test_a_user_nobody_mapped_may_read_the_status_and_nothing_else(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving() as client:
        assert client.healthy()
        status = client.status()
        assert status["pid"] == os.getpid()
        assert status["open_incidents"] == 0
        assert status["slack"] == "connected"
        for ask in (
            lambda: client.perform({"action": "list"}),
            lambda: client.query("FROM incident"),
            client.verify_audit,
        ):
            with pytest.raises(NotAllowed, match="unknown_person"):
                ask()
    assert _audit(database) == [(f"uid:{ME}", "refused")] * 3


def test_facts_come_from_the_service_s_own_user_alone(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving(Role.CTO, own_uid=ME + 1) as client, pytest.raises(NotAllowed, match="not_the_service"):
        client.send_facts([_report(1)])
    assert database.query("FROM applied").num_rows == 0
    assert _audit(database) == [(f"uid:{ME}", "refused")]


def test_a_missing_right_is_refused_and_recorded(database: Database, serving: Callable[..., Any]) -> None:
    with serving(Role.AUTOMATION) as client:
        with pytest.raises(NotAllowed, match="needs_read"):
            client.query("FROM incident")
        refused = client.perform({"action": "ack", "incident": "INC-1"})
        assert (refused["ok"], refused["reasons"]) == (False, ["needs_respond"])
    assert [action for _, action in _audit(database)] == ["refused", "refused"]


def test_each_question_leaves_a_trace_without_its_words(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving(Role.VIEWER) as client:
        client.query("SELECT 'zorblax' AS secret")
        with pytest.raises(QueryRefused):
            client.query("FROM inbox")
        assert client.verify_audit()["ok"]
    assert _audit(database) == [("me", "query")] * 2
    assert "zorblax" not in str(database.query("FROM audit_log").to_pylist())


def test_the_socket_belongs_to_its_owner_alone_and_goes_away(
    database: Database, serving: Callable[..., Any]
) -> None:
    path = database.layout.socket
    with serving():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_a_socket_that_nobody_serves_is_taken_over_and_a_served_one_is_not(
    database: Database, serving: Callable[..., Any], tmp_path: Path
) -> None:
    path = database.layout.socket
    bind_socket(path).close()  # as a killed process leaves it
    assert path.exists()
    with serving() as client:
        assert client.healthy()
        with pytest.raises(DatabaseBusy):
            bind_socket(path)
    with pytest.raises(BadInput, match="107 bytes"):
        bind_socket(tmp_path / ("x" * 108))


@pytest.mark.parametrize("target", ["command.sock", "nowhere", "/dev/null"])
def test_a_link_where_the_socket_belongs_is_named_and_left_alone(tmp_path: Path, target: str) -> None:
    path = tmp_path / "command.sock"
    path.symlink_to(target)
    with pytest.raises(BadInput, match=r"/command\.sock in the state directory is no socket\. Move it away"):
        bind_socket(path)
    assert path.is_symlink()


def test_nobody_answering_is_told_apart_from_no_answer_in_time(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        StoreClient(tmp_path / "nothing.sock").status()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()

        class Impatient(StoreClient):
            QUICK = 0.05

        with pytest.raises(StoreTimeout):
            Impatient(tmp_path / "silent.sock").status()
        assert not Impatient(tmp_path / "silent.sock").healthy()


def _raw(path: Path, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; returns status and body."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def _post(path: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


CROOKED = {
    "facts that are none": ("/facts", b"hello"),
    "facts of another version": ("/facts", b"MDF9" + bytes(12)),
    "an action that is not JSON": ("/perform", b"{"),
    "an action nobody knows": ("/perform", b'{"action": "explode"}'),
    "an action with a field too many": ("/perform", b'{"action": "ack", "incident": "INC-1", "zorblax": 1}'),
    "an action without its field": ("/perform", b'{"action": "ack"}'),
    "an incident that is no id": ("/perform", b'{"action": "ack", "incident": "zorblax"}'),
    "a list": ("/perform", b"[]"),
    "nested without end": ("/perform", b"[" * 60_000),
    "too long": ("/perform", b'{"action": "' + b"x" * 70_000 + b'"}'),
    "a query that is not JSON": ("/query", b"FROM incident"),
    "an empty query": ("/query", b'{"sql": ""}'),
    "parameters that are lists": ("/query", b'{"sql": "SELECT 1", "params": {"zorblax": [1]}}'),
    "no such place": ("/zorblax", b""),
}


def test_what_is_crooked_is_refused_in_a_sentence_that_quotes_nothing(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving(Role.CTO) as client:
        for what, (place, body) in CROOKED.items():
            status, answer = _raw(client.path, _post(place, body))
            fields = json.loads(answer)
            assert 400 <= status < 500, what
            assert set(fields) == {"error", "detail", "hint"}, what
            assert "zorblax" not in answer.decode(), what
        assert _raw(client.path, b"\x16\x03\x01garbage\r\n\r\n")[0] == 400
        assert client.healthy()
    assert database.query("FROM incident").num_rows == 0


def test_a_body_that_says_it_is_huge_is_cut_off(serving: Callable[..., Any]) -> None:
    head = b"POST /perform HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000000\r\n\r\n"
    with serving(Role.CTO) as client:
        status, answer = _raw(client.path, head + b"x" * 100_000)
        assert status == 400
        assert json.loads(answer)["error"] == BadPayload.code


def test_a_failure_nobody_foresaw_is_told_by_class_only(
    database: Database, serving: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def apply(self, facts: object) -> Any:
            raise ValueError("zorblax stood in a log line")

        def perform(self, action: object, actor: object, *, cause: str) -> Any:
            raise ValueError("zorblax stood in a log line")

        def refuse(self, cause: str, reason: str, who: str) -> None:
            raise AssertionError

    gate = Gate(Vocabulary.base())
    service = StoreService(Broken(), database, Directory([]), gate, database.layout)
    service.start()
    try:
        with pytest.raises(MaydayError) as caught:
            StoreClient(database.layout.socket).send_facts([_report(1)])
    finally:
        service.stop()
    assert caught.value.code == "internal"
    assert "ValueError" in str(caught.value)
    assert "zorblax" not in str(caught.value) + caplog.text


def test_a_code_that_is_not_known_here_keeps_its_name(tmp_path: Path) -> None:
    body = b'{"error": "from_the_future", "detail": "a newer rule", "hint": "Upgrade"}'
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "s.sock"))
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                head = f"HTTP/1.1 422 X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(RemoteError, match="a newer rule") as caught:
            StoreClient(tmp_path / "s.sock").status()
        answering.join()
    assert (caught.value.remote_code, caught.value.hint) == ("from_the_future", "Upgrade")


def test_many_at_once_are_all_answered(database: Database, serving: Callable[..., Any]) -> None:
    answers: list[dict[str, int]] = []
    with serving() as client:
        senders = [
            threading.Thread(target=lambda block=block: answers.append(client.send_facts([_report(block)])))
            for block in range(24)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert len(answers) == 24
    applied = sum(answer["new"] for answer in answers)
    assert database.query("SELECT coalesce(sum(count), 0)::BIGINT AS n FROM pattern_minute").to_pylist() == [
        {"n": 5 * applied}
    ]


def test_the_id_of_a_change_is_kept_as_a_token_that_is_the_same_for_the_same_id(
    database: Database, serving: Callable[..., Any]
) -> None:
    change = {"action": "record_change", "service": "billing", "kind": "deploy", "version": "3.8.0"}
    with serving(Role.ENGINEER) as client:
        for id in ("MRN-48213907-quuxly", "MRN-48213907-quuxly", "build-7"):  # made up
            assert client.perform(change | {"change_id": id})["ok"]
        with pytest.raises(BadInput, match="change_id"):
            client.perform(change | {"change_id": "two words"})
    ids = [row["id"] for row in database.query("SELECT id FROM change_marker ORDER BY id").to_pylist()]
    assert ids[0] == "build-7"
    assert len(ids) == 2
    assert ids[1].startswith("tag-")
    kept = database.read(lambda reader: reader.execute("SELECT payload FROM audit_log"))
    assert not [payload for (payload,) in kept if "48213907" in payload or "quuxly" in payload]


def test_a_client_waits_for_its_place_among_many(tmp_path: Path) -> None:
    """A full queue is a reason to wait as long as one has time, not to say that nobody is there."""
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)
        before: list[socket.socket] = []
        while True:
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            one.setblocking(False)
            try:
                one.connect(str(path))
            except BlockingIOError:
                one.close()
                break
            before.append(one)
        with pytest.raises(StoreTimeout):
            StoreClient(path).status(within=0.1)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lambda: StoreClient(path).status(within=20))
            for one in before:
                one.close()
                listener.accept()[0].close()
            served, _ = listener.accept()
            served.recv(4096)
            served.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"pid": 1}')
            assert answer.result() == {"pid": 1}
            served.close()


def test_a_head_that_does_not_come_to_its_end_is_given_up(
    database: Database, serving: Callable[..., Any]
) -> None:
    with serving(head_s=0.3), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as half:
        half.settimeout(20)
        half.connect(str(database.layout.socket))
        half.sendall(b"GET /status HT")
        assert half.recv(100) == b""


@pytest.mark.parametrize("path", ["/facts", "/perform", "/query", "/export"])
def test_a_body_that_is_not_packed_as_it_says_is_refused(
    database: Database, serving: Callable[..., Any], path: str
) -> None:
    with serving(Role.ENGINEER), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(20)
        peer.connect(str(database.layout.socket))
        peer.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk".encode()
        )
        answer = peer.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"bad_payload" in answer


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"services": []},
        {"services": [""]},
        {"services": ["billing", "  "]},
        {"services": "billing"},
        {"services": [{"name": "billing"}]},
        {"services": ["billing"] * 51},
        {"services": ["billing"], "seconds": 0},
        {"services": ["billing"], "seconds": 10**30},
        {"services": ["billing"], "ends_at": "2026-03-02T04:00:00Z"},
        {"services": ["billing"], "starts_at": "2026-03-02"},
        {"services": ["billing"], "reason": " "},
    ],
)
def test_maintenance_that_does_not_fit_is_refused_by_the_names_of_its_fields(
    serving: Callable[..., Any], wrong: dict[str, Any]
) -> None:
    with serving(Role.ENGINEER) as client:
        with pytest.raises(BadInput, match="does not fit"):
            client.perform({"action": "maintenance_add", "seconds": 600, "reason": "restart", **wrong})
        assert client.perform({"action": "maintenance_list", "which": "all"})["windows"] == []
