"""Sessions of a made-up store that keeps three copies of everything: interleaved, repeated and heavy-tailed.

Harder than `session_worlds` in one way: most failures show in how often an event comes, and some rare
detours are as rare as the failures.
"""

from __future__ import annotations

import random

from benchmarks.session_worlds import Session

_ERRORS = frozenset(
    {"read failed", "receive failed", "client gave up", "copy failed", "write refused", "delete failed"}
)
_FAILURES = (
    ("delete not finished", 25),
    ("gave up", 19),
    ("failed at the beginning", 17),
    ("one copy deleted", 17),
    ("belongs to nothing", 7),
    ("added again", 6),
    ("delete failed", 4),
    ("empty", 3),
)


def copies(seed: int, learnt: int, judged: int, contamination: float) -> tuple[list[Session], list[Session]]:
    """Return sessions to learn from and sessions to judge, of which three in a hundred are anomalies."""
    rng = random.Random(seed)
    stream = []
    for at in range(learnt + judged):
        failure, events = "", _usual(rng)
        if rng.random() < (contamination if at < learnt else 0.03):
            (failure,) = rng.choices([name for name, _ in _FAILURES], [weight for _, weight in _FAILURES])
            events = _failed(rng, failure, events)
        stream.append(Session(tuple(events), tuple(sorted(_ERRORS.intersection(events))), failure))
    return stream[:learnt], stream[learnt:]


def _usual(rng: random.Random) -> list[str]:
    events = ["receive"] * 3
    events.insert(rng.randint(0, 3), "allocate")
    done = ["end of copy", "received", "added"] * 3
    rng.shuffle(done)
    events += done
    if rng.random() < 0.3:
        events += ["verified"] * rng.randint(1, 3)
    if rng.random() < 0.12:
        reads = ["read"] * min(200, int(rng.paretovariate(1.0)))
        if rng.random() < 0.3:
            reads += ["read failed"] * rng.randint(1, 3)
        rng.shuffle(reads)
        events += reads
    if rng.random() < 0.0025:
        events += ["move", "move begins", "receive", "receive move", "moved", "added"]
    if rng.random() < 0.7:
        deletes = ["to be deleted", "deleted"] * 3
        rng.shuffle(deletes)
        events += deletes
    return events


def _failed(rng: random.Random, failure: str, events: list[str]) -> list[str]:
    match failure:
        case "delete not finished":
            kept = [name for name in events if name not in ("to be deleted", "deleted")]
            return [*kept, *["to be deleted"] * 3, *["deleted"] * rng.choice((1, 2))]
        case "gave up":
            tail = ["end of copy"] * rng.randint(1, 3) + ["copy failed"] * rng.randint(1, 2)
            return ["allocate", *["receive"] * 3, "receive failed", "client gave up", *tail]
        case "failed at the beginning":
            return rng.choice((["receive", "allocate"], ["receive", "allocate", "receive", "write refused"]))
        case "one copy deleted":
            again = ["to be deleted", "deleted", "receive", "received", "end of copy"]
            return events[:14] + again[: rng.randint(2, 5)]
        case "belongs to nothing":
            return [*events, "added, belongs to nothing"]
        case "added again":
            return [*events[:13], "added again", *events[13:]]
        case "delete failed":
            return [*events, "delete failed"]
        case _:
            return [*events[:5], *["empty packet"] * 3, *events[5:]]
