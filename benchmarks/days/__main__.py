"""Writes days; see the package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.days.records import write_day
from benchmarks.days.simulate import play


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.days", description="Made-up incident days.")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--seed", type=int, default=1, help="the first day's")
    parser.add_argument("--count", type=int, default=1, help="days, of this seed and those that follow")
    parser.add_argument("--hours", type=float, default=2.5)
    parser.add_argument("--hard", action="store_true", help="events may overlap")
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.count):
        day = play(seed, options.hours, hard=options.hard)
        write_day(day, options.out / f"day-{seed}")
        print(f"day-{seed}: {len(day.lines)} lines, {len(day.services)} services, {len(day.events)} events")
    return 0


if __name__ == "__main__":
    sys.exit(main())
