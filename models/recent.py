"""A bounded memory of answers: what was asked for lately is kept."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A bounded mapping that forgets what was not asked for lately: two dicts, a hit in the younger costs
    one.

    When the younger dict holds half of `capacity` it becomes the older one and what the older held is
    forgotten.

    >>> cache = Recent[str, int](4)
    >>> for word in "abcde":
    ...     cache.put(word, ord(word))
    >>> cache.get("a"), cache.get("c"), len(cache)
    (None, 99, 3)
    """

    __slots__ = ("_half", "_old", "young")

    def __init__(self, capacity: int) -> None:
        self._half = max(1, capacity // 2)
        self.young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Return the value of `key` and mark it as used, or None."""
        value = self.young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                del self._old[key]
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember `value` (never None)."""
        if len(self.young) >= self._half:
            self._old, self.young = self.young, {}
        self.young[key] = value
