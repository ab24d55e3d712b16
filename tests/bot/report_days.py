"""Small made-up days for tests of the report: a quiet one, and one on which a release of billing breaks its database connections."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
RELEASE = START + timedelta(minutes=20)
BROKEN = RELEASE + timedelta(seconds=45)
ODD = START + timedelta(minutes=15)  # one warning that nothing comes of
MENDED = RELEASE + timedelta(minutes=8)
END = START + timedelta(minutes=35)
PERSON = "Zebulon Quarmby"  # made up, and on no list of names
HOSTILE = "<img src=x onerror=alert(1)></script><b>bold</b>"
CONFIG = """services = ["gateway", "billing", "messaging"]
[center.calls]
gateway = ["billing", "messaging"]
"""


def line(at: datetime, service: str, message: str, level: str = "INFO") -> str:
    return json.dumps(
        {"timestamp": at.isoformat(), "host": "node1", "service": service, "level": level, "message": message}
    )


def day(*, broken: bool, seed: int = 5) -> list[str]:
    """Return the lines of thirty-five minutes in order of time."""
    rng = random.Random(seed)
    found = []
    for second in range(int((END - START).total_seconds())):
        at = START + timedelta(seconds=second)
        found.append(
            line(at, "gateway", f"GET /bills/{rng.randrange(999)} answered 200 in {rng.randrange(9, 40)} ms")
        )
        if second % 2 == 0:
            found.append(
                line(at, "billing", f"bill {rng.randrange(9999)} stored after {rng.randrange(3, 9)} ms")
            )
        if second % 5 == 0:
            found.append(line(at, "messaging", f"sent mail {rng.randrange(9999)} to {PERSON} {HOSTILE}"))
        if broken and at == ODD:
            found.append(line(at, "messaging", "queue is nearly full", "WARN"))
        if broken and BROKEN <= at < MENDED:
            number = rng.randrange(9999)
            found.append(line(at, "billing", f"connection pool exhausted after {number} ms", "ERROR"))
            if second % 2 == 0:
                found.append(line(at, "gateway", f"billing answered 503 for request {number}", "ERROR"))
    return found


def write_day(folder: Path, *, broken: bool = True) -> list[str]:
    """Write logs, changes and configuration; returns the arguments of `mayday replay` for them."""
    folder.mkdir(exist_ok=True)
    (folder / "mayday.toml").write_text(CONFIG)
    (folder / "day.jsonl").write_text("\n".join(day(broken=broken)) + "\n")
    arguments = [str(folder / "day.jsonl"), "--config", str(folder / "mayday.toml")]
    if broken:
        changes = [
            {"id": "chg-7", "service": "billing", "time": RELEASE.isoformat(), "version": "v2.4.0"},
            {"id": "chg-8", "service": "messaging", "time": (START + timedelta(minutes=5)).isoformat()},
        ]
        (folder / "changes.jsonl").write_text("\n".join(map(json.dumps, changes)) + "\n")
        arguments += ["--changes", str(folder / "changes.jsonl")]
    return arguments


def data_of(page: str) -> dict[str, Any]:
    """Return the data that stand in a report for its script."""
    found = re.search(r'<script type="application/json" id="day">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data
