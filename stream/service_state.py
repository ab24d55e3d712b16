"""What the stream knows of one service: its templates, its open windows and what its detectors have learnt.

Event time is the service's own: its watermark is the newest time of its lines less the lateness that is
allowed, and a service that says nothing moves on with the ticks, at the pace of the spool's time. A time
ahead of the receipt of its line counts as received for the detectors, so a host whose clock is fast cannot
close windows over the others. Lines that come after their window was closed are counted like all others and
reported as late; detectors do not see them.

Nothing here asks a clock or draws a number: equal blocks give equal facts.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from itertools import islice, repeat
from operator import floordiv, gt, itemgetter
from typing import Any, Final, NamedTuple

import msgpack
import zstandard
from pydantic import TypeAdapter

from models.detectors import Finding
from models.detectors.session_breaks import Templates
from models.levels import Level
from models.masking import Masker
from models.mined_template import Change
from models.recent import Recent
from models.sanitizer import SafeText
from models.sanitizer.gate import Gate
from models.templates import TemplateMiner
from storage.facts import MinuteCount, ServiceTraffic, Signal, SignalKind
from storage.records import ErrorEvent, ErrorPattern
from stream.fields import Lines
from stream.flow_errors import StateUnreadable
from stream.flow_settings import FlowSettings
from stream.forgetting import Forgotten
from stream.moments import MINUTE_NS, moment
from stream.service_facts import ServiceFacts
from stream.trace_join import Joined, TraceJoin
from stream.watches import Watches

SCHEMA: Final = 7
_ERROR: Final = int(Level.ERROR)
_LEVELS: Final = {int(level): level for level in Level}
_MINUTE_COUNTS: Final = TypeAdapter(list[MinuteCount])
_Times = tuple[int, int, int]
"""Highest level, first and last time of some lines."""


class _Place(NamedTuple):
    """Where facts are made: which block, when it was received, and how signals name it."""

    shard: int
    block: int
    received_ns: int
    named: str


class Tools:
    """What every service's state works with; one per process, nothing in it belongs to the state."""

    def __init__(self, settings: FlowSettings, gate: Gate, template_key: bytes) -> None:
        self.settings = settings
        self.gate = gate
        self.template_key = template_key
        self.masker = Masker(settings.templates.known_shapes)
        self.forgotten = Forgotten()
        self._hosts = Recent[str, SafeText](8192)

    def host(self, raw: str) -> SafeText:
        """Return a host's name past the gate, each looked at once."""
        known = self._hosts.get(raw)
        if known is None:
            known = self.gate.name(raw, "host")
            self._hosts.put(raw, known)
        return known


