"""Drain3 with a memory: the clusters that plain Drain3 gives for every masked line, asked far less often.

Drain3's answer for a masked line depends only on the clusters in one branch of its tree: those with as many
words and the same first word (or the branch of no particular word). So an answer is remembered until that
branch changes, and the clusters are exactly those of plain Drain3 given every masked line. The memory saves
time and changes nothing; it is not part of the state.

>>> base = DrainBase(TemplateSettings())
>>> first, second, third = map(base.ask, ["bed <NUM> is free", "bed <NUM> is taken", "bed <NUM> is free"])
>>> first == second == third == base.answers["bed <NUM> is free"], base.template(first)
(True, 'bed <NUM> is <*>')
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from drain3.drain import LogCluster

from models.drain_tree import Clusters, new_drain, pack_node, unpack_node
from models.settings import TemplateSettings

ANY: Final = "<*>"
_Branch = tuple[int, str]  # number of words, first word or ANY


class DrainBase:
    """Drain3's clusters of one service, at most `max_templates`, least recently used out first.

    `answers` maps masked lines to the clusters that Drain3 would give them now; who takes an answer from
    there calls `use` afterwards.
    """

    def __init__(self, settings: TemplateSettings) -> None:
        self._settings = settings
        self._drain = new_drain(settings)
        self._clusters: Clusters = self._drain.id_to_cluster
        self.answers: dict[str, int] = {}
        self._answers_of: dict[_Branch, list[str]] = {}
        self._branches: dict[int, _Branch] = {}  # cluster -> where it stands in the tree

    def __len__(self) -> int:
        return len(self._clusters)

    def template(self, cluster: int) -> str | None:
        """Return Drain3's own template of a cluster; None if it was forgotten."""
        found = self._clusters.get(cluster)
        return None if found is None else str(found.get_template())

    def clusters(self) -> dict[int, str]:
        """Return every cluster that is not forgotten with Drain3's own template."""
        return {number: str(cluster.get_template()) for number, cluster in self._clusters.items()}

    def use(self, lines: Iterable[str]) -> None:
        """Mark the clusters of `lines`, all of them in `answers`, as used: last the one of the last line."""
        for cluster in map(self.answers.__getitem__, lines):
            self._clusters.move_to_end(cluster)

    def ask(self, line: str) -> int:
        """Let Drain3 learn one masked line; return the number of its cluster."""
        asked = line.split()
        branch = self._branch(asked)
        cluster, change = self._drain.add_log_message(line)
        number: int = cluster.cluster_id
        settled = change == "none"
        if not settled:
            self._forget_answers(branch)
        if change == "cluster_created":
            settled = (
                ANY not in cluster.log_template_tokens
            )  # else Drain3 might not find what it has just made
            branch = self._branch(asked)  # the line may have opened a branch of its own
            self._forget_evicted()
            self._forget_answers(branch)
            self._branches[number] = branch
        if settled:
            if len(self.answers) >= self._settings.known_lines:
                self.answers.clear()
                self._answers_of.clear()
            self.answers[line] = number
            self._answers_of.setdefault(branch, []).append(line)
        return number

    def dump(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {
            "next": self._drain.clusters_counter,
            "tree": pack_node(self._drain.root_node),
            "clusters": [
                (number, cluster.log_template_tokens, self._branches[number])
                for number, cluster in self._clusters.items()
            ],
        }

    @classmethod
    def load(cls, state: dict[str, Any], settings: TemplateSettings) -> DrainBase:
        """Return what `dump` was called on; a limit that was lowered since is kept from now on."""
        base = cls(settings)
        for number, words, branch in state["clusters"]:
            base._clusters[number] = LogCluster(words, number)
            base._branches[number] = branch
        base._drain.root_node = unpack_node(state["tree"])
        base._drain.clusters_counter = state["next"]
        base._forget_evicted()
        return base

    def _branch(self, words: Sequence[str]) -> _Branch:
        """Return the branch of Drain3's tree in which a line of these words is looked for."""
        count = len(words)
        node = self._drain.root_node.key_to_child_node.get(str(count))
        if count < 2 or node is None:
            return count, ""
        return count, words[0] if words[0] in node.key_to_child_node else ANY

    def _forget_evicted(self) -> None:
        for cluster in self._clusters.evicted:
            self._forget_answers(self._branches.pop(cluster.cluster_id))
        self._clusters.evicted.clear()

    def _forget_answers(self, branch: _Branch) -> None:
        for line in self._answers_of.pop(branch, ()):
            self.answers.pop(line, None)
