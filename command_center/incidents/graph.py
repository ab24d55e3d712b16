"""Which service calls which, and what that says about cause and symptom. Pure; times and weights play no
part.

A fault travels from the callee to its callers: the one who is called fails, the one who calls complains. So
of two services that one path joins, the deeper one is the likelier cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set


class ServiceGraph:
    """Calls between services as `(caller, callee)` pairs. Services that no pair names are allowed and stand
    alone.

    >>> graph = ServiceGraph([("gateway", "billing"), ("billing", "records-db"), ("gateway", "auth")])
    >>> graph.calls("gateway", "records-db", depth=2), graph.calls("gateway", "records-db", depth=1)
    (True, False)
    >>> graph.deepest({"gateway", "billing"})
    frozenset({'billing'})
    >>> graph.shared_callee({"billing", "reports"})
    """

    def __init__(self, calls: Iterable[tuple[str, str]] = ()) -> None:
        below: dict[str, set[str]] = {}
        for caller, callee in calls:
            if caller != callee:
                below.setdefault(caller, set()).add(callee)
                below.setdefault(callee, set())
        self._below: Mapping[str, frozenset[str]] = {
            name: frozenset(callees) for name, callees in below.items()
        }

    def __bool__(self) -> bool:
        return bool(self._below)

    def __contains__(self, service: object) -> bool:
        return service in self._below

    def callees(self, service: str) -> frozenset[str]:
        """Return the services that `service` calls directly."""
        return self._below.get(service, frozenset())

    def reach(self, service: str, depth: int) -> frozenset[str]:
        """Return everything `service` calls in at most `depth` steps, itself left out (even on a cycle)."""
        found: set[str] = set()
        edge: Set[str] = {service}
        for _ in range(depth):
            edge = frozenset().union(*(self.callees(name) for name in edge)) - found
            if not edge:
                break
            found |= edge
        return frozenset(found - {service})

    def calls(self, caller: str, callee: str, depth: int) -> bool:
        """Say whether a path of at most `depth` calls leads from `caller` to `callee`."""
        return callee in self.reach(caller, depth)

    def path(self, caller: str, callee: str, depth: int) -> tuple[str, ...]:
        """Return a shortest way of calls from `caller` to `callee`, both included; empty if none has at most `depth` steps.

        >>> ServiceGraph([("gateway", "billing"), ("billing", "db")]).path("gateway", "db", depth=2)
        ('gateway', 'billing', 'db')
        """
        ways: dict[str, tuple[str, ...]] = {caller: (caller,)}
        edge = [caller]
        for _ in range(depth):
            following: list[str] = []
            for name in edge:
                for below in sorted(self.callees(name)):
                    if below not in ways:
                        ways[below] = (*ways[name], below)
                        following.append(below)
            edge = following
        return ways.get(callee, ()) if caller != callee else ()

    def deepest(self, services: Set[str]) -> frozenset[str]:
        """Return those of `services` below which no other of them lies; of a cycle, all its members. Never
        empty.
        """
        reach = {name: self.reach(name, len(self._below)) & services for name in services}
        return frozenset(name for name in services if all(name in reach[below] for below in reach[name]))

    def shared_callee(self, services: Set[str]) -> str | None:
        """Return the service that all of `services` (two or more) call directly; the first by name of
        several.
        """
        if len(services) < 2:
            return None
        shared = frozenset.intersection(*(self.callees(name) for name in services)) - services
        return min(shared, default=None)
