"""Carries out what stands in the inbox and answers the person who asked.

Jobs about one incident are carried out in the order in which they came; different incidents do not wait for each
other. Each action is authorised again and carried out by the command center under the delivery's id, so that a row
which a crash left half done acts once. Answers go out on threads of their own, because Slack may be slow; a row is
done when its answer has been sent or cannot be.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from slack_sdk import WebClient

from bot.commands import withheld
from bot.grammar import INCIDENT, MAINTENANCE
from bot.slack import answers
from bot.slack.api import call
from bot.slack.blocks import Block, escape
from bot.slack.buttons import seal_place
from bot.slack.errors import (
    ChannelNotFound,
    NotInChannel,
    OutcomeUnknown,
    RateLimited,
    SlackAway,
    SlackFailure,
    TriggerExpired,
)
from bot.slack.gather import card_facts
from bot.slack.inbox import CameBack, Inbox, Job, OpenForm, Perform, ShowHome, Tell
from bot.slack.maintenance_form import maintenance_form
from bot.slack.modals import declare_form
from bot.slack.progress import Progress
from bot.slack.settings import SlackSettings
from command_center.access.operators import Directory, Permission, may
from command_center.actions import AddMaintenance, EndMaintenance, ListIncidents, ShowIncident
from command_center.center import CommandCenter
from models.errors import MaydayError
from models.sanitizer.guard import guarded
from storage.database import Database

LOG = logging.getLogger(__name__)
KEPT = timedelta(days=30)  # for which finished rows are kept; Slack repeats a delivery within the hour
ANSWER_TRIES = 8  # with growing waits; about two minutes as the settings stand
SHOWN_LINES = 20  # timeline entries in the answer to `show`
WORKING = "Working on it; the answer comes here."


_FORMS = MappingProxyType(
    {
        "declare": ("declare incidents", "incident declare and a title"),
        "maintenance": ("plan maintenance", "maintenance add, services, a length and a reason"),
    }
)
"""What a form does, and what can be typed in its place."""


class Worker:
    """`start` takes up what was left, `take` adds a job, `stop` finishes what has begun; the rest stays waiting."""

    def __init__(
        self,
        inbox: Inbox,
        database: Database,
        center: CommandCenter,
        directory: Directory,
        client: WebClient,
        settings: SlackSettings,
        key: bytes,
    ) -> None:
        self._inbox, self._database, self._center = inbox, database, center
        self._directory, self._client, self._settings, self._key = directory, client, settings, key
        self._stopping = threading.Event()
        self._tidied: datetime | None = None
        self._called = INCIDENT.slash(settings.command_prefix)
        self._names = {operator.id: operator.name for operator in directory.operators}
        self._lanes = [
            ThreadPoolExecutor(1, thread_name_prefix=f"slack-work-{lane}") for lane in range(settings.workers)
        ]
        self._answers = ThreadPoolExecutor(settings.workers, thread_name_prefix="slack-answer")
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="slack-note")
        self._progress = Progress[Job](settings.slow_after, self._note)

    def start(self) -> int:
        """Take up again what waits or was left half done; returns how many jobs that are."""
        self._tidy()
        self._progress.start()
        jobs = self._inbox.unfinished()
        for job in jobs:
            self._queue(job)
        return len(jobs)

    def take(self, job: Job) -> None:
        """Add a job whose row stands in the inbox, and for which somebody waits."""
        if isinstance(job.work, Perform):
            self._progress.expect(job.id, job)
        self._queue(job)

    def _queue(self, job: Job) -> None:
        lane = self._lanes[zlib.crc32(job.key.encode()) % len(self._lanes)]
        try:
            lane.submit(self._guard, job)
        except RuntimeError:  # stopping: the row waits for the next start
            LOG.info("a job waits for the next start")

    def stop(self) -> None:
        """Finish what has begun; what has not begun stays waiting in the inbox."""
        self._stopping.set()
        self._progress.stop()
        for lane in self._lanes:
            lane.shutdown(cancel_futures=True)
        self._answers.shutdown()
        self._notes.shutdown()

    def _guard(self, job: Job) -> None:
        """Do the job; whatever fails ends in a failed row, a line in the log and a sentence to the person."""
        try:
            with guarded("carrying out what was asked in Slack"):
                self._inbox.begin(job.id)
                self._do(job)
                self._tidy()
        except MaydayError as error:
            LOG.error("a job failed: %s", error)
            self._finish_with(job, "failed", error.code, f"That failed, and nothing more is tried: {error}")

    def _tidy(self) -> None:
        """Once a day, forget rows that were finished long ago."""
        now = self._database.clock()
        if self._tidied is None or now - self._tidied >= timedelta(days=1):
            self._tidied = now
            self._inbox.forget(now - KEPT)

    def _do(self, job: Job) -> None:
        match job.work:
            case Perform():
                self._perform(job, job.work)
            case Tell():
                self._finish_with(job, "done", "told", job.work.text)
            case OpenForm():
                self._open_form(job, job.work)
            case ShowHome():
                self._later(lambda: self._home(job))
            case CameBack(ts=ts):
                self._later(lambda: self._came_back(job, ts))

    def _perform(self, job: Job, work: Perform) -> None:
        operator = self._directory.by_id(job.operator or "")
        outcome = self._center.perform(work.action, operator, cause=f"slack:{job.id}")
        blocks: list[Block] = []
        if outcome.ok and isinstance(work.action, ListIncidents):
            blocks = answers.list_card(outcome.incidents, work.action.which, self._called)
        elif outcome.ok and isinstance(work.action, ShowIncident) and outcome.incident:
            facts = card_facts(self._center, outcome.incident, self._names, SHOWN_LINES)
            blocks = answers.show_card(facts, self._called)
        elif outcome.ok and outcome.windows:
            called = MAINTENANCE.slash(self._settings.command_prefix)
            words = outcome.message if isinstance(work.action, AddMaintenance | EndMaintenance) else ""
            blocks = answers.maintenance_card(outcome.windows, called, words)
        code = ",".join(outcome.reasons) or ("ok" if outcome.ok else "refused")
        kept = withheld(work.action, ok=outcome.ok, reasons=outcome.reasons)
        self._finish_with(job, "done", code, f"{outcome.message} {kept}".rstrip(), blocks)

    def _open_form(self, job: Job, work: OpenForm) -> None:
        """Open the form. Tried here and not after other answers: the trigger lives for three seconds."""
        operator = self._directory.by_id(job.operator or "")
        (what, typed), needed = _FORMS[work.form], work.permission
        if not may(operator, needed).allowed:
            self._center.refuse(f"slack:{job.id}", f"needs_{needed.value}", job.operator or "unknown")
            self._finish_with(job, "done", "refused", f"You may not {what}.")
            return
        place = seal_place(self._key, job.place.channel or "")
        if work.form == "maintenance":
            view = maintenance_form(self._database.clock(), place)
        else:
            view = declare_form(work.severity, place)
        try:
            call(self._client, "views.open", trigger_id=work.trigger, view=view)
        except TriggerExpired as error:
            prefix = self._settings.command_prefix
            words = f"The form came too late to be opened. Try again, or type /{prefix}{typed}."
            self._finish_with(job, "done", error.code, words)
        except SlackFailure as error:
            self._finish_with(job, "failed", error.code, f"The form could not be opened: {error}")
        else:
            self._inbox.finish(job.id, "done", "form")

    def _finish_with(
        self,
        job: Job,
        state: Literal["done", "failed"],
        outcome: str,
        text: str,
        blocks: list[Block] | None = None,
    ) -> None:
        self._later(lambda: self._answer(job, state, outcome, escape(text), blocks or []))

    def _later(self, body: Callable[[], None]) -> None:
        """Do what needs Slack on a thread of its own; a failure of ours is logged, and the row is taken up again."""

        def safely() -> None:
            try:
                with guarded("answering in Slack"):
                    body()
            except MaydayError as error:
                LOG.error("an answer failed: %s", error)

        try:
            self._answers.submit(safely)
        except RuntimeError:  # stopping: the row stays and is answered after the next start
            LOG.info("an answer waits for the next start")

    def _note(self, job: Job) -> None:
        """Say that an answer takes its time. On a thread of its own: those for answers may be what is slow."""

        def safely() -> None:
            try:
                with guarded("telling in Slack that an answer takes its time"):
                    self._send(job, WORKING, {})
            except MaydayError as error:
                LOG.info("a note could not be shown: %s", error)

        with contextlib.suppress(RuntimeError):  # stopping: a note that comes too late is of no use
            self._notes.submit(safely)

    def _answer(
        self, job: Job, state: Literal["done", "failed"], outcome: str, text: str, blocks: list[Block]
    ) -> None:
        """Send the answer, again and again for a while; a row whose answer a stop cuts off is answered later."""
        self._progress.settle(job.id)
        more = {"blocks": blocks} if blocks else {}
        wait = self._settings.retry_first
        for _ in range(ANSWER_TRIES):
            try:
                self._send(job, text, more)
                break
            except RateLimited as error:
                pause = error.retry_after
            except (SlackAway, OutcomeUnknown):
                pause, wait = wait, min(2 * wait, self._settings.retry_most)
            except SlackFailure as error:  # what was done stands, whether or not its answer could be shown
                LOG.warning("an answer could not be shown: %s", error)
                break
            if self._stopping.wait(pause):
                return
        self._inbox.finish(job.id, state, outcome)

    def _send(self, job: Job, text: str, more: dict[str, list[Block]]) -> None:
        """Answer in the channel, for that person alone; where the bot is not a member, by direct message."""
        user, channel = job.place.user, job.place.channel
        if channel:
            try:
                call(self._client, "chat.postEphemeral", channel=channel, user=user, text=text, **more)
                return
            except (ChannelNotFound, NotInChannel):
                LOG.info("an answer goes by direct message: the bot is not in that channel")
        direct = call(self._client, "conversations.open", users=user)["channel"]["id"]
        call(self._client, "chat.postMessage", channel=direct, text=text, **more)

    def _home(self, job: Job) -> None:
        operator = self._directory.by_id(job.operator or "")
        if may(operator, Permission.READ).allowed:
            view = answers.home_view(self._center.incidents("open", operator), self._settings.command_prefix)
        else:
            view = answers.stranger_view()
        try:
            call(self._client, "views.publish", user_id=job.place.user, view=view)
        except SlackFailure as error:
            LOG.warning("the Home tab could not be shown: %s", error)
        self._inbox.finish(job.id, "done", "home")

    def _came_back(self, job: Job, ts: str) -> None:
        try:
            mark_came_back(self._client, job.place.channel or "", ts)
        except SlackFailure as error:
            LOG.warning("the test card could not be marked: %s", error)
        self._inbox.finish(job.id, "done", "came_back")


def mark_came_back(client: WebClient, channel: str, ts: str) -> None:
    """Change the test card of the set-up, which waits for that, into one that says it works."""
    call(
        client,
        "chat.update",
        channel=channel,
        ts=ts,
        text="Mayday is set up: the button came back.",
        blocks=answers.came_back_card(),
        metadata={"event_type": "mayday_test", "event_payload": {"came_back": True}},
    )
