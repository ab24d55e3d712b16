"""Process 2: the dataflow under Bytewax, with its state stored every two seconds.

Ends when told to stop, with the state stored and exit code 0, or with an error; it may be killed at any
moment. After either it goes on where its state stands: blocks since then are taken again, make the same
facts, and are ignored by the command center where it knows them. Where the database turns out to be older than the
state, or another, the state is set aside and all of the spool is read again, if the spool still holds everything;
otherwise the stream says so and ends. Bytewax's own web server stays off.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from models.clock import Clock
from models.errors import Guarded, MaydayError
from models.sanitizer.gate import Gate
from models.sanitizer.guard import described, guarded
from storage.client import StoreClient
from storage.errors import DatabaseBehind
from storage.layout import Layout
from storage.seal import KeyRing, SealBroken
from stream.collector import Collector
from stream.dataflow import build
from stream.field_settings import FieldSettings
from stream.fields import FieldRules
from stream.flow_errors import RecoveryDamaged, StateNotWritten, StreamFailed
from stream.flow_settings import FlowSettings
from stream.flow_status import Progress, status_path
from stream.grouping import Faults, Grouping
from stream.service_state import Tools
from stream.shard import Shard
from stream.sink import Delivery, FactsSink, Send
from stream.source import SpoolSource
from stream.spool import Bookmark, Position, Quarantine, SpoolReader, SpoolSettings, mark_consumed
from stream.spool.disk import FULL
from stream.spool.segment import check_key
from stream.stored_state import holds_everything, prepared_recovery, set_aside

LOG = logging.getLogger(__name__)
WEB_SERVER = "BYTEWAX_DATAFLOW_API_ENABLED"
"""Any value of it makes Bytewax listen on all addresses without authentication."""
_NOT_WRITTEN: Final = (
    *(
        f"SqliteFailure(Error {{ code: {code},"
        for code in ("DiskFull", "SystemIoFailure", "ReadOnly", "CannotOpen")
    ),
    *(f"(os error {code})" for code in FULL),  # where not even what it says of its panic finds room
)
"""Reasons not to write, in the fixed words with which Bytewax passes them on."""


def run_stream(
    settings: FlowSettings,
    fields: FieldSettings,
    layout: Layout,
    ring: KeyRing,
    gate: Gate,
    clock: Clock,
    stop: threading.Event,
    *,
    spool: SpoolSettings | None = None,
    send: Send | None = None,
    until_end: bool = False,
    timer: Callable[[], float] = time.perf_counter,
) -> None:
    """Run until `stop` is set (or, with `until_end`, until the spool is read to its end).

    `spool` limits what is kept aside; `send` replaces the command center's socket. Raises `MaydayError`:
    `SpoolLocked` if another stream runs on this state, `RecoveryDamaged`, `DatabaseBehind`, `StreamFailed`,
    `StateNotWritten`, `WrongKey`, and what the parts raise.
    """
    os.environ.pop(WEB_SERVER, None)
    layout.prepare()
    check_key(
        layout.spool, ring
    )  # else the state would seem damaged, and be given up for a key that is only mislaid
    tools = Tools(settings, gate, ring.secret("template-id"))
    progress = Progress(status_path(layout), clock, tools.forgotten)
    delivery = Delivery(
        send or StoreClient(layout.socket).send_facts, stop, lambda: progress.write("waiting")
    )
    faults = Faults(settings.faults_per_minute)
    seal = ring.seal("state")
    with (
        Quarantine.open(layout.spool, ring, spool or SpoolSettings()) as aside,
        Collector(timer) as collector,
    ):

        def committed(position: Position) -> None:
            mark_consumed(layout.spool, position)
            collector.collect()
            progress.committed_seq, progress.gc_seconds = position.seq, collector.seconds

        def make_shard(number: int, state: bytes | None) -> Shard:
            try:
                return Shard(number, tools, seal, aside, faults, state)
            except SealBroken:
                raise RecoveryDamaged(
                    "the stored state of a shard was altered, or sealed with another master key",
                    hint=RecoveryDamaged.remedy,
                ) from None

        def open_reader(at: Bookmark | None) -> SpoolReader:
            return SpoolReader(layout.spool, ring, at)

        def run_once() -> None:
            source = SpoolSource(open_reader, settings, progress, committed, stop, until_end=until_end)
            grouping = Grouping(FieldRules(fields), aside, faults)
            flow = build(source, grouping, make_shard, FactsSink(delivery), progress)
            with _panics_in_words():
                recovery = RecoveryConfig(prepared_recovery(layout.recovery))  # type: ignore[no-untyped-call]
            try:
                with guarded("running the dataflow"), _panics_in_words():
                    _run_flow(flow, settings, recovery)
            except Guarded as error:
                # What our steps raise is an error of ours by now: this is Bytewax's own, over what it had stored
                # or over what it stores.
                if source.stored:
                    raise StreamFailed(f"the dataflow failed: {error}", hint=StreamFailed.remedy) from None
                raise RecoveryDamaged(
                    f"the stored state cannot be gone on from: {error}", hint=RecoveryDamaged.remedy
                ) from None

        state = "failed"
        try:
            try:
                run_once()
            except DatabaseBehind:
                if not holds_everything(layout.spool):
                    raise
                LOG.error(
                    "stream: the database is another or older than the state; all of the spool is read again"
                )
                set_aside(layout)
                run_once()
            state = "stopped"
        except MaydayError:
            if not stop.is_set():
                raise
            state = "stopped"
            LOG.info("stream: stopped while facts waited; they are made again at the next start")
        finally:
            progress.write(state)


@contextmanager
def _panics_in_words() -> Iterator[None]:
    """Bytewax panics where its store cannot be written: make that an error of ours, whatever it comes out as.

    A panic is no `Exception`, so nothing else would see it. Its class cannot be imported: the core makes it.
    """
    try:
        yield
    except MaydayError:
        raise
    except BaseException as error:
        panicked = type(error).__name__ == "PanicException"
        if not panicked and not isinstance(error, RuntimeError):
            raise
        text = str(error)
        if any(reason in text for reason in _NOT_WRITTEN):
            raise StateNotWritten(
                "the stream's state cannot be written", hint=StateNotWritten.remedy
            ) from None
        if panicked:
            raise Guarded(f"Bytewax failed ({described(error)})") from None
        raise


def _run_flow(flow: Dataflow, settings: FlowSettings, recovery: RecoveryConfig) -> None:
    """Run to the end. Which kind of error comes out depends on the step; what is ours comes out as it is."""
    try:
        run_main(  # type: ignore[no-untyped-call]  # Bytewax's core has no types
            flow, epoch_interval=timedelta(seconds=settings.epoch_seconds), recovery_config=recovery
        )
    except BytewaxRuntimeError as error:
        raise cause_of(error) from None


def cause_of(error: BaseException) -> MaydayError:
    """Return what ended a dataflow, as an error of ours without any foreign text: `Guarded` if no step of ours did."""
    while not isinstance(error, MaydayError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, Guarded):
        return StreamFailed(f"the dataflow failed: {error}", hint=StreamFailed.remedy)
    return error if isinstance(error, MaydayError) else Guarded(f"Bytewax failed ({described(error)})")
