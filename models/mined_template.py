"""What a miner tells of a template, and when there is something to tell."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

ENOUGH: Final = 5
"""Distinct parameter vectors after which nobody counts on (k of the privacy rules)."""


class Change(IntEnum):
    """What became of a template since it was last asked for."""

    GROWN = 1
    """Its words, samples or number of parameter vectors are others."""
    NEW = 2
    """It was met for the first time."""
    KNOWN = 3
    """`ENOUGH` distinct parameter vectors have been seen."""


class MinedTemplate(NamedTuple):
    """A template that is new or has changed. Raw text: only the gate may look at it.

    `distinct` counts distinct parameter vectors (hashed) up to `ENOUGH`; `samples` are at most three
    distinct lines.
    """

    template_id: str
    template: str
    size: int
    distinct: int
    samples: tuple[str, ...]
