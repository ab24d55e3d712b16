"""Fluent Bit as a receiver sees it: chunks in files, a connection per chunk in flight, back-off, the same bytes on every resend.

`configuration` reads the part of an agent's YAML that decides whether lines are lost, `buffer` keeps chunks, `outputs` puts
them on the wire, `agent` flushes and tries again.
"""

from __future__ import annotations

from stream.agent.agent import Agent
from stream.agent.buffer import Chunk, ChunkBuffer
from stream.agent.configuration import AgentPlan, Timing, read_configuration
from stream.agent.outputs import ForwardOutput, HttpOutput, Output, Verdict

__all__ = [
    "Agent",
    "AgentPlan",
    "Chunk",
    "ChunkBuffer",
    "ForwardOutput",
    "HttpOutput",
    "Output",
    "Timing",
    "Verdict",
    "read_configuration",
]
