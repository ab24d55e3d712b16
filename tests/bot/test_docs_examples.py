"""The examples of the documentation are run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from slack_rig import CHANNEL, Rig, words

import bot
from bot.slack.answers import TEST
from bot.workspace.client import WorkspaceClient
from bot.workspace.model import Json
from bot.workspace.settings import WorkspaceSettings

pytest_plugins = ("bot.workspace.fixture",)
ROOT = Path(bot.__file__).parents[1]
COMMANDS = str(Path(sys.executable).parent)


def section(page: str, title: str) -> str:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def press_and_type(see: WorkspaceClient) -> None:
    card = see.wait_for(CHANNEL, lambda message: f'"{TEST}"' in words(message), seconds=60)
    see.click("oncall", CHANNEL, card["ts"], TEST)
    see.wait_for(CHANNEL, lambda message: "came back" in words(message))
    see.command("oncall", CHANNEL, "/incident help")


def test_the_readme_says_where_the_command_is_before_it_is_called() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    activated, called = readme.index("\n    . .venv/bin/activate\n"), readme.index("\n    mayday ")
    assert activated < called


def test_the_set_up_can_be_tried_without_slack_as_the_page_says(tmp_path: Path) -> None:
    """Two shells: the workspace in one, the checks in the other; the operator is the one of the page's example."""
    config = blocks(section("slack.md", "From nothing to a first card").replace("\n   ", "\n"), "toml")[0]
    (tmp_path / "mayday.toml").write_text(config, "utf-8")
    first, second = blocks(section("slack.md", "Trying the set-up without Slack"), "sh")
    environment = {"PATH": f"{COMMANDS}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    with subprocess.Popen(
        [*shlex.split(first), "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as workspace:
        try:
            assert workspace.stdout is not None
            address = re.search(r"http://[0-9.]+:[0-9]+", workspace.stdout.readline())
            assert address is not None
            person = threading.Thread(target=press_and_type, args=(WorkspaceClient(address[0]),))
            person.start()
            done = subprocess.run(
                ["sh", "-e", "-c", second],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=90,
            )
            person.join()
        finally:
            workspace.terminate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The operator oncall is U0ONCALL in Slack." in done.stdout
    assert "Everything works." in done.stdout


def test_the_script_on_the_page_about_the_workspace_runs_against_a_running_mayday(rig: Rig) -> None:
    rig.start()
    (script,) = blocks(section("workspace.md", "From a script"), "python")
    code = script.replace("http://127.0.0.1:8065", rig.workspace.url)
    assert code != script
    exec(compile(code, "docs/workspace.md", "exec"), {})
    rig.card("INC-1", lambda message: "Technical lead" in words(message))
    found = rig.center.incident("INC-1")
    assert found is not None
    assert found.acknowledged_by == "lead"


def test_the_port_that_the_page_names_is_the_one_that_is_taken() -> None:
    assert f":{WorkspaceSettings().port}" in section("workspace.md", "From a script")


def test_what_can_be_set_up_wrongly_is_what_the_checks_say() -> None:
    """The table's sentences are made in the code; `test_slack_setup` sees each of them come out."""
    table = section("slack.md", "Trying the set-up without Slack")
    said = [line.split("|")[2].strip() for line in table.splitlines() if line.startswith("|")][2:]
    tests = (ROOT / "tests" / "bot" / "test_slack_setup.py").read_text("utf-8")
    assert len(said) == 6
    for sentence in said:
        known = re.sub(r"^The scope users:read|; it is needed to …|; …", "", sentence).strip(" .")
        assert known in tests, known


@pytest.fixture
def workspace_manifest() -> Json:
    from bot.slack.manifest import manifest

    return manifest()
