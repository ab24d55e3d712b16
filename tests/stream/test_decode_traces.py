"""A stack trace belongs to the line that it explains; no line of a text is lost, whatever it looks like."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.decode.limits import DecodeLimits
from stream.decode.record import LogRecord
from stream.decode.text_lines import decode_text, read_lines

LIMITS = DecodeLimits()
HEAD = "2026-03-02 08:14:05,706 ERROR "
NEXT = "2026-03-02 08:14:06,100 INFO next"
JAVA = [
    "java.lang.IllegalStateException: cannot open the ledger",
    "\tat com.example.billing.Ledger.open(Ledger.java:81)",
    "\tat com.example.billing.Main.main(Main.java:12)",
    "Caused by: java.net.SocketTimeoutException: connect timed out",
    "\tat java.base/java.net.Socket.connect(Socket.java:633)",
    "\t... 12 more",
    "Suppressed: java.io.IOException: closed",
]
PYTHON = [
    "Traceback (most recent call last):",
    '  File "/app/worker.py", line 10, in run',
    "    raise ValueError(slot)",
    "ValueError: no slot",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "/app/worker.py", line 12, in run',
    "app.faults.Gone: worker",
]
GO = [
    "goroutine 17 [running]:",
    "main.(*Server).handle(0xc000010000, {0x1, 0x2})",
    "\t/src/server.go:41 +0x1d",
    "created by main.main in goroutine 1",
    "\t/src/main.go:12 +0x85",
]
NODE = [
    "TypeError: undefined is no function",
    "    at Object.<anonymous> (/srv/app.js:3:1)",
    "    at run (node:internal:1)",
]


def read(*lines: str) -> list[LogRecord]:
    return decode_text("\n".join(lines).encode(), LIMITS, (1_700_000_000, 0))[0]


def messages(*lines: str) -> list[str]:
    return [record.record["message"] for record in read(*lines)]


@pytest.mark.parametrize("trace", [JAVA, PYTHON, GO, NODE], ids=["java", "python", "go", "node"])
def test_a_trace_belongs_to_the_line_before_it(trace: list[str]) -> None:
    assert messages(HEAD + "failed", *trace, NEXT) == [
        "\n".join(["ERROR failed", *filter(None, trace)]),
        "INFO next",
    ]


@pytest.mark.parametrize("trace", [PYTHON, NODE], ids=["python", "node"])
def test_a_trace_in_a_file_without_times_is_one_record(trace: list[str]) -> None:
    assert messages("starting", *trace, "stopped") == ["starting", "\n".join(filter(None, trace)), "stopped"]


def test_the_level_and_the_time_are_those_of_the_line_that_the_trace_explains() -> None:
    first, second = read(HEAD + "failed", *JAVA, NEXT)
    assert (first.ts_sec, first.ts_nsec) == (1772439245, 706_000_000)
    assert second.ts_sec == 1772439246


def test_an_indented_line_goes_on_with_a_line_that_has_a_time_and_with_no_other() -> None:
    assert messages(HEAD + "ran", "  SELECT 1", "  FROM bill", NEXT) == [
        "ERROR ran\n  SELECT 1\n  FROM bill",
        "INFO next",
    ]
    assert messages("  PID COMMAND", "    1 init", "   17 app") == [
        "  PID COMMAND",
        "    1 init",
        "   17 app",
    ]
    assert messages('{"message": "m", "time": "2026-03-02T08:14:05Z"}', "  more") == ["m", "  more"]


def test_a_line_without_a_time_that_is_no_part_of_a_trace_stands_for_itself() -> None:
    assert messages(HEAD + "failed", "listening on port 80", *JAVA) == [
        "ERROR failed",
        "listening on port 80",
        *messages(*JAVA),
    ]
    assert messages("ValueError: a", "ValueError: b") == ["ValueError: a", "ValueError: b"]


def test_a_trace_beyond_the_limit_goes_on_in_a_record_of_its_own() -> None:
    lines = [HEAD.encode(), *[b"\tat frame %d" % number for number in range(1000)]]
    records, counts = read_lines(lines, DecodeLimits(record_bytes=1024), (1_700_000_000, 0))
    assert sum(counts) == 1001
    assert all(len(record.record["message"]) <= 1024 for record in records)
    assert {record.ts_sec for record in records} == {1772439245}


_PIECES = st.one_of(
    st.sampled_from([*JAVA, *PYTHON, *GO, HEAD + "failed", NEXT, '{"message": "m"}', "plain"]),
    st.text(st.characters(codec="utf-8"), max_size=60),
)


@given(st.lists(_PIECES, max_size=20))
@settings(max_examples=200, deadline=None)
def test_every_line_is_in_exactly_one_record(lines: list[str]) -> None:
    raw = "\n".join(lines).encode().split(b"\n")
    records, counts = read_lines(raw, LIMITS, (1_700_000_000, 0))
    assert len(records) == len(counts)
    assert sum(counts) == sum(1 for line in raw if line.strip())
    for record, count in zip(records, counts, strict=True):
        assert record.record.get("message", "").count("\n") == count - 1
