"""The stand-in refuses what Slack refuses in channels and messages, with Slack's own word for it."""

from __future__ import annotations

from urllib.request import urlopen

import pytest
from strict_rig import HOME, INCIDENTS, MODAL, SECTION, UNREADABLE, error_of, text

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json
from models.clock import FrozenClock

pytest_plugins = ("bot.workspace.fixture",)


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
    assert [channel["name"] for channel in listed] == ["incidents", "general"]


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
    assert error_of(lambda: web.pins_remove(channel="#general", timestamp=ts)) == "message_not_found"


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
