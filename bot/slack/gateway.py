"""The one way in for every interaction: read, authorise, parse, keep a row; only then is Slack answered.

`receive` is called by a listener, which acknowledges with the `Reply` and does nothing else. Nothing here talks to
Slack. What a person typed is parsed first and passes the gate; the row holds the resulting action and never the
payload. A delivery that comes again finds its row, changes nothing, and gets the same reply.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.commands import Command, Context, DeclareForm, GrammarError, Help, MaintenanceForm
from bot.grammar import COMMANDS, INCIDENT, parse
from bot.slack import answers, cards, maintenance_form, modals
from bot.slack.blocks import Block, escape
from bot.slack.buttons import unseal, unseal_place
from bot.slack.errors import BadInteraction, ButtonRefused
from bot.slack.inbox import CameBack, Inbox, Job, OpenForm, Perform, Place, ShowHome, Tell, Work
from bot.slack.interactions import (
    Click,
    HomeOpened,
    Interaction,
    SlashCommand,
    Submission,
    identity,
    read,
    who,
)
from bot.slack.settings import SlackSettings
from bot.slack.text import unescape
from command_center.access.operators import Directory, Operator, Permission, may
from command_center.actions import Acknowledge, Action, Close, Resolve, SetStatus
from command_center.center import CommandCenter
from models.clock import Clock
from models.errors import MaydayError
from models.sanitizer import phrase
from models.sanitizer.gate import Gate
from storage.records import Severity

LOG = logging.getLogger(__name__)

STRANGER = phrase(
    "Mayday does not know you, so nothing was done. Ask whoever runs it to add you as an operator."
)
BAD_BUTTON = phrase(
    "Nothing was done: that button is forged, altered or too old. Use the newest card, or type the command."
)
TEST_VERB = "test"


@dataclass(frozen=True)
class Reply:
    """What the acknowledgement carries: words for that person alone, or what is wrong with a form, by input."""

    text: str = ""
    blocks: list[Block] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


class Gateway:
    """See the module's first lines. `work` takes a job whose row is new; it must not block and cannot fail."""

    def __init__(
        self,
        inbox: Inbox,
        center: CommandCenter,
        gate: Gate,
        directory: Directory,
        settings: SlackSettings,
        key: bytes,
        clock: Clock,
        work: Callable[[Job], None],
    ) -> None:
        self._inbox, self._center, self._gate, self._directory = inbox, center, gate, directory
        self._settings, self._key, self._clock, self._work = settings, key, clock, work

    def receive(self, body: Mapping[str, Any]) -> Reply:
        """Take one interaction; whatever it is, the reply can be acknowledged with, and nothing is raised
        that Mayday raises on purpose.
        """
        try:
            interaction = read(body)
        except BadInteraction as error:
            self._center.refuse("slack", error.code, "unknown")
            return Reply(escape(str(error)))
        try:
            return self._admit(interaction)
        except GrammarError as error:
            return self._explain(interaction, error)
        except (ButtonRefused, BadInteraction) as error:
            return self._turn_away(interaction, error)
        except MaydayError as error:
            LOG.error("an interaction could not be kept: %s", error)
            sentence = "That could not be kept, so nothing was done. Try again in a moment."
            return Reply(sentence, errors=_at_first(interaction, sentence))

    def _admit(self, interaction: Interaction) -> Reply:
        operator = self._directory.by_slack(who(interaction))
        if operator is None:
            return self._refuse_stranger(interaction)
        match interaction:
            case SlashCommand():
                return self._command(interaction, operator)
            case Click():
                place = Place(user=interaction.user.id, channel=_channel(interaction))
                self._keep(interaction, operator, self._clicked(interaction), place)
                return Reply()
            case Submission():
                action = self._sent(interaction)
                channel = unseal_place(self._key, interaction.view.private_metadata)
                self._keep(
                    interaction,
                    operator,
                    Perform(action=action),
                    Place(user=interaction.user.id, channel=channel),
                )
                return Reply()
            case HomeOpened():
                if interaction.tab == "home":
                    self._keep(interaction, operator, ShowHome(), Place(user=interaction.user))
                return Reply()

    def _command(self, typed: SlashCommand, operator: Operator) -> Reply:
        command = self._named(typed.command)
        if command is None:  # a name that the manifest registers and this version does not know
            return self._help(INCIDENT, None)
        parsed = parse(unescape(typed.text), self._context(command), command=command)
        place = Place(user=typed.user_id, channel=typed.channel_id)
        if isinstance(parsed, Help):
            return self._help(command, parsed.verb)
        work: OpenForm | Perform
        match parsed:
            case DeclareForm():
                work = OpenForm(trigger=typed.trigger_id, severity=parsed.severity or Severity.SEV3)
            case MaintenanceForm():
                work = OpenForm(trigger=typed.trigger_id, form="maintenance")
            case action:
                work = Perform(action=action)
        needed = work.permission if isinstance(work, OpenForm) else work.action.permission
        refused = self._may(operator, needed, typed)
        if refused is not None:
            return refused
        self._keep(typed, operator, work, place)
        return Reply()

    def _sent(self, form: Submission) -> Action:
        match form.view.callback_id:
            case modals.DECLARE_FORM:
                return modals.declared(form, self._gate)
            case maintenance_form.MAINTENANCE_FORM:
                return maintenance_form.planned(form, self._gate)
        raise BadInteraction("that form is not one of ours", hint=BadInteraction.remedy)

    def _may(self, operator: Operator, permission: Permission, typed: SlashCommand) -> Reply | None:
        """Return the refusal, or None. The command center decides again when the row is worked on."""
        decision = may(operator, permission)
        if decision.allowed:
            return None
        self._center.refuse(f"slack:{identity(typed)}", decision.reasons[0], operator.id)
        return Reply(f"You may not do that: it needs the right to {permission.value.replace('_', ' ')}.")

    def _clicked(self, click: Click) -> Work:
        element = click.actions[0]
        if element.action_id == answers.DECLARE:
            return OpenForm(trigger=click.trigger_id, severity=Severity.SEV3)
        button = unseal(self._key, element.signed, self._clock().timestamp())
        if button.verb == TEST_VERB and click.container.message_ts:
            return CameBack(ts=click.container.message_ts)
        action = _pressed(button.verb, button.incident)
        if action is None:
            raise BadInteraction("that button does nothing that is known", hint="Use the newest card")
        return Perform(action=action)

    def _refuse_stranger(self, interaction: Interaction) -> Reply:
        """Nothing of what a person said whom nobody knows is parsed or kept; only that they were refused."""
        self._center.refuse(f"slack:{identity(interaction)}", "unknown_person", who(interaction))
        match interaction:
            case SlashCommand():
                return Reply(STRANGER)
            case Submission():
                return Reply(errors=_at_first(interaction, STRANGER))
            case Click():
                place = Place(user=interaction.user.id, channel=_channel(interaction))
                self._keep(interaction, None, Tell(text=STRANGER), place)
            case HomeOpened():
                self._keep(interaction, None, ShowHome(), Place(user=interaction.user))
        return Reply()

    def _turn_away(self, interaction: Interaction, error: ButtonRefused | BadInteraction) -> Reply:
        operator = self._directory.by_slack(who(interaction))
        self._center.refuse(
            f"slack:{identity(interaction)}", error.code, operator.id if operator else "unknown"
        )
        if isinstance(interaction, Click):
            place = Place(user=interaction.user.id, channel=_channel(interaction))
            self._keep(interaction, operator, Tell(text=BAD_BUTTON), place)
            return Reply()
        return Reply(errors=_at_first(interaction, str(error)))

    def _explain(self, interaction: Interaction, error: GrammarError) -> Reply:
        if isinstance(interaction, Submission):
            return Reply(
                errors={error.verb: str(error)} if error.verb else _at_first(interaction, str(error))
            )
        command = self._named(interaction.command) if isinstance(interaction, SlashCommand) else None
        command = command or INCIDENT
        known = command.find(error.verb or error.near or "")
        return self._help(command, known.name if known else None, str(error))

    def _help(self, command: Command, verb: str | None, sentence: str = "") -> Reply:
        blocks = answers.help_card(self._settings.command_prefix, command, verb, sentence)
        return Reply(escape(sentence) or f"Help for {command.slash(self._settings.command_prefix)}", blocks)

    def _keep(self, interaction: Interaction, operator: Operator | None, work: Work, place: Place) -> None:
        job = Job(identity(interaction), operator.id if operator else None, work, place)
        if self._inbox.put(job):
            self._work(job)

    def _named(self, slash: str) -> Command | None:
        prefix = self._settings.command_prefix
        return next((command for command in COMMANDS if command.slash(prefix) == slash), None)

    def _context(self, command: Command) -> Context:
        def here() -> list[str]:
            return [incident.id for incident in self._center.incidents("open", None)]

        called = command.slash(self._settings.command_prefix)
        return Context(gate=self._gate, here=here, forms=True, called=called)


_FIRST = {maintenance_form.MAINTENANCE_FORM: maintenance_form.SERVICES}


def _at_first(interaction: Interaction, sentence: str) -> dict[str, str]:
    """Return a sentence as what is wrong with the first input of a form; nothing where no form was sent."""
    if not isinstance(interaction, Submission):
        return {}
    return {_FIRST.get(interaction.view.callback_id, modals.TITLE): sentence}


def _channel(click: Click) -> str | None:
    return click.channel.id if click.channel else click.container.channel_id


def _pressed(verb: str, incident: str) -> Action | None:
    """Return what a button of a card means; its verb was signed by us."""
    verb, _, choice = verb.partition(".")
    match verb:
        case "ack":
            return Acknowledge(incident=incident)
        case "resolve":
            return Resolve(incident=incident)
        case "close":
            return Close(incident=incident)
        case "status" if choice in cards.STEPS:
            return SetStatus(incident=incident, status=cards.STEPS[choice])
    return None


__all__ = ["STRANGER", "TEST_VERB", "Gateway", "Reply"]
