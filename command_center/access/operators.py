"""Operators, their roles and the permissions these give. Decisions are pure and answer with reasons."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from models.errors import BadInput


class Permission(StrEnum):
    READ = "read"
    RESPOND = "respond"  # acknowledge, note, status, resolve
    DECLARE = "declare"
    COMMAND = "command"  # severity, close
    RECORD_CHANGE = "record_change"
    MAINTAIN = "maintain"  # plan and end maintenance windows
    EXPORT = "export"  # raw log lines, out of the sealed spool


class Role(StrEnum):
    """What an operator is to the company; level is the approval level of the role (0: none)."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    TECHNICAL_LEAD = "technical_lead"
    CTO = "cto"
    COMPLIANCE = "compliance"
    AUTOMATION = "automation"  # a pipeline that records changes


_ALL = frozenset(Permission)
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.ENGINEER: _ALL,
    Role.TECHNICAL_LEAD: _ALL,
    Role.CTO: _ALL,
    Role.COMPLIANCE: frozenset({Permission.READ, Permission.RESPOND, Permission.DECLARE}),
    Role.AUTOMATION: frozenset({Permission.RECORD_CHANGE}),
}
LEVELS: dict[Role, int] = {Role.ENGINEER: 1, Role.TECHNICAL_LEAD: 2, Role.CTO: 3, Role.COMPLIANCE: 4}


class Operator(BaseModel):
    """A person (or a pipeline) with roles, as the configuration names them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{1,40}$",
        description="Short id that the records keep: small letters, digits, - and _, a letter first",
    )
    name: str = Field(max_length=80, description="What is shown, for example 'On-call engineer'")
    slack: str | None = Field(default=None, description="Slack user id, for example U012ABCDE")
    email: str | None = Field(
        default=None, description="Used by `mayday slack setup` to find the Slack user id"
    )
    uid: int | None = Field(default=None, ge=0, description="Unix user id at the terminal")
    roles: tuple[Role, ...] = Field(
        min_length=1, description=f"What this operator is to the company: one or more of {', '.join(Role)}"
    )

    @property
    def level(self) -> int:
        """Approval level: the highest that a role gives, 0 for none."""
        return max((LEVELS.get(role, 0) for role in self.roles), default=0)

    @property
    def permissions(self) -> frozenset[Permission]:
        return frozenset().union(*(GRANTS[role] for role in self.roles))


class Decision(NamedTuple):
    """Whether something is allowed, with every reason against it as a stable code."""

    allowed: bool
    reasons: tuple[str, ...]


def may(operator: Operator | None, permission: Permission) -> Decision:
    """Say whether `operator` may do what needs `permission`; pure.

    >>> may(None, Permission.READ)
    Decision(allowed=False, reasons=('unknown_person',))
    """
    if operator is None:
        return Decision(False, ("unknown_person",))
    if permission not in operator.permissions:
        return Decision(False, (f"needs_{permission.value}",))
    return Decision(True, ())


class Directory:
    """All operators, looked up by id, Slack id or Unix user id. Two entries never share one of these."""

    def __init__(self, operators: Iterable[Operator]) -> None:
        self.operators = tuple(operators)
        self._by: dict[tuple[str, str | int], Operator] = {}
        for operator in self.operators:
            for kind, value in (("id", operator.id), ("slack", operator.slack), ("uid", operator.uid)):
                if value is None:
                    continue
                if (kind, value) in self._by:
                    who = " and ".join(dict.fromkeys((self._by[kind, value].id, operator.id)))
                    raise BadInput(
                        f"two operators share one {kind} ({who})",
                        hint="Give each a different one, or make one entry of the two under [[operators]]",
                    )
                self._by[kind, value] = operator

    def by_id(self, value: str) -> Operator | None:
        return self._by.get(("id", value))

    def by_slack(self, value: str) -> Operator | None:
        return self._by.get(("slack", value))

    def by_uid(self, value: int) -> Operator | None:
        return self._by.get(("uid", value))
