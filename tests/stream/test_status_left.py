"""Status files on a disk that is full: the flow goes on, and no start leaves a file behind."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.clock import system_clock
from stream.flow_status import Progress


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_status_that_cannot_be_written_leaves_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "stream.json"
    progress = Progress(path, system_clock)
    progress.write("reading")
    before = path.read_text()
    with no_room():
        progress.write("waiting")
    assert [each.name for each in tmp_path.iterdir()] == ["stream.json"]
    assert path.read_text() == before
