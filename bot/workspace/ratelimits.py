"""Slack's rate limits: a bucket per app and method, and one per channel for chat.postMessage.

Tiers 1 to 4 allow 1, 20, 50 and 100 calls a minute; posting allows one message a second and channel, with a
burst.
"""

from __future__ import annotations

import math

from bot.workspace.methods.base import AnyMethod

PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
POST_BURST = 5


class RateLimits:
    """Buckets that fill with time. `wait` takes one call and returns 0, or the whole seconds until it may be
    made.

    >>> limits = RateLimits()
    >>> [limits.take("k", per_second=1.0, burst=2, now=0.0) for _ in range(3)]
    [0, 0, 1]
    """

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, app_id: str, method: AnyMethod, channel: str, now: float) -> int:
        if method.name == "chat.postMessage":
            return self.take(f"{app_id}/{method.name}/{channel}", per_second=1.0, burst=POST_BURST, now=now)
        if (per_minute := PER_MINUTE.get(method.tier)) is None:
            return 0
        return self.take(f"{app_id}/{method.name}", per_second=per_minute / 60, burst=per_minute, now=now)

    def take(self, key: str, *, per_second: float, burst: int, now: float) -> int:
        level, at = self._buckets.get(key, (float(burst), now))
        level = min(float(burst), level + max(0.0, now - at) * per_second)
        if level < 1:
            self._buckets[key] = (level, now)
            return max(1, math.ceil((1 - level) / per_second))
        self._buckets[key] = (level - 1, now)
        return 0
