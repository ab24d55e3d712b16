"""The page in a real browser: by keyboard alone, in light and dark, with nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.workspace.faults import Fault
from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json
from bot.workspace.settings import WorkspaceSettings

pytest_plugins = ("bot.workspace.fixture",)
pytestmark = pytest.mark.browser

INCIDENTS = "C0INCIDENTS"
MANIFEST: Json = {
    "display_information": {"name": "Mayday"},
    "features": {
        "app_home": {"home_tab_enabled": True},
        "slash_commands": [
            {"command": "/incident", "description": "Incidents", "usage_hint": "declare | list"},
            {"command": "/oncall", "description": "Who is on call"},
        ],
        "shortcuts": [
            {"name": "Declare", "type": "global", "callback_id": "declare", "description": "Open the form"}
        ],
    },
    "oauth_config": {"scopes": {"bot": ["commands", "chat:write", "channels:history"]}},
    "settings": {"socket_mode_enabled": True, "event_subscriptions": {"bot_events": ["app_home_opened"]}},
}


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def button(words: str, action: str, **more: Any) -> Json:
    return {"type": "button", "text": plain(words), "action_id": action, **more}


MODAL: Json = {
    "type": "modal",
    "callback_id": "declare",
    "title": plain("Declare an incident"),
    "submit": plain("Declare"),
    "blocks": [
        {
            "type": "input",
            "block_id": "title",
            "label": plain("What is wrong?"),
            "element": {"type": "plain_text_input", "action_id": "text", "min_length": 5},
        },
        {
            "type": "input",
            "block_id": "severity",
            "label": plain("Severity"),
            "element": {
                "type": "static_select",
                "action_id": "level",
                "options": [{"text": plain(f"SEV{n}"), "value": f"sev{n}"} for n in range(1, 5)],
            },
        },
        {
            "type": "input",
            "block_id": "service",
            "optional": True,
            "label": plain("Service"),
            "element": {"type": "external_select", "action_id": "service", "min_query_length": 0},
        },
    ],
}
RESOLVE = button(
    "Resolve",
    "resolve",
    style="danger",
    confirm={
        "title": plain("Resolve it?"),
        "text": plain("Its clock stops."),
        "confirm": plain("Yes"),
        "deny": plain("No"),
    },
)


def listeners(app: App) -> None:
    @app.command("/incident")
    def command(ack: Ack, body: Json, client: WebClient) -> None:
        if body["text"] == "declare":
            client.views_open(trigger_id=body["trigger_id"], view=MODAL)
            ack()
        else:
            ack("No open incidents")

    @app.options("service")
    def options(ack: Ack, payload: Json) -> None:
        names = [name for name in ("auth", "billing", "records-db") if payload["value"] in name]
        ack(options=[{"text": plain(name), "value": name} for name in names])

    @app.view("declare")
    def submitted(ack: Ack, view: Json, client: WebClient) -> None:
        values = view["state"]["values"]
        title = values["title"]["text"]["value"]
        if "bad" in title:
            ack(response_action="errors", errors={"title": "Say what is wrong."})
            return
        level = values["severity"]["level"]["selected_option"]["value"]
        service = (values["service"]["service"]["selected_option"] or {"value": "none"})["value"]
        header = {"type": "header", "text": plain(f"{level} {title}")}
        actions = {"type": "actions", "elements": [button("Acknowledge", "ack", style="primary"), RESOLVE]}
        client.chat_postMessage(
            channel=INCIDENTS, text=f"{level} {title} {service}", blocks=[header, actions]
        )
        ack()

    @app.action("ack")
    def acknowledged(ack: Ack, body: Json, client: WebClient) -> None:
        blocks = [
            {"type": "header", "text": plain("Acknowledged")},
            {"type": "actions", "elements": [RESOLVE]},
        ]
        client.chat_update(channel=INCIDENTS, ts=body["message"]["ts"], text="Acknowledged", blocks=blocks)
        ack()

    @app.action("resolve")
    def resolved(ack: Ack, respond: Respond) -> None:
        respond(text="Resolved", replace_original=True)
        ack()

    @app.shortcut("declare")
    def shortcut(ack: Ack, body: Json, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @app.event("app_home_opened")
    def home(event: Json, client: WebClient) -> None:
        view = {"type": "home", "blocks": [{"type": "header", "text": plain(f"Home of {event['user']}")}]}
        client.views_publish(user_id=event["user"], view=view)


@pytest.fixture
def workspace_settings() -> WorkspaceSettings:
    return WorkspaceSettings(port=0, ack_seconds=1.0)


@pytest.fixture
def workspace_manifest() -> Json:
    return MANIFEST


@pytest.fixture
def scheme() -> Any:
    return "light"


in_both_themes = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture
def page(browser: Browser, workspace: RunningWorkspace, scheme: Any) -> Iterator[Page]:
    """The open page with the app connected; fails afterwards on any script error or request to elsewhere."""
    context = browser.new_context(color_scheme=scheme, timezone_id="America/New_York", locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    hosts: set[str] = set()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None
    )
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    with workspace.connected(workspace.bolt(listeners), "http"):
        page.goto(workspace.url)
        expect(page.get_by_label("Message #incidents")).to_be_focused()
        yield page
    context.close()
    assert complaints == []
    assert hosts == {urlsplit(workspace.url).netloc}


def focused(page: Page) -> str:
    """What the focus is on: its name for people."""
    words: str = page.evaluate(
        "() => { const at = document.activeElement; return at.getAttribute('aria-label') || at.innerText || at.tagName }"
    )
    return words.strip()


def walk_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press a key until the focus is on what people call `name`."""
    for _ in range(40):
        if focused(page) == name:
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} never reached {name}")


