"""Which directories a demo may empty: only those that a demo has made, which a marker file shows."""

from __future__ import annotations

import shutil

from models.errors import BadInput
from storage.layout import Layout

MARKER = "this-is-a-demo"


def clear(layout: Layout) -> None:
    """Empty the state of an earlier demo and mark the directory; refuses one that something else has made."""
    from bot.supervisor import running

    if layout.root.exists() and any(layout.root.iterdir()):
        if not (layout.root / MARKER).exists():
            raise BadInput("that state directory was not made by a demo", hint="Give `--state` another one")
        if running(layout):
            raise BadInput(
                "a demo is still running on that state directory",
                hint="End it, or give `--state` another one",
            )
        shutil.rmtree(layout.root)
    layout.prepare()
    (layout.root / MARKER).touch()
