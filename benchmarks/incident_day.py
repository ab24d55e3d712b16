"""A day of logs through the whole flow, and the incidents it opens.

    python -m benchmarks.incident_day DIR --out incidents.json [--no-graph]

DIR holds `logs.jsonl.gz`, `changes.jsonl` and `services.json`: the services, and who calls whom. With `--no-graph` the last is
left aside, as it is where nobody wrote one. Settings are the product's defaults. What is written is a JSON list, as
`mayday replay --json` writes it; the last line gives lines per second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.config import Config
from bot.log_files import find_files
from bot.replay import Summary, read_changes, replay, write_incidents
from models.errors import MaydayError


class Call(BaseModel):
    model_config = ConfigDict(extra="ignore")
    caller: str
    callee: str


class Services(BaseModel):
    """`services.json`."""

    model_config = ConfigDict(extra="ignore")
    services: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()


def config_of(services: Services | None) -> Config:
    """Return the product's defaults, with the services and calls that are known."""
    if services is None:
        return Config()
    calls: dict[str, list[str]] = {}
    for call in services.calls:
        calls.setdefault(call.caller, []).append(call.callee)
    return Config.model_validate({"services": services.services, "center": {"calls": calls}})


def run(folder: Path, *, graph: bool) -> Summary:
    """Replay the day in `folder`."""
    services = None
    if graph:
        services = Services.model_validate_json((folder / "services.json").read_bytes())
    files, _ = find_files([folder / "logs.jsonl.gz"])
    return replay(config_of(services), files, read_changes(folder / "changes.jsonl"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Incidents of a day of logs.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, help="where the incidents are written")
    parser.add_argument("--no-graph", action="store_true", help="leave services.json aside")
    options = parser.parse_args(arguments)
    try:
        summary = run(options.folder, graph=not options.no_graph)
    except (MaydayError, OSError, ValidationError) as error:
        print(f"the day cannot be read: {error}", file=sys.stderr)
        return 2
    write_incidents(options.out, summary)
    print(
        f"{summary.lines} lines, {len(summary.incidents)} incidents, {summary.lines_per_second:,.0f} lines/s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
