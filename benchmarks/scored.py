"""What Mayday finds in labelled data, scored by the yardsticks beside the project, next to what others reach.

    python -m benchmarks.scored templates|raw|anomalies|day|day-without-graph

Needs the folder of labelled data and yardsticks (`MAYDAY_SHARED`, or `../shared`); without it a line says so. The data are
those Mayday was developed with; figures on other data have to be measured there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.prove import ROOT

SHARED = Path(os.environ.get("MAYDAY_SHARED", ROOT.parent / "shared"))
ANCHORS = {
    "templates": "Drain3 with the masks of its README: GA .814, FGA .814, ppPA .480, ppFTA .570, worst GA .309",
    "raw": "Drain3 with the masks of its README loses a third to two thirds of its GA on raw lines",
    "anomalies": "best label-free F1 seen elsewhere on these files: hdfs_100k .69, openstack .99",
    "day": "ten errors a minute as a rule: recall .57, root service .25, median time to detect 119 s",
    "day-without-graph": "as above, without being told who calls whom",
}


def run(*command: str) -> str:
    """Run a module or a script; return what it prints."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def scores(script: str, *arguments: str) -> dict[str, Any]:
    """Return what a yardstick says."""
    found: dict[str, Any] = json.loads(run(str(SHARED / "yardstick" / script), *arguments))
    return found


def templates(out: Path, *, raw: bool) -> None:
    folder = str(SHARED / "datasets" / "templates")
    run("-m", "benchmarks.templates", folder, "--out", str(out), *(("--raw",) if raw else ()))
    said = scores("score_templates.py", str(out), folder)
    for name in ("mean", "worst"):
        figures = {key: round(value, 3) for key, value in said[name].items() if isinstance(value, float)}
        print(name, " ".join(f"{key} {value:.3f}" for key, value in figures.items()))


def anomalies(out: Path) -> None:
    for folder in sorted((SHARED / "datasets" / "anomaly").iterdir()):
        if folder.is_dir():
            flags = out / f"{folder.name}.csv"
            run("-m", "benchmarks.anomaly", str(folder), "--out", str(flags))
            said = scores("score_anomaly.py", str(flags), str(folder / "labels.csv"))
            print(
                folder.name,
                " ".join(
                    f"{key} {said[key]:.3f}" for key in ("precision", "recall", "F1", "FPR") if key in said
                ),
            )


def day(out: Path, *, graph: bool) -> None:
    folder, found = SHARED / "datasets" / "incident-day", out / "incidents.json"
    rate = run(
        "-m", "benchmarks.incident_day", str(folder), "--out", str(found), *(() if graph else ("--no-graph",))
    )
    said = scores("score_incidents.py", str(found), str(folder / "truth.json"))
    wanted = (
        "recall",
        "precision",
        "false_per_hour",
        "duplicates_per_detected",
        "root_service_accuracy",
        "category_accuracy",
    )
    more = ("suspect_change_accuracy", "false_blame", "severity_exact", "severity_within_one")
    for names in (wanted, more):
        print(" ".join(f"{key} {said[key]:.3f}" for key in names if said[key] is not None))
    print(" ".join(f"time to detect {key} {value:.0f} s" for key, value in said["time_to_detect_s"].items()))
    print(rate.strip())


def main() -> int:
    parser = argparse.ArgumentParser(description="Scores on labelled data.")
    parser.add_argument("part", choices=sorted(ANCHORS))
    part = parser.parse_args().part
    if not (SHARED / "yardstick").is_dir():
        print("not measured: the labelled data and the yardsticks are not here")
        return 0
    with tempfile.TemporaryDirectory(prefix="mayday-scored-") as place:
        out = Path(place)
        if part in ("templates", "raw"):
            templates(out / "found", raw=part == "raw")
        elif part == "anomalies":
            anomalies(out)
        else:
            day(out, graph=part == "day")
    print(f"for comparison: {ANCHORS[part]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
