"""What `mayday spool export` does before the first line: see who asks and have the export written down.

The command center is asked first, and decides by its own configuration. Where none answers, this machine's
configuration decides; one that names no operators lets everybody through who may read the state directory and its
key. The note then waits for the next command center. If neither can be done, nothing is exported.
"""

from __future__ import annotations

import secrets

from bot.config import Config
from command_center.access.operators import Directory, Permission, may
from models.clock import Clock
from models.sanitizer import SafeText
from storage.client import StoreClient
from storage.errors import NotAllowed, StoreUnavailable
from storage.exports import ExportNote, keep_note
from storage.layout import Layout
from storage.seal import KeyRing
from stream.spool import spool_info


def record_export(
    config: Config, layout: Layout, ring: KeyRing, clock: Clock, uid: int, reason: SafeText | None
) -> ExportNote:
    """Write down that `uid` exports the blocks which the spool holds now; returns what was written, durably.

    Raises `NotAllowed` for somebody without the right, and `ExportNotRecorded` or `StoreTimeout` when it is not
    certain that it stands written.
    """
    found = spool_info(layout.spool)
    note = ExportNote(
        id=secrets.token_hex(16),
        uid=uid,
        at=clock(),
        first_block=found.first_seq,
        end_block=found.next_seq,
        reason=reason,
    )
    try:
        StoreClient(layout.socket).record_export(note)
    except (
        StoreUnavailable
    ):  # nobody there, or gone in the middle: entered once all the same, its id is in the note
        decision = may(Directory(config.operators).by_uid(uid), Permission.EXPORT)
        if config.operators and not decision.allowed:
            raise NotAllowed(
                f"the Unix user {uid} may not export raw lines ({decision.reasons[0]})",
                hint="Ask an operator who may, or give the configuration that names you with --config",
            ) from None
        keep_note(layout, ring, note)
    return note
