"""The dialog of `mayday slack setup`, and `mayday slack check`, which repeats everything that needs no answers.

From nothing to a first card: the app from a manifest, both tokens (kept in a file with mode 0600), scopes, channel,
operators, and a test card whose button must come back. Each problem is one sentence and what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from bot.grammar import INCIDENT
from bot.slack.api import web_client
from bot.slack.checks import (
    Finding,
    Report,
    check_channel,
    check_tokens,
    find_people,
    wrong_kind,
)
from bot.slack.errors import SlackFailure
from bot.slack.manifest import NEW_APP, manifest_yaml, new_app_link
from bot.slack.people import keep_people, read_people, with_people
from bot.slack.places import places
from bot.slack.roundtrip import RoundTrip, post_only
from bot.slack.settings import SlackSettings
from bot.slack.tokens import Tokens, keep_tokens, read_tokens
from command_center.access.operators import Operator
from models.clock import Clock
from models.errors import MaydayError
from storage.layout import Layout

PRESS_WITHIN, TYPE_WITHIN = 180.0, 90.0  # seconds
TRIES = 3
PREFIX = "md-"


class Prompt(Protocol):
    """Asks the person; `secret` answers are not echoed."""

    def __call__(self, question: str, *, secret: bool) -> str: ...


class Setup:
    """What both commands share. `key` signs the test card's button (the purpose `buttons`)."""

    def __init__(
        self,
        console: Console,
        layout: Layout,
        settings: SlackSettings,
        operators: Iterable[Operator],
        key: bytes,
        clock: Clock,
        *,
        press_within: float = PRESS_WITHIN,
        type_within: float = TYPE_WITHIN,
        card: bool = True,
    ) -> None:
        self._card = card
        self._console, self._layout, self._settings = console, layout, settings
        self._operators, self._key, self._clock = tuple(operators), key, clock
        self._press_within, self._type_within = press_within, type_within
        self._report, self._at = Report(), places(settings)

    def setup(self, prompt: Prompt) -> int:
        """Take a person from nothing to a first card; returns 0, or 1 where something is still wrong."""
        self._explain()
        tokens = self._ask(prompt)
        if tokens is None:
            return 1
        keep_tokens(self._layout.tokens, tokens)
        self._say(Finding(True, f"The tokens are kept in {self._layout.tokens} (readable by you alone)."))
        return self._verify(tokens)

    def check(self, environment: Mapping[str, str]) -> int:
        """Look at everything again with the tokens that are kept; raises `NoTokens` where there are none."""
        return self._verify(read_tokens(self._layout.tokens, environment))

    def _explain(self) -> None:
        prefix = self._settings.command_prefix
        if self._settings.is_local:
            self._print(
                "1. slack.base_url names the local workspace, which has the app already. Open its page:"
            )
            self._print(f"   {self._settings.origin}/#A0MAYDAY/settings", style="blue")
            self._print("2. Choose Mayday and App settings there: it shows the keys that are asked for now.")
            return
        self._print(
            "1. Make the app. Open this address, choose From a manifest, take the YAML tab, and paste this:"
        )
        if self._console.is_terminal:  # the whole address fills the screen, and a click needs none of it
            address = Text.assemble(
                "   ", (NEW_APP, f"blue link {new_app_link(prefix)}"), "  (a click on it fills it in)"
            )
            self._console.print(address, soft_wrap=True)
        else:
            self._print(f"   {NEW_APP}", style="blue")
            self._print(f"   With the manifest filled in: {new_app_link(prefix)}", style="dim")
        self._print(manifest_yaml(prefix), style="dim")
        self._print("2. Press Install to Workspace on the app's page.")

    def _ask(self, prompt: Prompt) -> Tokens | None:
        bot = self._token(prompt, "3. Bot token", self._at.bot, "xoxb-")
        if bot is None:
            return None
        if self._settings.transport == "http":
            secret = prompt("4. Signing secret (under Basic Information)", secret=True).strip()
            return Tokens(bot=SecretStr(bot), signing=SecretStr(secret)) if secret else None
        app = self._token(prompt, "4. App-level token", self._at.app, "xapp-")
        return Tokens(bot=SecretStr(bot), app=SecretStr(app)) if app else None

    def _token(self, prompt: Prompt, name: str, where: str, wanted: str) -> str | None:
        self._print(f"{name}. {where}.")
        for _ in range(TRIES):
            token = prompt(name.split(". ")[1], secret=True).strip()
            wrong = wrong_kind(token, wanted, self._at)
            if wrong is None:
                return token
            self._console.print(_line(wrong), soft_wrap=True)
        self._say(Finding(False, f"No usable token after {TRIES} tries.", "Run `mayday slack setup` again."))
        return None

    def _verify(self, tokens: Tokens) -> int:
        for finding in check_tokens(tokens, self._settings):
            self._say(finding)
        if any(finding.ends for finding in self._report.findings):
            return 1
        client = web_client(tokens.bot.get_secret_value(), self._settings)
        finding, channel = check_channel(client, self._settings.channel, self._at)
        self._say(finding)
        known = with_people(self._operators, read_people(self._layout.root))
        found, people = find_people(client, known, self._at)
        if people:  # a check whose tokens come from the environment may be the first to keep anything here
            keep_people(self._layout.prepare().root, read_people(self._layout.root) | people)
        works = self._report.good  # an operator whom Slack does not know keeps nobody else from the card
        for each in found:
            self._say(each)
        if channel is not None and works and self._card:
            try:
                self._try(tokens, channel)
            except SlackFailure as error:
                self._say(
                    Finding(False, f"The test card did not work: {error}.", "Run `mayday slack check`.")
                )
        self._print(
            "Everything works."
            if self._report.good
            else "Mend what is marked ✗, then run `mayday slack check`."
        )
        return 0 if self._report.good else 1

    def _try(self, tokens: Tokens, channel: str) -> None:
        """Post the test card and wait for its button and for the command."""
        if self._settings.transport == "http":
            post_only(web_client(tokens.bot.get_secret_value(), self._settings), channel)
            self._say(Finding(True, "A message was posted. Buttons come back once Mayday is running."))
            return
        name = self._settings.channel.removeprefix("#")
        command = INCIDENT.slash(self._settings.command_prefix)
        with RoundTrip(tokens, self._settings, self._key, lambda: self._clock().timestamp()) as trip:
            ts = trip.post(channel)
            self._print(f"A test card stands in #{name}. Press its button (within {self._press_within:g} s).")
            if not trip.came_back(channel, ts, self._press_within):
                trip.withdraw(channel, ts)
                sentence = "The button did not come back."
                remedy = f"{self._at.switches}, then run `mayday slack check`."
                self._say(Finding(False, sentence, remedy))
                return
            self._say(Finding(True, "The button came back."))
            if not trip.was_pressed_here:
                self._print("Mayday is running and took the click, so the command is not tried.")
                return
            self._print(f"Now type {command} help in #{name} (within {self._type_within:g} s).")
            self._say(self._command(trip, command))

    def _command(self, trip: RoundTrip, command: str) -> Finding:
        if trip.heard(command, self._type_within):
            return Finding(True, f"The command {command} reaches Mayday.")
        other = INCIDENT.slash(self._settings.command_prefix + PREFIX)
        sentence = (
            f"{command} did not arrive although the button did: another app has a command of that name."
        )
        remedy = (
            f'Set command_prefix = "{self._settings.command_prefix}{PREFIX}" under [slack], which makes it {other}, '
            "and paste the manifest that `mayday slack manifest` then prints."
        )
        return Finding(False, sentence, remedy)

    def _say(self, finding: Finding) -> None:
        self._report.findings.append(finding)
        self._console.print(_line(finding), soft_wrap=True)

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)


