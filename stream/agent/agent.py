"""One agent: writes into its buffer, flushes, sends every chunk until it is delivered.

At most 128 chunks are in hand at once (`storage.max_chunks_up`); the others wait in their files, oldest first.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from stream.agent.buffer import ChunkBuffer
from stream.agent.configuration import AgentPlan
from stream.agent.outputs import Output, Verdict
from stream.forward_client import pack_event

IN_HAND: Final = 128


class Agent:
    """`attempts - delivered` are the tries that were in vain; `dropped` counts chunks that the receiver made it throw away."""

    def __init__(self, plan: AgentPlan, buffer: ChunkBuffer, output: Output, chance: random.Random) -> None:
        self.attempts = self.delivered = self.dropped = 0
        self._plan, self._buffer, self._output, self._chance = plan, buffer, output, chance
        self._stop, self._changed = threading.Event(), threading.Condition()
        self._in_hand: dict[Path, threading.Thread] = {}
        self._flusher = threading.Thread(target=self._flush_often, name="agent-flush")

    def start(self) -> None:
        """Begin to flush; what an earlier process left in the buffer goes out first."""
        self._flusher.start()

    def write(self, events: Iterable[tuple[int, dict[str, Any]]]) -> None:
        """Take (unix ns, record) events, with the plan's fields put in."""
        fields = self._plan.fields
        self._buffer.append(b"".join(pack_event(at, record | fields) for at, record in events))

    def settle(self, seconds: float) -> bool:
        """Flush and wait until nothing is left in the buffer; False when that takes longer than `seconds`."""
        self._flush()
        with self._changed:
            return self._changed.wait_for(lambda: not self._buffer.waiting(), seconds)

    def drain(self, seconds: float) -> bool:
        """Settle, then stop."""
        done = self.settle(seconds)
        self.kill()
        return done

    def kill(self) -> None:
        """Stop where it stands: connections are cut, the buffer keeps what was not acknowledged."""
        self._stop.set()
        self._output.close()
        self._flusher.join()
        with self._changed:
            threads = list(self._in_hand.values())
        for thread in threads:
            thread.join()
        self._buffer.close()

    def _flush_often(self) -> None:
        self._flush()
        while not self._stop.wait(self._plan.timing.flush):
            self._flush()

    def _flush(self) -> None:
        self._buffer.seal()
        self._take_up()

    def _take_up(self) -> None:
        with self._changed:
            if self._stop.is_set():
                return
            for path in self._buffer.waiting():
                if len(self._in_hand) >= IN_HAND:
                    return
                if path not in self._in_hand:
                    self._in_hand[path] = threading.Thread(
                        target=self._send, args=(path,), name="agent-chunk"
                    )
                    self._in_hand[path].start()

    def _send(self, path: Path) -> None:
        chunk, failures = self._buffer.load(path), 0
        while not self._stop.is_set():
            with self._changed:
                self.attempts += 1
            verdict = self._output.deliver(self._plan.tag, chunk)
            if verdict is not Verdict.RETRY:
                self._done(path, verdict)
                break
            failures += 1
            self._stop.wait(self.pause(failures))
        with self._changed:
            del self._in_hand[path]
            self._changed.notify_all()
        self._take_up()

    def _done(self, path: Path, verdict: Verdict) -> None:
        with self._changed:
            self.delivered += verdict is Verdict.DELIVERED
            self.dropped += verdict is Verdict.DROPPED
            self._buffer.forget(path)

    def pause(self, failures: int) -> float:
        """Return seconds to wait after so many tries in vain."""
        timing = self._plan.timing
        bound = min(timing.cap, timing.base * 2.0**failures)
        return self._chance.uniform(min(timing.base, bound), bound) + timing.pause
