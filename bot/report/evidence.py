"""The figures behind a signal, with words and units that a person reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.sanitizer import SafeText

_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "count": "lines",
        "lines": "of all lines",
        "lines_seen": "lines seen",
        "of_template": "of this sentence",
        "minutes": "minutes watched before",
        "since_s": "lasting",
        "usual_s": "usual pause",
        "limit_s": "limit",
        "quiet_s": "quiet for",
        "skew_s": "clock off by",
        "figure": "figure",
        "kinds": "kinds",
        "in_min": "limit in",
        "seen_min": "watched for",
    }
)
_UNITS: Mapping[str, str] = MappingProxyType({"s": "s", "min": "min", "percent": "%"})


def figures(evidence: Mapping[str, int | float | SafeText]) -> tuple[str, ...]:
    """Return the figures as short phrases, in the order of their names.

    >>> figures({"count": 41, "usual": 0.4, "window_s": 60})
    ('lines 41', 'usual 0.4', 'window 60 s')
    """
    found = []
    for key, value in sorted(evidence.items()):
        stem, _, unit = key.rpartition("_")
        unit = _UNITS.get(unit, "") if stem else ""
        label = _LABELS.get(key, (stem if unit else key).replace("_", " "))
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        found.append(f"{label} {shown} {unit}".rstrip())
    return tuple(found)
