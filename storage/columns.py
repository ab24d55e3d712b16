"""How a record becomes a row and back: column names, SQL and Arrow types, and values, all derived from the
model.

A column has the field's name, except where SQL reserves the word: `at` is the column `ts`, `check` is
`check_name`. Texts and enums are VARCHAR, whole numbers BIGINT (enums of numbers UTINYINT), times TIMESTAMPTZ
in UTC, everything nested JSON text. A row read back passes the model again, its texts admitted as what the
store had taken.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum, StrEnum
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel

from models.sanitizer.safe_text import stored
from storage.records import Record

R = TypeVar("R", bound=Record)
RENAMED = {"at": "ts", "check": "check_name"}

_ARROW: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "UTINYINT": pa.uint8(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "JSON": pa.string(),
}


class Column(NamedTuple):
    """One column: its name, the model's field, DuckDB's name of the type, and whether it may be NULL."""

    name: str
    field: str
    type: str
    nullable: bool


@dataclass(frozen=True)
class Shape:
    """The columns of one record type, in the order of its fields."""

    table: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> str:
        """Column names, quoted, for a SELECT or an INSERT."""
        return ", ".join(f'"{column.name}"' for column in self.columns)

    @property
    def marks(self) -> str:
        return ", ".join("?" for _ in self.columns)


@cache
def shape(kind: type[Record]) -> Shape:
    """Derive the columns of a record type."""
    columns = []
    for field, info in kind.model_fields.items():
        sql_type, nullable = _sql_type(info.annotation)
        columns.append(Column(RENAMED.get(field, field), field, sql_type, nullable))
    return Shape(kind.table, tuple(columns))


def _sql_type(annotation: Any) -> tuple[str, bool]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _sql_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        if len(inner) == 1:
            return _sql_type(inner[0])[0], True
        raise TypeError("a column holds one type")
    if origin in (tuple, list, dict):
        return "JSON", False
    if origin is Literal:
        return "VARCHAR", False
    if not isinstance(annotation, type):
        raise TypeError("no column type for this annotation")
    for base, sql_type in (
        (bool, "BOOLEAN"),
        (IntEnum, "UTINYINT"),
        (str, "VARCHAR"),
        (int, "BIGINT"),
        (float, "DOUBLE"),
        (datetime, "TIMESTAMP WITH TIME ZONE"),
        (BaseModel, "JSON"),
    ):
        if issubclass(annotation, base):
            return sql_type, False
    if annotation.__name__ == "AwareDatetime":
        return "TIMESTAMP WITH TIME ZONE", False
    raise TypeError(f"no column type for {annotation.__name__}")


def to_row(record: Record) -> list[Any]:
    """Return the values of a record in the order of its columns."""
    return [to_value(getattr(record, column.field), column.type) for column in shape(type(record)).columns]


def to_value(value: Any, sql_type: str) -> Any:
    """Return one value as DuckDB and Arrow take it."""
    if value is None:
        return None
    if sql_type == "JSON":
        return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return str(value) if isinstance(value, str) else value


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, IntEnum | StrEnum):
        return value.value
    raise TypeError("only ids, numbers, times and safe text are kept")


def from_row(kind: type[R], row: Sequence[Any]) -> R:
    """Make the record again from the values of its columns."""
    values: dict[str, Any] = {}
    for column, value in zip(shape(kind).columns, row, strict=True):
        if value is not None and column.type == "JSON":
            value = json.loads(value)
        elif isinstance(value, datetime):
            value = value.astimezone(UTC)
        values[column.field] = value
    return kind.model_validate(values, context={"admit": stored})


def to_arrow(kind: type[R], records: Sequence[R]) -> pa.Table:
    """Return records as one Arrow table with the columns of their table."""
    columns = shape(kind).columns
    return pa.table(
        {
            column.name: pa.array(
                [to_value(getattr(record, column.field), column.type) for record in records],
                type=_ARROW[column.type],
            )
            for column in columns
        }
    )


def arrow_table(columns: Mapping[str, tuple[str, Sequence[Any]]]) -> pa.Table:
    """Return an Arrow table from `{name: (SQL type, values)}`.

    >>> arrow_table({"n": ("BIGINT", [1, 2])}).schema.field("n").type
    DataType(int64)
    """
    return pa.table({key: pa.array(values, type=_ARROW[kind]) for key, (kind, values) in columns.items()})
