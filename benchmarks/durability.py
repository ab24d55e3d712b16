"""Ship lines with acks while the three processes are killed at random moments; then compare every count, cell by cell.

    python -m benchmarks.durability [--lines 200000] [--kills 20] [--seed N]

Four senders keep the truth: service × template × minute → lines whose chunk was acknowledged. A killer sends SIGKILL to one
process after the other, each at least a quarter of the kills, only while chunks are in flight. When everything is
acknowledged and has come through, a stock `duckdb` in a process of its own opens the live copy by the lines that
`mayday sql --attach` prints, and its counts are compared with the truth. Incidents and cards in the local workspace are
counted too: each incident once, with one card.

The last line reads `acked N, stored N, cells N, kills a/b/c, seed S, lost 0, doubled 0`; exit code 1 if it does not hold, or if
not every line and every kill took place.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bot.demo import tokens_of
from bot.settings import SupervisorSettings
from bot.slack.tokens import Tokens, keep_tokens
from bot.supervisor import Supervisor, mayday_commands
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from examples.clinic.clinic import free_ports
from models.clock import system_clock
from models.errors import MaydayError
from storage.client import StoreClient
from storage.layout import Layout
from storage.publish import attach_lines
from storage.seal import KeyRing
from stream.forward_client import ClientOptions, ForwardClient

SERVICES = ("api-gateway", "auth", "billing", "records-db", "ai-inference", "scheduler", "messaging", "audit")
# One word of each sentence names it in the truth; every sentence has a length and words of its own.
SENTENCES = {
    "checkout": ("info", "checkout finished after {} ms"),
    "invoice": ("info", "invoice with {} items was written to the ledger table"),
    "session": ("info", "session refreshed"),
    "backup": ("warning", "backup is {} s behind schedule and continues"),
    "upstream": ("error", "upstream connection refused by peer after {} attempts, giving up now"),
}
WEIGHTS = (40, 30, 20, 7, 0.1)
BROKEN = "billing"
Cell = tuple[str, str, int]
NAMES = ("receive", "stream", "command")


@dataclass
class Truth:
    """Lines per cell whose chunk was acknowledged."""

    cells: Counter[Cell] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    in_flight: int = 0
    held: bool = False  # senders wait: a kill is due, and the process that it is for is not back yet

    @property
    def lines(self) -> int:
        return self.cells.total()


def chunk(
    rng: random.Random, size: int, begin: float, at: float
) -> tuple[list[tuple[int, dict[str, str]]], Counter[Cell]]:
    """Return the events of one chunk and what they count; event times move from `begin` with the share `at` done."""
    events, cells = [], Counter[Cell]()
    outage = at > 0.6
    for _ in range(size):
        service = rng.choice(SERVICES)
        # Towards the end one service breaks: there must be one incident, and one card.
        broken = outage and service == BROKEN and rng.random() < 0.8
        name = "upstream" if broken else rng.choices(tuple(SENTENCES), WEIGHTS)[0]
        level, sentence = SENTENCES[name]
        moment = int((begin + at * 600 + rng.uniform(-20, 0)) * 1e9)
        events.append(
            (
                moment,
                {
                    "service": service,
                    "host": "h1",
                    "level": level,
                    "log": sentence.format(rng.randint(1, 9999)),
                },
            )
        )
        cells[service, name, moment // (60 * 10**9)] += 1
    return events, cells


def send(
    number: int, lines: int, seed: int, begin: float, port: int, truth: Truth, stop: threading.Event
) -> None:
    """Ship `lines` as one agent; a chunk enters the truth when it is acknowledged."""
    rng = random.Random(seed * 100 + number)
    options = ClientOptions(
        gzip=number % 2 == 0, self_hostname=f"agent-{number}", base_seconds=0.05, cap_seconds=1.0
    )
    with ForwardClient(("127.0.0.1", port), stop=stop, options=options, chance=rng) as client:
        sent = 0
        while sent < lines:
            size = min(rng.randint(20, 400), lines - sent)
            events, cells = chunk(rng, size, begin, sent / lines)
            while truth.held and not stop.is_set():
                stop.wait(0.005)
            with truth.lock:
                truth.in_flight += 1
            client.send(f"clinic.agent{number}", events)
            with truth.lock:
                truth.in_flight -= 1
                truth.cells += cells
            sent += size


def kill(
    supervisor: Supervisor, kills: int, rng: random.Random, truth: Truth, total: int, stop: threading.Event
) -> Counter[str]:
    """Kill processes, spread over the shipping; returns how often each was. Only while chunks are in flight."""
    plan = [name for name in NAMES for _ in range(max(1, kills // 4))]
    plan += [rng.choice(NAMES) for _ in range(kills - len(plan))]
    rng.shuffle(plan)
    done = Counter[str]()
    for number, name in enumerate(plan, 1):
        due = total * (number - rng.random() * 0.6) / (len(plan) + 1)
        while not stop.is_set() and (
            truth.lines < due or truth.in_flight == 0 or name not in supervisor.pids
        ):
            truth.held = truth.lines >= due and name not in supervisor.pids
            stop.wait(0.005)
        truth.held = False
        if stop.is_set():
            break
        os.kill(supervisor.pids[name], signal.SIGKILL)
        done[name] += 1
    return done


READER = """
import duckdb, json, sys
connection = duckdb.connect()
connection.execute(sys.stdin.read())
ask = lambda sql: connection.execute(sql).fetchall()
print(json.dumps({
    "cells": ask("SELECT service, template_id, epoch(minute)::BIGINT // 60, sum(count)::BIGINT FROM pattern_minute GROUP BY ALL"),
    "templates": ask("SELECT template_id, template FROM error_pattern"),
    "incidents": ask("SELECT id, service FROM incident"),
}))
"""


def read_back(layout: Layout) -> dict[str, list[list[object]]]:
    """Return counts, templates and incidents as a stock DuckDB in another process sees them."""
    lines = attach_lines(layout, KeyRing.load(layout, create=False))
    result = subprocess.run(
        [sys.executable, "-c", READER], input=lines, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, list[list[object]]] = json.loads(result.stdout)
    return found


def compare(truth: Truth, found: dict[str, list[list[object]]]) -> tuple[int, int, int]:
    """Return (stored, lost, doubled) lines over all cells."""
    names = {str(i): next((n for n in SENTENCES if n in str(text)), str(i)) for i, text in found["templates"]}
    stored = Counter[Cell]()
    for service, template, minute, count in found["cells"]:
        stored[str(service), names.get(str(template), str(template)), int(str(minute))] += int(str(count))
    lost = sum(max(0, n - stored[cell]) for cell, n in truth.cells.items())
    doubled = sum(max(0, n - truth.cells[cell]) for cell, n in stored.items())
    return stored.total(), lost, doubled


def cards(workspace: WorkspaceServer) -> Counter[str]:
    """Return how many messages in the workspace carry each card's id."""
    from bot.workspace.client import WorkspaceClient

    found = Counter[str]()
    for message in WorkspaceClient(workspace.url).messages("incidents"):
        outbox = message.get("metadata", {}).get("event_payload", {}).get("outbox_id")
        if outbox:
            found[outbox] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Count every line through crashes.")
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    rng, console = random.Random(options.seed), Console(stderr=True)
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="mayday-durability-") as place:
        layout = Layout(Path(place)).prepare()
        workspace = WorkspaceServer(WorkspaceSettings(), system_clock, random.Random(options.seed))
        workspace.start()
        port = free_ports(1)[0]
        config = layout.root / "mayday.toml"
        config.write_text(
            f'services = {json.dumps(SERVICES)}\n[receive]\nforward = "127.0.0.1:{port}"\nhttp = "off"\notlp = "off"\n'
            f'[slack]\nbase_url = "{workspace.url}/api/"\nchannel = "incidents"\n'
            f'[[operators]]\nid = "oncall"\nname = "On-call engineer"\nslack = "U0ONCALL"\nuid = {os.getuid()}\nroles = ["engineer"]\n'
        )
        keep_tokens(layout.tokens, Tokens.model_validate(tokens_of(workspace)))
        supervisor = Supervisor(
            layout,
            SupervisorSettings(restart_after=0.05, healthy_after=2),
            mayday_commands(["--config", str(config), "--state", str(layout.root)]),
            lambda line: console.print(line, style="dim"),
        )
        supervisor.start()
        try:
            return _run(options, rng, console, stop, layout, workspace, port, supervisor)
        finally:
            stop.set()
            supervisor.stop()
            workspace.stop()


