"""Lines/s of the whole path, socket to stored counts, beside bare Drain3 on the same lines in the same run.

    python -m benchmarks.throughput [--lines 200000] [--rounds 3]

Ours: chunks packed beforehand are sent with acks to the receiver process, spooled sealed, read by one Bytewax worker and
counted by the command center; the clock stops when the database holds every line. Theirs: Drain3's own miner with the masks
of its README, one thread, nothing else. Both learn from nothing in every round, in turns; the best round of each counts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from benchmarks.templates import run_bare
from bot.settings import SupervisorSettings
from bot.supervisor import Supervisor, mayday_commands
from examples.clinic.clinic import free_ports
from models.errors import MaydayError
from models.sample_lines import sample_lines
from storage.client import StoreClient
from storage.layout import Layout
from stream.forward_client import ForwardClient, pack_event

CHUNK = 2_000
SENDERS = 2


def packed(lines: list[str]) -> list[tuple[bytes, int]]:
    """Return the lines as packed chunks of one service, as an agent would send them."""
    begin = int((time.time() - 60) * 1e9)
    events = [
        pack_event(begin + 1000 * n, {"service": "billing", "host": "h1", "level": "info", "log": line})
        for n, line in enumerate(lines)
    ]
    return [
        (b"".join(events[i : i + CHUNK]), len(events[i : i + CHUNK])) for i in range(0, len(events), CHUNK)
    ]


def whole_path(lines: list[str]) -> float:
    """Return the seconds from the first byte sent to the last line counted in the database."""
    chunks = packed(lines)
    with tempfile.TemporaryDirectory(prefix="mayday-throughput-") as place:
        layout = Layout(Path(place)).prepare()
        port = free_ports(1)[0]
        config = layout.root / "mayday.toml"
        config.write_text(
            f'[receive]\nforward = "127.0.0.1:{port}"\nhttp = "off"\notlp = "off"\n[slack]\nenabled = false\n'
            f'[[operators]]\nid = "oncall"\nname = "On-call engineer"\nuid = {os.getuid()}\nroles = ["engineer"]\n'
        )
        commands = mayday_commands(["--config", str(config), "--state", str(layout.root)])
        supervisor = Supervisor(
            layout, SupervisorSettings(), commands, lambda line: print(line, file=sys.stderr)
        )
        supervisor.start()
        store, waiting = StoreClient(layout.socket), threading.Event()
        try:
            warm(store, port, waiting)
            began = time.monotonic()
            senders = [
                threading.Thread(target=send, args=(chunks[n::SENDERS], port, n), daemon=True)
                for n in range(SENDERS)
            ]
            for sender in senders:
                sender.start()
            while stored(store) < len(lines) + 1:
                if time.monotonic() - began > 600:
                    raise TimeoutError("the lines did not come through within ten minutes")
                waiting.wait(0.1)
            return time.monotonic() - began
        finally:
            supervisor.stop()


def warm(store: StoreClient, port: int, waiting: threading.Event) -> None:
    """Send one line and wait until it is counted: all three processes are up then."""
    with ForwardClient(("127.0.0.1", port)) as client:
        client.send("clinic.warm", [(int(time.time() * 1e9), {"service": "warm", "log": "service started"})])
    while stored(store) < 1:
        waiting.wait(0.1)


def send(chunks: list[tuple[bytes, int]], port: int, number: int) -> None:
    """Send chunks one after the other, each acknowledged before the next."""
    with ForwardClient(("127.0.0.1", port)) as client:
        for entries, count in chunks:
            client.send_packed(f"clinic.agent{number}", entries, count)


def stored(store: StoreClient) -> int:
    """Return how many lines the database has counted; 0 while it is not up."""
    try:
        rows = store.query("SELECT coalesce(sum(count), 0)::BIGINT AS n FROM pattern_minute").to_pylist()
    except MaydayError:
        return 0
    return int(rows[0]["n"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Whole path beside bare Drain3.")
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    console = Console(stderr=True)
    lines = sample_lines(options.lines)
    ours: list[float] = []
    bare: list[float] = []
    for number in range(1, options.rounds + 1):
        began = time.monotonic()
        run_bare(lines, 0)
        bare.append(time.monotonic() - began)
        ours.append(whole_path(lines))
        console.print(
            f"round {number}: Drain3 {len(lines) / bare[-1]:,.0f} lines/s, Mayday {len(lines) / ours[-1]:,.0f} lines/s"
        )
    best_bare, best_ours = len(lines) / min(bare), len(lines) / min(ours)
    print(
        f"whole path {best_ours:,.0f} lines/s, bare Drain3 {best_bare:,.0f} lines/s, ratio {best_ours / best_bare:.2f} "
        f"({len(lines)} lines, best of {options.rounds})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
