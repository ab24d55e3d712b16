"""A process that is told to end ends, wherever it is told and however often."""

from __future__ import annotations

import subprocess
import sys

import pytest

STOP = "import signal, threading; from bot.signals import stop_event; stop = stop_event(); "
INSIDE_WAIT = "cond = stop._cond; cond.acquire(); signal.raise_signal(signal.SIGTERM); cond.release(); "
TWICE = "[signal.raise_signal(number) for number in (signal.SIGINT, signal.SIGTERM) * 500]; "


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(INSIDE_WAIT, id="while it holds the event's own lock, as every wait does"),
        pytest.param(TWICE, id="a thousand times"),
    ],
)
def test_the_event_is_set_without_a_deadlock(told: str) -> None:
    code = STOP + told + "print(stop.wait(20))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_a_storm_of_signals_ends_a_process_that_waits_all_the_time() -> None:
    code = STOP + "print('up', flush=True)\nwhile not stop.wait(0.0001): pass\nprint('ended')"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        while process.poll() is None:
            process.terminate()
        assert process.stdout.read() == "ended\n"
        assert process.returncode in (0, -15)  # at the very end Python has given its handlers back


@pytest.mark.parametrize(
    ("before", "ends"), [("", "True\n"), ("signal.signal(1, signal.SIG_IGN); ", "False\n")]
)
def test_a_closed_terminal_ends_a_process_in_order_unless_it_is_to_outlive_it(before: str, ends: str) -> None:
    code = f"import signal; {before}{STOP}signal.raise_signal(signal.SIGHUP); print(stop.wait(2))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, ends, "")
