"""The clocks of the hosts of one service: lines that say another time than the one at which they came.

Ahead of their receipt nothing can be: a host whose lines are, again and again, has a fast clock. Behind it may only be late; a
clock that is behind shows by a distance that stays the same while a backlog's shrinks, on a host that was on time before. Once
per host and `accept_seconds`. Times are ns.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from statistics import median
from typing import Final

from models.detectors.base import Finding, against
from models.detectors.settings import DetectorSettings

_SECOND: Final = 10**9
_SAMPLES: Final = 6
_SPAN_NS: Final = 20 * _SECOND
"""Time over which the samples have to lie."""
_STEADY_NS: Final = 5 * _SECOND
_HOSTS: Final = 256


class ClockWatch:
    """Watches the hosts of one service."""

    kind = "clock_skew"

    def __init__(self, settings: DetectorSettings) -> None:
        self._ahead_ns = settings.clock_ahead_seconds * _SECOND
        self._behind_ns = settings.clock_behind_seconds * _SECOND
        self._again_ns = settings.accept_seconds * _SECOND
        self._samples: OrderedDict[str, deque[tuple[int, int]]] = OrderedDict()  # host -> (received, skew)
        self._usual: dict[str, int] = {}
        self._told: dict[str, int] = {}

    def take(self, newest: Iterable[tuple[str, int]], received_ns: int) -> list[Finding]:
        """Look at (host, time of its last line) of one block; return the clocks that are wrong."""
        found = list[Finding]()
        for host, at in newest:
            samples = self._samples.get(host)
            if samples is None:
                if len(self._samples) >= _HOSTS:
                    gone, _ = self._samples.popitem(last=False)
                    self._usual.pop(gone, None)
                    self._told.pop(gone, None)
                samples = self._samples[host] = deque(maxlen=_SAMPLES)
            else:
                self._samples.move_to_end(host)
            if not samples or received_ns - samples[-1][0] >= _SPAN_NS // _SAMPLES:
                samples.append((received_ns, at - received_ns))
                finding = self._judge(host, samples, received_ns)
                if finding is not None:
                    found.append(finding)
        return found

    def _judge(self, host: str, samples: deque[tuple[int, int]], received_ns: int) -> Finding | None:
        skews = [skew for _, skew in samples]
        middle = int(median(skews))
        if len(samples) < _SAMPLES or samples[-1][0] - samples[0][0] < _SPAN_NS // 2:
            return None
        ahead = min(skews) >= self._ahead_ns
        usual = self._usual.get(host)
        steady = max(skews) - min(skews) <= _STEADY_NS
        behind = usual is not None and steady and middle <= usual - self._behind_ns
        if not ahead and not behind:
            if max(skews) < self._ahead_ns:  # what is ahead is on its way there or back, and is not usual
                self._usual[host] = middle if usual is None else max(usual, middle)
            return None
        if received_ns - self._told.get(host, -self._again_ns) < self._again_ns:
            return None
        self._told[host] = received_ns
        limit = self._ahead_ns if ahead else self._behind_ns
        evidence: dict[str, int | float | str] = {
            "skew_s": round(middle / _SECOND, 1),
            "limit_s": limit // _SECOND,
        }
        return Finding(self.kind, received_ns, against(abs(middle), limit), 0.5, host=host, evidence=evidence)
