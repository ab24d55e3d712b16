"""What every receiver is to the process that runs it."""

from __future__ import annotations

from typing import Protocol

from stream.receivers.address import Address


class Receiver(Protocol):
    """Listens, takes messages, answers them once they are durable. Used on one event loop."""

    name: str

    @property
    def address(self) -> Address:
        """Where it listens; the port is the one that was really bound."""

    async def start(self) -> None:
        """Begin to listen. Raises `ReceiverAddress`."""

    def stop_reading(self) -> None:
        """Take no further connection and no further message; what is in flight is still answered."""

    async def close(self) -> None:
        """Close every connection. What was not answered is sent again by the clients."""

    def describe(self) -> str:
        """Return one line for people: protocol, address, and what protects it."""
