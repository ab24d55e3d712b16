"""A package that is not installed is looked for once, and no other package is touched by that."""

from __future__ import annotations

import importlib
import sys

import pytest

from models.clock import system_clock
from storage.absent import Absent, remember_absence
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Python looks for in its path, with the finders as they are put back afterwards."""
    found: list[str] = []

    class Listens:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            found.append(name)

    monkeypatch.setattr(sys, "meta_path", [Listens, *(f for f in sys.meta_path if not isinstance(f, Absent))])
    return found


def test_it_is_not_found_as_before_and_no_longer_looked_for(asked: list[str]) -> None:
    remember_absence("no_such_package")
    remember_absence("no_such_package")
    assert sum(isinstance(finder, Absent) for finder in sys.meta_path) == 1
    asked.clear()
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_package'"):
        importlib.import_module("no_such_package")
    assert asked == []
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package_either")
    assert asked == ["no_such_package_either"]


def test_what_is_installed_stays_as_it_is(asked: list[str]) -> None:
    before = list(sys.meta_path)
    remember_absence("json")
    remember_absence("wsgiref")  # there, and probably not imported so far
    assert sys.meta_path == before


def test_binding_parameters_looks_for_no_package(
    asked: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    layout = Layout(tmp_path_factory.mktemp("absent") / "state")
    database = Database.open(layout, KeyRing(bytes(32)), system_clock)
    try:
        database.read(lambda reader: reader.execute("SELECT ?::VARCHAR, ?::INTEGER", ["a", 1]))
        asked.clear()
        database.read(lambda reader: reader.execute("SELECT ?::VARCHAR, ?::INTEGER", ["b", 2]))
        assert asked == []
    finally:
        database.close()
