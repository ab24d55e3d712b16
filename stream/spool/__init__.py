"""The spool: what was acknowledged stands here, sealed and synced, until the stream has consumed it.

`SpoolWriter` takes entries and says when they are on the disk; `SpoolReader` gives blocks back in any
process, from any position. Formats: `entry`, `frame`, `segment`. What is published between processes:
`committed`, `consumed`.
"""

from __future__ import annotations

from stream.spool.consumed import mark_consumed, read_consumed
from stream.spool.damage import Ledger, Lost, read_damage, record_damage
from stream.spool.entry import Block, Bookmark, Damage, Entry, Kind, Position, Stored
from stream.spool.errors import (
    PositionUnknown,
    SpoolClosed,
    SpoolError,
    SpoolFull,
    SpoolLocked,
    SpoolReplaced,
)
from stream.spool.info import SpoolInfo, noted, spool_info
from stream.spool.quarantine import Quarantine, Quarantined, read_quarantine
from stream.spool.reader import SpoolReader
from stream.spool.room import NoRoom, Room
from stream.spool.settings import SpoolSettings
from stream.spool.writer import SpoolWriter

__all__ = [
    "Block",
    "Bookmark",
    "Damage",
    "Entry",
    "Kind",
    "Ledger",
    "Lost",
    "NoRoom",
    "Position",
    "PositionUnknown",
    "Quarantine",
    "Quarantined",
    "Room",
    "SpoolClosed",
    "SpoolError",
    "SpoolFull",
    "SpoolInfo",
    "SpoolLocked",
    "SpoolReader",
    "SpoolReplaced",
    "SpoolSettings",
    "SpoolWriter",
    "Stored",
    "mark_consumed",
    "noted",
    "read_consumed",
    "read_damage",
    "read_quarantine",
    "record_damage",
    "spool_info",
]
