"""The Forward receiver: framing, key handshake, acknowledgement after the sync.

A message with a chunk id is answered by one write of the whole map `{"ack": chunk}`, the id verbatim as a string; one
without gets nothing back. Whatever is wrong with a connection closes it: agents keep what was not acknowledged and send it
again. Metrics and traces are stored and acknowledged like logs, so nothing is acknowledged and dropped.

A connection gets no more than its turn: at most `AT_ONCE` messages of it are taken per step of the event loop, and at most
`MOST_UNANSWERED` (and one turn) are on their way to the disk. Until the rest is taken it is not read from, so whoever
floods waits for itself and the others are answered in between.
"""

from __future__ import annotations

import asyncio
import ssl
from itertools import islice
from typing import Final

import msgpack

from models.sanitizer.safe_text import phrase
from stream.receivers.address import Address
from stream.receivers.errors import NotForward
from stream.receivers.framing import Framer, Message
from stream.receivers.handshake import Credentials, Handshake
from stream.receivers.identity import agent_name
from stream.receivers.intake import Intake
from stream.receivers.link import Link
from stream.receivers.server import LinkServer
from stream.receivers.settings import ReceiveSettings
from stream.spool import Entry, Kind, Stored

AT_ONCE: Final = 64
"""Messages of one connection that one step of the event loop takes."""
MOST_UNANSWERED: Final = 512
"""With so many messages of a connection on their way to the disk, no more are taken until half of them are answered."""
_SENTENCES = {
    "not_a_message": phrase(
        "what it sent is no Forward message (is its output `forward`, and TLS on or off on both sides?)"
    ),
    "tag_too_long": phrase("its tag is longer than receive.max_tag_bytes"),
    "message_too_large": phrase("a message is larger, or says so, than receive.max_message_bytes"),
    "nested_too_deep": phrase("a message is nested too deeply"),
    "bad_options": phrase("a message's options cannot be read"),
    "no_ping": phrase("it did not shake hands before sending"),
}


def ack(chunk: str) -> bytes:
    """Return the acknowledgement of `chunk`.

    >>> ack("c1")
    b'\\x81\\xa3ack\\xa2c1'
    """
    return bytes(msgpack.packb({"ack": chunk}, unicode_errors="surrogateescape"))


