"""Errors of the spool. Their text holds numbers and file names of our own, never what a client sent."""

from __future__ import annotations

from models.errors import MaydayError


class SpoolError(MaydayError):
    """The spool could not do what was asked; what had been acknowledged before is safe."""

    code = "spool_error"
    meaning = "The spool could not write or read; nothing that was acknowledged is lost."
    remedy = "Look at the disk and at the log of `mayday receive`; clients send again by themselves."


class SpoolFull(SpoolError):
    """There is no room: the disk or the configured limit is reached."""

    code = "spool_full"
    meaning = "The disk is full or the spool's size limit is reached, so nothing more is taken from clients."
    remedy = "Free disk space, raise `spool.max_bytes`, or find out why `mayday stream` does not keep up."


class SpoolLocked(SpoolError):
    """Another process writes to this spool."""

    code = "spool_locked"
    meaning = "Another process already writes to this spool; two writers would destroy it."
    remedy = "Stop the other `mayday receive`, or give this one a state directory of its own."


class SpoolClosed(SpoolError):
    """The writer was closed."""

    code = "spool_closed"
    meaning = "The spool is closed because the receiver is stopping."
    remedy = "Send again once the receiver runs; clients do so by themselves."


class SpoolReplaced(SpoolError):
    """The files of a spool were removed or replaced under a process that had them open."""

    code = "spool_replaced"
    meaning = "The spool's files were removed or replaced while Mayday was using them."
    remedy = "Nothing: started again, it goes on in the spool that is there. Stop Mayday before touching its state."


class PositionUnknown(SpoolError):
    """A reader was told to go on from a place that this spool never had."""

    code = "spool_position"
    meaning = "A reader was told to go on from a place that this spool does not have."
    remedy = "Restore the spool from a backup that has it, or read the spool from its oldest block."
