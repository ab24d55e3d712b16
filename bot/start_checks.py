"""Whether the three processes can use what they are given: asked by `mayday up` before it starts them, and by the doctor.

The processes' own functions are asked, so that the answer is what they would say themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from bot.config import Config
from models.errors import MaydayError
from storage.layout import Layout
from storage.seal import KeyRing, KeyUnusable

if TYPE_CHECKING:
    from command_center.access.operators import Directory


class Refusal(NamedTuple):
    """A process that would end at its start, and what it would say."""

    process: str
    error: MaydayError


def refusals(config: Config, layout: Layout, environ: Mapping[str, str]) -> Iterator[Refusal]:
    """Yield which processes would end at their start, and why. Nothing is opened, made or listened on."""
    attempts: tuple[tuple[str, Callable[[], object]], ...] = (
        ("receive", lambda: _receive(config, layout, environ)),
        ("stream", lambda: _stream(config)),
        ("command", lambda: _command(config, layout, environ)),
    )
    for process, attempt in attempts:
        try:
            attempt()
        except MaydayError as error:
            yield Refusal(process, error)


def _receive(config: Config, layout: Layout, environ: Mapping[str, str]) -> None:
    from stream.receive import protection
    from stream.spool.segment import check_key

    protection(config.receive, environ)
    if (ring := _ring(layout, environ)) is not None:
        check_key(layout.spool, ring)


def _stream(config: Config) -> None:
    from models.sanitizer.vocabulary import Vocabulary
    from stream.fields import FieldRules

    FieldRules(config.fields)
    Vocabulary.base().with_words(config.words)


def _command(config: Config, layout: Layout, environ: Mapping[str, str]) -> None:
    from command_center.webhook import Bearers
    from storage.datakeys import data_key
    from storage.predecessor import key_path

    directory = directory_of(config, layout)
    if config.center.webhook.listen is not None:
        Bearers(config.center.webhook.tokens, directory)
    if (ring := _ring(layout, environ)) is not None and key_path(layout).exists():
        data_key(key_path(layout), ring, create=False)


def _ring(layout: Layout, environ: Mapping[str, str]) -> KeyRing | None:
    """Return the keys in use; None where there are none yet, or none that can be read, which is said elsewhere."""
    try:
        return KeyRing.load(layout, create=False, environ=environ)
    except KeyUnusable:
        return None


def directory_of(config: Config, layout: Layout) -> Directory:
    """Return the operators with what is known of them in Slack. Raises `BadMapping`."""
    from bot.slack.people import read_people, with_people
    from command_center.access.operators import Directory

    return Directory(with_people(config.operators, read_people(layout.root)))
