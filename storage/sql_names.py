"""Which name of a query is unknown, said without repeating it: where it stands, and what it was probably meant to be.

What people type may hold what nobody else shall read, and errors end in logs. So the words of a sentence come from the
catalog alone, never from the query: a name is pointed at by its position, counted in characters from 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

LOOK = '`mayday sql "FROM dictionary"` lists every view with its columns, `mayday sql --list` the views alone'
_NOWHERE = 1 << 63  # DuckDB gives such a position to what does not stand in the text itself
_CAUSES = (
    ("GROUP BY", "a column stands neither under GROUP BY nor in an aggregate"),
    ("Ambiguous reference", "a column stands in more than one of the views; write view.column"),
    ("No function matches", "a function or an operator does not take values of these types"),
    ("Cannot compare", "two values of types that cannot be compared are compared"),
    ("Type with name", "a type does not exist"),
)


def unknown_views(
    sql: str, tables: Iterable[Mapping[str, Any]], views: Iterable[str], given: Iterable[str] = ()
) -> str:
    """Return a sentence about the first of `tables` (nodes of a parse tree) that is none of `views` and none of the names
    `given` in the query; empty if all are. It says which views there are.

    >>> unknown_views("FROM incidnt", [{"table_name": "incidnt", "query_location": 5}], ["incident"])
    'it reads from something that is not a published view (at character 6; did you mean incident?); the views are incident'
    """
    published = sorted(views)
    names = sorted({*published, *given})
    for table in tables:
        plain = not table.get("schema_name") and not table.get("catalog_name")
        called = str(table.get("table_name", "")).lower()
        if not plain or called not in names:
            near = difflib.get_close_matches(called, published, n=1)
            where = _where(sql, table.get("query_location"), near)
            sentence = "it reads from something that is not a published view" + (
                f" ({where})" if where else ""
            )
            return f"{sentence}; the views are {', '.join(published)}"
    return ""


def unknown_columns(
    sql: str, nodes: Iterable[Mapping[str, Any]], columns: Mapping[str, frozenset[str]]
) -> str:
    """Return a sentence about the first column of a query that none of its views has; empty if there is none.

    `nodes` are the objects of its parse tree, `columns` the columns of each published view. A name that the query
    itself gives to something is taken for known.
    """
    tree = list(nodes)
    read = [view for view in columns if any(node.get("table_name") == view for node in tree)]
    known = {column for view in read for column in columns[view]}
    given = {str(node[key]).lower() for node in tree for key in ("alias", "table_name") if node.get(key)}
    given |= {str(name).lower() for node in tree for name in node.get("column_name_alias") or []}
    for node in tree:
        parts = [str(part).lower() for part in node.get("column_names") or []]
        if node.get("class") != "COLUMN_REF" or not parts or parts[-1] in known | given:
            continue
        near = difflib.get_close_matches(parts[-1], sorted(known), n=2)
        where = _where(sql, node.get("query_location"), near)
        views = f" of {', '.join(read)}" if read else ""
        sentence = f"the query names something that is no column{views}" + (f" ({where})" if where else "")
        return "; ".join([sentence, *(f"{view} has {', '.join(sorted(columns[view]))}" for view in read)])
    return ""


def cause(text: str) -> str:
    """Return a sentence of ours for DuckDB's message `text`, which is not repeated."""
    return next(
        (ours for theirs, ours in _CAUSES if theirs in text),
        "a name or a type in the query does not exist or does not fit",
    )


def _where(sql: str, location: object, near: list[str]) -> str:
    """Say where in `sql` (DuckDB counts bytes, from 0) and what was probably meant."""
    parts = []
    if isinstance(location, int) and location < _NOWHERE:
        before = sql.encode("utf-8", "surrogatepass")[:location]
        parts.append(f"at character {len(before.decode('utf-8', 'replace')) + 1}")
    if near:
        parts.append(f"did you mean {' or '.join(near)}?")
    return "; ".join(parts)
