"""`mayday slack setup` and `check`: each thing that can be wrong is one sentence and what to do about it."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from slack_rig import CHANNEL, KEY, OPERATORS, settings_for, tokens_for, words

from bot.slack.answers import TEST
from bot.slack.manifest import SCOPES, manifest
from bot.slack.people import read_people
from bot.slack.setup import run_check, run_setup
from bot.slack.tokens import keep_tokens, read_tokens
from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json
from command_center.access.operators import Operator, Role
from models.clock import system_clock
from storage.layout import Layout

pytest_plugins = ("bot.workspace.fixture",)
BY_MAIL = Operator(
    id="compliance", name="Compliance", email="compliance@clinic.example", roles=(Role.COMPLIANCE,)
)


@pytest.fixture
def workspace_manifest() -> Json:
    """The app as the set-up's own manifest makes it: nothing is granted that it does not ask for."""
    return manifest()


class Dialog:
    """Answers the questions in order and keeps what was printed."""

    def __init__(self, workspace: RunningWorkspace, root: Path) -> None:
        self.workspace, self.layout = workspace, Layout(root).prepare()
        self.printed = io.StringIO()
        self.console = Console(file=self.printed, width=200, color_system=None)
        keys = workspace.keys
        self.answers = [keys.bot_token, keys.app_token]
        self.asked: list[tuple[str, bool]] = []
        self.operators: tuple[Operator, ...] = (*OPERATORS, BY_MAIL)

    def prompt(self, question: str, *, secret: bool) -> str:
        self.asked.append((question, secret))
        return self.answers.pop(0)

    def run(self, **changes: Any) -> int:
        within = {
            "press_within": changes.pop("press_within", 20),
            "type_within": changes.pop("type_within", 20),
        }
        settings = settings_for(self.workspace, **changes)
        return run_setup(
            self.console, self.prompt, self.layout, settings, self.operators, KEY, system_clock, **within
        )  # fmt: skip

    def check(self, *, card: bool = True, **changes: Any) -> int:
        settings = settings_for(self.workspace, **changes)
        return run_check(
            self.console,
            self.layout,
            settings,
            self.operators,
            KEY,
            system_clock,
            {},
            press_within=0.2,
            type_within=0.2,
            card=card,
        )

    @property
    def text(self) -> str:
        return " ".join(self.printed.getvalue().split())


@pytest.fixture
def dialog(workspace: RunningWorkspace, tmp_path: Path) -> Dialog:
    return Dialog(workspace, tmp_path / "state")


@pytest.fixture
def person(workspace: RunningWorkspace) -> Iterator[Callable[..., None]]:
    """Somebody who presses the test card's button and then types the command, in a thread of their own."""
    threads: list[threading.Thread] = []

    def act(*, types: str = "/incident help") -> None:
        def body() -> None:
            see = workspace.client
            card = see.wait_for(CHANNEL, lambda message: f'"{TEST}"' in words(message))
            see.click("oncall", CHANNEL, card["ts"], TEST)
            see.wait_for(CHANNEL, lambda message: "came back" in words(message))
            if types:
                see.command("oncall", CHANNEL, types)

        threads.append(threading.Thread(target=body))
        threads[-1].start()

    yield act
    for thread in threads:
        thread.join()


def test_from_nothing_to_a_first_card(dialog: Dialog, person: Callable[..., None]) -> None:
    person()
    assert dialog.run() == 0, dialog.text
    assert f"{dialog.workspace.url}/#A0MAYDAY/settings" in dialog.text
    assert "api.slack.com" not in dialog.text
    assert "The button came back." in dialog.text
    assert "/incident reaches Mayday" in dialog.text
    kept = read_tokens(dialog.layout.tokens, {})
    assert kept.bot.get_secret_value() == dialog.workspace.keys.bot_token
    assert stat.S_IMODE(dialog.layout.tokens.stat().st_mode) == 0o600
    assert read_people(dialog.layout.root) == {"compliance": "U0COMPLIANCE"}


def test_for_slack_itself_the_address_with_the_manifest_is_printed(dialog: Dialog) -> None:
    dialog.answers = ["", "", ""]
    assert dialog.run(base_url="https://slack.com/api/", command_prefix="md-") == 1
    assert "command: /md-incident" in dialog.text
    assert "api.slack.com/apps?new_app=1&manifest_yaml=" in dialog.text
    assert "OAuth & Permissions" in dialog.text
    assert "App settings" not in dialog.text


