"""The command center's Unix socket: facts in, actions and questions from people, status.

The socket is bound here with mode 0600; whoever connects is known by the kernel's peer credentials and mapped
to an operator by Unix user id. Facts are taken from the service's own user only. An unmapped user, root
included, may read the status and nothing else. Bodies are bounded, and every refusal is JSON `{"error": code,
"detail", "hint"}`; what was refused to a person stands in the audit chain.

| request | body | answer |
|---|---|---|
| `POST /facts` | see `storage.wire` | `{"new", "ignored", "incidents"}` |
| `POST /perform` | one action as JSON, see `command_center.actions` | `{"ok", "message", "reasons", "incident", ...}` |
| `POST /query` | `{"sql", "params"}` | Arrow IPC stream |
| `POST /export` | a note, see `storage.exports` | `{"entered"}` |
| `POST /verify-audit` | - | the audit report |
| `GET /status`, `GET /healthz` | - | figures; 200 or 503 |
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
import stat
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from aiohttp import web

from command_center.access.operators import Directory, Operator, Permission, may
from command_center.actions import Action
from command_center.exports import enter_export
from command_center.messages import (
    SMALL,
    arrow_bytes,
    outcome_json,
    read_action,
    read_body,
    read_note,
    read_query,
)
from command_center.outcome import Outcome
from command_center.status import CommandStatus
from models.errors import BadInput, Guarded, MaydayError
from storage.client import ARROW
from storage.database import Database
from storage.errors import (
    BadPayload,
    DatabaseBusy,
    DatabaseClosed,
    NotAllowed,
    QueryBusy,
    StateUnusable,
)
from storage.facts import Applied, BlockFacts
from storage.layout import LONGEST_PATH, Layout
from storage.wire import MAX_BYTES, Admission, unpack

T = TypeVar("T")
HEAD_S: Final = 10.0  # so is a connection on which no whole head arrives for so long
QUERIES_S: Final = 2.0  # that ad-hoc queries have for noticing that they were interrupted
BACKLOG: Final = 1024  # connections that may wait to be accepted; those beyond wait in their clients
_PEER = struct.Struct("3i")  # pid, uid, gid
_log = logging.getLogger(__name__)


class Center(Protocol):
    """What the socket needs of the command center."""

    def apply(self, facts: Sequence[BlockFacts]) -> Applied: ...
    def perform(self, action: Action, actor: Operator | None, *, cause: str) -> Outcome: ...
    def refuse(self, cause: str, reason: str, who: str) -> None: ...


class StoreService:
    """Serves the socket from a thread of its own between `start` and `stop`."""

    def __init__(
        self,
        center: Center,
        database: Database,
        directory: Directory,
        gate: Admission,
        layout: Layout,
        *,
        own_uid: int | None = None,
        head_s: float = HEAD_S,
    ) -> None:
        self._center, self._database, self._directory = center, database, directory
        self._gate, self._layout, self._head_s = gate, layout, head_s
        self._own_uid = os.getuid() if own_uid is None else own_uid
        self._started_at: datetime = database.clock()
        self._reports: dict[str, Callable[[], object]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._ending = False  # ad-hoc queries are taken no more
        self._given_up: asyncio.Event | None = None  # set once a query that runs cannot be stopped
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="mayday-socket")

    def report(self, name: str, value: Callable[[], object]) -> None:
        """Add a figure of `CommandStatus` to the status: `value()` is asked each time and has to be quick."""
        self._reports[name] = value

    def start(self) -> None:
        """Bind the socket and serve; returns when it accepts. Raises `DatabaseBusy` when another one
        answers."""
        bound = bind_socket(self._layout.socket)
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(bound, ready)), name="mayday-socket", daemon=True
        )
        self._thread.start()
        ready.result()

    def stop(self) -> bool:
        """Finish what is being answered, close the socket and remove it; ad-hoc queries are interrupted.

        False if a query could not be stopped: its thread goes on, and whoever ends the process may not wait for it.
        """
        if self._thread is None or self._loop is None or self._end is None:
            return True
        self._ending = True
        ended = self._database.end_queries(QUERIES_S)
        if not ended and self._given_up is not None:
            self._loop.call_soon_threadsafe(self._given_up.set)
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._thread = None
        self._pool.shutdown(wait=ended)
        self._layout.socket.unlink(missing_ok=True)
        return ended

    async def _serve(self, bound: socket.socket, ready: Future[None]) -> None:
        self._loop, self._end, self._given_up = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        runner = web.AppRunner(
            self.application(),
            access_log=None,
            shutdown_timeout=5.0,
            lingering_time=1.0,
            keepalive_timeout=self._head_s,
        )
        try:
            await runner.setup()
            await web.SockSite(runner, bound, backlog=BACKLOG).start()
        except OSError as error:
            ready.set_exception(Guarded.from_foreign(error, doing="serving the socket"))
            return
        ready.set_result(None)
        await self._end.wait()
        # Accept no more, then let what was accepted a moment ago attach itself: asyncio forgets a connection
        # whose server closes in between.
        self._loop.remove_reader(bound)
        for _ in range(5):
            await asyncio.sleep(0)
        await runner.cleanup()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(middlewares=[_refusals], client_max_size=MAX_BYTES)
        app.router.add_post("/facts", self._facts)
        app.router.add_post("/perform", self._perform)
        app.router.add_post("/query", self._query)
        app.router.add_post("/export", self._export)
        app.router.add_post("/verify-audit", self._verify_audit)
        app.router.add_get("/status", self._status)
        app.router.add_get("/healthz", self._healthz)
        return app

    async def _facts(self, request: web.Request) -> web.Response:
        uid = peer_uid(request)
        if uid != self._own_uid:
            await self._refuse("facts", "not_the_service", uid)
        body = await read_body(request, MAX_BYTES)

        def apply() -> Applied:
            return self._center.apply(unpack(body, self._gate))

        applied = await self._aside(apply)
        return web.json_response(
            {"new": applied.new, "ignored": applied.ignored, "incidents": list(applied.incidents)}
        )

    async def _perform(self, request: web.Request) -> web.Response:
        operator = await self._operator(request, "perform")
        action = read_action(await read_body(request, SMALL), self._gate)
        outcome = await self._aside(lambda: self._center.perform(action, operator, cause="cli"))
        names = {known.id: known.name for known in self._directory.operators}
        return web.json_response(outcome_json(outcome, names))

    async def _query(self, request: web.Request) -> web.Response:
        operator = await self._operator(request, "query")
        decision = may(operator, Permission.READ)
        if not decision.allowed:
            await self._refuse("query", decision.reasons[0], peer_uid(request))
        query = read_query(await read_body(request, SMALL))

        if self._ending:
            raise DatabaseClosed("the command center is ending", hint=DatabaseClosed.remedy)

        def ask() -> bytes:
            # Who asked is recorded; what was asked only as a hash, because people type names into queries.
            digest = hashlib.sha256(query.sql.encode("utf-8", "surrogatepass")).hexdigest()
            self._database.write(lambda tx: tx.audit("query", operator.id, sql_sha256=digest))
            return arrow_bytes(self._database.query(query.sql, query.params))

        return web.Response(body=await self._unless_given_up(ask), content_type=ARROW)

    async def _export(self, request: web.Request) -> web.Response:
        """Enter an export in the chain; who asks is known by the kernel, whatever the note says."""
        operator = await self._operator(request, "export")
        decision = may(operator, Permission.EXPORT)
        if not decision.allowed:
            await self._refuse("export", decision.reasons[0], peer_uid(request))
        note = read_note(await read_body(request, SMALL), self._gate)
        note = note.model_copy(update={"uid": peer_uid(request)})
        entered = await self._aside(
            lambda: self._database.write(lambda tx: enter_export(tx, note, operator.id, "before"))
        )
        return web.json_response({"entered": entered})

    async def _verify_audit(self, request: web.Request) -> web.Response:
        operator = await self._operator(request, "verify-audit")
        decision = may(operator, Permission.READ)
        if not decision.allowed:
            await self._refuse("verify-audit", decision.reasons[0], peer_uid(request))
        report = await self._aside(self._database.verify_audit)
        return web.json_response(report._asdict())

    async def _status(self, request: web.Request) -> web.Response:
        def gather() -> dict[str, Any]:
            status = CommandStatus.model_validate(
                {
                    "pid": os.getpid(),
                    "started_at": self._started_at,
                    **self._database.status(),
                    **{name: value() for name, value in self._reports.items()},
                }
            )
            return status.model_dump(mode="json", exclude_none=True)

        return web.json_response(await self._aside(gather))

    async def _healthz(self, request: web.Request) -> web.Response:
        if await self._aside(lambda: self._database.healthy):
            return web.json_response({"ok": True})
        raise DatabaseClosed("the database does not answer", hint=DatabaseClosed.remedy)

    async def _operator(self, request: web.Request, cause: str) -> Operator:
        """Return who is asking, or refuse."""
        uid = peer_uid(request)
        operator = self._directory.by_uid(uid)
        if operator is None:
            await self._refuse(cause, "unknown_person", uid)
        assert operator is not None
        return operator

    async def _refuse(self, cause: str, reason: str, uid: int) -> None:
        """Record a refusal and raise it."""
        await self._aside(lambda: self._center.refuse(f"socket:{cause}", reason, f"uid:{uid}"))
        raise NotAllowed(f"the Unix user {uid} may not do that ({reason})", hint=NotAllowed.remedy)

    async def _unless_given_up(self, work: Callable[[], T]) -> T:
        """Run blocking work on the pool, and answer without it when it cannot be stopped and the process ends."""
        if self._given_up is None:
            return await self._aside(work)
        given_up = asyncio.ensure_future(self._given_up.wait())
        result = asyncio.ensure_future(self._aside(work))
        try:
            await asyncio.wait({given_up, result}, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise DatabaseClosed("the command center is ending", hint=DatabaseClosed.remedy)
            return await result
        finally:
            given_up.cancel()

    async def _aside(self, work: Callable[[], T]) -> T:
        """Run blocking work on the pool, so that the socket goes on answering."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def bind_socket(path: Path) -> socket.socket:
    """Bind a listening Unix socket with mode 0600, taking the place of one that nobody serves any more."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise BadInput(
            f"the socket's path is longer than {LONGEST_PATH} bytes", hint="Choose a shorter state directory"
        )
    if os.path.lexists(path):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StateUnusable(
                f"{path.parent.name}/{path.name} in the state directory is no socket",
                hint="Move it away, or choose another state directory with --state",
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
            else:
                raise DatabaseBusy("another command center answers on the socket", hint=DatabaseBusy.remedy)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the socket never exists with wider rights, not even for a moment
    try:
        bound.bind(str(path))
    except OSError as error:
        bound.close()
        raise Guarded.from_foreign(error, doing="binding the socket") from None
    finally:
        os.umask(before)
    return bound


def peer_uid(request: web.Request) -> int:
    """Return the Unix user id of the process at the other end, as the kernel says."""
    transport = request.transport
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None:
        raise NotAllowed("the connection has ended", hint="Connect again")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return int(_PEER.unpack(credentials)[1])


_STATUS: Mapping[type[MaydayError], int] = {
    NotAllowed: 403,
    BadInput: 400,
    BadPayload: 400,
    QueryBusy: 503,
    DatabaseClosed: 503,
    Guarded: 500,
}


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every failure into JSON; of a foreign one only the class is told, because its text may quote
    data."""
    try:
        return await handler(request)
    except MaydayError as error:
        return _refusal(error, _STATUS.get(type(error), 422))
    except web.HTTPException as error:
        return _refusal(BadPayload("there is no such request", hint=BadPayload.remedy), error.status)
    except Exception as error:  # noqa: BLE001 - the edge of the process: answered, logged by class, never quoted
        guarded = Guarded.from_foreign(error, doing="answering a request")
        _log.error("a request failed: %s", guarded)  # no traceback: it would quote data
        return _refusal(guarded, 500)


def _refusal(error: MaydayError, status: int) -> web.Response:
    return web.json_response({"error": error.code, "detail": error.detail, "hint": error.hint}, status=status)
