"""From a clean clone to a workspace that can be opened, and the same again: how long `make run` takes both times.

    python3 -m benchmarks.set_up [--keep DIR]

Needs nothing but the standard library, git, make and Python 3.11 or 3.12: it runs on a machine where nothing is installed
yet. Its last line reads `user U, set-up and first start N s, second start M s (asked <= 10)`; it ends with 1 when the second
start took longer, and with 2 when a start did not reach the page at all.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ASKED: Final = 10.0
_ADDRESS: Final = re.compile(r"Workspace: (http://\S+)")
_LONGEST: Final = 1800.0


class NoPage(Exception):
    """`make run` ended, or its time was over, before the page answered."""


def started(clone: Path) -> float:
    """Run `make run` in `clone` until its page answers, end it as Ctrl-C does; return the seconds to the page."""
    began = time.monotonic()
    log = clone / "make-run.log"
    with log.open("wb") as out:
        make = subprocess.Popen(
            ["make", "run"], cwd=clone, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        while make.poll() is None and time.monotonic() - began < _LONGEST:
            found = _ADDRESS.search(log.read_text(errors="replace"))
            if found is not None:
                with urllib.request.urlopen(found.group(1), timeout=10) as page:
                    page.read()
                return time.monotonic() - began
            time.sleep(0.05)
        raise NoPage(log.read_text(errors="replace")[-2000:])
    finally:
        if make.poll() is None:
            os.killpg(make.pid, signal.SIGINT)
            make.wait(60)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", type=Path, help="clone to this new directory and leave it there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        clone = asked.keep or Path(place) / "mayday"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        try:
            first, second = started(clone), started(clone)
        except NoPage as problem:
            print(f"set_up: the page was not reached; make run said:\n{problem}", file=sys.stderr)
            return 2
    print(
        f"user {getpass.getuser()}, set-up and first start {first:.0f} s, second start {second:.1f} s (asked <= {ASKED:.0f})"
    )
    return 0 if second <= ASKED else 1


if __name__ == "__main__":
    sys.exit(main())
