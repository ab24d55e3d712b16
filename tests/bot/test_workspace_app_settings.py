"""The settings of an app: a person finds its keys and takes away what it needs, on the page and at the terminal."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from bot.slack.manifest import SCOPES, manifest
from bot.slack.manifest import manifest_yaml as pasted
from bot.workspace.client import WorkspaceClient
from bot.workspace.errors import WorkspaceRefused
from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json

pytest_plugins = ("bot.workspace.fixture",)
CHANNEL = "#incidents"
WORKSPACE = [sys.executable, "-m", "bot.cli", "workspace", "--port", "0"]


@pytest.fixture
def workspace_manifest() -> Json:
    return manifest()


def test_the_keys_that_are_shown_are_the_apps(workspace: RunningWorkspace) -> None:
    shown = workspace.client.app()
    assert shown["tokens"]["bot"] == workspace.keys.bot_token
    assert shown["tokens"]["app"] == workspace.keys.app_token
    assert shown["tokens"]["signing_secret"] == workspace.keys.signing_secret
    assert shown["tokens"]["config"] == workspace.server.config_token
    assert shown["scopes"] == dict.fromkeys(sorted(SCOPES), True)
    assert workspace.web(shown["tokens"]["bot"]).auth_test()["user_id"] == "U0MAYDAY"


def test_a_scope_that_was_taken_away_is_still_listed(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(remove_scopes=["users:read"], app_scopes=[])
    shown = workspace.client.app()
    assert shown["scopes"]["users:read"] is False
    assert shown["app_scopes"] == {"connections:write": False}


def test_a_command_of_another_app_can_be_given_back(workspace: RunningWorkspace) -> None:
    workspace.client.reserve_command("/incident")
    assert workspace.client.app()["commands"] == [
        {"name": "/incident", "taken": True},
        {"name": "/maintenance", "taken": False},
    ]
    workspace.client.reserve_command("/incident", owner="")
    assert workspace.client.app()["commands"] == [
        {"name": "/incident", "taken": False},
        {"name": "/maintenance", "taken": False},
    ]


def test_a_bot_is_invited_and_removed_with_the_commands_of_slack(workspace: RunningWorkspace) -> None:
    see = workspace.client

    def inside() -> bool:
        return next(bool(each["member"]) for each in see.app()["channels"] if each["name"] == "incidents")

    assert see.command("oncall", CHANNEL, "/remove @mayday")["ok"]
    assert not inside()
    assert see.command("oncall", CHANNEL, "/invite @mayday")["ok"]
    assert inside()
    assert see.command("oncall", CHANNEL, "/invite @nobody")["error"] == "user_not_found"


def post(workspace: RunningWorkspace, manifest_text: str) -> None:
    workspace.client._post("/_control/app", {"manifest_text": manifest_text})


def test_a_pasted_manifest_makes_the_app_anew(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(remove_scopes=["chat:write"])
    post(workspace, pasted("md-"))
    shown = workspace.client.app()
    assert [each["name"] for each in shown["commands"]] == ["/md-incident", "/md-maintenance"]
    assert all(shown["scopes"].values())


@pytest.mark.parametrize("text", ["a: [", "only words", "- a list", ""])
def test_what_is_no_manifest_is_refused_in_a_sentence(workspace: RunningWorkspace, text: str) -> None:
    with pytest.raises(WorkspaceRefused, match="the manifest is not"):
        post(workspace, text)
    assert workspace.client.app()["commands"] == [
        {"name": "/incident", "taken": False},
        {"name": "/maintenance", "taken": False},
    ]


@pytest.mark.parametrize(
    "text", ["x: " + "[" * 3000 + "]" * 3000, "x: " + '{"a":' * 3000 + "1" + "}" * 3000, "- " * 3000 + "x"]
)
def test_a_manifest_that_is_nested_without_end_is_refused_in_a_sentence(
    workspace: RunningWorkspace, text: str
) -> None:
    with pytest.raises(WorkspaceRefused, match="nested more than 50 deep"):
        post(workspace, text)


# at the terminal


def test_the_command_prints_what_the_set_up_asks_for(tmp_path: Path) -> None:
    with subprocess.Popen(WORKSPACE, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(7)]
        address = next(line.split('"')[1] for line in lines if "base_url" in line)
        see = WorkspaceClient(address.removesuffix("/api/"))
        tokens = see.app()["tokens"]
        process.terminate()
    assert f"Bot token:        {tokens['bot']}" in lines
    assert f"App-level token:  {tokens['app']}" in lines
    assert lines[-1].endswith("/#A0MAYDAY/settings")
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_keys_can_go_to_a_file_for_their_owner_that_goes_with_the_workspace(tmp_path: Path) -> None:
    keys = tmp_path / "workspace.keys"
    with subprocess.Popen(
        [*WORKSPACE, "--keys", str(keys)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.readline() + process.stdout.readline()
        text, mode = keys.read_text(), stat.S_IMODE(keys.stat().st_mode)
        process.terminate()
        printed += process.stdout.read()
    assert mode == 0o600
    assert "export MAYDAY_SLACK_BOT_TOKEN='xoxb-" in text
    assert "xoxb-" not in printed
    assert not keys.exists()


KEPT = "export MAYDAY__SLACK__BASE_URL='http://127.0.0.1:1/api/'\nexport MAYDAY_SLACK_BOT_TOKEN='xoxb-1'\n"


@pytest.mark.parametrize("kind", ["notes", "keys and more", "link", "dangling link", "directory", "pipe"])
def test_what_exists_under_the_name_of_the_keys_is_never_written_over(tmp_path: Path, kind: str) -> None:
    keys, other = tmp_path / "keys", tmp_path / "other"
    match kind:
        case "notes" | "keys and more":
            keys.write_text("my notes" if kind == "notes" else KEPT + "my notes\n")
        case "directory":
            keys.mkdir()
        case "pipe":
            os.mkfifo(keys)
        case _:
            keys.symlink_to(other)
            if kind == "link":
                other.write_text(KEPT)
    before = {path.name: (path.lstat().st_ino, path.lstat().st_size) for path in tmp_path.iterdir()}
    done = subprocess.run([*WORKSPACE, "--keys", str(keys)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "keys exists and holds something else" in done.stderr) == (2, True)
    assert {path.name: (path.lstat().st_ino, path.lstat().st_size) for path in tmp_path.iterdir()} == before


def test_only_the_keys_are_written_and_only_they_are_removed(tmp_path: Path) -> None:
    keys, neighbour = tmp_path / "keys", tmp_path / "keys.new"
    keys.write_text(KEPT)  # left behind by a workspace that was killed
    neighbour.write_text("precious")
    with subprocess.Popen(
        [*WORKSPACE, "--keys", str(keys)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert "MAYDAY_SLACK_APP_TOKEN" in keys.read_text()
        mine = tmp_path / "mine"
        mine.write_text("mine")
        mine.replace(keys)  # somebody needs the name for something else
        process.terminate()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "keys": "mine",
        "keys.new": "precious",
    }


def test_the_configuration_says_where_it_listens_and_what_its_command_is_called(tmp_path: Path) -> None:
    (tmp_path / "mayday.toml").write_text(
        '[workspace]\nport = 0\nname = "Ward"\n[slack]\ncommand_prefix = "md-"\n'
    )
    with subprocess.Popen(WORKSPACE[:-2], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(7)]
        see = WorkspaceClient(lines[-1].rpartition(" ")[2].partition("/#")[0])
        state, commands = see.state(), see.app()["commands"]
        process.terminate()
    assert state["team"]["name"] == "Ward"
    assert commands == [{"name": "/md-incident", "taken": False}, {"name": "/md-maintenance", "taken": False}]


def test_a_file_that_cannot_be_written_is_said_and_nothing_is_left_running(tmp_path: Path) -> None:
    done = subprocess.run(
        [*WORKSPACE, "--keys", str(tmp_path / "absent" / "keys")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("mayday: keys cannot be written")


# on the page


@pytest.fixture
def page(browser: Browser, workspace: RunningWorkspace) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(workspace.url)
    expect(page.get_by_label("Message #incidents")).to_be_focused()
    page.get_by_role("navigation", name="Channels and apps").get_by_role(
        "button", name="Mayday not connected"
    ).click()
    page.get_by_role("navigation", name="Mayday").get_by_role("button", name="App settings").click()
    yield page
    context.close()
    assert complaints == []


@pytest.mark.browser
def test_a_person_reads_the_tokens_on_the_page(page: Page, workspace: RunningWorkspace) -> None:
    settings = page.get_by_role("region", name="Settings of Mayday")
    expect(settings.get_by_label("Bot token", exact=True)).to_have_value(workspace.keys.bot_token)
    expect(settings.get_by_label("App-level token", exact=True)).to_have_value(workspace.keys.app_token)
    expect(settings.get_by_label("Address", exact=True)).to_have_value(workspace.api_url)
    page.reload()
    expect(settings.get_by_label("Bot token", exact=True)).to_have_value(workspace.keys.bot_token)


@pytest.mark.browser
def test_an_answer_that_was_overtaken_is_not_shown(page: Page, workspace: RunningWorkspace) -> None:
    scope = page.get_by_role("region", name="Settings of Mayday").get_by_label("users:read", exact=True)
    expect(scope).to_be_checked()
    held: list[Route] = []
    late: list[APIResponse] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)
            late.append(route.fetch())

    page.route("**/_page/app?*", hold_the_first)
    workspace.client.change_app(remove_scopes=["users:read"])
    while not late:  # until it says what will no longer be true
        page.wait_for_timeout(10)
    expect(scope).to_be_checked()
    with page.expect_response("**/_page/app?*"):
        workspace.client.change_app(app_scopes=[], scopes=sorted(SCOPES))
    expect(page.get_by_label("connections:write", exact=True)).not_to_be_checked()
    with page.expect_response("**/_page/app?*"):
        held[0].fulfill(response=late[0])
    page.evaluate("() => new Promise((drawn) => setTimeout(drawn, 50))")
    expect(scope).to_be_checked()


@pytest.mark.browser
def test_what_others_change_does_not_disturb_who_is_typing(page: Page, workspace: RunningWorkspace) -> None:
    manifest = page.get_by_label("App manifest")
    manifest.fill("display_information: nothing")
    manifest.evaluate("(text) => text.setSelectionRange(21, 28)")
    workspace.client.change_app(app_scopes=[])
    expect(page.get_by_label("connections:write", exact=True)).not_to_be_checked()  # the page is drawn anew
    expect(manifest).to_be_focused()
    page.keyboard.type("much")
    expect(manifest).to_have_value("display_information: much")


@pytest.mark.browser
def test_a_person_takes_things_away_and_pastes_the_manifest_by_keyboard(
    page: Page, workspace: RunningWorkspace
) -> None:
    settings = page.get_by_role("region", name="Settings of Mayday")
    scope = settings.get_by_label("users:read", exact=True)
    scope.focus()
    page.keyboard.press("Space")
    expect(scope).not_to_be_checked()
    expect(scope).to_be_focused()
    for label in ("connections:write", "#incidents"):
        settings.get_by_label(label, exact=True).uncheck()
    settings.get_by_label("/incident", exact=True).check()
    workspace.client.wait_until(
        lambda: {} if workspace.client.app()["commands"][0]["taken"] else None, what="the change"
    )
    shown = workspace.client.app()
    assert not shown["scopes"]["users:read"]
    assert not shown["app_scopes"]["connections:write"]
    assert not next(each for each in shown["channels"] if each["name"] == "incidents")["member"]
    settings.get_by_label("App manifest").fill(pasted("md-"))
    settings.get_by_role("button", name="Save and install again").click()
    expect(scope).to_be_checked()
    expect(settings.get_by_label("/md-incident", exact=True)).not_to_be_checked()
    settings.get_by_label("App manifest").fill("nonsense")
    settings.get_by_role("button", name="Save and install again").click()
    expect(page.get_by_role("alert")).to_contain_text("the manifest is not a table of keys")
