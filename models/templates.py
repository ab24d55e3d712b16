"""Templates of one service: which lines are the same sentence with other values.

Three steps. Masks turn a line into tokens with placeholders (`models.masking`, `models.tokens`). Drain3 puts
masked lines into clusters (`models.drain_base`: exactly its clusters, remembered). Above them it is decided
for every place whether it holds a constant or a variable, and lines that differ in variables alone become one
template (`models.template_rows`). The first and the last are remembered per shape and per masked line, so
that a line of a known kind costs about a microsecond.

A template's id is a keyed hash of the service and the tokens that began it: the same after a restart, and no
way to test a guess without the key. Templates only merge: the older id goes on, and `resolve` says where a
former id went. What a line is given, and what merges, depends on the lines before it alone, not on batches
or restarts.

Memory is bounded: `max_templates` clusters and as many templates (the least recently seen is forgotten; seen
again, it is new again with the same id), `known_lines` remembered answers, `max_chars` of each line. State
and `MinedTemplate` hold raw text: the caller seals the state, and only the gate may look at a template.

>>> miner = TemplateMiner("billing", b"k" * 32)
>>> ids = miner.learn_many(["paid bill 17 in 20ms", "paid bill 18 in 9ms", "card of u1014 refused"])
>>> ids[0] == ids[1] != ids[2]
True
>>> [(mined.template, mined.size, mined.distinct) for mined in miner.changed()]
[('paid bill <NUM> in <DURATION>', 2, 2), ('card of u1014 refused', 1, 1)]
>>> miner.learn_many(["card of u2 refused"]) == ids[2:]
True
>>> miner.changed()[0].template
'card of <ID> refused'
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from operator import contains
from typing import Any, Final

import msgpack

from models.drain_base import DrainBase
from models.errors import MaydayError
from models.masking import Masker
from models.mined_template import ENOUGH, Change, MinedTemplate
from models.settings import TemplateSettings
from models.telling_line import telling_line
from models.template_keys import UNIT, Key
from models.template_rows import Row, Rows
from models.tokens import ANY, EMPTY, GLUE, bare, is_value, spelt

SCHEMA: Final = 3


class UnknownState(MaydayError):
    """A template miner's stored state has another schema version."""

    code = "unknown_template_state"
    meaning = "The stored state of the templates was written by another version of Mayday."
    remedy = (
        "Start the version that wrote it, or remove the recovery directory: the spool is then read again."
    )


@dataclass(slots=True)
class _Known:
    """What is kept of one template beside its row.

    `seen` and `samples` are (number of the line, digest or text) of the first distinct lines. `words` are the
    words with digits in them as the first few distinct lines have them, by place: None once they differ.
    """

    size: int = 0
    seen: list[tuple[int, bytes]] = field(default_factory=list)
    samples: list[tuple[int, str]] = field(default_factory=list)
    words: dict[int, str | None] = field(default_factory=dict)


