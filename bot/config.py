"""One configuration file, `mayday.toml`: every room's settings joined, validated as a whole.

A key may also come from the environment as `MAYDAY__SECTION__KEY`, which wins over the file. Secrets never stand in the
file; sections name a file or an environment variable that holds them. Errors name the key, what is allowed and the
nearest known key, and never quote the value that was given.
"""

from __future__ import annotations

import difflib
import errno
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from bot.config_words import sentences
from bot.settings import StateSettings, SupervisorSettings
from bot.slack.settings import SlackSettings
from bot.small_files import read_small
from bot.workspace.settings import WorkspaceSettings
from command_center.access.operators import Operator
from command_center.settings import CenterSettings
from models.errors import BadInput
from storage.layout import Layout
from storage.settings import StorageSettings
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.receivers.settings import ReceiveSettings
from stream.spool.settings import SpoolSettings

DEFAULT_FILE = Path("mayday.toml")
MOST_BYTES = 4 << 20  # of the file
MOST_SAID = 8  # faults that one error names


class BadConfig(BadInput):
    code = "bad_config"
    meaning = "The configuration cannot be used; nothing was started."
    remedy = "Correct the key that is named; `mayday config schema` lists all keys, `mayday config show` the effective values."


class Config(BaseSettings):
    """The whole configuration; `folder` is where the file stands (relative paths start there)."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="MAYDAY__",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )
    state: StateSettings = Field(default_factory=StateSettings, description="Where state is kept")
    receive: ReceiveSettings = Field(default_factory=ReceiveSettings, description="Listeners for log lines")
    spool: SpoolSettings = Field(default_factory=SpoolSettings, description="The sealed write-ahead spool")
    fields: FieldSettings = Field(
        default_factory=FieldSettings, description="How service, host, level and text are found in a record"
    )
    stream: FlowSettings = Field(
        default_factory=FlowSettings, description="The dataflow, templates and detectors"
    )
    center: CenterSettings = Field(
        default_factory=CenterSettings, description="Incidents, severity, correlation"
    )
    store: StorageSettings = Field(
        default_factory=StorageSettings, description="The database, its live copy, its segments, ad-hoc SQL"
    )
    operators: tuple[Operator, ...] = Field(
        default=(), description="The people who may act, and what they are"
    )
    words: tuple[str, ...] = Field(
        default=(), description="Harmless words of this deployment that the sanitizer may show"
    )
    services: tuple[str, ...] = Field(
        default=(), description="Names of services that may be shown although they are no approved words"
    )
    slack: SlackSettings = Field(default_factory=SlackSettings, description="The Slack workspace")
    workspace: WorkspaceSettings = Field(
        default_factory=WorkspaceSettings, description="The local workspace, a stand-in for Slack"
    )
    up: SupervisorSettings = Field(
        default_factory=SupervisorSettings, description="How processes are watched"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    def layout(self, folder: Path) -> Layout:
        """Return where state stands; `folder` is that of the configuration file."""
        return Layout((folder / self.state.directory).absolute())


def read(path: Path | None = None) -> tuple[Config, Path]:
    """Read the configuration from `path`, or `./mayday.toml`, or the defaults where that does not exist.

    Returns the configuration and the folder that relative paths start from. Raises `BadConfig`.
    """
    file = path or DEFAULT_FILE
    values = read_values(file) if path is not None or os.path.lexists(file) else {}
    return parse(values, file.name), file.absolute().parent


def read_values(file: Path) -> dict[str, Any]:
    """Return what stands in a configuration file, not validated yet. Raises `BadConfig`."""
    try:
        return tomllib.loads(read_small(file, MOST_BYTES, BadConfig).decode("utf-8"))
    except FileNotFoundError:
        raise BadConfig(
            f"there is no configuration file {file.name}", hint="`mayday config init` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__ if isinstance(error, ValueError) else os.strerror(error.errno or errno.EIO)
        raise BadConfig(f"{file.name} cannot be read ({why})", hint="Check its path and mode") from None
    except tomllib.TOMLDecodeError as error:
        where = str(error).rpartition("(at ")[2].rstrip(")")
        raise BadConfig(f"{file.name} is not TOML", hint=f"The first fault is at {where}") from None
    except (RecursionError, ValueError):  # lists within lists without end; a number of thousands of digits
        raise BadConfig(
            f"{file.name} nests too deep, or has a number that is too long", hint="Write it anew"
        ) from None


def parse(values: dict[str, Any], file: str = "") -> Config:
    """Validate `values` as a whole; raises `BadConfig` that lists every key at fault, and names the `file` they stand in."""
    if (path := _null(values)) is not None:
        raise BadConfig(f"{_place(file)}{path} has a null character in it")
    try:
        return Config(**values)
    except SettingsError:
        raise BadConfig(
            "a value in the environment (MAYDAY__...) is not JSON",
            hint="Write lists and tables as JSON there",
        ) from None
    except RecursionError:
        raise BadConfig("a value in the environment (MAYDAY__...) nests too deep") from None
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        unknown = [_unknown(fault["loc"]) for fault in faults if fault["type"] == "extra_forbidden"]
        wrong = sentences([fault for fault in faults if fault["type"] != "extra_forbidden"], Config)
        said = [*unknown, *wrong]
        more = [f"{len(said) - MOST_SAID} more"] if len(said) > MOST_SAID else []
        place = _place(file) if all(_in(values, fault["loc"]) for fault in faults) else ""
        raise BadConfig(place + "; ".join([*said[:MOST_SAID], *more])) from None


def _place(file: str) -> str:
    return f"{file}: " if file else ""


def _in(values: dict[str, Any], loc: tuple[str | int, ...]) -> bool:
    """Say whether the file has a part in a fault at `loc`; if not, it is of the environment or of a default."""
    names = {name.upper() for name in os.environ}
    parts = [str(part).upper() for part in loc]
    return str(loc[0]) in values and not any(
        "__".join(("MAYDAY", *parts[: n + 1])) in names for n in range(len(parts))
    )


def _null(value: Any, path: str = "") -> str | None:
    """Return where a text with a null character stands, which no path, name or address may have; None where none does."""
    if isinstance(value, str):
        return path if "\0" in value else None
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        if (found := _null(each, f"{path}.{key}" if path else str(key))) is not None:
            return found
    return None


def _unknown(loc: tuple[str | int, ...]) -> str:
    path = ".".join(str(part) for part in loc)
    near = difflib.get_close_matches(path, [key for key, _ in keys()], n=1)
    return f"there is no key {path}" + (f" (did you mean {near[0]}?)" if near else "")


def keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key as a dotted path with its pydantic field, sections before what they hold.

    >>> dict(keys())["state.directory"].description.split(";")[0]
    'State directory'
    """
    for name, field in model.model_fields.items():
        yield prefix + name, field
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, f"{prefix}{name}.")
