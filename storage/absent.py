"""Says at once that a package is not installed, where Python would look through every folder of its path each time.

DuckDB imports pandas twice for each parameter that is bound, to see whether the value is one of its kinds. Mayday does not
need pandas, and an import that fails is not remembered: it made binding dearer than most statements are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


class Absent(MetaPathFinder):
    """Stands before Python's finders and answers for one package alone."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise `ModuleNotFoundError` for the package, and leave every other to those that come after."""
        if fullname == self.package:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def remember_absence(package: str) -> None:
    """Remember for this process that `package` is not installed; nothing happens if it is."""
    known = any(isinstance(finder, Absent) and finder.package == package for finder in sys.meta_path)
    if not known and package not in sys.modules and find_spec(package) is None:
        sys.meta_path.insert(0, Absent(package))
