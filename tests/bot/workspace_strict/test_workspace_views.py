"""Views, triggers and response URLs last as long and work as often as Slack's do."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient
from strict_rig import HOME, MODAL, SECTION, UNREADABLE, error_of, text, trigger

from bot.workspace.fixture import RunningWorkspace
from models.clock import FrozenClock

pytest_plugins = ("bot.workspace.fixture",)


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
