"""Process 2: the dataflow under Bytewax, with its state stored every two seconds.

Ends when told to stop, with the state stored and exit code 0, or with an error; it may be killed at any
moment. After either it goes on where its state stands: blocks since then are taken again, make the same
facts, and are ignored by the command center where it knows them. Bytewax's own web server stays off.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from models.clock import Clock
from models.errors import Guarded, MaydayError
from models.sanitizer.gate import Gate
from models.sanitizer.guard import described
from storage.client import StoreClient
from storage.layout import Layout
from storage.seal import KeyRing
from stream.collector import Collector
from stream.dataflow import build
from stream.field_settings import FieldSettings
from stream.fields import FieldRules
from stream.flow_errors import StreamFailed
from stream.flow_settings import FlowSettings
from stream.flow_status import Progress, status_path
from stream.grouping import Faults, Grouping
from stream.service_state import Tools
from stream.shard import Shard
from stream.sink import Delivery, FactsSink, Send
from stream.source import SpoolSource
from stream.spool import Position, Quarantine, SpoolReader, SpoolSettings, mark_consumed

LOG = logging.getLogger(__name__)
WEB_SERVER = "BYTEWAX_DATAFLOW_API_ENABLED"
"""Any value of it makes Bytewax listen on all addresses without authentication."""


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
    `SpoolLocked` if another stream runs on this state, `StreamFailed`, and what the parts raise.
    """
    os.environ.pop(WEB_SERVER, None)
    layout.prepare()
    recovery = prepared_recovery(layout.recovery)
    progress = Progress(status_path(layout), clock)
    delivery = Delivery(
        send or StoreClient(layout.socket).send_facts, stop, lambda: progress.write("waiting")
    )
    faults = Faults(settings.faults_per_minute)
    tools = Tools(settings, gate, ring.secret("template-id"))
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
            return Shard(number, tools, seal, aside, faults, state)

        def open_reader(at: Position | None) -> SpoolReader:
            return SpoolReader(layout.spool, ring, at)

        source = SpoolSource(open_reader, settings, progress, committed, stop, until_end=until_end)
        grouping = Grouping(FieldRules(fields), aside, faults)
        flow = build(source, grouping, make_shard, FactsSink(delivery), progress)
        state = "failed"
        try:
            run_main(  # type: ignore[no-untyped-call]  # Bytewax's core has no types
                flow,
                epoch_interval=timedelta(seconds=settings.epoch_seconds),
                recovery_config=RecoveryConfig(recovery),  # type: ignore[no-untyped-call]
            )
            state = "stopped"
        except (BytewaxRuntimeError, MaydayError) as error:  # which of the two depends on the step
            if not stop.is_set():
                raise cause_of(error) from None
            state = "stopped"
            LOG.info("stream: stopped while facts waited; they are made again at the next start")
        finally:
            progress.write(state)


def prepared_recovery(directory: Path) -> Path:
    """Return the directory of Bytewax's stores, made if it is not there, whole or not at all."""
    place = directory / "flow"
    if not place.is_dir():
        draft = directory / "flow.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        init_db_dir(draft, 1)  # type: ignore[no-untyped-call]
        draft.rename(place)
    return place


def cause_of(error: BaseException) -> MaydayError:
    """Return what ended a dataflow, as an error of ours without any foreign text."""
    while not isinstance(error, MaydayError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, MaydayError) and not isinstance(error, Guarded):
        return error
    return StreamFailed(f"the dataflow failed: {described(error)}", hint=StreamFailed.remedy)
