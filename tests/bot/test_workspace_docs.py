"""The page about the local workspace names everything there is."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import bot.workspace
from bot.workspace.faults import CallFault, DeliveryFault
from bot.workspace.methods import METHODS
from bot.workspace.settings import WorkspaceSettings

ROOT = Path(bot.workspace.__file__).parents[2]
TEXT = (ROOT / "docs" / "workspace.md").read_text()


def test_every_method_is_listed_and_nothing_else() -> None:
    table = TEXT.split("## Methods")[1].split("Deliveries:")[0]
    assert {word for word in table.split("`") if "." in word and " " not in word} == set(METHODS)


def test_every_fault_is_explained() -> None:
    table = TEXT.split("## Faults on order")[1]
    for kind in (*get_args(CallFault), *get_args(DeliveryFault)):
        assert f"| `{kind}` |" in table


def test_every_setting_is_described() -> None:
    assert all(field.description for field in WorkspaceSettings.model_fields.values())
