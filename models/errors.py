"""Errors that Mayday raises on purpose.

Every error carries a stable `code` (for programs and `docs/reference/errors.md`) and a `hint` that says what to do
next. The text is ours: nothing that came from a log, a person or a foreign exception is ever put into it, because
exceptions end in logs and terminals.

>>> str(MaydayError("no such thing", hint="Look elsewhere"))
'no such thing. Look elsewhere'
"""

from __future__ import annotations

from typing import ClassVar


class MaydayError(Exception):
    """Base of every error raised on purpose.

    `code` is for programs and never changes; `meaning` and `remedy` are the row of the error in the reference;
    `detail` says what is wrong in this case and `hint` what to do about it.
    """

    code: ClassVar[str] = "error"
    meaning: ClassVar[str] = "Something Mayday checks did not hold."
    remedy: ClassVar[str] = "Read the sentence that came with it."

    def __init__(self, detail: str, *, hint: str = "") -> None:
        super().__init__(f"{detail.rstrip('.')}. {hint}" if hint else detail)
        self.detail, self.hint = detail, hint


class BadInput(MaydayError):
    """What a person, a file or the network gave cannot be used as it is (exit code 2 on the command line)."""

    code = "bad_input"
    meaning = "What was given cannot be used as it is."
    remedy = "Correct what the sentence names and try again; nothing was changed."


class Guarded(MaydayError):
    """A foreign exception whose text may quote data; only its class name is kept."""

    code = "internal"
    meaning = "A library failed; its own text is withheld because it may quote log data."
    remedy = "Look up the class name it gives; `mayday doctor` checks the usual causes."

    @classmethod
    def from_foreign(cls, error: BaseException, *, doing: str) -> Guarded:
        """Wrap `error` without its text.

        >>> str(Guarded.from_foreign(ValueError("secret"), doing="decoding a frame"))
        'decoding a frame failed (ValueError)'
        """
        return cls(f"{doing} failed ({type(error).__name__})")
