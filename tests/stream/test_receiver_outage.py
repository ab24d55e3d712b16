"""A receiver that is stopped, away, slow or full: with the configuration that the README recommends, nothing is lost or doubled.

The agents are played by `stream.agent`; the receiver is `mayday receive` in a process of its own. Every time is a fifteenth of
what `make prove PART=outage` takes: 15 s become one second, and the minute after which an agent gives an answer up four.
"""

from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.outage import README, Stretch, outage
from models.errors import BadInput
from stream.agent import (
    Agent,
    AgentPlan,
    Chunk,
    ChunkBuffer,
    HttpOutput,
    Timing,
    Verdict,
    read_configuration,
)

QUICK = Timing(flush=0.01, base=0.01, cap=0.05, pause=0.001, answer=0.3, connect=5.0, keep_alive=30.0)
PLAN = AgentPlan("app.billing", {"host": "h1"}, "", "h1", QUICK)
EVENT = (10**18, {"log": "one line"})


# -- the whole, against the real process -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stretches",
    [
        (Stretch("stopped", 15), Stretch("slow", 15), Stretch("stopped", 75, agent_dies=True)),
        (Stretch("restarted", 15), Stretch("full", 15)),
    ],
    ids=["stopped-and-slow", "away-and-full"],
)
def test_a_receiver_stopped_away_slow_or_full_loses_and_doubles_nothing(
    tmp_path: Path, stretches: tuple[Stretch, ...]
) -> None:
    found = outage(tmp_path, stretches, rate=1500, scale=1 / 15, seed=7, console=Console(quiet=True))
    assert (found.lost, found.doubled, found.thrown_away) == (0, 0, 0)
    assert found.stored == found.sent > 1500
    if any(stretch.what in ("restarted", "full") for stretch in stretches):
        assert found.statuses[503] > 0
        assert found.tries_in_vain > 0
    else:  # the minute after which an agent gives up was over: what came again was recognised
        assert found.recognised > 0


# -- what is played is what the README says --------------------------------------------------------------------------


def recommended() -> str:
    found = re.search(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


ENVIRON = {"HOSTNAME": "web-7", "MAYDAY_SHARED_KEY": "made-up-key"}


def test_every_key_of_the_readme_is_played() -> None:
    plan = read_configuration(recommended(), ENVIRON)
    assert (plan.tag, plan.self_hostname, plan.shared_key) == ("app.billing", "web-7", "made-up-key")
    assert plan.fields == {"host": "web-7", "service": "billing"}
    assert (plan.timing.base, plan.timing.cap, plan.timing.answer) == (1, 15, 60)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("require_ack_response: true", "require_ack_response: false", "require_ack_response"),
        ("retry_limit: no_limits", "retry_limit: 1", "retry_limit"),
        ("storage.type: filesystem", "storage.type: memory", "storage.type"),
        ("compress: gzip", "compress: gzip\n      net.keepalive: off", "net.keepalive"),
    ],
)
def test_a_configuration_that_loses_lines_or_is_not_played_is_refused_by_key(
    old: str, new: str, key: str
) -> None:
    with pytest.raises(BadInput, match=re.escape(key)):
        read_configuration(recommended().replace(old, new), ENVIRON)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(BadInput, match="MAYDAY_SHARED_KEY"):
        read_configuration(recommended(), {"HOSTNAME": "web-7"})


# -- how an agent behaves ----------------------------------------------------------------------------------------------


class Scripted:
    """An output that answers as `verdicts` say, and waits at `gate` first."""

    def __init__(self, *verdicts: Verdict) -> None:
        self._verdicts = list(verdicts)
        self.tried: list[Chunk] = []
        self.gate, self.reached = threading.Event(), threading.Event()
        self.gate.set()

    def deliver(self, tag: str, chunk: Chunk) -> Verdict:
        self.tried.append(chunk)
        self.reached.set()
        self.gate.wait(10)
        return self._verdicts.pop(0) if self._verdicts else Verdict.DELIVERED

    def close(self) -> None:
        self.gate.set()


