"""How much one step of a query may do, judged by its parse tree before it runs.

DuckDB looks up from its work between vectors of 2,048 rows; planning a query is one step too. So time and memory of a
query stay bounded only if no step can become large. It becomes large by a function whose work grows faster than its
input (those are not on the list, or take only patterns that are simple), by values that are made into larger ones
again and again, by values that were gathered from many rows, and by a query that unfolds.

`steps_too_large` returns a sentence for each of these that a tree holds. What it refuses runs on the live copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

Node = Mapping[str, Any]

MAX_GROWTH: Final = 16  # how many times as large as a stored value another may become
MAX_LITERAL: Final = 1_000  # characters of a text, a figure or a parameter
MAX_UNFOLDED: Final = 50  # tables and subqueries, each WITH counted as often as it is read
MAX_PATTERN: Final = 100  # characters


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_JOINERS = _words("|| concat")
_WRAPPERS = _words("json_array json_object list_value list_zip map row row_to_json struct_pack to_json")
_SPLITS = _words("split str_split string_split")  # a text of n letters becomes n texts of 16 bytes
_PATHS = _words("-> ->> json_extract json_extract_path json_extract_path_text json_extract_string")
_GATHERERS = _words("approx_top_k array_agg group_concat histogram list listagg string_agg")
_GREATEST = _words("max min")  # with a number too they return a list of so many
_GREATEST_BY = _words("arg_max arg_max_null arg_min arg_min_null argmax argmin max_by min_by")
# may be asked of what was gathered; `list(DISTINCT x ORDER BY x)` is read as list_sort(list(DISTINCT x))
_AFTER = _words("array_length cardinality len length list_sort")
_LIKE = _words("~~ !~~ ~~* !~~* ~~~ like_escape ilike_escape not_like_escape not_ilike_escape")
_REGEXP = _words("regexp_extract regexp_full_match regexp_matches")
_WINDOWED = _words(
    """any_value arbitrary avg bool_and bool_or count count_if count_star countif cume_dist dense_rank first
    first_value lag last last_value lead max mean median min nth_value ntile percent_rank quantile quantile_cont
    quantile_disc rank rank_dense row_number stddev stddev_pop stddev_samp sum var_pop var_samp variance"""
)
_TYPES = _words(
    """BIGINT BOOLEAN DATE DECIMAL DOUBLE FLOAT HUGEINT INTEGER INTERVAL SMALLINT TIME TIMESTAMP TIMESTAMP_MS
    TIMESTAMP_NS TIMESTAMP_S TIMESTAMP_SEC TINYINT UBIGINT UHUGEINT UINTEGER UNBOUND UNKNOWN USMALLINT UTINYINT UUID
    VARCHAR"""
) | {"TIME WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"}


def steps_too_large(tree: Node) -> set[str]:
    """Return why the steps of a query could become too large; nothing if they cannot."""
    found: set[str] = set()
    kinds = {each.get("class") for each in nodes(tree)}
    if "LAMBDA" in kinds:
        found.add("it holds a lambda or a list comprehension; unnest works by rows")
    for each in nodes(tree):
        found |= _of_one(each)
    gathered = sum(_gathers(each) for each in nodes(tree))
    if gathered != sum(_gathered_at_the_end(statement.get("node") or {}) for statement in tree["statements"]):
        found.add(
            "it gathers rows into one value (list, string_agg, ...) and works on with that; "
            "only the outermost SELECT may gather, and only show or count what it gathered"
        )
    if _growth(tree) > MAX_GROWTH:
        found.add("it joins, splits or wraps values again and again, so that they could become too large")
    if _unfolded(tree) > MAX_UNFOLDED:
        found.add(
            f"it reads more than {MAX_UNFOLDED} tables and subqueries, each WITH as often as it is named"
        )
    return found


def nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON tree, parents before what is inside them."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _of_one(node: Node) -> set[str]:
    """Return what is wrong with one node, whatever stands around it."""
    called = _called(node)
    if node.get("class") == "CONSTANT" and len(str(_constant(node))) > MAX_LITERAL:
        return {f"it holds a value longer than {MAX_LITERAL} characters"}
    if node.get("class") == "WINDOW" and (called not in _WINDOWED or node.get("distinct")):
        return {"it calls a function OVER a window that cannot be stopped there"}
    if node.get("class") == "CAST" and not _plain(node.get("cast_type") or {}):
        return {"it casts to a type other than texts, figures, times and lists of these"}
    if called in _LIKE | _REGEXP and not _simple(called, node.get("children") or []):
        return {
            f"a pattern is not a text of at most {MAX_PATTERN} characters that stands in the query, or is too costly: "
            "at most one wildcard besides one at the end (join several by AND), no {counts}"
        }
    return set()


def _simple(called: str, children: list[Node]) -> bool:
    """Whether the pattern of LIKE, GLOB or a regular expression stands in the query and is tried in few ways.

    For each wildcard that something follows DuckDB tries every place of the text: two of them are its length squared.
    """
    pattern = _constant(children[1]) if len(children) > 1 else None
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        return False
    if called in _REGEXP:
        return "{" not in pattern
    wildcard = "*" if called == "~~~" else "%"
    return len([part for part in pattern.rstrip(wildcard).split(wildcard)[1:] if part]) <= 1


def _plain(kind: Node) -> bool:
    inside = (kind.get("type_info") or {}).get("child_type")
    return kind.get("id") in _TYPES or (kind.get("id") == "LIST" and (inside or {}).get("id") in _TYPES)


def _gathers(node: Node) -> bool:
    called, given = _called(node), len(node.get("children") or [])
    return (
        called in _GATHERERS or (called in _GREATEST and given > 1) or (called in _GREATEST_BY and given > 2)
    )


def _gathered_at_the_end(node: Node) -> int:
    """Return how many gathering functions stand where nothing works on with what they return."""
    if node.get("type") == "SET_OPERATION_NODE":
        sides = [node.get("left") or {}, node.get("right") or {}, *(node.get("children") or [])]
        return sum(_gathered_at_the_end(side) for side in sides)
    shown = list(node.get("select_list") or [])
    for item in shown:  # grows while it is read
        if _called(item) in _AFTER:
            shown += (item.get("children") or [])[:1]
    return sum(_gathers(item) and item.get("class") == "FUNCTION" for item in shown)


def _growth(tree: Node) -> int:
    """Return a bound for how many times a value of a query is as large as the ones it is made of.

    One that joins n values is n times as large as the largest of them; what joins values that were joined before
    multiplies, in a subquery or by another name in the same SELECT. So all of them are multiplied.
    """
    growth, waiting = 1, [(tree, False)]
    while waiting and growth <= MAX_GROWTH:
        node, inside = waiting.pop()
        if isinstance(node, list):
            waiting.extend((each, inside) for each in node)
        elif isinstance(node, dict):
            inside = inside and node.get("class") != "SUBQUERY"
            grows = _called(node) in _JOINERS | _WRAPPERS or node.get("type") == "ARRAY_CONSTRUCTOR"
            if grows and not inside:
                growth *= max(1, _variables(node))
                inside = True
            growth *= _expansion(node)
            waiting.extend((each, inside) for each in node.values())
    return growth


def _expansion(node: Node) -> int:
    """Return how many times as large as its input a function makes a value by itself."""
    called = _called(node)
    path = [_constant(each) for each in (node.get("children") or [])[1:]]
    lists = node.get("class") == "CAST" and (node.get("cast_type") or {}).get("id") == "LIST"
    if called in _WRAPPERS or node.get("type") == "ARRAY_CONSTRUCTOR":
        factor = 2  # each quote is quoted again
    elif called in _SPLITS or lists or (called in _PATHS and any("*" in str(each) for each in path)):
        factor = 16  # a letter, or two, become a text or a figure of their own
    else:
        return 1
    return factor if _variables(node) else 1


def _variables(node: Node) -> int:
    """Return how many values below a node are not written in the query; a star may be any number."""
    leaves = Counter(each.get("class") for each in nodes(node))
    named = leaves["COLUMN_REF"] + leaves["POSITIONAL_REFERENCE"] + leaves["PARAMETER"]
    return named + (MAX_GROWTH + 1) * leaves["STAR"]


def _unfolded(tree: Node) -> int:
    """Return how many tables and subqueries a query reads once every WITH stands where it is named."""
    bodies: dict[str, list[Node]] = {}
    for node in nodes(tree):
        for entry in (node.get("cte_map") or {}).get("map", []):
            bodies.setdefault(str(entry["key"]).lower(), []).append(entry["value"])
    sizes: dict[str, int] = {}

    def size(part: object) -> int:
        total, waiting = 0, [part]
        while waiting and total <= MAX_UNFOLDED:
            node = waiting.pop()
            if isinstance(node, dict):
                total += node.get("type") in ("SELECT_NODE", "SET_OPERATION_NODE")
                if node.get("type") == "BASE_TABLE":
                    total += named(str(node.get("table_name", "")).lower())
                waiting.extend(value for key, value in node.items() if key != "cte_map")
            elif isinstance(node, list):
                waiting.extend(node)
        return total

    def named(table: str) -> int:
        if table not in sizes:
            sizes[table] = MAX_UNFOLDED + 1  # where it names itself, there is no end
            sizes[table] = 1 + sum(size(body) for body in bodies.get(table, []))
        return sizes[table]

    return size(tree) + sum(named(table) for table in bodies)


def _called(node: Node) -> str:
    return str(node.get("function_name", "")).lower()


def _constant(node: Node) -> object:
    """Return the value of a constant, None of anything else."""
    return (node.get("value") or {}).get("value") if node.get("class") == "CONSTANT" else None
