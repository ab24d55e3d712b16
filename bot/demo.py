"""The demo: a clinic that logs, the local workspace, the three processes, and the story of one bad release.

Everything listens on loopback, keeps its state below one directory and ends with the program. The story is played
through the workspace's own interface, as a person would: acknowledge on the card, then resolve.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from bot.settings import SupervisorSettings
from bot.slack.cards import ACK, RESOLVE
from bot.slack.manifest import manifest
from bot.slack.tokens import Tokens, keep_tokens
from bot.supervisor import Supervisor, mayday_commands
from bot.workspace.client import WorkspaceClient
from bot.workspace.errors import WorkspaceTimeout
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from examples.clinic.clinic import BAD, GOOD, Clinic, free_ports
from models.clock import Clock
from models.errors import MaydayError
from storage.client import StoreClient
from storage.layout import Layout

CHANNEL = "incidents"
ONCALL = "U0ONCALL"
CALLS = {"api-gateway": ["auth", "records-db", "ai-inference", "billing"], "billing": ["records-db"]}


class StoryFailed(MaydayError):
    code = "story_failed"
    meaning = "A step of the demo's story did not happen in time."
    remedy = "Look into the state directory's log folder; `mayday doctor` checks the usual causes."


@dataclass
class Demo:
    """Starts and stops everything. `say` is told what happens, a line each.

    `make_room` readies the state directory; it is called when the workspace has its port, for it may remove what is there.
    """

    layout: Layout
    clock: Clock
    say: Callable[[str], None]
    workspace_port: int = 0
    make_room: Callable[[Layout], object] = Layout.prepare
    workspace: WorkspaceServer = field(init=False)
    clinic: Clinic = field(init=False)
    supervisor: Supervisor = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Bring up workspace, processes, clinic and shipper, in this order."""
        from stream.forward_client import ForwardClient

        self.workspace = WorkspaceServer(
            WorkspaceSettings(port=self.workspace_port),
            self.clock,
            random.SystemRandom(),
            manifest=manifest(),
        )
        self.workspace.start()
        self.make_room(self.layout)
        self.say(f"Workspace: {self.workspace.url}   (a stand-in for Slack on this machine)")
        port = free_ports(1)[0]
        config = self.write_config(port)
        keep_tokens(
            self.layout.tokens,
            Tokens.model_validate(tokens_of(self.workspace)),
        )
        self.supervisor = Supervisor(
            self.layout,
            SupervisorSettings(),
            mayday_commands(["--config", str(config), "--state", str(self.layout.root)]),
            self.say,
        )
        self.supervisor.start()
        self._thread(lambda: self._watch())
        self.clinic = Clinic(self.layout.root / "clinic")
        self.clinic.start()
        client = ForwardClient(("127.0.0.1", port), stop=self._stop)
        from examples.clinic.shipper import ship

        self._thread(lambda: ship(self.clinic.logs, client, self._stop))
        self.wait_until_up()

    def wait_until_up(self, seconds: float = 60) -> None:
        """Wait until the command center answers and the bot is connected."""
        store = StoreClient(self.layout.socket)
        for _ in range(int(seconds / 0.2)):
            try:
                if store.status().get("slack") == "connected":
                    return
            except MaydayError:
                pass  # still starting
            if self._stop.wait(0.2):
                return
        raise StoryFailed("the processes did not come up", hint=StoryFailed.remedy)

    def write_config(self, forward_port: int) -> Path:
        """Write the demo's own mayday.toml and return its path."""
        operators = [
            {
                "id": "oncall",
                "name": "On-call engineer",
                "slack": ONCALL,
                "uid": os.getuid(),
                "roles": ["engineer"],
            },
            {"id": "lead", "name": "Technical lead", "slack": "U0LEAD", "roles": ["technical_lead"]},
            {"id": "cto", "name": "CTO", "slack": "U0CTO", "roles": ["cto"]},
            {
                "id": "compliance",
                "name": "Compliance officer",
                "slack": "U0COMPLIANCE",
                "roles": ["compliance"],
            },
        ]
        config = {
            "state": {"directory": str(self.layout.root)},
            "receive": {"forward": f"127.0.0.1:{forward_port}", "http": "off", "otlp": "off"},
            "center": {"calls": CALLS, "critical_services": ["records-db", "auth"]},
            "slack": {"base_url": f"{self.workspace.url}/api/", "channel": CHANNEL},
            "operators": operators,
        }
        path = self.layout.root / "mayday.toml"
        path.write_text(tomli_w.dumps(config), "utf-8")
        return path

    def fault(self, *, on: bool) -> datetime:
        """Roll the leaking release out (or the good one back), recorded as a change. Returns when."""
        at = self.clock()
        release = BAD if on else GOOD
        StoreClient(self.layout.socket).perform(
            {"action": "record_change", "service": "billing", "kind": "deploy", "version": release.removesuffix("-leak"),
             "at": at.isoformat(), "note": None, "change_id": f"demo-{secrets.token_hex(4)}"}
        )  # fmt: skip
        self.clinic.roll_out(release)
        return at

    def stop(self) -> None:
        """End everything that was started, the newest first."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        if hasattr(self, "clinic"):
            self.clinic.stop()
        if hasattr(self, "supervisor"):
            self.supervisor.stop()
        if hasattr(self, "workspace"):  # not if its port was taken
            self.workspace.stop()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.supervisor.check()

    def _thread(self, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        self._threads.append(thread)


def tokens_of(workspace: WorkspaceServer) -> dict[str, str]:
    """Return the tokens that the workspace has made for the app, as they are kept."""
    keys = workspace.credentials
    return {"bot": keys.bot_token, "app": keys.app_token, "signing": keys.signing_secret}


def play(demo: Demo, *, warm_up: float = 12.0, card_within: float = 30.0) -> dict[str, Any]:
    """Play the story and return its facts; raises `StoryFailed` if a step does not happen, the card within `card_within` seconds.

    Times are ISO 8601 in UTC. `card_at` is when the card stood in the channel, by the workspace's own clock.
    """
    client = WorkspaceClient(demo.workspace.url)
    channel = next(str(each["id"]) for each in client.state()["channels"] if each["name"] == CHANNEL)
    store = StoreClient(demo.layout.socket)
    demo.say("Watching the clinic while nothing is wrong")
    demo._stop.wait(warm_up)
    fault_at = demo.fault(on=True)
    demo.say("Fault on: billing runs a release that leaks its connections")
    try:
        card = client.wait_for(
            CHANNEL, lambda message: "INC-" in json.dumps(message.get("blocks", [])), seconds=card_within
        )
    except WorkspaceTimeout:
        raise StoryFailed(
            f"no incident card within {card_within:g} s of the fault", hint=StoryFailed.remedy
        ) from None
    incident = _incident(store)
    demo.say(f"{incident['id']} stands in #{CHANNEL}: {incident['title']}")
    _press(client, channel, card, ACK)
    incident = _until(store, demo, incident["id"], "acknowledged_at")
    demo.say("Acknowledged on the card")
    demo.fault(on=False)
    _press(
        client,
        channel,
        card,
        RESOLVE,
    )
    incident = _until(store, demo, incident["id"], "resolved_at")
    demo.say("Release rolled back, resolved on the card")
    return {
        "incident": incident["id"],
        "slack_channel": channel,
        "slack_ts": card["ts"],
        "pids": demo.supervisor.pids,
        "fault_at": fault_at.isoformat(),
        "detected_at": incident["detected_at"],
        "card_at": datetime.fromtimestamp(float(card["ts"]), fault_at.tzinfo).isoformat(),
        "acknowledged_at": incident["acknowledged_at"],
        "resolved_at": incident["resolved_at"],
    }


def _incident(store: StoreClient, incident: str | None = None) -> dict[str, Any]:
    where = f"WHERE id = '{incident}'" if incident else "ORDER BY detected_at DESC LIMIT 1"
    rows = store.query(
        f"SELECT id, title, detected_at, acknowledged_at, resolved_at FROM incident {where}"  # noqa: S608 (an id from our own database)
    ).to_pylist()
    if not rows:
        raise StoryFailed("the incident is not in the database", hint=StoryFailed.remedy)
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in rows[0].items()
    }


def _until(store: StoreClient, demo: Demo, incident: str, column: str, seconds: float = 15) -> dict[str, Any]:
    for _ in range(int(seconds / 0.1)):
        found = _incident(store, incident)
        if found[column]:
            return found
        demo._stop.wait(0.1)
    raise StoryFailed(f"{column.removesuffix('_at')} was pressed and did not happen", hint=StoryFailed.remedy)


def _press(client: WorkspaceClient, channel: str, card: dict[str, Any], action: str) -> None:
    client.click(ONCALL, channel, card["ts"], action)
