"""Receivers: how log lines come in from agents, and the promise that what was acknowledged is on the disk."""

from stream.receivers.receiver import Receiver
from stream.receivers.settings import ReceiveSettings

__all__ = ["ReceiveSettings", "Receiver"]