class ServiceState:
    """State of one service. `name` is raw; `safe_name` is what leaves."""

    def __init__(self, name: str, tools: Tools) -> None:
        self.name = name
        self.safe_name = tools.gate.name(name)
        self._tools = tools
        settings = tools.settings
        self._miner = TemplateMiner(name, tools.template_key, settings.templates, tools.masker)
        self._watches = Watches(settings.detectors, name)
        self._traces = TraceJoin(settings.trace_ticks, settings.trace_chars, settings.traces_held)
        self._newest_ns: int | None = None  # newest time of a line, never ahead of its receipt
        self._heard_ns = 0  # receive time of the newest block with lines
        self._watermark_ns = 0
        # Templates to be told of, in the order of their turn: level, first and last time as far as they are to be told.
        self._due: dict[str, _Times] = {}  # with the next block: they are new, or fully known
        self._grown: dict[
            str, _Times
        ] = {}  # with the next tick: a template that is being learnt changes all the time
        self._packed_templates: bytes | None = None

    @property
    def templates(self) -> int:
        """Number of templates."""
        return len(self._miner)

    @property
    def held(self) -> list[str]:
        """Raw lines that wait for the next one of their source."""
        return self._traces.held

    def take(self, lines: Lines, shard: int, block: int, received_ns: int, series: str = "") -> ServiceFacts:
        """Learn the lines of one block of a series and return what is to be reported.

        `traffic` has every line in the block that it came in; the rest is of events (`stream.trace_join`).
        """
        place = _Place(shard, block, received_ns, _named(series, block))
        joined = self._traces.take(lines)
        newest_ns = max(lines.ts)
        known_ns = min(newest_ns, received_ns)
        if len(joined.events):
            facts, errors = self._learn(joined, place)
        else:
            more = [str(head) for head, _ in joined.more], [text for _, text in joined.more]
            found = self._watches.take_more(more, known_ns, received_ns)
            facts, errors = ServiceFacts(signals=[self._signal(each, place) for each in found]), 0
        facts.traffic.append(
            ServiceTraffic(service=self.safe_name, lines=len(lines), errors=errors, last_ts=moment(newest_ns))
        )
        self._heard_ns = received_ns
        self._newest_ns = known_ns if self._newest_ns is None else max(self._newest_ns, known_ns)
        facts.signals += [self._signal(each, place) for each in self._move_on(self._newest_ns)]
        return facts

    def tick(self, shard: int, block: int, received_ns: int, series: str = "") -> ServiceFacts:
        """Let time go on: windows close, what waits is reported, and so is a silence."""
        place = _Place(shard, block, received_ns, _named(series, block))
        facts = self._late(self._traces.tick(self.name), place)
        for template_id, times in self._grown.items():
            self._due[template_id] = _joined(self._due.get(template_id), times)
        self._grown.clear()
        facts.patterns += self._patterns(self._tools.settings.patterns_per_tick)
        if self._newest_ns is None:
            return facts
        facts.signals += [
            self._signal(each, place)
            for each in (
                *self._move_on(self._newest_ns + max(0, received_ns - self._heard_ns)),
                *self._watches.tick(self._newest_ns, received_ns),
            )
        ]
        return facts

    def close(self, shard: int, block: int, received_ns: int, series: str = "") -> ServiceFacts:
        """Return what is to be reported before the service is forgotten: the lines that wait."""
        place = _Place(shard, block, received_ns, _named(series, block))
        return self._late(self._traces.close(self.name), place)

    # -- what one block says ------------------------------------------------------------------------------------

    def _late(self, events: Lines, place: _Place) -> ServiceFacts:
        """Learn events whose lines came, and were counted as traffic, in blocks before."""
        if not len(events):
            return ServiceFacts()
        facts, errors = self._learn(Joined(events), place)
        last_ts = moment(max(events.ts))
        facts.traffic.append(ServiceTraffic(service=self.safe_name, lines=0, errors=errors, last_ts=last_ts))
        return facts

    def _learn(self, joined: Joined, place: _Place) -> tuple[ServiceFacts, int]:
        """Learn the events of a block (at least one); return what they say and the number of errors."""
        lines = joined.events
        self._packed_templates = None
        facts = ServiceFacts()
        before = self._miner.forgotten
        ids = self._miner.learn_many(lines.text)
        if lost := self._miner.forgotten - before:
            self._tools.forgotten.templates_of(self.safe_name, lost, place.received_ns)
        self._traces.bind(ids)
        facts.counts, facts.late = self._count(lines, ids)
        seen = self._watches.see(lines, ids, place.received_ns, self._template)
        self._await_report(lines, ids)
        facts.patterns = self._patterns(self._tools.settings.patterns_per_block)
        facts.errors = [
            ErrorEvent(
                ts=moment(group.first),
                last_ts=moment(group.last),
                service=self.safe_name,
                host=self._tools.host(group.host),
                level=_LEVELS[group.level],
                template_id=group.template_id,
                count=group.lines,
                shard=place.shard,
                block=place.block,
            )
            for group in seen.errors.groups()
        ]
        more = (
            [head if isinstance(head, str) else ids[head] for head, _ in joined.more],
            [text for _, text in joined.more],
        )
        templates = Templates(self._miner.resolve, self._template)
        facts.signals = [self._signal(each, place) for each in self._watches.take(seen, templates, more)]
        return facts, len(seen.errors)

    def _count(self, lines: Lines, ids: list[str]) -> tuple[list[MinuteCount], int]:
        minutes = list(map(floordiv, lines.ts, repeat(MINUTE_NS)))
        groups = Counter(zip(ids, minutes, lines.level, strict=True))
        moments = {minute: moment(minute * MINUTE_NS) for minute in {each[1] for each in groups}}
        counts = _MINUTE_COUNTS.validate_python(
            [
                {
                    "service": self.safe_name,
                    "template_id": template_id,
                    "minute": moments[minute],
                    "level": _LEVELS[level],
                    "count": count,
                }
                for (template_id, minute, level), count in sorted(groups.items())
            ]
        )
        closed = self._watermark_ns // MINUTE_NS
        late = sum(count for (_, minute, _), count in groups.items() if minute < closed)
        return counts, late

    def _await_report(self, lines: Lines, ids: list[str]) -> None:
        """Note level and times of the templates that changed, and of those whose turn comes next."""
        due, grown = self._due, self._grown
        changes = self._miner.changes()
        wanted = changes.keys() | due.keys()
        if wanted.isdisjoint(ids):
            return
        found = _times_of(lines, ids)
        for template_id, times in found.items():
            if template_id not in wanted:
                continue
            if template_id in due or changes.get(template_id, Change.GROWN) is not Change.GROWN:
                times = _joined(grown.pop(template_id, None), times)
                due[template_id] = _joined(due.get(template_id), times)
            else:
                grown[template_id] = _joined(grown.get(template_id), times)
        if len(due) + len(grown) > 2 * self._tools.settings.templates.max_templates:
            for waiting in (due, grown):
                for template_id in [each for each in waiting if each not in self._miner]:
                    del waiting[template_id]  # forgotten before its turn came

    def _patterns(self, limit: int) -> list[ErrorPattern]:
        """Report what waits, errors first and the oldest first among equals: the gate takes its time over each."""
        if not self._due:
            return []
        gate, out = self._tools.gate, list[ErrorPattern]()
        first = [each for each, (level, _, _) in self._due.items() if level >= _ERROR]
        turn = dict.fromkeys((*first, *self._due)) if first else self._due
        for template_id in list(islice(turn, limit)):
            level, begun, last = self._due.pop(template_id)
            mined = self._miner.mined(template_id)
            if mined is None:  # forgotten before its turn came
                continue
            out.append(
                ErrorPattern(
                    template_id=template_id,
                    service=self.safe_name,
                    template=gate.template(mined.template),
                    level=_LEVELS[level],
                    first_seen=moment(begun),
                    last_seen=moment(last),
                    distinct_parameters=mined.distinct,
                    samples=tuple(gate.text(sample) for sample in mined.samples),
                )
            )
        return out

    # -- findings -----------------------------------------------------------------------------------------------

    def _template(self, template_id: str) -> str:
        mined = self._miner.mined(template_id)
        return "" if mined is None else mined.template

    def _signal(self, found: Finding, place: _Place) -> Signal:
        gate, kind = self._tools.gate, SignalKind(found.kind)
        mined = None if found.template_id is None else self._miner.mined(found.template_id)
        about = found.template_id or found.host or ""
        return Signal(
            id=self._signal_id(
                kind,
                f"{about}{found.evidence.get('figure', '')}{found.evidence.get('number', '')}",
                place.named,
            ),
            kind=kind,
            service=self.safe_name,
            host=None if found.host is None else self._tools.host(found.host),
            template_id=found.template_id,
            template=None if mined is None else gate.template(mined.template),
            level=found.level,
            at=moment(found.at_ns),
            seen_at=moment(place.received_ns),
            score=found.score,
            threshold=found.threshold,
            evidence={
                key: str(gate.text(value)) if isinstance(value, str) else value
                for key, value in found.evidence.items()
            },
        )

    def _signal_id(self, kind: SignalKind, template_id: str, block: str) -> str:
        name = "\0".join((self.name, kind.value, template_id, block)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(name, key=self._tools.template_key, digest_size=10).hexdigest()

    def _move_on(self, now_ns: int) -> list[Finding]:
        lateness = int(self._tools.settings.lateness_seconds * 10**9)
        self._watermark_ns = max(self._watermark_ns, now_ns - lateness)
        return self._watches.advance(self._watermark_ns)

    # -- state --------------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """Return the state as bytes. They hold raw text and are for the seal only."""
        if self._packed_templates is None:  # a tick changes no template, and templates are most of the state
            self._packed_templates = zstandard.ZstdCompressor(level=1).compress(self._miner.dump())
        rest = pickle.dumps(
            (
                self._due,
                self._grown,
                self._watches,
                self._newest_ns,
                self._heard_ns,
                self._watermark_ns,
                self._traces.dump(),
            ),
            protocol=5,
        )
        packed: bytes = msgpack.packb(
            {
                "schema": SCHEMA,
                "name": self.name,
                "templates": self._packed_templates,
                "rest": zstandard.ZstdCompressor(level=1).compress(rest),
            },
            unicode_errors="surrogatepass",
        )
        return packed

    @classmethod
    def load(cls, state: bytes, tools: Tools) -> ServiceState:
        """Return the state that `dump` was called on. Raises `StateUnreadable`, `UnknownState`."""
        stored: dict[str, Any] = msgpack.unpackb(state, unicode_errors="surrogatepass")
        if stored.get("schema") != SCHEMA:
            raise StateUnreadable("the state of a service has another version", hint=StateUnreadable.remedy)
        service = cls(stored["name"], tools)
        decompress = zstandard.ZstdDecompressor().decompress
        service._packed_templates = stored["templates"]
        service._miner = TemplateMiner.load(
            decompress(stored["templates"]),
            service.name,
            tools.template_key,
            tools.settings.templates,
            tools.masker,
        )
        # The bytes are our own: they come out of a seal that authenticates them.
        (
            service._due,
            service._grown,
            service._watches,
            service._newest_ns,
            service._heard_ns,
            service._watermark_ns,
            traces,
        ) = pickle.loads(decompress(stored["rest"]))  # noqa: S301
        service._traces.load(traces)
        return service


def _times_of(lines: Lines, ids: list[str]) -> dict[str, _Times]:
    """Return the times of each template's lines; no Python per line, for it runs over whole blocks."""
    times: list[int] = lines.ts
    levels = dict(sorted(set(zip(ids, lines.level, strict=True)), key=itemgetter(1)))
    if any(map(gt, times, islice(times, 1, None))):
        order = sorted(range(len(times)), key=times.__getitem__)
        ids, times = [ids[at] for at in order], [times[at] for at in order]
    firsts, lasts = dict(zip(reversed(ids), reversed(times), strict=True)), dict(zip(ids, times, strict=True))
    return {each: (levels[each], firsts[each], last) for each, last in lasts.items()}


def _joined(some: _Times | None, others: _Times) -> _Times:
    if some is None:
        return others
    return max(some[0], others[0]), min(some[1], others[1]), max(some[2], others[2])


def _named(series: str, block: int) -> str:
    """Name a block as signals do: by its number alone where there was no series yet."""
    return f"{series}/{block}" if series else str(block)
