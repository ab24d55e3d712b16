"""Faults on order: what goes wrong next, how often, and for which method or delivery.

A fault is taken when it applies and its `times` counts down; without a fault everything works. The kinds:

on Web API calls (`target` is a method, `*` for any)
  `rate_limited`  HTTP 429 with Retry-After `seconds`
  `http_error`    HTTP `status`; with `applied` the method ran, only its answer is lost
  `drop`          the connection is closed without an answer; `applied` as above
  `delay`         the method runs, its answer comes `seconds` later
  `api_error`     HTTP 200 with the error code `error`

on deliveries (`target` is slash_commands, interactive, events_api or `*`)
  `stall_ack`     the app's acknowledgement comes too late
  `lose`          never delivered
  `duplicate`     delivered `copies` times
  `reorder`       held until `copies` deliveries wait, or `seconds` passed; then delivered last first
  `expired_trigger`  the trigger_id has expired when it arrives
  `forged`        HTTP only: signed with another secret
  `stale`         HTTP only: signed `seconds` ago
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CallFault = Literal["rate_limited", "http_error", "drop", "delay", "api_error"]
DeliveryFault = Literal["stall_ack", "lose", "duplicate", "reorder", "expired_trigger", "forged", "stale"]


class Fault(BaseModel):
    """One fault on order; see the module's first lines for the kinds and the fields they use."""

    model_config = ConfigDict(extra="forbid")
    kind: CallFault | DeliveryFault
    target: str = Field(default="*", max_length=80)
    times: int = Field(default=1, ge=1, le=1_000_000)
    status: int = Field(default=500, ge=400, le=599)
    applied: bool = False
    seconds: float = Field(default=1.0, ge=0, le=86_400)
    copies: int = Field(default=2, ge=1, le=100)
    error: str = Field(default="internal_error", max_length=80)

    @property
    def is_on_calls(self) -> bool:
        return self.kind in ("rate_limited", "http_error", "drop", "delay", "api_error")


class Faults:
    """The faults on order, first in first out."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault.model_copy())

    def list(self) -> list[Fault]:
        return [fault.model_copy() for fault in self._waiting]

    def clear(self) -> None:
        self._waiting.clear()

    def take_for_call(self, method: str) -> Fault | None:
        return self._take(method, on_calls=True)

    def take_for_delivery(self, kind: str) -> Fault | None:
        return self._take(kind, on_calls=False)

    def _take(self, target: str, *, on_calls: bool) -> Fault | None:
        for fault in self._waiting:
            if fault.is_on_calls == on_calls and fault.target in ("*", target):
                taken = fault.model_copy()
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return taken
        return None
