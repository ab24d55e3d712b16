"""Nobody gets around the gate: read from the source tree, and from what mypy and pydantic refuse."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy import api
from pydantic import BaseModel, ValidationError

from models.sanitizer import Gate, SafeText, Vocabulary
from models.sanitizer.guard import ROOMS

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(ROOMS - {"mayday"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for path, tree in sources():
        for node in ast.walk(tree):
            yield path, node


def importers(name: str) -> set[str]:
    """Files that import `name` out of the gate's modules."""
    return {
        path
        for path, node in nodes()
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("models.sanitizer")
        and any(alias.name == name for alias in node.names)
    }


def within(scope: ast.AST) -> Iterator[ast.AST]:
    """Every node of a module or function, but for what is inside the functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, FUNCTIONS):
            yield from within(child)


def calls_with_sentences(
    scope: ast.AST, known: frozenset[str] = frozenset()
) -> Iterator[tuple[ast.Call, frozenset[str]]]:
    """Every call, and the names that, where it stands, are only ever bound to sentences or tables of them."""
    bound: Counter[str] = Counter()
    literal: Counter[str] = Counter()
    for node in within(scope):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] += 1
        elif isinstance(node, ast.arg):
            bound[node.arg] += 1
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if is_table(node.value) or is_literal(node.value, frozenset()):
                literal.update(target.id for target in targets if isinstance(target, ast.Name))
    known = (known - bound.keys()) | {name for name, count in literal.items() if count == bound[name]}
    for node in within(scope):
        if isinstance(node, ast.Call):
            yield node, known
        if isinstance(node, FUNCTIONS):
            yield from calls_with_sentences(node, known)


def is_table(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="MappingProxyType"), args=[table]):
            return is_table(table)
        case ast.Dict(values=values):
            return all(is_literal(value, frozenset()) for value in values)
    return False


def is_literal(node: ast.expr, known: frozenset[str]) -> bool:
    """A sentence of ours: as it stands, two joined by `+`, one of two, by a name, or out of a table of such."""
    match node:
        case ast.Constant(value=str()):
            return True
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            return name in known
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return is_literal(left, known) and is_literal(right, known)
        case ast.IfExp(body=body, orelse=other):
            return is_literal(body, known) and is_literal(other, known)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="get"), args=[_, other]):
            return table in known and is_literal(other, known)
    return False


def calls(*names: str) -> Iterator[tuple[str, ast.Call, frozenset[str]]]:
    """Every call of a function of one of these names, with the sentences known where it stands."""
    for path, tree in sources():
        for call, known in calls_with_sentences(tree):
            if isinstance(call.func, ast.Name) and call.func.id in names:
                yield path, call, known


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ('phrase("{} failed", x)', True),
        ('s = "{} failed"\nphrase(s)', True),
        ('T = {"a": "{} failed"}\nphrase(T.get(k, T["a"]))', True),
        ('phrase(f"{x} failed")', False),
        ("phrase(x)", False),
        ('def f(s):\n    s = "fine"\n    phrase(s)', False),
        ('s = "fine"\ns = input()\nphrase(s)', False),
        ('T = {"a": x}\nphrase(T["a"])', False),
        ('phrase("{}".format(x))', False),
        ('s = "fine"\ndef f(s):\n    phrase(s)', False),
        ('def f():\n    s = "fine"\n    return phrase(s)\ndef g(s): ...', True),
    ],
)
def test_the_reader_of_sentences_tells_ours_from_others(code: str, ours: bool) -> None:
    found = [
        is_literal(call.args[0], known)
        for call, known in calls_with_sentences(ast.parse(code))
        if isinstance(call.func, ast.Name) and call.func.id == "phrase"
    ]
    assert found == [ours]


def test_only_the_gate_admits() -> None:
    assert importers("admitted") == {"models/sanitizer/gate.py", "models/sanitizer/outline.py"}
    assert importers("_SEAL") == set()


def test_only_the_store_gives_back_what_it_took() -> None:
    assert {
        path for path in importers("stored") if not path.startswith(("storage/", "models/sanitizer/"))
    } == set()


def test_the_module_that_makes_safe_text_is_handed_around_nowhere() -> None:
    whole = {
        path
        for path, node in nodes()
        if (isinstance(node, ast.Import) and any(a.name == "models.sanitizer.safe_text" for a in node.names))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "models.sanitizer"
            and any(a.name == "safe_text" for a in node.names)
        )
    }
    assert whole == set()


def test_safe_text_is_made_in_its_own_module_alone() -> None:
    made = {path for path, *_ in calls("SafeText")}
    made |= {
        path
        for path, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "__new__"
        and any(isinstance(arg, ast.Name) and arg.id == "SafeText" for arg in node.args)
    }
    assert made - {"models/sanitizer/safe_text.py"} == set()


def test_every_phrase_and_every_guarded_block_names_itself_with_a_literal() -> None:
    wrong = [
        f"{path}:{call.lineno}"
        for path, call, known in calls("phrase", "guarded")
        if not (call.args and is_literal(call.args[0], known))
    ]
    assert wrong == []


def test_every_log_sentence_of_ours_is_a_literal() -> None:
    # the formatter prints the sentences of our loggers as they are, for this reason
    wrong = [
        f"{path}:{call.lineno}"
        for path, tree in sources()
        for call, known in calls_with_sentences(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in LOG_METHODS
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id.lower().strip("_") in ("log", "logger", "logging")
        and not (call.args and is_literal(call.args[0], known))
    ]
    assert wrong == []


def test_safe_text_cannot_be_made_by_hand() -> None:
    with pytest.raises(TypeError, match="made by the gate"):
        SafeText("zorblax")


def test_a_field_of_safe_text_refuses_plain_text_and_admits_through_the_gate_only() -> None:
    class Card(BaseModel):
        title: SafeText

    gate = Gate(Vocabulary.base())
    with pytest.raises(ValidationError, match="has not passed the gate"):
        Card(title="zorblax failed")
    with pytest.raises(ValidationError, match="has not passed the gate"):
        Card.model_validate({"title": "zorblax failed"}, context={"admit": str})
    card = Card.model_validate_json('{"title": "zorblax failed"}', context={"admit": gate.text})
    assert card.title == "<WORD> failed"


SNIPPET = """
from models.sanitizer.safe_text import SafeText, phrase

def show(text: SafeText) -> None: ...

def told(raw: str, safe: SafeText) -> None:
    show(safe)
    show(phrase("{} errors in {}", 3, safe))
    show(raw)                      # E
    show(safe + " and more")       # E
    show(f"{safe}")                # E
    show(safe.upper())             # E
    phrase("{} failed", raw)       # E
    titles: tuple[SafeText, ...] = (safe, raw)  # E
"""


def test_mypy_refuses_a_plain_string_where_safe_text_is_needed(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET)
    out, err, _ = api.run(
        [
            "--strict",
            "--config-file",
            "",
            "--follow-imports",
            "silent",
            "--cache-dir",
            str(tmp_path / "cache"),
            str(snippet),
        ]
    )
    wanted = {number for number, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# E")}
    found = {
        int(line.split(":")[1]) for line in out.splitlines() if "snippet.py:" in line and ": error:" in line
    }
    assert (found, err) == (wanted, "")
