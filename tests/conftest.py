"""Options of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--whole-day",
        action="store_true",
        help="replay the simulated day to its end; without it, as far as its first event",
    )
