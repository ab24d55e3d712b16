"""The part of a Fluent Bit configuration that decides whether lines are lost. Times in seconds.

A key that is not played here is refused, so that nobody believes to have tried what was left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from models.errors import BadInput

_DURATION = re.compile(r"(\d+(?:\.\d+)?)s?\Z")


def _seconds(value: Any) -> Any:
    found = _DURATION.match(value) if isinstance(value, str) else None
    return float(found[1]) if found else value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Service(_Part):
    flush: float = Field(gt=0)
    path: Path = Field(alias="storage.path")
    base: float = Field(alias="scheduler.base", gt=0)
    cap: float = Field(alias="scheduler.cap", gt=0)


class _Tail(_Part):
    name: Literal["tail"]
    tag: str = Field(pattern=r"^[\w.-]+$")
    path: str
    db: Path
    storage: Literal["filesystem"] = Field(alias="storage.type")
    pause: Literal[True] = Field(alias="storage.pause_on_chunks_overlimit")
    buffer_max_size: str
    skip_long_lines: Literal[True]


class _RecordModifier(_Part):
    name: Literal["record_modifier"]
    match: Literal["*"]
    record: tuple[str, ...]


class _Forward(_Part):
    name: Literal["forward"]
    match: Literal["*"]
    host: str
    port: int
    require_ack_response: Literal[True]
    compress: Literal["gzip"]
    retry_limit: Literal["no_limits"]
    shared_key: str
    self_hostname: str
    tls: bool
    verify_hostname: bool = Field(alias="tls.verify_hostname")
    ca_file: Path = Field(alias="tls.ca_file")
    io_timeout: Annotated[float, BeforeValidator(_seconds)] = Field(alias="net.io_timeout", gt=0)


class _Pipeline(_Part):
    inputs: tuple[_Tail]
    filters: tuple[_RecordModifier]
    outputs: tuple[_Forward]


class _Configuration(_Part):
    service: _Service
    pipeline: _Pipeline


@dataclass(frozen=True)
class Timing:
    """When an agent flushes, gives an answer up and tries again.

    Back-off before the nth further try is random between `base` and base·2ⁿ, at most `cap`, and `pause` on top. The values
    that a configuration does not name are Fluent Bit's own.
    """

    flush: float = 1.0
    base: float = 5.0
    cap: float = 2000.0
    pause: float = 1.0
    answer: float = 60.0
    connect: float = 10.0
    keep_alive: float = 30.0

    def scaled(self, factor: float) -> Timing:
        """Return the same behaviour in another time.

        >>> Timing(flush=1, base=1, cap=15).scaled(0.1).cap
        1.5
        """
        return Timing(*(getattr(self, name) * factor for name in Timing.__dataclass_fields__))


@dataclass(frozen=True)
class AgentPlan:
    """What one agent does: its tag, the fields it adds, who it says it is, and its times."""

    tag: str
    fields: dict[str, str]
    shared_key: str
    self_hostname: str
    timing: Timing

    def scaled(self, factor: float) -> AgentPlan:
        """Return the same plan in another time."""
        return replace(self, timing=self.timing.scaled(factor))


def read_configuration(text: str, environ: Mapping[str, str]) -> AgentPlan:
    """Return what an agent with this YAML does; `${NAME}` comes from `environ`. Raises `BadInput`, which names the key."""
    try:
        found = _Configuration.model_validate(yaml.safe_load(text))
    except yaml.YAMLError:
        raise BadInput("the agent's configuration is not YAML", hint="Correct its indentation") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadInput(
            f"the agent's configuration, {'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}",
            hint="Only what is played can be tried",
        ) from None
    tail, filters, output = found.pipeline.inputs[0], found.pipeline.filters[0], found.pipeline.outputs[0]
    pairs = (pair.partition(" ") for pair in filters.record)
    return AgentPlan(
        tag=tail.tag,
        fields={key: _expanded(value, environ) for key, _, value in pairs},
        shared_key=_expanded(output.shared_key, environ),
        self_hostname=_expanded(output.self_hostname, environ),
        timing=Timing(
            flush=found.service.flush,
            base=found.service.base,
            cap=found.service.cap,
            answer=output.io_timeout,
        ),
    )


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    """Put variables in.

    >>> _expanded("host-${N}", {"N": "7"})
    'host-7'
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise BadInput(
                f"the environment has no {found[1]}", hint="Set what the agent's configuration names"
            )
        return environ[found[1]]

    return re.sub(r"\$\{(\w+)\}", value, text)
