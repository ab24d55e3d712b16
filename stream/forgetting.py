"""What fell out of the stream's memory for want of room, counted and said.

Memory is bounded: in each shard the service that was quiet for longest goes when another one comes, and in each service
the template that was seen least recently. No count is lost by it, since counts are handed over with every block; what
was learnt is, and a template that comes back is met as if it were new, under the same id. The log says it at most once a
minute of the spool's time, so that a flood of names is no flood of our own lines.
"""

from __future__ import annotations

import logging
from typing import Final

from models.sanitizer import SafeText
from stream.moments import MINUTE_NS

LOG = logging.getLogger(__name__)
_NEVER: Final = -1


class Forgotten:
    """Counts since the start of the process. Not to be shared between threads."""

    def __init__(self) -> None:
        self.services = 0
        self.templates = 0
        self._said_services = self._said_templates = _NEVER

    def service(self, name: SafeText, received_ns: int) -> None:
        """Note that a service was forgotten when the block of `received_ns` was taken."""
        self.services += 1
        minute = received_ns // MINUTE_NS
        if minute != self._said_services:
            self._said_services = minute
            LOG.warning(
                "stream: too many services at once: %s is forgotten, the quietest of its shard (%d so far); "
                "raise stream.services_per_shard, or name services by something that changes less often",
                name,
                self.services,
            )

    def templates_of(self, name: SafeText, count: int, received_ns: int) -> None:
        """Note that `count` templates of a service were forgotten."""
        self.templates += count
        minute = received_ns // MINUTE_NS
        if minute != self._said_templates:
            self._said_templates = minute
            LOG.warning(
                "stream: %s has too many templates: %d are forgotten, the least recently seen (%d so far in all); "
                "raise stream.templates.max_templates if its lines are as different as that",
                name,
                count,
                self.templates,
            )
