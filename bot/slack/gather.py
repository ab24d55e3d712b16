"""Gathers from the command center what a card shows."""

from __future__ import annotations

from collections.abc import Mapping

from bot.slack.cards import CardFacts
from command_center.center import CommandCenter
from storage.records import Incident


def card_facts(center: CommandCenter, incident: Incident, names: Mapping[str, str], lines: int) -> CardFacts:
    """Return the facts about `incident`, with the newest `lines` entries of its timeline."""
    told, facts = center.timeline(incident.id), center.facts(incident)
    shown = told[-lines:] if lines else ()
    return CardFacts(
        incident,
        evidence=facts.evidence,
        timeline=tuple(shown),
        earlier=len(told) - len(shown),
        suspect=facts.suspect[0] if facts.suspect else None,
        due=facts.due,
        warnings=facts.warnings,
        names=names,
    )
