"""Traces that arrive line by line: whatever the blocks, the pauses and the neighbours, each is one event and no line is lost."""

from __future__ import annotations

import pickle
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.fields import Lines
from stream.trace_join import Joined, TraceJoin

SECOND = 10**9
INFO, ERROR = 9, 17


class Told(NamedTuple):
    """One event as it was written: its lines with their levels, and whether it is told by all of its text."""

    lines: tuple[tuple[str, int], ...]
    whole: bool = False

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.lines]


def told(*texts: str, level: int = 0, below: int = 0, whole: bool = False) -> Told:
    return Told((((texts[0], level)), *((text, below) for text in texts[1:])), whole)


PYTHON = told(
    "Traceback (most recent call last):",
    '  File "/app/worker.py", line 10, in run',
    "    raise ValueError(slot)",
    "    ^^^^^^^^^^^^^^^^^^^^^^",
    "ValueError: no slot",
    whole=True,
)
CHAIN = told(
    *PYTHON.texts,
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "/app/worker.py", line 12, in run',
    "    [ERROR] is no code",
    "app.faults.Gone: worker",
    whole=True,
)
JAVA = told(
    "java.lang.IllegalStateException: cannot open the ledger",
    "\tat com.example.billing.Ledger.open(Ledger.java:81)",
    "\tat com.example.billing.Main.main(Main.java:12)",
    "Caused by: java.net.SocketTimeoutException: connect timed out",
    "\tat java.base/java.net.Socket.connect(Socket.java:633)",
    "\t... 12 more",
    "\tSuppressed: java.io.IOException: closed",
)
GO = told(
    "panic: assignment to entry in nil map",
    "",
    "goroutine 17 [running]:",
    "main.(*Server).handle(0xc000010000, {0x1, 0x2})",
    "\t/src/server.go:41 +0x1d",
    "created by main.main in goroutine 1",
    "\t/src/main.go:12 +0x85",
    "exit status 2",
)
NODE = told(
    "TypeError: undefined is no function",
    "    at Object.<anonymous> (/srv/app.js:3:1)",
    "    at async /srv/router.js:5:9",
    "    at run (node:internal:1)",
)
DOTNET = told(
    "Unhandled exception. System.InvalidOperationException: no ledger",
    " ---> System.IO.IOException: closed",
    "   at Clinic.Bill.Store.Open(String name) in /src/Store.cs:line 41",
    "   --- End of inner exception stack trace ---",
    "   at Clinic.Program.<Main>d__1.MoveNext()",
)
RUBY = told(
    "app.rb:3:in `charge': no ledger (RuntimeError)",
    "\tfrom app.rb:9:in `run'",
    "\tfrom app.rb:12:in `<main>'",
)
RAILS = told(
    "RuntimeError (no ledger):", "app/models/bill.rb:12:in `open'", "app/main.rb:2:in `run'", level=ERROR
)
SQL = told(
    'ERROR:  duplicate key value violates unique constraint "bill_pkey"',
    "DETAIL:  Key (id)=(17) already exists.",
    "HINT:  Take another one.",
    "STATEMENT:  INSERT INTO bill",
    "\tVALUES (17)",
    level=ERROR,
)
STAMPED = told(
    "2026-03-02 08:14:05.706 UTC [4711] ERROR:  deadlock detected",
    "2026-03-02 08:14:05.706 UTC [4711] DETAIL:  Process 1 waits",
    "2026-03-02 08:14:05.706 UTC [4711] HINT:  See server log",
    level=ERROR,
)
LISTED = told("settings in use:", "  port = 80", "  hosts = [", "    a", "  ]", level=INFO, below=INFO)
ALL = {
    "python": PYTHON,
    "python chain": CHAIN,
    "java": JAVA,
    "go": GO,
    "node": NODE,
    "dotnet": DOTNET,
    "ruby": RUBY,
    "rails": RAILS,
    "sql": SQL,
    "sql with times": STAMPED,
    "list": LISTED,
}
BELOW_AN_ERROR = {
    f"{name} below an error": Told((("saving the bill failed", ERROR), *trace.lines))
    for name, trace in ALL.items()
    if name not in ("list", "dotnet", "ruby", "rails", "sql", "sql with times", "go")
}
PLAIN = [
    told(f"paid bill {n}", level=level) for n, level in enumerate((INFO, 0, INFO, ERROR, 0, 13), start=1)
] + [
    told("The bill is paid", level=INFO),
    told("ORDER 7: done", level=INFO),
    told("Error count 0", level=INFO),
]
EVENTS = [*ALL.values(), *BELOW_AN_ERROR.values(), *PLAIN, *PLAIN]


