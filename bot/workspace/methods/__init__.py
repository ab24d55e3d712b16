"""The Web API: one table of methods, a module per family."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.workspace.methods import apps, chat, conversations, files, marks, people, views
from bot.workspace.methods.base import AnyMethod, Call, Method

METHODS: Mapping[str, AnyMethod] = MappingProxyType(
    {
        method.name: method
        for family in (apps, chat, conversations, people, views, marks, files)
        for method in family.METHODS
    }
)

__all__ = ["METHODS", "AnyMethod", "Call", "Method"]
