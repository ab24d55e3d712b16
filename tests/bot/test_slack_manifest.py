"""The manifest is made from the table of commands; scopes and handlers agree with it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from bot.grammar import COMMANDS
from bot.slack.manifest import APP_SCOPES, EVENTS, SCOPES, manifest, manifest_yaml, new_app_link

ROOT = Path(__file__).parents[2]
BOT_SCOPES = frozenset(
    {
        "app_mentions:read", "assistant:write", "bookmarks:read", "bookmarks:write", "calls:read", "calls:write",
        "canvases:read", "canvases:write", "channels:history", "channels:join", "channels:manage", "channels:read",
        "channels:write.invites", "channels:write.topic", "chat:write", "chat:write.customize", "chat:write.public",
        "commands", "conversations.connect:manage", "conversations.connect:read", "conversations.connect:write",
        "dnd:read", "emoji:read", "files:read", "files:write", "groups:history", "groups:read", "groups:write",
        "groups:write.invites", "groups:write.topic", "im:history", "im:read", "im:write", "im:write.topic",
        "incoming-webhook", "links.embed:write", "links:read", "links:write", "lists:read", "lists:write",
        "metadata.message:read", "mpim:history", "mpim:read", "mpim:write", "mpim:write.topic", "pins:read",
        "pins:write", "reactions:read", "reactions:write", "reminders:read", "reminders:write",
        "remote_files:read", "remote_files:share", "remote_files:write", "team.billing:read",
        "team.preferences:read", "team:read", "triggers:read", "triggers:write", "usergroups:read",
        "usergroups:write", "users.profile:read", "users:read", "users:read.email", "users:write",
        "workflow.steps:execute",
    }
)  # fmt: skip
"""The scopes that exist for bots: Slack's schema takes any word, and refuses a misspelt one only when it is pasted."""


def schemas() -> Path:
    beside = Path(os.environ.get("MAYDAY_SHARED") or ROOT.parent / "shared")
    found = beside / "datasets" / "slack-manifest"
    if not found.is_dir():
        pytest.skip("Slack's manifest schemas do not lie beside the project")
    return found


def test_the_file_in_the_repository_is_what_the_table_of_commands_makes() -> None:
    assert (ROOT / "manifest.yaml").read_text("utf-8") == manifest_yaml()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("prefix", "url"), [("", None), ("md-", None), ("", "https://mayday.example/slack/events")]
)
def test_slacks_own_schema_accepts_it(prefix: str, url: str | None) -> None:
    schema = json.loads((schemas() / "manifest.schema.1.0.0.json").read_text("utf-8"))
    made = yaml.safe_load(manifest_yaml(prefix, url))
    faults = [f"{list(fault.path)}: {fault.message}" for fault in Draft7Validator(schema).iter_errors(made)]
    assert faults == []


@pytest.mark.shared
def test_slacks_own_schema_would_catch_a_misspelt_key() -> None:
    schema = json.loads((schemas() / "manifest.schema.1.0.0.json").read_text("utf-8"))
    made = manifest()
    made["features"]["slash_commands"][0]["usagehint"] = "x"
    assert list(Draft7Validator(schema).iter_errors(made))


def test_every_command_of_the_table_is_in_it_with_its_prefix() -> None:
    names = [each["command"] for each in manifest("md-")["features"]["slash_commands"]]
    assert names == [f"/md-{command.name}" for command in COMMANDS]


def test_every_verb_is_in_the_usage_hint() -> None:
    for command, made in zip(COMMANDS, manifest()["features"]["slash_commands"], strict=True):
        assert made["usage_hint"].split("|") == [verb.name for verb in command.verbs]
        assert len(made["usage_hint"]) <= 1000


def test_scopes_exist_and_each_says_what_it_is_for() -> None:
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == set(SCOPES)
    assert set(SCOPES) <= BOT_SCOPES
    assert all(purpose and not purpose.endswith(".") for purpose in (SCOPES | APP_SCOPES).values())


def test_the_scopes_are_those_that_the_calls_in_the_code_need() -> None:
    """A call that is added without its scope fails here; so does a scope that nothing needs any more."""
    needs = {
        "chat.postMessage": {"chat:write"},
        "chat.postEphemeral": {"chat:write"},
        "chat.delete": {"chat:write"},
        "chat.update": {"chat:write"},
        "conversations.create": {"channels:manage"},
        "conversations.history": {"channels:history", "groups:history"},
        "conversations.join": {"channels:join"},
        "conversations.list": {"channels:read", "groups:read"},
        "conversations.open": {"im:write"},
        "users.lookupByEmail": {"users:read.email", "users:read"},
        "auth.test": set(),
        "apps.connections.open": set(),
        "views.open": set(),
        "views.publish": set(),
    }
    sources = [
        path.read_text("utf-8") for path in (ROOT / "bot" / "slack").glob("*.py") if path.name != "errors.py"
    ]
    method = re.compile(r'"((?:chat|conversations|users|auth|apps|views|files|pins|bookmarks)\.[a-zA-Z.]+)"')
    called = {name for source in sources for name in method.findall(source)}
    assert called == set(needs)
    assert set().union(*(needs[name] for name in called)) | {"commands"} == set(SCOPES)


def test_every_event_that_is_asked_for_is_listened_to() -> None:
    source = (ROOT / "bot" / "slack" / "app.py").read_text("utf-8")
    assert all(f'app.event("{event}")' in source for event in EVENTS)


def test_the_link_to_a_new_app_carries_the_manifest() -> None:
    link = new_app_link()
    assert link.startswith("https://api.slack.com/apps?new_app=1&manifest_yaml=")
    assert "%2Fincident" in link


def test_with_http_every_part_names_the_request_url_and_socket_mode_is_off() -> None:
    url = "https://mayday.example/slack/events"
    made = manifest("", url)
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["settings"]["interactivity"]["request_url"] == url
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert {each["url"] for each in made["features"]["slash_commands"]} == {url}


def test_the_documentation_names_every_scope_with_what_it_is_for_and_every_verb() -> None:
    page = (ROOT / "docs" / "slack.md").read_text("utf-8")
    for scope, purpose in SCOPES.items():
        assert f"| `{scope}` | {purpose} |" in page
    for command in COMMANDS:
        for verb in command.verbs:
            right = verb.permission.value if verb.permission else "-"
            assert f"| `/{command.name} {verb.usage}` | {verb.summary} | {right} |" in page


def test_the_documentation_says_what_was_tried_against_the_local_workspace_only() -> None:
    page = " ".join((ROOT / "docs" / "slack.md").read_text("utf-8").split())
    assert "against the local workspace only" in page
    assert "None of it has been run against Slack itself yet." in page