class Row(NamedTuple):
    text: str
    level: int
    source: str
    host: str


def interleaved(sources: Sequence[Sequence[Told]], rng: random.Random) -> list[Row]:
    """Return the lines of all sources in an order that keeps each source's."""
    queues = [
        [
            Row(text, level, f"s{number % 2}", f"h{number // 2}")
            for event in events
            for text, level in event.lines
        ]
        for number, events in enumerate(sources)
    ]
    out = list[Row]()
    while queues:
        queue = rng.choice(queues)
        for _ in range(min(len(queue), rng.choice((1, 1, 2, 7)))):
            out.append(queue.pop(0))
        queues = [each for each in queues if each]
    return out


def cut(rows: Sequence[Row], rng: random.Random, most: int) -> Iterator[Sequence[Row]]:
    while rows:
        size = rng.randint(1, most)
        yield rows[:size]
        rows = rows[size:]


def lines_of(rows: Sequence[Row], at: int = 0) -> Lines:
    texts, levels, sources, hosts = map(list, zip(*rows, strict=True))
    return Lines("api", [at] * len(rows), hosts, levels, texts, sources)


class Run:
    """What comes out of the join of many blocks: each event's source, text and the lines that were joined to it."""

    def __init__(self, join: TraceJoin | None = None) -> None:
        self.join = join or TraceJoin(ticks=2, chars=65_536, sources=100)
        self.events = list[tuple[str, str, str, int]]()
        self.more = dict[int, list[str]]()

    def take(self, rows: Sequence[Row], at: int = 0) -> None:
        self._note(self.join.take(lines_of(rows, at)))

    def end(self) -> None:
        self._note(Joined(self.join.close("api")))

    def tick(self) -> None:
        self._note(Joined(self.join.tick("api")))

    def _note(self, joined: Joined) -> None:
        begin, events = len(self.events), joined.events
        self.events += zip(events.source, events.host, events.text, events.level, strict=True)
        for head, text in joined.more:
            self.more.setdefault(begin + head if isinstance(head, int) else int(head), []).append(text)
        self.join.bind([str(begin + number) for number in range(len(events))])

    def by_source(self) -> dict[tuple[str, str], list[tuple[str, list[str]]]]:
        found: dict[tuple[str, str], list[tuple[str, list[str]]]] = {}
        for number, (source, host, text, _) in enumerate(self.events):
            found.setdefault((source, host), []).append((text, self.more.get(number, [])))
        return found


def expected(events: Sequence[Told]) -> list[tuple[str, list[str]]]:
    return [
        ("\n".join(event.texts), []) if event.whole else (event.texts[0], event.texts[1:]) for event in events
    ]


def as_told(events: Sequence[Told]) -> list[Told]:
    """An exception that follows an error within seconds is a part of it, so put a line between what would be one event."""
    calm = told("all is well again", level=INFO)
    return [each for event in events for each in (event, calm)]


