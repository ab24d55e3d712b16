"""What decoding yields. Text may hold lone surrogates (bytes that were not UTF-8) and stays raw until the gate."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from models.errors import MaydayError

TRUNCATED = "truncated"  # the record was larger than the limit and was cut
RECEIVE_TIME = "receive_time"  # the record carried no time of its own


class LogRecord(NamedTuple):
    """One log record as sent.

    `ts_sec`, `ts_nsec`: event time since 1970 in UTC. `metadata`: what the agent keeps beside the record. `group`:
    `{"metadata", "attributes"}` of the group that the record stood in (resource and scope), or None. `flags`: words
    of this module, for example `TRUNCATED`.
    """

    ts_sec: int
    ts_nsec: int
    metadata: dict[str, Any]
    group: dict[str, Any] | None
    record: dict[str, Any]
    flags: tuple[str, ...] = ()


class Decoded(NamedTuple):
    """What one entry holds.

    `quarantine` is a reason (a code, never data) when all or part of the entry could not be decoded: the raw entry is
    to be kept aside. `records` are those that could. `ignored_signals` counts messages that carry metrics or traces.
    """

    records: list[LogRecord]
    quarantine: str | None = None
    ignored_signals: int = 0


class Undecodable(MaydayError):
    """The entry, or one piece of it, does not decode; `detail` is the reason under which it is kept aside."""

    code: ClassVar[str] = "undecodable"
    meaning: ClassVar[str] = "A message was received whole, but what it carries is not what its framing says."
    remedy: ClassVar[str] = (
        "It is kept sealed in quarantine; `mayday spool info` counts it by reason. Check the agent's output format."
    )