def test_a_chunk_comes_again_with_the_same_bytes_until_it_is_delivered(tmp_path: Path) -> None:
    output = Scripted(Verdict.RETRY, Verdict.RETRY)
    agent = Agent(PLAN, ChunkBuffer(tmp_path), output, random.Random(1))
    agent.start()
    agent.write([EVENT, EVENT])
    assert agent.drain(10)
    assert [chunk.events for chunk in output.tried] == [2, 2, 2]
    assert len({chunk.id for chunk in output.tried}) == 1
    assert list(tmp_path.glob("*.chunk")) == []


def test_what_a_killed_agent_had_taken_is_sent_by_the_next_one_under_the_same_id(tmp_path: Path) -> None:
    output = Scripted(Verdict.RETRY)
    output.gate.clear()
    agent = Agent(PLAN, ChunkBuffer(tmp_path), output, random.Random(1))
    agent.start()
    agent.write([EVENT])
    assert output.reached.wait(10)
    agent.write([(10**18, {"log": "another, not flushed"})])
    agent.kill()
    after = Scripted()
    again = Agent(PLAN, ChunkBuffer(tmp_path), after, random.Random(1))
    again.start()
    assert again.drain(10)
    assert output.tried[0].id in {chunk.id for chunk in after.tried}
    assert sum(chunk.events for chunk in after.tried) == 2


def test_an_event_that_a_killed_agent_had_half_written_is_left_out(tmp_path: Path) -> None:
    buffer = ChunkBuffer(tmp_path)
    buffer.append(b"\x92\x01\x80\x92\x02")
    buffer.close()
    found = ChunkBuffer(tmp_path)
    chunk = found.load(found.waiting()[0])
    found.close()
    assert (chunk.entries, chunk.events) == (b"\x92\x01\x80", 1)


def test_back_off_grows_to_its_bound_and_is_random(tmp_path: Path) -> None:
    agent = Agent(
        AgentPlan("t", {}, "", "h", Timing(base=1, cap=15)),
        ChunkBuffer(tmp_path),
        Scripted(),
        random.Random(3),
    )
    pauses = [[agent.pause(failures) for _ in range(200)] for failures in range(1, 8)]
    bounds = [2, 4, 8, 15, 15, 15, 15]
    for found, bound in zip(pauses, bounds, strict=True):
        assert 2 <= min(found) <= max(found) <= bound + 1
        assert len(set(found)) > 100
    assert all(max(a) < max(b) for a, b in pairwise(pauses[:4]))
    agent.start()
    agent.kill()


# -- over HTTP ---------------------------------------------------------------------------------------------------------


@contextmanager
def answering(answers: list[bytes]) -> Iterator[tuple[Callable[[], tuple[str, int]], list[bytes]]]:
    """A server that answers one request per connection, each with the next of `answers`; yields the bodies it got."""
    server, bodies = socket.create_server(("127.0.0.1", 0)), list[bytes]()

    def serve() -> None:
        for answer in answers:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                size = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = line.partition(b":")
                    size = int(value) if name.lower() == b"content-length" else size
                bodies.append(stream.read(size))
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield lambda: server.getsockname()[:2], bodies
    finally:
        thread.join(10)
        server.close()


def reply(status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status


def test_503_and_a_cut_connection_come_again_with_the_same_body_and_400_is_thrown_away(
    tmp_path: Path,
) -> None:
    with answering([reply(503), b"", reply(200), reply(400)]) as (address, bodies):
        output = HttpOutput(address, "h1", answer=5.0, connect=5.0, keep_alive=30.0)
        agent = Agent(PLAN, ChunkBuffer(tmp_path), output, random.Random(1))
        agent.write([EVENT])
        agent.start()
        assert agent.settle(10)
        agent.write([(10**18, {"log": "refused for good"})])
        assert agent.drain(10)
    assert (agent.delivered, agent.dropped, agent.attempts) == (1, 1, 4)
    assert len(set(bodies[:3])) == 1
    assert output.statuses == {503: 1, 200: 1, 400: 1}
