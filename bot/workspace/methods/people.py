"""users.*, usergroups.*, team.info and bots.info: who is here."""

from __future__ import annotations

from bot.workspace.errors import SlackError
from bot.workspace.methods.base import AnyMethod, Args, Call, Method, NoArgs, Page, paged
from bot.workspace.model import Json, Person
from bot.workspace.state import TEAM_DOMAIN, TEAM_ID


def _wire(call: Call, person: Person) -> Json:
    return person.to_wire(TEAM_ID, with_email="users:read.email" in call.app.scopes)


class OfUser(Args):
    user: str


def info(call: Call, args: OfUser) -> Json:
    if (person := call.state.people.get(args.user)) is None:
        raise SlackError("user_not_found")
    return {"user": _wire(call, person)}


def list_users(call: Call, args: Page) -> Json:
    part, meta = paged([_wire(call, person) for person in call.state.people.values()], args)
    return {"members": part, "cache_ts": int(call.state.now()), **meta}


class ByEmail(Args):
    email: str


def by_email(call: Call, args: ByEmail) -> Json:
    wanted = args.email.strip().lower()
    for person in call.state.people.values():
        if wanted and person.email.lower() == wanted and not person.is_bot:
            return {"user": _wire(call, person)}
    raise SlackError("users_not_found")


def list_groups(call: Call, _: NoArgs) -> Json:
    return {"usergroups": call.state.usergroups}


class OfGroup(Args):
    usergroup: str


def list_group(call: Call, args: OfGroup) -> Json:
    for group in call.state.usergroups:
        if group["id"] == args.usergroup:
            return {"users": group["users"]}
    raise SlackError("no_such_subteam")


def team(call: Call, _: NoArgs) -> Json:
    return {
        "team": {
            "id": TEAM_ID,
            "name": call.state.settings.name,
            "domain": TEAM_DOMAIN,
            "url": call.base_url + "/",
        }
    }


class OfBot(Args):
    bot: str


def bot(call: Call, args: OfBot) -> Json:
    for app in call.state.apps.values():
        if app.bot_id == args.bot:
            about = {
                "id": app.bot_id,
                "app_id": app.id,
                "user_id": app.bot_user,
                "name": app.name,
                "deleted": False,
            }
            return {"bot": about}
    raise SlackError("bot_not_found")


METHODS: tuple[AnyMethod, ...] = (
    Method("users.info", OfUser, info, ("users:read",), tier=4),
    Method("users.list", Page, list_users, ("users:read",), tier=2),
    Method("users.lookupByEmail", ByEmail, by_email, ("users:read.email",)),
    Method("usergroups.list", NoArgs, list_groups, ("usergroups:read",), tier=2),
    Method("usergroups.users.list", OfGroup, list_group, ("usergroups:read",)),
    Method("team.info", NoArgs, team, ("team:read",)),
    Method("bots.info", OfBot, bot, ("users:read",)),
)
