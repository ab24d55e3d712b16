"""The local workspace: a stand-in for Slack on this machine, for people without a workspace and for tests.

It speaks Slack's Web API, Socket Mode and signed HTTP as Slack does and as strictly, and shows a page where one can
act as any of its members. It is not Slack; `docs/workspace.md` lists what differs. Nothing is written to disk.
"""

from bot.workspace.client import WorkspaceClient
from bot.workspace.defaults import Credentials
from bot.workspace.server import WorkspaceServer, run_workspace
from bot.workspace.settings import WorkspaceSettings

__all__ = ["Credentials", "WorkspaceClient", "WorkspaceServer", "WorkspaceSettings", "run_workspace"]
