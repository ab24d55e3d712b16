"""`SafeText`: the only text that may be stored, shown, indexed or sent.

It is a `str` that can be made in two ways only: by the gate (`models.sanitizer.gate`), and by `stored`,
with which `storage/` gives back what it had taken. `phrase` joins sentences that we wrote with safe
values. Whatever a `SafeText` is combined with by ordinary `str` methods becomes a plain `str` again,
which nothing accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, LiteralString

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import core_schema

_SEAL = object()


class SafeText(str):
    """Text that has passed the gate; see the module's first lines for how one is made.

    As a pydantic field it accepts a `SafeText`, or a `str` when the validation context holds `admit`, a
    function from `str` to `SafeText` (the gate at a socket, `stored` at the database). All else is refused.
    """

    __slots__ = ()

    def __new__(cls, value: str, seal: object = None) -> SafeText:
        if seal is not _SEAL:
            raise TypeError("SafeText is made by the gate in models.sanitizer, never directly")
        return super().__new__(cls, value)

    def __reduce__(self) -> tuple[Callable[[str], SafeText], tuple[str]]:
        return stored, (str(self),)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate,
            serialization=core_schema.to_string_ser_schema(),
            json_schema_input_schema=core_schema.str_schema(),
        )


def _validate(value: object, info: ValidationInfo) -> SafeText:
    if isinstance(value, SafeText):
        return value
    admit = (info.context or {}).get("admit") if isinstance(value, str) else None
    if admit is None:
        raise ValueError("text has not passed the gate")
    safe = admit(value)
    if not isinstance(safe, SafeText):
        raise ValueError("text has not passed the gate")
    return safe


def admitted(value: str) -> SafeText:
    """Mark `value` as safe. Only the gate calls this, and `outline`, which takes words away from what the gate has
    admitted (a contract test reads every caller).
    """
    return SafeText(value, _SEAL)


def stored(value: str) -> SafeText:
    """Give back text that this store took as `SafeText` before. Only `storage/` calls this."""
    return SafeText(value, _SEAL)


def phrase(sentence: LiteralString, *values: SafeText | int | float) -> SafeText:
    """Fill `{}` in a sentence that we wrote; the sentence is a literal, the values are safe or numbers.

    >>> phrase("{} errors in {}", 3, stored("billing"))
    '3 errors in billing'
    """
    for value in values:
        if not isinstance(value, SafeText | int | float):
            raise TypeError("phrase takes SafeText and numbers only")
    return SafeText(sentence.format(*values), _SEAL)
