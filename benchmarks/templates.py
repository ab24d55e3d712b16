"""Templates of a folder of sets, and lines/s of the template miner beside bare Drain3 with the masks of its README.

    python -m benchmarks.templates DIR --out PRED_DIR [--raw]
    python -m benchmarks.templates [--lines N] [--batch N] [--rounds N]

The first writes `PRED_DIR/<set>.csv` (`LineId,TemplateId,Template`) for every `DIR/<set>/content.log`, or `raw.log` with
`--raw`, with the product's default settings for all of them.

The second prints a table of speed. Lines are generated; the public 20,000-line samples are added when `MAYDAY_SHARED`, or
a folder `shared` beside the project, holds them. Both sides run on one thread, in turns, and each is given its best round.
Every round starts from nothing, so that learning is part of the figure. The last column is the share of lines whose
cluster, below the templates, is another than the one plain Drain3 gives for the same masked lines.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from math import prod
from pathlib import Path

from drain3 import TemplateMiner as BareMiner
from drain3.drain import Drain
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from models.drain_base import DrainBase
from models.masking import Masker
from models.sample_lines import sample_lines
from models.settings import TemplateSettings
from models.template_files import mine_lines
from models.templates import TemplateMiner
from stream.decode.traces import Trace

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


def base_differs(texts: Sequence[str]) -> float:
    """Return the share of lines to which the base gives another cluster than plain Drain3 on the same masked lines."""
    settings = TemplateSettings()
    plain = Drain(settings.depth, settings.similarity, settings.max_children, settings.max_templates)
    base = DrainBase(settings)
    differing = 0
    for line in Masker().mask_many(texts):
        expected = plain.add_log_message(line)[0].cluster_id
        found = base.answers.get(line)
        if found is None:
            found = base.ask(line)
        else:
            base.use([line])
        differing += found != expected
    return differing / len(texts)


def predict(folder: Path, out: Path, *, raw: bool) -> None:
    """Write one CSV of predictions for every set of `folder`."""
    name = "raw.log" if raw else "content.log"
    found = sorted(folder.glob(f"*/{name}"))
    if not found:
        sys.exit(f"there is no <set>/{name} in {folder.name}")
    out.mkdir(parents=True, exist_ok=True)
    for path in found:
        lines = path.read_bytes().decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
        mined = mine_lines([line.removesuffix("\r") for line in lines], content=not raw, trace=Trace())
        target = out / f"{path.parent.name}.csv"
        with target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("LineId", "TemplateId", "Template"))
            writer.writerows(
                (number, template_id, mined.templates[template_id])
                for number, template_id in enumerate(mined.ids, 1)
            )
        print(
            f"{path.parent.name}: {len(lines)} lines, {len(mined.templates)} templates, {mined.headers} headers"
        )


def main() -> None:
    """Write predictions, or print one row of speed per set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="folder of sets to predict")
    parser.add_argument("--out", type=Path, metavar="PRED_DIR", help="where the predictions go")
    parser.add_argument("--raw", action="store_true", help="read raw.log, lines with their header")
    parser.add_argument("--lines", type=int, default=20_000, help="lines per set")
    parser.add_argument("--batch", type=int, default=1000, help="lines per batch")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the best counts")
    given = parser.parse_args()
    if (given.folder is None) != (given.out is None):
        parser.error("DIR and --out go together")
    if given.folder is not None:
        predict(given.folder, given.out, raw=given.raw)
        return
    print(
        f"{'set':<12}{'Drain3 us':>10}{'Mayday us':>10}{'ratio':>8}{'lines/s':>12}{'templates':>16}{'differ':>9}"
    )
    ratios = []
    for name, texts in sets(given.lines):
        pairs = [
            (timed(run_bare, texts, given.batch), timed(run_ours, texts, given.batch))
            for _ in range(given.rounds)
        ]
        (bare, clusters), (ours, templates) = min(p[0] for p in pairs), min(p[1] for p in pairs)
        counts = f"{clusters} / {templates}"
        if name != "generated":
            ratios.append(bare / ours)
        print(
            f"{name:<12}{bare:>10.1f}{ours:>10.2f}{bare / ours:>8.1f}{1e6 / ours:>12,.0f}{counts:>16}"
            f"{base_differs(texts):>9.2%}"
        )
    if ratios:
        print(
            f"geometric mean over the public logs {prod(ratios) ** (1 / len(ratios)):.1f}x, worst {min(ratios):.1f}x"
        )


if __name__ == "__main__":
    main()
