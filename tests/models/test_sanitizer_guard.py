"""Our own exceptions, logs and crashes quote nothing foreign. The marks are invented."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import BadInput, Guarded, MaydayError
from models.sanitizer import Gate, SafeText, Vocabulary, guarded
from models.sanitizer.guard import SafeFormatter, described, fault_id, log_to

MARK = "zorblaxium"
GATE = Gate(Vocabulary.base())


def fail(text: str) -> None:
    raise ValueError(f"cannot read {text}")


def line(name: str, message: object, *args: object, error: BaseException | None = None) -> str:
    record = logging.LogRecord(name, logging.ERROR, "/srv/lib/client.py", 7, message, args, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    return SafeFormatter().format(record)


def test_a_foreign_exception_leaves_a_guarded_block_without_its_text() -> None:
    with pytest.raises(Guarded) as caught, guarded("decoding a frame"):
        fail(MARK)
    told = str(caught.value)
    assert told.startswith("decoding a frame failed (ValueError at models/test_sanitizer_guard.py:")
    assert "fault " in told
    assert MARK not in "".join(traceback.format_exception(caught.value))


def test_our_own_exceptions_and_orders_to_stop_pass_as_they_are() -> None:
    ours = BadInput("no such port", hint="Choose another.")
    with pytest.raises(BadInput) as caught, guarded("opening a port"):
        raise ours
    assert caught.value is ours
    with pytest.raises(KeyboardInterrupt), guarded("waiting"):
        raise KeyboardInterrupt


def test_equal_failures_have_one_id_whatever_they_say() -> None:
    def failure(text: str) -> str:
        try:
            fail(text)
        except ValueError as error:
            return fault_id(error, "reading")
        raise AssertionError

    assert failure("one") == failure("two")


def test_a_log_line_of_ours_shows_numbers_and_safe_text_and_the_type_of_all_else() -> None:
    safe = GATE.name("billing")
    at = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    out = line("stream.receive", "%d lines of %s from %s at %s, %s", 3, safe, MARK, at, ValueError(MARK))
    assert out.endswith("3 lines of billing from <str> at 2026-03-02 03:00:00+00:00, ValueError")


def test_a_log_line_of_ours_shows_our_own_errors_whole() -> None:
    assert line("bot", BadInput("no such port", hint="Choose another.")).endswith(
        "no such port. Choose another."
    )
    assert "no such port" in line("bot", "stopped: %s", BadInput("no such port"))


def test_arguments_that_do_not_fit_their_sentence_are_withheld() -> None:
    out = line("storage.writer", "%d rows", MARK)
    assert out.endswith("%d rows <arguments withheld>")
    assert line("storage.writer", "%s and %s", 1).endswith("<arguments withheld>")


def test_sentences_of_libraries_are_replaced_by_where_they_came_from() -> None:
    out = line("aiohttp.client", f"got {MARK}", MARK)
    assert MARK not in out
    assert "aiohttp.client: <message of str withheld> lib/client.py:7" in out
    assert line("aiohttp.client", GATE.text("pool exhausted")).endswith("pool exhausted")


def test_an_exception_is_logged_as_classes_and_places_along_its_causes() -> None:
    try:
        try:
            fail(MARK)
        except ValueError as cause:
            raise RuntimeError(MARK) from cause
    except RuntimeError as error:
        out = line("bot", "stopped", error=error)
    assert MARK not in out
    assert "RuntimeError at models/test_sanitizer_guard.py:" in out
    assert "caused by ValueError at models/test_sanitizer_guard.py:" in out


def test_described_gives_our_own_text_and_no_other() -> None:
    assert described(MaydayError("a check did not hold")) == "MaydayError: a check did not hold"
    assert described(KeyError(MARK)) == "KeyError"


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root, raised = logging.getLogger(), logging.raiseExceptions
    handlers, level = tuple(root.handlers), root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    for handler in tuple(root.handlers):
        root.removeHandler(handler)
        if handler not in handlers:
            handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.raiseExceptions = raised
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_thread_that_fails_is_logged_without_its_text() -> None:
    told = io.StringIO()
    log_to(told)
    thread = threading.Thread(target=fail, args=(MARK,))
    thread.start()
    thread.join()
    assert "a thread stopped by an error [ValueError at models/test_sanitizer_guard.py:" in told.getvalue()
    assert MARK not in told.getvalue()


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_log_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "stream.log"
    log_to(path)
    logging.getLogger("stream").info("started with %d workers, %s", 3, MARK)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().endswith("stream: started with 3 workers, <str>\n")


PROCESS = """
import logging, os, resource, sys
from models.sanitizer.guard import forbid_core_dumps, log_to
log_to(sys.stderr)
forbid_core_dumps()
print(resource.getrlimit(resource.RLIMIT_CORE))
logging.getLogger("somelib").warning("about %s", os.environ["MARK"])
int(os.environ["MARK"])
"""


def test_a_process_that_dies_prints_no_foreign_text_and_may_leave_no_core() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS],
        env=os.environ | {"MARK": MARK, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == "(0, 0)\n"
    assert "mayday: stopped by an error [ValueError at <typed>:8" in done.stderr
    assert MARK not in done.stderr


def test_safe_text_is_recognised_by_type_not_by_content() -> None:
    assert isinstance(GATE.text("billing"), SafeText)
    assert "<str>" in line("bot", "%s", "billing")
