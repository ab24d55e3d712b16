"""Secrets by reference: the configuration names a file or an environment variable, never the value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stream.receivers.errors import SecretUnusable

SecretRef = Annotated[str, Field(pattern=r"^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$", max_length=4096)]
_LONGEST = 4096


def read_secret(reference: str, environ: Mapping[str, str], *, what: str) -> bytes:
    """Return the secret that `reference` (`env:NAME` or `file:PATH`) names, without a final newline.

    `what` names it in errors, for example "receive.shared_key". Raises `SecretUnusable`.

    >>> read_secret("env:KEY", {"KEY": "clinic"}, what="receive.shared_key")
    b'clinic'
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        secret = environ.get(name, "").encode("utf-8", "surrogateescape")
        if not secret:
            raise SecretUnusable(
                f"{what}: the variable {name} is not set", hint="Set it where Mayday is started"
            )
        return secret
    try:
        with Path(name).open("rb") as file:
            secret = file.read(_LONGEST + 1).rstrip(b"\r\n")
    except OSError as error:
        raise SecretUnusable(
            f"{what}: its file cannot be read ({type(error).__name__})",
            hint="Check the path and that this user may read it",
        ) from None
    if not secret or len(secret) > _LONGEST:
        raise SecretUnusable(
            f"{what}: its file is empty or longer than {_LONGEST} bytes", hint="It holds the secret alone"
        )
    return secret
