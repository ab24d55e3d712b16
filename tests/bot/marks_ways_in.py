"""Every way by which text comes into Mayday, each gone with marks: lines, what is refused, Slack, and the terminal."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import msgpack
from marks import NUMBER, Inventor, Line
from marks_places import sent_to_slack
from marks_rig import CHANNEL, KEY, WEBHOOK_TOKEN, Installation

from models.errors import MaydayError
from stream.forward_client import ClientOptions, connect, pack_message

HTTP_LINES = 40


def ship_all(place: Installation, marked: list[Line], m: Inventor, sent: threading.Semaphore) -> None:
    """Send every line: by HTTP the first ones whose records JSON can hold, the others in chunks over Forward."""
    by_http = [
        line for line in marked if not isinstance(line.record.get("log"), bytes) and not line.metadata
    ][:HTTP_LINES]
    for start in range(0, len(by_http), 8):
        lot = by_http[start : start + 8]
        for tag in dict.fromkeys(line.tag for line in lot):
            body = json.dumps([line.record for line in lot if line.tag == tag]).encode()
            named = {"X_Fluent_Tag": tag, "X_Agent_Id": m.word()}
            place.until(
                lambda body=body, named=named: place.post("/v1/ingest", body, **named) in (200, 201, 204)
            )
        sent.release()
    left = [line for line in marked if not any(line is each for each in by_http)]
    by_tag: dict[str, list[Line]] = {}
    for line in left:
        by_tag.setdefault(line.tag, []).append(line)
    for of_tag in by_tag.values():
        for start in range(0, len(of_tag), 12):
            place.ship(of_tag[start : start + 12], f"agent-{m.word()}", f"chunk-{m.word()}")
            sent.release()


def ship_rubbish(place: Installation, m: Inventor) -> None:
    """Send what cannot be used, with marks in it, everywhere where somebody listens."""
    options = ClientOptions(shared_key=KEY, self_hostname=m.word())
    for broken in (
        pack_message(m.word(), b"\x1f\x8b\x08" + m.word().encode(), 1, "c1"),
        bytes(msgpack.packb([m.word(), {m.word(): m.word()}, m.word(), {"chunk": "c2"}])),
        b"\x94\xc1" + m.word().encode(),
        f"GET /{m.word()} HTTP/1.1\r\n\r\n".encode(),
    ):
        with contextlib.closing(connect(("127.0.0.1", place.forward), options)) as connection:
            connection.sendall(broken)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                connection.recv(65_536)
    with contextlib.closing(socket.create_connection(("127.0.0.1", place.forward), 5)) as connection:
        connection.sendall(bytes(msgpack.packb(["PING", m.word(), m.word(), m.word(), m.word(), m.word()])))
        with contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.recv(65_536)
    assert place.post(f"/v1/ingest?q={m.word()}", f'{{"log": "{m.name()}'.encode(), X_Agent_Id=m.word()) in (
        200,
        201,
        204,
    )
    assert place.post(f"/{m.word()}", m.word().encode()) == 404
    assert place.post("/v1/ingest", m.word().encode(), Content_Encoding=m.word()) == 415
    assert place.post("/v1/ingest", b"\0" + m.name().encode(), Content_Type=f"x/{m.word()}") == 200
    for method, body in ((m.word().upper(), b""), ("POST", m.name().encode())):
        place.post(
            f"/v1/changes?{m.word()}",
            body,
            port=place.webhook,
            method=method,
            Authorization=f"Bearer {m.secret()}",
        )
    known = {"Authorization": f"Bearer {WEBHOOK_TOKEN}"}
    assert (
        place.post(
            "/v1/changes",
            json.dumps({m.word(): m.word(), "kind": m.word()}).encode(),
            port=place.webhook,
            **known,
        )
        == 422
    )
    change = {
        "change_id": m.secret(),
        "service": m.word(),
        "kind": "deploy",
        "version": m.word(),
        "note": m.name(),
    }
    assert place.post("/v1/changes", json.dumps(change).encode(), port=place.webhook, **known) == 201
    for path, body in (
        ("/perform", json.dumps({"action": m.word(), m.word(): m.word()}).encode()),
        ("/perform", m.word().encode()),
        ("/query", json.dumps({"sql": f"SELECT * FROM {m.word()} WHERE '{m.word()}'"}).encode()),
        ("/facts", b"MFCT" + m.word().encode() * 9),
        ("/export", json.dumps({"id": m.word(), m.word(): 1}).encode()),
        (f"/{m.word()}", b""),
    ):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(str(place.layout.socket))
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {m.word()}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            assert connection.recv(65_536).startswith(b"HTTP/1.1 4")


def talk(place: Installation, m: Inventor) -> None:
    """Type marks wherever a person can type something in Slack."""
    see = place.see
    see.say("oncall", CHANNEL, f"has anybody called {m.name()} back?")

    def typed(text: str, user: str = "oncall") -> None:
        assert see.command(user, CHANNEL, text)["ok"]

    typed(f"/incident declare sev2 {m.name()} cannot pay, MRN {m.digits(NUMBER)}")
    declared = "SELECT id FROM incident WHERE title LIKE '%cannot pay%'"
    place.until(lambda: place.ask(declared))
    first = place.ask(declared)[0]["id"]
    typed(f"/incident note {first} born {m.born()}, mail {m.word()}@{m.word()}.example")
    typed(f"/incident status {first} identified it was {m.name()} with {m.secret()}")
    typed(f"/incident sev {first} 1 {m.name()} is a patient of {m.word()}")
    typed(f"/incident show {m.word()}")
    typed(f"/incident {m.word()} {m.word()}")
    typed(f"/incident list {m.word()}")
    typed(f"/incident help {m.word()}")
    typed(f"/incident ack INC-9{m.word()}")
    typed(f"/incident declare {m.name()} was here", user="guest")
    typed("/incident list")
    typed(f"/incident show {first}")
    typed("/incident declare")
    see.wait_for_view("oncall")
    answers = {
        "title": f"cannot reach {m.name()} at {m.digits(11, '+{} ({}{}{}) {}{}{}-{}{}{}{}')}",
        "severity": "2",
    }
    see.submit(
        "oncall",
        answers
        | {"service": m.word(), "summary": f"{m.word()} lives at {m.digits(4)} {m.word().title()} Lane"},
    )
    place.until(lambda: place.ask("SELECT 1 FROM incident WHERE title LIKE '%cannot reach%'"))
    typed(f"/incident resolve {first} {m.name()} was paid back")
    place.until(lambda: place.ask(f"SELECT 1 FROM incident WHERE id = '{first}' AND status = 'resolved'"))
    see.open_home("oncall", "A0MAYDAY")
    see.wait_until(lambda: see.home("oncall", "A0MAYDAY"), what="the Home tab")
    for words in (
        "Incidents: open",
        "is resolved after",
        "Declare another incident",
        "not one of the verbs",
        "not the id of an incident",
        "does not know you",
    ):
        place.until(lambda words=words: any(words in text for _, text in sent_to_slack(place)), what=words)


def search_at_the_terminal(place: Installation, m: Inventor) -> None:
    """Ask, and type, at the terminal; several of these are refused, and say so without repeating anything."""
    incident = place.ask("SELECT id FROM incident WHERE status <> 'resolved' ORDER BY id LIMIT 1")[0]["id"]
    asked = [
        ["sql", "--json", f"SELECT * FROM incident WHERE title ILIKE '%{m.word()}%'"],
        ["sql", f"SELECT count(*) AS n FROM error_pattern WHERE template LIKE '%{m.name()}%'"],
        ["sql", f"SELECT {m.word()} FROM incident"],
        ["sql", f"SELECT '{m.word()}' FROM {m.word()} WHERE"],
        ["sql", f"SELECT CAST('{m.word()}' AS INTEGER) AS n"],
        ["sql", f"SELECT * FROM read_csv('/tmp/{m.word()}.csv')"],
        ["sql", "--csv", "FROM error_pattern"],
        ["sql", "--json", "FROM incident_event"],
        ["sql", "--json", "FROM audit_log"],
        ["sql", "--json", "FROM signal"],
        ["sql", "--question", m.word()],
        ["spool", "info", "--json"],
        ["status", "--json"],
        ["audit", "verify"],
        ["incident", "declare", "sev3", m.name(), "cannot", "log", "in"],
        ["incident", "note", incident, "call", m.name()],
        ["incident", "show", incident],
        ["incident", "show", m.word()],
        ["incident", "list"],
        ["change", "record", "--service", m.word(), "--kind", "flag", "--version", m.word(), "--note", m.name(), "--id", m.secret()],
    ]  # fmt: skip
    for words in asked:
        place.mayday(*words)
    with contextlib.suppress(MaydayError):
        place.store.query(f"SELECT $who AS {m.word()}", {"who": m.name(), m.word(): 1})
