"""Templates of whole files: one id per line, each with the template as it is after the last line.

Raw lines lose their header first, and lines that go on with the record before them (stack traces) belong to it.
What a template was called while it was still apart from another is replaced by the id under which it went on.

>>> found = mine_lines([f"2026-03-02 03:00:{n:02} INFO bed {n} is free" for n in range(60)], content=False)
>>> found.templates[found.ids[0]], len(found.ids), len(found.templates)
('bed <NUM> is free', 60, 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from models.headers import find_header
from models.mined_template import MinedTemplate
from models.settings import TemplateSettings
from models.templates import TemplateMiner
from models.tokens import ANY

BATCH: Final = 1000


class Continues(Protocol):
    """Knows which lines go on with the record before them."""

    def goes_on(self, line: bytes) -> bool:
        """Say whether a line that does not begin a record of its own belongs to the one before it."""

    def ended(self) -> None:
        """Take note that a line has begun a record of its own."""


@dataclass(frozen=True, slots=True)
class FileTemplates:
    """`ids` has one template id per line, `templates` the raw text of each; `headers` counts the lines with one."""

    ids: list[str]
    templates: dict[str, str]
    headers: int


def mine_lines(
    lines: Sequence[str],
    *,
    content: bool,
    trace: Continues | None = None,
    settings: TemplateSettings | None = None,
    service: str = "file",
    key: bytes = bytes(32),
) -> FileTemplates:
    """Return the template of every line.

    Parameters
    ----------
    lines : without their line ends
    content : they have no header, and each is a record of its own
    trace : told about the lines of a file with headers that have none
    service, key : a name and 32 bytes, part of the ids
    """
    texts, record_of, headers = (lines, range(len(lines)), 0) if content else _records(lines, trace)
    gone: dict[str, MinedTemplate] = {}  # what forgotten templates were, by each of their ids

    def keep(mined: MinedTemplate, former: Sequence[str]) -> None:
        gone.update(dict.fromkeys((*former, mined.template_id), mined))

    miner = TemplateMiner(service, key, settings, on_forget=keep)
    found = list[str]()
    for at in range(0, len(texts), BATCH):
        found += miner.learn_many(texts[at : at + BATCH])
        miner.changes()
    unknown = MinedTemplate("", ANY, 0, 0, ())  # after more former ids of one template than are kept
    final = {each: miner.mined(each) or gone.get(each, unknown) for each in dict.fromkeys(found)}
    ids = [final[found[at]].template_id for at in record_of]
    return FileTemplates(ids, {mined.template_id: mined.template for mined in final.values()}, headers)


def _records(lines: Sequence[str], trace: Continues | None) -> tuple[list[str], list[int], int]:
    """Return the messages of the records, the record of each line, and how many lines have a header."""
    header = find_header(lines)
    texts, record_of, headers = list[str](), list[int](), 0
    for line in lines:
        head, text = header.split(line)
        if head:
            headers += 1
            if trace is not None:
                trace.ended()
        elif (
            headers and trace is not None and line and trace.goes_on(line.encode("utf-8", "surrogateescape"))
        ):
            record_of.append(len(texts) - 1)
            continue
        record_of.append(len(texts))
        texts.append(text)
    return texts, record_of, headers
