"""Reports survive the journey unchanged, and what is not a report is refused whole."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.levels import Level
from models.sanitizer import SafeText
from models.sanitizer.gate import Gate
from models.sanitizer.safe_text import stored
from models.sanitizer.vocabulary import Vocabulary
from storage.errors import BadPayload
from storage.facts import BlockFacts, MinuteCount, Signal, SignalKind
from storage.wire import COUNTS, pack, unpack

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class Open:
    """A gate that lets everything pass and remembers through which door it came."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def text(self, raw: str, limit: int = 2000) -> SafeText:
        return stored(raw)

    def template(self, raw: str) -> SafeText:
        return stored(raw)

    def name(self, raw: str, kind: str = "svc") -> SafeText:
        self.names.append(raw)
        return stored(raw)


def _signal(**fields: object) -> Signal:
    values: dict[str, object] = {
        "id": "s-1",
        "kind": SignalKind.ERROR_BURST,
        "service": stored("billing"),
        "host": stored("host-1"),
        "template": stored("cannot reach <IP>"),
        "at": AT,
        "seen_at": AT,
        "score": 0.9,
        "threshold": 0.8,
        "evidence": {"count": 41, "usual": 0.4, "template": "t-1"},
    }
    return Signal.model_validate(values | fields)


def test_reports_come_back_as_they_went(report: Callable[..., BlockFacts]) -> None:
    facts = [report(shard, block, late=1) for shard in (0, 63) for block in (0, 1)]
    facts.append(BlockFacts(shard=5, block=9, received_at=AT, signals=(_signal(),)))
    assert unpack(pack(facts), Open()) == facts
    assert unpack(pack([]), Open()) == []


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=8), st.integers(1, 2**40)),
        max_size=30,
    )
)
def test_any_counts_come_back_as_they_went(rows: list[tuple[str, str, int]]) -> None:
    counts = tuple(
        MinuteCount(service=stored(service), template_id=template, minute=AT, level=Level.WARN, count=count)
        for service, template, count in rows
    )
    facts = [BlockFacts(shard=1, block=1, received_at=AT, counts=counts)]
    assert unpack(pack(facts), Open()) == facts


def test_each_distinct_name_passes_the_gate_once_in_a_message(report: Callable[..., BlockFacts]) -> None:
    gate = Open()
    unpack(pack([report(1, block) for block in range(50)]), gate)
    assert sorted(gate.names) == ["host-1", "service-1"]


def test_every_text_passes_the_real_gate_again() -> None:
    gate = Gate(Vocabulary.base(), names=["billing"])
    leaking = BlockFacts(
        shard=0,
        block=0,
        received_at=AT,
        counts=(
            MinuteCount(
                service=stored("Zorblax Quuxley"), template_id="t", minute=AT, level=Level.INFO, count=1
            ),
        ),
        signals=(
            _signal(
                service=stored("Zorblax Quuxley"),
                template=stored("patient Zorblax Quuxley failed"),
                evidence={"why": "patient Zorblax Quuxley"},
            ),
        ),
    )  # names are made up
    (facts,) = unpack(pack([leaking]), gate)
    assert "Zorblax" not in facts.model_dump_json()
    assert "Quuxley" not in facts.model_dump_json()


def _parts(head: bytes, counts: bytes | None = None) -> bytes:
    """Put a report together from parts, the other ones empty."""
    whole = pack([])
    (length,) = struct.unpack_from(">I", whole, 4)
    rest = whole[8 + length :]
    if counts is not None:
        (length,) = struct.unpack_from(">I", rest, 0)
        rest = struct.pack(">I", len(counts)) + counts + rest[4 + length :]
    return b"MDF1" + struct.pack(">I", len(head)) + head + rest


def _counts(**columns: list[object]) -> bytes:
    values: dict[str, list[object]] = {
        "report": [0], "service": ["billing"], "template_id": ["t"], "minute": [AT], "level": [9], "count": [1],
    }  # fmt: skip
    values |= columns
    arrays = [
        pa.array(values[field.name], pa.string()).dictionary_encode()
        if pa.types.is_dictionary(field.type)
        else pa.array(values[field.name], field.type)
        for field in COUNTS
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, COUNTS) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=COUNTS))
    return sink.getvalue().to_pybytes()


def _empty_stream() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("report", pa.int32())])):
        pass
    return sink.getvalue().to_pybytes()


ONE = json.dumps([{"shard": 0, "block": 1, "received_at": "2026-03-02T03:00:00Z"}]).encode()


def test_a_report_put_together_by_hand_is_read() -> None:
    (facts,) = unpack(_parts(ONE, _counts()), Open())
    assert facts.counts[0].count == 1


BAD = {
    "nothing": b"",
    "another kind of message": b"MDF2" + pack([])[4:],
    "cut in the head": pack([])[:10],
    "cut at the end": pack([])[:-1],
    "something behind the end": pack([]) + b"x",
    "a length past the end": b"MDF1\xff\xff\xff\xff",
    "a head that is not JSON": _parts(b"{"),
    "a head nested without end": _parts(b"[" * 100_000),
    "a head that is no list": _parts(b'{"a": 1}'),
    "a report that is no object": _parts(b"[1]"),
    "a shard that does not exist": _parts(ONE.replace(b'"shard": 0', b'"shard": 65')),
    "a field nobody knows": _parts(ONE.replace(b'"block"', b'"blok"')),
    "a time without a zone": _parts(ONE.replace(b"00Z", b"00")),
    "counts as JSON": _parts(ONE.replace(b"}]", b', "counts": []}]')),
    "traffic that is no list": _parts(ONE.replace(b"}]", b', "traffic": 1}]')),
    "evidence with an odd name": _parts(ONE.replace(b"}]", b', "signals": [{"evidence": {"a b": 1}}]}]')),
    "counts that are not Arrow": _parts(ONE, b"not arrow"),
    "counts with other columns": _parts(ONE, _empty_stream()),
    "a count of nothing": _parts(ONE, _counts(count=[0])),
    "a count that is missing": _parts(ONE, _counts(count=[None])),
    "a count of no report": _parts(ONE, _counts(report=[1])),
    "a level that does not exist": _parts(ONE, _counts(level=[200])),
    "a service that is missing": _parts(ONE, _counts(service=[None])),
}  # fmt: skip


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_not_a_report_is_refused_and_not_quoted(data: bytes) -> None:
    with pytest.raises(BadPayload) as caught:
        unpack(data, Open())
    assert "blok" not in str(caught.value)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(BadPayload):
        unpack(b"MDF1" + noise, Open())


@given(st.data())
def test_a_flipped_byte_is_refused_or_gives_reports_that_are_valid(data: st.DataObject) -> None:
    whole = bytearray(_parts(ONE, _counts()))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        facts = unpack(bytes(whole), Open())
    except BadPayload:
        return
    assert all(isinstance(each, BlockFacts) for each in facts)
