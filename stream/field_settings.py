"""Rules by which service, host, level and text are found in a record; `bot/config.py` shows them as `[fields]`.

A place is a list of words: where to look, then the keys from there down. `record` is the record itself, `metadata` what the
agent keeps beside it, `attributes` the attributes of an OpenTelemetry log record, `resource` those of its resource.
The single words `tag` (the last part of the Fluent tag) and `agent` (who sent it) stand for themselves.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stream.decode.limits import DecodeLimits

_ROOTS = ("record", "metadata", "attributes", "resource")


def _place(value: tuple[str, ...]) -> tuple[str, ...]:
    if value in (("tag",), ("agent",)):
        return value
    if len(value) < 2 or value[0] not in _ROOTS:
        raise ValueError(f"a place is tag, agent, or one of {', '.join(_ROOTS)} followed by one or more keys")
    return value


Place = Annotated[tuple[str, ...], Field(min_length=1, max_length=8), AfterValidator(_place)]


class FieldSettings(BaseModel):
    """How a record becomes a line of a service. Of several places the first that holds something counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: tuple[Place, ...] = Field(
        default=(
            ("record", "kubernetes", "labels", "app.kubernetes.io/name"),
            ("record", "kubernetes", "labels", "app"),
            ("record", "kubernetes", "container_name"),
            ("record", "service"),
            ("record", "service.name"),
            ("record", "service_name"),
            ("resource", "service.name"),
            ("attributes", "service.name"),
            ("record", "SYSLOG_IDENTIFIER"),
            ("record", "ident"),
            ("record", "app"),
            ("tag",),
        ),
        description="Places of the service's name, best first",
    )
    host: tuple[Place, ...] = Field(
        default=(
            ("record", "host"),
            ("record", "hostname"),
            ("record", "_HOSTNAME"),
            ("record", "kubernetes", "host"),
            ("resource", "host.name"),
            ("resource", "k8s.node.name"),
            ("agent",),
        ),
        description="Places of the host's name, best first",
    )
    level: tuple[Place, ...] = Field(
        default=(
            ("record", "level"),
            ("record", "severity"),
            ("record", "lvl"),
            ("record", "loglevel"),
            ("record", "log.level"),
            ("record", "levelname"),
            ("record", "severityNumber"),
            ("record", "PRIORITY"),
            ("record", "pri"),
            ("metadata", "otlp", "severity_number"),
            ("metadata", "otlp", "severity_text"),
            ("metadata", "severity"),
            ("metadata", "level"),
        ),
        description="Places of the level, best first; without one, a level word at the head of the text counts",
    )
    text: tuple[str, ...] = Field(
        default=("log", "message", "msg", "MESSAGE", "body", "short_message"),
        min_length=1,
        description="Keys of the line's text, best first; without one, the record's fields are written out",
    )
    source: tuple[Place, ...] = Field(
        default=(
            ("record", "kubernetes", "pod_name"),
            ("record", "container_id"),
            ("record", "filename"),
            ("attributes", "log.file.path"),
        ),
        description="Places of what tells two sources of one agent and tag apart, best first: lines of a trace have one source",
    )
    unfold_json: bool = Field(
        default=True, description="A text that is itself a JSON object is taken apart (container logs)"
    )
    service_unknown: str = Field(
        default="unknown", pattern=r"^[a-z][a-z0-9_-]{0,40}$", description="Service of lines that name none"
    )
    future_skew_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="An event time is at most this much ahead of its receipt; a later one is set back",
    )
    head_chars: int = Field(
        default=160,
        ge=16,
        le=4096,
        description="Characters at the head of a text in which a level word is looked for",
    )
    limits: DecodeLimits = Field(
        default_factory=DecodeLimits, description="How much one message may unfold to"
    )
