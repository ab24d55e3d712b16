"""What comes of an action of a person: words for them, codes for programs, and what they asked to see."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from command_center.maintenance.windows import Told
from command_center.timers import Rule
from models.sanitizer import SafeText
from storage.records import ChangeMarker, Incident, IncidentEvent


class Facts(NamedTuple):
    """What a look at an incident shows beside its record: what fails, which clocks have run over or will next, and the
    change that is suspected, in words and with its time.
    """

    evidence: tuple[SafeText, ...] = ()
    warnings: tuple[SafeText, ...] = ()
    due: tuple[Rule, datetime] | None = None
    suspect: tuple[SafeText, datetime] | None = None


class Outcome(NamedTuple):
    """What came of an action, in words for the person and codes for programs.

    `changed` names the incidents that now have another version; `incidents`, `windows`, and `timeline` with `facts`, answer
    a list or a look.
    """

    ok: bool
    message: SafeText
    incident: Incident | None = None
    reasons: tuple[str, ...] = ()
    incidents: tuple[Incident, ...] = ()
    timeline: tuple[IncidentEvent, ...] = ()
    marker: ChangeMarker | None = None
    changed: tuple[str, ...] = ()
    facts: Facts | None = None
    windows: tuple[Told, ...] = ()
