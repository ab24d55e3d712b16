"""Garbage collection at moments of our choosing: between two epochs, never in the middle of a block.

Almost everything in the flow dies by reference count. Python's collector would still walk all templates
again and again because blocks allocate much; so what exists at the start is frozen, automatic collection is
off, and the young generations are collected at every commit, everything once a minute of commits.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import TracebackType
from typing import Final

EVERYTHING_EVERY: Final = 30
"""Commits between two full collections."""


class Collector:
    """Takes over collection inside a `with` block. `seconds` is the time that it has taken so far."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._commits = 0
        self.seconds = 0.0

    def __enter__(self) -> Collector:
        gc.collect()
        gc.freeze()
        gc.disable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.enable()
        gc.unfreeze()

    def collect(self) -> None:
        """Collect now: the young generations, every `EVERYTHING_EVERY` times all of them."""
        self._commits += 1
        began = self._timer()
        gc.collect(2 if self._commits % EVERYTHING_EVERY == 0 else 1)
        self.seconds += self._timer() - began
