"""Where a listener listens."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from stream.receivers.errors import ReceiverAddress


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it. A name other than `localhost` counts as reachable."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(text: str) -> Address:
    """Return host and port of HOST:PORT; raises `ReceiverAddress`.

    >>> parse_address("[::1]:0"), parse_address("127.0.0.1:24224").loopback
    (Address(host='::1', port=0), True)
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ReceiverAddress(
            "a listener takes HOST:PORT or `off`", hint="For example 127.0.0.1:24224; port 0 takes a free one"
        )
    return Address(host.removeprefix("[").removesuffix("]"), int(port))
