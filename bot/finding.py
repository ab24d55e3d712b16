"""What `mayday doctor` looks at and what it finds: a finding is good, worth a look, or wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.config import Config
from models.clock import Clock
from storage.layout import Layout


class State(StrEnum):
    GOOD = "good"
    LOOK = "worth a look"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, and what to do about it (empty when good)."""

    subject: str
    state: State
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What the checks may look at."""

    config: Config
    layout: Layout
    clock: Clock
    environment: Mapping[str, str]
    free: Callable[[Path], int] = lambda place: shutil.disk_usage(place).free
    """Bytes that are free where a path is."""
