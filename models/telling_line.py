"""A text of several lines, such as a stack trace, counts by the line that says what it is about."""

from __future__ import annotations

_TRACEBACK = "Traceback (most recent call last)"


def telling_line(text: str) -> str:
    """Return the line of a text with several that says what it is about.

    That is the first that is not blank; of a Python traceback the last, which names the error.

    >>> telling_line("\\nsaving failed\\n  at Store.save(Store.java:12)")
    'saving failed'
    >>> telling_line("Traceback (most recent call last):\\n  File 'a.py', line 1\\nKeyError: 'x'\\n")
    "Traceback (most recent call last): KeyError: 'x'"
    """
    lines = [line for line in text.splitlines() if line and not line.isspace()]
    if not lines:
        return ""
    if lines[0].lstrip().startswith(_TRACEBACK) and len(lines) > 1:
        return f"{lines[0]} {lines[-1]}"
    return lines[0]
