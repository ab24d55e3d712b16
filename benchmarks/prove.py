"""`make prove PART=name`: run one proof with its full count and append date, commit, command and figures to docs/proofs.md.

    python -m benchmarks.prove durability        one part
    python -m benchmarks.prove all               every part, one after the other

A part is a command line whose last line of output is its figure. What nobody has run stands in docs/proofs.md as "not run".
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROOFS = ROOT / "docs" / "proofs.md"
PARTS: dict[str, list[str]] = {
    "durability": ["-m", "benchmarks.durability", "--lines", "200000", "--kills", "20"],
    "outage": ["-m", "benchmarks.outage"],
    "determinism": ["-m", "pytest", "-q", "tests/stream/test_determinism.py", "--hypothesis-profile=full"],
    "stress": ["-m", "benchmarks.stress"],
    "throughput": ["-m", "benchmarks.throughput"],
    "overhead": ["-m", "benchmarks.overhead"],
    "templates": ["-m", "benchmarks.templates"],
    "report": ["-m", "pytest", "-q", "tests/bot/test_report_shared.py", "--whole-day"],
    "forecast": ["-m", "benchmarks.forecast"],
    "set_up": ["-m", "benchmarks.set_up"],
    "demo": ["-m", "bot.cli", "demo", "--headless", "--json"],
}
HEAD = """# Proofs

Full counts that were really run, newest last; `make prove PART=...` appends here. A part without a row was not run.

| date (UTC) | commit | command | exit | last line |
|---|---|---|---|---|
"""
NOT_RUN = "not run"


def commit() -> str:
    """Return the short hash that is checked out, marked where files differ from it."""
    name = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    dirty = subprocess.run(
        ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    return name + ("+" if dirty else "")


def prove(part: str) -> int:
    """Run one part, show its output and append its row. Returns the part's exit code."""
    command = PARTS[part]
    print(f"prove {part}: python {' '.join(command)}", file=sys.stderr)
    last = ""
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    figure = last.replace("|", "/")
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    row = f"| {when} | {commit()} | `python {' '.join(command)}` | {process.returncode} | {figure} |\n"
    text = PROOFS.read_text("utf-8") if PROOFS.exists() else HEAD
    kept = [
        line
        for line in text.splitlines(keepends=True)
        if not (f"`python {' '.join(command)}`" in line and NOT_RUN in line)
    ]
    PROOFS.write_text("".join(kept) + row, "utf-8")
    return process.returncode


def main() -> int:
    asked = sys.argv[1:] or ["all"]
    parts = list(PARTS) if asked == ["all"] else asked
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        print(f"prove: there is no part of that name; there are {', '.join(PARTS)} and all", file=sys.stderr)
        return 2
    return max([prove(part) for part in parts], default=0)


if __name__ == "__main__":
    sys.exit(main())