def _run(
    options: argparse.Namespace,
    rng: random.Random,
    console: Console,
    stop: threading.Event,
    layout: Layout,
    workspace: WorkspaceServer,
    port: int,
    supervisor: Supervisor,
) -> int:
    def watch() -> None:
        while not stop.wait(0.02):
            supervisor.check()

    watching = threading.Thread(target=watch)
    watching.start()
    truth, begin, store = Truth(), time.time() - 900, StoreClient(layout.socket)
    share = options.lines // 4
    senders = [
        threading.Thread(
            target=send,
            args=(n, share + (options.lines % 4 if n == 0 else 0), options.seed, begin, port, truth, stop),
            daemon=True,
        )
        for n in range(4)
    ]
    killed = Counter[str]()
    killer = threading.Thread(
        target=lambda: killed.update(kill(supervisor, options.kills, rng, truth, options.lines, stop)),
        daemon=True,
    )
    for thread in (*senders, killer):
        thread.start()
    with Progress(console=console) as bar:
        task = bar.add_task("acknowledged", total=options.lines)
        while any(sender.is_alive() for sender in senders):
            bar.update(task, completed=truth.lines)
            stop.wait(0.2)
        bar.update(task, completed=truth.lines)
        killer.join(60)
        task = bar.add_task("stored", total=options.lines)
        stored, quiet, deadline = 0, 0, time.monotonic() + 300
        while time.monotonic() < deadline and quiet < 30:
            try:
                now = int(
                    store.query(
                        "SELECT coalesce(sum(count), 0)::BIGINT AS n FROM pattern_minute"
                    ).to_pylist()[0]["n"]
                )
            except MaydayError:
                now = stored  # it is just being started again
            quiet = quiet + 1 if now == stored and now >= truth.lines else 0
            stored = now
            bar.update(task, completed=stored)
            stop.wait(0.2)
    stop.wait(12)  # the live copy is at most this old
    stop.set()
    watching.join()
    supervisor.stop()
    found = read_back(layout)
    stored, lost, doubled = compare(truth, found)
    shown = cards(workspace)
    incidents = Counter(str(service) for _, service in found["incidents"])
    extra_cards = sum(n - 1 for n in shown.values()) + max(0, len(shown) - len(found["incidents"]))
    extra_incidents = sum(n - 1 for n in incidents.values())
    console.print(
        f"incidents {sum(incidents.values())} ({extra_incidents} doubled), cards {sum(shown.values())} ({extra_cards} doubled)"
    )
    if lost or doubled:
        console.print(*(f"{name}: {text}" for name, text in found["templates"]), sep="\n", style="dim")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    console.print(f"{when}: {len(found['templates'])} templates")
    kills = "/".join(str(killed[name]) for name in NAMES)
    print(
        f"acked {truth.lines}, stored {stored}, cells {len(truth.cells)}, kills {kills}, seed {options.seed}, "
        f"lost {lost}, doubled {doubled + extra_cards + extra_incidents}"
    )
    whole = truth.lines == options.lines and killed.total() == options.kills
    return 0 if lost == doubled == extra_cards == extra_incidents == 0 and whole else 1


if __name__ == "__main__":
    sys.exit(main())
