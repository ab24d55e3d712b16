"""`make bench`: run every benchmark and write docs/benchmarks.md, with the machine, the date and the commit.

    python -m benchmarks.report

What a benchmark prints stands in the page as it came. The pairing is what counts: both sides of a ratio were measured in
one run on one machine, and rates alone do not carry over to another.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.prove import ROOT, commit

PAGE = ROOT / "docs" / "benchmarks.md"


class Bench(NamedTuple):
    """One section of the page: what it says, and the module that measures it."""

    title: str
    says: str
    module: str
    arguments: tuple[str, ...] = ()


BENCHES = (
    Bench(
        "The whole path beside bare Drain3",
        "Lines/s from the first byte at the socket to the last count in the database, with acks after the sync, one worker,\n"
        "records of four fields; beside Drain3 alone with the masks of its README. The right-hand columns are what each\n"
        "process spent on a line, microseconds of CPU.",
        "benchmarks.throughput",
        ("--lines", "200000", "--rounds", "2"),
    ),
    Bench(
        "Where the time of a line goes",
        "Every stage alone in one process. Receiver: the first two rows; stream: the next five and the packing; command\n"
        "center: the last two.",
        "benchmarks.stages",
        ("--lines", "50000", "--rounds", "2"),
    ),
    Bench(
        "What Bytewax costs",
        "Microseconds of CPU per line of the stream's process, with its state sealed and stored every two seconds; beside\n"
        "the same work in a plain loop over the same spool.",
        "benchmarks.overhead",
    ),
    Bench(
        "Templates beside bare Drain3",
        "Microseconds per line of the template miner alone, batches of 1,000 lines.",
        "benchmarks.templates",
    ),
    Bench(
        "The spool beside plain writes",
        "Sealed, synced and acknowledged, beside a file that is only written.",
        "benchmarks.spool",
    ),
    Bench(
        "Templates against labelled lines",
        "Mean and worst over eight sets of public logs, content alone; product defaults, one configuration.",
        "benchmarks.scored",
        ("templates",),
    ),
    Bench("The same with headers", "Raw lines: the header is found first.", "benchmarks.scored", ("raw",)),
    Bench(
        "Sessions that went wrong",
        "Flags without labels and without a threshold that was looked up; product defaults.",
        "benchmarks.scored",
        ("anomalies",),
    ),
    Bench(
        "A simulated day",
        "Incidents opened over 2.5 hours of logs of eight services, seven troubles and three harmless events among them. The day was\n"
        "known to those who built this, so it is no proof for other days.",
        "benchmarks.scored",
        ("day",),
    ),
    Bench(
        "The same without being told who calls whom",
        "Calls are learnt from the lines.",
        "benchmarks.scored",
        ("day-without-graph",),
    ),
)


def machine() -> str:
    """Return what the figures were measured on, without the name of the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, Linux, Python {platform.python_version()}"


def measured(bench: Bench) -> str:
    """Run one benchmark and return its section. Raises `CalledProcessError` if it fails."""
    print(f"bench: {bench.module}", file=sys.stderr)
    command = ["-m", bench.module, *bench.arguments]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    said = f"$ python {' '.join(command)}\n{done.stdout.rstrip()}"
    return f"## {bench.title}\n{bench.says}\n\n```\n{said}\n```\n"


def main() -> int:
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    head = (
        "# Benchmarks\n\n"
        f"Written by `make bench` on {when}, commit {commit()}, on {machine()}.\n"
        "Rates swing with the machine and with what else it does; ratios were measured in one run, in turns.\n"
    )
    PAGE.write_text("\n".join([head, *map(measured, BENCHES)]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
