"""The shapes of the page and the words that go with them: nothing is said by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from storage.records import ChangeMarkerKind

CHANGE: Mapping[ChangeMarkerKind, str] = MappingProxyType(
    {
        ChangeMarkerKind.DEPLOY: "deploy",
        ChangeMarkerKind.CONFIG: "configuration change",
        ChangeMarkerKind.MIGRATION: "migration",
        ChangeMarkerKind.FLAG: "feature flag",
    }
)
FAMILY: Mapping[str, str] = MappingProxyType(
    {
        "errors": "errors",
        "warnings": "warnings",
        "absence": "fewer lines, silence",
        "figures": "raised figures",
        "privacy": "personal data",
        "clock": "wrong clocks",
        "forecast": "forecasts",
    }
)
"""Families of signals, each with a shape `f-NAME` of its own."""

_PATHS: Mapping[str, str] = MappingProxyType(
    {
        "s-1": "M-3-7H3L7-3V3L3 7H-3L-7 3V-3Z",
        "s-2": "M0-7L7.5 6H-7.5Z",
        "s-3": "M0-7L7 0L0 7L-7 0Z",
        "s-4": "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6Z",
        "f-errors": "M0-5.5L5.5 4.5H-5.5Z",
        "f-warnings": "M0-5.5L5 0L0 5.5L-5 0Z",
        "f-absence": "M0 5.5L-5.5-4.5H5.5Z",
        "f-figures": "M0-5.5L4.5-.5H1.7V5H-1.7V-.5H-4.5Z",
        "f-privacy": "M-4.5-4.5H4.5V4.5H-4.5Z",
        "f-clock": "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z",
        "f-forecast": "M-1.6-5H1.6V-1.6H5V1.6H1.6V5H-1.6V1.6H-5V-1.6H-1.6Z",
        "c-flag": "M-1-7H7L4-3.5L7 0H1V7H-1Z",
    }
)


def definitions() -> str:
    """Return the shapes as symbols around the point that they stand at, for `<use href="#NAME" x="12%" y="8"/>`."""
    paths = "".join(f'<path id="{name}" d="{path}"/>' for name, path in _PATHS.items())
    return f'<svg class="off" aria-hidden="true" width="0" height="0"><defs>{paths}</defs></svg>'
