"""However the demo ends, nothing that it started stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo_rig import PROCESSES, SERVICES, RunningDemo, running, wait_until_gone

pytestmark = pytest.mark.xdist_group("demo")


def test_ctrl_c_ends_every_process_without_a_word_of_complaint(tmp_path: Path) -> None:
    with RunningDemo(tmp_path / "state", "--fault-after", "0") as demo:
        demo.until_up()
        assert running(demo.state) == PROCESSES | SERVICES
        assert demo.press_ctrl_c() == 0
        assert running(demo.state) == set()
        assert demo.complaints == ""


def test_a_demo_that_is_killed_takes_every_process_with_it(tmp_path: Path) -> None:
    with RunningDemo(tmp_path / "state", "--fault-after", "0") as demo:
        demo.until_up()
        assert running(demo.state) == PROCESSES | SERVICES
        demo.kill()
        assert wait_until_gone(demo.state) == set()
