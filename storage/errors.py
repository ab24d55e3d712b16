"""Errors of the store, each with a stable code, a meaning and a remedy."""

from __future__ import annotations

from models.errors import BadInput, MaydayError


class StoreError(MaydayError):
    """Base of what the store raises on purpose."""

    code = "store"
    meaning = "The store could not do what was asked."
    remedy = "Read the sentence that came with it; `mayday doctor` checks the usual causes."


class StateUnusable(BadInput):
    code = "state_unusable"
    meaning = (
        "The state directory cannot be used: it is a file, its path is too long, or it is another user's."
    )
    remedy = (
        "Choose another one with `--state` or under [state] in mayday.toml, or run as the user that owns it."
    )


class DatabaseBusy(StoreError):
    code = "database_busy"
    meaning = "Another process holds the database; exactly one may own it."
    remedy = "Stop the other command center, or ask it through its socket (`mayday sql`)."


class EncryptionUnavailable(StoreError):
    code = "encryption_unavailable"
    meaning = "DuckDB's httpfs extension, which brings the cipher for writing, is not installed."
    remedy = "Install duckdb-extension-httpfs in exactly the version of duckdb; nothing is ever stored in the clear."


class DatabaseDamaged(StoreError):
    code = "database_damaged"
    meaning = "The database file does not agree with itself."
    remedy = (
        "Stop Mayday and restore store/ from a backup. Without one `mayday command --new-database` begins a new database "
        "and keeps the damaged one beside it."
    )


class DatabaseMissing(StoreError):
    code = "database_missing"
    meaning = "The database is gone, and the state directory shows that there was one; nothing new is made in silence."
    remedy = (
        "Restore store/ from a backup. If it is lost for good, `mayday command --new-database` begins a new database, "
        "keeps what is left of the old one beside it and records that."
    )


class AuditKeyUnusable(StoreError):
    code = "audit_key_unusable"
    meaning = "The key that signs the anchors of the audit chain is there and cannot be read."
    remedy = (
        "Restore keys/audit.key from a backup. Without one remove that file: the next start makes a new key, "
        "records the change in the audit chain, and `mayday audit verify` tells it."
    )


class DiskFull(StoreError):
    code = "disk_full"
    meaning = "The store could not be written because the disk, or a limit on file sizes, allows no more."
    remedy = "Make room where the state directory is; what could not be written is tried again."


class OutOfFiles(StoreError):
    code = "out_of_files"
    meaning = (
        "The store could not open a file because the process, or the machine, has as many open as it may."
    )
    remedy = (
        "What could not be written is tried again. Raise the limit of open files (LimitNOFILE of the service, `ulimit -n`), "
        "or find what holds so many."
    )


class DatabaseStopped(StoreError):
    code = "database_stopped"
    meaning = (
        "DuckDB closed the database by itself, mostly because it could not write; what was committed stands."
    )
    remedy = "Start the command center again, with room on the disk; `mayday up` does so by itself."


class MigrationAltered(StoreError):
    code = "migration_altered"
    meaning = "A migration that this database has already run now has other contents."
    remedy = "Install the release that made the database, or restore the migration's file; never edit one."


class DatabaseNewer(StoreError):
    code = "database_newer"
    meaning = "The database was made by a newer release."
    remedy = "Install that release or a later one, or restore a backup from before the upgrade."


class ConstraintBroken(StoreError):
    code = "constraint_broken"
    meaning = "A row would break a rule of its table, such as a key that exists already."
    remedy = "Read the newest state and decide again; nothing was written."


class DatabaseClosed(StoreError):
    code = "database_closed"
    meaning = "The database has been closed, or its writer has stopped."
    remedy = "Start the command center again."


class NotSafe(StoreError):
    code = "not_safe"
    meaning = "Text that has not passed the gate was offered for storage."
    remedy = "Pass it through the gate first; this is a fault in the program, please report it."


class QueryRefused(StoreError, BadInput):
    code = "query_refused"
    meaning = "Ad-hoc SQL may be one SELECT over the published views."
    remedy = "`mayday sql --list` shows the views and questions, docs/cookbook.sql.md how they are asked."


class QueryFailed(StoreError, BadInput):
    code = "query_failed"
    meaning = "The query was allowed and DuckDB could not run it."
    remedy = (
        'Check names and types: `mayday sql "FROM dictionary"` lists every view with its columns, `mayday sql --list` the '
        "views alone."
    )


class QueryTooLong(StoreError):
    code = "query_too_long"
    meaning = "The query ran longer than its time limit and was stopped."
    remedy = "Filter on `day` and on a time, or run it on the live copy (`mayday sql --attach`)."


class QueryTooLarge(StoreError):
    code = "query_too_large"
    meaning = "The answer has more rows or bytes than may be sent."
    remedy = "Aggregate or add LIMIT, or run it on the live copy (`mayday sql --attach`)."


class QueryBusy(StoreError):
    code = "query_busy"
    meaning = "As many ad-hoc queries are running as may run at once."
    remedy = "Try again in a few seconds."


class SegmentDamaged(StoreError):
    code = "segment_damaged"
    meaning = "A segment file is missing or does not have the bytes that were recorded for it."
    remedy = "Restore the file by name from a backup; segments never change, so any copy will do."


class NotAllowed(StoreError):
    code = "not_allowed"
    meaning = "This person, or this Unix user, may not do that."
    remedy = (
        "`mayday whoami` says who you are here; an entry under [[operators]] in mayday.toml gives rights."
    )


class BadPayload(StoreError):
    code = "bad_payload"
    meaning = "What came over the socket is not what the protocol allows."
    remedy = "Run the same release on both sides."


class StoreUnavailable(StoreError):
    code = "store_unavailable"
    meaning = "Nobody answers on the command center's socket."
    remedy = "Start it with `mayday up` or `mayday command`; nothing is lost meanwhile."


class StoreTimeout(StoreError):
    code = "store_timeout"
    meaning = "The command center did not answer in time; whether it acted is unknown."
    remedy = "Ask again: every call may be repeated."


class RemoteError(StoreError):
    code = "remote"
    meaning = "The command center refused with a code this release does not know."
    remedy = "Run the same release on both sides; `remote_code` holds the code."

    def __init__(self, detail: str, *, hint: str = "", remote_code: str = "") -> None:
        super().__init__(detail, hint=hint)
        self.remote_code = remote_code


class DatabaseBehind(StoreError):
    code = "database_behind"
    meaning = "The database does not hold what the stream has handed over: it was made anew or restored from an older copy."
    remedy = (
        "Run `mayday spool reread`: the database takes what it lacks from all that is still in the spool, and nothing "
        "twice. What the spool has let go of since that copy can only come from a newer copy of the database."
    )
