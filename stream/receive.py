"""Process 1: listen, store, acknowledge; and write the clock into the spool, so that silence can be noticed in a replay.

Nothing is acknowledged before it is on the disk. When told to stop, it takes nothing new, answers what is in flight and closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from models.clock import Clock
from models.sanitizer.safe_text import phrase
from storage.layout import Layout
from storage.seal import KeyRing
from stream.receiver_status import make_status, write_status
from stream.receivers.address import Address, parse_address
from stream.receivers.errors import ReceiverAddress, ReceiverUnsafe
from stream.receivers.forward import ForwardReceiver
from stream.receivers.handshake import Credentials
from stream.receivers.http import HttpReceiver
from stream.receivers.http_admission import Token
from stream.receivers.intake import Intake
from stream.receivers.places import most_connections, raise_limit
from stream.receivers.receiver import Receiver
from stream.receivers.secrets import read_secret
from stream.receivers.settings import LISTENERS, ReceiveSettings
from stream.receivers.tls import server_context
from stream.spool import Entry, Kind, SpoolSettings, SpoolWriter
from stream.spool.disk import name_of
from stream.spool.files import FileOperations
from stream.spool.moment import nanoseconds
from stream.spool.room import NoRoom

LOG = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 1.0
TICK: Final = json.dumps({"control": "tick"}).encode()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run_receiver(
    settings: ReceiveSettings,
    spool: SpoolSettings,
    layout: Layout,
    ring: KeyRing,
    clock: Clock,
    stop: threading.Event,
    *,
    environ: Mapping[str, str] = os.environ,
    announce: Callable[[str], None] = _print,
    files: FileOperations | None = None,
) -> None:
    """Receive until `stop` is set.

    `announce` is called once with one line that names every address, when all listeners are open. Raises `ReceiverUnsafe`,
    `ReceiverAddress` or `SecretUnusable` (bad input, before anything is opened or taken) and `SpoolError`.
    """
    addresses = check_exposure(settings)
    credentials, tokens, tls = protection(settings, environ)
    layout.prepare()
    with SpoolWriter.open(layout.spool, ring, spool, clock, files) as writer:

        def build(intake: Intake) -> list[Receiver]:
            found: list[Receiver] = []
            for name, address in addresses.items():
                if name == "forward":
                    found.append(ForwardReceiver(address, intake, settings, credentials, tls))
                else:
                    found.append(HttpReceiver(name, address, intake, settings, tokens, tls))
            return found

        process = _Process(settings, layout, ring, clock, writer, announce, _connections(settings))
        asyncio.run(process.run(build, stop))


class Protection(NamedTuple):
    """What the listeners ask of clients, and their certificates."""

    credentials: Credentials | None
    tokens: tuple[Token, ...]
    tls: ssl.SSLContext | None


def protection(settings: ReceiveSettings, environ: Mapping[str, str]) -> Protection:
    """Read every key, password, token and certificate that `settings` name.

    Raises `ReceiverUnsafe`, `ReceiverAddress` or `SecretUnusable`: what a receiver would say at its start.
    """
    check_exposure(settings)
    tokens = [
        Token.of(read_secret(one.token, environ, what="[[receive.tokens]]"), one.agent)
        for one in settings.tokens
    ]
    return Protection(_credentials(settings, environ), tuple(tokens), server_context(settings.tls))


def check_exposure(settings: ReceiveSettings) -> dict[str, Address]:
    """Return the addresses to listen on by listener's name.

    Raises `ReceiverUnsafe` when one that other machines can reach has neither key or token nor TLS, and
    `ReceiverAddress` when none is left.
    """
    out: dict[str, Address] = {}
    for name in LISTENERS:
        text: str | None = getattr(settings, name)
        if text is None:
            continue
        address = parse_address(text)
        secret = settings.shared_key if name == "forward" else settings.tokens
        if not address.loopback and not secret and settings.tls is None:
            what = "receive.shared_key" if name == "forward" else "[[receive.tokens]]"
            raise ReceiverUnsafe(
                f"the {name} listener would take lines from other machines on {address} with neither {what} nor [receive.tls]",
                hint=f"Set one of them, or listen on 127.0.0.1:{address.port}",
            )
        out[name] = address
    if not out:
        raise ReceiverAddress(
            "every listener is off", hint="Give at least one of forward, http and otlp an address"
        )
    return out


def _credentials(settings: ReceiveSettings, environ: Mapping[str, str]) -> Credentials | None:
    if settings.shared_key is None:
        return None
    users = {
        name.encode(): read_secret(reference, environ, what=f"receive.users.{name}")
        for name, reference in settings.users.items()
    }
    return Credentials(
        read_secret(settings.shared_key, environ, what="receive.shared_key"), users, settings.hostname
    )


def _connections(settings: ReceiveSettings) -> int:
    """Return how many connections may be open at once, and say so where they are fewer than configured."""
    limit = raise_limit()
    most = most_connections(settings.max_connections, limit)
    if most < settings.max_connections:
        LOG.warning(
            "receive: at most %d connections at once, not the %d of receive.max_connections: the limit of open files is %d",
            most,
            settings.max_connections,
            limit,
        )
    return most


class _Process:
    """What runs on the event loop of one receiver process."""

    def __init__(
        self,
        settings: ReceiveSettings,
        layout: Layout,
        ring: KeyRing,
        clock: Clock,
        writer: SpoolWriter,
        announce: Callable[[str], None],
        connections: int,
    ) -> None:
        self._connections = connections
        self._settings, self._layout, self._ring, self._clock = settings, layout, ring, clock
        self._writer, self._announce = writer, announce
        self._started_at: datetime = clock()
        self._receivers: list[Receiver] = []

    async def run(self, build: Callable[[Intake], list[Receiver]], stop: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()

        def wait() -> None:
            stop.wait()
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                loop.call_soon_threadsafe(stopping.set)

        intake = Intake(
            self._writer,
            self._ring,
            self._clock,
            self._settings.max_in_flight_bytes,
            self._connections,
            self._settings.stalled_seconds,
        )
        self._receivers = build(intake)
        try:
            for receiver in self._receivers:
                await receiver.start()
            threading.Thread(target=wait, name="receive-stop", daemon=True).start()
            self._write_status(intake, "receiving")  # before the line, so that who reads that can read this
            self._announce(f"mayday: receiving on {', '.join(one.describe() for one in self._receivers)}")
            while not stopping.is_set():
                if self._writer.failure is not None:
                    raise self._writer.failure
                self._tick(intake, "receiving")
                await self._until_next_tick(intake, stopping)
        finally:
            intake.stopping = True
            for receiver in self._receivers:
                receiver.stop_reading()
            if not await intake.answered(self._settings.stop_seconds):
                LOG.warning(
                    "receive: stopped with messages in flight; they were not acknowledged and come again"
                )
            for receiver in self._receivers:
                await receiver.close()
            self._write_status(intake, "stopped")

    async def _until_next_tick(self, intake: Intake, stopping: asyncio.Event) -> None:
        """Wait for the next tick, or the end; whether clients are read from is written down within a second."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._settings.tick_seconds
        told = self._hindrance(intake)
        while not stopping.is_set() and (left := due - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LOOK_SECONDS)):
                    await stopping.wait()
            if self._hindrance(intake) != told:
                told = self._hindrance(intake)
                self._write_status(intake, "receiving")

    def _hindrance(self, intake: Intake) -> tuple[bool, NoRoom | None]:
        """What keeps clients from being read from: too much in flight, no room in the spool."""
        return intake.paused_since is not None, self._writer.room.reason

    def _tick(self, intake: Intake, state: str) -> None:
        entry = Entry(Kind.CONTROL, nanoseconds(self._clock()), "", "", "", None, {}, TICK)
        # A tick that the spool refuses is of no use later: the next one follows, and the writer has said why.
        self._writer.append(entry).add_done_callback(lambda future: future.exception())
        self._write_status(intake, state)

    def _write_status(self, intake: Intake, state: str) -> None:
        reason = self._writer.room.reason
        status = make_status(
            intake.metrics,
            self._ring,
            state=state,
            started_at=self._started_at,
            at=self._clock(),
            listeners={receiver.name: str(receiver.address) for receiver in self._receivers},
            no_room=reason.value if reason is not None else None,
            paused_since=intake.paused_since,
            partial=intake.budget.held,
            in_flight=intake.budget.used,
            most_in_flight=intake.budget.highest,
        )
        try:
            write_status(self._layout, status)
        except OSError as error:  # a full disk must not end the receiver
            intake.trouble("status", phrase("receive: the status could not be written ({})", name_of(error)))
