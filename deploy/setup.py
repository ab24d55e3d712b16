"""Make `.venv` and install Mayday into it, with progress; standard library only, because nothing is installed yet.

Run by `make setup`. Does nothing when `.venv` already holds what `constraints.txt` and `pyproject.toml` ask for, so
that a second start costs no time. `--test` adds what the tests need.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
# What the finished environment weighs with a CPU build of torch (measured); a build with CUDA is several times larger.
EXPECTED_BYTES = {False: 2_000_000_000, True: 2_300_000_000}
# A line of this length can be drawn over on a terminal of 80 columns; a longer one goes on in the next row and stays.
LINE = 79
NEED_FREE = 8_000_000_000


def fail(sentence: str) -> None:
    """Say in one sentence what is missing and stop with exit code 2."""
    print(f"mayday: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def check_machine(version: tuple[int, int], free: int) -> None:
    """Refuse early, with the way to mend it, what would fail late; `free` are the bytes that are free here."""
    if not (3, 11) <= version <= (3, 12):
        found = ".".join(map(str, version))
        fail(
            f"Python 3.11 or 3.12 is needed and this is {found}: install python3.11 and run `make PYTHON=python3.11 run`."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail("Python's venv module is missing: install it with `sudo apt-get install python3-venv`.")
    if shutil.which("git") is None:
        fail("git is missing: install it with `sudo apt-get install git`.")
    if not VENV.exists() and free < NEED_FREE:
        fail("less than 8 GB are free here: make room or clone to another disk.")


def stamp(test: bool) -> str:
    """Return what the environment was made from, as a hash."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {ROOT} {test}".encode())
    for name in ("constraints.txt", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_ready(test: bool) -> bool:
    """Say whether `.venv` already holds what is asked for; an environment for the tests also serves to run."""
    return any(ready.exists() for ready in ((VENV / f"ready-{stamp(kind)}") for kind in {test, True}))


def tree_bytes(*roots: Path) -> int:
    """Return the size of all files below `roots`; what vanishes while looking counts nothing."""
    total = 0
    stack = [str(root) for root in roots if root.exists()]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
    return total


def progress(size: int, expected: int, seconds: float) -> str:
    """Return the line that says how far it is: bytes so far, share, and the time left at the pace so far.

    >>> progress(500_000_000, 2_000_000_000, 30)
    '[#######.......................] 0.5 of about 2.0 GB, about 1 min 30 s left'
    """
    share = min(size / expected, 0.99)
    left = seconds * (1 - share) / share if share > 0.02 else None
    bar = "#" * int(share * 30) + "." * (30 - int(share * 30))
    rest = (
        "estimating the time left"
        if left is None
        else f"about {int(left // 60)} min {int(left % 60):02d} s left"
    )
    return f"[{bar}] {size / 1e9:.1f} of about {expected / 1e9:.1f} GB, {rest}"


def show_progress(done: threading.Event, expected: int) -> None:
    """Draw one line a second: bytes so far, share, time left. On no terminal, a line every 15 s."""
    started, terminal = time.monotonic(), sys.stderr.isatty()
    while not done.wait(1 if terminal else 15):
        line = progress(tree_bytes(VENV), expected, time.monotonic() - started)
        print(
            f"\r{line[:LINE]:<{LINE}}" if terminal else line,
            end="" if terminal else "\n",
            file=sys.stderr,
            flush=True,
        )
    if terminal:
        print("\r" + " " * LINE + "\r", end="", file=sys.stderr)


def install(test: bool) -> None:
    """Make the environment and let pip fill it. What it downloads lies below `.venv` meanwhile, so that it is counted."""
    downloads = VENV / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    target = f"{ROOT}[test]" if test else str(ROOT)
    pip = [
        str(VENV / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        "-c",
        str(ROOT / "constraints.txt"),
    ]
    environment = os.environ | {"TMPDIR": str(downloads)}
    done = threading.Event()
    meter = threading.Thread(target=show_progress, args=(done, EXPECTED_BYTES[test]), daemon=True)
    meter.start()
    log = VENV / "install.log"
    try:
        with log.open("wb") as out:
            for what, step in (
                ("making .venv failed; Python", [sys.executable, "-m", "venv", str(VENV)]),
                ("installing the packages failed; pip", [*pip, "hatchling==1.33.0", "editables==0.6"]),
                ("installing the packages failed; pip", [*pip, "--no-build-isolation", "-e", target]),
            ):
                if subprocess.run(step, env=environment, stdout=out, stderr=subprocess.STDOUT).returncode:
                    tail = [
                        line for line in log.read_text(errors="replace").splitlines() if "ignored" not in line
                    ][-5:]
                    fail(f"{what} said:\n  " + "\n  ".join(tail) + f"\nAll of it: {log}")
    finally:
        done.set()
        meter.join()
        shutil.rmtree(downloads, ignore_errors=True)


def main() -> None:
    test = "--test" in sys.argv[1:]
    check_machine(sys.version_info[:2], shutil.disk_usage(ROOT).free)
    if is_ready(test):
        return
    size = f"about {EXPECTED_BYTES[test] / 1e9:.1f} GB"
    print(f"mayday: setting up .venv (once; {size}, a few minutes)", file=sys.stderr)
    started = time.monotonic()
    for old in VENV.glob("ready-*") if VENV.exists() else ():
        old.unlink()
    install(test)
    (VENV / f"ready-{stamp(test)}").touch()
    print(f"mayday: set up in {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nmayday: the set-up was stopped; the next `make` begins it again", file=sys.stderr)
        raise SystemExit(130) from None
