"""One DuckDB instance as Mayday needs it: encrypted, offline, in UTC, and locked once it is set up.

The httpfs wheel is loaded by path because it brings the cipher that writes; nothing else is ever loaded, and
no extension is fetched. Foreign errors become typed ones here and their own text is dropped: DuckDB quotes
values.
"""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import duckdb

from models.errors import Guarded, MaydayError
from storage.absent import remember_absence
from storage.errors import (
    ConstraintBroken,
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseStopped,
    DiskFull,
    EncryptionUnavailable,
    OutOfFiles,
)
from storage.seal import WrongKey

T = TypeVar("T")
Connection = duckdb.DuckDBPyConnection


def httpfs_path() -> Path:
    """Return the signed httpfs binary that belongs to exactly this DuckDB, or raise `EncryptionUnavailable`."""
    spec = find_spec("duckdb_extension_httpfs")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
        if path.is_file():
            return path
    raise EncryptionUnavailable(
        f"no httpfs extension for duckdb {duckdb.__version__}",
        hint=f"Install it: pip install duckdb-extension-httpfs=={duckdb.__version__}",
    )


def open_engine(
    temporary: Path,
    *,
    threads: int = 2,
    memory_mb: int = 1024,
    httpfs: Callable[[], Path] = httpfs_path,
) -> Connection:
    """Open an in-memory instance that can attach encrypted files; spills go encrypted to `temporary`."""
    extension = httpfs()
    remember_absence("pandas")
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",  # a table name never means a Python variable
            "threads": str(threads),
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(temporary),
        }
    )
    connection.execute(f"LOAD {literal(str(extension))}")
    connection.execute("SET temp_file_encryption = true")  # spills are plain text otherwise
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # GLOBAL, or cursors would not inherit it
    return connection


def lock_engine(connection: Connection, *directories: Path) -> None:
    """Forbid files outside `directories` and any change of configuration, for the rest of the instance's
    life.

    ATTACH inside the directories and `PRAGMA add_parquet_key` still work afterwards; that is all publishing
    needs.
    """
    allowed = ", ".join(literal(f"{path.resolve()}/") for path in directories)
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def literal(text: str) -> str:
    """Return `text` as an SQL string literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """Return `identifier` quoted as an SQL name.

    >>> name("text")
    '"text"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def key_text(key: bytes) -> str:
    """Return a key as DuckDB takes it: base64, which holds no quote."""
    return base64.b64encode(key).decode("ascii")


def attach(connection: Connection, path: Path, alias: str, key: bytes, *, read_only: bool = False) -> None:
    """Attach the encrypted database at `path`; raises `DatabaseBusy`, `WrongKey` or `DatabaseDamaged`."""
    options = f"ENCRYPTION_KEY '{key_text(key)}'" + (", READ_ONLY" if read_only else "")
    try:
        connection.execute(f"ATTACH {literal(str(path))} AS {name(alias)} ({options})")
    except duckdb.Error as error:
        raise _attach_error(error) from None


def _attach_error(error: duckdb.Error) -> MaydayError:
    """Name the reason why a file could not be attached. Only DuckDB's own fixed phrases are looked at."""
    text = str(error)
    if "Could not set lock" in text or "Conflicting lock" in text:
        return DatabaseBusy("another process has the database open", hint=DatabaseBusy.remedy)
    if "Wrong encryption key" in text or "without a key" in text:
        return WrongKey("the key does not open the database", hint=WrongKey.remedy)
    if "read-only crypto module" in text:
        return EncryptionUnavailable(
            "the cipher for writing is not loaded", hint=EncryptionUnavailable.remedy
        )
    if _no_room(text):
        return DiskFull("the database cannot be opened: there is no room to write", hint=DiskFull.remedy)
    if _no_files(text):
        return OutOfFiles(
            "the database cannot be opened: there are too many open files", hint=OutOfFiles.remedy
        )
    return DatabaseDamaged(
        f"the database cannot be opened ({type(error).__name__})", hint=DatabaseDamaged.remedy
    )


def _no_room(text: str) -> bool:
    """Whether the system refused to write for lack of room: its own fixed words, which DuckDB passes on."""
    return any(os.strerror(code) in text for code in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT))


def _no_files(text: str) -> bool:
    """Whether the system refused to open a file for want of descriptors: it says nothing about the database."""
    return any(os.strerror(code) in text for code in (errno.EMFILE, errno.ENFILE))


def typed(error: duckdb.Error, *, doing: str) -> MaydayError:
    """Return a typed error for a DuckDB error, without its text. Only DuckDB's own fixed phrases are looked at."""
    if isinstance(error, duckdb.ConstraintException):
        return ConstraintBroken(
            f"{doing}: a rule of the table does not allow it", hint=ConstraintBroken.remedy
        )
    text = str(error)
    if isinstance(error, duckdb.FatalException) or "has been invalidated" in text:
        return DatabaseStopped(f"{doing}: the database stopped itself", hint=DatabaseStopped.remedy)
    if _no_room(text):
        return DiskFull(f"{doing}: there is no room to write", hint=DiskFull.remedy)
    if _no_files(text):
        return OutOfFiles(f"{doing}: there are too many open files", hint=OutOfFiles.remedy)
    if "AES tag" in text:  # a sealed block that does not open
        return DatabaseDamaged(f"{doing}: a block of the database was altered", hint=DatabaseDamaged.remedy)
    return Guarded.from_foreign(error, doing=doing)


def sync_file(path: Path) -> None:
    """Flush a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(part: Path, target: Path) -> None:
    """Give the finished file `part` the name `target`, durably: readers see the old file or the new one."""
    part.chmod(0o600)
    sync_file(part)
    part.replace(target)
    sync_file(target.parent)


def write_in_place(target: Path, data: bytes) -> None:
    """Write a small file of mode 0600 under its final name in one step."""
    part = target.with_name(target.name + ".new")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    put_in_place(part, target)
