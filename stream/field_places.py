"""Where the values of a record may stand: worked out once for all records of one set of keys.

Constants (the tag, the resource, the agent) are resolved here as well, so what is left for the records is one
look-up per place and batch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from stream.decode.record import LogRecord
from stream.field_settings import FieldSettings
from stream.field_values import name
from stream.spool.entry import Entry

_KUBE_TAG = re.compile(r"([^_.]*)_([^_]+)_(.+)-[0-9a-f]{64}\Z")
_ENDINGS = (".gz", ".log", ".txt", ".jsonl", ".json", ".ndjson")
Keys = tuple[str, ...]


class Look(NamedTuple):
    """Where a value may stand for one set of keys: in the record, in the metadata, then a constant."""

    places: tuple[tuple[bool, Keys], ...]  # (in the metadata, keys)
    otherwise: Any


class Plan(NamedTuple):
    """Where to look for what a line needs; `text` has the keys that are there, best first."""

    text: tuple[str, ...]
    service: Look
    host: Look
    level: Look
    source: Look


def plan_of(found: LogRecord, entry: Entry, settings: FieldSettings) -> Plan:
    """Return the plan for all records of `entry` with the keys, the group and the kind of metadata of `found`."""
    return Plan(
        tuple(key for key in settings.text if key in found.record),
        _prepared(settings.service, found, entry),
        _prepared(settings.host, found, entry),
        _prepared(settings.level, found, entry),
        _prepared(settings.source, found, entry),
    )


def _prepared(places: Sequence[Keys], found: LogRecord, entry: Entry) -> Look:
    kept: list[tuple[bool, Keys]] = []
    for place in places:
        root, keys = place[0], place[1:]
        if root == "record":
            if keys[0] in found.record:
                kept.append((False, keys))
        elif root in ("metadata", "attributes"):
            if found.metadata:
                kept.append((True, keys if root == "metadata" else ("otlp", "attributes", *keys)))
        else:
            constant = _constant(root, keys, found, entry)
            if name(constant):
                return Look(tuple(kept), constant)
    return Look(tuple(kept), None)


def _constant(root: str, keys: Keys, found: LogRecord, entry: Entry) -> Any:
    if root == "tag":
        return tag_service(entry.tag)
    if root == "agent":
        return entry.agent
    return walk(found.group, ("attributes", "resource", "attributes", *keys))


def tag_service(tag: str) -> str:
    """Return what a Fluent tag says about the service: its last part, or the container of a Kubernetes log file.

    >>> tag_service("app.billing"), tag_service("kube.var.log.containers.db-0_clinic_records-db-" + "ab" * 32 + ".log")
    ('billing', 'records-db')
    """
    cut = True
    while cut:
        cut = False
        for ending in _ENDINGS:
            if tag.endswith(ending) and len(tag) > len(ending):
                tag, cut = tag[: -len(ending)], True
    kube = _KUBE_TAG.search(tag)
    return kube[3] if kube else tag.rpartition(".")[2]


def walk(value: Any, keys: Keys) -> Any:
    """Return what stands at the end of `keys`, None where the way is cut."""
    for key in keys:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value
