"""Exports of raw lines in the audit chain: entered at once, or at the next look where nobody was there to enter them.

Whether an export stands in the chain is asked of the chain itself, so a note that is sent twice, or whose file a
crash left behind after it was entered, is entered once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal

from command_center.access.operators import Directory
from storage.database import Database
from storage.exports import ExportNote, Waiting, forget_note, name_of, set_aside, waiting_notes
from storage.layout import Layout
from storage.seal import KeyRing
from storage.transaction import Transaction

LOG = logging.getLogger(__name__)
ACTION = "spool.export"
UNREADABLE = "spool.export_unreadable"
MOST_AT_ONCE: Final = 200  # files of one look; the rest waits for the next, a second later


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


class ExportIntake:
    """Enters the notes that wait. One per process, used by one thread at a time.

    A file that cannot be removed or set aside is said once and then left alone until the next start.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        layout: Layout,
        ring: KeyRing,
        aside: Callable[[Path], None] = set_aside,
    ) -> None:
        self._database, self._directory, self._layout, self._ring = database, directory, layout, ring
        self._aside = aside
        self._left = set[str]()
        self._listed = True

    def take_in(self) -> int:
        """Enter what waits and remove its files; returns how many entries were made. Cheap when nothing waits.

        What is no note is set aside, with an entry of its own: somebody has to look into it. Nothing that lies in the
        folder makes this fail; only a database that does not answer does.
        """
        try:
            waiting = waiting_notes(self._layout, self._ring, MOST_AT_ONCE, frozenset(self._left))
        except OSError as error:
            if self._listed:
                LOG.error("the folder exports cannot be looked through (%s)", type(error).__name__)
            self._listed = False
            return 0
        self._listed = True
        if not waiting:
            return 0
        entered = self._database.write(partial(_enter_waiting, waiting, self._directory))
        for each in waiting:
            self._tidy(each)
        return entered

    def _tidy(self, file: Waiting) -> None:
        name = name_of(file.path)
        try:
            if file.note is not None:
                forget_note(file.path)
                return
            self._aside(file.path)
        except OSError as error:
            self._left.add(file.path.name)
            LOG.error(
                "file %s in the folder exports %s and stays there, because it cannot be moved (%s)",
                name, "is no note" if file.note is None else "has been entered", type(error).__name__,
            )  # fmt: skip
            return
        LOG.error("file %s in the folder exports cannot be read as a note; it was set aside", name)


def _enter_waiting(waiting: Sequence[Waiting], directory: Directory, tx: Transaction) -> int:
    entered = 0
    for path, note in waiting:
        if note is None:
            tx.audit(UNREADABLE, "mayday", note=name_of(path))
            continue
        operator = directory.by_uid(note.uid)
        actor = f"uid:{note.uid}" if operator is None else operator.id
        entered += enter_export(tx, note, actor, "afterwards")
    return entered