@pytest.mark.parametrize("name", [*ALL, *BELOW_AN_ERROR])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_trace_is_one_event_whatever_frames_it_comes_in(name: str, size: int) -> None:
    event = (ALL | BELOW_AN_ERROR)[name]
    rows = interleaved([[told("begin", level=INFO), event, told("next", level=INFO)]], random.Random(1))
    run = Run()
    for begin in range(0, len(rows), size):
        run.take(rows[begin : begin + size])
    run.end()
    (found,) = run.by_source().values()
    assert found == [("begin", []), *expected([event]), ("next", [])]


@given(st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_sources_do_not_mix_and_neither_blocks_nor_restarts_change_what_is_joined(seed: int) -> None:
    rng = random.Random(seed)
    worlds = [as_told(rng.choices(EVENTS, k=rng.randint(1, 6))) for _ in range(rng.randint(1, 5))]
    rows = interleaved(worlds, rng)
    found = list[list[tuple[str, str, str, int]]]()
    for most in (1, 4, 1000):
        run = Run()
        for part in cut(rows, rng, most):
            run.take(part)
            if rng.random() < 0.3:
                state = pickle.loads(pickle.dumps(run.join.dump()))
                run.join = TraceJoin(ticks=2, chars=65_536, sources=100)
                run.join.load(state)
        run.end()
        for number, events in enumerate(worlds):
            assert run.by_source()[f"s{number % 2}", f"h{number // 2}"] == expected(events)
        found.append(run.events)
    assert found[0] == found[1] == found[2]  # in the same order, so the same is learnt from them


class _Naive(TraceJoin):
    """Looks at every line."""

    def _members(self, lines: Lines, *, last: bool):  # type: ignore[no-untyped-def]
        return super()._members(lines, last=False)


_PIECES = st.one_of(
    st.sampled_from([text for event in EVENTS for text in event.texts]),
    st.text(st.sampled_from(" \t\nTa:.({[}])E"), max_size=8),
    st.sampled_from(
        ["  2026-03-02 08:14 indented with a time", "  [ERROR] deeper", "a:\n\tat a.b(c)", "\n", "{", "}"]
    ),
)


@given(
    st.lists(
        st.tuples(_PIECES, st.sampled_from([0, INFO, 13, ERROR]), st.sampled_from("ab")),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 10**6),
)
@settings(max_examples=300, deadline=None)
def test_the_glance_at_the_first_letters_misses_nothing_and_no_line_is_lost(
    lines: list[tuple[str, int, str]], seed: int
) -> None:
    rows = [Row(text, level, source, "h") for text, level, source in lines]
    fast, slow = Run(), Run(_Naive(ticks=2, chars=65_536, sources=100))
    for part in cut(rows, random.Random(seed), 9):
        fast.take(part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stream.trace_join.suspects", lambda texts: list(range(len(texts))))
        for row in rows:
            slow.take([row])
    for run in (fast, slow):
        run.end()
        came = [(source, text) for text, _, source in lines]
        went = [
            (source, each)
            for (source, _), events in run.by_source().items()
            for text, more in events
            for each in (text, *more)
        ]
        assert _single(went) == _single(came)
    assert fast.events == slow.events
    assert fast.more == slow.more


def _single(texts: list[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Count single lines: what was joined into one text is taken apart again."""
    return Counter((source, line) for source, text in texts for line in text.split("\n"))


def test_what_waits_is_an_event_after_some_ticks_and_no_later_line_is_a_part_of_it() -> None:
    run = Run()
    run.take([Row(text, 0, "s", "h") for text in PYTHON.texts])
    run.tick()
    assert run.events == []
    run.tick()
    assert [text for _, _, text, _ in run.events] == ["\n".join(PYTHON.texts)]
    run.take([Row('  File "b.py", line 1', 0, "s", "h"), Row("late", 0, "s", "h")])
    assert [text for _, _, text, _ in run.events[1:]] == ['  File "b.py", line 1', "late"]
    assert run.more == {}


def test_a_line_of_a_trace_makes_it_wait_for_the_next_one_anew() -> None:
    run = Run()
    for text in PYTHON.texts:
        run.tick()
        run.take([Row(text, 0, "s", "h")])
    assert run.events == []


def test_a_trace_that_grows_too_long_goes_on_as_another_event() -> None:
    run = Run(TraceJoin(ticks=2, chars=1000, sources=10))
    rows = [Row(f"\tat com.example.Ledger.open{n}(Ledger.java:81)", 0, "s", "h") for n in range(200)]
    for size in (1, 7, 200):
        run = Run(TraceJoin(ticks=2, chars=1000, sources=10))
        for begin in range(0, 200, size):
            run.take(rows[begin : begin + size])
        assert len(run.events) == 10
        assert len(run.events) + sum(map(len, run.more.values())) == 200
    assert run.join.held == []


def test_what_a_source_held_that_makes_room_for_another_is_not_lost() -> None:
    run = Run(TraceJoin(ticks=2, chars=1000, sources=2))
    for number in range(5):
        run.take([Row("Traceback (most recent call last):", 0, f"s{number}", "h")])
    assert [source for source, *_ in run.events] == ["s0", "s1", "s2"]
    assert run.join.held == ["Traceback (most recent call last):"] * 2


@pytest.mark.parametrize("text", ["Traceback (most recent call last):", " indented"])
def test_as_many_sources_as_lines_take_no_longer_than_their_lines(text: str) -> None:
    count = 20_000
    hosts = [f"h{number}" for number in range(count)]
    lines = Lines("api", [0] * count, hosts, [INFO] * count, [text] * count, ["s"] * count)
    begun = time.process_time()
    TraceJoin(ticks=2, chars=1000, sources=10).take(lines)
    assert time.process_time() - begun < 3


def test_an_exception_below_an_error_is_a_part_of_it_only_if_frames_follow() -> None:
    run = Run()
    error = Row("saving failed", ERROR, "s", "h")
    for text in ("a.StoreError: gone", "a.StoreError: gone", "\tat a.Store.save(Store.java:1)", "fine"):
        run.take(
            [error._replace(text=text)]
            if text != "a.StoreError: gone"
            else [error, error._replace(text=text)]
        )
    run.end()
    assert [(text, more) for text, more in run.by_source()["s", "h"]] == [
        ("saving failed", []),
        ("a.StoreError: gone", []),
        ("saving failed", ["a.StoreError: gone", "\tat a.Store.save(Store.java:1)"]),
        ("fine", []),
    ]


@pytest.mark.parametrize(
    ("above", "line", "level"),
    [
        ("paid bill 17", "  Traceback of the day", INFO),
        ("checks:", "  disk is failing", ERROR),
        ("checks:", "  2026-03-02 08:14:05 disk checked", INFO),
        ("paid bill 17", "Traceback (most recent call last):", INFO),
        ("paid bill 17", "\tat a.b(C.java:1)", ERROR),
        ("paid bill 17", "a.StoreError: gone", ERROR),
    ],
)
def test_a_line_that_speaks_for_itself_is_an_event_of_its_own(above: str, line: str, level: int) -> None:
    run = Run()
    run.take([Row(above, INFO, "s", "h"), Row(line, level, "s", "h"), Row("next", INFO, "s", "h")])
    assert [text for _, _, text, _ in run.events] == [above, line, "next"]


def test_two_crashes_in_a_row_are_two_events() -> None:
    run = Run()
    run.take([Row(text, 0, "s", "h") for text in (*PYTHON.texts, *PYTHON.texts, "next")])
    assert [text for _, _, text, _ in run.events] == ["\n".join(PYTHON.texts)] * 2 + ["next"]


def test_an_exception_long_after_an_error_is_another_trouble() -> None:
    run = Run()
    run.take([Row("saving failed", ERROR, "s", "h")], at=0)
    run.take([Row(text, ERROR, "s", "h") for text in PYTHON.texts], at=60 * SECOND)
    run.end()
    assert [text for _, _, text, _ in run.events] == ["saving failed", "\n".join(PYTHON.texts)]