def test_tokens_are_asked_for_without_echo_and_never_printed(
    dialog: Dialog, person: Callable[..., None]
) -> None:
    person()
    dialog.run()
    assert [secret for _, secret in dialog.asked] == [True, True]
    assert dialog.workspace.keys.bot_token not in dialog.printed.getvalue()
    assert dialog.workspace.keys.app_token not in dialog.printed.getvalue()


def test_every_missing_scope_is_named_with_what_it_is_for(dialog: Dialog) -> None:
    missing = sorted(set(SCOPES) - {"channels:read", "channels:history", "chat:write"})
    dialog.workspace.client.change_app(remove_scopes=missing)
    assert dialog.run(press_within=0.1) == 1
    for scope in missing:
        assert f"The scope {scope} is missing; it is needed to {SCOPES[scope]}." in dialog.text
    assert "The scope chat:write" not in dialog.text
    assert "paste the current manifest" in dialog.text


def test_an_app_level_token_without_its_scope_is_named(dialog: Dialog) -> None:
    dialog.workspace.client.change_app(app_scopes=[])
    assert dialog.run() == 1
    assert "The app-level token lacks the scope connections:write" in dialog.text


def test_a_token_of_the_wrong_kind_is_named_and_asked_for_again(
    dialog: Dialog, person: Callable[..., None]
) -> None:
    keys = dialog.workspace.keys
    dialog.answers = [keys.app_token, keys.bot_token, "xoxp-1-2-3", keys.app_token]
    person()
    assert dialog.run() == 0, dialog.text
    assert "That is an app-level token, where a bot token (xoxb-) is needed." in dialog.text
    assert "That is a person's token, where an app-level token (xapp-) is needed." in dialog.text


def test_three_wrong_tokens_end_the_set_up_and_keep_nothing(dialog: Dialog) -> None:
    dialog.answers = ["nonsense", "", "xapp-1"]
    assert dialog.run() == 1
    assert "No usable token after 3 tries." in dialog.text
    assert not dialog.layout.tokens.exists()


def test_a_token_that_slack_does_not_know_is_named(dialog: Dialog) -> None:
    dialog.answers = ["xoxb-1-unknown", dialog.workspace.keys.app_token]
    assert dialog.run() == 1
    assert "Slack does not accept the bot token." in dialog.text


def test_a_private_channel_without_the_bot_asks_for_an_invitation(dialog: Dialog) -> None:
    dialog.workspace.client.add_channel("war-room", private=True)
    assert dialog.run(channel="war-room") == 1
    assert "There is a channel #war-room that the bot cannot see" in dialog.text
    assert "type /invite @mayday" in dialog.text


def test_a_bot_that_was_not_invited_and_may_not_join_asks_for_an_invitation(dialog: Dialog) -> None:
    dialog.workspace.client.set_member(CHANNEL, "U0MAYDAY", False)
    dialog.workspace.client.change_app(remove_scopes=["channels:join"])
    assert dialog.run() == 1
    assert "The bot was not invited to #incidents and cannot join by itself (missing_scope)." in dialog.text
    assert "In Slack, open #incidents and type /invite @mayday." in dialog.text


def test_a_public_channel_is_joined_and_a_missing_one_is_made(
    dialog: Dialog, person: Callable[..., None]
) -> None:
    dialog.workspace.client.set_member(CHANNEL, "U0MAYDAY", False)
    person()
    assert dialog.run() == 0, dialog.text
    assert "The bot was not in #incidents and has joined it." in dialog.text
    assert dialog.check(channel="alarms") == 1  # nobody presses this time
    assert "There was no channel #alarms: it was made, and the bot is in it." in dialog.text


def test_a_command_that_another_app_has_is_named_with_a_prefix_to_set(
    dialog: Dialog, person: Callable[..., None]
) -> None:
    dialog.workspace.client.reserve_command("/incident")
    person()
    assert dialog.run(type_within=1.5) == 1
    assert (
        "/incident did not arrive although the button did: another app has a command of that name."
        in dialog.text
    )
    assert 'Set command_prefix = "md-" under [slack], which makes it /md-incident' in dialog.text


