"""Detectors of trouble in one service, River's in kind: see `base` for the contract and `models.checks` for
its proof.

`DETECTORS` lists the models; a new one is a file here, a line in this list, and a stream of examples in
`tests/models/test_detectors.py`. The watches (`*_watch`, `template_silence`) carry them over a stream; `stream/watches.py`
puts those of one service together.
"""

from __future__ import annotations

from models.detectors.base import Detector, ExplainingDetector, Finding, Reason
from models.detectors.error_burst import ErrorBurst
from models.detectors.gauge_shift import GaugeShift
from models.detectors.new_error_template import NewErrorTemplate
from models.detectors.precedence import Precedence
from models.detectors.rhythm import Rhythm
from models.detectors.sequence_break import SequenceBreak
from models.detectors.session_shape import SessionShape
from models.detectors.settings import DetectorSettings
from models.detectors.silence import Silence
from models.detectors.traffic_drop import TrafficDrop

DETECTORS: tuple[type[Detector], ...] = (
    NewErrorTemplate,
    ErrorBurst,
    Silence,
    TrafficDrop,
    GaugeShift,
    Rhythm,
    SessionShape,
    SequenceBreak,
    Precedence,
)

__all__ = [
    "DETECTORS",
    "Detector",
    "DetectorSettings",
    "ErrorBurst",
    "ExplainingDetector",
    "Finding",
    "GaugeShift",
    "NewErrorTemplate",
    "Precedence",
    "Reason",
    "Rhythm",
    "SequenceBreak",
    "SessionShape",
    "Silence",
    "TrafficDrop",
]
