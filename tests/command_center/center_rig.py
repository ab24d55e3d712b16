"""What the tests of the command center share: times, operators, signals, and a center on a real store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from command_center.access.operators import Directory, Operator, Role
from command_center.center import CommandCenter
from command_center.settings import CenterSettings
from models.clock import FrozenClock
from models.levels import Level
from models.sanitizer import SafeText
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.database import Database
from storage.facts import BlockFacts, MinuteCount, ServiceTraffic, Signal, SignalKind
from storage.layout import Layout
from storage.records import ErrorPattern
from storage.seal import KeyRing

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CALLS = {
    "api-gateway": ("billing", "auth", "messaging"),
    "billing": ("records-db",),
    "messaging": ("records-db",),
}
SERVICES = ("api-gateway", "billing", "auth", "messaging", "records-db", "reports")
OPERATORS = (
    Operator(id="oncall", name="On-call engineer", roles=(Role.ENGINEER,), slack="U1", uid=1001),
    Operator(id="lead", name="Technical lead", roles=(Role.TECHNICAL_LEAD,), slack="U2", uid=1002),
    Operator(id="viewer", name="Viewer", roles=(Role.VIEWER,)),
    Operator(id="officer", name="Compliance officer", roles=(Role.COMPLIANCE,)),
    Operator(id="pipeline", name="Pipeline", roles=(Role.AUTOMATION,)),
)
ONCALL, LEAD, VIEWER, OFFICER, PIPELINE = OPERATORS
STRANGER = Operator(id="stranger", name="Stranger", roles=(Role.CTO,))
GATE = Gate(Vocabulary.base(), names=[*SERVICES, *(operator.id for operator in OPERATORS)])


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def text(raw: str) -> SafeText:
    return GATE.text(raw)


def signal(
    service: str,
    seconds: float,
    *,
    kind: SignalKind = SignalKind.ERROR_BURST,
    template: str = "request failed",
    level: Level = Level.ERROR,
    count: int = 40,
    score: float = 0.9,
) -> Signal:
    """A signal; its template id follows from service and template, its id from everything."""
    silent = kind is SignalKind.SILENCE
    template_id = None if silent else f"{service}.{template.replace(' ', '-')}"
    return Signal(
        id=f"{service}.{kind.value}.{template_id}.{seconds:g}",
        kind=kind,
        service=GATE.name(service),
        template_id=template_id,
        template=None if silent else text(template),
        level=Level.UNKNOWN if silent else level,
        at=at(seconds),
        seen_at=at(seconds),
        score=score,
        threshold=0.5,
        evidence={} if silent else {"count": count, "usual": 0.4},
    )


class Stream:
    """Makes the reports of one shard, numbered."""

    def __init__(self, shard: int = 0) -> None:
        self.shard, self.block = shard, 0

    def block_of(
        self,
        seconds: float,
        signals: Iterable[Signal] = (),
        traffic: dict[str, tuple[int, int]] | None = None,
        lines: dict[tuple[str, str], int] | None = None,
        patterns: Iterable[ErrorPattern] = (),
    ) -> BlockFacts:
        """`traffic` is service -> (lines, errors); `lines` is (service, template) -> error lines."""
        self.block += 1
        when = at(seconds)
        minute = when.replace(second=0, microsecond=0)
        return BlockFacts(
            shard=self.shard,
            block=self.block,
            received_at=when,
            signals=tuple(signals),
            patterns=tuple(patterns),
            traffic=tuple(
                ServiceTraffic(service=GATE.name(name), lines=lines_, errors=errors, last_ts=when)
                for name, (lines_, errors) in (traffic or {}).items()
            ),
            counts=tuple(
                MinuteCount(
                    service=GATE.name(service),
                    template_id=f"{service}.{template.replace(' ', '-')}",
                    minute=minute,
                    level=Level.ERROR,
                    count=count,
                )
                for (service, template), count in (lines or {}).items()
            ),
        )


class Rig:
    """A command center on a real store below `root`; `restart` closes and opens it again."""

    def __init__(self, root: Path, settings: CenterSettings | None = None) -> None:
        self.layout = Layout(root).prepare()
        self.ring = KeyRing.load(self.layout, create=True, environ={})
        self.clock = FrozenClock(START)
        self.settings = settings or CenterSettings(critical_services=("api-gateway",), calls=CALLS)
        self.directory = Directory(OPERATORS)
        self.stream = Stream()
        self._open()

    def _open(self) -> None:
        self.db = Database.open(self.layout, self.ring, self.clock)
        self.center = CommandCenter(self.db, GATE, self.directory, self.settings, self.clock)

    def restart(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self.db.close()

    def see(
        self,
        *signals: Signal,
        seconds: float | None = None,
        traffic: dict[str, tuple[int, int]] | None = None,
        lines: dict[tuple[str, str], int] | None = None,
        patterns: Iterable[ErrorPattern] = (),
    ) -> BlockFacts:
        """Apply one block with `signals`; the clock moves to its time if that is later. Returns the block."""
        when = max((each.at for each in signals), default=self.clock()) if seconds is None else at(seconds)
        self.clock.at = max(self.clock.at, when)
        block = self.stream.block_of((when - START).total_seconds(), signals, traffic, lines, patterns)
        self.center.apply([block])
        return block

    def audit(self, action: str) -> list[dict[str, object]]:
        """Return what the audit chain holds for an action, oldest first."""
        import json

        rows = self.db.read(lambda reader: reader.execute("SELECT payload FROM audit_log ORDER BY seq"))
        entries = [json.loads(row[0]) for row in rows]
        return [entry for entry in entries if entry["action"] == action]
