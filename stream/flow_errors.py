"""Errors of the dataflow."""

from __future__ import annotations

from models.errors import MaydayError


class TooManyFaults(MaydayError):
    code = "too_many_faults"
    meaning = "Our own code failed on more messages in a minute than `stream.faults_per_minute` allows."
    remedy = "The messages are kept, sealed. Look for the faults in log/stream.log and report them."


class StateUnreadable(MaydayError):
    code = "state_unreadable"
    meaning = "The stream's stored state was written by another version of Mayday."
    remedy = (
        "Start the version that wrote it, or run `mayday spool reread`: what is in the spool is read again."
    )


class RecoveryDamaged(MaydayError):
    code = "recovery_damaged"
    meaning = "The stream's stored state below recovery/ is damaged and cannot be gone on from."
    remedy = (
        "Run `mayday spool reread`: the stream reads the spool again from its oldest block and counts nothing twice. "
        "No line is lost; what the detectors had learnt is learnt anew."
    )


class StateNotWritten(MaydayError):
    code = "state_not_written"
    meaning = (
        "The stream's state below recovery/ could not be written: the disk, a limit on file sizes or a missing permission "
        "does not allow it. The state is that of the last two seconds before; no line is lost."
    )
    remedy = "Make room where the state directory is; `mayday up` starts the stream again by itself."


class StreamStopped(MaydayError):
    code = "stream_stopped"
    meaning = "The stream was told to stop while facts waited for the command center."
    remedy = "Nothing: the facts are made again from the spool at the next start."


class StreamFailed(MaydayError):
    code = "stream_failed"
    meaning = "The dataflow ended with a failure; its state is that of the last two seconds before."
    remedy = "It starts again by itself under `mayday up`; log/stream.log names the fault."