class TemplateMiner:
    """Learns the templates of one service.

    Parameters
    ----------
    service : part of every template id
    key : 32 secret bytes, purpose "template-id"
    settings : limits, Drain3's own parameters, and how much evidence makes a variable
    masker : shared by the miners of a process, so that what one learnt about a shape serves all
    on_forget : told what a template was when it falls out, and its former ids
    """

    def __init__(
        self,
        service: str,
        key: bytes,
        settings: TemplateSettings | None = None,
        masker: Masker | None = None,
        on_forget: Callable[[MinedTemplate, Sequence[str]], None] | None = None,
    ) -> None:
        self._settings = settings or TemplateSettings()
        self._masker = masker or Masker(self._settings.known_shapes)
        self._service = service.encode("utf-8", "surrogatepass") + b"\0"
        self._key = key
        self._base = DrainBase(self._settings)
        self._rows = Rows(self._settings, self._id_of, self._merged, self._forgotten)
        self._known: dict[int, _Known] = {}  # number of a row -> what else is known
        self._by_id: dict[str, int] = {}  # template id, former ones too -> number of its row
        self._changed: dict[str, Change] = {}  # in the order of first change
        self._counting: set[str] = set()  # template ids with fewer than ENOUGH distinct vectors
        self._lines = 0
        self._on_forget = on_forget
        self.forgotten = 0
        """Templates that fell out since this object was made."""

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, template_id: str) -> bool:
        return template_id in self._by_id

    def learn_many(self, texts: Sequence[str]) -> list[str]:
        """Learn the lines in order; return one template id per line."""
        if not texts:
            return []
        texts = self._prepared(texts)
        masked = self._masker.mask_many(texts)
        rows, clusters = self._rows.answers, self._base.answers
        distinct = dict.fromkeys(reversed(masked))
        if all(map(rows.__contains__, distinct)) and all(map(clusters.__contains__, distinct)):
            self._use(distinct)
            ids_of = {line: rows[line].template_id for line in distinct}
            ids = list(map(ids_of.__getitem__, masked))
        else:
            ids = self._learn_each(masked)
        for template_id, count in Counter(ids).items():
            number = self._by_id.get(template_id)
            if number is not None:  # None: forgotten within this batch
                self._known[number].size += count
        if not self._counting.isdisjoint(ids):
            self._look_at_parameters(ids, texts)
        self._lines += len(texts)
        return ids

    def changed(self) -> list[MinedTemplate]:
        """Return the templates that are new, or whose words, samples or `distinct` changed since."""
        return [mined for template_id in self.changes() if (mined := self.mined(template_id)) is not None]

    def changes(self) -> dict[str, Change]:
        """Return the id of each of what `changed` would, with how far it has come, in the order of first change."""
        changes = self._changed
        self._changed = {}
        return changes

    def resolve(self, template_id: str) -> str:
        """Return the id under which the template of a former id goes on; the same id if it is none."""
        number = self._by_id.get(template_id)
        return template_id if number is None else self._rows.rows[number].template_id

    def mined(self, template_id: str) -> MinedTemplate | None:
        """Return one template as it is now, asked for by its own or a former id; None if it was forgotten."""
        number = self._by_id.get(template_id)
        return None if number is None else _as_mined(self._rows.rows[number], self._known[number])

    def templates(self) -> list[MinedTemplate]:
        """Return every template, the least recently seen first."""
        return [mined for row in self._rows.rows.values() if (mined := self.mined(row.template_id))]

    def clusters(self) -> dict[int, str]:
        """Return Drain3's clusters below the templates, with Drain3's own template of each."""
        return self._base.clusters()

    def dump(self) -> bytes:
        """Return the whole state as bytes that nothing changes afterwards. They hold raw text."""
        state = {
            "schema": SCHEMA,
            "base": self._base.dump(),
            "next": self._rows.next,
            "hole_sets": list(self._rows.hole_sets.items()),
            "rows": [
                (r.number, r.template_id, r.key, r.shown, r.cluster, sorted(r.holes), r.aliases)
                for r in self._rows.rows.values()
            ],
            "known": [
                (at, k.size, k.seen, k.samples, list(k.words.items())) for at, k in self._known.items()
            ],
            "changed": [(template_id, change.value) for template_id, change in self._changed.items()],
            "lines": self._lines,
        }
        packed: bytes = msgpack.packb(state, unicode_errors="surrogatepass")
        return packed

    @classmethod
    def load(
        cls,
        state: bytes,
        service: str,
        key: bytes,
        settings: TemplateSettings | None = None,
        masker: Masker | None = None,
    ) -> TemplateMiner:
        """Return the miner that `dump` was called on. Raises `UnknownState` for another schema version."""
        stored: dict[str, Any] = msgpack.unpackb(
            state, unicode_errors="surrogatepass", use_list=False, strict_map_key=False
        )
        if stored.get("schema") != SCHEMA:
            raise UnknownState("the templates' state cannot be read", hint=UnknownState.remedy)
        miner = cls(service, key, settings, masker)
        miner._base = DrainBase.load(stored["base"], miner._settings)
        miner._rows.next, miner._lines = stored["next"], stored["lines"]
        miner._rows.hole_sets.update((length, list(sets)) for length, sets in stored["hole_sets"])
        for number, size, seen, samples, words in stored["known"]:
            miner._known[number] = _Known(size, list(seen), list(samples), dict(words))
        for number, template_id, tokens, shown, cluster, holes, aliases in stored["rows"]:
            row = Row(number, template_id, tokens, list(shown), cluster, frozenset(holes), list(aliases))
            miner._by_id.update(dict.fromkeys((*aliases, template_id), number))
            if len(miner._known[number].seen) < ENOUGH:
                miner._counting.update((*aliases, template_id))
            miner._rows.restore(row)
        miner._changed = {template_id: Change(change) for template_id, change in stored["changed"]}
        return miner

    def _prepared(self, texts: Sequence[str]) -> Sequence[str]:
        """Cut what is too long, and take the telling line of texts that have several."""
        limit = self._settings.max_chars
        if any(map(contains, texts, repeat("\n"))):
            texts = [telling_line(text) if "\n" in text else text for text in texts]
        if max(map(len, texts)) > limit:
            texts = [text[:limit] for text in texts]
        return texts

    def _learn_each(self, masked: Sequence[str]) -> list[str]:
        rows, clusters = self._rows.answers, self._base.answers
        out, waiting = list[str](), list[str]()
        for line in masked:
            row = rows.get(line)
            if row is None or line not in clusters:
                # Before anything is decided about which was used least recently.
                self._use(dict.fromkeys(reversed(waiting)))
                waiting.clear()
                row = self._ask(line)
            else:
                waiting.append(line)
            out.append(row.template_id)
        self._use(dict.fromkeys(reversed(waiting)))
        return out

    def _use(self, last_first: Iterable[str]) -> None:
        """Mark what the lines belong to as used, in the order of each one's last line."""
        lines = list(last_first)
        lines.reverse()
        self._base.use(lines)
        self._rows.use(map(self._rows.answers.__getitem__, lines))

    def _ask(self, line: str) -> Row:
        cluster = self._base.ask(line)
        row = self._rows.answers.get(line)
        if row is None:
            row, exact = self._rows.place(line.split(), cluster)
            if line in self._base.answers:
                self._rows.remember(line, row, exact=exact)
        self._rows.use((row,))
        if self._rows.touched:
            for number in self._rows.touched:
                self._note(number)
            self._rows.touched.clear()
        return row

    def _note(self, number: int) -> None:
        """Take in that a row is new, or is shown in another way."""
        touched = self._rows.rows.get(number)
        if touched is None:
            return
        if number not in self._known:
            self._known[number] = _Known()
            self._by_id[touched.template_id] = number
            self._counting.add(touched.template_id)
            self._changed[touched.template_id] = Change.NEW
        self._changed.setdefault(touched.template_id, Change.GROWN)

    def _id_of(self, key: Key) -> str:
        name = self._service + " ".join(key).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(name, key=self._key, digest_size=8).hexdigest()

    def _merged(self, kept: Row, others: list[Row], dropped: list[str]) -> None:
        """Put together what is known of rows that have become one."""
        whole = self._known.pop(kept.number, None) or _Known()
        parts = [known for each in others if (known := self._known.pop(each.number, None)) is not None]
        for part in parts:
            whole.size += part.size
            digests = {digest for _, digest in whole.seen}
            whole.seen += [(at, digest) for at, digest in part.seen if digest not in digests]
            texts = {text for _, text in whole.samples}
            whole.samples += [(at, text) for at, text in part.samples if text not in texts]
            for place, word in part.words.items():
                whole.words[place] = word if whole.words.get(place, word) == word else None
        whole.seen = sorted(whole.seen)[:ENOUGH]
        whole.samples = sorted(whole.samples)[: self._settings.samples]
        self._known[kept.number] = whole
        former = dict.fromkeys(kept.aliases)
        self._by_id.update(dict.fromkeys((*former, kept.template_id), kept.number))
        if len(whole.seen) < ENOUGH:
            self._counting.update((*former, kept.template_id))
        else:
            self._counting.difference_update((*former, kept.template_id))
        for template_id in (*former, *dropped):
            self._changed.pop(template_id, None)
        for template_id in dropped:
            self._by_id.pop(template_id, None)
            self._counting.discard(template_id)

    def _forgotten(self, row: Row) -> None:
        number = row.number
        self.forgotten += 1
        known = self._known.pop(number, None)
        if known is not None and self._on_forget is not None:
            self._on_forget(_as_mined(row, known), row.aliases)
        for template_id in (row.template_id, *row.aliases):
            if self._by_id.get(template_id) == number:
                del self._by_id[template_id]
                self._counting.discard(template_id)
                self._changed.pop(template_id, None)

    def _look_at_parameters(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        """Count distinct lines of the templates that have fewer than `ENOUGH`; keep the first few as samples.

        Lines of one template differ in their parameters alone, so distinct lines are distinct parameter
        vectors.
        """
        counting = self._counting
        firsts: dict[tuple[str, str], int] = {}
        for at in compress(range(len(ids)), map(counting.__contains__, ids)):
            firsts.setdefault((ids[at], texts[at]), at)
        for (template_id, text), at in firsts.items():
            number = self._by_id.get(template_id)
            if number is None or len((known := self._known[number]).seen) >= ENOUGH:
                continue
            raw = text.encode("utf-8", "surrogatepass")
            digest = hashlib.blake2b(raw, key=self._key, digest_size=8).digest()
            if any(digest == seen for _, seen in known.seen):
                continue
            known.seen.append((self._lines + at, digest))
            row = self._rows.rows[number]
            self._look_at_digits(row, known, text)
            if len(known.samples) < self._settings.samples:
                known.samples.append((self._lines + at, text))
            if len(known.seen) == ENOUGH:
                counting.difference_update((row.template_id, *row.aliases))
                self._changed[row.template_id] = Change.KNOWN
            self._changed.setdefault(row.template_id, Change.GROWN)

    def _look_at_digits(self, row: Row, known: _Known, text: str) -> None:
        """Compare the words with digits of a line with those of the lines before."""
        places = [at for at, token in enumerate(row.shown) if "0" in token and not is_value(token)]
        if not places:
            return
        found = self._masker.words_with_digits(text, len(row.shown))
        for at in places:
            word = found.get(at)
            known.words[at] = word if known.words.get(at, word) == word else None


def _as_mined(row: Row, known: _Known) -> MinedTemplate:
    samples = tuple(text for _, text in known.samples)
    return MinedTemplate(row.template_id, _shown(row, known), known.size, len(known.seen), samples)


def _shown(row: Row, known: _Known) -> str:
    """Return the template for people.

    A word such as `utf0` has its digits as long as all lines agree on them. What is a variable by where it
    stands is shown as a constant only when enough distinct lines have it all the same.
    """
    agreed = len(known.seen) >= ENOUGH
    out = list[str]()
    for at, token in enumerate(row.shown):
        glue = GLUE if token[0] == GLUE else ""
        if is_value(token):
            if bare(row.key[at]) == UNIT:  # an amount whose unit differs is one value
                glue = GLUE if out.pop()[0] == GLUE else ""
            out.append(glue + bare(token))
        elif not agreed and at < len(row.key) and bare(row.key[at]) == ANY and token != glue + EMPTY:
            out.append(glue + ANY)
        elif "0" in token:
            out.append(glue + (known.words.get(at) or "<ID>"))
        else:
            out.append(token)
    return spelt(out)