def declare(page: Page, title: str) -> None:
    page.keyboard.type("/incident declare")
    page.keyboard.press("Enter")
    expect(page.get_by_label("What is wrong?")).to_be_focused()
    page.keyboard.type(title)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    walk_to(page, "Declare")
    page.keyboard.press("Enter")


@in_both_themes
def test_declare_and_acknowledge_by_keyboard_alone(page: Page, workspace: RunningWorkspace) -> None:
    page.keyboard.type("/inc")
    options = page.get_by_role("listbox", name="Commands").get_by_role("option")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Message #incidents")).to_have_value("/incident ")
    page.keyboard.type("declare")
    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog", name="Declare an incident")
    title = dialog.get_by_label("What is wrong?")
    expect(title).to_be_focused()
    page.keyboard.type("bad")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Please enter at least 5 characters.")).to_be_visible()
    expect(title).to_be_focused()
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_text("This field is required.")).to_be_visible()
    page.keyboard.type(" thing")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    suggestions = dialog.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(suggestions).to_have_count(3)
    page.keyboard.type("rec")
    expect(suggestions).to_have_count(1)
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Service")).to_have_value("records-db")
    walk_to(page, "Declare")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Say what is wrong.")).to_be_visible()
    expect(title).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Checkout fails")
    page.keyboard.press("Enter")

    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Message #incidents")).to_be_focused()
    expect(page.get_by_role("heading", name="sev2 Checkout fails")).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("sev2 Checkout fails records-db")
    walk_to(page, "Acknowledge", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Acknowledged")).to_be_visible()
    message = page.locator(".message").last
    expect(message).to_be_focused()
    assert message.locator("time").first.inner_text()
    card = workspace.client.messages("#incidents")[-1]
    assert card["text"] == "Acknowledged"


def test_a_confirm_dialog_asks_first_and_escape_declines(page: Page, workspace: RunningWorkspace) -> None:
    declare(page, "Logins are slow")
    expect(page.get_by_role("button", name="Resolve")).to_be_visible()
    walk_to(page, "Resolve", "Shift+Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Resolve it?")
    expect(dialog.get_by_role("button", name="No")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Resolve")).to_be_focused()
    assert workspace.client.messages("#incidents")[-1]["text"].startswith("sev2")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main").get_by_text("Resolved", exact=True)).to_be_visible()


def test_the_focus_stays_in_an_open_modal_and_escape_closes_it(
    page: Page, workspace: RunningWorkspace
) -> None:
    walk_to(page, "Shortcuts and commands")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Declare")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Declare an incident")
    expect(dialog).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    walk_to(page, "Close")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert workspace.client.view("oncall") is None


@in_both_themes
def test_every_stop_of_the_tab_key_shows_its_focus(page: Page) -> None:
    declare(page, "Queue grows")
    expect(page.get_by_role("heading", name="sev2 Queue grows")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    names = []
    for _ in range(25):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
              const at = document.activeElement;
              const style = getComputedStyle(at);
              const box = at.closest('.box');
              const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
              return [at.tagName, ring || (box && getComputedStyle(box).boxShadow !== 'none') || at === document.body]
            }"""
        )
        assert seen[1], f"no visible focus on {seen[0]} {focused(page)}"
        names.append(focused(page))
    assert {"Acknowledge", "Resolve", "Inspector", "Send"} <= set(names)


def test_another_person_sees_other_things(page: Page, workspace: RunningWorkspace) -> None:
    page.keyboard.type("/incident list")
    page.keyboard.press("Enter")
    note = page.get_by_role("main").get_by_text("Only visible to you")
    expect(note).to_be_visible()
    expect(page.get_by_role("main").get_by_text("No open incidents")).to_be_visible()
    walk_to(page, "Acting as On-call engineer. Change person", "Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.type("c")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Message #incidents")).to_be_focused()
    expect(page.get_by_role("button", name="Acting as CTO. Change person")).to_be_visible()
    expect(note).to_have_count(0)
    page.keyboard.type("Looking")
    page.keyboard.press("Enter")
    expect(page.locator(".message b", has_text="CTO")).to_be_visible()
    assert workspace.client.messages("#incidents")[-1]["user"] == "U0CTO"


def test_texts_are_shown_as_they_are_and_times_in_the_readers_zone(
    page: Page, workspace: RunningWorkspace
) -> None:
    web = workspace.web()
    hostile = (
        "&lt;img src=x onerror=alert(1)&gt; *bold* `code` <!channel> <javascript:alert(1)|click> <@U0CTO>"
    )
    web.chat_postMessage(channel=INCIDENTS, text=hostile)
    web.chat_postMessage(
        channel=INCIDENTS, text="At <!date^1772427600^{date_num} {time}|05:00 UTC>, <!date^x^{nope}|never>"
    )
    message = page.locator(".message").nth(0)
    expect(message.locator(".text")).to_have_text(
        "<img src=x onerror=alert(1)> bold code @channel click @CTO"
    )
    expect(message.locator("img[src='x'], a")).to_have_count(0)
    expect(message.locator("strong")).to_have_text("bold")
    expect(page.get_by_role("main").get_by_text("At 2026-03-02 00:00, never")).to_be_visible()


def test_a_late_app_is_told_to_the_person_and_the_page_goes_on(
    page: Page, workspace: RunningWorkspace
) -> None:
    declare(page, "Disk is full")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
    workspace.client.fault(Fault(kind="lose", target="interactive"))
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("alert").filter(has_text="operation_timeout")).to_be_visible()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("heading", name="Acknowledged")).to_be_visible()


def test_threads_home_and_inspector_open_beside(page: Page, workspace: RunningWorkspace) -> None:
    ts = workspace.web().chat_postMessage(channel=INCIDENTS, text="parent")["ts"]
    workspace.client.say("lead", "#incidents", "first reply", thread_ts=ts)
    page.get_by_role("button", name="1 reply").click()
    pane = page.get_by_role("complementary", name="Thread")
    expect(pane.get_by_label("Reply", exact=True)).to_be_focused()
    page.keyboard.type("second reply")
    page.keyboard.press("Enter")
    expect(pane.get_by_text("second reply")).to_be_visible()
    expect(page.get_by_role("button", name="2 replies")).to_be_visible()
    page.keyboard.press("Escape")
    expect(pane).to_be_hidden()

    page.get_by_role("button", name="Inspector").click()
    entries = page.get_by_role("complementary", name="Inspector").locator("summary")
    expect(entries.filter(has_text="chat.postMessage")).to_have_count(1)
    entries.filter(has_text="chat.postMessage").click()
    expect(page.locator(".inspector pre").first).to_contain_text('"text": "parent"')
    page.get_by_role("button", name="Close pane").click()

    page.get_by_role("navigation", name="Channels and apps").get_by_role("button", name="Mayday HTTP").click()
    expect(page.get_by_role("heading", name="Home of U0ONCALL")).to_be_visible()
