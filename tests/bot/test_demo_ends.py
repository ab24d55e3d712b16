"""Even a demo that cannot clean up leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo_rig import PROCESSES, SERVICES, RunningDemo, running, until

pytestmark = pytest.mark.xdist_group("demo")


def test_a_demo_that_is_killed_takes_every_process_with_it(tmp_path: Path) -> None:
    with RunningDemo(tmp_path / "state", "--fault-after", "0") as demo:
        demo.until_up()
        assert running(demo.state) == PROCESSES | SERVICES
        demo.kill()
        assert until(lambda: running(demo.state) == set())
