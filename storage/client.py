"""The store's client: what other processes and the command line use in place of the database.

One request per connection over the command center's Unix socket, with the standard library alone. Every call
may be repeated: facts are applied once per (shard, block), actions carry what they expect. Retrying is the
caller's decision. Raises the same `MaydayError` subclasses as a call in the owner's process would, and
`StoreUnavailable` or `StoreTimeout` when there is no answer.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pyarrow as pa

from models.errors import MaydayError
from storage.errors import BadPayload, RemoteError, StoreTimeout, StoreUnavailable
from storage.facts import BlockFacts
from storage.wire import pack

if TYPE_CHECKING:
    from storage.exports import ExportNote

ARROW = "application/vnd.apache.arrow.stream"
FACTS = "application/vnd.mayday.facts"


_TIMEVAL = struct.Struct("ll")  # seconds and microseconds, as the kernel takes them


class _UnixConnection(http.client.HTTPConnection):
    """A connection whose patience also covers getting a place among those that wait to be accepted.

    With a timeout of Python's a socket does not block, and connecting to a full queue fails at once. So it blocks while
    it connects, and the kernel keeps the time.
    """

    def __init__(self, path: Path, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path, self._patience = path, patience

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        limit = divmod(max(1, round(self._patience * 1e6)), 1_000_000)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(*limit))
        try:
            self.sock.connect(str(self._path))
        except BlockingIOError:
            raise TimeoutError from None
        self.sock.settimeout(self._patience)


class StoreClient:
    """Talks to the command center that listens on `path`. Holds no connection and may be used by many
    threads.
    """

    QUICK: ClassVar[float] = 10.0
    LONG: ClassVar[float] = 60.0

    def __init__(self, path: Path) -> None:
        self.path = path

    def send_facts(self, facts: Sequence[BlockFacts]) -> dict[str, int]:
        """Hand over reports; returns `{"new": n, "ignored": m}` once they are durable."""
        return cast("dict[str, int]", self._json("POST", "/facts", pack(facts), FACTS, self.LONG))

    def perform(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one action (see `command_center.actions`) as the operator of this Unix user."""
        return self._json("POST", "/perform", _encoded(action), "application/json", self.QUICK)

    def query(self, sql: str, params: Mapping[str, str | int | float] | None = None) -> pa.Table:
        """Run one SELECT over the published views; `params` fill `$name` in it."""
        body = _encoded({"sql": sql, "params": dict(params or {})})
        data = self._call("POST", "/query", body, "application/json", self.LONG)
        try:
            with pa.ipc.open_stream(data) as reader:
                return reader.read_all()
        except pa.ArrowException:
            raise BadPayload("the answer is not an Arrow stream", hint=BadPayload.remedy) from None

    def record_export(self, note: ExportNote) -> None:
        """Have an export entered in the audit chain, as the operator of this Unix user; it stands there on return."""
        self._json("POST", "/export", note.model_dump_json().encode(), "application/json", self.QUICK)

    def status(self, within: float = QUICK) -> dict[str, Any]:
        """Return what the command center says of itself; anybody who reaches the socket may ask. `within` is seconds."""
        return self._json("GET", "/status", None, None, within)

    def verify_audit(self) -> dict[str, Any]:
        """Check the audit chain and its anchors; see `storage.anchors.AuditReport`."""
        return self._json("POST", "/verify-audit", b"{}", "application/json", self.LONG)

    def healthy(self) -> bool:
        """Whether the command center answers and its database works."""
        try:
            self._call("GET", "/healthz", None, None, self.QUICK)
        except MaydayError:
            return False
        return True

    def _json(
        self, method: str, path: str, body: bytes | None, kind: str | None, timeout: float
    ) -> dict[str, Any]:
        try:
            answer = json.loads(self._call(method, path, body, kind, timeout))
        except ValueError:
            raise BadPayload("the answer is not JSON", hint=BadPayload.remedy) from None
        if not isinstance(answer, dict):
            raise BadPayload("the answer is not a JSON object", hint=BadPayload.remedy)
        return answer

    def _call(self, method: str, path: str, body: bytes | None, kind: str | None, timeout: float) -> bytes:
        connection = _UnixConnection(self.path, timeout)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            response = connection.getresponse()
            data = response.read()
        except TimeoutError:
            raise StoreTimeout(
                "the command center did not answer in time", hint=StoreTimeout.remedy
            ) from None
        except (OSError, http.client.HTTPException):
            raise StoreUnavailable(
                "the command center does not answer on its socket", hint=StoreUnavailable.remedy
            ) from None
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise remote_error(data)
        return data


def remote_error(body: bytes) -> MaydayError:
    """Return the error that a refusal `{"error": code, "detail": ..., "hint": ...}` stands for.

    >>> type(remote_error(b'{"error": "query_busy", "detail": "busy", "hint": ""}')).__name__
    'QueryBusy'
    """
    try:
        fields = json.loads(body)
        code, detail, hint = str(fields["error"]), str(fields["detail"]), str(fields["hint"])
    except (ValueError, TypeError, KeyError):
        return RemoteError("the command center refused", hint=RemoteError.remedy)
    known = _by_code(MaydayError, code)
    if known is None:
        return RemoteError(detail, hint=hint, remote_code=code)
    error = known(detail)
    error.hint = hint
    error.args = (f"{detail.rstrip('.')}. {hint}" if hint else detail,)
    return error


def _by_code(base: type[MaydayError], code: str) -> type[MaydayError] | None:
    """Find the error class with this code among those that are loaded, nearest to the base first."""
    waiting = [base]
    while waiting:
        kind = waiting.pop(0)
        if kind.code == code:
            return kind
        waiting.extend(kind.__subclasses__())
    return None


def _encoded(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()
