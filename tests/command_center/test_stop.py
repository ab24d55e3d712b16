"""The command center ends within a bounded time, whatever an ad-hoc query is doing, and keeps what was committed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from models.clock import system_clock
from models.errors import MaydayError
from storage.client import StoreClient
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.layout import Layout
from storage.seal import KeyRing

GRACE_S = 8.0  # well below what the supervisor gives before it kills
ENDLESS = "SELECT sum(sqrt(i)) FROM range(1000000000000) r(i)"
UNSTOPPABLE = "SELECT levenshtein(t, reverse(t)) FROM (SELECT string_agg(md5(i::VARCHAR), '') AS t FROM range(30000) r(i))"
# As if a query had passed the judge that should not have: one whose only step takes hours.
WITHOUT_JUDGE = "from storage.sandbox import Sandbox; Sandbox.refusals = lambda *_: []; from bot.cli.main import main; main()"


def configuration(place: Path) -> Path:
    file = place / "mayday.toml"
    file.write_text(
        f'[[operators]]\nid = "ada"\nname = "Ada"\nuid = {os.getuid()}\nroles = ["engineer"]\n[store]\nquery_s = 60\n'
    )
    return file


@pytest.mark.parametrize("sql", [ENDLESS, UNSTOPPABLE], ids=["a query", "a step that does not look up"])
def test_a_running_query_does_not_keep_the_process_from_ending(tmp_path: Path, sql: str) -> None:
    layout = Layout(tmp_path / "state")
    words = ["command", "--config", str(configuration(tmp_path)), "--state", str(layout.root)]
    process = subprocess.Popen([sys.executable, "-c", WITHOUT_JUDGE, *words], cwd=tmp_path)
    try:
        client = StoreClient(layout.socket)
        until = time.monotonic() + 60
        while not client.healthy():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        declared = client.perform({"action": "declare", "title": "Checkout is down", "severity": 2})
        assert declared["ok"]
        answers: list[MaydayError] = []

        def ask() -> None:
            try:
                client.query(sql)
            except MaydayError as error:
                answers.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(2)
        assert asking.is_alive()
        process.send_signal(signal.SIGTERM)
        assert process.wait(GRACE_S) == 0
        asking.join()
        assert [type(error) for error in answers] != [StoreUnavailable]  # who asked was told
        assert len(answers) == 1
    finally:
        process.kill()
        process.wait()
    database = Database.open(layout, KeyRing.load(layout, create=False), system_clock)
    assert database.query("SELECT id FROM incident").to_pylist() == [{"id": declared["incident"]["id"]}]
    assert database.verify_audit().ok
    database.close()
