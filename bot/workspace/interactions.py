"""What people do: say something, run a command, press a button, fill in a modal, open Home.

Used by the page and by scripts. Each verb acts as one member, delivers what Slack would deliver, waits for the
acknowledgement and puts its effect into the workspace. Answers are small JSON objects: `{"ok": true, ...}`, or
`ok: false` with Slack's word for what failed in `error`, and for modals one sentence per block in `errors`.
"""

from __future__ import annotations

from typing import Any

from bot.workspace import payloads, posting
from bot.workspace.deliveries import Ack, Deliveries
from bot.workspace.errors import SlackError, WorkspaceRefused
from bot.workspace.events import Events
from bot.workspace.inputs import find_element, initial_values, is_stateful, merge, problems, wire_value
from bot.workspace.methods import marks, views
from bot.workspace.model import App, Channel, Json, Message, Person, View
from bot.workspace.state import State
from bot.workspace.typed import command_text, message_text

SLACKBOT = "USLACKBOT"
TROUBLE = "We had some trouble connecting. Try again?"
MEMBERSHIP = ("/invite", "/remove")  # commands of the workspace itself


class Interactions:
    """The verbs of members. `base_url` is where response_urls point."""

    def __init__(self, state: State, deliveries: Deliveries, events: Events, base_url: str) -> None:
        self._state, self._deliveries, self._events, self._base_url = state, deliveries, events, base_url

    # looking things up

    def person(self, name_or_id: str) -> Person:
        found = self._state.find_person(name_or_id)
        if found is None or found.is_bot:
            raise WorkspaceRefused(
                "there is no such person in the workspace", hint="The page lists who can act"
            )
        return found

    def channel(self, name_or_id: str, person: Person) -> Channel:
        found = self._state.find_channel(name_or_id)
        if found is None or (found.kind != "public" and person.id not in found.members):
            raise WorkspaceRefused("there is no such channel for this person", hint="Use its id or #name")
        return found

    def message(self, channel: Channel, ts: str, person: Person) -> Message:
        found = channel.messages.get(ts) or channel.ephemerals.get(ts)
        if found is None or found.only_for not in ("", person.id):
            raise WorkspaceRefused(
                "there is no such message for this person", hint="Messages are named by their ts"
            )
        return found

    def view(self, view_id: str, person: Person) -> View:
        """A view by id, or without one what this person has on top."""
        stack = self._state.stacks.get(person.id) or [""]
        home = next(
            (
                home
                for (_, user), home in self._state.homes.items()
                if user == person.id and home.id == view_id
            ),
            None,
        )
        found = home or self._state.views.get(view_id or stack[-1])
        if found is None or found.user != person.id:
            raise WorkspaceRefused(
                "this person has no such view open", hint="It may have been closed already"
            )
        return found

    # saying

    async def say(self, user: str, channel: str, text: str, thread_ts: str = "") -> Json:
        """Send what was typed: a command if it begins with a slash, else a message."""
        person = self.person(user)
        room = self.channel(channel, person)
        if text.startswith("/") and not text.startswith("//"):
            if thread_ts:
                self._notice(person, room, f"`{text.split()[0]}` is not supported in threads.")
                return {"ok": False, "error": "not_supported_in_threads"}
            return await self._command(person, room, text)
        if room.archived or person.id not in room.members:
            raise WorkspaceRefused("this person cannot write here", hint="Archived, or not a member")
        try:
            said = message_text(text, self._state)
            message = posting.post(self._state, room, user=person.id, text=said, thread_ts=thread_ts)
        except SlackError as error:
            return {"ok": False, "error": error.error}
        return {"ok": True, "ts": message.ts, "channel": room.id}

    def _notice(self, person: Person, channel: Channel, text: str) -> None:
        posting.post(self._state, channel, user=SLACKBOT, text=text, only_for=person.id)

    async def _command(self, person: Person, channel: Channel, text: str) -> Json:
        word, _, rest = text.partition(" ")
        if word in MEMBERSHIP:
            return self._membership(person, channel, word, rest.strip())
        owner = self._state.command_owner(word)
        app = self._state.apps.get(owner)
        if app is None or "commands" not in app.scopes:
            other = owner.startswith("other:")
            sentence = f"`{word}` belongs to another app" if other else f"`{word}` is not a valid command"
            self._notice(person, channel, sentence + " in this workspace.")
            return {"ok": False, "error": "command_of_another_app" if other else "unknown_command"}
        url = self._state.issue_response_url(app.id, channel.id, person.id)
        trigger = self._state.issue_trigger(app.id, person.id)
        link = f"{self._base_url}/response/{url.key}"
        known = (app.commands or {}).get(word)
        words = command_text(rest.strip(), self._state, escape=known is not None and known.should_escape)
        body = payloads.slash(app, person, channel, word, words, link, trigger.id)
        ack = await self._deliveries.deliver(app, "slash_commands", body)
        return self._answered(person, channel, app, word, ack)

    def _membership(self, person: Person, channel: Channel, word: str, whom: str) -> Json:
        """`/invite @name` and `/remove @name`: who is in the channel this is typed in."""
        other, inside = self._state.find_person(whom) if whom else None, word == "/invite"
        if other is None or channel.kind == "im" or person.id not in channel.members:
            self._notice(person, channel, f"Type `{word} @name` in a channel that you are in.")
            return {"ok": False, "error": "user_not_found"}
        if inside == (other.id in channel.members):
            state = "already" if inside else "not"
            self._notice(person, channel, f"<@{other.id}> is {state} in this channel.")
            return {"ok": True, "ts": ""}
        self._state.set_member(channel, other.id, member=inside)
        done = "was added to" if inside else "was removed from"
        self._notice(person, channel, f"<@{other.id}> {done} this channel.")
        return {"ok": True, "ts": ""}

    def _answered(self, person: Person, channel: Channel, app: App, word: str, ack: Ack) -> Json:
        error, message = ack.reason, None
        if ack.ok:
            try:
                message = posting.respond(self._state, app, channel, person.id, ack.body)
            except SlackError as refused:
                error = refused.error
        if error != "ok":
            self._notice(person, channel, f"`{word}` failed with the error `{error}`.")
            return {"ok": False, "error": error}
        return {"ok": True, "ts": message.ts if message else ""}

    def react(self, user: str, channel: str, ts: str, name: str) -> Json:
        """Add a reaction, or take it away if it is there."""
        person = self.person(user)
        room = self.channel(channel, person)
        message = self.message(room, ts, person)
        there = person.id in message.reactions.get(name, [])
        change = marks.unreact if there else marks.react
        change(self._state, room, message, name, person.id)
        return {"ok": True, "added": not there}

    # buttons and selects

    async def act(
        self,
        user: str,
        *,
        channel: str = "",
        ts: str = "",
        view_id: str = "",
        action_id: str,
        block_id: str = "",
        value: Any = None,
        values: Json | None = None,
    ) -> Json:
        """Use an element of a message (`channel`, `ts`) or a view: press it, or choose `value`."""
        person = self.person(user)
        if ts:
            room = self.channel(channel, person)
            message = self.message(room, ts, person)
            return await self._act_on_message(person, room, message, action_id, block_id, value, values or {})
        view = self.view(view_id, person)
        block, element = find_element(view.body["blocks"], action_id, block_id)
        view.values = merge(view.body["blocks"], view.values, values or {})
        action = self._action(block, element, value)
        if is_stateful(element):
            view.values.setdefault(block["block_id"], {})[action_id] = wire_value(element, value)
        app = self._state.apps[view.app_id]
        trigger = self._state.issue_trigger(app.id, person.id)
        body = payloads.view_action(app, person, view, action, trigger.id)
        return _plain(await self._deliveries.deliver(app, "interactive", body))

    async def _act_on_message(
        self,
        person: Person,
        room: Channel,
        message: Message,
        action_id: str,
        block_id: str,
        value: Any,
        values: Json,
    ) -> Json:
        block, element = find_element(message.blocks, action_id, block_id)
        app = self._state.apps[message.app_id]
        state = merge(message.blocks, initial_values(message.blocks), values)
        if is_stateful(element):
            state.setdefault(block["block_id"], {})[action_id] = wire_value(element, value)
        url = self._state.issue_response_url(app.id, room.id, person.id, message.ts)
        trigger = self._state.issue_trigger(app.id, person.id)
        link = f"{self._base_url}/response/{url.key}"
        action = self._action(block, element, value)
        body = payloads.message_action(app, person, room, message, action, state, link, trigger.id)
        return _plain(await self._deliveries.deliver(app, "interactive", body))

    def _action(self, block: Json, element: Json, value: Any) -> Json:
        """The entry of `actions` for one use of an element."""
        action: Json = {
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "type": element["type"],
        }
        action["action_ts"] = self._state.mint_ts()
        if element["type"] == "button":
            action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
        elif element["type"] == "overflow":
            chosen = [option for option in element["options"] if option["value"] == value]
            if not chosen:
                raise WorkspaceRefused("there is no such option", hint="Options are chosen by their value")
            action["selected_option"] = chosen[0]
        else:
            action |= wire_value(element, value)
        return action

    async def suggest(
        self,
        user: str,
        *,
        channel: str = "",
        ts: str = "",
        view_id: str = "",
        action_id: str,
        block_id: str = "",
        query: str = "",
    ) -> Json:
        """Ask the app for the options of an external select; `options` or `option_groups` in the answer."""
        person = self.person(user)
        place: tuple[Channel, Message] | View
        if ts:
            room = self.channel(channel, person)
            message = self.message(room, ts, person)
            place, blocks, app_id = (room, message), message.blocks, message.app_id
        else:
            view = self.view(view_id, person)
            place, blocks, app_id = view, view.body["blocks"], view.app_id
        block, _ = find_element(blocks, action_id, block_id)
        app = self._state.apps[app_id]
        body = payloads.suggestion(app, person, place, block["block_id"], action_id, query)
        ack = await self._deliveries.deliver(app, "interactive", body)
        kept = {
            key: ack.body[key] for key in ("options", "option_groups") if isinstance(ack.body.get(key), list)
        }
        return {**_plain(ack), **{key: options[:100] for key, options in kept.items()}}

    # modals

    async def submit(self, user: str, view_id: str = "", values: Json | None = None) -> Json:
        """Submit a modal: Slack's own checks first, then the app's answer."""
        person = self.person(user)
        view = self.view(view_id, person)
        if view.type != "modal" or "submit" not in view.body:
            raise WorkspaceRefused(
                "this view has nothing to submit", hint="Only modals with a submit button have"
            )
        view.values = merge(view.body["blocks"], view.values, values or {})
        if found := problems(view.body["blocks"], view.values):
            return {"ok": False, "errors": found}
        app = self._state.apps[view.app_id]
        trigger = self._state.issue_trigger(app.id, person.id)
        ack = await self._deliveries.deliver(
            app, "interactive", payloads.submission(app, person, view, trigger.id)
        )
        if not ack.ok:
            return {"ok": False, "error": ack.reason, "message": TROUBLE}
        try:
            return self._submitted(app, person, view, ack.body)
        except SlackError as error:
            return {"ok": False, "error": error.error, "message": TROUBLE, "messages": list(error.messages)}

    def _submitted(self, app: App, person: Person, view: View, answer: Json) -> Json:
        """Do what the app answered to a submission."""
        is_open = view.id in self._state.stacks.get(person.id, [])
        match answer.get("response_action"):
            case "errors":
                errors = answer.get("errors")
                known = {block["block_id"] for block in view.body["blocks"]}
                if not isinstance(errors, dict) or not errors or not known.issuperset(errors):
                    return {"ok": False, "error": "invalid_errors", "message": TROUBLE}
                return {"ok": False, "errors": {key: str(text) for key, text in errors.items()}}
            case "update" if is_open:
                views.replace_view(self._state, view, views.checked_view(answer.get("view"), "modal"))
                return {"ok": True, "view_id": view.id}
            case "push" if is_open:
                pushed = views.open_view(
                    self._state, app, person.id, views.checked_view(answer.get("view"), "modal")
                )
                return {"ok": True, "view_id": pushed.id}
            case "clear":
                views.close_top(self._state, person.id, everything=True)
            case _ if is_open:
                while self._state.stacks[person.id] and view.id in self._state.stacks[person.id]:
                    views.close_top(self._state, person.id)
        return {"ok": True, "view_id": ""}

    async def close(self, user: str, view_id: str = "") -> Json:
        """Close a modal; the app hears of it if it asked to."""
        person = self.person(user)
        view = self.view(view_id, person)
        cleared = bool(view.body.get("clear_on_close"))
        for gone in views.close_top(self._state, person.id, everything=cleared):
            if gone.body.get("notify_on_close"):
                app = self._state.apps[gone.app_id]
                body = payloads.closed(app, person, gone, cleared=cleared)
                await self._deliveries.deliver(app, "interactive", body)
        return {"ok": True}

    # shortcuts and Home

    async def shortcut(self, user: str, callback_id: str, channel: str = "", ts: str = "") -> Json:
        """Use a shortcut, a global one or with `channel` and `ts` one on a message."""
        person = self.person(user)
        for app in self._state.apps.values():
            if (which := app.shortcuts.get(callback_id)) and (which.type == "message") == bool(ts):
                break
        else:
            raise WorkspaceRefused("there is no such shortcut", hint="Shortcuts come from the app's manifest")
        trigger = self._state.issue_trigger(app.id, person.id)
        stamp = self._state.mint_ts()
        if not ts:
            body = payloads.shortcut(app, person, which, trigger.id, stamp)
        else:
            room = self.channel(channel, person)
            message = self.message(room, ts, person)
            url = self._state.issue_response_url(app.id, room.id, person.id, message.ts)
            link = f"{self._base_url}/response/{url.key}"
            body = payloads.message_shortcut(app, person, which, room, message, link, trigger.id, stamp)
        return _plain(await self._deliveries.deliver(app, "interactive", body))

    def open_home(self, user: str, app_id: str) -> Json:
        """Look at an app's Home tab."""
        person = self.person(user)
        if (app := self._state.apps.get(app_id)) is None:
            raise WorkspaceRefused("there is no such app", hint="The page lists the apps")
        self._events.home_opened(app, person.id)
        return {"ok": True}


def _plain(ack: Ack) -> Json:
    return {"ok": True} if ack.ok else {"ok": False, "error": ack.reason}
