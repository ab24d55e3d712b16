"""Detectors of trouble in one service, River's in kind: see `base` for the contract and `models.checks` for
its proof.

`DETECTORS` lists the models; a new one is a file here, a line in this list, and a stream of examples in
`tests/models/test_detectors.py`. The watches (`burst_watch`, `silence_watch`, `session_watch`) carry them over a stream.
"""

from __future__ import annotations

from models.detectors.base import Detector, ExplainingDetector, Finding, Reason
from models.detectors.error_burst import ErrorBurst
from models.detectors.new_error_template import NewErrorTemplate
from models.detectors.precedence import Precedence
from models.detectors.sequence_break import SequenceBreak
from models.detectors.session_shape import SessionShape
from models.detectors.settings import DetectorSettings
from models.detectors.silence import Silence

DETECTORS: tuple[type[Detector], ...] = (
    NewErrorTemplate,
    ErrorBurst,
    Silence,
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
    "NewErrorTemplate",
    "Precedence",
    "Reason",
    "SequenceBreak",
    "SessionShape",
    "Silence",
]