def test_a_prefix_is_in_the_manifest_and_its_command_is_heard(
    dialog: Dialog, person: Callable[..., None]
) -> None:
    dialog.workspace.client.reserve_command("/incident")
    dialog.workspace.client.change_app(manifest=manifest("md-"))
    person(types="/md-incident help")
    assert dialog.run(command_prefix="md-") == 0, dialog.text
    assert "Now type /md-incident help in #incidents" in dialog.text


def test_a_button_that_does_not_come_back_is_named(dialog: Dialog) -> None:
    assert dialog.run(press_within=0.3) == 1
    assert "The button did not come back." in dialog.text
    assert dialog.workspace.client.messages(CHANNEL) == []  # the card is taken away again
    assert "whether the app is installed, then run `mayday slack check`" in dialog.text


def test_an_operator_whom_slack_does_not_know_is_named_by_id_alone_and_the_card_comes_all_the_same(
    dialog: Dialog, person: Callable[..., None]
) -> None:
    wrong = Operator(id="night", name="Night", email="nobody@clinic.example", roles=(Role.ENGINEER,))
    dialog.operators = (*OPERATORS, wrong)
    person()
    assert dialog.run() == 1
    assert "The button came back." in dialog.text
    assert "Nobody in Slack has the e-mail address of the operator night." in dialog.text
    assert "nobody@clinic.example" not in dialog.text


def test_a_check_without_a_card_posts_nothing(dialog: Dialog) -> None:
    dialog.answers = ["", "", ""]
    keep_tokens(dialog.layout.tokens, tokens_for(dialog.workspace))
    assert dialog.check(card=False) == 0, dialog.text
    assert dialog.workspace.client.messages(CHANNEL) == []


@pytest.mark.parametrize("content", ["{", "[]", "tokens"])
def test_a_token_file_that_is_damaged_is_named_with_the_way_out(dialog: Dialog, content: str) -> None:
    dialog.layout.tokens.write_text(content)
    dialog.layout.tokens.chmod(0o600)
    assert dialog.check() == 1
    assert "tokens.json is damaged" in dialog.text
    assert f"Move {dialog.layout.tokens} away" in dialog.text
    assert "chmod" not in dialog.text


def test_at_a_terminal_the_long_address_does_not_fill_the_screen(dialog: Dialog) -> None:
    dialog.console = Console(file=dialog.printed, width=200, force_terminal=True, legacy_windows=False)
    dialog.answers = ["", "", ""]
    dialog.run(base_url="https://slack.com/api/")
    shown = re.sub(r"\x1b\]8;[^\x1b]*\x1b\\|\x1b\[[0-9;]*m", "", dialog.printed.getvalue())
    assert "manifest_yaml=" in dialog.printed.getvalue()
    assert "manifest_yaml=" not in shown
    assert "https://api.slack.com/apps?new_app=1" in shown


def test_check_repeats_the_look_with_the_tokens_that_are_kept(
    dialog: Dialog, person: Callable[..., None]
) -> None:
    assert dialog.check() == 1
    assert "there is no Slack bot token" in dialog.text
    person()
    assert dialog.run() == 0
    dialog.workspace.client.change_app(remove_scopes=["im:write"])
    assert dialog.check() == 1
    assert "The scope im:write is missing; it is needed to answer a person directly" in dialog.text


@pytest.mark.parametrize(("transport", "second"), [("socket", "APP_TOKEN"), ("http", "SIGNING_SECRET")])
def test_without_a_terminal_the_set_up_is_refused_in_one_sentence_and_makes_nothing(
    tmp_path: Path, transport: str, second: str
) -> None:
    (tmp_path / "mayday.toml").write_text(f'[slack]\ntransport = "{transport}"\n')
    command = [sys.executable, "-m", "bot.cli", "slack", "setup", "-c", str(tmp_path / "mayday.toml")]
    read, write = os.pipe()  # an input that never says anything
    try:
        done = subprocess.run(command, stdin=read, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.close(read)
        os.close(write)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "there is no terminal to answer at" in done.stderr
    assert (
        f"set MAYDAY_SLACK_BOT_TOKEN and MAYDAY_SLACK_{second}, and run `mayday slack check`" in done.stderr
    )
    assert not (tmp_path / "mayday-state").exists()
