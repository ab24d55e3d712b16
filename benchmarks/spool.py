"""Rates of the spool beside plain writes without any sync, in one run on the same disk.

    python -m benchmarks.spool [--megabytes 400] [--small 20000] [--dir DIR]

Large: messages of 2 MB as agents send them, appended as fast as there is room. Small: messages of 200 bytes from eight
producers that each wait for their answer, as agents with acks do. The peer writes the same bytes to a file with `write`,
seals nothing, syncs nothing and answers nobody. Also: reading everything back, and opening after a crash.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from models.clock import system_clock
from storage.seal import KeyRing
from stream.spool import SpoolReader, SpoolSettings, SpoolWriter, Stored
from stream.spool.testing import numbered_entry

LARGE = 2_000_000
SMALL = 200
PRODUCERS = 8


def append_large(writer: SpoolWriter, messages: list[bytes]) -> float:
    """Seconds until all of `messages` are stored, none waiting for another's answer."""
    began = time.perf_counter()
    futures: list[Future[Stored]] = []
    for number, raw in enumerate(messages):
        writer.room.wait_for_room()
        futures.append(writer.append(numbered_entry(number, raw=raw)))
    assert not any(future.result().duplicate for future in futures)
    return time.perf_counter() - began


def append_small(writer: SpoolWriter, count: int) -> tuple[float, list[float]]:
    """Seconds until `count` messages are stored, and the seconds that each answer took."""
    waits: list[list[float]] = [[] for _ in range(PRODUCERS)]

    def produce(own: int) -> None:
        for number in range(own, count, PRODUCERS):
            began = time.perf_counter()
            writer.append(numbered_entry(1_000_000 + number, raw=bytes(SMALL))).result()
            waits[own].append(time.perf_counter() - began)

    threads = [threading.Thread(target=produce, args=(own,)) for own in range(PRODUCERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, sorted(wait for own in waits for wait in own)


def write_plainly(path: Path, messages: list[bytes]) -> float:
    """Seconds to write `messages` one after the other into a new file, unsynced."""
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for raw in messages:
            file.write(raw)
    return time.perf_counter() - began


def read_back(directory: Path, ring: KeyRing) -> tuple[float, int]:
    """Seconds to read and open everything, and how many bytes of messages that were."""
    began, size = time.perf_counter(), 0
    with SpoolReader(directory, ring) as reader:
        while blocks := reader.read(64):
            size += sum(len(entry.raw) for block in blocks for entry in block.entries)
        assert not reader.damage
    return time.perf_counter() - began, size


def main() -> None:
    """Run all of it and print one line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--small", type=int, default=20_000)
    parser.add_argument("--dir", type=Path, default=None, help="a directory on the disk to measure")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="spool-", dir=options.dir))
    ring, settings = KeyRing(os.urandom(32)), SpoolSettings(min_free_bytes=0)
    try:
        large = [os.urandom(LARGE) for _ in range(max(1, options.megabytes * 10**6 // LARGE))]
        plain = write_plainly(home / "plain", large)
        with SpoolWriter.open(home / "spool", ring, settings, system_clock) as writer:
            ours = append_large(writer, large)
            small, waits = append_small(writer, options.small)
            blocks = writer.info().blocks
        small_plain = write_plainly(home / "plain", [bytes(SMALL)] * options.small)
        reading, size = read_back(home / "spool", ring)
        shutil.rmtree(home / "spool" / "keys")  # as if no key had ever been synced: all blocks are read again
        began = time.perf_counter()
        SpoolWriter.open(home / "spool", ring, settings, system_clock).close()
        opening = time.perf_counter() - began
    finally:
        shutil.rmtree(home)
    total = len(large) * LARGE / 1e6
    print(
        f"large   {total / ours:8.0f} MB/s, unsynced write {total / plain:8.0f} MB/s, ratio {plain / ours:.2f}"
    )
    print(
        f"small   {options.small / small:8.0f} answers/s with {PRODUCERS} producers, p50 "
        f"{1000 * waits[len(waits) // 2]:.1f} ms, p99 {1000 * waits[len(waits) * 99 // 100]:.1f} ms; "
        f"unsynced write {options.small / small_plain:.0f}/s, ratio {small_plain / small:.3f}"
    )
    print(f"read    {size / 1e6 / reading:8.0f} MB/s, {blocks} blocks")
    print(f"open    {opening:8.2f} s with every key read again from {size / 1e6:.0f} MB of blocks")


if __name__ == "__main__":
    main()
