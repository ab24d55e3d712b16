"""Who calls whom, learnt from who mentions whom in its log lines, for where nobody has written it down.

A service that names another in a sentence of its own ("connection to auth refused", "billing answered 503") calls it; one that
names it after "from" or "by" is called by it. Names are compared as whole words, with what machines put around them (`auth:8080`,
`auth-service`). Where both name each other, the one with more sentences is the caller. A guess: configured calls replace it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from command_center.incidents.graph import ServiceGraph

_WORDS: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*")
_CALLED_BY: Final = frozenset(("from", "by", "client", "caller", "for"))
_SUFFIXES: Final = ("-service", "-svc", "_service", "service")
_SENTENCES: Final = 20_000
"""Templates that are remembered, the oldest out first."""


class LearntCalls:
    """Sentences of services as they come in, and the graph that they make.

    >>> learnt = LearntCalls()
    >>> learnt.note("api-gateway", "t1", "connection to auth-service:8080 refused")
    >>> learnt.note("billing", "t2", "request from api-gateway took <DURATION>")
    >>> learnt.note("auth", "t3", "ready")
    >>> sorted(learnt.graph().callees("api-gateway"))
    ['auth', 'billing']
    """

    def __init__(self) -> None:
        self._words: OrderedDict[str, tuple[str, frozenset[str], frozenset[str]]] = OrderedDict()
        self._names: set[str] = set()
        self._made: ServiceGraph | None = None

    def note(self, service: str, template_id: str, template: str) -> None:
        """Take in a template of a service, new or changed."""
        calls, called_by, before = set[str](), set[str](), ""
        for word in _WORDS.findall(template.lower()):
            (called_by if before in _CALLED_BY else calls).add(_bare(word))
            before = word
        known = service, frozenset(calls), frozenset(called_by)
        if self._words.get(template_id) != known:
            self._words[template_id] = known
            self._made = None
            if len(self._words) > _SENTENCES:
                self._words.popitem(last=False)
        self.name(service)

    def name(self, service: str) -> None:
        """Take in that there is a service."""
        if service not in self._names:
            self._names.add(service)
            self._made = None

    def graph(self) -> ServiceGraph:
        """Return the calls as they are known now."""
        if self._made is None:
            self._made = ServiceGraph(self._calls())
        return self._made

    def _calls(self) -> Iterable[tuple[str, str]]:
        names = {_bare(name.lower()): name for name in sorted(self._names, reverse=True)}
        said: dict[tuple[str, str], int] = {}
        for service, calls, called_by in self._words.values():
            for word in calls & names.keys():
                pair = service, names[word]
                said[pair] = said.get(pair, 0) + 1
            for word in called_by & names.keys():
                pair = names[word], service
                said[pair] = said.get(pair, 0) + 1
        for (caller, callee), count in sorted(said.items()):
            back = said.get((callee, caller), 0)
            if caller != callee and (count, caller) > (back, callee):
                yield caller, callee


def named_in(template: str) -> frozenset[str]:
    """Return the words of a template that may name a service, without what machines put around names.

    >>> sorted(named_in("connection to auth-service:8080 refused"))
    ['auth', 'connection', 'refused', 'to']
    """
    return frozenset(_bare(word) for word in _WORDS.findall(template.lower()))


def _bare(word: str) -> str:
    """Return a name without what says that it is one of a service."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) > len(suffix) + 1:
            return word[: -len(suffix)]
    return word
