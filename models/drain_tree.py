"""Drain3's tree and its clusters: made with our limits, and put into plain values and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from operator import eq
from typing import Any

from drain3.drain import Drain, LogCluster, Node

from models.settings import TemplateSettings


class Clusters(OrderedDict[int, LogCluster]):
    """Drain3's clusters in the order of their last use; what falls out stands in `evicted` until it is taken.

    As in Drain3's own cache `[]` marks as used and `get` does not; unlike there the order can be stored.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.evicted: list[LogCluster] = []

    def __getitem__(self, key: int) -> LogCluster:
        self.move_to_end(key)
        return super().__getitem__(key)

    def __setitem__(self, key: int, value: LogCluster) -> None:
        while len(self) >= self.limit:
            oldest = next(iter(self))
            self.evicted.append(super().__getitem__(oldest))
            del self[oldest]
        super().__setitem__(key, value)


class QuickDrain(Drain):  # type: ignore[misc]  # Drain3 has no types
    """Drain3 whose search of the best cluster counts equal words in C; it finds the very same one."""

    def fast_match(
        self, cluster_ids: Sequence[int], tokens: Sequence[str], sim_th: float, include_params: bool
    ) -> LogCluster | None:
        """Return the cluster with most words equal to `tokens`, of equal ones the first with most variables; None
        if their share is below `sim_th`."""
        wildcard = self.param_str
        if include_params or wildcard in tokens:
            found: LogCluster | None = super().fast_match(cluster_ids, tokens, sim_th, include_params)
            return found
        most, most_params, best = -1, -1, None
        for cluster in map(self.id_to_cluster.get, cluster_ids):
            if cluster is None:
                continue
            words = cluster.log_template_tokens
            equal = sum(map(eq, words, tokens))
            if equal > most:
                most, most_params, best = equal, words.count(wildcard), cluster
            elif equal == most and (params := words.count(wildcard)) > most_params:
                most_params, best = params, cluster
        return best if most / len(tokens) >= sim_th else None


def new_drain(settings: TemplateSettings) -> QuickDrain:
    """Return an empty tree that holds at most `max_templates` clusters."""
    drain = QuickDrain(
        depth=settings.depth,
        sim_th=settings.similarity,
        max_children=settings.max_children,
        max_clusters=settings.max_templates,
    )
    drain.id_to_cluster = Clusters(settings.max_templates)
    return drain


def pack_node(node: Node) -> tuple[dict[str, Any], list[int]]:
    """Return a node and all below it as (children by word, clusters)."""
    return {word: pack_node(child) for word, child in node.key_to_child_node.items()}, node.cluster_ids


def unpack_node(packed: tuple[dict[str, Any], Iterable[int]]) -> Node:
    """Return the node that `pack_node` was given."""
    node = Node()
    children, cluster_ids = packed
    node.key_to_child_node = {word: unpack_node(child) for word, child in children.items()}
    node.cluster_ids = list(cluster_ids)
    return node
