"""How early limits are foreseen, and how often in vain.

    python -m benchmarks.forecast [--cases 30] [--seed 1] [--hours 24] [--logs 5] [--development]

`--cases` made-up leaks and fillings (`forecast_worlds`) are played as logs (`forecast_logs`) through the flow with
the default settings. One counts as announced if a warning comes at least 10 minutes before the minute in which the
figure is at its limit, and the limit is reached within the latest time that the warning gives, or half an hour after it. Times are
those at which the block with the warning was received. All other warnings are false.

Then `--logs` healthy logs of `--hours` each, with a service for every healthy kind, are played; every warning is false. The worst
log counts. `--development` draws from the parameters that the forecast was chosen with, and from other seeds.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.forecast_logs import BEGIN, Service, blocks, voice
from benchmarks.forecast_worlds import DEVELOPMENT, FILLINGS, HEALTHY, SCORED, Parameters, filling, healthy
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.facts import Signal, SignalKind
from storage.seal import KeyRing
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.plain import PlainFlow
from stream.spool import Block

LEAD = 10
"""Minutes before the limit at which a warning still helps."""
GRACE = 30
"""Minutes after its latest time in which a warning may still come true."""
_DEVELOPMENT_SEEDS = 7000  # added to seeds of the development set: no world is in both


class Case(NamedTuple):
    """What became of one filling: minutes from the right warning to the limit (None: no warning was right), by how
    many minutes the expected time was off, and the number of false warnings."""

    kind: str
    lead: float | None
    off: float | None
    false: int

    @property
    def announced(self) -> bool:
        """Whether there was time enough."""
        return self.lead is not None and self.lead >= LEAD


def warnings(log: Iterable[Block], names: Iterable[str]) -> list[Signal]:
    """Return the forecasts that the flow makes of a log, in order."""
    gate = Gate(Vocabulary.base(), names=list(names))
    flow = PlainFlow(FlowSettings(), FieldSettings(), gate, KeyRing(bytes(32)))
    return [
        signal
        for each in log
        for facts in flow.step(each)
        for signal in facts.signals
        if signal.kind is SignalKind.FORECAST
    ]


def play_filling(seed: int, kind: str, parameters: Parameters) -> Case:
    """Play one filling."""
    rng = random.Random(f"voice {seed} {kind}")
    world = filling(seed, parameters, kind)
    how = voice(rng)
    service = Service("billing", world, how, rng.randint(2, 12))
    full_at = BEGIN + 60 * (world.full_at or 0) + 55
    lead = off = None
    false = 0
    for signal in warnings(blocks([service], seed), ["billing"]):
        before = (full_at - signal.seen_at.timestamp()) / 60
        given = full_at - signal.at.timestamp()
        if signal.evidence["figure"] == "error lines per minute" or before <= 0:
            false += 1
        elif given / 60 <= float(signal.evidence["latest_min"]) + GRACE:
            if lead is None:
                lead, off = before, abs(given / 60 - float(signal.evidence["in_min"]))
        else:
            false += 1
    return Case(kind, lead, off, false)


def play_healthy(seed: int, hours: float, parameters: Parameters) -> Counter[str]:
    """Play one healthy log; return the number of warnings by the kind of figure they are about."""
    rng = random.Random(f"healthy log {seed}")
    services = [
        Service(f"svc{n}", healthy(seed, parameters, kind, round(60 * hours)), voice(rng), rng.randint(2, 12))
        for n, kind in enumerate(HEALTHY)
    ]
    kinds = {each.name: each.world.kind for each in services}
    found = Counter[str]()
    for signal in warnings(blocks(services, seed), kinds):
        errors = signal.evidence["figure"] == "error lines per minute"
        found["error lines" if errors else kinds[str(signal.service)]] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="How early limits are foreseen, and how often in vain.")
    parser.add_argument("--cases", type=int, default=30, help="leaks and fillings (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="of the first case and log (default 1)")
    parser.add_argument("--hours", type=float, default=24, help="length of a healthy log (default 24)")
    parser.add_argument("--logs", type=int, default=5, help="healthy logs (default 5)")
    parser.add_argument(
        "--development", action="store_true", help="the set that the forecast was chosen with"
    )
    args = parser.parse_args()
    if args.cases < 1 or args.logs < 0 or args.hours <= 0:
        parser.error("--cases and --hours have to be above 0, --logs not below 0")
    parameters = DEVELOPMENT if args.development else SCORED
    seed = args.seed + (_DEVELOPMENT_SEEDS if args.development else 0)
    print(f"{'development' if args.development else 'scored'} set, seeds from {seed}")
    cases = [play_filling(seed + n, FILLINGS[n % len(FILLINGS)], parameters) for n in range(args.cases)]
    _print_cases(cases)
    if args.logs:
        logs = [play_healthy(seed + n, args.hours, parameters) for n in range(args.logs)]
        _print_logs(logs, args.hours)
        print(figure(cases, [found.total() / args.hours for found in logs], seed))
    return 0


def figure(cases: Sequence[Case], rates: Sequence[float], seed: int) -> str:
    """Return the proof in one line: what was announced in time, and the false warnings an hour of healthy logs.

    >>> figure([Case("linear", 30.0, 1.0, 0), Case("linear", 4.0, 1.0, 1)], [0.0, 0.125], 1)
    'announced 1/2 (0.500) at least 10 min before, 0.062 false warnings an hour in 2 healthy logs (worst 0.125), seeds from 1'
    """
    announced = sum(case.announced for case in cases)
    return (
        f"announced {announced}/{len(cases)} ({announced / len(cases):.3f}) at least {LEAD} min before, "
        f"{sum(rates) / len(rates):.3f} false warnings an hour in {len(rates)} healthy logs (worst {max(rates):.3f}), "
        f"seeds from {seed}"
    )


def _print_cases(cases: list[Case]) -> None:
    for kind in FILLINGS:
        own = [case for case in cases if case.kind == kind]
        if own:
            print(f"  {kind}: {sum(case.announced for case in own)} of {len(own)} announced")
    leads = [case.lead for case in cases if case.lead is not None]
    offs = [case.off for case in cases if case.off is not None]
    share = sum(case.announced for case in cases) / len(cases)
    print(f"announced at least {LEAD} min before: {share:.3f} of {len(cases)}")
    if leads:
        print(f"median lead {median(leads):.0f} min, expected time off by {median(offs):.1f} min (median)")
    print(f"false warnings before or beside them: {sum(case.false for case in cases)}")


def _print_logs(logs: list[Counter[str]], hours: float) -> None:
    rates = [found.total() / hours for found in logs]
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(sum(logs, Counter()).items())) or "none"
    print(f"healthy logs of {hours:g} h: false warnings an hour {', '.join(f'{rate:.3f}' for rate in rates)}")
    print(f"worst {max(rates):.3f} an hour; by kind: {kinds}")


if __name__ == "__main__":
    raise SystemExit(main())
