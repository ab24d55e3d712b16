"""What is wrong with a configuration, in sentences: which key, what is wrong with it, and what may stand there.

The words are ours: a library's message speaks of its own types, and may quote the value that was given, which is never
repeated here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, to_jsonable_python

_PLAIN = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_pattern_mismatch": "does not have the form it needs",
}
_LISTS = frozenset({"tuple_type", "list_type", "set_type", "frozen_set_type"})
_SECTIONS = frozenset({"dict_type", "model_type", "model_attributes_type", "mapping_type"})
_LENGTHS = frozenset({"too_short", "too_long"})
LONGEST_DEFAULT = 60  # characters; a longer one helps nobody in a sentence


def sentences(faults: Sequence[ErrorDetails], model: type[BaseModel]) -> list[str]:
    """Return one sentence per fault of a configuration of type `model`, without those that follow from another."""
    places = [fault["loc"] for fault in faults]

    def follows(fault: ErrorDetails) -> bool:
        """A list whose entry is refused is counted without it, and then seems too short."""
        at = fault["loc"]
        return fault["type"] in _LENGTHS and any(
            place != at and place[: len(at)] == at and isinstance(place[len(at)], int) for place in places
        )

    return [_sentence(fault, model) for fault in faults if not follows(fault)]


def _sentence(fault: ErrorDetails, model: type[BaseModel]) -> str:
    path, field, inner = _find(fault["loc"], model)
    what = _what(fault["type"], fault.get("ctx") or {}, path, inner)
    if what is None:
        own = fault["msg"].removeprefix("Value error, ")
        return f"{path}: {own[:1].lower()}{own[1:]}"
    return f"{path} {what}{_meaning(field)}"


def _what(kind: str, given: Mapping[str, Any], path: str, inner: type[BaseModel] | None) -> str | None:
    """Return what is wrong, without the key; None where the sentence is that of a validator of ours."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _LISTS:
        return f"must be written as [[{path}]], with two brackets" if inner else "must be a list in brackets"
    table, _, entry = path.partition(", entry ")
    if kind in _SECTIONS and entry:
        return f"must be written as [[{table}]], with two brackets and a line for each key"
    if kind in _SECTIONS:
        return f"must be a section: [{path}]"
    match kind:
        case "greater_than":
            return f"must be above {in_full(given['gt'])}"
        case "greater_than_equal":
            return f"must be at least {in_full(given['ge'])}"
        case "less_than":
            return f"must be below {in_full(given['lt'])}"
        case "less_than_equal":
            return f"must be at most {in_full(given['le'])}"
        case "too_short":
            least = given["min_length"]
            return "must have at least one entry" if least == 1 else f"must have at least {least} entries"
        case "too_long":
            return f"must have at most {given['max_length']} entries"
        case "string_too_short":
            least = given["min_length"]
            return "must not be empty" if least == 1 else f"must have at least {least} characters"
        case "string_too_long":
            return f"must have at most {given['max_length']} characters"
        case "enum" | "literal_error":
            return f"must be one of {given['expected']}"
    return None


def written(value: Any) -> str:
    """Return a value as it may stand in mayday.toml or in the environment, numbers without an exponent."""
    return (
        in_full(value)
        if isinstance(value, float)
        else json.dumps(to_jsonable_python(value), ensure_ascii=False)
    )


def in_full(number: float) -> str:
    """Return a number without an exponent, as people write it.

    >>> in_full(536870912.0), in_full(1e-06), in_full(0.25), in_full(1 << 30)
    ('536870912', '0.000001', '0.25', '1073741824')
    """
    if not math.isfinite(number):
        return str(number)
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def _find(
    loc: tuple[str | int, ...], model: type[BaseModel]
) -> tuple[str, FieldInfo | None, type[BaseModel] | None]:
    """Return the place in words, its field, and the model that the entries of a list there have."""
    path, field, at = "", None, model
    entry: type[BaseModel] | None = None
    for part in loc:
        if isinstance(part, int):
            path, at = f"{path}, entry {part + 1}:", entry or model
            continue
        separator = "" if not path else " " if path.endswith(":") else "."
        path = f"{path}{separator}{part}"
        field = at.model_fields.get(part) if at is not None else None
        annotation = field.annotation if field is not None else None
        entry = next(
            (each for each in get_args(annotation) if isinstance(each, type) and issubclass(each, BaseModel)),
            None,
        )
        is_section = isinstance(annotation, type) and get_origin(annotation) is None
        if is_section and issubclass(annotation, BaseModel):  # type: ignore[arg-type]
            at = annotation  # type: ignore[assignment]
    return path.rstrip(":"), field, entry


def _meaning(field: FieldInfo | None) -> str:
    """Return what the key means and what stands there if nothing is said, in brackets."""
    if field is None or not field.description:
        return ""
    parts = [field.description.rstrip(".")]
    if not field.is_required() and field.default_factory is None and field.default is not None:
        default = written(field.default)
        parts += [f"default {default}"] if len(default) <= LONGEST_DEFAULT else []
    return f" ({'; '.join(parts)})"
