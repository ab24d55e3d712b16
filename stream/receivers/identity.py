"""Which agent a message came from: the best that is known about its sender."""

from __future__ import annotations

_LONGEST = 200


def agent_name(
    *, certificate: str | None = None, username: str = "", hostname: str = "", address: str = ""
) -> str:
    """Return the agent's identity, best first: certificate, user name, own host name, source address.

    `localhost` is the agents' default host name and tells nothing.

    >>> agent_name(hostname="localhost", address="192.0.2.7"), agent_name(username="svc", hostname="agent-1")
    ('192.0.2.7', 'svc')
    """
    if hostname == "localhost":
        hostname = ""
    return (certificate or username or hostname or address or "unknown")[:_LONGEST]
