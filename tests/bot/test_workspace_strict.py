"""The stand-in refuses what Slack refuses, with Slack's own word for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.methods import METHODS
from bot.workspace.model import Json
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from models.clock import Clock, FrozenClock, system_clock

pytest_plugins = ("bot.workspace.fixture",)

INCIDENTS = "C0INCIDENTS"


@pytest.fixture
def workspace_settings() -> WorkspaceSettings:
    return WorkspaceSettings(port=0, ack_seconds=0.2, retry_seconds=())


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(system_clock())


@pytest.fixture
def workspace_clock(clock: FrozenClock) -> Clock:
    return clock


@pytest.fixture(scope="module")
def untouched() -> Iterator[RunningWorkspace]:
    """One workspace for all calls that are refused and so change nothing."""
    with WorkspaceServer(WorkspaceSettings(port=0), system_clock, Random(7)) as server:
        yield RunningWorkspace(server)


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def text(words: str, kind: str = "plain_text") -> Json:
    return {"type": kind, "text": words}


MODAL: Json = {"type": "modal", "callback_id": "m", "title": text("A title"), "blocks": []}
HOME: Json = {"type": "home", "blocks": []}
SECTION: Json = {"type": "section", "text": text("fine", "mrkdwn")}
UNREADABLE: Json = {"type": "section"}


def trigger(workspace: RunningWorkspace, user: str = "oncall") -> str:
    """A trigger as a slash command hands it out (nobody has to be connected for that)."""
    workspace.client.command(user, "#incidents", "/incident")
    return str(workspace.client.record(kind="delivery", name="slash_commands")[-1]["request"]["trigger_id"])


# keys and scopes


def test_auth_test_names_the_app_and_its_scopes_in_the_headers(workspace: RunningWorkspace) -> None:
    answer = workspace.web().auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("U0MAYDAY", "B0MAYDAY", "T0CLINIC")
    granted = str(answer.headers["x-oauth-scopes"]).split(",")
    assert {"chat:write", "commands", "users:read.email"} <= set(granted)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda ws: ws.web("xoxb-unknown").auth_test(), "invalid_auth"),
        (lambda ws: WebClient(base_url=ws.api_url).auth_test(), "not_authed"),
        (lambda ws: ws.web(ws.keys.app_token).auth_test(), "not_allowed_token_type"),
        (
            lambda ws: ws.web(ws.keys.app_token).chat_postMessage(channel=INCIDENTS, text="x"),
            "not_allowed_token_type",
        ),
        (lambda ws: ws.web().apps_connections_open(app_token=ws.keys.bot_token), "not_allowed_token_type"),
        (lambda ws: ws.web().api_call("chat.sing"), "unknown_method"),
        (lambda ws: ws.web().apps_manifest_validate(manifest={}), "not_allowed_token_type"),
    ],
)
def test_a_wrong_key_or_method_is_named(
    untouched: RunningWorkspace, call: Callable[[RunningWorkspace], Any], error: str
) -> None:
    assert error_of(lambda: call(untouched)) == error


def test_an_uninstalled_app_is_inactive(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(installed=False)
    assert error_of(workspace.web().auth_test) == "account_inactive"


def test_a_missing_scope_is_named_with_what_was_granted(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(scopes=["commands", "users:read"])
    with pytest.raises(SlackApiError) as caught:
        workspace.web().chat_postMessage(channel=INCIDENTS, text="x")
    answer = caught.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        "chat:write",
        "commands,users:read",
    )
    assert answer.headers["x-accepted-oauth-scopes"] == "chat:write"


def test_every_method_that_needs_a_scope_refuses_without_it(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(scopes=[], app_scopes=[])
    for method in METHODS.values():
        if method.scopes:
            token = workspace.keys.app_token if method.key == "app" else workspace.keys.bot_token
            assert error_of(lambda m=method, t=token: workspace.web(t).api_call(m.name)) == "missing_scope", (
                method.name
            )


def test_the_scope_follows_the_kind_of_channel(workspace: RunningWorkspace) -> None:
    private = workspace.client.add_channel("post-mortem", private=True)
    workspace.client.set_member(private, "U0MAYDAY", True)
    assert workspace.web().conversations_history(channel=private)["messages"] == []
    workspace.client.change_app(remove_scopes=["groups:history"])
    assert error_of(lambda: workspace.web().conversations_history(channel=private)) == "missing_scope"
    assert workspace.web().conversations_history(channel=INCIDENTS)["ok"]


def test_emails_are_shown_only_with_their_scope(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    assert web.users_info(user="U0LEAD")["user"]["profile"]["email"] == "lead@clinic.example"
    assert web.users_lookupByEmail(email="LEAD@clinic.example")["user"]["id"] == "U0LEAD"
    workspace.client.change_app(remove_scopes=["users:read.email"])
    assert "email" not in web.users_info(user="U0LEAD")["user"]["profile"]


# messages and channels


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": INCIDENTS}, "no_text"),
        ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": INCIDENTS, "text": "x", "blocks": "[{"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": INCIDENTS, "text": "x", "blocks": [UNREADABLE]}, "invalid_blocks"),
        ("chat.postMessage", {"channel": INCIDENTS, "blocks": [SECTION] * 51}, "invalid_blocks"),
        (
            "chat.postMessage",
            {"channel": INCIDENTS, "blocks": [{**SECTION, "text": text("x" * 2900)}] * 5},
            "msg_blocks_too_long",
        ),
        (
            "chat.postMessage",
            {"channel": INCIDENTS, "text": "x", "thread_ts": "1.000001"},
            "thread_not_found",
        ),
        (
            "chat.postMessage",
            {"channel": INCIDENTS, "text": "x", "metadata": {"event_payload": {}}},
            "invalid_metadata_format",
        ),
        (
            "chat.postMessage",
            {
                "channel": INCIDENTS,
                "text": "x",
                "metadata": {"event_type": "a", "event_payload": {"x": "y" * 20_000}},
            },
            "metadata_too_large",
        ),
        ("chat.update", {"channel": INCIDENTS, "ts": "1.000001", "text": "x"}, "message_not_found"),
        ("chat.delete", {"channel": INCIDENTS, "ts": "1.000001"}, "message_not_found"),
        (
            "chat.postEphemeral",
            {"channel": INCIDENTS, "user": "U0NOBODY", "text": "x"},
            "user_not_in_channel",
        ),
        ("chat.postEphemeral", {"channel": INCIDENTS, "user": "U0LEAD", "text": "x" * 4001}, "msg_too_long"),
        ("chat.scheduleMessage", {"channel": INCIDENTS, "text": "x", "post_at": 1}, "time_in_past"),
        (
            "chat.scheduleMessage",
            {"channel": INCIDENTS, "text": "x", "post_at": 99_999_999_999},
            "time_too_far",
        ),
        (
            "chat.deleteScheduledMessage",
            {"channel": INCIDENTS, "scheduled_message_id": "Q"},
            "invalid_scheduled_message_id",
        ),
        ("chat.getPermalink", {"channel": INCIDENTS, "message_ts": "1.000001"}, "message_not_found"),
        ("conversations.create", {"name": "incidents"}, "name_taken"),
        ("conversations.create", {"name": "Not Allowed"}, "invalid_name_specials"),
        ("conversations.create", {"name": "x" * 81}, "invalid_name_maxlength"),
        ("conversations.create", {}, "invalid_name_required"),
        ("conversations.invite", {"channel": INCIDENTS, "users": "U0NOBODY"}, "user_not_found"),
        ("conversations.invite", {"channel": INCIDENTS, "users": "U0LEAD"}, "already_in_channel"),
        ("conversations.invite", {"channel": INCIDENTS, "users": "U0MAYDAY"}, "cant_invite_self"),
        ("conversations.invite", {"channel": INCIDENTS, "users": ""}, "no_user"),
        ("conversations.kick", {"channel": INCIDENTS, "user": "U0MAYDAY"}, "cant_kick_self"),
        ("conversations.setTopic", {"channel": INCIDENTS, "topic": "x" * 251}, "too_long"),
        ("conversations.unarchive", {"channel": INCIDENTS}, "not_archived"),
        ("conversations.list", {"types": "public_chanel"}, "invalid_types"),
        ("conversations.list", {"cursor": "not base64"}, "invalid_cursor"),
        ("conversations.replies", {"channel": INCIDENTS, "ts": "1.000001"}, "thread_not_found"),
        ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
        ("conversations.open", {"users": ""}, "not_enough_users"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("users.lookupByEmail", {"email": "nobody@clinic.example"}, "users_not_found"),
        ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
        ("bots.info", {"bot": "B0NONE"}, "bot_not_found"),
        ("views.open", {"trigger_id": "made.up", "view": MODAL}, "invalid_trigger_id"),
        ("views.open", {"trigger_id": "made.up", "view": HOME}, "invalid_arguments"),
        ("views.update", {"view_id": "V0NONE", "view": MODAL}, "not_found"),
        ("views.publish", {"user_id": "U0NOBODY", "view": HOME}, "user_not_found"),
        ("views.publish", {"user_id": "U0LEAD", "view": {**HOME, "submit": text("Go")}}, "invalid_arguments"),
        ("pins.add", {"channel": INCIDENTS, "timestamp": "1.000001"}, "message_not_found"),
        ("bookmarks.add", {"channel_id": INCIDENTS, "title": "t", "type": "file"}, "invalid_bookmark_type"),
        (
            "bookmarks.add",
            {"channel_id": INCIDENTS, "title": "t", "type": "link", "link": "ftp:"},
            "invalid_link",
        ),
        ("bookmarks.remove", {"channel_id": INCIDENTS, "bookmark_id": "Bk"}, "not_found"),
        (
            "reactions.add",
            {"channel": INCIDENTS, "timestamp": "1.000001", "name": "eyes"},
            "message_not_found",
        ),
        (
            "files.getUploadURLExternal",
            {"filename": "a.txt", "length": 99_999_999},
            "file_upload_size_restricted",
        ),
        ("files.completeUploadExternal", {"files": [{"id": "F0NONE"}]}, "file_not_found"),
        ("files.info", {"file": "F0NONE"}, "file_not_found"),
        ("api.test", {"error": "my_error"}, "my_error"),
    ],
)
def test_methods_refuse_as_slack_does(
    untouched: RunningWorkspace, method: str, arguments: Json, error: str
) -> None:
    assert error_of(lambda: untouched.web().api_call(method, json=arguments)) == error


def test_a_bot_that_was_not_invited_cannot_post_read_or_invite(workspace: RunningWorkspace) -> None:
    workspace.client.set_member("#incidents", "U0MAYDAY", False)
    workspace.client.change_app(remove_scopes=["chat:write.public"])
    web = workspace.web()
    assert error_of(lambda: web.chat_postMessage(channel=INCIDENTS, text="x")) == "not_in_channel"
    assert error_of(lambda: web.conversations_history(channel=INCIDENTS)) == "not_in_channel"
    assert error_of(lambda: web.conversations_invite(channel=INCIDENTS, users="U0LEAD")) == "not_in_channel"
    web.conversations_join(channel=INCIDENTS)
    assert web.chat_postMessage(channel="#incidents", text="x")["channel"] == INCIDENTS
    assert web.conversations_join(channel=INCIDENTS)["warning"] == "already_in_channel"


def test_a_private_channel_does_not_exist_for_a_bot_outside(workspace: RunningWorkspace) -> None:
    private = workspace.client.add_channel("legal", private=True)
    assert error_of(lambda: workspace.web().conversations_info(channel=private)) == "channel_not_found"
    listed = workspace.web().conversations_list(types="public_channel,private_channel")["channels"]
    assert [channel["name"] for channel in listed] == ["incidents", "mayday-audit"]


def test_an_archived_channel_takes_nothing(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    channel = web.conversations_create(name="inc-1-checkout")["channel"]["id"]
    web.conversations_archive(channel=channel)
    assert error_of(lambda: web.chat_postMessage(channel=channel, text="x")) == "is_archived"
    assert error_of(lambda: web.conversations_invite(channel=channel, users="U0LEAD")) == "is_archived"
    assert error_of(lambda: web.conversations_archive(channel=channel)) == "already_archived"


def test_only_the_bots_own_messages_can_be_changed(workspace: RunningWorkspace) -> None:
    ts = workspace.client.say("oncall", "#incidents", "mine")["ts"]
    web = workspace.web()
    assert error_of(lambda: web.chat_update(channel=INCIDENTS, ts=ts, text="x")) == "cant_update_message"
    assert error_of(lambda: web.chat_delete(channel=INCIDENTS, ts=ts)) == "cant_delete_message"
    own = web.chat_postMessage(channel=INCIDENTS, text="own")["ts"]
    assert error_of(lambda: web.chat_update(channel=INCIDENTS, ts=own, text="x" * 4001)) == "msg_too_long"


def test_long_text_is_cut_when_posted(workspace: RunningWorkspace) -> None:
    answer = workspace.web().chat_postMessage(channel=INCIDENTS, text="x" * 40_001)
    assert answer["warning"] == "message_truncated"
    assert len(answer["message"]["text"]) == 40_000


def test_an_update_keeps_what_it_does_not_mention(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    metadata = {"event_type": "card", "event_payload": {"outbox": "o-7"}}
    ts = web.chat_postMessage(channel=INCIDENTS, text="a", blocks=[SECTION], metadata=metadata)["ts"]
    web.chat_update(channel=INCIDENTS, ts=ts, text="b")
    found = web.conversations_history(channel=INCIDENTS, include_all_metadata=True)["messages"][0]
    assert (found["text"], found["blocks"][0]["type"], found["metadata"]) == ("b", "section", metadata)
    assert "metadata" not in web.conversations_history(channel=INCIDENTS)["messages"][0]
    web.chat_update(channel=INCIDENTS, ts=ts, text="b", blocks=[])
    assert "blocks" not in web.conversations_history(channel=INCIDENTS)["messages"][0]


def test_history_pages_and_bounds(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    stamps = [web.chat_postMessage(channel=INCIDENTS, text=str(n))["ts"] for n in range(5)]
    assert stamps == sorted(set(stamps)), "time stands still, ts does not"
    pages = [page["messages"] for page in web.conversations_history(channel=INCIDENTS, limit=2)]
    assert [[message["text"] for message in page] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    between = web.conversations_history(channel=INCIDENTS, oldest=stamps[0], latest=stamps[3])["messages"]
    assert [message["text"] for message in between] == ["2", "1"]
    exact = web.conversations_history(channel=INCIDENTS, oldest=stamps[2], latest=stamps[2], inclusive=True)
    assert [message["text"] for message in exact["messages"]] == ["2"]


def test_replies_stay_in_their_thread(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    parent = web.chat_postMessage(channel=INCIDENTS, text="parent")["ts"]
    web.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=parent)
    web.chat_postMessage(channel=INCIDENTS, text="loud", thread_ts=parent, reply_broadcast=True)
    shown = web.conversations_history(channel=INCIDENTS)["messages"]
    assert [message["text"] for message in shown] == ["loud", "parent"]
    assert (shown[1]["reply_count"], shown[1]["thread_ts"]) == (2, parent)
    thread = web.conversations_replies(channel=INCIDENTS, ts=parent)["messages"]
    assert [message["text"] for message in thread] == ["parent", "reply", "loud"]


def test_ephemerals_are_seen_by_one_person_and_not_in_history(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    ts = web.chat_postEphemeral(channel=INCIDENTS, user="U0LEAD", text="psst")["message_ts"]
    assert [message["ts"] for message in workspace.client.messages("#incidents", "lead")] == [ts]
    assert workspace.client.messages("#incidents", "oncall") == []
    assert web.conversations_history(channel=INCIDENTS)["messages"] == []
    assert error_of(lambda: web.chat_update(channel=INCIDENTS, ts=ts, text="x")) == "message_not_found"


def test_marks_are_counted_once(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    ts = web.chat_postMessage(channel=INCIDENTS, text="x")["ts"]
    web.pins_add(channel=INCIDENTS, timestamp=ts)
    assert error_of(lambda: web.pins_add(channel=INCIDENTS, timestamp=ts)) == "already_pinned"
    assert web.pins_list(channel=INCIDENTS)["items"][0]["message"]["ts"] == ts
    web.reactions_add(channel=INCIDENTS, timestamp=ts, name="pushpin")
    assert (
        error_of(lambda: web.reactions_add(channel=INCIDENTS, timestamp=ts, name="pushpin"))
        == "already_reacted"
    )
    assert (
        error_of(lambda: web.reactions_remove(channel=INCIDENTS, timestamp=ts, name="eyes")) == "no_reaction"
    )
    assert web.reactions_get(channel=INCIDENTS, timestamp=ts)["message"]["reactions"][0]["count"] == 1
    assert error_of(lambda: web.pins_remove(channel="#mayday-audit", timestamp=ts)) == "message_not_found"


def test_bookmarks_are_added_edited_and_removed(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    made = web.bookmarks_add(
        channel_id=INCIDENTS, title="Runbook", type="link", link="https://runbook.example/"
    )
    bookmark = made["bookmark"]["id"]
    web.bookmarks_edit(channel_id=INCIDENTS, bookmark_id=bookmark, title="Runbooks")
    assert web.bookmarks_list(channel_id=INCIDENTS)["bookmarks"][0]["title"] == "Runbooks"
    web.bookmarks_remove(channel_id=INCIDENTS, bookmark_id=bookmark)
    assert web.bookmarks_list(channel_id=INCIDENTS)["bookmarks"] == []


def test_files_go_up_in_two_steps(workspace: RunningWorkspace) -> None:
    workspace.web().files_upload_v2(
        channel=INCIDENTS, filename="audit.json", content="{}", initial_comment="The bundle", title="Audit"
    )
    message = workspace.client.messages("#incidents")[0]
    assert (message["text"], message["files"][0]["title"]) == ("The bundle", "Audit")
    with urlopen(message["files"][0]["url_private"], timeout=5) as answer:
        assert answer.read() == b"{}"
        assert answer.headers["content-disposition"] == "attachment"


def test_a_scheduled_message_is_posted_when_its_time_has_come(
    workspace: RunningWorkspace, clock: FrozenClock
) -> None:
    web = workspace.web()
    later = int(clock().timestamp()) + 600
    web.chat_scheduleMessage(channel=INCIDENTS, text="Time for an update", post_at=later)
    assert [each["post_at"] for each in web.chat_scheduledMessages_list()["scheduled_messages"]] == [later]
    assert workspace.client.messages("#incidents") == []
    clock.move(601)
    assert workspace.client.wait_for("#incidents", lambda message: message["text"] == "Time for an update")
    assert web.chat_scheduledMessages_list()["scheduled_messages"] == []


# views


def test_a_trigger_works_once_and_for_three_seconds(workspace: RunningWorkspace, clock: FrozenClock) -> None:
    web, used = workspace.web(), trigger(workspace)
    web.views_open(trigger_id=used, view=MODAL)
    assert error_of(lambda: web.views_open(trigger_id=used, view=MODAL)) == "exchanged_trigger_id"
    late = trigger(workspace)
    clock.move(3.1)
    assert error_of(lambda: web.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"


def test_an_old_hash_conflicts(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    view = web.views_open(trigger_id=trigger(workspace), view=MODAL)["view"]
    changed = {**MODAL, "title": text("Changed")}
    web.views_update(view_id=view["id"], hash=view["hash"], view=changed)
    assert (
        error_of(lambda: web.views_update(view_id=view["id"], hash=view["hash"], view=changed))
        == "hash_conflict"
    )
    assert web.views_update(view_id=view["id"], view=changed)["view"]["title"]["text"] == "Changed"


def test_home_is_per_person_and_guarded_by_its_hash(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    first = web.views_publish(user_id="U0LEAD", view={**HOME, "blocks": [SECTION]})["view"]
    web.views_publish(user_id="U0LEAD", view=HOME, hash=first["hash"])
    assert (
        error_of(lambda: web.views_publish(user_id="U0LEAD", view=HOME, hash=first["hash"]))
        == "hash_conflict"
    )
    assert workspace.client.home("lead", "A0MAYDAY") is not None
    assert workspace.client.home("cto", "A0MAYDAY") is None


def test_a_stack_holds_three_views(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    web.views_open(trigger_id=trigger(workspace), view=MODAL)
    for _ in range(2):
        web.views_push(trigger_id=trigger(workspace), view=MODAL)
    assert error_of(lambda: web.views_push(trigger_id=trigger(workspace), view=MODAL)) == "push_limit_reached"


def test_a_faulty_view_is_refused_with_pointers(workspace: RunningWorkspace) -> None:
    view = {**MODAL, "title": text("x" * 25), "private_metadata": "x" * 3001}
    with pytest.raises(SlackApiError) as caught:
        workspace.web().views_open(trigger_id=trigger(workspace), view=view)
    assert caught.value.response["error"] == "invalid_arguments"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] failed to match all allowed schemas [json-pointer:/view]",
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]",
        "[ERROR] must be less than 3001 characters [json-pointer:/view/private_metadata]",
    ]


# response_url


def response_url(workspace: RunningWorkspace) -> str:
    workspace.client.command("oncall", "#incidents", "/incident")
    return str(workspace.client.record(kind="delivery", name="slash_commands")[-1]["request"]["response_url"])


def test_a_response_url_works_five_times(workspace: RunningWorkspace) -> None:
    webhook = WebhookClient(response_url(workspace))
    assert [webhook.send(text=str(n)).status_code for n in range(6)] == [200] * 5 + [404]
    assert webhook.send(text="x").body == "used_url"


def test_a_response_url_ends_after_thirty_minutes(workspace: RunningWorkspace, clock: FrozenClock) -> None:
    url = response_url(workspace)
    clock.move(30 * 60 + 1)
    assert WebhookClient(url).send(text="late").body == "expired_url"


def test_a_response_url_answers_the_person_or_the_channel(workspace: RunningWorkspace) -> None:
    webhook = WebhookClient(response_url(workspace))
    webhook.send(text="only you")
    webhook.send(text="everyone", response_type="in_channel")
    assert [message["text"] for message in workspace.client.messages("#incidents", "lead")] == ["everyone"]
    assert [message["text"] for message in workspace.client.messages("#incidents", "oncall")][-2:] == [
        "only you",
        "everyone",
    ]
    assert webhook.send(text="x", blocks=[UNREADABLE]).body == "invalid_blocks"


# manifest, commands, rate limits, visitors

MANIFEST: Json = {
    "display_information": {"name": "Mayday"},
    "features": {
        "bot_user": {"display_name": "mayday"},
        "slash_commands": [{"command": "/incident", "description": "Incidents"}],
        "shortcuts": [
            {"name": "Declare", "type": "global", "callback_id": "declare", "description": "Declare one"}
        ],
    },
    "oauth_config": {"scopes": {"bot": ["commands", "chat:write"]}},
    "settings": {"socket_mode_enabled": True},
}


def test_a_manifest_says_what_is_wrong_with_it_and_who_has_a_command(workspace: RunningWorkspace) -> None:
    config = workspace.web(workspace.server.config_token)
    workspace.client.change_app(manifest=MANIFEST)
    assert config.apps_manifest_update(app_id="A0MAYDAY", manifest=MANIFEST)["permissions_updated"] is False
    workspace.client.reserve_command("/change", "Deployer")
    taken = json.loads(json.dumps(MANIFEST))
    taken["features"]["slash_commands"] += [{"command": "/change", "description": "c"}, {"command": "nope"}]
    with pytest.raises(SlackApiError) as caught:
        config.apps_manifest_validate(app_id="A0MAYDAY", manifest=taken)
    assert caught.value.response["error"] == "invalid_manifest"
    assert [each["pointer"] for each in caught.value.response["errors"]] == [
        "/features/slash_commands/1/command",
        "/features/slash_commands/2/command",
        "/features/slash_commands/2",
    ]


def test_a_created_app_has_keys_of_its_own_and_takes_no_taken_command(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(manifest=MANIFEST)
    config = workspace.web(workspace.server.config_token)
    assert error_of(lambda: config.apps_manifest_create(manifest=MANIFEST)) == "invalid_manifest"
    other = {**MANIFEST, "features": {"slash_commands": [{"command": "/deploy", "description": "d"}]}}
    made = config.apps_manifest_create(manifest=other)
    assert made["credentials"]["signing_secret"] != workspace.keys.signing_secret
    assert config.apps_manifest_export(app_id=made["app_id"])["manifest"] == other


def test_commands_nobody_registered_or_somebody_else_owns_do_not_reach_the_app(
    workspace: RunningWorkspace,
) -> None:
    workspace.client.change_app(manifest=MANIFEST)
    workspace.client.reserve_command("/deploy")
    assert workspace.client.command("lead", "#incidents", "/nonsense")["error"] == "unknown_command"
    assert workspace.client.command("lead", "#incidents", "/deploy now")["error"] == "command_of_another_app"
    assert workspace.client.record(kind="delivery") == []


def test_rate_limits_apply_when_switched_on(workspace: RunningWorkspace) -> None:
    workspace.client.rate_limits(True)
    web = workspace.web()
    for _ in range(5):
        web.chat_postMessage(channel=INCIDENTS, text="x")
    with pytest.raises(SlackApiError) as caught:
        web.chat_postMessage(channel=INCIDENTS, text="x")
    assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
    assert caught.value.response.headers["Retry-After"] == "1"
    assert web.chat_postMessage(channel="#mayday-audit", text="the limit is per channel")["ok"]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "mayday.attacker.example"}, {"Origin": "https://attacker.example"}, {"Origin": "null"}],
)
def test_a_foreign_web_page_cannot_press_buttons_here(
    untouched: RunningWorkspace, headers: dict[str, str]
) -> None:
    request = Request(f"{untouched.url}/_page/say", data=b"{}", headers=headers, method="POST")
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=5)
    with caught.value as answer:
        assert answer.status == 403


def test_forms_and_json_mean_the_same(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    form = web.api_call("chat.postMessage", data={"channel": INCIDENTS, "blocks": json.dumps([SECTION])})
    body = web.api_call("chat.postMessage", json={"channel": INCIDENTS, "blocks": [SECTION]})
    assert form["message"]["blocks"][0]["text"] == body["message"]["blocks"][0]["text"] == SECTION["text"]
