"""Finding the level word at the head of a line: by looking words up, not by searching.

Counted are upper-case words (`ERROR`), words in brackets or before a colon (`[error]`, `Warning:`), `level=error` and its
relatives, a lower-case word right after a time, syslog's `<3>`, and the letters of glog and Android. A
lower-case word elsewhere is prose: "no error found" has no level. A line of a web server's access log has the level of its
status: 5xx is an error.

>>> level_of("2026-03-02T08:14:06.489Z ERROR api-gateway upstream timed out")
17
>>> level_of('ts=2026-03-02T08:14:05Z level=warn msg="payer slow"'), level_of("no error found")
(13, 0)
>>> level_of('10.0.0.9 - - "GET /bill HTTP/1.1" 502 157'), level_of('10.0.0.9 - - "GET /bill HTTP/1.1" 404 157')
(17, 9)
"""

from __future__ import annotations

import re

from models.levels import Level, parse_level

_WORDS = (
    "trace",
    "debug",
    "info",
    "information",
    "notice",
    "warn",
    "warning",
    "error",
    "err",
    "severe",
    "fatal",
    "critical",
    "crit",
    "alert",
    "emerg",
    "emergency",
    "panic",
)
_KEYS = ("level", "lvl", "severity", "loglevel", "levelname", "log.level")
_AROUND = (("[", "]"), ("<", ">"), ("(", ")"), ("[", "]:"), ("", ":"), ("|", "|"), ("[", ""), ("", "]"))
_UNIT_LETTERS = {
    "V": Level.TRACE,
    "D": Level.DEBUG,
    "I": Level.INFO,
    "W": Level.WARN,
    "E": Level.ERROR,
    "F": Level.FATAL,
}
_TOKENS = 12  # words at the head that are looked at
_HEAD = 160


def _table() -> tuple[dict[str, int], dict[str, int]]:
    sure: dict[str, int] = {"LOG:": int(Level.INFO)}  # PostgreSQL's word for information
    after_time: dict[str, int] = {}
    for word in _WORDS:
        level = int(parse_level(word))
        upper, title = word.upper(), word.capitalize()
        sure[upper] = level
        sure[upper + ","] = sure[upper + ";"] = sure[f'"{upper}",'] = level
        after_time[word] = after_time[title] = level
        for case in (word, title, upper):
            for before, after in _AROUND:
                sure[before + case + after] = level
            for key in _KEYS:
                for name in (key, f'"{key}"', f"{{{key}", f'{{"{key}"'):
                    for sign in ("=", ":"):
                        for value in (case, f'"{case}"'):
                            for end in ("", ",", "}"):
                                sure[name + sign + value + end] = level
    return sure, after_time


_SURE, _AFTER_TIME = _table()
_GLUED = re.compile(  # upper-case words joined to something by punctuation; starts with a set, which scans fast
    r"""[|\[\](/:.=\"'<>{-](TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|PANIC)(?![A-Za-z0-9_])"""
)
_PRIORITY = re.compile(r"<(\d{1,3})>")
_STATUS = re.compile(r"""[" ]HTTP/[0-9.]+" ([1-5])[0-9][0-9](?![0-9])""")
_REQUEST_CHARS = 4096  # a status stands behind the path, however long that is
_GLOG = re.compile(r"[IWEF]\d{4}\Z")


def level_of(text: str, head: int = _HEAD) -> int:
    """Return the level number that the first words of `text` name, 0 for none."""
    previous = ""
    for token in text[:head].split(None, _TOKENS)[:_TOKENS]:
        level = _SURE.get(token)
        if level is not None:
            return level
        if previous:
            level = _AFTER_TIME.get(token)
            if level is not None and ":" in previous and previous[-1] in "0123456789Z]":
                return level
            if token in _UNIT_LETTERS and previous.isdigit():
                return int(_UNIT_LETTERS[token])
        elif _GLOG.match(token):
            return int(_UNIT_LETTERS[token[0]])
        previous = token
    if text[:1] == "<" and (found := _PRIORITY.match(text)):
        return int(parse_level(str(int(found[1]) % 8)))
    if "HTTP/" in text and (status := _STATUS.search(text, 0, _REQUEST_CHARS)):
        return int(Level.ERROR if status[1] == "5" else Level.INFO)
    glued = _GLUED.search(text, 0, head)
    return int(parse_level(glued[1])) if glued else 0
