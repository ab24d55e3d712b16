"""A bot in a process of its own, to be killed: opens a state directory, declares an incident, lives until it is ended.

Arguments: state directory, Web API address, bot token, app-level token, title of the incident to declare or nothing.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from slack_rig import GATE, KEY, ONCALL, OPERATORS

from bot.slack.run import SlackBot
from bot.slack.settings import SlackSettings
from bot.slack.tokens import Tokens
from command_center.access.operators import Directory
from command_center.actions import Declare
from command_center.center import CommandCenter
from command_center.settings import CenterSettings
from models.clock import system_clock
from storage.database import Database
from storage.layout import Layout
from storage.records import Severity
from storage.seal import KeyRing


def main(root: str, base_url: str, bot_token: str, app_token: str, title: str) -> None:
    layout = Layout(Path(root))
    database = Database.open(layout, KeyRing.load(layout, create=False, environ={}), system_clock)
    directory = Directory(OPERATORS)
    center = CommandCenter(database, GATE, directory, CenterSettings(), system_clock)
    settings = SlackSettings(base_url=base_url, unknown_grace=0.5, retry_first=0.05, retry_most=0.5)
    tokens = Tokens.model_validate({"bot": bot_token, "app": app_token})
    bot = SlackBot(center, database, GATE, directory, settings, tokens, KEY, system_clock, Random())
    bot.start()
    if title:
        center.perform(Declare(title=GATE.text(title), severity=Severity.SEV2), ONCALL, cause="test")
    print("up", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
