"""A host of a service that has stopped talking while the others go on.

A host is missed after a multiple of its longest pause, and of the time in which so many lines were expected that none is
chance; once, and a second time after half as long again. Only where hosts do not come and go: from the first host on that
appears or is gone after the service's first minutes, hosts are taken for something that is started and stopped at will,
and none of that service is ever missed again. Times are ns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.detectors.base import Finding, against
from models.detectors.settings import DetectorSettings

_SECOND: Final = 10**9
_LINES: Final = 20
_SPAN_NS: Final = 1800 * _SECOND
"""Time for which the hosts of a service have to be the same ones."""
_SETTLED_NS: Final = 600 * _SECOND
"""Time in which the hosts of a service become known."""
_EXPECTED: Final = 14.0
"""Lines that should have come: with so many expected, none comes once in a million times."""
_AGAIN: Final = 1.5
_HOSTS: Final = 64
"""More hosts than that are a fleet, and one of them is no trouble by itself."""


class _Heard:
    __slots__ = ("count", "first", "last", "longest", "told")

    def __init__(self, at: int) -> None:
        self.first = self.last = at
        self.count = 1
        self.longest = 0
        self.told = 0  # times that its absence was told of


class HostSilence:
    """Watches the hosts of one service."""

    kind = "host_silence"

    def __init__(self, settings: DetectorSettings) -> None:
        self._least_ns = settings.silence_least_seconds * _SECOND
        self._factor = settings.silence_factor
        self._hosts: dict[str, _Heard] = {}
        self._began: int | None = None
        self._looked = 0
        self._fleeting = False

    def take(self, counts: Mapping[str, int], now_ns: int) -> list[Finding]:
        """Take in the lines of a block by host; return the hosts that are missing."""
        if self._fleeting:
            return []
        if self._began is None:
            self._began = now_ns
        for host, count in counts.items():
            heard = self._hosts.get(host)
            if heard is None:
                if now_ns - self._began > _SETTLED_NS or len(self._hosts) >= _HOSTS:
                    self._fleeting = True
                    self._hosts.clear()
                    return []
                self._hosts[host] = _Heard(now_ns)
                continue
            if heard.told:  # it is back; the pause that was told of is no usual one
                heard.told = 0
            else:
                heard.longest = max(heard.longest, now_ns - heard.last)
            heard.last = max(heard.last, now_ns)
            heard.count += count
        if now_ns - self._looked < 10 * _SECOND or len(self._hosts) < 2:
            return []
        self._looked = now_ns
        return [found for host, heard in self._hosts.items() if (found := self._missing(host, heard, now_ns))]

    def _missing(self, host: str, heard: _Heard, now_ns: int) -> Finding | None:
        if heard.told > 1 or heard.count < _LINES or heard.last - heard.first < _SPAN_NS:
            return None
        quiet = now_ns - heard.last
        mean = (heard.last - heard.first) / heard.count
        limit = max(self._least_ns, self._factor * heard.longest, _EXPECTED * mean)
        if quiet < limit * (_AGAIN if heard.told else 1):
            return None
        heard.told += 1
        evidence: dict[str, int | float | str] = {
            "quiet_s": round(quiet / _SECOND),
            "usual_s": round(heard.longest / _SECOND, 1),
            "limit_s": round(limit / _SECOND, 1),
        }
        return Finding(self.kind, now_ns, against(quiet, limit), 0.5, host=host, evidence=evidence)
