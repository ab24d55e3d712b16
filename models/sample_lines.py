"""Generated log lines for tests and benchmarks: made-up sentences, seeded, nothing from a real system.

>>> sample_lines(2, seed=7) == sample_lines(2, seed=7) != sample_lines(2, seed=8)
True
"""

from __future__ import annotations

import random
from uuid import UUID

_VERBS = ("saved", "loaded", "sent", "dropped", "checked", "queued", "signed", "merged")
_THINGS = ("bill", "scan", "letter", "order", "session", "slot", "bed", "report")
_ENDS = (
    "",
    " for ward {n}",
    " by u{n}",
    " after {n}ms",
    " from 10.{b}.{b}.{n}:{n}",
    " id={uuid}",
    " of {word}",
)


def sample_lines(count: int, seed: int = 1, *, wild: float = 0.02) -> list[str]:
    """Return `count` lines of about a hundred sentences; a share of `wild` is a random string of words."""
    rng = random.Random(seed)
    out = []
    for _ in range(count):
        if rng.random() < wild:
            length = rng.randint(1, 9)
            out.append(" ".join(rng.choice((*_VERBS, *_THINGS, "<*>", "7", "x9")) for _ in range(length)))
            continue
        end = rng.choice(_ENDS).format(
            n=rng.randint(0, 4000),
            b=rng.randint(0, 255),
            uuid=UUID(int=rng.getrandbits(128)),
            word=rng.choice(("Ann", "Bea", "Cid", "Dan", "Eva", "Fay", "Gus", "Hal")),
        )
        out.append(f"{rng.choice(_VERBS)} {rng.choice(_THINGS)} {rng.randint(0, 10**6)}{end}")
    return out
