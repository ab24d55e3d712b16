"""From one spooled entry to log records: decompression, the wire formats, and what to do with what does not decode."""

from stream.decode.entry import decode
from stream.decode.limits import DecodeLimits
from stream.decode.record import Decoded, LogRecord

__all__ = ["DecodeLimits", "Decoded", "LogRecord", "decode"]
