"""Numbered migrations: `storage/migrations/NNNN_name.sql`, each run once, in order, in one transaction.

`schema_migration` keeps the SHA-256 of what was run. A migration whose text has changed since, a gap in the
numbers, and a database that is newer than the program are refused before anything is touched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from storage.engine import Connection, typed
from storage.errors import DatabaseNewer, MigrationAltered

DIRECTORY = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration(
  "version" BIGINT PRIMARY KEY, "name" VARCHAR NOT NULL,
  "sha256" VARCHAR NOT NULL, "applied_at" TIMESTAMPTZ NOT NULL);
COMMENT ON TABLE schema_migration IS 'Migrations that this database has run.';
COMMENT ON COLUMN schema_migration."version" IS 'Number of the migration [number]';
COMMENT ON COLUMN schema_migration."name" IS 'Its name [word]';
COMMENT ON COLUMN schema_migration."sha256" IS 'SHA-256 of its text [hex]';
COMMENT ON COLUMN schema_migration."applied_at" IS 'When it was run [UTC]';
"""


class Migration(NamedTuple):
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(directory: Path = DIRECTORY) -> tuple[Migration, ...]:
    """Read all migrations in order; raises `MigrationAltered` for a gap or a file that is not one."""
    found: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise MigrationAltered(
                "the migrations are not numbered without gaps", hint=MigrationAltered.remedy
            )
        found.append(Migration(int(match[1]), match[2], path.read_text("utf-8")))
    return tuple(found)


def pending(connection: Connection, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Return what is still to be run on the database in use, after checking what was run against the files."""
    connection.execute(_LEDGER)
    done = connection.execute("SELECT version, sha256 FROM schema_migration ORDER BY version").fetchall()
    if len(done) > len(migrations):
        raise DatabaseNewer(
            f"the database is at version {len(done)}, this release knows {len(migrations)}",
            hint=DatabaseNewer.remedy,
        )
    for (version, sha256), migration in zip(done, migrations, strict=False):
        if (version, sha256) != (migration.version, migration.sha256):
            raise MigrationAltered(
                f"migration {migration.version:04} is not the one this database has run",
                hint=MigrationAltered.remedy,
            )
    return tuple(migrations[len(done) :])


def run(connection: Connection, migrations: Sequence[Migration], at: datetime) -> None:
    """Run migrations on the database in use, each with its row in one transaction."""
    for migration in migrations:
        try:
            connection.execute("BEGIN TRANSACTION")
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO schema_migration VALUES (?, ?, ?, ?)",
                [migration.version, migration.name, migration.sha256, at],
            )
            connection.execute("COMMIT")
        except duckdb.Error as error:
            connection.execute("ROLLBACK")
            raise typed(error, doing=f"migration {migration.version:04}") from None
