"""Lines/s of the template miner beside bare Drain3 with the masks of its README, on the same lines in the
same run.

    python -m benchmarks.templates [--lines N] [--batch N] [--rounds N]

Lines are generated; the public 20,000-line samples are added when `MAYDAY_SHARED`, or a folder `shared`
beside the project, holds them. Both sides run on one thread, in turns, and each is given its best round.
Every round starts from nothing, so that learning is part of the figure.
"""

from __future__ import annotations

import argparse
import gzip
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from drain3 import TemplateMiner as BareMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from models.sample_lines import sample_lines
from models.templates import TemplateMiner

README_MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
)
"""The masks that Drain3's README recommends: the yardstick, not what Mayday uses."""


def bare_miner() -> BareMiner:
    """Return Drain3's own miner as its README sets it up, without persistence."""
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in README_MASKS]
    return BareMiner(None, config)


def run_bare(texts: Sequence[str], _batch: int) -> int:
    """Feed `texts` to Drain3 one by one and return the number of its clusters."""
    miner = bare_miner()
    for text in texts:
        miner.add_log_message(text)
    return len(miner.drain.clusters)


def run_ours(texts: Sequence[str], batch: int) -> int:
    """Feed `texts` in batches of `batch` lines and return the number of templates."""
    miner = TemplateMiner("benchmark", bytes(32))
    for at in range(0, len(texts), batch):
        miner.learn_many(texts[at : at + batch])
        miner.changed()
    return len(miner)


def timed(run: Callable[[Sequence[str], int], int], texts: Sequence[str], batch: int) -> tuple[float, int]:
    """Return microseconds per line and the number of templates."""
    start = time.perf_counter()
    found = run(texts, batch)
    return (time.perf_counter() - start) / len(texts) * 1e6, found


def sets(count: int) -> Iterator[tuple[str, list[str]]]:
    """Yield name and lines of each set."""
    yield "generated", sample_lines(count)
    root = Path(os.environ.get("MAYDAY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    for path in sorted(root.glob("datasets/templates/*_20000.log.gz")):
        text = gzip.decompress(path.read_bytes()).decode("utf-8", "surrogateescape")
        yield path.name.partition("_")[0], text.split("\n")[:count]


def main() -> None:
    """Print one row per set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=20_000, help="lines per set")
    parser.add_argument("--batch", type=int, default=1000, help="lines per batch")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the best counts")
    given = parser.parse_args()
    print(f"{'set':<12}{'Drain3 us':>10}{'Mayday us':>10}{'ratio':>8}{'lines/s':>12}{'templates':>16}")
    for name, texts in sets(given.lines):
        pairs = [
            (timed(run_bare, texts, given.batch), timed(run_ours, texts, given.batch))
            for _ in range(given.rounds)
        ]
        (bare, clusters), (ours, templates) = min(p[0] for p in pairs), min(p[1] for p in pairs)
        counts = f"{clusters} / {templates}"
        print(f"{name:<12}{bare:>10.1f}{ours:>10.2f}{bare / ours:>8.1f}{1e6 / ours:>12,.0f}{counts:>16}")


if __name__ == "__main__":
    main()
