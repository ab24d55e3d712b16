"""Exports of raw lines in the audit chain: entered at once, or at the next look where nobody was there to enter them.

Whether an export stands in the chain is asked of the chain itself, so a note that is sent twice, or whose file a
crash left behind after it was entered, is entered once.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Literal

from command_center.access.operators import Directory
from command_center.incidents.journal import as_id
from storage.database import Database
from storage.exports import ExportNote, forget_note, set_aside, waiting_notes
from storage.layout import Layout
from storage.seal import KeyRing
from storage.transaction import Transaction

LOG = logging.getLogger(__name__)
ACTION = "spool.export"
UNREADABLE = "spool.export_unreadable"


def enter_export(
    tx: Transaction, note: ExportNote, actor: str, recorded: Literal["before", "afterwards"]
) -> bool:
    """Append the entry of one export; False when it stands there already.

    `recorded` says whether the chain knew before the first line was printed, or learnt it from a note.
    """
    known = tx.execute(
        """SELECT 1 FROM audit_log WHERE json_extract_string(payload, '$.action') = ?
             AND json_extract_string(payload, '$.data.export') = ?""",
        [ACTION, note.id],
    )
    if known:
        return False
    tx.audit(
        ACTION,
        actor,
        export=note.id,
        uid=note.uid,
        exported_at=note.at,
        first_block=note.first_block,
        end_block=note.end_block,
        blocks=note.end_block - note.first_block,
        reason=note.reason,
        recorded=recorded,
    )
    return True


def take_in(database: Database, directory: Directory, layout: Layout, ring: KeyRing) -> int:
    """Enter what waits and remove its files; returns how many entries were made. Cheap when nothing waits.

    A file that does not open is set aside, with an entry of its own: somebody has to look into it.
    """
    entered = 0
    for path, note in waiting_notes(layout, ring):
        entered += database.write(partial(_enter_waiting, path, note, directory))
        if note is None:
            LOG.error("a note of an export cannot be read; it was set aside in the folder exports")
            set_aside(path)
        else:
            forget_note(path)
    return entered


def _enter_waiting(path: Path, note: ExportNote | None, directory: Directory, tx: Transaction) -> bool:
    if note is None:
        tx.audit(UNREADABLE, "mayday", note=as_id(path.stem))
        return False
    operator = directory.by_uid(note.uid)
    return enter_export(tx, note, f"uid:{note.uid}" if operator is None else operator.id, "afterwards")
