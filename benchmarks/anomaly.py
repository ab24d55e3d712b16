"""Flags of sessions, by the session watch with the settings that Mayday has by default.

    python -m benchmarks.anomaly SET_DIR --out PRED.csv

SET_DIR holds `events.csv.gz` (`timestamp` in s, `session`, `template`, in stream order) and `meta.json`
(`test_from`, s). Sessions that end before `test_from` are learnt unlabelled; the others are judged one by
one as they end, and learnt if they are not flagged. PRED.csv has `session,score,flag` of those. Labels are
never opened. Nothing is drawn at random, so there is no seed.

    python -m benchmarks.anomaly --ablation [--worlds N]

prints what each reason contributes on made-up programs (`benchmarks/session_worlds.py`), as a table.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.session_copies import copies
from benchmarks.session_worlds import SCENARIOS, Scenario, Session, World
from models.detectors import DetectorSettings
from models.detectors.failure_words import speaks_of_failure
from models.detectors.session_watch import SessionWatch

_UNGATED = "what is flagged is learnt too"
_GROUPS: dict[str, tuple[str, ...]] = {
    "all reasons": (),
    _UNGATED: (),
    "without new and rare events": ("new_event", "rare_event"),
    "without rare errors": ("rare_error",),
    "without missing events": ("missing_event",),
    "without broken-off sessions": ("incomplete",),
    "without repetition": ("repeated",),
    "without too few of an event": ("too_few",),
    "without new shapes": ("new_shape",),
    "without new steps": ("new_step",),
    "without wrong order": ("wrong_order",),
}


_Stream = tuple[list[Session], list[Session]]


class BadInput(Exception):
    """What is wrong with the set that was given."""


class _Meta(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    test_from: float


class _Ended(NamedTuple):
    session: str
    events: tuple[str, ...]
    at: float


def read_sessions(directory: Path) -> tuple[list[_Ended], list[_Ended]]:
    """Return the sessions to learn from and those to judge, each in the order in which they end."""
    events: dict[str, list[str]] = {}
    ended: dict[str, float] = {}
    try:
        test_from = _Meta.model_validate_json((directory / "meta.json").read_bytes()).test_from
        with gzip.open(directory / "events.csv.gz", "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                events.setdefault(row["session"], []).append(row["template"])
                ended.pop(row["session"], None)  # to the end of the order
                ended[row["session"]] = float(row["timestamp"])
    except (OSError, EOFError, KeyError, ValueError, ValidationError, csv.Error) as error:
        raise BadInput(
            f"{directory} is no set of sessions ({type(error).__name__}): events.csv.gz with timestamp, session and"
            " template, and meta.json with test_from are needed"
        ) from None
    learnt: list[_Ended] = []
    judged: list[_Ended] = []
    for session, at in ended.items():
        (learnt if at < test_from else judged).append(_Ended(session, tuple(events[session]), at))
    return learnt, judged


def predict(learnt: Sequence[_Ended], judged: Sequence[_Ended]) -> Iterator[tuple[str, float, int]]:
    """Yield session, score and flag of the sessions to judge, by nothing but what ended before."""
    names: dict[str, str] = {}
    failing: set[str] = set()

    def ids(templates: Sequence[str]) -> tuple[str, ...]:
        for template in templates:
            if template not in names:
                names[template] = f"t{len(names)}"
                if speaks_of_failure(template):
                    failing.add(names[template])
        return tuple(names[template] for template in templates)

    watch = SessionWatch(DetectorSettings())
    for session in learnt:
        watch.learn(ids(session.events))
    for session in judged:
        events = ids(session.events)
        verdict = watch.ended(events, round(session.at * 1e9), failing.intersection(events))
        yield session.session, verdict.score, int(verdict.flag)


def programs(scenario: Scenario, seeds: Iterable[int], sessions: int = 1500) -> Iterator[_Stream]:
    """Yield what a watch learns and judges, of one made-up program after the other."""
    for seed in seeds:
        yield World(seed).sessions(scenario, sessions, sessions)


def stores(contamination: float, seeds: Iterable[int], sessions: int = 1500) -> Iterator[_Stream]:
    """Yield the same of the made-up store with copies."""
    for seed in seeds:
        yield copies(seed, sessions, 2 * sessions, contamination)


def judge(
    streams: Iterable[_Stream], muted: Sequence[str] = (), *, gated: bool = True
) -> tuple[list[float], list[float]]:
    """Return F1 and false positive rate of each stream, without the reasons that are `muted`.

    Where it is not `gated`, what was flagged is learnt as well.
    """
    scores, rates = [], []
    for learnt, judged in streams:
        watch = SessionWatch(DetectorSettings(), muted)
        for session in learnt:
            watch.learn(session.events)
        cells: Counter[tuple[bool, bool]] = Counter()
        for at, session in enumerate(judged):
            verdict = watch.ended(session.events, at * 500_000_000, session.errors)
            cells[bool(session.failure), verdict.flag] += 1
            if verdict.flag and not gated:
                watch.learn(session.events)
        hit, false, lost = cells[True, True], cells[False, True], cells[True, False]
        scores.append(2 * hit / max(1, 2 * hit + false + lost))
        rates.append(false / max(1, false + cells[False, False]))
    return scores, rates


def ablation(worlds: int) -> Iterator[str]:
    """Yield the lines of a table: mean F1 per kind of stream, and the mean false positive rate of all."""
    names = [*(scenario.name for scenario in SCENARIOS), "store", "store, contaminated 3 %"]
    yield "| | " + " | ".join(names) + " | FPR |"
    yield "|---" * (len(names) + 2) + "|"
    for name, muted in _GROUPS.items():
        gated = name != _UNGATED
        rows = [judge(programs(scenario, range(worlds)), muted, gated=gated) for scenario in SCENARIOS]
        rows += [judge(stores(share, range(worlds)), muted, gated=gated) for share in (0.0, 0.03)]
        rate = mean(rate for _, rates in rows for rate in rates)
        yield f"| {name} | " + " | ".join(f"{mean(scores):.3f}" for scores, _ in rows) + f" | {rate:.4f} |"


def main() -> int:
    """Command line; 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.anomaly", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("set", type=Path, nargs="?", help="folder with events.csv.gz and meta.json")
    parser.add_argument("--out", type=Path, help="CSV to write: session,score,flag")
    parser.add_argument("--ablation", action="store_true", help="print the ablation table instead")
    parser.add_argument("--worlds", type=int, default=20, help="made-up programs per scenario")
    arguments = parser.parse_args()
    if arguments.ablation:
        for line in ablation(arguments.worlds):
            print(line, flush=True)
        return 0
    if arguments.set is None or arguments.out is None:
        parser.error("a set and --out are needed, or --ablation")
    try:
        learnt, judged = read_sessions(arguments.set)
    except BadInput as error:
        print(f"anomaly: {error}", file=sys.stderr)
        return 2
    flags = 0
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("session", "score", "flag"))
        for session, score, flag in predict(learnt, judged):
            writer.writerow((session, f"{score:.6f}", flag))
            flags += flag
    print(json.dumps({"learnt": len(learnt), "judged": len(judged), "flagged": flags}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
