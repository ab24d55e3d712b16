"""Nothing private leaves: 200 marked lines, and what people type, through the whole of Mayday, a search and crashes.

The three real processes run under the real supervisor, with a bot that talks to the local workspace. Lines come over the
real receivers (Forward with a shared key, HTTP), people type in Slack, at the terminal and into the webhook; every process
is killed with data in flight. Then bytes are searched (`mark_search`): everything Mayday ever sent to Slack, the live copy
and the database as read with their keys, and every file of the state directory, the temporary, home and working
directories, as they stand while running, after a kill, and after the end, and what the commands printed.

Two places may hold what was typed or sent, and no other. What a person types in Slack is Slack's: it stands in the
deliveries that Slack made and in the state of the form that the person filled in, which are not looked at; what Mayday
answers, posts, updates and opens is. And `mayday spool export` prints raw lines on purpose: there every mark has to be found,
which shows that the marks came in, were kept, and can be found. The marks are invented (`marks`).
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgpack
import pytest
import tomli_w
from mark_search import Found, MarkSearch
from marks import NUMBER, Inventor, Line, lines

from bot.cli.main import run
from bot.demo import tokens_of
from bot.settings import SupervisorSettings
from bot.slack.manifest import manifest
from bot.slack.tokens import Tokens, keep_tokens
from bot.supervisor import Supervisor, mayday_commands
from bot.workspace.client import WorkspaceClient
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from examples.clinic.clinic import free_ports
from models.clock import system_clock
from models.errors import MaydayError
from storage.client import StoreClient
from storage.database import Database
from storage.layout import Layout
from storage.publish import attach_lines
from storage.seal import KeyRing
from stream.forward_client import ClientOptions, chunk_id, connect, pack_event, pack_message
from stream.spool import Entry, Kind, SpoolSettings, SpoolWriter, spool_info

SEED = 20_260_302
EACH = 10  # lines of each of the twenty kinds
CHANNEL = "#incidents"
NAMES = ("receive", "stream", "command")
KEY, WEBHOOK_TOKEN = "a shared key of the test", "a webhook token of the test"
HTTP_LINES = 40

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(180)]


class Installation:
    """The three processes below one directory, with a workspace; everything ends with `stop`."""

    def __init__(self, root: Path) -> None:
        self.root, self.layout = root, Layout(root / "state").prepare()
        self.ring = KeyRing.load(self.layout, create=True, environ={})
        for name in ("tmp", "home", "cwd"):
            (root / name).mkdir()
        self.workspace = WorkspaceServer(
            WorkspaceSettings(port=0), system_clock, random.Random(SEED), manifest=manifest()
        )
        self.workspace.start()
        self.see = WorkspaceClient(self.workspace.url)
        self.forward, self.http, self.webhook = free_ports(3)
        self.config = self.layout.root / "mayday.toml"
        self.config.write_text(tomli_w.dumps(self._settings()), "utf-8")
        keep_tokens(self.layout.tokens, Tokens.model_validate(tokens_of(self.workspace)))
        self.reports: list[str] = []
        environment = os.environ | {
            "TMPDIR": str(root / "tmp"), "HOME": str(root / "home"), "MARKS_KEY": KEY, "PYTHONWARNINGS": "default",
        }  # fmt: skip
        self.supervisor = Supervisor(
            self.layout,
            SupervisorSettings(restart_after=0.05, healthy_after=1),
            mayday_commands(["--config", str(self.config), "--state", str(self.layout.root)]),
            self.reports.append,
            environment=environment,
        )
        self.store = StoreClient(self.layout.socket)
        self._stop, self._watching = threading.Event(), threading.Lock()
        self._watch = threading.Thread(target=self._look_after)

    def _settings(self) -> dict[str, Any]:
        token = hashlib.sha256(WEBHOOK_TOKEN.encode()).hexdigest()
        return {
            "state": {"directory": str(self.layout.root)},
            "services": ["billing"],
            "receive": {
                "forward": f"127.0.0.1:{self.forward}", "http": f"127.0.0.1:{self.http}", "otlp": "off",
                "shared_key": "env:MARKS_KEY",
            },
            "stream": {"epoch_seconds": 0.5, "detectors": {"novelty_minutes": 0}},
            "center": {"webhook": {"listen": f"127.0.0.1:{self.webhook}", "tokens": {"pipeline": token}}},
            "slack": {
                "base_url": f"{self.workspace.url}/api/", "channel": CHANNEL[1:], "update_interval": 0.1,
                "unknown_grace": 0.5, "retry_first": 0.1, "retry_most": 0.5,
            },
            "operators": [
                {"id": "oncall", "name": "On-call engineer", "slack": "U0ONCALL", "uid": os.getuid(), "roles": ["engineer"]},
                {"id": "lead", "name": "Technical lead", "slack": "U0LEAD", "roles": ["technical_lead"]},
                {"id": "pipeline", "name": "Pipeline", "roles": ["automation"]},
            ],
        }  # fmt: skip

    def start(self) -> None:
        self.supervisor.start()
        self._watch.start()
        self.until(self.up)

    def end_processes(self) -> None:
        """Stop the three processes as `mayday up` does; may be called again."""
        self._stop.set()
        if self._watch.is_alive():
            self._watch.join()
        self.supervisor.stop()

    def stop(self) -> None:
        self.end_processes()
        self.workspace.stop()

    def _look_after(self) -> None:
        while not self._stop.wait(0.02):
            with self._watching:
                self.supervisor.check()

    @contextlib.contextmanager
    def nothing_restarts(self) -> Iterator[None]:
        """Leave what dies as it lies, for as long as this lasts."""
        with self._watching:
            yield

    def up(self) -> bool:
        try:
            return self.store.status().get("slack") == "connected" and len(self.supervisor.pids) == len(NAMES)
        except MaydayError:
            return False  # still starting

    def until(
        self, holds: Callable[[], object], seconds: float = 60, what: str = "what was waited for"
    ) -> None:
        """Wait for what other processes do; it is looked for every 50 ms."""
        waiting, deadline = threading.Event(), time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"{what} did not happen"
            waiting.wait(0.05)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Ask the command center; nothing while it is away."""
        try:
            rows: list[dict[str, Any]] = self.store.query(sql).to_pylist()
        except MaydayError:
            return []
        return rows

    def mayday(self, *words: str) -> int:
        return run([*words, "--config", str(self.config)])

    def kill(self, name: str, how: signal.Signals) -> None:
        """Kill one process and see that it can leave no memory on the disk."""
        pid = self.supervisor.pids[name]
        limits = Path(f"/proc/{pid}/limits").read_text("ascii")
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [
            ["0", "0"]
        ]
        os.kill(pid, how)

    def ended(self, *names: str) -> None:
        """Wait until these have died."""
        for name in names:
            process = self.supervisor.children[name].process
            assert process is not None
            process.wait(30)

    def ship(self, records: list[Line], agent: str, chunk: str | None = None) -> None:
        """Send one message over Forward, again and again with the same id until it is acknowledged."""
        packed = b"".join(pack_event(time.time_ns(), line.record, line.metadata) for line in records)
        id = chunk or chunk_id(packed)
        message = pack_message(records[0].tag, packed, len(records), id, compress=len(packed) % 2 == 0)
        options = ClientOptions(shared_key=KEY, self_hostname=agent, answer_seconds=10)

        def acknowledged() -> bool:
            try:
                with contextlib.closing(connect(("127.0.0.1", self.forward), options)) as connection:
                    connection.sendall(message)
                    return bool(msgpack.unpackb(connection.recv(65_536)) == {"ack": id})
            except (OSError, ValueError, msgpack.UnpackException):
                return False  # killed in the middle, or not there yet

        self.until(acknowledged)

    def post(self, path: str, body: bytes, *, port: int = 0, method: str = "POST", **headers: str) -> int:
        """Send one HTTP request; returns the status, 0 when the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Content-Type": "application/json"} | named)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


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


def sent_to_slack(place: Installation) -> Iterator[tuple[str, str]]:
    """Yield all that Mayday ever sent to Slack: calls, answers to deliveries, messages, views."""
    entries = place.see.record()
    assert len(entries) < place.workspace.settings.record_limit
    for entry in entries:
        said = entry["answer"] if entry["kind"] == "delivery" else entry["request"]
        yield f"{entry['kind']} {entry['number']} {entry['name']}", json.dumps(said, ensure_ascii=False)
    people = place.see.state()["people"]
    for person in people:
        for channel in place.see.state(person["id"])["channels"]:
            for message in place.see.messages(channel["id"], person["id"]):
                if message.get("bot_id"):
                    yield f"message in {channel['id']}", json.dumps(message, ensure_ascii=False)
        if home := place.see.home(person["id"], "A0MAYDAY"):
            yield "a Home tab", json.dumps(home, ensure_ascii=False)


def rows_of(table: str, rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, str | bytes]]:
    for row in rows:
        for value in row:
            yield table, value if isinstance(value, bytes) else str(value)


def in_the_live_copy(layout: Layout, ring: KeyRing) -> Iterator[tuple[str, str | bytes]]:
    """Yield every value of the live copy and of its segments, as any DuckDB client reads them with the keys."""
    connection = duckdb.connect()
    try:
        for line in attach_lines(layout, ring).splitlines():
            connection.execute(line)
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'mayday' "
            "UNION SELECT view_name FROM duckdb_views() WHERE database_name = 'mayday' AND NOT internal"
        ).fetchall()
        assert {("incident",), ("error_pattern",), ("error_event",), ("audit_log",)} <= set(names)
        for (table,) in names:
            yield from rows_of(f"live {table}", connection.execute(f'FROM mayday.main."{table}"').fetchall())
    finally:
        connection.close()


def in_the_database(database: Database) -> Iterator[tuple[str, str | bytes]]:
    """Yield every value of every table of the database, samples and the inbox included."""
    tables = database.read(
        lambda reader: reader.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'ops'")
    )
    filled = set[str]()
    for (table,) in tables:
        rows = database.read(lambda reader, table=table: reader.execute(f'SELECT * FROM ops.main."{table}"'))
        if rows:
            filled.add(table)
        yield from rows_of(f"database {table}", rows)
    assert filled >= {
        "incident", "incident_event", "error_pattern", "signal", "inbox", "slack_message", "audit_log",
        "change_marker", "applied", "seen",
    }  # fmt: skip


def held_open(pids: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    """Yield the contents of files that were deleted and that a process still holds open."""
    for name, pid in pids.items():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link).endswith("(deleted)") and link.is_file():
                    yield f"deleted file of {name}", link.read_bytes()


def summary(leaks: list[Found]) -> str:
    """One line per mark and form, with where it was found."""
    where: dict[tuple[str, str], dict[str, None]] = {}
    for leak in leaks:
        where.setdefault((leak.text, leak.form), {})[leak.place] = None
    return "\n".join(f"{text!r} as {form} in {', '.join(places)}" for (text, form), places in where.items())


def every_place(search: MarkSearch, found: Iterator[tuple[str, str | bytes]]) -> list[Found]:
    return [
        hit
        for place, value in found
        for hit in (search.data(value, place) if isinstance(value, bytes) else search.text(value, place))
    ]


@pytest.mark.parametrize("how", ["in_the_stream", "in_the_main_thread", "in_another_thread", "by_abort"])
def test_a_process_that_dies_of_an_error_says_nothing_of_what_it_held(tmp_path: Path, how: str) -> None:
    """As a fault of our own would do it: the text of the error, its notes and its causes carry a mark."""
    m = Inventor(random.Random(how))
    mark = m.name()
    layout = Layout(tmp_path / "state").prepare()
    ring = KeyRing.load(layout, create=True, environ={})
    with SpoolWriter.open(layout.spool, ring, SpoolSettings(), system_clock) as writer:
        raw = pack_message("app", pack_event(time.time_ns(), {"log": f"ERROR {mark} is gone"}), 1, None)
        writer.append(Entry(Kind.FORWARD, time.time_ns(), "agent", "", "app", None, {}, raw)).result(10)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "cwd").mkdir()
    child = subprocess.run(
        [sys.executable, Path(__file__).with_name("marks_child.py"), how, str(layout.root)],
        input=mark, text=True, capture_output=True, timeout=60, check=False,
        cwd=tmp_path / "cwd", env=os.environ | {"TMPDIR": str(tmp_path / "tmp"), "PYTHONWARNINGS": "default"},
    )  # fmt: skip
    assert child.returncode == (-signal.SIGABRT if how == "by_abort" else 1)
    search = MarkSearch(m.texts)
    found, size = search.files(tmp_path)
    assert size > 0
    leaks = found + search.text(child.stdout + child.stderr, "what it printed")
    assert not leaks, summary(leaks)
    if how != "by_abort":  # it is said that it died, of what, and where
        said = "".join(path.read_text() for path in layout.logs.iterdir()) + child.stderr
        assert "Careless" in said
        assert "marks_child.py" in said


def test_no_mark_is_found_anywhere_after_ingest_talk_search_and_crashes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    m = Inventor(random.Random(SEED))
    marked = lines(m, EACH)
    in_lines = list(m.used)
    assert len(marked) == 200
    place = Installation(tmp_path)
    monkeypatch.chdir(tmp_path / "cwd")
    leaks: list[Found] = []
    try:
        assert (
            place.mayday("spool", "export", "--reason", f"asked for by {m.name()}") == 0
        )  # nobody is there to record it
        place.start()
        sent, shipped = threading.Semaphore(0), threading.Event()

        def ship() -> None:
            ship_all(place, marked, m, sent)
            shipped.set()

        shipping = threading.Thread(target=ship)
        shipping.start()
        for name in NAMES:  # each dies while the next message is on its way
            assert sent.acquire(timeout=60)
            place.until(lambda name=name: name in place.supervisor.pids)
            place.kill(name, signal.SIGKILL)
        shipping.join(90)
        assert shipped.is_set()
        place.until(place.up)
        ship_rubbish(place, m)
        counted = "SELECT coalesce(sum(count), 0)::BIGINT AS n FROM pattern_minute"
        place.until(lambda: [row["n"] for row in place.ask(counted)] == [len(marked)])
        place.until(lambda: place.ask("SELECT 1 FROM signal WHERE kind = 'error_burst'"))
        talk(place, m)
        search_at_the_terminal(place, m)
        place.until(lambda: place.store.status().get("cards_behind") == 0)

        search = MarkSearch(m.texts)
        with place.nothing_restarts():
            leaks += every_place(search, held_open(place.supervisor.pids))
            place.kill("command", signal.SIGABRT)  # would dump core if it could
            place.kill("stream", signal.SIGSEGV)
            place.ended("command", "stream")
            leaks += search.files(tmp_path)[0]
        place.until(place.up)
        told = capfd.readouterr()
        assert place.mayday("spool", "export") == 0
        exported = capfd.readouterr().out
        place.until(lambda: place.store.status().get("cards_behind") == 0)
        leaks += search.text(told.out + told.err, "what commands printed")
        place.end_processes()
        said = list(sent_to_slack(place))
        leaks += every_place(search, iter(said))
    finally:
        place.stop()
    leaks += search.text("\n".join(place.reports), "what the supervisor said")

    database = Database.open(place.layout, place.ring, system_clock)
    try:
        database.segments.flush(system_clock(), everything=True)
        database.publish()
        leaks += every_place(search, in_the_database(database))
        leaks += every_place(search, in_the_live_copy(place.layout, place.ring))
        assert database.verify_audit().ok
        audit = [
            json.loads(row[0])
            for row in database.read(lambda reader: reader.execute("SELECT payload FROM audit_log"))
        ]
        incidents = database.query("SELECT title FROM incident").to_pylist()
    finally:
        database.close()
    found, size = search.files(tmp_path)
    leaks += found
    assert not leaks, summary(leaks)

    # And that this means something: all went through, and the same search finds every mark where it has to stand.
    assert [e["data"]["recorded"] for e in audit if e["action"] == "spool.export"] == ["afterwards", "before"]
    assert sum((spool_info(place.layout.spool, place.ring).quarantined or {}).values()) >= 2
    assert len(said) > 50
    assert any("&lt;PHONE&gt;" in text for _, text in said)
    assert len(incidents) >= 4
    assert any("<" in row["title"] for row in incidents)
    assert any(place.layout.segments.rglob("*.parquet"))
    assert size > 1_000_000
    assert {each.text for each in search.data(exported.encode(), "export")} >= set(in_lines)
    planted = tmp_path / "planted"
    planted.mkdir()
    shutil.copy(place.layout.live, planted / "live.duckdb")
    with (planted / "live.duckdb").open("r+b") as file:
        file.seek(4096)
        file.write(in_lines[0].upper().encode("utf-16-le"))
    assert {each.text for each in search.files(planted)[0]} == {in_lines[0]}
