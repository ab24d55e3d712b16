"""Every figure says what it is, or the reference cannot be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from models.metrics import Figure, Undocumented, counter, figures, gauge


@dataclass
class Counters:
    bytes: Annotated[int, counter("bytes", "Bytes received.")] = 0


def test_a_dataclass_says_it_in_its_annotations() -> None:
    assert figures(Counters) == [Figure("bytes", "counter", "bytes", "Bytes received")]


class WithoutKind(BaseModel):
    figure: int = Field(description="What it means")


class WithoutMeaning(BaseModel):
    figure: Annotated[int, gauge("ms")] = 0


@dataclass
class Bare:
    figure: int = 0


@pytest.mark.parametrize("kind", [WithoutKind, WithoutMeaning, Bare])
def test_a_figure_that_does_not_say_what_it_is_is_refused_by_name(kind: type) -> None:
    with pytest.raises(Undocumented, match=f"{kind.__name__}.figure"):
        figures(kind)
