"""Lines/s of the whole path, socket to stored counts, beside bare Drain3 on the same lines in the same run.

    python -m benchmarks.throughput [--lines 200000] [--rounds 3]

Ours: chunks packed beforehand are sent with acks to the receiver process, spooled sealed, read by one Bytewax worker and
counted by the command center; the clock stops when the database holds every line. Theirs: Drain3's own miner with the masks
of its README, one thread, nothing else. Both learn from nothing in every round, in turns; the best round of each counts.

Lines are generated; the public 20,000-line samples are added, each repeated to the asked number, when `MAYDAY_SHARED`, or a
folder `shared` beside the project, holds them. A row says as well what each process spent on a line, in microseconds of CPU.

Records have four fields; the last row is the first set once more in records as Fluent Bit ships them from Kubernetes, which no
mean includes: bare Drain3 sees the line alone in both.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from math import prod
from pathlib import Path

from rich.console import Console

from benchmarks.templates import run_bare, sets
from bot.settings import SupervisorSettings
from bot.supervisor import Supervisor, mayday_commands
from examples.clinic.clinic import free_ports
from models.errors import MaydayError
from storage.client import StoreClient
from storage.layout import Layout
from stream.forward_client import ForwardClient, pack_event

CHUNK = 2_000
SENDERS = 2
PROCESSES = ("receive", "stream", "command")


@dataclass(frozen=True)
class Round:
    """One run of the whole path: seconds from the first byte to the last stored count, CPU seconds by process."""

    seconds: float
    cpu: dict[str, float]


def plain_record(line: str) -> dict[str, object]:
    """A record of four fields."""
    return {"service": "billing", "host": "h1", "level": "info", "log": line}


def kubernetes_record(line: str) -> dict[str, object]:
    """A record as Fluent Bit's kubernetes filter makes it of a line of a container."""
    return {
        "log": line,
        "stream": "stdout",
        "logtag": "F",
        "kubernetes": {
            "pod_name": "billing-6c7f9d5b8-x2x7k",
            "namespace_name": "clinic",
            "pod_id": "2f1c1d3e-8a55-4a53-9d1c-5b0c1d7c9a10",
            "labels": {"app": "billing", "pod-template-hash": "6c7f9d5b8", "team": "payments"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9102"},
            "host": "node-1",
            "container_name": "billing",
            "docker_id": "9b0d4f5a7e12" * 5,
            "container_image": "registry.example/clinic/billing:3.8.0",
        },
    }


Record = Callable[[str], dict[str, object]]


def packed(lines: list[str], record: Record = plain_record) -> list[tuple[bytes, int]]:
    """Return the lines as packed chunks of one service, as an agent would send them."""
    begin = int((time.time() - 60) * 1e9)
    events = [pack_event(begin + 1000 * n, record(line)) for n, line in enumerate(lines)]
    return [
        (b"".join(events[i : i + CHUNK]), len(events[i : i + CHUNK])) for i in range(0, len(events), CHUNK)
    ]


def whole_path(lines: list[str], record: Record = plain_record) -> Round:
    """Send `lines` through the three processes and wait until all are counted in the database."""
    chunks = packed(lines, record)
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
            before = {name: cpu_seconds(pid) for name, pid in supervisor.pids.items()}
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
            seconds = time.monotonic() - began
            after = {name: cpu_seconds(pid) for name, pid in supervisor.pids.items()}
            return Round(seconds, {name: after[name] - before[name] for name in PROCESSES})
        finally:
            supervisor.stop()


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used, from the kernel's own account of it."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
        rows = store.query('SELECT coalesce(sum("lines"), 0)::BIGINT AS n FROM service_traffic').to_pylist()
    except MaydayError:
        return 0
    return int(rows[0]["n"])


def inputs(count: int) -> Iterator[tuple[str, list[str]]]:
    """Yield name and `count` lines of each set."""
    for name, lines in sets(count):
        whole = [line for line in lines if line]
        yield name, list(islice(cycle(whole), count))


def measured(name: str, lines: list[str], record: Record, rounds: int, console: Console) -> float:
    """Print one row; returns how many times the speed of bare Drain3 that is."""
    bare = list[float]()
    ours = list[Round]()
    for number in range(1, rounds + 1):
        began = time.monotonic()
        run_bare(lines, 0)
        bare.append(time.monotonic() - began)
        ours.append(whole_path(lines, record))
        console.print(f"{name}, round {number} of {rounds}", style="dim")
    best = min(ours, key=lambda one: one.seconds)
    ratio = min(bare) / best.seconds
    spent = "".join(f"{best.cpu[process] / len(lines) * 1e6:>7.2f} us" for process in PROCESSES)
    rates = f"{len(lines) / min(bare):>10,.0f}/s{len(lines) / best.seconds:>10,.0f}/s"
    print(f"{name:<16}{rates}{ratio:>8.2f}{spent}", flush=True)
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description="Whole path beside bare Drain3.")
    parser.add_argument("--lines", type=int, default=200_000, help="lines of each set")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the best counts")
    options = parser.parse_args()
    console = Console(stderr=True)
    print(f"{'set':<16}{'Drain3':>12}{'Mayday':>12}{'ratio':>8}" + "".join(f"{p:>10}" for p in PROCESSES))
    sets_of_lines = list(inputs(options.lines))
    ratios = [measured(*one, plain_record, options.rounds, console) for one in sets_of_lines]
    name, lines = sets_of_lines[0]
    measured(f"{name}, k8s", lines, kubernetes_record, options.rounds, console)
    mean = prod(ratios) ** (1 / len(ratios))
    print(
        f"whole path beside bare Drain3: ratio {mean:.2f} as the geometric mean of {len(ratios)} sets, "
        f"worst {min(ratios):.2f} ({options.lines} lines each, best of {options.rounds})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
