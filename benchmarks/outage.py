"""Ship lines as the README's Fluent Bit configuration does while the receiver is stopped, away, slow or full; then count.

    python -m benchmarks.outage [--stop 15] [--long 75] [--rate 400] [--seed N]

The receiver is `mayday receive` in a process of its own, with the key and TLS of that configuration. Two agents send Forward and
one HTTP; they play what the configuration in README.md says (`stream/agent`), read from that file. The stretches:

- stopped: SIGSTOP; connections stay open and nothing answers. The long one is longer than net.io_timeout, and halfway through
  it one agent is killed and started again over its buffer.
- restarted: SIGTERM, nobody listens, then started again.
- slow: nine tenths of every second it is stopped, so it reads slowly and acknowledges late.
- full: started with a spool that takes nothing: Forward is not read from, HTTP gets 503; then restarted with room.

Compared is what `mayday spool export` prints, line by line. The last line reads
`sent N, stored N, stops ..., lost 0, doubled 0`; exit code 1 if it does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from examples.clinic.clinic import free_ports
from stream.agent import Agent, AgentPlan, ChunkBuffer, ForwardOutput, HttpOutput, Output, read_configuration
from stream.forward_client import ClientOptions
from stream.receivers.testing import Certificates, make_certificates

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SERVER = "mayday.example.test"
KEY = "a key of this run alone"
FULL = {"MAYDAY__SPOOL__MIN_FREE_BYTES": str(10**17)}
CALM = 3.0  # seconds between two stretches, before scaling
PULSE = 1.0


@dataclass(frozen=True)
class Stretch:
    """Something that happens to the receiver for a time; `agent_dies` kills one agent halfway and starts it again."""

    what: str
    seconds: float
    agent_dies: bool = False

    def __str__(self) -> str:
        return f"{self.what} {self.seconds:g} s"


@dataclass
class Outcome:
    """What was counted. `caught_up` has, per stretch, seconds from its end until everything from before was stored."""

    sent: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    tries_in_vain: int = 0
    recognised: int = 0
    thrown_away: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    caught_up: dict[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.sent == self.stored > 0 and not (self.lost or self.doubled or self.thrown_away)


class ReceiverProcess:
    """`mayday receive` over a configuration file, in a process of its own."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process: subprocess.Popen[str] | None = None

    def start(self, **environment: str) -> None:
        """Start it and wait until it says that it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "receive", "--config", str(self._config)],
            cwd=ROOT, env=os.environ | {"MAYDAY_SHARED_KEY": KEY} | environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not self._process.stdout.readline().startswith("mayday: receiving on"):
            raise RuntimeError("the receiver did not start")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        """Stop it as `mayday up` does and wait for its end."""
        if self._process is None:
            return
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        assert self._process.stdout is not None
        code = self._process.wait(60)
        self._process.stdout.close()
        self._process = None
        if code != 0:
            raise RuntimeError(f"the receiver ended with {code}")


class Source:
    """One log that is written at a rate, and the agent that ships it; every line is there once."""

    def __init__(self, name: str, make: AgentMaker, rate: float) -> None:
        self.name, self.lines, self.agents = name, 0, list[Agent]()
        self.outputs: list[Output] = []
        self._make, self._rate, self._lock = make, rate, threading.Lock()
        self.start_agent()

    def start_agent(self) -> None:
        agent, output = self._make(self.name)
        agent.start()
        self.agents.append(agent)
        self.outputs.append(output)

    def restart_agent(self) -> None:
        """Kill the agent and start another one over the same buffer."""
        with self._lock:
            self.agents[-1].kill()
            self.start_agent()

    def end(self) -> None:
        self.agents[-1].kill()

    def run(self, stop: threading.Event) -> None:
        """Write until `stop`."""
        begun = time.monotonic()
        while not stop.wait(0.05):
            due = int((time.monotonic() - begun) * self._rate)
            events = [
                (
                    time.time_ns(),
                    {"log": self.line(number), "level": "error" if number % 50 == 0 else "info"},
                )
                for number in range(self.lines, due)
            ]
            with self._lock:
                if events:
                    self.agents[-1].write(events)
                self.lines = due

    def line(self, number: int) -> str:
        return f"{self.name} request {number} finished after {number % 40} ms"


class AgentMaker:
    """Makes the agents of one run, by the plan in the README."""

    def __init__(
        self,
        folder: Path,
        ports: Sequence[int],
        files: Certificates,
        scale: float,
        chance: random.Random,
    ) -> None:
        self._folder, self._ports, self._scale, self._chance = folder, ports, scale, chance
        self._tls = ssl.create_default_context(cafile=files.ca)

    def plan(self, name: str) -> AgentPlan:
        text = re.search(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
        assert text is not None
        return read_configuration(text[1], {"HOSTNAME": name, "MAYDAY_SHARED_KEY": KEY}).scaled(self._scale)

    def __call__(self, name: str) -> tuple[Agent, Output]:
        plan = self.plan(name)
        timing = plan.timing
        output: Output
        if name.startswith("http"):
            output = HttpOutput(
                lambda: ("127.0.0.1", self._ports[1]), name, answer=timing.answer, connect=timing.connect,
                keep_alive=timing.keep_alive, tls=self._tls, server_hostname=SERVER,
            )  # fmt: skip
        else:
            options = ClientOptions(
                gzip=True, shared_key=plan.shared_key, self_hostname=plan.self_hostname, tls=self._tls,
                server_hostname=SERVER, connect_seconds=timing.connect, answer_seconds=timing.answer,
            )  # fmt: skip
            output = ForwardOutput(
                lambda: ("127.0.0.1", self._ports[0]), options, keep_alive=timing.keep_alive
            )
        return Agent(plan, ChunkBuffer(self._folder / name), output, self._chance), output


def outage(
    folder: Path, stretches: Sequence[Stretch], *, rate: float, scale: float, seed: int, console: Console
) -> Outcome:
    """Run all `stretches` one after the other, with every time multiplied by `scale`, and count."""
    ports, chance = free_ports(2), random.Random(seed)
    files = make_certificates(folder, server=SERVER)
    config = folder / "mayday.toml"
    config.write_text(
        f'[state]\ndirectory = "state"\n[receive]\nforward = "127.0.0.1:{ports[0]}"\n'
        f'http = "127.0.0.1:{ports[1]}"\notlp = "off"\nshared_key = "env:MAYDAY_SHARED_KEY"\n'
        f'[receive.tls]\ncertificate = "{files.server}"\nkey = "{files.server_key}"\n[spool]\nmin_free_bytes = 0\n'
    )
    outcome, stop, receiver = Outcome(), threading.Event(), ReceiverProcess(config)
    with ExitStack() as stack:
        receiver.start()
        stack.callback(receiver.end)
        make = AgentMaker(folder / "agents", ports, files, scale, chance)
        sources = [Source(name, make, rate / 3) for name in ("forward-1", "forward-2", "http-1")]
        for source in sources:
            stack.callback(source.end)
        writers = [threading.Thread(target=source.run, args=(stop,)) for source in sources]
        for writer in writers:
            writer.start()
            stack.callback(writer.join)
        stack.callback(stop.set)
        for stretch in stretches:
            stop.wait(CALM * scale)
            console.print(f"{stretch}: begins", style="dim")
            _happen(receiver, stretch, scale, sources[0], stop)
            outcome.caught_up[str(stretch)] = _caught_up(folder / "agents", stop)
            console.print(f"{stretch}: caught up after {outcome.caught_up[str(stretch)]:.1f} s", style="dim")
        stop.wait(CALM * scale)
        stop.set()
        for writer in writers:
            writer.join()
        if not all(source.agents[-1].drain(120) for source in sources):
            console.print("not everything was acknowledged within two minutes", style="bold")
    _count(outcome, sources, config)
    return outcome


def _happen(
    receiver: ReceiverProcess, stretch: Stretch, scale: float, victim: Source, stop: threading.Event
) -> None:
    """Do to the receiver what the stretch says; returns when it is itself again."""
    seconds = stretch.seconds * scale
    if stretch.what == "stopped":
        receiver.send(signal.SIGSTOP)
        stop.wait(seconds / 2)
        if stretch.agent_dies:
            victim.restart_agent()
        stop.wait(seconds / 2)
        receiver.send(signal.SIGCONT)
    elif stretch.what == "slow":
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            receiver.send(signal.SIGSTOP)
            stop.wait(PULSE * scale * 0.9)
            receiver.send(signal.SIGCONT)
            stop.wait(PULSE * scale * 0.1)
    else:
        receiver.end()
        if stretch.what == "full":
            receiver.start(**FULL)
        stop.wait(seconds)
        receiver.end()
        receiver.start()


def _caught_up(buffers: Path, stop: threading.Event) -> float:
    """Wait until every chunk that waits now is delivered; returns how long that took."""
    begun = time.monotonic()
    left = set(buffers.glob("*/*.chunk"))
    while left and not stop.wait(0.05):
        left = {path for path in left if path.exists()}
        if time.monotonic() - begun > 300:
            raise TimeoutError("the agents did not catch up within five minutes")
    return time.monotonic() - begun


def _count(outcome: Outcome, sources: Sequence[Source], config: Path) -> None:
    sent = {(source.name, source.line(number)) for source in sources for number in range(source.lines)}
    stored = Counter[tuple[str, str]]()
    command = [sys.executable, "-m", "bot.cli", "spool"]
    with subprocess.Popen(
        [*command, "export", "--config", str(config)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as export:
        assert export.stdout is not None
        for line in export.stdout:
            record = json.loads(line)["record"]
            stored[record["host"], record["log"]] += 1
    if export.returncode != 0:
        raise RuntimeError(f"the export ended with {export.returncode}")
    info = subprocess.run(
        [*command, "info", "--json", "--config", str(config)], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    outcome.sent, outcome.stored = len(sent), stored.total()
    outcome.lost = sum(1 for line in sent if line not in stored)
    outcome.doubled = sum(count - 1 for count in stored.values()) + sum(
        1 for line in stored if line not in sent
    )
    outcome.recognised = json.loads(info.stdout)["duplicates"]
    agents = [agent for source in sources for agent in source.agents]
    outcome.tries_in_vain = sum(agent.attempts - agent.delivered for agent in agents)
    outcome.thrown_away = sum(agent.dropped for agent in agents)
    for source in sources:
        for output in source.outputs:
            if isinstance(output, HttpOutput):
                outcome.statuses.update(output.statuses)


def main() -> int:
    parser = argparse.ArgumentParser(description="Count every line through outages of the receiver.")
    parser.add_argument("--stop", type=float, default=15.0, help="seconds of the shorter stretches")
    parser.add_argument("--long", type=float, default=75.0, help="seconds of the one beyond net.io_timeout")
    parser.add_argument("--rate", type=float, default=400.0, help="lines per second over all agents")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    stretches = (
        Stretch("stopped", options.stop),
        Stretch("restarted", options.stop),
        Stretch("stopped", options.long, agent_dies=True),
        Stretch("restarted", options.long),
        Stretch("slow", options.stop),
        Stretch("full", options.stop),
    )
    console = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="mayday-outage-") as place:
        found = outage(
            Path(place), stretches, rate=options.rate, scale=1.0, seed=options.seed, console=console
        )
    console.print(
        f"tries in vain {found.tries_in_vain}, repeats recognised {found.recognised}, HTTP answers {dict(found.statuses)}"
    )
    stops = ", ".join(f"{name} (caught up in {seconds:.0f} s)" for name, seconds in found.caught_up.items())
    print(
        f"sent {found.sent}, stored {found.stored}, stops: {stops}; tries in vain {found.tries_in_vain}, "
        f"repeats recognised {found.recognised}, lost {found.lost}, doubled {found.doubled}"
    )
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
