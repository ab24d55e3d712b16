"""Templates of one service: which lines are the same sentence with other values (Drain3).

Drain3's answer for a masked line depends only on the templates in one branch of its tree: those with as many
words and the same first word (or the branch of no particular word). So an answer is remembered until that
branch changes, and the ids are exactly those of plain Drain3 given every masked line: the memory saves time
and changes nothing (it is neither stored nor part of the state). After the first minutes Drain3 sees a
masked line about twice, and masks themselves are cached per shape (`models.masking`).

A template's id is a keyed hash of the service and the first masked line that made it: the same after a
restart, and no way to test a guess without the key. When a template has lost so many words that Drain3
begins another one for the very line that began the first, both share the id; that is meant.

Memory is bounded: `max_templates` templates (the least recently seen is forgotten; seen again, it is new
again with the same id), `known_lines` remembered answers, `max_chars` of each line. State and
`MinedTemplate` hold raw text: the caller seals the state, and only the gate may look at a template.

>>> miner = TemplateMiner("billing", b"k" * 32)
>>> ids = miner.learn_many(["paid bill 17 in 20ms", "paid bill 18 in 9ms", "card of u1014 refused"])
>>> ids[0] == ids[1] != ids[2]
True
>>> [(mined.template, mined.size, mined.distinct) for mined in miner.changed()]
[('paid bill <NUM> in <DURATION>', 2, 2), ('card of u1014 refused', 1, 1)]
>>> miner.learn_many(["card of u2 refused"]) == ids[2:]
True
>>> miner.changed()[0].template
'card of u<NUM> refused'
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import contains
from typing import Any, Final, NamedTuple

import msgpack
from drain3.drain import LogCluster

from models.drain_tree import Clusters, new_drain, pack_node, unpack_node
from models.errors import MaydayError
from models.masking import SEPARATOR, Masker, shapes
from models.settings import TemplateSettings

ENOUGH: Final = 5
"""Distinct parameter vectors after which nobody counts on (k of the privacy rules)."""
SCHEMA: Final = 1
_ANY = "<*>"
_Branch = tuple[int, str]  # number of words, first word or _ANY
_TRACEBACK = "Traceback (most recent call last)"


class UnknownState(MaydayError):
    """A template miner's stored state has another schema version."""

    code = "unknown_template_state"
    meaning = "The stored state of the templates was written by another version of Mayday."
    remedy = (
        "Start the version that wrote it, or remove the recovery directory: the spool is then read again."
    )


class MinedTemplate(NamedTuple):
    """A template that is new or has changed. Raw text: only the gate may look at it.

    `distinct` counts distinct parameter vectors (hashed) up to `ENOUGH`; `samples` are at most three
    distinct lines.
    """

    template_id: str
    template: str
    size: int
    distinct: int
    samples: tuple[str, ...]


@dataclass(slots=True)
class _Mined:
    """What is kept of one template id.

    `shown` is the template for people: a word such as `utf0` gets the digits of the first line back as long
    as the first few distinct lines agree on it, and `<NUM>` once they do not.
    """

    words: tuple[str, ...]
    first: tuple[str, ...]
    size: int = 0
    clusters: int = 0
    seen: list[bytes] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    varying: set[int] = field(default_factory=set)

    def shown(self) -> str:
        return " ".join(
            raw if at not in self.varying and _is_shape_of(word, raw) else word.replace("0", "<NUM>")
            for at, (word, raw) in enumerate(zip(self.words, self.first, strict=True))
        )


