"""Which lines of plain text go on with the record before them: stack traces of Java, Python, Go and their like.

A line that has a time of its own never does; whoever asks has looked. Inside a trace more is taken for a part of it than
directly after a log line, where an unindented line without a time may well be one of its own.

>>> trace = Trace()
>>> [trace.goes_on(line) for line in (b"Traceback (most recent call last):", b'  File "a.py", line 1', b"Gone: x", b"next")]
[True, True, True, False]
"""

from __future__ import annotations

import re

NAME = r"[A-Za-z_$][\w$]*(?:[./][A-Za-z_$][\w$]*)*"
BEGINS = r"Traceback \(most recent call last\):|goroutine \d+ \["
CAUSE = r"(?:Caused by|Suppressed|Wrapped by): "
EXCEPTION = (
    r"(?:Exception in thread \S+ )?" + NAME + r"(?:Exception|Error|Throwable|Interrupt|Exit)(?::\s|\s*$)"
)
CHAINED = r"During handling of the above exception|The above exception was the direct cause"
FURTHER = CHAINED + r"|\.{3} \d+ |created by |[\])}]+[,;]?\s*$"
LAST = NAME + r"(?::\s|\s*$)"  # what Python writes below its frames
GO_FRAME = r"[\w./*()\[\]{}-]+\(.*\)\s*$"
"""Shapes of the lines of traces, as sources of patterns: here they are looked for in bytes, in the flow in text."""

_BEGINS = re.compile(f"{BEGINS}|{CAUSE}".encode())
_EXCEPTION, _FURTHER = re.compile(EXCEPTION.encode()), re.compile(FURTHER.encode())
_LAST, _GO_FRAME = re.compile(LAST.encode()), re.compile(GO_FRAME.encode())


class Trace:
    """What is known of the record that is being read; `ended` with every line that begins one."""

    def __init__(self) -> None:
        self._indented = self._python = self._go = self.open = False

    def ended(self) -> None:
        """Forget the trace: a line has begun a record of its own."""
        self._indented = self._python = self._go = self.open = False

    def goes_on(self, line: bytes) -> bool:
        """Say whether `line`, which has no time, belongs to the record before it."""
        if line[:1] in (b" ", b"\t"):
            self._indented = self.open = True
            return True
        found = (
            _BEGINS.match(line)
            or (not self.open and _EXCEPTION.match(line))
            or (self.open and _FURTHER.match(line))
            or (self._python and self._indented and _LAST.match(line))
            or (self._go and _GO_FRAME.match(line))
        )
        self._indented = False
        if not found:
            self.ended()
            return False
        self._python = self._python or line.startswith(b"Traceback ")
        self._go = self._go or line.startswith(b"goroutine ")
        self.open = True
        return True
