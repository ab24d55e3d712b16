"""views.*: modals and the Home tab."""

from __future__ import annotations

import orjson
from pydantic import Field

from bot.workspace import blockkit
from bot.workspace.errors import SlackError
from bot.workspace.inputs import initial_values
from bot.workspace.methods.base import AnyMethod, Args, Call, Method, Object
from bot.workspace.model import App, Json, View
from bot.workspace.state import TEAM_ID, Change, State

STACK = 3


def checked_view(body: Json | None, kind: str) -> Json:
    """A view as the app gave it, or Slack's refusal."""
    if body is None:
        raise SlackError("invalid_arguments", messages=("missing required field: view [json-pointer:/view]",))
    if len(orjson.dumps(body)) > blockkit.VIEW_BYTES:
        raise SlackError("view_too_large")
    faults = blockkit.view_faults(body)
    if not faults and body["type"] != kind:
        faults = [f"must be one of: {kind} [json-pointer:/view/type]"]
    if faults:
        raise SlackError("invalid_arguments", messages=tuple(faults))
    return body


def open_view(state: State, app: App, user: str, body: Json) -> View:
    """Put a new modal on top of what `user` has open."""
    stack = state.stacks.setdefault(user, [])
    external = body.get("external_id")
    if external and any(state.views[each].body.get("external_id") == external for each in stack):
        raise SlackError("duplicate_external_id")
    if len(stack) >= STACK:
        raise SlackError("push_limit_reached")
    view_id = state.mint_id("V0")
    previous = stack[-1] if stack else ""
    view = View(
        id=view_id,
        app_id=app.id,
        user=user,
        type="modal",
        body=_with_ids(state, body),
        hash=new_hash(state),
        root_id=state.views[stack[0]].id if stack else view_id,
        previous_id=previous,
    )
    view.values = initial_values(view.body["blocks"])
    state.views[view_id] = view
    stack.append(view_id)
    state.tell(Change("view", user=user, detail=view_id))
    return view


def replace_view(state: State, view: View, body: Json) -> None:
    """Give an open view new content; what was typed stays where block_id and action_id stay."""
    old = view.values
    view.body, view.hash = _with_ids(state, body), new_hash(state)
    fresh = initial_values(view.body["blocks"])
    for block_id, actions in fresh.items():
        for action_id, value in actions.items():
            before = old.get(block_id, {}).get(action_id)
            if before and before["type"] == value["type"]:
                actions[action_id] = before
    view.values = fresh
    state.tell(Change("home" if view.type == "home" else "view", user=view.user, detail=view.id))


def close_top(state: State, user: str, *, everything: bool = False) -> list[View]:
    """Close what `user` sees on top, or the whole stack; returns what was closed, topmost first."""
    stack = state.stacks.get(user, [])
    gone = []
    while stack:
        gone.append(state.views.pop(stack.pop()))
        if not everything:
            break
    state.tell(Change("view", user=user))
    return gone


def new_hash(state: State) -> str:
    return f"{state.mint_ts()}.{state.mint_key(8)}"


def _with_ids(state: State, body: Json) -> Json:
    return {**body, "blocks": blockkit.with_ids(body["blocks"], state.rng)}


def _spend(call: Call, trigger_id: str) -> str:
    """Use up a trigger; returns whose it was."""
    trigger = call.state.triggers.get(trigger_id)
    if trigger is None or trigger.app_id != call.app.id:
        raise SlackError("invalid_trigger_id")
    if trigger.used:
        raise SlackError("exchanged_trigger_id")
    if call.state.now() - trigger.issued_at > call.state.settings.trigger_seconds:
        raise SlackError("expired_trigger_id")
    trigger.used = True
    return trigger.user


def _answer(call: Call, view: View) -> Json:
    return {"view": view.to_wire(TEAM_ID, call.app.bot_id)}


class Open(Args):
    trigger_id: str = ""
    interactivity_pointer: str = ""
    view: Object = Field()


def open_modal(call: Call, args: Open) -> Json:
    body = checked_view(args.view, "modal")
    user = _spend(call, args.trigger_id or args.interactivity_pointer)
    close_top(call.state, user, everything=True)
    return _answer(call, open_view(call.state, call.app, user, body))


def push(call: Call, args: Open) -> Json:
    body = checked_view(args.view, "modal")
    user = _spend(call, args.trigger_id or args.interactivity_pointer)
    if not call.state.stacks.get(user):
        raise SlackError("not_found")
    return _answer(call, open_view(call.state, call.app, user, body))


class Update(Args):
    view: Object = Field()
    view_id: str = ""
    external_id: str = ""
    hash: str = ""


def _same_hash(view: View, given: str) -> None:
    if given and given != view.hash:
        raise SlackError("hash_conflict")


def update(call: Call, args: Update) -> Json:
    body = checked_view(args.view, "modal")
    found = next(
        (
            view
            for view in call.state.views.values()
            if view.app_id == call.app.id
            and (
                (args.view_id and view.id == args.view_id)
                or (args.external_id and view.body.get("external_id") == args.external_id)
            )
        ),
        None,
    )
    if found is None:
        raise SlackError("not_found")
    _same_hash(found, args.hash)
    replace_view(call.state, found, body)
    return _answer(call, found)


class Publish(Args):
    user_id: str
    view: Object = Field()
    hash: str = ""


def publish(call: Call, args: Publish) -> Json:
    body = checked_view(args.view, "home")
    if not call.app.home_tab:
        raise SlackError("not_enabled")
    if args.user_id not in call.state.people:
        raise SlackError("user_not_found")
    key = (call.app.id, args.user_id)
    home = call.state.homes.get(key)
    if home is None:
        view_id = call.state.mint_id("V0")
        home = View(view_id, call.app.id, args.user_id, "home", {"blocks": []}, new_hash(call.state), view_id)
        call.state.homes[key] = home
    else:
        _same_hash(home, args.hash)
    replace_view(call.state, home, body)
    return _answer(call, home)


METHODS: tuple[AnyMethod, ...] = (
    Method("views.open", Open, open_modal, tier=4),
    Method("views.push", Open, push, tier=4),
    Method("views.update", Update, update, tier=4),
    Method("views.publish", Publish, publish, tier=4),
)
