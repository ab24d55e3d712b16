"""One request to a service of the clinic, as its neighbours and its patients make them."""

from __future__ import annotations

import http.client


def get(port: int, path: str, *, seconds: float) -> int:
    """GET `path` on loopback and return the status; 503 when no answer came within `seconds`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return 503
    finally:
        connection.close()
