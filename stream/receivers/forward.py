"""The Forward receiver: framing, key handshake, acknowledgement after the sync.

A message with a chunk id is answered by one write of the whole map `{"ack": chunk}`, the id verbatim as a string; one
without gets nothing back. Whatever is wrong with a connection closes it: agents keep what was not acknowledged and send it
again. Metrics and traces are stored and acknowledged like logs, so nothing is acknowledged and dropped.
"""

from __future__ import annotations

import ssl

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
        self._closing = False

    def opened(self) -> None:
        self._agent = agent_name(certificate=self.certificate, address=self.address)
        if self._handshake is not None:
            self.send(self._handshake.hello())
            self.limit_time(self._settings.handshake_seconds, "handshake")
        else:
            self.limit_time(self._settings.idle_seconds, "idle")

    def received(self, data: memoryview) -> None:
        try:
            if self._handshake is not None:
                rest = self._shake(bytes(data))
                if rest:
                    self._take(rest)
            else:
                self._take(data)
        except NotForward as error:
            if error.detail == "no_ping":
                self._intake.metrics.failed_handshakes += 1
            self._intake.budget.hold(self, 0)
            self.refuse(error.detail, _SENTENCES[error.detail])

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

    def _take(self, data: bytes | memoryview) -> None:
        before = self._framer.partial
        self._framer.feed(data)
        whole = 0
        for message in self._framer.messages():
            whole += 1
            self._intake.budget.hold(self, self._framer.partial)
            self._submit(message)
            if not self.open:  # refused at once: the rest comes again as well
                return
        left = self._framer.partial
        self._intake.budget.hold(self, left)
        if not left:
            self.limit_time(self._settings.idle_seconds, "idle")
        elif whole or not before:
            self.limit_time(self._settings.message_seconds, "message")

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
            if self._closing and not self._unanswered:
                self.close()

        self._intake.submit(entry, answer, non_log=message.signal != 0)

    def ended(self) -> bool:
        self._closing = True
        return self._unanswered > 0

    def stop_reading(self) -> None:
        super().stop_reading()
        self._closing = True
        if not self._unanswered:
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
