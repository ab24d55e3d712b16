"""Severity levels of log lines, on OpenTelemetry's scale of severity numbers."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """Severity number of OpenTelemetry's log data model (first number of each range); 0 is unknown."""

    UNKNOWN = 0
    TRACE = 1
    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17
    FATAL = 21


_WORDS = {
    Level.TRACE: ("trace", "finest", "finer", "verbose", "v", "t"),
    Level.DEBUG: ("debug", "debg", "fine", "dbg", "d", "7"),
    Level.INFO: ("info", "information", "informational", "notice", "inf", "i", "n", "log", "5", "6"),
    Level.WARN: ("warn", "warning", "wrn", "w", "4"),
    Level.ERROR: ("error", "err", "severe", "eror", "e", "3"),
    Level.FATAL: (
        "fatal",
        "critical",
        "crit",
        "alert",
        "emerg",
        "emergency",
        "panic",
        "f",
        "c",
        "0",
        "1",
        "2",
    ),
}
_BY_WORD = {word: level for level, words in _WORDS.items() for word in words}


def parse_level(word: str) -> Level:
    """Return the level that `word` names (any case; syslog numbers too), `Level.UNKNOWN` for anything else.

    >>> parse_level("Warning"), parse_level("3"), parse_level("teapot")
    (<Level.WARN: 13>, <Level.ERROR: 17>, <Level.UNKNOWN: 0>)
    """
    return _BY_WORD.get(word.strip().lower(), Level.UNKNOWN)
