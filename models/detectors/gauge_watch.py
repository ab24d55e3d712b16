"""The figures in the lines of one service, watched for shifts.

Of every template one line per block is looked at, the last, so the cost follows the number of templates and not of lines. A value
is learnt once it is some minutes old and nothing was wrong with its figure meanwhile. A shift is reported at its beginning and
once per `repeat_seconds`; after `accept_seconds` it is the usual. A shift at its usual hour, no greater and no longer than it
always is, is not reported. Times are ns of event time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from models.detectors.base import Finding
from models.detectors.gauge_shift import GaugeShift
from models.detectors.gauges import Gauge, gauges
from models.detectors.season import Season
from models.detectors.settings import DetectorSettings

_SECOND: Final = 10**9
_LATEST_NS: Final = 300 * _SECOND
_FEW, _MANY = 4, 5
"""So many of the latest values are held against the usual ones."""
_DUE_NS: Final = 120 * _SECOND
_FIGURES: Final = 256
"""Figures of one service that are watched, the one unseen for longest out first."""


_EPISODES: Final = 48


class _Figure:
    __slots__ = ("began", "detector", "gauge", "last", "latest", "reported", "season", "waiting")

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge
        self.detector = GaugeShift()
        self.latest: deque[tuple[int, float]] = deque(maxlen=_MANY)
        self.waiting: deque[tuple[int, float]] = deque(maxlen=512)
        self.began: int | None = None
        self.last = 0
        self.reported = 0
        self.season: Season | None = None  # of those that ever shifted


class GaugeWatch:
    """Watches one service."""

    kind = "figure_shift"

    def __init__(self, settings: DetectorSettings) -> None:
        self._settings = settings
        self._plain_most = settings.known_templates
        self._repeat_ns = settings.repeat_seconds * _SECOND
        self._accept_ns = settings.accept_seconds * _SECOND
        self._figures: OrderedDict[tuple[str, int], _Figure] = OrderedDict()
        self._plain: OrderedDict[str, int] = OrderedDict()  # template -> times looked at in vain

    def take(self, samples: Iterable[tuple[str, str, int]]) -> list[Finding]:
        """Look at (template id, text, time) of one line per template; return the shifts to be reported."""
        found = list[Finding]()
        for template_id, text, at in samples:
            if self._plain.get(template_id, 0) >= _FEW:
                continue
            seen = gauges(text)
            if not seen:
                self._note_plain(template_id)
                continue
            for gauge in seen:
                finding = self._follow(template_id, gauge, at)
                if finding is not None:
                    found.append(finding)
        return found

    def _note_plain(self, template_id: str) -> None:
        self._plain[template_id] = self._plain.get(template_id, 0) + 1
        if len(self._plain) > self._plain_most:
            self._plain.popitem(last=False)

    def _follow(self, template_id: str, gauge: Gauge, at: int) -> Finding | None:
        key = template_id, gauge.place
        figure = self._figures.get(key)
        if figure is None:
            if len(self._figures) >= _FIGURES:
                self._figures.popitem(last=False)
            figure = self._figures[key] = _Figure(gauge)
        else:
            self._figures.move_to_end(key)
        figure.latest.append((at, gauge.value))
        figure.waiting.append((at, gauge.value))
        latest = [value for when, value in figure.latest if at - when <= _LATEST_NS]
        score = figure.detector.score_one({"values": latest}) if len(latest) >= _FEW else 0.0
        if score < GaugeShift.threshold:
            if figure.began is not None and at - figure.last > _DUE_NS:
                figure.began = None
            if figure.began is None:
                while figure.waiting and at - figure.waiting[0][0] > _DUE_NS:
                    figure.detector.learn_one({"value": figure.waiting.popleft()[1]})
            return None
        figure.last = max(figure.last, at)
        figure.season = figure.season or Season(self._settings, _EPISODES)
        usual = figure.season.goes_on(at / _SECOND, sorted(latest)[len(latest) // 2])
        if usual:
            figure.began, figure.reported = at, 0  # once it is more than that, it is reported at once
            figure.waiting.clear()
            return None
        if figure.began is None:
            figure.began = at
            figure.waiting.clear()  # what led up to it is not usual
        elif at - figure.began >= self._accept_ns:
            self._accept(figure)
            return None
        elif at - figure.reported < self._repeat_ns:
            return None
        figure.reported = at
        evidence: dict[str, int | float | str] = {
            "figure": f"{gauge.name} {gauge.unit}".strip(),
            "value": round(sorted(latest)[len(latest) // 2], 3),
            "usual": round(figure.detector.usual, 3),
            "values": len(latest),
            "since_s": round((at - figure.began) / _SECOND),
        }
        return Finding(self.kind, at, score, GaugeShift.threshold, template_id, evidence=evidence)

    @staticmethod
    def _accept(figure: _Figure) -> None:
        figure.detector = GaugeShift()
        for _, value in figure.waiting:
            figure.detector.learn_one({"value": value})
        figure.waiting.clear()
        figure.began = None
