"""The writer's side of `damage`: what it finds goes into the file, what stands there is said and its keys are forgotten."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from stream.spool.damage import Lost, forget_damage, path_of, read_damage, record_damage
from stream.spool.dedupe import BUCKET_NS, HOUR_NS, DedupeIndex
from stream.spool.disk import name_of
from stream.spool.entry import Damage
from stream.spool.files import FileOperations

LOG = logging.getLogger(__name__)


class DamageWatch:
    """Used by the writer's thread; `damage` is all that is known. Keys are touched with `guard` held alone."""

    def __init__(
        self,
        directory: Path,
        keys: DedupeIndex,
        dedupe_hours: float,
        guard: contextlib.AbstractContextManager[object],
    ) -> None:
        self._directory, self._keys, self._guard = directory, keys, guard
        self._kept_ns = int(dedupe_hours * HOUR_NS) + BUCKET_NS  # no key is older
        self._seen: tuple[int, int, int] | None = None
        self._unwritten: tuple[list[Damage], list[Lost]] = ([], [])
        self.damage: tuple[Damage, ...] = ()

    def found(self, damage: Sequence[Damage], lost: Sequence[Lost]) -> None:
        """Say what is damaged; the next `look` writes it down."""
        self._say(damage)
        self._unwritten[0].extend(damage)
        self._unwritten[1].extend(lost)

    def look(self) -> None:
        """Write down what was found, and take in what others have. A disk that refuses is asked again at the next look."""
        try:
            record_damage(self._directory, *self._unwritten)
            self._unwritten = ([], [])
            if (stamp := self._stamp()) != self._seen:
                self._take_in()
                self._seen = stamp
        except OSError as error:
            LOG.error("spool: what is damaged could not be written down or read (%s)", name_of(error))

    def expire(self, now_ns: int, files: FileOperations) -> None:
        """Let go of what no key is as old as, at spool time `now_ns`. Raises `OSError`."""
        if self._seen is not None:
            forget_damage(self._directory, now_ns - self._kept_ns, files)

    def _take_in(self) -> None:
        known = read_damage(self._directory)
        self._say(known.damage)
        with self._guard:
            forgotten = self._keys.forget(known.forget)
        if forgotten:
            LOG.warning(
                "spool: %d messages are lost with damaged blocks; they are stored when they are sent again",
                forgotten,
            )

    def _say(self, damage: Sequence[Damage]) -> None:
        new = [place for place in dict.fromkeys(damage) if place not in self.damage]
        for place in new:
            LOG.error("spool: segment %d, byte %d, %d bytes: %s", *place)
        self.damage = (*self.damage, *new)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = path_of(self._directory).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
