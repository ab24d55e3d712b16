"""What is known about cards in Slack: the table `slack_message`, one row per incident.

States: `new` (to be posted), `posting` (a post is under way), `unknown` (a post may have arrived), `shown`. A card is
due when `shown_version` is behind `wanted_version`. `posted_at` is when its (latest) post began, until it is shown.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from storage.database import Database
from storage.transaction import Transaction

CardState = Literal["new", "posting", "unknown", "shown"]
ASLEEP = 3600.0
RECENT = timedelta(days=1)  # ended incidents older than this are not posted belatedly


class Card(NamedTuple):
    """One row."""

    outbox_id: str
    incident: str
    channel: str
    ts: str | None
    state: CardState
    attempts: int
    posting_at: datetime | None

    @property
    def method(self) -> str:
        return "chat.postMessage" if self.ts is None else "chat.update"

    @property
    def settled(self) -> CardState:
        """The state in which nothing is under way."""
        return "new" if self.ts is None else "shown"


class Ledger:
    """Reads and writes the rows. On return a change is durable."""

    def __init__(self, database: Database, rng: random.Random) -> None:
        self._database, self._rng = database, rng

    def want(self, channel: str, now: datetime) -> int:
        """Make a row for each incident that needs one, and note the version that each should show."""
        behind = self._database.read(
            lambda reader: reader.execute(
                """SELECT i.id, i.version, m.outbox_id FROM incident i
                   LEFT JOIN slack_message m ON m.incident_id = i.id
                   WHERE m.wanted_version < i.version OR (m.outbox_id IS NULL
                     AND (i.status NOT IN ('resolved', 'closed') OR i.updated_at > ?))
                   ORDER BY i.detected_at""",
                [now - RECENT],
            )
        )
        fresh = {incident: self._new_id(incident) for incident, _, known in behind if known is None}

        def work(tx: Transaction) -> None:
            for incident, version, known in behind:
                if known is None:
                    tx.execute(
                        """INSERT INTO slack_message(outbox_id, incident_id, channel, wanted_version, state)
                           VALUES (?, ?, ?, ?, 'new')""",
                        [fresh[incident], incident, channel, version],
                    )
                else:
                    tx.execute(
                        "UPDATE slack_message SET wanted_version = ? WHERE outbox_id = ?", [version, known]
                    )

        if behind:
            self._database.write(work)
        return len(behind)

    def due(self, now: datetime) -> tuple[list[Card], float]:
        """Return the cards to be shown now, posts first, and the seconds until another becomes due."""
        rows = self._database.read(
            lambda reader: reader.execute(
                """SELECT outbox_id, incident_id, channel, ts, state, attempts, posted_at, next_try_at
                   FROM slack_message
                   WHERE incident_id IS NOT NULL AND (shown_version IS NULL OR shown_version < wanted_version)
                   ORDER BY ts IS NOT NULL, outbox_id"""
            )
        )
        ready = [Card(*row[:7]) for row in rows if row[7] is None or row[7] <= now]
        waits = [(row[7] - now).total_seconds() for row in rows if row[7] is not None and row[7] > now]
        return ready, min(waits, default=ASLEEP)

    def behind(self) -> int:
        """Return how many cards do not show the newest version."""
        sql = (
            "SELECT count(*) FROM slack_message WHERE shown_version IS NULL OR shown_version < wanted_version"
        )
        return int(self._database.read(lambda reader: reader.execute(sql))[0][0])

    def doubt_posting(self, grace: float) -> None:
        """After a start: nobody knows what became of posts that were under way; look after `grace` seconds."""
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE slack_message SET state = 'unknown', next_try_at = ? WHERE state = 'posting'",
                [tx.now + timedelta(seconds=grace)],
            )
        )

    def posting(self, card: Card) -> None:
        """A post is about to be sent."""
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE slack_message SET state = 'posting', posted_at = ? WHERE outbox_id = ?",
                [tx.now, card.outbox_id],
            )
        )

    def looked(self, card: Card, ts: str | None) -> Card:
        """The history was read: the post had arrived as `ts`, or had not."""
        known = card._replace(ts=ts, state="new" if ts is None else "shown")
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE slack_message SET state = ?, ts = ?, next_try_at = NULL WHERE outbox_id = ?",
                [known.state, known.ts, card.outbox_id],
            )
        )
        return known

    def shown(self, card: Card, ts: str, version: int) -> None:
        """The card shows `version`."""
        self._database.write(
            lambda tx: tx.execute(
                """UPDATE slack_message SET state = 'shown', ts = ?, shown_version = ?, attempts = 0,
                   next_try_at = NULL, posted_at = coalesce(posted_at, ?), updated_at = ? WHERE outbox_id = ?""",
                [ts, version, tx.now, tx.now, card.outbox_id],
            )
        )

    def later(self, card: Card, state: CardState, seconds: float) -> None:
        """The call failed; try again after `seconds`."""
        self._database.write(
            lambda tx: tx.execute(
                """UPDATE slack_message SET state = ?, attempts = attempts + 1, next_try_at = ?
                   WHERE outbox_id = ?""",
                [state, tx.now + timedelta(seconds=seconds), card.outbox_id],
            )
        )

    def replace(self, card: Card) -> None:
        """The message is known to be gone: another one takes its place, with an id of its own."""
        self._database.write(
            lambda tx: tx.execute(
                """UPDATE slack_message SET outbox_id = ?, ts = NULL, shown_version = NULL, state = 'new',
                   next_try_at = NULL, posted_at = NULL WHERE outbox_id = ?""",
                [self._new_id(card.incident), card.outbox_id],
            )
        )

    def _new_id(self, incident: str) -> str:
        """Return an id that no other card has, not even one of an earlier database in the same channel."""
        return f"{incident}-{self._rng.getrandbits(64):016x}"
