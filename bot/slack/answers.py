"""What a person is shown in answer: a list, one incident, help, the Home tab, the test card. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from bot.grammar import COMMANDS, Command
from bot.slack import blocks as bk
from bot.slack.blocks import Block
from bot.slack.cards import CardFacts, incident_card, severity_words
from command_center.maintenance.windows import Told
from storage.records import Incident

DECLARE, TEST = "mayday_declare", "mayday_test"
LISTED = 40  # incidents that a list shows


def show_card(facts: CardFacts, called: str) -> list[Block]:
    """Return the answer to `show`: the card without buttons (the live one has them) and what can be typed."""
    hint = f"{bk.code(f'{called} note {facts.incident.id} …')} adds to its timeline"
    another = bk.actions("mayday_show", [bk.button("Declare another incident", DECLARE, "-")])
    return bk.message([*incident_card(facts, None)[: bk.BLOCKS_PER_MESSAGE - 2], bk.context([hint]), another])


def list_card(incidents: Sequence[Incident], which: str, called: str) -> list[Block]:
    """Return the answer to `list`, in the order in which they are given, at most `LISTED`."""
    title = f"Incidents: {which}"
    if not incidents:
        hint = f"{bk.code(f'{called} list all')} shows every one"
        return [bk.header(title), bk.section("None."), bk.context([hint])]
    shown = incidents[:LISTED]
    lines = [
        f"*{one.id}* {severity_words(one.severity)}, {one.status.value}, {bk.escape(one.service, 80)}: "
        f"{bk.escape(one.title, 160)} (since {bk.when(one.detected_at)})"
        for one in shown
    ]
    blocks = [bk.header(f"{title} ({len(incidents)})")]
    blocks += [bk.section("\n".join(lines[i : i + 5])) for i in range(0, len(lines), 5)]
    rest = [f"{len(incidents) - len(shown)} more are not shown"] if len(incidents) > len(shown) else []
    return bk.message([*blocks, bk.context([*rest, f"{bk.code(f'{called} show INC-n')} shows one"])])


def maintenance_card(told: Sequence[Told], called: str, sentence: str = "") -> list[Block]:
    """Return the answer about maintenance windows, below a sentence about what was just done; at most `LISTED`."""
    first = [bk.section(bk.escape(sentence))] if sentence else [bk.header("Maintenance")]
    lines = [_window_line(each) for each in told[:LISTED]]
    blocks = [bk.section("\n".join(lines[i : i + 5])) for i in range(0, len(lines), 5)]
    rest = [f"{len(told) - LISTED} more are not shown"] if len(told) > LISTED else []
    hint = f"{bk.code(f'{called} end MNT-n')} ends one"
    return bk.message([*first, *blocks, bk.context([*rest, hint])])


def _window_line(told: Told) -> str:
    window = told.window
    services = bk.escape(", ".join(window.services), 300) + (
        " and their callers" if window.with_callers else ""
    )
    quiet = "1 signal" if told.silenced == 1 else f"{told.silenced} signals"
    return (
        f"*{window.id}* {told.state.value.replace('_', ' ')}: {services}, {bk.when(window.starts_at)} to "
        f"{bk.when(window.until)}: {bk.escape(window.reason, 160)} ({quiet} kept quiet)"
    )


def help_card(prefix: str, command: Command, verb: str | None = None, sentence: str = "") -> list[Block]:
    """Return help for a command, or one verb of it, below a sentence that says what was wrong."""
    called = command.slash(prefix)
    first = [bk.section(f"⚠ {bk.escape(sentence)}")] if sentence else []
    one = command.find(verb) if verb else None
    if one is None:
        lines = [f"{bk.code(f'{called} {v.usage}')} {bk.escape(v.summary)}" for v in command.verbs]
        return bk.message([*first, bk.header(f"{called}: {command.summary}"), bk.section("\n".join(lines))])
    lines = [bk.escape(one.summary)]
    lines += [f"{bk.code(argument.usage)} {bk.escape(argument.help)}" for argument in one.arguments]
    lines += [f"Also: {', '.join(bk.code(alias) for alias in one.aliases)}"] if one.aliases else []
    lines += [f"Needs the right to {one.permission.value.replace('_', ' ')}"] if one.permission else []
    lines += [f"Example: {bk.code(f'{called} {example}')}" for example in one.examples]
    return bk.message([*first, bk.header(f"{called} {one.usage}"), bk.section("\n".join(lines))])


def home_view(incidents: Sequence[Incident], prefix: str) -> Block:
    """Return the Home tab: what is open, and what can be typed. A home view has no submit and no close."""
    command = COMMANDS[0]
    declare = bk.actions("mayday_home", [bk.button("Declare an incident", DECLARE, "-", style="primary")])
    listed = list_card(incidents, "open", command.slash(prefix))
    blocks = [*listed, declare, bk.divider(), *help_card(prefix, command)]
    return {"type": "home", "blocks": bk.message(blocks, bk.BLOCKS_PER_VIEW)}


def stranger_view() -> Block:
    """Return the Home tab of a person whom the configuration does not name."""
    sentence = "You are not among the operators of this Mayday. Ask whoever runs it to add you."
    return {"type": "home", "blocks": [bk.header("Mayday"), bk.section(sentence)]}


def trial_card(value: str) -> list[Block]:
    """Return the card of the set-up, with one button."""
    sentence = "This card was posted by `mayday slack setup`. Press the button: that proves the way back."
    return [
        bk.header("Mayday is being set up"),
        bk.section(sentence),
        bk.actions("mayday_test", [bk.button("It works", TEST, value, style="primary")]),
    ]


def came_back_card() -> list[Block]:
    """Return what the card of the set-up becomes once its button has come back."""
    return [bk.header("Mayday is set up"), bk.section("✔ The button came back. Cards will appear here.")]
