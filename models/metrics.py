"""What a figure is, beside its meaning: said once where it stands, and read from there by the reference page.

>>> from typing import Annotated
>>> from pydantic import BaseModel, Field
>>> class Status(BaseModel):
...     messages: Annotated[int, counter("messages")] = Field(description="Messages received")
...     room: Annotated[bool, condition()] = Field(description="Whether clients are read from")
>>> figures(Status)
[Figure(name='messages', kind='counter', unit='messages', meaning='Messages received'), Figure(name='room', kind='state', \
unit='', meaning='Whether clients are read from')]
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from models.errors import MaydayError

Kind = Literal["counter", "gauge", "state", "time"]


class Metric(NamedTuple):
    """A `counter` only grows while its process lives, a `gauge` goes both ways, a `state` is a word or yes and no, a `time` a
    moment in UTC. `meaning` is for figures that are no fields of a pydantic model."""

    kind: Kind
    unit: str
    meaning: str = ""


class Figure(NamedTuple):
    """One row of the reference."""

    name: str
    kind: Kind
    unit: str
    meaning: str


class Undocumented(MaydayError):
    code: ClassVar[str] = "undocumented_figure"
    meaning: ClassVar[str] = "A figure that Mayday keeps does not say what it is."
    remedy: ClassVar[str] = "Give its field a kind, a unit and a description (`models/metrics.py`)."


def counter(unit: str, meaning: str = "") -> Metric:
    return Metric("counter", unit, meaning)


def gauge(unit: str, meaning: str = "") -> Metric:
    return Metric("gauge", unit, meaning)


def condition(meaning: str = "") -> Metric:
    return Metric("state", "", meaning)


def moment(unit: str = "ISO 8601", meaning: str = "") -> Metric:
    return Metric("time", unit, meaning)


def figures(kind: type[Any]) -> list[Figure]:
    """Return the figures of a pydantic model or a dataclass, in order. Raises `Undocumented` for one that does not say what it
    is."""
    if issubclass(kind, BaseModel):
        found = [
            (name, _metric(field.metadata), field.description or "")
            for name, field in kind.model_fields.items()
        ]
    else:
        hints = get_type_hints(kind, include_extras=True)
        found = [
            (
                each.name,
                _metric(get_args(hints[each.name])[1:] if get_origin(hints[each.name]) is Annotated else ()),
                "",
            )
            for each in dataclasses.fields(kind)
        ]
    rows = []
    for name, metric, description in found:
        meaning = description or (metric.meaning if metric else "")
        if metric is None or not meaning:
            raise Undocumented(f"{kind.__name__}.{name} does not say what it is", hint=Undocumented.remedy)
        rows.append(Figure(name, metric.kind, metric.unit, meaning.rstrip(".")))
    return rows


def _metric(metadata: Any) -> Metric | None:
    return next((each for each in metadata if isinstance(each, Metric)), None)
