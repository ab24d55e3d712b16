"""What the tests of bad input share: a good message, and whether a connection was ended."""

from __future__ import annotations

import random
import socket
import struct

from stream.forward_client import pack_event, pack_message

FORWARD = {"forward": "127.0.0.1:0"}


GIGABYTE = struct.pack(">I", 1 << 30)


CHANCE = random.Random(4)


def good(number: int) -> bytes:
    return pack_message("app", pack_event(number * 10**9, {"log": f"line {number}"}), 1, f"chunk-{number}")


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


def closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, without a byte."""
    try:
        return connection.recv(65_536) == b""
    except ConnectionError:
        return True
