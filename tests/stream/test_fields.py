"""Promises of the field rules: whose line it is, when, how bad, and what it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.levels import Level
from stream.decode import LogRecord
from stream.field_settings import FieldSettings
from stream.fields import FieldRules, Lines, columns, tag_service
from stream.level_words import level_of
from stream.spool.entry import Entry, Kind

RECEIVED = 1_700_000_000
RULES = FieldRules(FieldSettings())


def entry(tag: str = "app.web", agent: str = "agent-1") -> Entry:
    return Entry(Kind.FORWARD, RECEIVED * 10**9, agent, "", tag, None, {}, b"")


def record(
    fields: dict[str, Any],
    *,
    metadata: dict[str, Any] | None = None,
    resource: dict[str, Any] | None = None,
    at: int = RECEIVED,
) -> LogRecord:
    group = (
        None
        if resource is None
        else {"metadata": {}, "attributes": {"resource": {"attributes": resource}, "scope": {}}}
    )
    return LogRecord(at, 0, metadata or {}, group, fields)


def line(
    fields: dict[str, Any], *, tag: str = "app.web", rules: FieldRules = RULES, **more: Any
) -> dict[str, Any]:
    (found,) = columns([record(fields, **more)], entry(tag), rules)
    return {
        "service": found.service, "host": found.host[0], "level": found.level[0], "text": found.text[0], "ts": found.ts[0],
    }  # fmt: skip


KUBERNETES = {
    "pod_name": "records-db-6c9d5f7b8d-q4x7z",
    "container_name": "db",
    "host": "node-1",
    "labels": {"app": "records", "app.kubernetes.io/name": "records-db"},
}


@pytest.mark.parametrize(
    ("fields", "more", "service"),
    [
        ({"kubernetes": KUBERNETES, "service": "x"}, {}, "records-db"),
        ({"kubernetes": KUBERNETES | {"labels": {"app": "records"}}}, {}, "records"),
        ({"kubernetes": {"container_name": "db"}}, {}, "db"),
        ({"kubernetes": "no map", "service": "billing"}, {}, "billing"),
        ({"service": "billing"}, {"resource": {"service.name": "other"}}, "billing"),
        ({"service.name": "billing"}, {}, "billing"),
        ({}, {"resource": {"service.name": "billing"}}, "billing"),
        ({}, {"metadata": {"otlp": {"attributes": {"service.name": "billing"}}}}, "billing"),
        ({"SYSLOG_IDENTIFIER": "sshd"}, {}, "sshd"),
        ({"ident": "sshd"}, {}, "sshd"),
        ({"service": ""}, {}, "web"),
        ({"service": None}, {}, "web"),
        ({"service": {"deep": 1}}, {}, "unknown"),
        ({"service": 42}, {}, "42"),
        ({}, {}, "web"),
        ({}, {"tag": ""}, "unknown"),
    ],
)
def test_the_service_is_what_the_first_place_says(
    fields: dict[str, Any], more: dict[str, Any], service: str
) -> None:
    assert line({"log": "x"} | fields, **more)["service"] == service


@pytest.mark.parametrize(
    ("tag", "service"),
    [
        ("app.billing", "billing"),
        ("billing", "billing"),
        ("logs.HDFS.log.gz", "HDFS"),
        ("kube.var.log.containers.auth-5d-x_clinic_auth-" + "0a" * 32 + ".log", "auth"),
        ("", ""),
        (".log", "log"),
    ],
)
def test_the_last_part_of_a_tag_names_a_service(tag: str, service: str) -> None:
    assert tag_service(tag) == service


@pytest.mark.parametrize(
    ("fields", "more", "host"),
    [
        ({"host": "web-1", "hostname": "web-2"}, {}, "web-1"),
        ({"_HOSTNAME": "web-3"}, {}, "web-3"),
        ({"kubernetes": KUBERNETES}, {}, "node-1"),
        ({}, {"resource": {"host.name": "web-4"}}, "web-4"),
        ({}, {}, "agent-1"),
    ],
)
def test_the_host_is_in_the_record_or_the_agent(
    fields: dict[str, Any], more: dict[str, Any], host: str
) -> None:
    assert line({"log": "x"} | fields, **more)["host"] == host


@pytest.mark.parametrize(
    ("fields", "metadata", "level"),
    [
        ({"level": "error"}, {}, Level.ERROR),
        ({"severity": "WARNING"}, {}, Level.WARN),
        ({"lvl": "dbg"}, {}, Level.DEBUG),
        ({"loglevel": "Fatal"}, {}, Level.FATAL),
        ({"PRIORITY": "3"}, {}, Level.ERROR),
        ({"level": 3}, {}, Level.ERROR),
        ({"level": 50}, {}, Level.ERROR),
        ({"level": 99}, {}, Level.UNKNOWN),
        ({"level": None, "severity": "info"}, {}, Level.INFO),
        ({"level": "teapot", "severity": "info"}, {}, Level.INFO),
        ({"severityNumber": 5}, {}, Level.DEBUG),
        ({}, {"otlp": {"severity_number": 6}}, Level.DEBUG),
        ({}, {"otlp": {"severity_number": 24}}, Level.FATAL),
        ({}, {"otlp": {"severity_text": "WARN"}}, Level.WARN),
        ({}, {"severity": "ERROR"}, Level.ERROR),
        ({"level": "teapot", "log": "ERROR x"}, {}, Level.ERROR),
        ({"level": "info", "log": "ERROR x"}, {}, Level.INFO),
        ({}, {}, Level.UNKNOWN),
    ],
)
def test_the_level_is_a_field_or_a_word_at_the_head(
    fields: dict[str, Any], metadata: dict[str, Any], level: Level
) -> None:
    assert line({"log": "x"} | fields, metadata=metadata)["level"] == level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-03-02T08:14:06.489Z ERROR api [req-1] GET /v1 504", Level.ERROR),
        ("2026-03-02 08:14:05.706 UTC [2398] db FATAL:  slots are reserved", Level.FATAL),
        ("2026-03-02 08:14:05 UTC [1] db LOG:  checkpoint complete", Level.INFO),
        ('ts=2026-03-02T08:14:05Z level=warn svc=billing msg="payer slow"', Level.WARN),
        ("081109 203518 143 INFO dfs.DataNode: Receiving block", Level.INFO),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk child", Level.ERROR),
        ("2026-03-02 08:14:05 warning disk nearly full", Level.WARN),
        ("Warning: deprecated", Level.WARN),
        ("error: could not lock", Level.ERROR),
        ("03-02 08:14:05.706  1702  2395 E Power: x", Level.ERROR),
        ("E0302 08:14:05.706 7 x.go:1] up", Level.ERROR),
        ("<3>daemon failed", Level.ERROR),
        ('{"severity":"ERROR", "x":1}', Level.ERROR),
        ("[main]ERROR: x", Level.ERROR),
        ("2026-03-02|ERROR|x", Level.ERROR),
        ("no error found", Level.UNKNOWN),
        ("Information desk opened", Level.UNKNOWN),
        ("ERRORS: 0", Level.UNKNOWN),
        ("the ERROR_CODE is 5", Level.UNKNOWN),
        ("x " * 90 + "ERROR", Level.UNKNOWN),
        ("I am fine", Level.UNKNOWN),
        ("", Level.UNKNOWN),
    ],
)
def test_level_words_at_the_head_count_and_prose_does_not(text: str, level: Level) -> None:
    assert level_of(text) == level


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"log": "a\n", "message": "b"}, "a"),
        ({"message": "b\r\n", "msg": "c"}, "b"),
        ({"log": None, "message": "b"}, "b"),
        ({"log": ""}, ""),
        ({"MESSAGE": "journal"}, "journal"),
        ({"body": "otlp"}, "otlp"),
        ({"short_message": "gelf"}, "gelf"),
        ({"log": "first\n\tat second\n"}, "first\n\tat second"),
        ({"log": b"caf\xe9"}, "caf\udce9"),
        ({"log": 42}, "42"),
        ({"log": {"event": "start", "n": 1}}, "event=start n=1"),
        ({"path": "/v1", "code": 504, "tags": ["a"]}, 'path=/v1 code=504 tags=["a"]'),
        ({}, ""),
    ],
)
def test_the_text_is_the_first_known_key_without_its_final_newline(fields: dict[str, Any], text: str) -> None:
    assert line(fields)["text"] == text


def test_a_text_that_is_a_json_object_is_taken_apart() -> None:
    inner = '{"level":"error","service":"auth","message":"login failed\\n","host":"web-9"}'
    found = line({"log": inner, "stream": "stdout"})
    assert found | {"ts": 0} == {
        "service": "auth",
        "host": "web-9",
        "level": 17,
        "text": "login failed",
        "ts": 0,
    }
    assert line({"log": '{"a":1,"service":"auth"}'}) | {"ts": 0} == {
        "service": "auth", "host": "agent-1", "level": 0, "text": '{"a":1,"service":"auth"}', "ts": 0,
    }  # fmt: skip
    assert line({"log": "{not json}"})["text"] == "{not json}"
    off = FieldRules(FieldSettings(unfold_json=False))
    assert line({"log": inner}, rules=off)["text"] == inner


def test_a_time_too_far_ahead_is_set_back_and_others_are_kept() -> None:
    assert line({"log": "x"}, at=RECEIVED + 200)["ts"] == (RECEIVED + 200) * 10**9
    assert line({"log": "x"}, at=RECEIVED + 99_999)["ts"] == (RECEIVED + 300) * 10**9
    assert line({"log": "x"}, at=5)["ts"] == 5 * 10**9


def test_lines_are_sorted_by_service_in_their_order() -> None:
    records = [record({"log": str(number), "service": "ab"[number % 2]}) for number in range(6)]
    found = columns(records, entry(), RULES)
    assert [(lines.service, lines.text) for lines in found] == [
        ("a", ["0", "2", "4"]),
        ("b", ["1", "3", "5"]),
    ]
    assert {len(lines) for lines in found} == {3}


def test_records_of_equal_keys_and_different_values_are_told_apart() -> None:
    """The plan for a set of keys is kept; what it found in one record is not."""
    records = [
        record({"log": "a", "service": "one", "level": "info"}),
        record({"log": "b", "service": "", "level": "error"}),
        record({"log": "c", "service": "two", "level": None}),
        record({"log": "d"}, resource={"service.name": "r1"}),
        record({"log": "e"}, resource={"service.name": "r2"}),
        record({"log": "f"}, metadata={"severity": "ERROR"}),
    ]
    found = {text: (lines.service, level) for lines in columns(records, entry(), RULES)
             for text, level in zip(lines.text, lines.level, strict=True)}  # fmt: skip
    assert found == {
        "a": ("one", 9),
        "b": ("web", 17),
        "c": ("two", 0),
        "d": ("r1", 0),
        "e": ("r2", 0),
        "f": ("web", 17),
    }


def test_rules_are_configurable() -> None:
    own = FieldRules(
        FieldSettings(
            service=(("record", "svc", "name"), ("agent",)),
            host=(("record", "machine"),),
            level=(("record", "how_bad"),),
            text=("what",),
            service_unknown="none",
        )
    )
    found = line({"svc": {"name": "a"}, "machine": "m", "how_bad": "crit", "what": "w"}, rules=own)
    assert found | {"ts": 0} == {"service": "a", "host": "m", "level": 21, "text": "w", "ts": 0}
    assert line({"what": "w"}, rules=own)["service"] == "agent-1"
    assert line({"what": "w"}, rules=own)["host"] == ""


@pytest.mark.parametrize("place", [(), ("record",), ("tag", "x"), ("nowhere", "x"), ("record",) * 9])
def test_a_place_that_cannot_be_is_refused(place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        FieldSettings(service=(place,))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    st.sampled_from(["log", "message", "kubernetes", "service", "level", "host", "PRIORITY", "x"])
    | st.integers()
)


@given(
    st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=5),
    st.dictionaries(st.text(max_size=4), VALUES, max_size=2),
)
@settings(max_examples=200, deadline=None)
def test_every_record_becomes_exactly_one_line_whatever_is_in_it(
    records: list[dict[Any, Any]], metadata: dict[str, Any]
) -> None:
    found = columns([record(fields, metadata=metadata) for fields in records], entry(), RULES)
    assert sum(map(len, found)) == len(records)
    for lines in found:
        assert isinstance(lines, Lines)
        assert lines.service
        assert len(lines.ts) == len(lines.host) == len(lines.level) == len(lines.text)
        assert all(type(text) is str for text in [*lines.text, *lines.host])


VALUES = st.one_of(
    st.none(),
    st.sampled_from(
        ["", "error", "warn", "web", "db\n", "ERROR lost", '{"log":"in","level":"warn"}', '{"a":1}', "{"]
    ),
    st.integers(-1, 60),
    st.sampled_from([b"raw\n", True, 1.5]),
    st.just({"container_name": "c", "labels": {"app": "x"}}),
)
RECORDS = st.builds(
    LogRecord,
    st.integers(RECEIVED - 10, RECEIVED + 10_000),
    st.integers(0, 10**9 - 1),
    st.sampled_from([{}, {"level": "fatal"}, {"otlp": {"severity_number": 17}}]),
    st.just(None),
    st.dictionaries(
        st.sampled_from(["log", "msg", "service", "host", "level", "pri", "kubernetes"]), VALUES, max_size=4
    ),
)


@given(st.lists(RECORDS, max_size=12))
def test_a_batch_reads_as_its_records_do_one_by_one(records: list[LogRecord]) -> None:
    alone: dict[str, Lines] = {}
    for one in records:
        (found,) = columns([one], entry(), RULES)
        lines = alone.setdefault(found.service, Lines(found.service))
        lines.add(found)
    assert columns(records, entry(), RULES) == list(alone.values())