class TemplateMiner:
    """Learns the templates of one service.

    Parameters
    ----------
    service : part of every template id
    key : 32 secret bytes, purpose "template-id"
    settings : limits and Drain3's own parameters
    masker : shared by the miners of a process, so that what one learnt about a shape serves all
    """

    def __init__(
        self,
        service: str,
        key: bytes,
        settings: TemplateSettings | None = None,
        masker: Masker | None = None,
    ) -> None:
        self._settings = settings or TemplateSettings()
        self._masker = masker or Masker(self._settings.known_shapes)
        self._service = service.encode("utf-8", "surrogatepass") + b"\0"
        self._key = key
        self._drain = new_drain(self._settings)
        self._clusters: Clusters = self._drain.id_to_cluster
        self._ids: dict[int, str] = {}  # cluster -> template id
        self._mined: dict[str, _Mined] = {}
        self._changed: dict[str, None] = {}  # in the order of first change
        self._counting: set[str] = set()  # template ids with fewer than ENOUGH distinct vectors
        self._answers: dict[str, int] = {}  # masked line -> cluster, as long as that is what Drain3 would say
        self._answers_of: dict[_Branch, list[str]] = {}
        self._branches: dict[int, _Branch] = {}  # cluster -> where it stands in the tree

    def __len__(self) -> int:
        return len(self._mined)

    def __contains__(self, template_id: str) -> bool:
        return template_id in self._mined

    def learn_many(self, texts: Sequence[str]) -> list[str]:
        """Learn the lines in order; return one template id per line."""
        if not texts:
            return []
        texts = self._prepared(texts)
        masked = self._masker.mask_many(texts)
        clusters = list(map(self._answers.get, masked))
        if None in clusters:
            ids = self._learn_each(masked)
        else:
            self._use(clusters)  # type: ignore[arg-type]  # just looked
            ids = list(map(self._ids.__getitem__, clusters))  # type: ignore[arg-type]
        for template_id, count in Counter(ids).items():
            if (mined := self._mined.get(template_id)) is not None:  # None: forgotten within this batch
                mined.size += count
        if not self._counting.isdisjoint(ids):
            self._look_at_parameters(ids, texts)
        return ids

    def changed(self) -> list[MinedTemplate]:
        """Return the templates that are new, or whose words, samples or `distinct` changed since."""
        return [mined for template_id in self.changed_ids() if (mined := self.mined(template_id)) is not None]

    def changed_ids(self) -> list[str]:
        """Return the ids of what `changed` would, in the order of first change; some may be forgotten
        already."""
        ids = list(self._changed)
        self._changed.clear()
        return ids

    def mined(self, template_id: str) -> MinedTemplate | None:
        """Return one template as it is now; None if it was forgotten."""
        mined = self._mined.get(template_id)
        if mined is None:
            return None
        return MinedTemplate(template_id, mined.shown(), mined.size, len(mined.seen), tuple(mined.samples))

    def dump(self) -> bytes:
        """Return the whole state as bytes that nothing changes afterwards. They hold raw text."""
        state = {
            "schema": SCHEMA,
            "next": self._drain.clusters_counter,
            "tree": pack_node(self._drain.root_node),
            "clusters": [
                (at, cluster.log_template_tokens, self._ids[at], self._branches[at])
                for at, cluster in self._clusters.items()
            ],
            "mined": [
                (tid, m.words, m.first, m.size, m.clusters, m.seen, m.samples, sorted(m.varying))
                for tid, m in self._mined.items()
            ],
            "changed": list(self._changed),
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
        for cluster_id, words, template_id, branch in stored["clusters"]:
            miner._clusters[cluster_id] = LogCluster(words, cluster_id)
            miner._branches[cluster_id] = branch
            miner._ids[cluster_id] = template_id
        miner._drain.root_node = unpack_node(stored["tree"])
        miner._drain.clusters_counter = stored["next"]
        for template_id, words, first, size, clusters, seen, samples, varying in stored["mined"]:
            mined = _Mined(words, first, size, clusters, list(seen), list(samples), set(varying))
            miner._mined[template_id] = mined
            if len(seen) < ENOUGH:
                miner._counting.add(template_id)
        miner._changed = dict.fromkeys(stored["changed"])
        miner._forget_evicted()  # the limit may have been lowered since
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
        answers, out, waiting = self._answers, [], list[int]()
        for line in masked:
            cluster_id = answers.get(line)
            if cluster_id is None:
                self._use(waiting)  # before Drain3 decides which cluster was used least recently
                waiting.clear()
                cluster_id = self._ask_drain(line)
            else:
                waiting.append(cluster_id)
            out.append(self._ids[cluster_id])
        self._use(waiting)
        return out

    def _use(self, cluster_ids: Sequence[int]) -> None:
        """Mark the clusters as used, in the order of each one's last line."""
        for cluster_id in reversed(dict.fromkeys(reversed(cluster_ids))):
            self._clusters.move_to_end(cluster_id)

    def _ask_drain(self, line: str) -> int:
        asked = line.split()
        branch = self._branch(asked)
        cluster, change = self._drain.add_log_message(line)
        cluster_id: int = cluster.cluster_id
        words = cluster.log_template_tokens
        settled = change == "none"
        if not settled:
            self._forget_answers(branch)
        if change == "cluster_created":
            settled = _ANY not in words  # else Drain3 might not find what it has just made
            branch = self._branch(asked)  # the line may have opened a branch of its own
            self._forget_evicted()
            self._forget_answers(branch)
            self._begin(cluster_id, line, words)
            self._branches[cluster_id] = branch
        if change != "none":
            template_id = self._ids[cluster_id]
            self._mined[template_id].words = words
            self._changed[template_id] = None
        if settled:
            if len(self._answers) >= self._settings.known_lines:
                self._answers.clear()
                self._answers_of.clear()
            self._answers[line] = cluster_id
            self._answers_of.setdefault(branch, []).append(line)
        return cluster_id

    def _branch(self, words: Sequence[str]) -> _Branch:
        """Return the branch of Drain3's tree in which a line of these words is looked for."""
        count = len(words)
        node = self._drain.root_node.key_to_child_node.get(str(count))
        if count < 2 or node is None:
            return count, ""
        return count, words[0] if words[0] in node.key_to_child_node else _ANY

    def _begin(self, cluster_id: int, line: str, words: tuple[str, ...]) -> None:
        name = self._service + line.encode("utf-8", "surrogatepass")
        template_id = hashlib.blake2b(name, key=self._key, digest_size=8).hexdigest()
        self._ids[cluster_id] = template_id
        mined = self._mined.get(template_id)
        if mined is None:
            mined = self._mined[template_id] = _Mined(words, words)
            self._counting.add(template_id)
        mined.clusters += 1

    def _forget_evicted(self) -> None:
        for cluster in self._clusters.evicted:
            self._forget_answers(self._branches.pop(cluster.cluster_id))
            template_id = self._ids.pop(cluster.cluster_id)
            mined = self._mined[template_id]
            mined.clusters -= 1
            if not mined.clusters:
                del self._mined[template_id]
                self._counting.discard(template_id)
        self._clusters.evicted.clear()

    def _forget_answers(self, branch: _Branch) -> None:
        for line in self._answers_of.pop(branch, ()):
            self._answers.pop(line, None)

    def _look_at_parameters(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        """Count distinct lines of the templates that have fewer than `ENOUGH`; keep the first few as samples.

        Lines of one template differ in their parameters alone, so distinct lines are distinct parameter
        vectors.
        """
        counting = self._counting
        pairs = [(tid, text) for tid, text in zip(ids, texts, strict=True) if tid in counting]
        for template_id, text in dict.fromkeys(pairs):
            mined = self._mined.get(template_id)
            if mined is None or len(mined.seen) >= ENOUGH:
                continue
            raw = text.encode("utf-8", "surrogatepass")
            digest = hashlib.blake2b(raw, key=self._key, digest_size=8).digest()
            if digest in mined.seen:
                continue
            mined.seen.append(digest)
            words = tuple(text.replace(SEPARATOR, " ").split())  # as the masker splits
            if len(mined.seen) == 1:
                mined.first = words
            places = zip(mined.first, words, strict=True)
            mined.varying.update(at for at, (first, word) in enumerate(places) if first != word)
            if len(mined.samples) < self._settings.samples:
                mined.samples.append(text)
            if len(mined.seen) == ENOUGH:
                counting.discard(template_id)
            self._changed[template_id] = None


def telling_line(text: str) -> str:
    """Return the line of a text with several that says what it is about.

    That is the first that is not blank; of a Python traceback the last, which names the error.

    >>> telling_line("\\nsaving failed\\n  at Store.save(Store.java:12)")
    'saving failed'
    >>> telling_line("Traceback (most recent call last):\\n  File 'a.py', line 1\\nKeyError: 'x'\\n")
    "Traceback (most recent call last): KeyError: 'x'"
    """
    lines = [line for line in text.splitlines() if line and not line.isspace()]
    if not lines:
        return ""
    if lines[0].lstrip().startswith(_TRACEBACK) and len(lines) > 1:
        return f"{lines[0]} {lines[-1]}"
    return lines[0]


def _is_shape_of(word: str, raw: str) -> bool:
    return shapes([raw]) == [word.encode("utf-8", "surrogatepass")]