def _line(finding: Finding) -> Text:
    mark, style = ("✓", "green") if finding.good else ("✗", "bold red")
    text = Text.assemble((f"{mark} ", style), finding.sentence)
    if finding.remedy:
        text.append(f"\n  → {finding.remedy}", style="yellow")
    return text


def run_setup(
    console: Console,
    prompt: Prompt,
    layout: Layout,
    settings: SlackSettings,
    operators: Iterable[Operator],
    key: bytes,
    clock: Clock,
    *,
    press_within: float = PRESS_WITHIN,
    type_within: float = TYPE_WITHIN,
) -> int:
    """`mayday slack setup`; returns the exit code."""
    made = Setup(
        console, layout, settings, operators, key, clock, press_within=press_within, type_within=type_within
    )
    return _safely(console, lambda: made.setup(prompt))


def run_check(
    console: Console,
    layout: Layout,
    settings: SlackSettings,
    operators: Iterable[Operator],
    key: bytes,
    clock: Clock,
    environment: Mapping[str, str],
    *,
    press_within: float = PRESS_WITHIN,
    type_within: float = TYPE_WITHIN,
    card: bool = True,
) -> int:
    """`mayday slack check`; returns the exit code. Without `card` nothing is posted."""
    within = {"press_within": press_within, "type_within": type_within}
    made = Setup(console, layout, settings, operators, key, clock, card=card, **within)
    return _safely(console, lambda: made.check(environment))


def _safely(console: Console, body: Callable[[], int]) -> int:
    try:
        return body()
    except MaydayError as error:
        console.print(_line(Finding(False, error.detail + ".", error.hint)), soft_wrap=True)
        return 1
