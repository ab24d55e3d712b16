"""A stream whose state cannot be written ends with a sentence, and goes on from its last state once it can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dataflow_rig import plain, write_spool

from storage.layout import Layout
from stream.flow_errors import StateNotWritten
from stream.flow_status import read_flow_status
from stream.testing import FactStore

CHILD = """
import resource, sys, threading
from pathlib import Path
from models.clock import system_clock
from models.errors import MaydayError
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.layout import Layout
from storage.seal import KeyRing
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.run import run_stream
from stream.testing import FactStore

root, after_sending = Path(sys.argv[1]), int(sys.argv[2])
store = FactStore(root / "facts.db")

def no_file_grows_beyond(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def send(facts):
    no_file_grows_beyond(resource.RLIM_INFINITY)
    answer = store.send(facts)
    no_file_grows_beyond(after_sending)
    return answer

try:
    run_stream(
        FlowSettings(epoch_seconds=0.02, blocks_per_poll=1),
        FieldSettings(),
        Layout(root),
        KeyRing(bytes(range(32))),
        Gate(Vocabulary.base(), names=["api", "auth", "billing"]),
        system_clock,
        threading.Event(),
        send=send,
        until_end=True,
    )
except MaydayError as error:
    print(error.code, error)
"""


def said(root: Path, after_sending: int) -> str:
    """Run it with its errors in a file, as under `mayday up`: what a panic says of itself finds no room either."""
    with (root / "stream.out").open("w+") as errors:
        ended = subprocess.run(
            [sys.executable, "-c", CHILD, str(root), str(after_sending)],
            cwd=Path(__file__).resolve().parents[2],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, (root / "stream.out").read_text()
    return ended.stdout


def test_a_state_that_cannot_be_written_ends_the_stream_with_its_reason_and_loses_nothing(
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 3)
    words = said(tmp_path, 4096)
    assert words.startswith("state_not_written the stream's state cannot be written")
    assert StateNotWritten.remedy in words
    status = read_flow_status(layout)
    assert status is not None
    assert status.state == "failed"
    assert said(tmp_path, -1) == ""
    assert FactStore(tmp_path / "facts.db").reports() == plain(layout)
