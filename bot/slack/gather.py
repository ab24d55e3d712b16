"""Gathers from the command center what a card shows."""

from __future__ import annotations

from collections.abc import Mapping

from bot.slack.cards import CardFacts
from command_center.center import CommandCenter
from command_center.incidents import wording
from models.sanitizer import SafeText, phrase
from storage.database import Database
from storage.records import ChangeMarker, Incident


def card_facts(
    center: CommandCenter, database: Database, incident: Incident, names: Mapping[str, str], lines: int
) -> CardFacts:
    """Return the facts about `incident`, with the newest `lines` entries of its timeline."""
    told = center.timeline(incident.id)
    shown = told[-lines:] if lines else ()
    return CardFacts(
        incident,
        evidence=center.evidence(incident.id),
        timeline=tuple(shown),
        earlier=len(told) - len(shown),
        suspect=_suspect(database, incident.suspect_change),
        due=center.next_due(incident.id),
        warnings=center.hints(incident.id),
        names=names,
    )


def _suspect(database: Database, change: str | None) -> SafeText | None:
    marker = database.read(lambda reader: reader.get(ChangeMarker, change)) if change else None
    if marker is None:
        return None
    return phrase("{} of {} {}", wording.MARKER[marker.kind], marker.service, marker.version)