class ForwardLink(Link):
    """One Forward connection."""

    kind = phrase("forward")

    def __init__(
        self,
        intake: Intake,
        settings: ReceiveSettings,
        links: set[Link],
        scratch: bytearray,
        credentials: Credentials | None,
    ) -> None:
        super().__init__(intake, settings, links, scratch)
        self._handshake = Handshake(credentials) if credentials is not None else None
        self._framer = Framer(max_message=settings.max_message_bytes, max_tag=settings.max_tag_bytes)
        self._agent = ""
        self._unanswered = 0
        self._due = False  # a turn for what was read already is under way or to come
        self._full = False  # that turn waits for answers
        self._closing = False

    def opened(self) -> None:
        self._agent = agent_name(certificate=self.certificate, address=self.address)
        if self._handshake is not None:
            self.send(self._handshake.hello())
            self.limit_time(self._settings.handshake_seconds, "handshake")
        else:
            self.limit_time(self._settings.idle_seconds, "idle")

    def received(self, data: memoryview) -> None:
        rest: bytes | memoryview = data
        try:
            if self._handshake is not None:
                rest = self._shake(bytes(data))
        except NotForward as error:
            if error.detail == "no_ping":
                self._intake.metrics.failed_handshakes += 1
            self._reject(error)
            return
        if rest:
            begun = self._framer.partial > 0
            self._framer.feed(rest)
            if self._due or self._full:
                self._intake.budget.hold(self, self._framer.partial)
            else:
                self._take(begun)

    def _shake(self, data: bytes) -> bytes:
        assert self._handshake is not None
        found = self._handshake.feed(data)
        if found is None:
            return b""
        verdict, rest = found
        self.send(verdict.pong)
        if not verdict.accepted:
            self._intake.metrics.failed_handshakes += 1
            self.refuse("wrong_key", phrase("its shared key, user name or password is wrong"))
            return b""
        self._handshake = None
        self._agent = agent_name(
            certificate=self.certificate,
            username=verdict.username,
            hostname=verdict.self_hostname,
            address=self.address,
        )
        self.limit_time(self._settings.idle_seconds, "idle")
        return rest

    def _take(self, begun: bool) -> None:
        """Take one turn's messages; `begun`: a time limit for the first of them is set already."""
        taken = 0
        self._due = True
        try:
            for message in islice(self._framer.messages(), AT_ONCE):
                taken += 1
                self._intake.budget.hold(self, self._framer.partial)
                self._submit(message)
                if not self.open:  # refused at once: the rest comes again as well
                    return
        except NotForward as error:
            self._reject(error)
            return
        self._due = False
        left = self._framer.partial
        self._intake.budget.hold(self, left)
        if not left:
            self.limit_time(self._settings.idle_seconds, "idle")
        elif taken or not begun:
            self.limit_time(self._settings.message_seconds, "message")
        if self._unanswered >= MOST_UNANSWERED:
            self._full = True
        elif left and taken == AT_ONCE:
            self._next_turn()
        if self._due or self._full:
            self.want(False)
        elif self._closing:
            self._close_when_answered()
        else:
            self.want(True)

    def _next_turn(self) -> None:
        self._due = True
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        if self.open:
            self._take(begun=self._framer.partial > 0)

    def _reject(self, error: NotForward) -> None:
        self._intake.budget.hold(self, 0)
        self.refuse(error.detail, _SENTENCES[error.detail])

    def _submit(self, message: Message) -> None:
        entry = Entry(
            Kind.FORWARD,
            self._intake.now_ns(),
            self._agent,
            self.peer,
            message.tag,
            message.chunk,
            {},
            message.raw,
        )
        self._unanswered += 1
        chunk = message.chunk

        def answer(stored: Stored | None) -> None:
            self._unanswered -= 1
            if stored is None:
                self.abort()  # never silent: the agent sends again on a new connection
            elif chunk is not None and self.open:
                self.send(ack(chunk))
            if self._full and self._unanswered <= MOST_UNANSWERED // 2:
                self._full = False
                self._next_turn()
            self._close_when_answered()

        self._intake.submit(entry, answer, non_log=message.signal != 0)

    def shed(self) -> None:
        self._framer.drop()
        self.refuse_stalled()

    def ended(self) -> bool:
        self._closing = True
        return self._busy

    def stop_reading(self) -> None:
        super().stop_reading()
        self._closing = True
        self._close_when_answered()

    @property
    def _busy(self) -> bool:
        return self._unanswered > 0 or self._due

    def _close_when_answered(self) -> None:
        if self._closing and not self._busy:
            self.close()

    def timed_out(self, what: str) -> None:
        if what == "handshake":
            self._intake.metrics.failed_handshakes += 1
            self.refuse("handshake_timeout", phrase("it did not shake hands in time"))
        elif what == "message":
            self.refuse("message_timeout", phrase("the rest of a message did not come"))
        elif self._unanswered:
            self.limit_time(self._settings.idle_seconds, "idle")
        else:
            self.close()


class ForwardReceiver(LinkServer):
    """Listens for the Forward protocol. Without `credentials` no handshake is asked for."""

    def __init__(
        self,
        wanted: Address,
        intake: Intake,
        settings: ReceiveSettings,
        credentials: Credentials | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(
            phrase("forward"),
            wanted,
            intake,
            lambda links, scratch: ForwardLink(intake, settings, links, scratch, credentials),
            tls,
            settings.handshake_seconds,
        )
        self._protection = " and ".join(
            word
            for word, given in (
                (
                    "TLS with client certificates" if settings.tls and settings.tls.client_ca else "TLS",
                    tls is not None,
                ),
                ("users" if settings.users else "shared key", credentials is not None),
            )
            if given
        )

    def describe(self) -> str:
        """Return one line for people."""
        return f"forward {self.address} ({self._protection or 'loopback only: neither key nor TLS'})"
