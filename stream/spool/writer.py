"""The one writer of a spool: takes entries from many threads, syncs them in groups, then says so.

One thread collects what arrives within `commit_ms` or up to `commit_bytes`, writes it as one block, syncs it,
remembers the keys, publishes the new length and only then resolves the futures. While it syncs, the next
group gathers. `append` never blocks and never raises for the disk: every failure comes through the future,
and whoever waits on it closes the connection, so that the client sends again.

After a failed write or sync every waiting future fails with `SpoolError`, and a new segment begins: whatever
the disk kept of the failed block lies behind the end that the new segment's header records, so no reader ever
sees it and its number can be used again. Until a new segment can be made there is no room.

Every `look_seconds` the thread sees to retention, key checkpoints and the free disk space. Waiting is
measured by the monotonic clock; times that are stored come from the clock that was passed in, and never go
back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from models.clock import Clock
from storage.seal import KeyRing
from stream.spool.consumed import make_room_for_consumed
from stream.spool.damage_watch import DamageWatch
from stream.spool.dedupe import DedupeIndex, KeyMaker, checkpointed_in
from stream.spool.disk import FULL, lock_directory, name_of, refused
from stream.spool.entry import Entry, Stored, pack_block, pack_entry
from stream.spool.errors import SpoolClosed, SpoolError, SpoolFull, SpoolReplaced
from stream.spool.files import FileOperations
from stream.spool.gathering import Gathering, Waiting
from stream.spool.info import SpoolInfo, oldest_seq, spool_info
from stream.spool.limits import apply_limits
from stream.spool.log import SegmentLog
from stream.spool.moment import nanoseconds
from stream.spool.recovery import Recovered, recover, restore_keys
from stream.spool.room import NoRoom, Room
from stream.spool.settings import SpoolSettings

LOG = logging.getLogger(__name__)
_LARGEST: Final = (1 << 30) - (1 << 16)


class SpoolWriter:
    """Made by `open`. Safe to share between threads. A crash in place of `close` is handled."""

    def __init__(
        self,
        directory: Path,
        log: SegmentLog,
        keys: DedupeIndex,
        key_of: KeyMaker,
        watch: DamageWatch,
        guard: threading.Condition,
        settings: SpoolSettings,
        clock: Clock,
        files: FileOperations,
        duplicates: int,
    ) -> None:
        self.room = Room()
        self._directory, self._settings, self._clock, self._files = directory, settings, clock, files
        self._log, self._keys, self._key_of = log, keys, key_of
        self._watch = watch
        self._lock_descriptor = -1
        self._checkpoint_at = 0.0

        self._guard = guard  # over everything below, and over the keys
        self._gathering = Gathering(guard, settings)
        self._duplicates = duplicates
        self._closed = False
        self._failure: SpoolError | None = None
        self._refusing = False  # after a failure, until a new segment has begun
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)

    @classmethod
    def open(
        cls,
        directory: Path,
        ring: KeyRing,
        settings: SpoolSettings,
        clock: Clock,
        files: FileOperations | None = None,
    ) -> SpoolWriter:
        """Recover the spool in `directory`, begin a new segment and start to take entries.

        Raises `SpoolLocked` if another writer has it, `WrongKey` if another master key sealed it, and
        `SpoolFull` or `SpoolError` if the disk refuses the first bytes.
        """
        files = files or FileOperations()
        with contextlib.ExitStack() as undo:
            try:
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = lock_directory(directory, files)
                undo.callback(os.close, lock)
                recovered = recover(directory, ring, files, checkpointed_in(directory))
                keys = DedupeIndex.open(directory, files, settings.dedupe_hours)
                guard = threading.Condition()
                watch = DamageWatch(directory, keys, settings.dedupe_hours, guard)
                watch.found(recovered.damage, recovered.lost)
                watch.look()  # before keys are added: what was lost and came again is known by its new block
                log = SegmentLog(directory, ring, settings, files, recovered)
                undo.callback(log.close)
                now = max(recovered.received_ns, nanoseconds(clock()))
                # Before the first byte is written: on a full disk, this is what makes room for it.
                apply_limits(directory, log, keys.checkpointed, now, settings, files)
                log.begin(now, recovered.duplicates)
                make_room_for_consumed(directory, files, oldest_seq(directory))
                key_of = KeyMaker(ring)
                watch.found(*restore_keys(directory, ring, keys, key_of))
                watch.look()
                keys.checkpoint(log.position)
                keys.expire(log.received_ns)
            except OSError as error:
                raise refused("The spool cannot be opened", error) from None
            writer = cls(
                directory, log, keys, key_of, watch, guard, settings, clock, files, recovered.duplicates
            )
            writer._lock_descriptor = lock
            writer._look_at_room()
            undo.pop_all()
        _report(recovered, keys.damaged)
        writer._thread.start()
        return writer

    def append(self, entry: Entry) -> Future[Stored]:
        """Store `entry`; the future resolves once it is on the disk, or at once if it already is.

        An entry equal to one on its way resolves, or fails, with it. The future cannot be cancelled. It fails
        with `SpoolFull`, `SpoolClosed` or `SpoolError`; the entry may then still turn out to be stored, and
        its resend is recognised.
        """
        future: Future[Stored] = Future()
        future.set_running_or_notify_cancel()
        key, packed = self._key_of(entry), pack_entry(entry)
        refusal: SpoolError | None = None
        known: int | None = None
        with self._guard:
            if key is not None and (waiting := self._gathering.find(key)) is not None:
                waiting.futures.append(future)
                return future
            if self._gathering.ending:
                refusal = SpoolClosed("The spool is closed", hint="Send again once the receiver runs")
            elif key is not None and (known := self._keys.find(key)) is not None:
                self._duplicates += 1
            elif self._refusing:
                refusal = SpoolFull("The disk refuses writes", hint=SpoolFull.remedy)
            elif len(packed) > _LARGEST:
                refusal = SpoolError(
                    "A single message of 1 GB cannot be stored", hint="Lower the limit of messages"
                )
            else:
                self._gathering.add(Waiting(packed, entry.received_ns, key, future))
            busy = self._gathering.pending_bytes > self._settings.max_pending_bytes
        if known is not None:
            future.set_result(Stored(known, duplicate=True))
        elif refusal is not None:
            future.set_exception(refusal)
        elif busy and self.room.has_room:
            self.room.update(NoRoom.BUSY)
        return future

    @property
    def failure(self) -> SpoolError | None:
        """Why nothing can be stored until the process is started again; None while all is well."""
        return self._failure

    def info(self) -> SpoolInfo:
        """Return the state of the spool as the writer knows it."""
        with self._guard:
            keys, duplicates = len(self._keys), self._duplicates
        reason = self.room.reason
        known = {
            "keys": keys,
            "duplicates": duplicates,
            "has_room": reason is None,
            "damage": self._watch.damage,
        }
        return spool_info(self._directory).model_copy(update={**known, "no_room": reason and reason.value})

    def close(self) -> None:
        """Write what waits, sync the keys, give the directory back. Later appends fail with `SpoolClosed`."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._gathering.end()
        self._thread.join()
        if self._failure is not None:  # what stands in the directory now may be another's
            self._log.close()
            os.close(self._lock_descriptor)
            return
        try:
            with contextlib.suppress(OSError):  # the next opening reads the keys from the blocks instead
                self._log.publish(self._duplicates)
                self._log.sync_published()
                self._keys.checkpoint(self._log.position)
        finally:
            self._log.close()
            os.close(self._lock_descriptor)

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing: the writer's thread -----------------------------------------------------------------------

    def _run(self) -> None:
        group: list[Waiting] | None = []
        try:
            due = time.monotonic() + self._settings.look_seconds
            while (group := self._gathering.next_group(due)) is not None:
                if group:
                    self._commit(group)
                    self._look_at_room()
                if time.monotonic() >= due:
                    self._look_after()
                    due = time.monotonic() + self._settings.look_seconds
        except SpoolReplaced as error:
            LOG.error("spool: %s", error)
            self._give_up(group or [], error)
        except BaseException:
            # A fault of ours: whoever waits must hear of it, for silence would hold connections for ever.
            self._give_up(
                group or [], SpoolError("The spool's writer failed", hint="Restart `mayday receive`")
            )
            raise

    def _give_up(self, group: list[Waiting], reason: SpoolError) -> None:
        """Take nothing any more; the process has to end."""
        with self._guard:
            self._gathering.end()
            self._failure = reason
        self._fail(group, reason)
        self.room.update(NoRoom.FAILED)

    def _commit(self, group: list[Waiting]) -> None:
        before = self._log.received_ns
        now = max(before, nanoseconds(self._clock()))
        times = [min(max(waiting.received_ns, before), now) for waiting in group]
        plain = pack_block(times, [waiting.packed for waiting in group])
        try:
            seq = self._log.write(now, len(group), plain, self._duplicates)
            self._remember(group, seq, now)
            self._log.publish(self._duplicates)
        except OSError as error:
            self._after_failure(group, error)
            return
        for waiting in group:
            for at, future in enumerate(waiting.futures):
                future.set_result(Stored(seq, duplicate=at > 0))

    def _remember(self, group: list[Waiting], seq: int, now_ns: int) -> None:
        """From here on, a resend of `group` is a duplicate of a stored block."""
        keys = [waiting.key for waiting in group if waiting.key is not None]
        with self._guard:
            self._keys.add(keys, seq, now_ns)
            self._gathering.arrived(group)
            self._duplicates += sum(len(waiting.futures) - 1 for waiting in group)

    def _after_failure(self, group: list[Waiting], error: OSError) -> None:
        """Fail everyone who waits, give the segment up, and begin another if the disk lets us."""
        LOG.error("spool: writing failed (%s); what is in flight is refused and comes again", name_of(error))
        with self._guard:
            self._refusing = True
        self._log.abandon()
        self.room.update(NoRoom.FAILED)
        self._fail(group, refused("The spool could not write", error))
        if error.errno not in FULL:
            self._try_again()

    def _fail(self, group: list[Waiting], reason: SpoolError) -> None:
        """Fail `group` and everything queued. Each future gets an exception of its own."""
        with self._guard:
            failed = [*group, *self._gathering.empty()]
            self._gathering.arrived(group)
        for future in (future for waiting in failed for future in waiting.futures if not future.done()):
            future.set_exception(type(reason)(reason.detail, hint=reason.hint))

    def _try_again(self) -> None:
        """After a failure: begin a segment, and only then take entries again."""
        needed = max(self._settings.min_free_bytes, self._settings.commit_bytes)
        try:
            if self._files.free_bytes(self._directory) < needed:
                return
            self._log.begin(nanoseconds(self._clock()), self._duplicates)
        except OSError as error:
            self._log.abandon()
            LOG.error("spool: still no writing (%s)", name_of(error))
            return
        with self._guard:
            self._refusing = False
        LOG.warning("spool: writing again, in segment %d", self._log.position.segment)

    # -- every look_seconds: the writer's thread -----------------------------------------------------------------

    def _look_after(self) -> None:
        self._log.check_place()
        self._watch.look()
        try:
            if self._log.is_open:
                self._checkpoint_keys()
            self._apply_retention()
        except OSError as error:
            # Nothing is lost: segments stay until their keys are synced, and stay longer than they must.
            LOG.error("spool: keys or old segments could not be looked after (%s)", name_of(error))
        if self._refusing:
            self._try_again()
        self._look_at_room()

    def _checkpoint_keys(self) -> None:
        now, position = time.monotonic(), self._log.position
        if self._keys.checkpointed == position or now < self._checkpoint_at:
            return
        self._checkpoint_at = now + self._settings.checkpoint_seconds
        self._log.publish(self._duplicates)
        self._keys.checkpoint(position)
        with self._guard:
            self._keys.expire(self._log.received_ns)
        self._watch.expire(self._log.received_ns, self._files)

    def _apply_retention(self) -> None:
        now = max(self._log.received_ns, nanoseconds(self._clock()))
        apply_limits(self._directory, self._log, self._keys.checkpointed, now, self._settings, self._files)

    def _look_at_room(self) -> None:
        before, reason = self.room.reason, self._room_reason()
        if not self.room.update(reason):
            return
        if reason not in (None, NoRoom.BUSY):
            LOG.error("spool: nothing more is read from clients: %s", reason)
        elif before not in (None, NoRoom.BUSY):
            LOG.warning("spool: there is room again; clients are read from")

    def _room_reason(self) -> NoRoom | None:
        if self._refusing:
            return NoRoom.FAILED
        try:
            free = self._files.free_bytes(self._directory)
        except OSError:
            return NoRoom.FAILED
        if free < self._settings.min_free_bytes:
            return NoRoom.DISK
        if self._log.total_bytes >= self._settings.max_bytes:
            return NoRoom.LIMIT
        limit = self._settings.max_pending_bytes
        if self.room.reason is NoRoom.BUSY:
            limit //= 2  # once paused, clients are read from again when half of it is written
        return NoRoom.BUSY if self._gathering.pending_bytes > limit else None


def _report(recovered: Recovered, damaged_keys: int) -> None:
    if recovered.resumed_blocks or recovered.cut:
        LOG.warning(
            "spool: the last writer did not close; %d blocks confirmed, a tail of %d bytes left behind",
            recovered.resumed_blocks,
            recovered.cut,
        )
    if damaged_keys:
        LOG.error("spool: %d keys were altered on disk; their messages may be stored twice", damaged_keys)
